# shellcheck shell=bash disable=SC2154
# The process that serves this Pi's brick runs. Parameters: volume, brick

patience=30 # seconds until a started brick is there; 1 to 2 s in the lab

want() {
  need gluster glusterfs-server
  running || change "no process serves the brick $brick" start
}

running() { pgrep -x glusterfsd -a | grep -F -- "--brick-name $brick " >/dev/null; }

# "force" starts what is dead of a started volume and touches nothing that lives.
start() {
  local answer
  answer=$(gluster_tell volume start "$volume" force) || fail "cannot start the brick $brick: $answer"
  until_true "$patience" running || fail "no process serves the brick $brick after $patience s: see /var/log/glusterfs/bricks"
}

unwant() { :; } # the bricks end with the volume

main "$@"
