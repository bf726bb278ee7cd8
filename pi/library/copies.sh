# shellcheck shell=bash disable=SC2154
# What is known of a copy besides what gluster says: who serves it, and whether it differs from another one, which
# compare.sh finds.

use bricks

# On a brick: the port of its process, UUID and port of the other one, and a path in which the two differ.
differs_note=trusted.afr.twopir-differs

# known_difference UUID FOLDER: what that Pi's brick notes, which is FOLDER here: UUID of the other one and a path. It
# is about these two processes: a brick that was made anew has another one, at another port. Of ports any number may be
# asked at once, of processes gluster tells one after the other.
known_difference() {
  local note own_port other port path
  note=$(getfattr --only-values -n "$differs_note" "$2" 2>/dev/null | tr '\n\0' '?') || return 0
  read -r own_port other port path <<<"$note"
  [ "$own_port" = "$(port_of "$1")" ] && [ "$port" = "$(port_of "$other")" ] || return 0
  echo "$other $path"
}
port_of() { brick_port "$(brick_name "$1")"; }

# differing UUID [OTHER]: a line for each copy, or for that of OTHER alone, that is known to differ from that Pi's: its
# UUID and a path. Of the bricks that are shown.
differing() {
  local uuid copies at other path
  copies=$(volume_copies)
  for uuid in $copies; do
    at=$(shown_as "$uuid")
    [ -n "$at" ] || continue
    read -r other path <<<"$(known_difference "$uuid" "$at")"
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
