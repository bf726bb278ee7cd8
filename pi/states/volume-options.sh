# shellcheck shell=bash disable=SC2154
# The volume has these options.

use heals
takes 'options[]'  # key=value
takes 'defaults[]' # key=value, gluster's own, of options that nobody must have set to another one

want() {
  need_glusterd
  local option have bricks
  for option in "${options[@]}"; do
    # Most of three must go on to agree until one has left, or nobody knows any more what that one has; and of two, as
    # while a third one is listed and not there yet, each must be able to serve alone.
    if [[ $option == cluster.quorum-type=* ]]; then
      bricks=$(volume_bricks | wc -l)
      [[ $option != *=none || $bricks -le 2 ]] || continue
      [[ $option != *=auto || $bricks -gt 2 ]] || option=${option%=*}=none
    fi
    have=$(volume_option "${option%%=*}")
    [ "$have" = "${option#*=}" ] ||
      change "${option%%=*} of $volume is ${have:-not set} instead of ${option#*=}" \
        set_option "${option%%=*}" "${option#*=}" "${have:-$unset}"
  done
  for option in "${defaults[@]}"; do
    have=$(volume_option "${option%%=*}")
    [ -z "$have" ] || [ "$have" = "${option#*=}" ] ||
      change "${option%%=*} of $volume is $have instead of ${option#*=}" reset_option "${option%%=*}" "$have"
  done
}

unset="not-set" # stands for an option that had no value

set_option() { # KEY VALUE FORMER
  note_former "$1" "$3"
  command_about set "$1" "$2"
  # What began while heals were switched off, as of a copy that was made anew, waits for it.
  if [ "$1" = cluster.self-heal-daemon ] && [ "$3" != "$unset" ] && all_there; then heal_begins; fi
}

reset_option() { # KEY FORMER
  note_former "$1" "$2"
  command_about reset "$1"
}

# note_former KEY VALUE: what a volume that was there before us had is noted in it, once, for unwant.
note_former() {
  [ "$(origin)" = adopted ] && [ -z "$(had "$1")" ] || return 0
  note_origin "$(volume_option user.twopir)" "$1=$2"
}

command_about() { # set|reset KEY [VALUE]
  local answer
  answer=$(gluster_tell volume "$1" "$volume" "${@:2}") || fail "cannot $1 ${*:2} of volume $volume: $answer"
}

# Those of our own volume go with it.
unwant() {
  local option former
  command -v gluster >/dev/null && [ "$(origin)" = adopted ] || return 0
  for option in "${options[@]}" "${defaults[@]}"; do
    option=${option%%=*}
    former=$(had "$option")
    case $former in
      '') continue ;;
      "$unset") command_about reset "$option" ;;
      *) command_about set "$option" "$former" ;;
    esac
  done
}
