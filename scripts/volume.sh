# shellcheck shell=bash disable=SC2154
# The replicated volume exists, with a full copy on each Pi that stores, or with an arbiter, which keeps the names and
# times of all files and none of their content. Parameters: volume, bricks (array of address:path), arbiter
# (address:path; empty: none)

want() {
  need_glusterd
  local have missing is
  have=$(volume_bricks)
  if [ -z "$have" ]; then
    change "volume $volume is missing" create
    return
  fi
  missing=$(printf '%s\n' "${bricks[@]}" | grep -vxF -- "$have" || true)
  [ "$(wc -w <<<"$missing")" -lt "${#bricks[@]}" ] ||
    fail "volume $volume is another one: it has none of the bricks ${bricks[*]}, but $(tr '\n' ' ' <<<"$have")"
  is=$(volume_arbiter)
  [ -z "$is" ] || ! printf '%s\n' "${bricks[@]}" | grep -qxF "$is" || cannot_become "$is" "a full copy"
  [ "$arbiter" = "$is" ] || ! grep -qxF "$arbiter" <<<"$have" || cannot_become "$arbiter" "an arbiter"
  if [ -n "$missing" ]; then
    # shellcheck disable=SC2086 # a brick is one word
    change "volume $volume lacks the brick $(xargs <<<"$missing")" add_copies $missing
  fi
  if [ -n "$arbiter" ] && [ "$arbiter" != "$is" ]; then
    change "volume $volume lacks the arbiter $arbiter" add_arbiter
  fi
}

cannot_become() { # BRICK WHAT
  fail "the brick $1 cannot become $2 where it is: take its Pi out of twopir:pis and run pulumi up, then list it again"
}

# "force" allows a brick on the root file system, which is all that a Pi with one card has.
create() {
  local answer all=("${bricks[@]}") kind=()
  if [ -n "$arbiter" ]; then all+=("$arbiter") kind=(arbiter 1); fi
  answer=$(gluster_tell volume create "$volume" replica "${#all[@]}" "${kind[@]}" "${all[@]}" force) ||
    fail "cannot create volume $volume from ${all[*]}: $answer. If a brick \"is already part of a volume\"," \
      "look at what is in it; then, on its Pi: sudo setfattr -x trusted.glusterfs.volume-id BRICK"
}

# gluster adds no copy to a volume that has an arbiter.
add_copies() { # BRICK...
  local is
  is=$(volume_arbiter)
  [ -z "$is" ] || remove_brick "$is"
  add_bricks "$(($(volume_bricks | wc -l) + $#))" "$@"
}

# An arbiter is for two copies: where there are more, one of them is about to leave.
add_arbiter() {
  if [ "$(volume_bricks | wc -l)" -eq "${#bricks[@]}" ]; then
    add_bricks "$((${#bricks[@]} + 1))" arbiter 1 "$arbiter"
  else
    say "the arbiter joins at the next pulumi up, when the volume has ${#bricks[@]} copies"
  fi
}

# The new ones are filled from the others; the heal goes on by itself, also after this script.
add_bricks() { # BRICKS-THEN [arbiter 1] BRICK...
  local answer
  answer=$(gluster_tell volume add-brick "$volume" replica "$@" force) ||
    fail "cannot add ${*:2} to volume $volume: $answer. Where a Pi got another address," \
      "another Pi must give the commands: list that one first in twopir:pis"
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
  local absent brick
  while read -r absent _; do
    for brick in $(volume_bricks | grep -F -- "$absent:"); do remove_brick "$brick"; done
    gluster_tell peer detach "$absent" force >/dev/null || fail "cannot detach the peer $absent"
    say "$absent does not answer: what twopir put on it stays there, the copy of the volume too"
  done < <(peers | { grep -F '(Disconnected)' || true; })
}

main "$@"
