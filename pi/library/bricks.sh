# shellcheck shell=bash disable=SC2154
# Each brick by itself, as its own process serves it, without replication: there one can see what it has under a name
# that the volume cannot read.

use gluster

brick_wait=5 # seconds until a brick answers; a living one does in 0.5 s, and a look has 25 for all

# show_bricks: mounts each brick that answers at $shown/0, $shown/1 and so on, until the script ends. Sets bricks_shown,
# their names (address:path). In a look nothing can be written there. A brick is connected to by its address, so the
# glusterd there must be the one that the brick belongs to.
show_bricks() {
  local uuid name at bricks kind=(--aux-gfid-mount)
  [ "$mode" != check ] || kind+=(--read-only)
  bricks=$(volume_bricks)
  hide_dead
  shown=/run/twopir/bricks-$BASHPID
  trap 'hide "$shown"' EXIT
  mkdir -p "$(dirname "$shown")"
  mkdir -m 700 "$shown" # a client's section has gluster's own password
  bricks_shown=()
  while read -r uuid name _; do
    if ! present "$uuid" || [ "$(uuid_there "${name%%:*}")" != "$uuid" ]; then continue; fi
    at=$shown/${#bricks_shown[@]}
    mkdir -p "$at"
    client_section "$name" >"$at.vol"
    # The process may outlive a killed script, so it gets none of its locks.
    timeout "$brick_wait" glusterfs "${kind[@]}" -l /dev/null -f "$at.vol" "$at" >/dev/null 2>&1 8>&- 9>&- || continue
    if until_true "$brick_wait" brick_answers "$at"; then bricks_shown+=("$name"); else umount -l "$at"; fi
  done <<<"$bricks"
}

# shown_as UUID: where that Pi's brick is mounted by itself; nothing where it does not answer.
shown_as() {
  local i name
  name=$(brick_name "$1")
  for i in "${!bricks_shown[@]}"; do
    [ "${bricks_shown[i]}" != "$name" ] || echo "$shown/$i"
  done
}

# brick_answers FOLDER: asked of the brick itself; what "stat" says the kernel may remember for a second.
brick_answers() { timeout 2 stat -f "$1" >/dev/null 2>&1; }

# client_section NAME: the part of the volume's graph by which a client connects to the brick NAME, and no other.
client_section() {
  gluster_says system:: getspec "$volume" | awk -v host="${1%%:*}" -v path="${1#*:}" '
    /^volume / { text = ""; hit = 0 } { text = text $0 "\n" }
    $2 == "remote-host" && $3 == host { hit++ } $2 == "remote-subvolume" && $3 == path { hit++ }
    /^end-volume/ && hit == 2 { printf "%s", text }'
}

# hide FOLDER: never rm -r, which would empty a brick that is still mounted.
hide() {
  local at
  for at in "$1"/*/; do umount -l "$at" 2>/dev/null || true; done
  rm -f "$1"/*.vol
  rmdir "$1"/*/ "$1" 2>/dev/null || true
}

# hide_dead: what killed scripts left.
hide_dead() {
  local left
  for left in /run/twopir/bricks-*; do
    [ ! -d "$left" ] || [ -d "/proc/${left##*-}" ] || hide "$left"
  done
}

# On a brick: the port of its process, UUID and port of the other one, and a path in which compare.sh found the two to
# differ.
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
