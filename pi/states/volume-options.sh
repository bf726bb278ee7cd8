# shellcheck shell=bash disable=SC2154
# The volume has these options.

use gluster
takes 'options[]' # key=value

want() {
  need_glusterd
  local option have
  for option in "${options[@]}"; do
    have=$(volume_option "${option%%=*}")
    [ "$have" = "${option#*=}" ] ||
      change "${option%%=*} of $volume is ${have:-not set} instead of ${option#*=}" \
        set_option "${option%%=*}" "${option#*=}" "${have:-$unset}"
  done
}

unset="not-set" # stands for an option that had no value

# set_option KEY VALUE FORMER: what a volume that was there before us had is noted in it, once, for unwant.
set_option() {
  if [ "$(origin)" = adopted ] && [ -z "$(had "$1")" ]; then
    note_origin "$(volume_option user.twopir)" "$1=$3"
  fi
  command_about set "$1" "$2"
}

command_about() { # set|reset KEY [VALUE]
  local answer
  answer=$(gluster_tell volume "$1" "$volume" "${@:2}") || fail "cannot $1 ${*:2} of volume $volume: $answer"
}

# Those of our own volume go with it.
unwant() {
  local option former
  command -v gluster >/dev/null && [ "$(origin)" = adopted ] || return 0
  for option in "${options[@]}"; do
    option=${option%%=*}
    former=$(had "$option")
    case $former in
      '') continue ;;
      "$unset") command_about reset "$option" ;;
      *) command_about set "$option" "$former" ;;
    esac
  done
}
