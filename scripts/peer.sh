# shellcheck shell=bash disable=SC2154
# A Pi is a peer of the one that this runs on. Parameters: address (of the peer)

patience=30 # seconds until a peer that answered the probe is connected; 1 s in the lab

want() {
  need gluster glusterfs-server
  if grep -qwF "$address" <<<"$(ip -o address)"; then return; fi # this Pi itself
  connected || change "$address is not a connected peer of $pi" probe
}

connected() { gluster pool list 2>/dev/null | awk -v a="$address" '$2 == a && $3 == "Connected" { yes = 1 } END { exit !yes }'; }

probe() {
  local answer
  answer=$(gluster --mode=script peer probe "$address" 2>&1) ||
    fail "cannot make $address a peer: $answer. Is glusterd running there and port 24007 open between the Pis?"
  until_true "$patience" connected || fail "$address does not connect as a peer within $patience s: $(gluster pool list | tr -s '\n\t ' ' ')"
}

unwant() {
  command -v gluster >/dev/null || return 0
  if ! gluster pool list 2>/dev/null | awk -v a="$address" '$2 == a { yes = 1 } END { exit !yes }'; then return; fi
  gluster --mode=script peer detach "$address" >/dev/null || fail "cannot detach the peer $address"
}

main "$@"
