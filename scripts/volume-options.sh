# shellcheck shell=bash disable=SC2154
# The volume has these options. Parameters: volume, options (array of key=value)

want() {
  need gluster glusterfs-server
  local option have
  for option in "${options[@]}"; do
    have=$(gluster volume get "$volume" "${option%%=*}" 2>/dev/null | awk -v key="${option%%=*}" '$1 == key { print $2 }') || true
    [ "$have" = "${option#*=}" ] ||
      change "${option%%=*} of $volume is ${have:-not set} instead of ${option#*=}" set_option "${option%%=*}" "${option#*=}"
  done
}

set_option() { gluster --mode=script volume set "$volume" "$1" "$2" >/dev/null || fail "cannot set $1 of volume $volume to $2"; }

unwant() { :; } # they go with the volume

main "$@"
