# shellcheck shell=bash disable=SC2154
# Whether this Pi can give the commands to gluster, which peers it has, the volume's id and glusterd's own, which states
# are noted on it, and what it is called in these, as lines of NAME=VALUE; nothing is wanted and nothing is changed. A
# new card cannot give them, nor can a Pi whose glusterd does not know whose a brick is, and is or meets somebody else,
# nor one that has another address than its brick: it cannot part itself. Asked before all else, so of files, in 0.02 s.

takes volume address # address: of this Pi

files=/var/lib/glusterd

want() {
  if [ -s "$files/vols/$volume/info" ] && systemctl is-active -q glusterd.service && knows_whose_bricks && at_home; then
    fact knows yes
    fact peers "$(peer_names)"
    fact volume "$(values volume-id "$files/vols/$volume/info")"
  else
    fact knows no
  fi
  fact uuid "$(my_uuid)"
  fact called "$(called)"
  fact noted "$(noted_states)"
}

called() {
  local noted line
  for noted in "$states"/*-twopir; do
    [ -e "$noted" ] || continue
    while read -r line; do [[ $line != pi=* ]] || printf '%s ' "${line#pi=}"; done <"$noted"
  done
}

noted_states() {
  local one
  for one in "$states"/*; do [ ! -e "$one" ] || printf '%s ' "${one##*/}"; done
}

my_uuid() { values UUID "$files/glusterd.info"; }

knows_whose_bricks() {
  ! values uuid "$files/vols/$volume/bricks"/* |
    grep -qvxF -e "$(my_uuid)" -f <(values uuid "$files/peers"/* | grep .)
}

# One that has another UUID takes the brick at its address for its own, and itself, as the others know it, for a peer.
at_home() {
  local host
  if values 'hostname[0-9]*' "$files/peers"/* | grep -qxF "$address"; then return 1; fi
  host=$(grep -lsx "uuid=$(my_uuid)" "$files/vols/$volume/bricks"/* | xargs -r sed -n 's/^hostname=//p')
  ! [[ $host =~ ^[0-9.]+$ ]] || [ "$host" = "$address" ]
}

peer_names() { values 'hostname[0-9]*' "$files/peers"/* | xargs; }

unwant() { :; }
