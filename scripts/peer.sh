# shellcheck shell=bash disable=SC2154
# A Pi is a peer of the one that this runs on. Parameters: address (of the peer), drained (yes: it is left alone, and
# may be away), volume, brick

patience=30    # seconds until a peer that answered the probe is connected; 1 s in the lab
parted_wait=10 # seconds until a busy Pi knows that it was parted from its former pool

want() {
  local known former
  need_glusterd
  [ "$drained" != yes ] || return 0
  if grep -qwF "$address" <<<"$(ip -o address)"; then return; fi # this Pi itself
  known=$(known_peer)
  if [ -z "$known" ]; then
    former=$(former_address)
  fi
  if [ -n "${former:-}" ]; then
    change "$address is the peer that was at $former" replace "$former"
  elif [ -z "$known" ]; then
    change "$address is not a peer" probe
  elif suspect "$known" && replaced "${known%% *}"; then
    change "$address has a new card: its glusterd is not the one that was a peer" replace "$address"
  elif [[ $known != *" $joined" ]]; then
    mend "$address is no connected peer: ${known#* }" probe
  fi
}

joined="Peer in Cluster (Connected)"

# former_address: the name under which the pool knows the glusterd at that address; nothing where it is a new one.
former_address() {
  local uuid
  uuid=$(uuid_there)
  [ -z "$uuid" ] || peers | awk -v uuid="$uuid" '$2 == uuid { print $1 }'
}

# suspect PEER: in a look only one that is not joined. A new glusterd counts as joined for a moment, and when applying
# that moment may be now.
suspect() { [ "$mode" = apply ] || [[ $1 != *" $joined" ]]; }

# known_peer: UUID and state of the peer; nothing where it is none.
known_peer() { peers | sed -n "s/^$address //p"; }

connected() { [[ $(known_peer) == *" $joined" ]]; }

# uuid_there: what glusterd at the address calls itself; nothing where none answers.
uuid_there() {
  timeout "$answer_wait" gluster --remote-host="$address" system:: uuid get 2>/dev/null | sed -n 's/^UUID: //p' || true
}

# replaced UUID: glusterd at that address is another one than the pool knows.
replaced() {
  local now
  now=$(uuid_there)
  [ -n "$now" ] && [ "$now" != "$1" ]
}

probe() {
  local answer end=$((SECONDS + parted_wait))
  until answer=$(gluster_tell peer probe "$address"); do
    [[ $answer == *"already part of another cluster"* && $SECONDS -lt $end ]] ||
      fail "cannot make $address a peer: $answer." \
        "Is glusterd running there and port 24007 open between the Pis?"
    sleep 1
  done
  until_true "$patience" connected || fail "$address does not join as a peer within $patience s: $(known_peer)"
}

# replace NAME: the lost copy leaves the volume, and the Pi joins again as a new peer; the volume then gets its new
# brick.
replace() {
  part "$1"
  probe
}

# part NAME: takes the Pi that the pool knows by this name out of the volume and out of the pool.
part() {
  local answer name=$1
  if grep -qxF "$name:$brick" <<<"$(volume_bricks)"; then
    [ -n "$(living_copies "$name")" ] ||
      fail "no other copy of volume $volume is up, so $name keeps its place: bring another Pi back first"
    remove_brick "$name:$brick"
  fi
  answer=$(gluster_tell peer detach "$name" force) || fail "cannot detach the peer $name: $answer"
}

# living_copies NAME: the full copies that others serve now.
living_copies() {
  gluster_tell volume status "$volume" --xml | tr -d '\n' | sed 's:<node>:\n&:g' |
    sed -n 's:.*<hostname>\([^<]*\)</hostname>.*<path>\(/[^<]*\)</path>.*<status>1</status>.*:\1\:\2:p' |
    grep -vxF -- "$1:$brick" | grep -xF -- "$(volume_copies)" || true
}

unwant() {
  command -v gluster >/dev/null || return 0
  if [ -n "$(known_peer)" ]; then part "$address"; fi
}

main "$@"
