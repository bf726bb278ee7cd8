# shellcheck shell=bash disable=SC2154
# This Pi's mount is connected to every brick that answers. After a brick's process was replaced a client may wait for
# ever for a connection that is none, and says nothing (gluster's issue 3614): what is written through it then reaches
# the other copies only; and one that has lost its glusterd hears of no new brick (why: fstabLine in
# components/mount.ts). And the other Pis let this one in: what is connected already stays so behind a firewall that was
# closed since, until one of the two starts again.

use turn mounting connections

patience=10      # seconds; a client tries every 3 s
heal_patience=30 # seconds; 1 s in the lab
knock_wait=2     # seconds; a Pi in the same network answers in some milliseconds
settle=5         # seconds that one that was lost for a moment is waited for; glusterd asks again every 3 s
# shellcheck disable=SC2034 # turn.sh reads it
all_full=no

want() {
  local name apart closed=() lost=() away=''
  need gluster glusterfs-server
  all_joined || ask_anew
  tell_shut_out
  tell_nameless
  mounted && mount_answers || return 0 # its own state says so
  if has_lost_glusterd && once systemctl is-active -q glusterd.service && may_interrupt &&
    ! until_true "$patience" has_glusterd; then
    change "$mount_point has lost its connection to glusterd, so it would miss new bricks" in_turn remount_volume
  fi
  apart=$(parted)
  if [ -n "$apart" ]; then
    until_true "$patience" together || true
    apart=$(parted)
  fi
  for name in $apart; do
    if listens "$knock_wait" "${name%%:*}" "$(brick_port "$name")"; then lost+=("$name"); else closed+=("$name"); fi
  done
  [ ${#lost[@]} -eq 0 ] ||
    change "$mount_point is not connected to the brick ${lost[*]}, which answers" connect "${lost[@]}"
  [ ${#closed[@]} -eq 0 ] ||
    mend "$mount_point is not connected to the brick ${closed[*]}, whose port cannot be reached from $pi" tell_why
  # What a mount that was not connected wrote, the turn's file too.
  [ "$mode" != apply ] || heal_soon "$heal_patience"
}

# all_joined: each Pi that has a brick, and whose glusterd listens, is a connected peer.
all_joined() {
  local uuid name
  while read -r uuid name _; do
    present "$uuid" || ! listens 1 "${name%%:*}" 24007 || return 1
  done < <(volume_bricks)
}

# ask_anew: what the checks of a look ask in common is as old as the first of them, and a peer may have been lost for
# just that moment. Then all that is asked here of its brick would be left out, and "all is well" be said.
ask_anew() {
  # shellcheck disable=SC2034 # see once
  answers=''
  until_true "$settle" all_joined || true
}

# tell_shut_out: by which of the others no new connection is taken, while they are there; and which of them have gone
# just now, so that glusterd still counts them as connected, for its caller. What an nginx that does not run refuses is
# told by its own Pi; what a firewall drops is not answered at all.
tell_shut_out() {
  local other uuid name status
  for other in "${others[@]}"; do
    uuid=$(uuid_of "$other")
    if [ -z "$uuid" ] || ! present "$uuid"; then continue; fi
    if ! is_alive "$other"; then
      away+=" $uuid "
      continue
    fi
    if listens "$knock_wait" "$other" 24007; then
      name=$(brick_name "$uuid")
      ! is_shut "$name" ||
        mend "the brick $name refuses new connections from this Pi: a restart of either would cut them off" tell_why
    else
      mend "glusterd at $other refuses new connections from this Pi: a restart of either would cut them off" tell_why
    fi
    status=0
    listens "$knock_wait" "$other" 80 || status=$?
    [ "$status" != 124 ] || note "no answer from port 80 of $other, where this Pi asks whether that one serves" \
      say "something closes port 80 of $other to $pi, perhaps a firewall other than twopir's: open it"
  done
}

# tell_nameless: by which names the volume has bricks, of one that was there before, that lead nowhere any more. What is
# connected stays so until a boot.
tell_nameless() {
  local name host
  for name in $(volume_bricks | cut -d ' ' -f 2); do
    host=${name%%:*}
    [[ $host =~ ^[0-9.]+$ ]] || timeout 3 getent ahostsv4 "$host" >/dev/null ||
      note "the volume lists the brick $name by a name that does not resolve: a restart would part the Pis" \
        say "put $host into /etc/hosts on $pi, with the address of its Pi"
  done
}

# is_shut NAME: the brick is served, and its port cannot be reached; where the mount has lost it already, that is told.
is_shut() {
  local port
  [ -n "$1" ] && [ "$(volume_status)" = Started ] || return 1 # that Pi has none, or nobody is to reach it
  port=$(brick_port "$1")
  [ -n "$port" ] && ! listens "$knock_wait" "${1%%:*}" "$port" && ! grep -qxF -- "$1" <<<"$(parted)"
}

# parted: names of the bricks that are served and that the mount is not connected to, or does not know: one that has
# lost its glusterd learns of no new brick, and what is written through it never reaches that, nor is it noted. Of those
# that are not served, and of a Pi that is off, other states tell.
parted() {
  local uuid name known
  known=$(connections)
  [ -n "$known" ] || return 0
  volume_bricks | while read -r uuid name _; do
    [[ $away != *" $uuid "* ]] || continue
    if ! grep -qxF -- "$name 1" <<<"$known" && is_served "$uuid" "$name"; then echo "$name"; fi
  done
}
together() { [ -z "$(parted)" ]; }

has_lost_glusterd() { grep -qxF -- "$mount_point" <<<"$(lost_mounts)"; }
has_glusterd() { ! has_lost_glusterd; }

tell_why() {
  fail "something closes the port of a brick, here or there, perhaps a firewall other than twopir's: open it" \
    "(between the Pis: TCP 24007, 24008 and 49152 to 60999), then run pulumi up again"
}

# connect NAME...: twice at most. A glusterd that was just started tells the port by which it knew the brick before,
# until the brick's process has found it again, 3 s later; and a client that was sent there asks no more.
connect() {
  for _ in 1 2; do
    in_turn remount_volume
    if until_true "$patience" joined "$@"; then return; fi
  done
  fail "$mount_point is still not connected to the brick $*: see" \
    "/var/log/glusterfs/$(systemd-escape -p "$mount_point").log"
}

joined() {
  local name parted
  parted=$(parted)
  for name; do ! grep -qxF -- "$name" <<<"$parted" || return 1; done
}

unwant() { :; } # the mount's own state
