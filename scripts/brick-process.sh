# shellcheck shell=bash disable=SC2154
# The process that serves this Pi's brick runs. Parameters: volume, brick, accept (see gate.sh)

patience=15  # seconds until a started brick is there; 1 to 2 s in the lab
known_wait=5 # seconds until a glusterd that was restarted knows the bricks that run; 1 s in the lab

want() {
  need gluster glusterfs-server
  [ "$mode" != check ] || once systemctl is-active glusterd.service >/dev/null || return 0 # its own state says so
  running || change "no process serves the brick $brick" start
}

running() { [ -n "$(brick_process)" ]; }

# "force" starts what is dead of a started volume and touches nothing that lives. glusterd says success also where the
# process ends at once, as it may while the Pi has just joined, so it is told again.
start() {
  local answer
  if until_true "$known_wait" running; then return; fi
  end_old_processes
  for _ in 1 2 3; do
    answer=$(gluster_tell volume start "$volume" force) || fail "cannot start the brick $brick: $answer"
    if until_true "$patience" running; then return; fi
  done
  fail "no process serves the brick $brick:" \
    "$(grep -h ' E ' /var/log/glusterfs/bricks/*.log /var/log/glusterfs/glusterd.log 2>/dev/null | tail -n 3)"
}

unwant() { :; } # the bricks end with the volume

main "$@"
