# shellcheck shell=bash disable=SC2154
# The process that serves this Pi's brick of a started volume runs. Others may be filled from this copy alone, so it is
# there before anything is asked of the volume. And the others have got what it has for them.

use gate heals

known_wait=5     # seconds until a glusterd that was restarted knows the bricks that run; 1 s in the lab
heal_patience=60 # seconds that an up looks on while the others get what they lack; a large heal goes on without it

want() {
  local waiting
  need gluster glusterfs-server
  if [ "$mode" = check ] && ! once systemctl is-active -q glusterd.service; then
    # Its own state says so, and what is dead comes with it; what a signal has stopped does not.
    ! any_halted || tell change "not yet: glusterd does not run, and a signal has stopped a process of gluster's"
    return
  fi
  [ "$(volume_status)" = Started ] && [ -n "$(brick_name "$(my_uuid)")" ] || return 0
  running || change "no process serves the brick $brick" start
  has_room || note "the disk of $brick is full, so this copy accepts no writes" \
    say "free some room on $pi; what takes the most: sudo du -xh / | sort -h | tail"
  healer_runs || { healer_ended && no_healer_needed; } || mend "gluster's self-heal daemon does not run" start_healer
  waiting=$(waiting_heals)
  # What is in split brain waits for the user's word, see split-brain.sh.
  if [ "$waiting" = 0 ] || [[ $(split_brains) =~ ^[1-9] ]]; then return; fi
  waiting="files of this copy that wait to be healed on the others: $waiting"
  if switched_off || until_true "$healer_wait" healer_reaches_all; then
    note "$waiting" heal_soon "$heal_patience"
  else
    mend "$waiting, and gluster's self-heal daemon is not connected to the brick $(healer_lacks | xargs)" \
      heal_soon "$heal_patience"
  fi
}

running() {
  local process
  process=$(brick_process)
  [ -n "$process" ] && ! halted "${process% *}"
}

any_halted() {
  local pid
  for pid in $(brick_processes) $(pgrep -f "$healer" || true); do
    if halted "$pid"; then return; fi
  done
  return 1
}

# A glusterd that starts, starts what is dead of its own bricks, and touches nothing that lives. "volume start force"
# would do so on all Pis, and make a brick of an empty folder. The process may end at once while the Pi has just joined.
start() {
  pkill -CONT -x glusterfsd || true
  if until_true "$known_wait" running; then return; fi
  end_old_processes
  for _ in 1 2 3; do
    if glusterd_starts running; then return; fi
  done
  fail "no process serves the brick $brick:" \
    "$(grep -h ' E ' /var/log/glusterfs/bricks/*.log /var/log/glusterfs/glusterd.log 2>/dev/null | tail -n 3 || true)"
}

# has_room: gluster keeps 1 % of the file system for itself (storage.reserve), of what ext4 keeps for root, too; below
# that it refuses what is written, as without free inodes.
has_room() { [ ! -d "$brick" ] || stat -f -c '%b %f %c %d' "$brick" | awk '{ exit $2 * 100 <= $1 || ($3 && !$4) }'; }

unwant() { :; } # the bricks end with the volume
