# shellcheck shell=bash disable=SC2154
# This Pi's mount is connected to every brick that answers. After a brick's process was replaced a client may wait for
# ever for a connection that is none, and says nothing (gluster's issue 3614): what is written through it then reaches
# the other copies only.

use turn mounting connections

patience=10      # seconds; a client tries every 3 s
heal_patience=30 # seconds; 1 s in the lab
# shellcheck disable=SC2034 # turn.sh reads it
all_full=no

want() {
  local name closed=() lost=()
  need gluster glusterfs-server
  mounted && mount_answers || return 0 # its own state says so
  until_true "$patience" together || true
  for name in $(parted); do
    if listens 2 "${name%%:*}" "$(brick_port "$name")"; then lost+=("$name"); else closed+=("$name"); fi
  done
  [ ${#lost[@]} -eq 0 ] ||
    change "$mount_point is not connected to the brick ${lost[*]}, which answers" connect "${lost[@]}"
  [ ${#closed[@]} -eq 0 ] ||
    mend "$mount_point is not connected to the brick ${closed[*]}, whose port cannot be reached from $pi" tell_why
  # What a mount that was not connected wrote, the turn's file too.
  [ "$mode" != apply ] || heal_soon "$heal_patience"
}

# parted: names of the bricks that are served and that the mount is not connected to. Of those that are not, and of a
# Pi that is off, other states tell.
parted() {
  local name connected uuid
  connections | while read -r name connected; do
    [ "$connected" = 0 ] || continue
    uuid=$(volume_bricks | awk -v name="$name" '$2 == name { print $1 }')
    if [ -n "$uuid" ] && is_served "$uuid" "$name"; then echo "$name"; fi
  done
}
together() { [ -z "$(parted)" ]; }

tell_why() {
  fail "something closes the port of a brick, here or there, perhaps a firewall that is not twopir's: open it" \
    "(between the Pis: TCP 24007, 24008 and 49152 to 60999), then run pulumi up again"
}

connect() { # NAME...
  in_turn remount_volume
  until_true "$patience" joined "$@" || fail "$mount_point is still not connected to the brick $*: see" \
    "/var/log/glusterfs/$(systemd-escape -p "$mount_point").log"
}

joined() {
  local name parted
  parted=$(parted)
  for name; do ! grep -qxF -- "$name" <<<"$parted" || return 1; done
}

unwant() { :; } # the mount's own state
