# shellcheck shell=bash disable=SC2154
# A Pi is a peer of the one that this runs on. Parameters: address (of the peer), volume, brick

patience=30 # seconds until a peer that answered the probe is connected; 1 s in the lab

want() {
  local known
  need_glusterd
  if grep -qwF "$address" <<<"$(ip -o address)"; then return; fi # this Pi itself
  known=$(known_peer)
  if [ -z "$known" ]; then
    change "$address is not a peer" probe
  elif suspect "$known" && replaced "${known%% *}"; then
    change "$address has a new card: its glusterd is not the one that was a peer" replace
  elif [[ $known != *" $joined" ]]; then
    mend "$address is no connected peer: ${known#* }" probe
  fi
}

joined="Peer in Cluster (Connected)"

# suspect PEER: in a look only one that is not joined. A new glusterd counts as joined for a moment, and when applying
# that moment may be now.
suspect() { [ "$mode" = apply ] || [[ $1 != *" $joined" ]]; }

# known_peer: UUID and state of the peer; nothing where it is none.
known_peer() {
  timeout "$answer_wait" gluster peer status 2>/dev/null | sed -n '/^Hostname: /{s///;h}; /^Uuid: /{s///;H}; /^State: /{s///;H;x;s/\n/ /g;p}' |
    sed -n "s/^$address //p" || true
}

connected() { [[ $(known_peer) == *" $joined" ]]; }

# replaced UUID: glusterd at that address is another one than the pool knows.
replaced() {
  local now
  now=$(timeout "$answer_wait" gluster --remote-host="$address" system:: uuid get 2>/dev/null | sed -n 's/^UUID: //p') || true
  [ -n "$now" ] && [ "$now" != "$1" ]
}

probe() {
  local answer
  answer=$(gluster_tell peer probe "$address") ||
    fail "cannot make $address a peer: $answer. Is glusterd running there and port 24007 open between the Pis?"
  until_true "$patience" connected || fail "$address does not join as a peer within $patience s: $(known_peer)"
}

# The lost copy leaves the volume, and the Pi joins again as a new peer; the volume then gets its new brick.
replace() {
  part
  probe
}

part() {
  local answer copies
  copies=$(volume_bricks | wc -l)
  if grep -qxF "$address:$brick" <<<"$(volume_bricks)"; then
    [ "$copies" -gt 1 ] || fail "$address holds the last copy of volume $volume: nothing is taken away"
    [ -n "$(living_copies)" ] || fail "no other copy of volume $volume is up, so $address keeps its place: bring another Pi back first"
    answer=$(gluster_tell volume remove-brick "$volume" replica "$((copies - 1))" "$address:$brick" force) ||
      fail "cannot part the brick of $address from volume $volume: $answer"
  fi
  answer=$(gluster_tell peer detach "$address" force) || fail "cannot detach the peer $address: $answer"
}

# living_copies: the addresses of the others whose brick is served now.
living_copies() {
  gluster_tell volume status "$volume" --xml | tr -d '\n' | sed 's:<node>:\n&:g' |
    sed -n 's:.*<hostname>\([^<]*\)</hostname>.*<path>/[^<]*</path>.*<status>1</status>.*:\1:p' | grep -vxF "$address" || true
}

unwant() {
  command -v gluster >/dev/null || return 0
  if [ -n "$(known_peer)" ]; then part; fi
}

main "$@"
