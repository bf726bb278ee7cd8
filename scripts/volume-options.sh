# shellcheck shell=bash disable=SC2154
# The volume has these options. Parameters: volume, options (array of key=value)

want() {
  need_glusterd
  local option have info
  info=$(volume_info)
  for option in "${options[@]}"; do
    have=$(awk -v key="${option%%=*}:" '$1 == key { print $2 }' <<<"$info")
    [ "$have" = "${option#*=}" ] ||
      change "${option%%=*} of $volume is ${have:-not set} instead of ${option#*=}" \
        set_option "${option%%=*}" "${option#*=}"
  done
}

set_option() {
  local answer
  answer=$(gluster_tell volume set "$volume" "$1" "$2") || fail "cannot set $1 of volume $volume to $2: $answer"
}

unwant() { :; } # they go with the volume

main "$@"
