# shellcheck shell=bash disable=SC2154
# The process that serves this Pi's brick of a started volume runs. Others may be filled from this copy alone, so it is
# there before anything is asked of the volume.

use gate

patience=15  # seconds until a started brick is there; 1 to 2 s in the lab
known_wait=5 # seconds until a glusterd that was restarted knows the bricks that run; 1 s in the lab

want() {
  need gluster glusterfs-server
  [ "$mode" != check ] || once systemctl is-active glusterd.service >/dev/null || return 0 # its own state says so
  [ "$(volume_status)" = Started ] && [ -n "$(brick_name "$(my_uuid)")" ] || return 0
  running || change "no process serves the brick $brick" start
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

all_met() { # UUIDS
  local uuid
  for uuid in $1; do present "$uuid" || return 1; done
}

unwant() { :; } # the bricks end with the volume
