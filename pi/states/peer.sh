# shellcheck shell=bash disable=SC2154
# A Pi is a peer of the one that this runs on.

use gate
takes address # of the peer
takes drained # yes: it is left alone, and may be away

settle=5       # seconds that one that was lost for a moment is waited for; glusterd asks again every 3 s
patience=30    # seconds until a peer that answered the probe is connected; 1 s in the lab
parted_wait=30 # seconds until a busy Pi knows that it was parted from its former pool; more than 10 at load 12

want() {
  local uuid
  need_glusterd
  [ "$drained" != yes ] || return 0
  if own "$address"; then return; fi # this Pi itself
  uuid=$(uuid_of "$address")
  if [ -z "$uuid" ]; then
    change "$address is not a peer" probe
  elif moved "$uuid"; then
    change "$address is the peer that was at $(names_of "$uuid")" move "$uuid"
  elif ! joined "$uuid" && ! { listens 1 "$address" 24007 && until_true "$settle" meets "$uuid"; }; then
    mend "$address is not a connected peer" probe
  fi
}

# peer UUID: its line (see peers).
peer() { peers | grep "^$1 " || true; }

names_of() { peer "$1" | cut -d ' ' -f 4- | xargs; }

joined() { [[ $(peer "$1") == "$1 3 1 "* ]]; }

# meets UUID: the same, asked anew in a look, too.
meets() { [[ $(flat_xml peer status | peers_in | grep "^$1 ") == "$1 3 1 "* ]]; }

# moved UUID: the pool has this peer under an address that is not the Pi's any more. A name counts as right where the
# peer can be reached by it.
moved() {
  local name names
  names=$(names_of "$1")
  for name in $names; do
    if is_at "$name" "$address"; then return 1; fi
  done
  [[ $names =~ ^[0-9.\ ]+$ ]] || ! joined "$1"
}

probe() {
  local answer end=$((SECONDS + parted_wait))
  until answer=$(gluster_tell peer probe "$address"); do
    [[ $answer == *"already part of another cluster"* && $SECONDS -lt $end ]] ||
      fail "cannot make $address a peer: $answer." \
        "Is glusterd running there and port 24007 open between the Pis? If it is still part of a former pool, then" \
        "there: sudo systemctl stop glusterd && sudo mv /var/lib/glusterd/peers /var/lib/glusterd/vols /root"
    sleep 1
  done
  until_true "$patience" joined_here || fail "$address does not join as a peer within $patience s: $(peers | xargs)"
}

joined_here() { joined "$(uuid_of "$address")"; }

# move UUID: gluster changes no brick's address, so the Pi leaves with its copy and joins again; the volume then fills a
# new one.
move() {
  local left
  left=$(left_on "$1")
  [ -z "$left" ] ||
    fail "$address was at $(names_of "$1"), and gluster lets no peer go that has a brick: take its brick out of" \
      "$(xargs <<<"$left") first, or give the Pi its old address"
  # One that is not told that it was parted goes on as a member, and cannot join under another address.
  until_true "$parted_wait" joined "$1" || say "$(names_of "$1") is not connected, and is detached all the same"
  if ! moved "$1"; then return; fi # it was not connected for a moment
  take_peer "$1"
  probe
}

# A volume that is not ours keeps its peers: one beside ours, or one that was there before and is left as it was.
unwant() {
  local uuid left
  command -v gluster >/dev/null || return 0
  uuid=$(uuid_of "$address")
  if [ -z "$uuid" ] || own "$address"; then return; fi
  # A cluster never lists fewer than two copies, so one that is to take this one's place may not be full, or not there.
  # shellcheck disable=SC2034 # gate.sh reads it
  [ "$uuid" = "$(volume_arbiter)" ] || must_stay=2
  left=$(left_on "$uuid")
  if [ -z "$left" ]; then
    take_peer "$uuid"
  else
    [[ $'\n'$left$'\n' == *$'\n'"$volume"$'\n'* ]] || [ -z "$(brick_name "$uuid")" ] || take_brick "$uuid"
    say "$address stays a peer, for the volumes that it has a brick of: $(xargs <<<"$left")"
  fi
}
