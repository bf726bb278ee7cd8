# shellcheck shell=bash disable=SC2154
# The gate: every command goes through here that takes a copy, a brick or a peer away. It opens where, by UUIDs and by
# the volume's id, the thing is the one that is meant, and where another copy is shown to be full: its brick answers, no
# brick that answers accuses it (trusted.afr), and those that do not answer cannot have more: of three or more bricks
# most must agree on a write, so most of them know; of two, it says itself that all was healed when the other one last
# answered (see programs/full-copy.sh).

use gluster bricks heals
takes brick
takes accept # address of the Pi whose copy counts as full by the user's word where nobody can tell; empty: none

must_stay=1 # full copies besides the one that goes
going=''    # UUID of the Pi whose brick is about to be ended: what only this brick can tell must not be counted on

# take_brick UUID: the brick of that Pi leaves the volume; the data stay in its folder. gluster takes no copy out of a
# volume that has an arbiter, so the arbiter goes first, and joins again when there are two copies.
take_brick() {
  local name arbiter count answer
  name=$(brick_name "$1")
  arbiter=$(volume_arbiter)
  need_full_copy "$1" "the brick $name stays in volume $volume"
  [ -z "$arbiter" ] || [ "$1" = "$arbiter" ] || take_brick "$arbiter"
  count=$(volume_bricks | wc -l)
  answer=$(gluster_tell volume remove-brick "$volume" replica "$((count - 1))" "$name" force) ||
    fail "cannot remove the brick $name from volume $volume: $answer"
  # Two of three can agree no more, and of two the one that is left serves alone.
  [ "$count" -ne 3 ] || gluster_tell volume set "$volume" cluster.quorum-type none >/dev/null ||
    fail "cannot let one copy of volume $volume serve alone"
}

# take_peer UUID: after its brick, if it has one. gluster knows it by all of its names, and by nothing else.
take_peer() {
  local answer name known
  if [ -n "$(brick_name "$1")" ]; then take_brick "$1"; fi
  known=$(peers)
  name=$(name_alone "$1" <<<"$known")
  [ -n "$name" ] || fail "cannot detach the peer $1: it has no name of its own. See \"gluster pool list\" on $pi"
  answer=$(gluster_tell peer detach "$name" force) || fail "cannot detach the peer $name ($1): $answer"
  grep -q "^$1 [0-9]* 1 " <<<"$known" ||
    say "$name does not answer: what twopir put on it stays there, the copy of the volume too"
}

# name_alone UUID: a name that this peer has, of those on stdin, and no other one.
name_alone() {
  awk -v uuid="$1" '
    { for (i = 4; i <= NF; i++) { has[$i]++; if ($1 == uuid) mine[++n] = $i } }
    END { for (i = 1; i <= n; i++) if (has[mine[i]] == 1) { print mine[i]; exit } }'
}

# replace_brick UUID NEW: the brick of that Pi, which is away, gives its place to a new one. If the new one came
# as a third, nobody could tell any more whether the copy that is left has all that the absent one had.
replace_brick() {
  local name answer
  name=$(brick_name "$1")
  need_full_copy "$1" "the brick $name keeps its place in volume $volume"
  answer=$(gluster_tell volume replace-brick "$volume" "$name" "$2" commit force) ||
    fail "cannot put $2 in the place of the brick $name: $answer"
  say "$2 takes the place of the brick $name, whose Pi does not answer: what is on that stays there"
}

# refill_brick: this Pi's copy, which lost its disk, its folder or what makes it one, is made anew from the others. What
# is shown must still be so when its process has ended.
refill_brick() {
  local name answer
  name=$(brick_name "$(my_uuid)")
  going=$(my_uuid)
  need_full_copy "$going" "the brick $name is not made anew"
  mkdir -p "$brick"
  # It ends what serves the folder. It may have been started by a run that was killed.
  answer=$(gluster_tell volume reset-brick "$volume" "$name" start) || say "reset-brick: $answer"
  end_old_processes
  # Another Pi may have gone meanwhile, and then this copy may be the only one.
  need_full_copy "$going" "the brick $name is not made anew" serve_again
  [ -z "$(ls -A "$brick")" ] || move_aside
  mkdir -p "$brick"
  answer=$(gluster_tell volume reset-brick "$volume" "$name" "$name" commit force) ||
    fail "cannot make the brick $name anew: $answer"
}

serve_again() { glusterd_starts is_serving || true; }
is_serving() { [ -n "$(brick_process)" ]; }

# drop_old_copy OTHER: this Pi's folder, without which the volume goes on at the Pi with the address OTHER. That one
# says so itself: it has no brick of the Pi that it knows at this address, and none of this Pi's glusterd.
drop_old_copy() {
  local mark answer known
  mark=$(mark)
  [ "$(volume_id_at "$1")" = "${mark:-none}" ] ||
    fail "$brick does not carry the mark of the volume that $1 serves"
  answer=$(gluster_xml --remote-host="$1" peer status)
  [[ $answer == *"</cliOutput>"* ]] || fail "$1 does not say which peers it has, so $brick stays where it is"
  known=$(peers_in <<<"$answer" | peer_at "$address")
  ! bricks_at "$1" | grep -qE "^(${known:-none}|$(my_uuid | grep . || echo none)) " ||
    fail "the volume that $1 serves counts on $brick, so it stays where it is"
  serves_copy "$1" || fail "no copy of volume $volume is served, so $brick stays where it is"
  end_old_processes
  move_aside
}

# serves_copy ADDRESS: glusterd there knows a copy of the volume that is served.
serves_copy() { [ -n "$(gluster_xml --remote-host="$1" volume status "$volume" | serving_in)" ]; }

# move_aside: this Pi's folder. Nothing is deleted.
move_aside() {
  local aside
  aside="$brick.$(date -u +%Y%m%dT%H%M%SZ)"
  [ -z "$(brick_process)$(old_processes)" ] || fail "the brick $brick is being served, so it is not moved aside"
  mv -T "$brick" "$aside"
  say "the old copy lies in $aside on $pi; delete it when you have made sure that nothing in it is missed"
}

# unmark: gluster's mark on this Pi's folder goes, so that a later pulumi up may make a volume of it again. A glusterd
# that does not answer knows no volume, so its files are asked. Which volume it was can still be read there: a Pi that
# was away then has it yet.
unmark() {
  local mark
  [ ! -e "/var/lib/glusterd/vols/$volume/info" ] ||
    fail "the volume $volume is still there, so the mark on $brick stays"
  mark=$(mark)
  [ -z "$mark" ] || setfattr -n "$given_up_note" -v "$mark" "$brick" || true
  setfattr -x trusted.glusterfs.volume-id "$brick" 2>/dev/null || true
}

# stop_volume: before it is deleted. What destroy leaves behind are the copies, and a later volume made of them does not
# know which of them lacks something. So all that answer must be full, but by the user's word, and what they lack of
# those that do not answer must be known.
stop_volume() {
  local answer uuid away
  if [ "$(volume_status)" != Started ]; then return; fi
  need_full_copy none "the volume $volume stays"
  if [ -z "$(accepted)" ]; then
    heal_settled || say "waiting up to $heal_wait s until the copies are healed"
    until_true "$heal_wait" heal_settled || true
    need_no_stale_copy "the volume $volume stays"
  fi
  # gluster deletes no volume while a peer is away.
  away=$(peers | awk '$3 == 0 { print $1 }')
  for uuid in $away; do take_peer "$uuid"; done
  answer=$(gluster_tell volume stop "$volume") || fail "cannot stop volume $volume: $answer"
}

# stop_again: one that was there before us, stopped, and so it is left. Its copies stay in it.
stop_again() {
  local answer
  answer=$(gluster_tell volume stop "$volume") || fail "cannot stop volume $volume again: $answer"
}

delete_volume() {
  local answer
  [ "$(volume_status)" != Started ] || fail "the volume $volume is started, so it is not deleted"
  answer=$(gluster_tell volume delete "$volume") || fail "cannot delete volume $volume: $answer"
}

# end_old_processes: of this Pi's brick, which no client reaches (see brick_process).
end_old_processes() {
  local pid
  glusterd_answers || fail "glusterd does not answer, so nobody knows which process serves the brick $brick"
  for pid in $(old_processes); do kill "$pid"; done
  until_true 10 ended_old || fail "an old process of the brick $brick does not end: $(xargs <<<"$(old_processes)")"
}

old_processes() {
  local served
  served=$(brick_process)
  brick_processes | { grep -vxF -- "${served% *}" || true; }
}
brick_processes() {
  { pgrep -x glusterfsd -a || true; } | { grep -F -- "--brick-name $brick " || true; } | cut -d ' ' -f 1
}

ended_old() { [ -z "$(old_processes)" ]; }

# need_full_copy UUID WHAT-THEN [COMMAND]: as many copies other than that Pi's are full as must stay. Where they are
# not, the command is run before it fails.
need_full_copy() {
  local answer status=0 end=$((SECONDS + full_wait))
  while true; do
    answer=$(full_copy_besides "$1") || status=$?
    case $status in
      0) break ;;
      "$not_yet") [ $SECONDS -ge $end ] || { status=0 && sleep 1 && continue; } ;;
    esac
    "${@:3}"
    fail "$2, since $(too_few): $answer. $(remedy)"
  done
  [ -z "$answer" ] || say "$answer"
}
too_few() {
  if [ "$must_stay" = 1 ]; then
    echo "no other copy is known to be full"
  else
    echo "it would leave only one full copy"
  fi
}
# Seconds until the brick of a Pi answers that has just joined, or whose process is just being started; one whose health
# check has failed ends within 30 s.
full_wait=40

remedy() {
  local first=''
  [ "$mode" != remove ] || first=', and run pulumi up before pulumi destroy'
  echo "Bring back the Pi that has the rest, let it heal and run pulumi up again; or set" \
    "twopir:volume.acceptCopy to the Pi whose copy you accept as full$first (docs/operations.md#which-copy-counts)"
}

# need_no_stale_copy WHAT-THEN: whatever copies answer are full. A new one is filled from them, and of three most agree;
# an arbiter sides with them.
need_no_stale_copy() {
  local uuid copies reason asked=''
  copies=$(volume_copies)
  show_bricks
  for uuid in $copies; do
    answers "$uuid" || continue
    asked=yes
    reason=$(counts "$uuid") ||
      fail "$1, since one that answers is not known to be full: $reason. $(remedy)"
  done
  hide "$shown"
  [ -n "$asked" ] || fail "$1, since no brick of volume $volume answers"
}

# lacking_copies: the bricks that answer and lack what another one has that answers.
lacking_copies() {
  local uuid copies
  copies=$(volume_copies)
  show_bricks
  for uuid in $copies; do
    if answers "$uuid" && ! has_most "$uuid"; then brick_name "$uuid"; fi
  done
  hide "$shown"
}

# full_copy_besides UUID: true where as many are as must stay, false with the reasons, or not_yet where a Pi is there
# and its brick is not, or is not known; for the user's word, until the `end` of need_full_copy. What it says besides is
# for the user.
full_copy_besides() {
  local uuid copies why='' reason full=0
  copies=$(volume_copies)
  show_bricks
  for uuid in $copies; do
    [ "$uuid" != "$1" ] || continue
    if reason=$(counts "$uuid"); then
      # One that is just being started may have more.
      [ -z "$reason" ] || [ "$SECONDS" -ge "$end" ] || ! comes_yet "$1" || return "$not_yet"
      [ -z "$reason" ] || echo "the copy in $(brick_name "$uuid") counts as full, by twopir:volume.acceptCopy: $reason"
      full=$((full + 1))
      [ "$full" -lt "$must_stay" ] || return 0
      continue
    fi
    why+="; $reason"
  done
  echo "${why#; }"
  for uuid in $(volume_bricks | cut -d ' ' -f 1); do
    if answers "$uuid"; then
      known "$uuid" || return "$not_yet"
    elif [ "$uuid" != "$1" ] && present "$uuid"; then
      return "$not_yet"
    fi
  done
  return 1
}
not_yet=2

# comes_yet UUID: another Pi's copy than that one's does not answer, while the Pi does.
comes_yet() {
  local other
  for other in $copies; do
    if [ "$other" != "$1" ] && ! answers "$other" && present "$other"; then return; fi
  done
  return 1
}

# known UUID: gluster says of that Pi's brick, which answers, what waits on it, and who serves it. It does not while the
# process is about to end, as gluster's own health check has it for one that lost its folder, and while the glusterd
# there is being started.
known() { waiting_on "$(brick_name "$1")" >/dev/null && [ -n "$(served_by "$1")" ]; }

# counts UUID: that Pi's copy counts as full, by what is known or by the user's word; and why it is not known to be, if
# it is not. No word stands against a copy that answers and has more.
counts() {
  local reason
  reason=$(incomplete "$1") || return 1
  [ -n "$reason" ] || return 0
  echo "$reason"
  [ -n "$(accepted)" ] && [ "$1" = "$(uuid_of "$(accepted)")" ] && answers "$1" && has_most "$1"
}

# has_most UUID: no other copy that answers has more.
has_most() {
  local other copies
  copies=$(volume_copies)
  for other in $copies; do
    if [ "$other" != "$1" ] && ! accuses_not "$other" "$1" && answers "$other"; then return 1; fi
  done
}

# accepted: what is taken out of the stack is removed with the parameters that it was made with, so the user's word of
# today is noted by the volume's state, on the Pi that gives the commands.
accepted() { if [ "$mode" = remove ]; then cat "$accept_note" 2>/dev/null || true; else echo "$accept"; fi; }
accept_note=$notes/accept-copy

# incomplete UUID: why that Pi's copy is not known to be full; nothing where it is.
incomplete() {
  local name other others silent=''
  name=$(brick_name "$1")
  answers "$1" || { echo "$name does not answer" && return; }
  others=$(volume_bricks | cut -d ' ' -f 1)
  for other in $others; do
    if [ "$other" = "$1" ]; then continue; fi
    if accuses_not "$other" "$1"; then
      [ "$other" = "$going" ] || continue
    elif answers "$other"; then
      # Or it has ended since it was mounted: gluster's own health check ends one that lost its folder.
      echo "$(brick_name "$other") has what $name lacks" && return
    fi
    silent=$other
  done
  [ -z "$silent" ] || most_agree_with "$1" || noted_full "$1" ||
    echo "$(brick_name "$silent") $(silence "$silent"), and may have what $name lacks"
}

silence() { if answers "$1"; then echo "is about to be stopped"; else echo "does not answer"; fi; }

# most_agree_with UUID: no write was done without one of them. A brick that this one accuses knows nothing yet.
most_agree_with() {
  local other others all agree=1
  others=$(volume_bricks | cut -d ' ' -f 1)
  all=$(wc -l <<<"$others")
  [ "$all" -gt 2 ] && [ "$(volume_option cluster.quorum-type)" = auto ] || return 1
  for other in $others; do
    if [[ $other != @($1|${going:-$1}) ]] && answers "$other" && accuses_not "$1" "$other"; then
      agree=$((agree + 1))
    fi
  done
  [ $((agree * 2)) -gt "$all" ]
}

# noted_full UUID: one of two, by what it noted while the other one was there.
noted_full() {
  local process
  process=$(served_by "$1")
  [ "$(volume_bricks | wc -l)" -eq 2 ] && [ -n "$process" ] &&
    [ "$(getfattr --only-values -n "$full_note" "$(shown_as "$1")" 2>/dev/null)" = "$process" ]
}

# answers UUID: that Pi's brick was mounted by itself, and has not ended since.
answers() {
  local at
  at=$(shown_as "$1")
  [ -n "$at" ] && brick_answers "$at"
}

# served_by UUID: pid and port of the process that serves that Pi's brick. What it notes of its copy is about this
# process alone.
served_by() {
  local pid port
  pid=$(gluster_xml volume status "$volume" | serving_in | awk -v uuid="$1" '$1 == uuid { print $2 }')
  port=$(brick_port "$(brick_name "$1")")
  [ -z "$pid" ] || [ -z "$port" ] || echo "$pid $port"
}

# serving_in: UUID of its Pi and pid of each brick that is online, in what "volume status" says, on stdin. A self-heal
# daemon stands there like a brick, but has a name instead of a path. The port is not taken from it: a glusterd that was
# started after the brick says N/A.
serving_in() {
  sed 's:<node>:\n&:g' |
    sed -nE 's:^.*<path>/.*<peerid>(.*)</peerid><status>1</status>.*<pid>([0-9]+)</pid>.*:\1 \2:p'
}

# waiting_on BRICK: the paths from its root of all that it lists as waiting to be healed; false where it does not say.
waiting_on() {
  gluster_tell volume heal "$volume" info |
    awk -v brick="Brick $1" '
      /^Brick / { mine = $0 == brick }
      mine && /^[\/<]/
      mine && /^Status: Connected/ { said = 1 }
      END { exit !said }' |
    sed -E -e 's/ - (Is in split-brain|Possibly undergoing heal)//' -e 's/ $//' -e 's:^<gfid\:([^>]*)>:/.gfid/\1:'
}

# accuses_not UUID OF: the first one's brick has nothing that the other one's lacks. It is asked of all that it lists as
# waiting to be healed, some of which may wait for a third one. What it does not answer counts as yes.
accuses_not() {
  local at id listed answer
  at=$(shown_as "$1")
  id=$(client_section "$(brick_name "$2")" | sed -n 's/^volume //p')
  listed=$(waiting_on "$(brick_name "$1")") && [ -n "$id" ] && [ -n "$at" ] || return 1
  [ -n "$listed" ] || return 0
  # shellcheck disable=SC2001 # it is many lines
  answer=$(sed "s:^:$at:" <<<"$listed" | tr '\n' '\0' | xargs -0 getfattr -h -e hex -n "trusted.afr.$id" 2>&1) || true
  ! grep -qvE '^(# file: .*|trusted.afr.*=0x0+|.*: No such attribute|getfattr: Removing leading .*|)$' <<<"$answer"
}
