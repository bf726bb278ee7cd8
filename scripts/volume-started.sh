# shellcheck shell=bash disable=SC2154
# The volume is started. Parameters: volume

want() {
  need_glusterd
  local status
  status=$(volume_status)
  [ "$status" = Started ] || change "volume $volume is ${status:-missing}" start
}

start() {
  local answer
  answer=$(gluster_tell volume start "$volume") || fail "cannot start volume $volume: $answer"
}

unwant() {
  local answer
  command -v gluster >/dev/null && [ "$(volume_status)" = Started ] || return 0
  answer=$(gluster_tell volume stop "$volume") || fail "cannot stop volume $volume: $answer"
}

main "$@"
