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
  waiting=$(waiting_heals)
  # What is in split brain waits for the user's word, see split-brain.sh.
  [ "$waiting" = 0 ] || [[ $(split_brains) =~ ^[1-9] ]] ||
    note "files of this copy that wait to be healed on the others: $waiting" heal
}

running() { [ -n "$(brick_process)" ]; }

# A glusterd that starts, starts what is dead of its own bricks, and touches nothing that lives. "volume start force"
# would do so on all Pis, and make a brick of an empty folder. The process may end at once while the Pi has just joined.
start() {
  local met
  met=$(peers | awk '$3 == 1 { print $1 }')
  if until_true "$known_wait" running; then return; fi
  end_old_processes
  for _ in 1 2 3; do
    systemctl restart glusterd.service
    if until_true "$patience" running; then
      until_true "$patience" all_met "$met" || say "glusterd has not reconnected to all of its peers: $(peers | xargs)"
      return
    fi
  done
  fail "no process serves the brick $brick:" \
    "$(grep -h ' E ' /var/log/glusterfs/bricks/*.log /var/log/glusterfs/glusterd.log 2>/dev/null | tail -n 3)"
}

# A copy that is off gets it when it comes back, from gluster itself.
heal() {
  local left
  gluster_tell volume heal "$volume" >/dev/null || say "gluster has not begun to heal yet"
  until_true "$heal_patience" nothing_left || true
  left=$(heal_index | wc -l)
  [ "$left" -eq 0 ] || say "files that still wait: $left; gluster goes on with them, once every copy is there"
}

nothing_left() { [ -z "$(heal_index)" ] || ! all_there; }

all_there() {
  local uuid name
  while read -r uuid name _; do
    present "$uuid" && [ -n "$(brick_port "$name")" ] || return 1
  done < <(volume_bricks)
}

all_met() { # UUIDS
  local uuid
  for uuid in $1; do present "$uuid" || return 1; done
}

unwant() { :; } # the bricks end with the volume
