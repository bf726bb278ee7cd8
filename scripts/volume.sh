# shellcheck shell=bash disable=SC2154
# The replicated volume exists, with a brick on each Pi that stores. Parameters: volume, bricks (array of
# address:path)

want() {
  need_glusterd
  local have missing
  have=$(volume_bricks)
  if [ -z "$have" ]; then
    change "volume $volume is missing" create
    return
  fi
  missing=$(printf '%s\n' "${bricks[@]}" | grep -vxF -- "$have" || true)
  [ "$(wc -w <<<"$missing")" -lt "${#bricks[@]}" ] ||
    fail "volume $volume is another one: it has none of the bricks ${bricks[*]}, but $(tr '\n' ' ' <<<"$have")"
  if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # a brick is one word
    change "volume $volume lacks the brick $(xargs <<<"$missing")" add_bricks "$(wc -l <<<"$have")" $missing
  fi
}

# "force" allows a brick on the root file system, which is all that a Pi with one card has.
create() {
  local answer
  answer=$(gluster_tell volume create "$volume" replica "${#bricks[@]}" "${bricks[@]}" force) ||
    fail "cannot create volume $volume from ${bricks[*]}: $answer. If a brick \"is already part of a volume\", look at what is in it; then, on its Pi: sudo setfattr -x trusted.glusterfs.volume-id BRICK"
}

# The new copies are filled from the others; the heal goes on by itself, also after this script.
add_bricks() { # COPIES-NOW BRICK...
  local answer
  answer=$(gluster_tell volume add-brick "$volume" replica "$(($1 + $# - 1))" "${@:2}" force) ||
    fail "cannot add ${*:2} to volume $volume: $answer. Where a Pi got another address, another Pi must give the commands: list that one first in twopir:pis"
  until_true 60 heal_all || fail "the heal of volume $volume does not start: $answer"
}

# Refused until the new brick and its self-heal daemon are connected, a second or two. Sets its caller's answer.
heal_all() { [ "$(volume_status)" != Started ] || answer=$(gluster_tell volume heal "$volume" full); }

unwant() {
  local answer
  command -v gluster >/dev/null && [ -n "$(volume_info)" ] || return 0
  gluster_tell volume stop "$volume" >/dev/null || true # it may be stopped already
  part_the_absent
  answer=$(gluster_tell volume delete "$volume") || fail "cannot delete volume $volume: $answer"
}

# gluster deletes no volume while a peer is away. The copy of the absent leaves the volume; its data stay in its brick.
part_the_absent() {
  local absent brick copies
  copies=$(volume_bricks | wc -l)
  while read -r absent; do
    for brick in $(volume_bricks | grep -F -- "$absent:"); do
      [ "$copies" -gt 1 ] || fail "the last copy of volume $volume is on $absent, which does not answer: bring it back first"
      copies=$((copies - 1))
      gluster_tell volume remove-brick "$volume" replica "$copies" "$brick" force >/dev/null ||
        fail "cannot part the brick $brick from volume $volume"
    done
    gluster_tell peer detach "$absent" force >/dev/null || fail "cannot detach the peer $absent"
    say "$absent does not answer: what twopir put on it stays there, the copy of the volume too"
  done < <(absent_peers)
}

absent_peers() {
  gluster_tell peer status | sed -n '/^Hostname: /{s///;h}; /(Disconnected)/{x;p}'
}

main "$@"
