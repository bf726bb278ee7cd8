# shellcheck shell=bash disable=SC2154
# For what interrupts a Pi.

use heals on-volume files network
takes address    # of this Pi
takes 'others[]' # addresses of the other Pis that serve

needed=1          # how many of the others must serve
all_full=yes      # whether nothing may wait to be healed; no: the brick of this Pi goes on
turn_patience=900 # seconds until the others serve and have healed; the same as for the lock
back_patience=30  # seconds until this Pi serves again; 2 s in the lab

# in_turn COMMAND...: what interrupts a Pi that serves; one that does not waits for nobody.
in_turn() {
  local host
  host=$(site_name)
  if serves "$address" "$host"; then alone "$@"; else "$@"; fi
}

# may_interrupt: in_turn would not wait: this Pi does not serve, or enough of the others do.
may_interrupt() {
  local host
  host=$(site_name)
  ! serves "$address" "$host" || others_ready
}

# alone COMMAND...: this Pi stops only while enough of the others serve and have a full copy, without a visitor's
# noticing, and must serve again afterwards: what comes after it is not started otherwise. The caller sets host.
alone() {
  local why
  take_turn
  why=$(unready)
  if [ -n "$why" ]; then
    say "this Pi must be interrupted; waiting up to $turn_patience s for the others: $why"
    until_true "$turn_patience" others_ready ||
      fail "this Pi must be interrupted, but after $turn_patience s the others are not ready: $(unready)"
  fi
  step_aside
  "$@"
  resume_serving
}

# take_turn: a lock on the volume, so that no other Pi begins meanwhile, whoever told it to. gluster takes it back from
# a Pi that is away; the shell has it until it ends.
take_turn() {
  { exec 8>>"$mount_point/turn"; } 2>/dev/null || fail "cannot write to $mount_point, so no turn can be taken"
  if flock -n 8; then return; fi
  say "waiting up to $turn_patience s: it is another Pi's turn to be interrupted"
  flock -w "$turn_patience" 8 || fail "it is another Pi's turn, and has been for $turn_patience s"
}

# The name is no parameter: a change of it has nothing to do with what is interrupted.
site_name() {
  local config=$mount_point/cluster
  if there "$config"; then
    site_names "$config" | tail -n 1 ||
      fail "$config cannot be read, so nobody knows who serves the site, and nothing is interrupted"
  fi
}

others_ready() { [ -z "$(unready)" ]; }

# unready: why not enough of the others serve, with a full copy; nothing where they do.
unready() {
  local other entries serving=0 silent=()
  for other in "${others[@]}"; do
    if serves "$other" "$host"; then serving=$((serving + 1)); else silent+=("$other"); fi
    [ "$serving" -lt "$needed" ] || break
  done
  if [ "$serving" -lt "$needed" ]; then
    echo "http://$host/ is not served by ${silent[*]}"
  elif [ "$all_full" = yes ]; then
    entries=$(heal_counts)
    [ -n "$entries" ] && ! grep -qvx 0 <<<"$entries" ||
      echo "files of volume $volume wait to be healed: $(xargs <<<"$entries")"
  fi
}

# keepalived says good-bye, and nginx answers what it was asked; then nobody comes here any more. Whatever ends the
# script from now on, both are started again.
step_aside() {
  systemctl unmask -q --runtime nginx.service || true # an installation was killed, see states/package.sh
  held=$(systemctl is-active keepalived.service 2>/dev/null) || true
  trap start_again EXIT
  [ "$held" != active ] || systemctl stop keepalived.service
  systemctl stop nginx.service
}

start_again() {
  systemctl start nginx.service || true
  hold_again || true
}

hold_again() { [ "$held" != active ] || systemctl start keepalived.service; }

resume_serving() {
  systemctl start nginx.service || true
  until_true "$back_patience" serves "$address" "$host" ||
    fail "this Pi does not serve http://$host/ any more ($(unserved "$address" "$host")):" \
      "see /var/log/nginx/error.log. The others go on"
  hold_again
  trap - EXIT
}
