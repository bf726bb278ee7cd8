# shellcheck shell=bash disable=SC2154
# Whether two copies hold the same. gluster heals what a brick has noted of another one, and compares nothing by itself:
# a card image of last week that is put back, a file that fsck took away, or one that was edited in a brick, nobody has
# noted, and each Pi serves what it has.

use bricks heals
takes brick

differs_note=trusted.afr.twopir-differs # on a brick: the processes of both, the other one's UUID, and a path
moment=5                                # seconds; what is being written differs for less
few=20                                  # differences that are looked at again

# compare_copies: this Pi's copy with the next one, and notes what differs. True where nothing does; false also where
# nobody can tell, and then what was noted stays. In a process of its own, see show_bricks.
compare_copies() {
  local own other process mine theirs path i found=() before=()
  own=$(brick_process)
  other=$(next_copy)
  [ -n "$own" ] && [ -n "$other" ] && process=$(served_by "$other") && [ -n "$process" ] || return 1
  show_bricks
  mine=$(shown_as "$(my_uuid)")
  theirs=$(shown_as "$other")
  [ -n "$mine" ] && [ -n "$theirs" ] || return 1
  contents "$mine" >"$shown/mine.list" && contents "$theirs" >"$shown/theirs.list" && paths || return 1
  while IFS= read -r -d '' path; do
    differ "$path" || continue
    found+=("$path")
    before+=("$(times "$path")")
    [ "${#found[@]}" -lt "$few" ] || break
  done <"$shown/paths.list"
  if [ "${#found[@]}" -gt 0 ]; then
    sleep "$moment"
    for i in "${!found[@]}"; do
      if [ "$(times "${found[i]}")" != "${before[i]}" ] || ! differ "${found[i]}"; then unset "found[i]"; fi
    done
  fi
  brick_answers "$mine" && brick_answers "$theirs" && nothing_waits || return 1
  if [ "${#found[@]}" -eq 0 ]; then
    setfattr -x "$differs_note" "$brick" 2>/dev/null || true
  else
    path=${found[*]:0:1}
    setfattr -n "$differs_note" -v "$own $other $process ${path:0:200}" "$brick"
    return 1
  fi
}

# next_copy: UUID of the Pi whose copy comes after this one in the volume, and the first after the last; nothing where
# there is no other one.
next_copy() {
  volume_copies | awk -v mine="$(my_uuid)" '
    { uuid[NR] = $1 } $1 == mine { at = NR }
    END { if (at && NR > 1) print uuid[at % NR + 1] }'
}

# contents FOLDER: kind, mode, owner, group, size, time and path of all that a brick has, each ended by NUL. What a heal
# does to the time of a folder is no difference, and what gluster keeps at the root is its own.
contents() {
  find "$1" -mindepth 1 \( -path "$1/.glusterfs*" -o -path "$1/.trashcan" \) -prune -o \
    -type d -printf '%y %m %U %G - - /%P\0' -o -printf '%y %m %U %G %s %T@ /%P\0' | LC_ALL=C sort -z
}

# paths: where the two lists differ.
paths() {
  LC_ALL=C comm -z -3 "$shown"/{mine,theirs}.list | cut -z -d ' ' -f 7- | LC_ALL=C sort -zu >"$shown/paths.list"
}

# differ PATH: in the bricks that compare_copies looks at. A time alone is no difference.
differ() {
  local one
  one=$(looks "$mine$1")
  [ "$one" = "$(looks "$theirs$1")" ] || return 0
  case $one in
    f*) ! cmp -s "$mine$1" "$theirs$1" ;;
    l*) [ "$(readlink "$mine$1")" != "$(readlink "$theirs$1")" ] ;;
    *) return 1 ;;
  esac
}
looks() {
  find "$1" -maxdepth 0 \( -type d -printf '%y %m %U %G' -o -printf '%y %m %U %G %s' \) 2>/dev/null || true
}
times() { stat -c '%s %y' "$mine$1" "$theirs$1" 2>/dev/null || true; }

# nothing_waits: gluster says of all bricks that there is nothing to heal.
nothing_waits() {
  local counts
  counts=$(heal_counts) && [ -n "$counts" ] && [[ ! $counts =~ [1-9-] ]]
}

# difference UUID FOLDER: what is noted on that Pi's brick, which is FOLDER here: UUID of the other one and a path. It
# is about the two processes: a brick that was made anew has another one.
difference() {
  local note own_pid own_port other pid port path
  note=$(getfattr --only-values -n "$differs_note" "$2" 2>/dev/null | tr -c '[:print:]' '?') || return 0
  read -r own_pid own_port other pid port path <<<"$note"
  [ "$own_pid $own_port" = "$(served_by "$1")" ] && [ "$pid $port" = "$(served_by "$other")" ] || return 0
  echo "$other $path"
}

# differing UUID [OTHER]: a line for each copy, or for that of OTHER alone, that is known to differ from that Pi's: its
# UUID and a path. Of the bricks that are shown.
differing() {
  local uuid copies at other path
  copies=$(volume_copies)
  for uuid in $copies; do
    at=$(shown_as "$uuid")
    [ -n "$at" ] || continue
    read -r other path <<<"$(difference "$uuid" "$at")"
    [ -n "$other" ] || continue
    case $1 in
      "$uuid") echo "$other $path" ;;
      "$other") echo "$uuid $path" ;;
    esac
  done | { grep "^${2:-.}" || true; }
}

# shown_as UUID: where that Pi's brick is mounted by itself; nothing where it does not answer.
shown_as() {
  local i name
  name=$(brick_name "$1")
  for i in "${!bricks_shown[@]}"; do
    [ "${bricks_shown[i]}" != "$name" ] || echo "$shown/$i"
  done
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
