# shellcheck shell=bash disable=SC2154
# The folder that holds this Pi's copy of the volume.

use gate heals
takes address    # of this Pi
takes 'others[]' # addresses of the other Pis

want() {
  local name lost former counted noted begun
  noted=$(cat "$note" 2>/dev/null) || true
  on_its_file_system "$noted"
  name=$(brick_name "$(my_uuid)")
  [ -z "$name" ] || [ "${name#*:}" = "$brick" ] ||
    refuse "the copy of volume $volume on $pi lies in ${name#*:}, where gluster keeps it: set twopir:volume.brick to" \
      "that"
  begun=$(begun)
  [ -z "$begun" ] || change "$brick has the mark of a volume whose creation was never finished ($begun)" unmark
  if [ -n "$name" ]; then
    lost=$(lost)
    if [ -n "$lost" ]; then
      change "this Pi's copy of volume $volume is lost: $lost" refill
    elif [ -n "$noted" ] && [ "$noted" != "$(file_system)" ]; then
      # It may be a disk of before, which lacks what was written since, or an empty one of which "volume start force"
      # has made a brick; and where nobody accuses anybody, gluster takes the longest version of a file for the right
      # one.
      change "$brick lies on another file system than before ($noted), so this copy is made anew" refill
    elif [ -n "$accept" ] && ! own "$accept" && differs_from "$(uuid_of "$accept")"; then
      change "this copy and the one at $accept differ, and that one counts as full, by twopir:volume.acceptCopy" refill
    elif [ -n "$accept" ] && [ "$(volume_arbiter)" = "$(my_uuid)" ] && arbiter_objects "$(uuid_of "$accept")"; then
      change "the arbiter knows of what the copy at $accept lacks, which counts as full, by twopir:volume.acceptCopy" \
        refill
    fi
  elif counted=$(counted_on) && [ -n "$counted" ]; then
    # Its glusterd does not run, or is a new one; glusterd's own state says so.
    grep -qxF "UUID=$counted" /var/lib/glusterd/glusterd.info 2>/dev/null ||
      tell mend "not yet: glusterd is not the one that the volume counts on"
  elif [ -z "$(volume_xml)" ] && [ -e "/var/lib/glusterd/vols/$volume/info" ]; then
    # As when glusterd runs on no Pi.
    [ "$mode" != apply ] || fail "glusterd does not report volume $volume, which it knows: run pulumi up again"
    tell mend "not yet: glusterd does not report volume $volume"
  elif [ ! -d "$brick" ]; then
    change "$brick is missing" mkdir -p "$brick"
  elif [ -n "$(mark)" ] && [ -z "$begun" ]; then
    former=$(goes_on_at)
    [ -n "$former" ] ||
      refuse "$brick on $pi is a copy of a volume that no Pi knows ($(mark)): look at what is in it; if it is what" \
        "the new volume is to begin with, then on $pi: sudo setfattr -x trusted.glusterfs.volume-id $brick"
    change "$brick is an old copy: the volume goes on without it" set_aside "$former"
  elif [ -n "$(ls -A "$brick")" ] && volume_elsewhere; then
    # gluster would delete there what its other copies do not have.
    change "$brick is not empty, and is to become a copy of volume $volume" clear
  fi
  [ -n "$name" ] || ! port_left ||
    mend "glusterd tells clients the port of a former brick, where they would wait for ever" glusterd_starts true
  [ -n "$name$(mark)" ] || [ ! -d "$brick" ] ||
    [ "$(served_last)" = "$(cat "$unserved" 2>/dev/null)" ] || volume_elsewhere ||
    mend "it is not noted when $brick was served last" note_served_last
  if [ -z "$noted" ] || { [ -z "$name" ] && [ "$noted" != "$(file_system)" ]; }; then
    mend "the file system of $brick is not noted" note_file_system
  fi
  comes_at_boot
}

# differs_from UUID: this copy and that Pi's are known to differ, by the note of either, see compare.sh.
differs_from() {
  local mine at known
  mine=$(my_uuid)
  show_bricks
  at=$(shown_as "$1")
  known=$(known_difference "$mine" "$brick" && { [ -z "$at" ] || known_difference "$1" "$at"; })
  hide "$shown"
  grep -qE "^(${1:-none}|$mine) " <<<"$known"
}

# arbiter_objects UUID: this Pi's brick, an arbiter's, accuses that one's, and no copy that answers has what that lacks.
# As long as it does gluster takes it for the only source of such a file, and fills the others from nothing: reading it
# is an error.
arbiter_objects() {
  local mine status=1
  mine=$(my_uuid)
  show_bricks
  if answers "$mine" && answers "$1" && known "$mine" && ! accuses_not "$mine" "$1" && has_most "$1"; then status=0; fi
  hide "$shown"
  return "$status"
}

# comes_at_boot: the file system that the brick lies on is mounted at boot, before glusterd starts the brick. With
# "nofail", as for any disk that may be missing, systemd waits for it with nothing else.
comes_at_boot() {
  local disk unit why=''
  read -r disk _ <<<"$(place)"
  [ "$disk" != / ] || return 0
  unit=$(systemd-escape -p --suffix=mount "$disk")
  if [ -z "$(systemctl show -P WantedBy -P RequiredBy -P TriggeredBy "$unit" | xargs)" ]; then
    why="$disk is not mounted at boot"
  elif ! leads_there "$disk"; then
    why="the disk that is mounted at $disk is not the one that /etc/fstab has there"
  elif grep -qsE "^/dev/sd[^[:space:]]*[[:space:]]+${disk}[[:space:]]" /etc/fstab; then
    why="/etc/fstab has $disk by a name that another disk may get, when one more is plugged in"
  fi
  [ -z "$why" ] ||
    note "$why, and this copy would be missing after a boot" \
      say "give $disk a line in /etc/fstab on $pi, with nofail and the UUID that this prints: findmnt -n -o UUID $disk"
  grep -qsxF "After=$unit" "$order_path" || mend "glusterd does not wait for $disk at boot" wait_for "$unit"
}

# leads_there DISK: fstab's line for it has what is mounted there, where it says so by a UUID or a label.
leads_there() {
  local tag mounted
  tag=$(awk -v at="$1" '$2 == at && $1 ~ /^(PART)?(UUID|LABEL)=/ { gsub("\"", "", $1); print $1; exit }' /etc/fstab)
  [ -n "$tag" ] || return 0
  mounted=$(findmnt -n -o "${tag%%=*}" --mountpoint "$1") || true
  [ -z "$mounted" ] || [ "$mounted" = "${tag#*=}" ] # it may be one that nobody knows
}

# wait_for UNIT: not by write_file, whose trap would take the place of the gate's, which unmounts what it looked at.
wait_for() {
  mkdir -p "$(dirname "$order_path")"
  printf '[Unit]\nAfter=%s\n' "$1" >"$order_path"
  systemctl daemon-reload
}
order_path=/etc/systemd/system/glusterd.service.d/twopir-brick.conf

note=$notes/file-system-$state
unserved=$notes/unserved-$state # when the folder was served last, noted before a volume is made of it
indices_wait=5                  # seconds; a brick's process makes them when it is started for the first time

# on_its_file_system: where the disk of a brick is not mounted, its folder on the card is not the brick.
on_its_file_system() { # NOTED
  [ -z "$1" ] || [ "$1" = "$card" ] || [ "$(file_system)" != "$card" ] ||
    fail "$brick belongs on the file system $1, which is not mounted: is its disk plugged in, and in" \
      "/etc/fstab? Nothing is made on the card instead (docs/operations.md#a-dead-disk)"
}

# file_system: the one that the brick lies on, or will, by its UUID.
file_system() { place | awk -v card="$card" '{ print $1 == "/" ? card : $2 }'; }

# place: where that is mounted, its UUID and its device.
place() { once own_place; }
own_place() {
  local at=$brick
  while [ ! -e "$at" ]; do at=$(dirname "$at"); done
  findmnt -n -o TARGET,UUID,SOURCE -T "$at"
}
card="the card"

note_file_system() {
  mkdir -p "$notes"
  file_system >"$note"
}

# lost: why the volume cannot use this Pi's folder, where it counts on it.
lost() {
  local mark
  mark=$(mark)
  if [ ! -d "$brick" ]; then
    echo "$brick is missing"
  elif [ -z "$mark" ]; then
    echo "$brick does not carry a volume's mark"
  elif [ "$mark" != "$(field id "$(volume_xml)")" ]; then
    fail "$brick is a copy of another volume ($mark): look at what is in it, and move it away"
  elif [ "$(volume_status)" != Created ] && ! in_time "$indices_wait" test -d "$brick/.glusterfs/indices"; then
    echo "$brick has no .glusterfs/indices"
  fi
}

# port_left: glusterd tells the port of this brick, which nobody serves there. One that was started again while its
# brick ran keeps it after the brick was taken out (gluster's issue 1745).
port_left() {
  local port
  port=$(brick_port "localhost:$brick")
  [ -n "$port" ] && [ -z "$(sockets_at "$port")" ]
}

# refill: the heal goes on by itself, also after this script.
refill() {
  start_volume
  refill_brick
  note_file_system
  heal_begins
}

# goes_on_at: the address of a Pi that has the volume of which this Pi's folder is a copy; nothing where there is none.
# Asked of this Pi's own glusterd, too, which knows the volume where it is a peer.
goes_on_at() {
  local other
  for other in localhost "${others[@]}"; do
    if [ "$(volume_id_at "$other")" = "$(mark)" ]; then
      echo "$other" && return
    fi
  done
}

# volume_elsewhere: another Pi has the volume, and this one has no part in it yet.
volume_elsewhere() {
  local other
  for other in localhost "${others[@]}"; do
    if [ -n "$(bricks_at "$other")" ]; then return; fi
  done
  return 1
}

# begun: the id of a volume that gluster began to make of this folder, and did not: every Pi says that it has no such
# volume, and nothing has served the folder since it was noted. gluster marks the folders first, and a create that was
# cut off leaves the marks.
begun() {
  local mark other answer
  mark=$(mark)
  [ -n "$mark" ] && [ -e "$unserved" ] && [ "$(served_last)" = "$(cat "$unserved")" ] &&
    [ -z "$(brick_name "$(my_uuid)")$(brick_process)$(old_processes)" ] || return 0
  # Also of other names, and in what was moved aside of glusterd's files.
  ! grep -qsx "volume-id=$mark" /var/lib/glusterd/vols/*/info "$notes"/glusterd-*/vols/*/info || return 0
  for other in localhost "${others[@]}"; do
    answer=$(gluster_xml --remote-host="$other" volume info)
    [[ $answer == *"</cliOutput>"* && $answer != *"$mark"* ]] || return 0
  done
  echo "$mark"
}

# served_last: what a brick's process leaves of itself: the id of the root and the indices when it is started for the
# first time, their times at each write, and the time of a file that it writes anew every 30 s.
served_last() {
  echo "$brick $(file_system)"
  { getfattr --only-values -n trusted.gfid "$brick" 2>/dev/null || true; } | od -An -tx1
  stat -c '%n %i %y' "$brick/.glusterfs/health_check" "$brick/.glusterfs/indices"{,/xattrop,/dirty} 2>/dev/null || true
}

note_served_last() {
  mkdir -p "$notes"
  served_last >"$unserved.new"
  sync "$unserved.new"
  mv -T "$unserved.new" "$unserved"
}

# clear: what lies there is kept.
clear() {
  move_aside
  mkdir -p "$brick"
}

# counted_on: by which UUID another Pi's volume has a brick on this one; nothing where none has.
counted_on() {
  local other uuid
  for other in "${others[@]}"; do
    uuid=$(known_to "$other")
    if [ -n "$uuid" ] && bricks_at "$other" | grep -q "^$uuid "; then
      echo "$uuid" && return
    fi
  done
}

# The volume fills a new folder from the copies that are up to date.
# set_aside ADDRESS: of what is stopped nothing can be proven, and the volume's own state comes later.
set_aside() {
  if [ "$(volume_status)" = Stopped ]; then
    start_volume
    until_true "$start_wait" serves_copy "$1" || true
  fi
  drop_old_copy "$1"
  mkdir -p "$brick"
}

# The data stay. Where the volume goes on without this Pi, so does the mark, by which an old copy is known for one.
unwant() {
  rm -f "$note" "$unserved"
  if [ -e "$order_path" ]; then
    rm "$order_path"
    systemctl daemon-reload
  fi
  [ -d "$brick" ] || return 0
  forget_full # nobody keeps the note any more
  # Of files: a glusterd that does not run knows no volume.
  [ -e "/var/lib/glusterd/vols/$volume/info" ] || unmark
  say "the data stay on $pi in $brick; delete that folder yourself if you do not want them any more"
}
