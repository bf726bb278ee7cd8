# shellcheck shell=bash disable=SC2154
# The volume is started. Parameters: volume, brick (path), accept (see gate.sh)

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
  command -v gluster >/dev/null || return 0
  case $(origin) in
    made) stop_volume ;;
    adopted) [ "$(had status)" != stopped ] || [ "$(volume_status)" != Started ] || stop_again ;;
  esac
}

main "$@"
