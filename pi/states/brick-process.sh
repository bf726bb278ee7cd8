# shellcheck shell=bash disable=SC2154
# The process that serves this Pi's brick of a started volume runs. Others may be filled from this copy alone, so it is
# there before anything is asked of the volume. And the others have got what it has for them.

use gate

patience=15  # seconds until a started brick is there; 1 to 2 s in the lab
known_wait=5 # seconds until a glusterd that was restarted knows the bricks that run; 1 s in the lab

heal_patience=60 # seconds that an up looks on while the others get what they lack; a large heal goes on without it

want() {
  local waiting
  need gluster glusterfs-server
  [ "$mode" != check ] || once systemctl is-active glusterd.service >/dev/null || return 0 # its own state says so
  [ "$(volume_status)" = Started ] && [ -n "$(brick_name "$(my_uuid)")" ] || return 0
  running || change "no process serves the brick $brick" start
  has_room || note "no room is left where $brick lies, so this copy takes nothing new" \
    say "free some on $pi; what takes the most: sudo du -xh / | sort -h | tail"
  healer_runs || switched_off || ! all_there || mend "gluster's self-heal daemon does not run" start_healer
  waiting=$(waiting_heals)
  # What is in split brain waits for the user's word, see split-brain.sh.
  [ "$waiting" = 0 ] || [[ $(split_brains) =~ ^[1-9] ]] ||
    note "files of this copy that wait to be healed on the others: $waiting" heal
}

running() {
  local process
  process=$(brick_process)
  [ -n "$process" ] && ! halted "${process% *}"
}

# A glusterd that starts, starts what is dead of its own bricks, and touches nothing that lives. "volume start force"
# would do so on all Pis, and make a brick of an empty folder. The process may end at once while the Pi has just joined.
start() {
  pkill -CONT -x glusterfsd || true
  if until_true "$known_wait" running; then return; fi
  end_old_processes
  for _ in 1 2 3; do
    if starts running; then return; fi
  done
  fail "no process serves the brick $brick:" \
    "$(grep -h ' E ' /var/log/glusterfs/bricks/*.log /var/log/glusterfs/glusterd.log 2>/dev/null | tail -n 3 || true)"
}

# starts WHAT: after a restart of glusterd.
starts() {
  local met
  met=$(peers | awk '$3 == 1 { print $1 }')
  systemctl restart glusterd.service && until_true "$patience" "$1" || return 1
  until_true "$patience" all_met "$met" || say "glusterd has not reconnected to all of its peers: $(peers | xargs)"
}

# has_room: gluster keeps 1 % of the file system for itself (storage.reserve), of what ext4 keeps for root, too; below
# that it refuses what is written, as without free inodes.
has_room() { [ ! -d "$brick" ] || stat -f -c '%b %f %c %d' "$brick" | awk '{ exit $2 * 100 <= $1 || ($3 && !$4) }'; }

healer='^/usr/sbin/glusterfs .*process-name glustershd'
healer_runs() {
  local pid
  pid=$(pgrep -o -f "$healer") && ! halted "$pid"
}

# switched_off: its own state says so, see volume-options.sh.
switched_off() { [[ $(volume_option cluster.self-heal-daemon) == @(off|disable|no|0|false) ]]; }

start_healer() {
  pkill -CONT -f "$healer" || true
  until_true "$known_wait" healer_runs || starts healer_runs ||
    fail "gluster's self-heal daemon does not start: see /var/log/glusterfs/glustershd.log"
}

# heal: a self-heal daemon may wait for ever for a connection that is none, as a mount may (see connections.sh). Then
# gluster refuses, though every copy is there.
heal() {
  heal_told || ! all_there || start_healer_again
  heal_soon "$heal_patience"
}

heal_told() { gluster_tell volume heal "$volume" >/dev/null; }

start_healer_again() {
  say "gluster's self-heal daemon does not reach every copy, so it is started again"
  pkill -TERM -f "$healer" || true
  until_true "$patience" healer_ended || pkill -KILL -f "$healer" || true
  if ! starts healer_runs || ! until_true "$patience" heal_told; then say "gluster does not heal yet"; fi
}
healer_ended() { ! pgrep -f "$healer" >/dev/null; }

# all_there: the bricks of all Pis, of more than one: where there is one, there is nothing to heal.
all_there() {
  local uuid name
  [ "$(volume_bricks | wc -l)" -gt 1 ] || return 1
  while read -r uuid name _; do
    present "$uuid" && [ -n "$(brick_port "$name")" ] || return 1
  done < <(volume_bricks)
}

all_met() { # UUIDS
  local uuid
  for uuid in $1; do present "$uuid" || return 1; done
}

unwant() { :; } # the bricks end with the volume
