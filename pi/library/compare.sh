# shellcheck shell=bash disable=SC2154
# Whether two copies hold the same. gluster heals what a brick has noted of another one, and compares nothing by itself:
# a card image of last week that is put back, a file that fsck took away, or one that was edited in a brick, nobody has
# noted, and each Pi serves what it has. So each Pi lists what lies in its brick, on its own disk, and puts the list on
# the volume, where the next one compares it with its own. Only what seems to differ is looked at in the other brick:
# who walks through a brick has gluster give each file that was put there by hand a gfid, another one than elsewhere.

use bricks heals on-volume
takes brick

lists=$mount_point/.copies # a list for each Pi, by glusterd's UUID
work=$notes/lists          # on the card: a million files take 200 MB, and /run is memory; for one at a time
moment=5                   # seconds; what is being written differs for less
# shellcheck disable=SC2034 # programs/full-copy.sh and its state use it
compared=/run/twopir-compared # there while the copies are together: when they were compared, or met
few=20                        # differences that are looked at again

# write_list: with the processes of today, so that nobody takes the list in an old image for one of today.
write_list() {
  install -d -m 700 "$work" && contents >"$work/new" || return 1
  [ -d "$lists" ] || mkdir -m 700 "$lists" 2>/dev/null || [ -d "$lists" ] || return 1
  # Into the file that is there: another one of that name could be a split brain where an old image was put back.
  { ports && printf '\0' && cat "$work/new"; } | gzip -1 >"$lists/$(my_uuid)"
}

# ports: UUID and port of the process of each copy.
ports() {
  local uuid copies
  copies=$(volume_copies)
  for uuid in $copies; do echo "$uuid $(port_of "$uuid")"; done
}

# list_of UUID: what that Pi's copy held when both processes were there that are there now.
list_of() {
  local head uuid
  zcat "$lists/$1" 2>/dev/null | {
    IFS= read -r -d '' head || exit 1
    for uuid in "$1" "$(my_uuid)"; do
      grep -qxF "$uuid $(port_of "$uuid")" <<<"$head" || exit 1
    done
    cat
  }
}

# contents: of all that lies in this Pi's brick, each ended by NUL: kind, mode, owner, group, size and path, and then
# gfid, time of change and path. What a heal does to the size and the time of a folder is no difference; what gluster
# and twopir keep at the root is their own.
contents() (
  cd "$brick" || return 1
  find . -ignore_readdir_race -mindepth 1 \
    \( -path './.glusterfs*' -o -path ./.trashcan -o -path "./${lists##*/}" -o -path ./turn \) -prune -o \
    -type d -printf '%y %m %U %G - %P\0' -o -printf '%y %m %U %G %s %P\0' >"$work/files" || return 1
  {
    cat "$work/files"
    # What has gone since has no gfid.
    { paths "$work/files" | xargs -0 -r getfattr -h -d -e hex -m "$by_gluster" -- 2>/dev/null || true; } |
      perl -ne '
        if (/^# file: (.*)/) { ($path, $gfid, $time) = ($1, "", ""); $path =~ s/\\([0-7]{3})/chr oct $1/ge }
        elsif (/^trusted.gfid=0x(.*)/) { $gfid = $1 }
        elsif (/^trusted.glusterfs.mdata=0x(.*)/) { $time = substr $1, 42, 24 }
        elsif (/^$/ && $gfid) { print "g $gfid ", -d $path && !-l $path ? "-" : $time, " - - $path\0" }'
  } | LC_ALL=C sort -z
)

by_gluster='^trusted\.(gfid|glusterfs\.mdata)$'

# paths FILE: those of a list.
paths() { cut -z -d ' ' -f 6- "$1"; }

# compare_copies: this Pi's copy with the next one, by their lists, and notes what differs. True where nothing does;
# false also where nobody can tell, and then what was noted stays. In a process of its own, see show_bricks.
compare_copies() {
  local other here mine=$brick theirs path i found=() before=() unknown='' foreign=()
  other=$(next_copy)
  [ -n "$other" ] && [ -n "$(brick_process)" ] || return 1
  here=$(ports)
  show_bricks
  theirs=$(shown_as "$other")
  [ -n "$theirs" ] || return 1
  install -d -m 700 "$work"
  list_of "$other" >"$work/theirs" && list_of "$(my_uuid)" >"$work/mine" && nothing_waits && candidates ||
    return 1
  mapfile -d '' foreign <"$work/foreign"
  while IFS= read -r -d '' path; do
    differ "$path" || continue
    found+=("$path")
    before+=("$(times "$path")")
    [ "${#found[@]}" -lt "$few" ] || break
  done <"$work/paths"
  if [ "${#found[@]}" -gt 0 ]; then
    sleep "$moment"
    nothing_waits || return 1
    for i in "${!found[@]}"; do
      if ! differ "${found[i]}"; then
        unset "found[$i]"
      elif [ "$(times "${found[i]}")" != "${before[i]}" ]; then
        unset "found[$i]"
        unknown=yes
      fi
    done
    [ "${#before[@]}" -lt "$few" ] || unknown=yes # there may be more
  fi
  nothing_waits && brick_answers "$theirs" && [ "$(ports)" = "$here" ] || return 1
  if [ "${#found[@]}" -gt 0 ]; then
    path=${found[*]:0:1}
    setfattr -n "$differs_note" -v "$(port_of "$(my_uuid)") $other $(port_of "$other") /${path:0:1000}" "$brick"
    return 1
  fi
  [ -z "$unknown" ] || return 1
  forget_difference
}

forget_difference() { setfattr -x "$differs_note" "$brick" 2>/dev/null || true; }

# next_copy: UUID of the Pi whose copy comes after this one in the volume, and the first after the last; nothing where
# there is no other one.
next_copy() {
  volume_copies | awk -v mine="$(my_uuid)" '
    { uuid[NR] = $1 } $1 == mine { at = NR }
    END { if (at && NR > 1) print uuid[at % NR + 1] }'
}

# candidates: where the two lists differ, and what the other brick has that has no gfid, of which its own Pi tells.
candidates() {
  LC_ALL=C comm -z -3 "$work"/{mine,theirs} >"$work/lines" &&
    paths "$work/lines" | LC_ALL=C sort -zu >"$work/paths" &&
    { grep -za '^g ' "$work/theirs" || true; } >"$work/known" &&
    { grep -zav '^g ' "$work/theirs" || true; } >"$work/all" &&
    LC_ALL=C comm -z -23 <(paths "$work/all" | LC_ALL=C sort -z) <(paths "$work/known" | LC_ALL=C sort -z) \
      >"$work/foreign"
}

# differ PATH: this Pi's brick, on its disk, and the other one's. A time alone is no difference.
differ() {
  local one path
  for path in "${foreign[@]}"; do
    if [[ $1 == "$path" || $1 == "$path"/* ]]; then return 1; fi
  done
  one=$(looks "$mine/$1")
  [ -z "$one" ] || getfattr -h -n trusted.gfid "$mine/$1" >/dev/null 2>&1 || return 0
  [ "$one" = "$(looks "$theirs/$1")" ] || return 0
  case $one in
    f*) ! cmp -s "$mine/$1" "$theirs/$1" ;;
    l*) [ "$(readlink "$mine/$1")" != "$(readlink "$theirs/$1")" ] ;;
    *) return 1 ;;
  esac
}
looks() {
  find "$1" -maxdepth 0 \( -type d -printf '%y %m %U %G' -o -printf '%y %m %U %G %s' \) 2>/dev/null || true
}
times() {
  find "$mine/$1" "$theirs/$1" -maxdepth 0 \( -type d -printf 'folder ' -o -printf '%s %T@ ' \) 2>/dev/null || true
}

# still_differs UUID PATH: from that Pi's copy; also where one cannot tell.
still_differs() {
  local mine=$brick theirs foreign=()
  show_bricks
  theirs=$(shown_as "$1")
  [ -z "$theirs" ] || differ "${2#/}" || ! brick_answers "$theirs"
}

# nothing_waits: gluster says of all bricks that there is nothing to heal.
nothing_waits() {
  local counts
  counts=$(heal_counts) && [ -n "$counts" ] && [[ ! $counts =~ [1-9-] ]]
}

# forget_list: where the Pi is taken out.
forget_list() {
  rm -rf "$work"
  mounted && mount_answers || return 0
  rm -f "$lists/$(my_uuid | grep . || echo none)" 2>/dev/null || true
  rmdir "$lists" 2>/dev/null || true
}
