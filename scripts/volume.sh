# shellcheck shell=bash disable=SC2154
# The replicated volume exists. Parameters: volume (name), bricks (array of address:path)

want() {
  need gluster glusterfs-server
  local have
  have=$(gluster volume info "$volume" 2>/dev/null | sed -n 's/^Brick[0-9]*: //p') || true
  if [ -z "$have" ]; then
    change "volume $volume is missing" create
  elif [ "$(sort <<<"$have")" != "$(printf '%s\n' "${bricks[@]}" | sort)" ]; then
    fail "volume $volume has other bricks than the config names: $(tr '\n' ' ' <<<"$have")"
  fi
}

# "force" allows a brick on the root file system, which is all that a Pi with one card has.
create() {
  gluster --mode=script volume create "$volume" replica "${#bricks[@]}" "${bricks[@]}" force >/dev/null ||
    fail "cannot create volume $volume from ${bricks[*]}. A brick that \"is already part of a volume\" was made by hand: look at what is in it, then remove its mark with: sudo setfattr -x trusted.glusterfs.volume-id BRICK"
}

unwant() {
  command -v gluster >/dev/null && gluster volume info "$volume" >/dev/null 2>&1 || return 0
  gluster --mode=script volume stop "$volume" >/dev/null 2>&1 || true # it may be stopped already
  gluster --mode=script volume delete "$volume" >/dev/null || fail "cannot delete volume $volume"
}

main "$@"
