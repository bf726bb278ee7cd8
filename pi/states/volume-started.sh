# shellcheck shell=bash disable=SC2154
# The volume is started.

use gate

want() {
  need_glusterd
  local status
  status=$(volume_status)
  [ "$status" = Started ] || change "volume $volume is ${status:-missing}" start
}

# glusterd says success also where a brick's process ends at once.
start() {
  start_volume
  until_true "$serving_wait" all_serve || fail "volume $volume is started, and not all of its bricks are served:" \
    "see /var/log/glusterfs/bricks/ on the Pi of each that \"gluster volume status $volume\" calls offline"
}
serving_wait=15 # seconds; 1 to 2 s in the lab

# all_serve: the bricks of all Pis that are there.
all_serve() {
  local bricks uuid name
  bricks=$(volume_bricks)
  while read -r uuid name _; do
    ! present "$uuid" || [ -n "$(brick_port "$name")" ] || return 1
  done <<<"$bricks"
}

unwant() {
  command -v gluster >/dev/null || return 0
  case $(origin) in
    made) stop_volume ;;
    adopted) [ "$(had status)" != stopped ] || [ "$(volume_status)" != Started ] || stop_again ;;
  esac
}
