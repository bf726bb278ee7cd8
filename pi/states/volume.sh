# shellcheck shell=bash disable=SC2154
# The replicated volume exists, with a full copy on each Pi that stores, or with an arbiter, which keeps the names and
# times of all files and none of their content.

use gate heals
takes 'copies[]'  # addresses of the Pis that have one
takes arbiter     # address; empty: none
takes 'idle[]'    # addresses of the Pis that have no brick
takes 'drained[]' # addresses of those of all these that are left alone

want() {
  local address uuid missing=() is place=''
  need_glusterd
  [ "$(cat "$accept_note" 2>/dev/null)" = "$accept" ] ||
    mend "twopir:volume.acceptCopy is ${accept:-not set} now" note_accepted
  if [ -z "$(volume_xml)" ]; then
    change "volume $volume is missing" create
    return
  fi
  [ -n "$(origin)" ] || first_met
  is=$(volume_arbiter)
  for address in "${idle[@]}"; do
    uuid=$(uuid_of "$address")
    [ -z "$uuid" ] || [ -z "$(brick_name "$uuid")" ] ||
      refuse "the Pi at $address has a brick of volume $volume, and storage: false would leave that there with" \
        "nobody to look after it: take the Pi out of twopir:pis, run pulumi up, and list it again with storage: false"
  done
  for address in "${copies[@]}"; do
    uuid=$(uuid_of "$address")
    if [ -z "$uuid" ] || [ -z "$(brick_name "$uuid")" ]; then
      [[ " ${drained[*]} " == *" $address "* ]] || missing+=("$address")
    elif [ "$uuid" = "$is" ]; then
      cannot_become "$address" "a full copy"
    fi
  done
  [ "${#missing[@]}" -ne 1 ] || place=$(gone)
  if [ "${#missing[@]}" -gt 0 ]; then
    change "volume $volume lacks the copy of ${missing[*]}$(in_place_of "$place")" add_copies "${missing[@]}"
  fi
  tell_of_strangers
  [ -n "$arbiter" ] || return 0
  uuid=$(uuid_of "$arbiter")
  if [ -z "$uuid" ] || [ -z "$(brick_name "$uuid")" ]; then
    [[ " ${drained[*]} " == *" $arbiter "* ]] || change "volume $volume lacks the arbiter $arbiter" add_arbiter
  elif [ "$uuid" != "$is" ]; then
    cannot_become "$arbiter" "an arbiter"
  fi
}

# tell_of_strangers: of bricks that nobody looks after, which count where gluster asks whether most copies are there.
tell_of_strangers() {
  local uuid name
  while read -r uuid name _; do
    if [ -z "$uuid" ] || listed "$uuid"; then continue; fi
    note "volume $volume has the brick $name, on a Pi that twopir:pis does not list: it is looked after by nobody" \
      say "list its Pi, or, where this run does not take it out, do that with gluster's own command"
  done <<<"$(volume_bricks)"
}

note_accepted() {
  mkdir -p "$notes"
  echo "$accept" >"$accept_note"
}

cannot_become() { # ADDRESS WHAT
  refuse "the brick of $1 cannot become $2 where it is: take its Pi out of twopir:pis and run pulumi up, then list it" \
    "again"
}

# first_met: a volume without our word on it was there before us, unless gluster itself came with us. One that is what
# the config asks for is taken as it is, under the names that it has.
first_met() {
  if grep -qs '^glusterfs-server$' "$notes"/packages-*; then
    mend "volume $volume does not say who made it" note_origin made
  else
    understood
    change "volume $volume was there before: it is taken over as it is" adopt
  fi
}

# understood: it has its copies on the Pis that the config lists, and nowhere else; anything else is refused while
# nothing has been changed.
understood() {
  local type uuid name kind address bricks listed=' ' remedy
  remedy="Nothing was changed. Make the config and the volume alike, or choose another twopir:volume.name"
  remedy+=" (docs/operations.md#a-volume-that-is-there-already)"
  type=$(field typeStr "$(volume_xml)")
  [ "$type" = Replicate ] || refuse "volume $volume was there before, and its type is $type, not Replicate. $remedy"
  for address in "${copies[@]}" $arbiter; do
    uuid=$(uuid_of "$address")
    [ -n "$(brick_name "${uuid:-none}")" ] ||
      refuse "volume $volume was there before, and has no copy on $address: its bricks are $(names). List the Pis" \
        "that it is on as twopir:pis first, and add others afterwards. $remedy"
    listed+="$uuid "
  done
  bricks=$(volume_bricks)
  while read -r uuid name kind; do
    [[ $listed == *" $uuid "* ]] ||
      refuse "volume $volume was there before, and its brick $name is on a host that twopir:pis does not list. $remedy"
    ! [[ $name =~ ^([0-9.]+): ]] || [[ " ${copies[*]} $arbiter " == *" ${BASH_REMATCH[1]} "* ]] ||
      refuse "volume $volume was there before, and its brick $name is at another address than twopir:pis says. $remedy"
    [ "${name#*:}" = "$brick" ] ||
      refuse "volume $volume was there before, and its brick is $name: set twopir:volume.brick to ${name#*:}. $remedy"
    [ "$kind" != arbiter ] || { [ -n "$arbiter" ] && [ "$uuid" = "$(uuid_of "$arbiter")" ]; } ||
      refuse "volume $volume was there before, and $name is its arbiter: set arbiter: true for that Pi. $remedy"
  done <<<"$bricks"
  [ -z "$arbiter" ] || [ -n "$(volume_arbiter)" ] ||
    refuse "volume $volume was there before, and has no arbiter, but a full copy on $arbiter. $remedy"
}

names() { volume_bricks | cut -d ' ' -f 2 | xargs; }

# adopt: one that was stopped is to be stopped again when it is left.
adopt() {
  if [ "$(volume_status)" = Started ]; then note_origin adopted; else note_origin adopted status=stopped; fi
}

# "force" allows a brick on the root file system, which is all that a Pi with one card has.
create() {
  local answer all=("${copies[@]/%/:$brick}") kind=()
  if [ -n "$arbiter" ]; then all+=("$arbiter:$brick") kind=(arbiter 1); fi
  answer=$(gluster_tell volume create "$volume" replica "${#all[@]}" "${kind[@]}" "${all[@]}" force) ||
    fail "cannot create volume $volume from ${all[*]}: $answer"
  note_origin made
}

# gluster adds no copy to a volume that has an arbiter.
add_copies() { # ADDRESS...
  local is
  need_peers "$@"
  start_volume
  need_no_stale_copy "volume $volume gets no copy on $*"
  if [ -n "$place" ]; then
    say "waiting up to $boot_wait s for the Pi of $(brick_name "$place"), which may just be restarting"
    ! until_true "$boot_wait" is_back "$place" ||
      fail "the Pi of $(brick_name "$place") is back, so its copy keeps its place: run pulumi up again"
    need_following_mounts
    replace_brick "$place" "$1:$brick"
    # One that is drained may come back, and has its own state.
    listed "$place" || [ -n "$(left_on "$place")" ] || take_peer "$place"
    heal_begins
    return
  fi
  is=$(volume_arbiter)
  [ -z "$is" ] || take_brick "$is"
  add_bricks "$(($(volume_bricks | wc -l) + $#))" "${@/%/:$brick}"
}

in_place_of() { [ -z "$1" ] || echo "; it takes the place of $(brick_name "$1"), whose Pi does not answer"; } # UUID

boot_wait=60 # seconds; a Pi boots in 20 to 40

# is_back UUID: asked anew, not once for all of this script.
is_back() {
  # shellcheck disable=SC2034 # see once
  answers=''
  present "$1"
}

# gone: UUID of a Pi that has a copy and does not answer, where twopir:pis does not list it any more, or as drained: it
# is dead, or has come by a new card and another address.
gone() {
  local uuid having
  having=$(volume_copies)
  for uuid in $having; do
    if ! present "$uuid" && { ! listed "$uuid" || is_drained "$uuid"; }; then echo "$uuid" && return; fi
  done
}

# listed UUID: it is one of the Pis of twopir:pis, or may be the one of which nobody knows who it is.
listed() {
  local address uuid
  for address in "${copies[@]}" $arbiter "${idle[@]}"; do
    uuid=$(uuid_of "$address")
    if [ "${uuid:-$1}" = "$1" ]; then return; fi
  done
  return 1
}

is_drained() { # UUID
  local address
  for address in "${drained[@]}"; do
    if [ "$(uuid_of "$address")" = "$1" ]; then return; fi
  done
  return 1
}

# An arbiter is for two copies: where there are more, one of them is about to leave.
add_arbiter() {
  need_peers "$arbiter"
  need_no_stale_copy "volume $volume gets no arbiter"
  if [ "$(volume_bricks | wc -l)" -eq "${#copies[@]}" ]; then
    add_bricks "$((${#copies[@]} + 1))" arbiter 1 "$arbiter:$brick"
  else
    say "the arbiter joins at the next pulumi up, when the volume has ${#copies[@]} copies"
  fi
}

# need_peers ADDRESS...: that nobody is known there may be for want of an answer.
need_peers() {
  local address
  for address; do
    [ -n "$(uuid_of "$address")" ] || fail "no peer is known at $address: run pulumi up again"
  done
}

# The new ones are filled from the others; the heal goes on by itself, also after this script.
add_bricks() { # BRICKS-THEN [arbiter 1] BRICK...
  local answer
  need_following_mounts
  answer=$(gluster_tell volume add-brick "$volume" replica "$@" force) ||
    fail "cannot add ${*:2} to volume $volume: $answer"
  heal_begins
}

# need_following_mounts: the site's config is written through a mount here.
need_following_mounts() {
  until_true "$follow_wait" mounts_follow ||
    fail "the mount at $(lost_mounts | xargs) on $pi has lost its connection to glusterd, so it would miss new" \
      "bricks, and what is written there would not reach them: unmount it (sudo umount -l), mount it again" \
      "(sudo mount), and run pulumi up again"
}

follow_wait=10 # seconds; a client asks for its glusterd every 3 s

mounts_follow() { [ -z "$(lost_mounts)" ]; }

# What was there before us is left as it was.
unwant() {
  rm -f "$accept_note"
  command -v gluster >/dev/null && [ -n "$(volume_xml)" ] || return 0
  case $(origin) in
    made) delete_volume ;;
    adopted) note_origin left ;;
  esac
  [ -z "$(volume_xml)" ] || say "volume $volume was there before, and stays"
}
