# shellcheck shell=bash disable=SC2154
# Whether this Pi can give the commands to gluster, and which peers it has, as lines of NAME=VALUE; nothing is wanted
# and nothing is changed. A new card cannot, and neither can a Pi that has another address than its brick: it cannot
# part itself. Asked before all else, so of files, in 0.02 s. Parameters: volume, address (of this Pi)

files=/var/lib/glusterd

want() {
  local uuid host
  uuid=$(sed -n 's/^UUID=//p' "$files/glusterd.info" 2>/dev/null) || true
  host=$(grep -lsx "uuid=$uuid" "$files/vols/$volume/bricks"/* | xargs -r sed -n 's/^hostname=//p') || true
  if [ -s "$files/vols/$volume/info" ] && systemctl is-active -q glusterd.service &&
    { ! [[ $host =~ ^[0-9.]+$ ]] || [ "$host" = "$address" ]; }; then
    echo knows=yes
    echo "peers=$(peer_names)"
  else
    echo knows=no
  fi
}

peer_names() { { sed -n 's/^hostname[0-9]*=//p' "$files/peers"/* 2>/dev/null || true; } | xargs; }

unwant() { :; }

main "$@"
