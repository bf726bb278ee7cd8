# shellcheck shell=bash disable=SC2154
# No file of the volume is in split brain: written on one Pi while it was parted from the other, and there too; and no
# name of it was given to two things. Which one counts is for the user to say, in words.

use bricks on-volume
takes brick      # path
takes choice     # report, newest or the name of a Pi
takes 'stores[]' # name and address of each Pi that stores

meeting=10 # seconds for which gluster may list what is just being healed, as two Pis meet again

want() {
  local listed path
  need_glusterd
  something_to_heal || return 0
  mapfile -t listed < <(listed)
  [ "${#listed[@]}" -gt 0 ] || return 0
  if [ "$mode" = apply ] && [ "$choice" = report ]; then
    heal_now
    if until_true "$meeting" nothing_listed; then return; fi
  fi
  need_mount
  for path in "${listed[@]}"; do
    if [ ! -d "$mount_point$path" ]; then
      change "$path is in split brain" settle "$path"
    else
      folder "$path"
    fi
  done
}

# Asking gluster for split brains takes a second; where nothing waits to be healed there is none. The index has an entry
# for each file that waits, beside the one that the others are links of.
something_to_heal() {
  [ ! -d "$brick" ] ||
    [ -n "$(find "$brick/.glusterfs/indices/xattrop" -type f ! -name 'xattrop-*' -print -quit 2>/dev/null)" ]
}

# listed: what gluster says, by its path from the volume's root.
listed() { gluster_tell volume heal "$volume" info split-brain | { grep -E '^(/|<gfid:)' || true; } | sort -u; }

# folder PATH: gluster lists one whose owner or mode was changed on both sides, and one in which a name was given to two
# things, without that name.
folder() {
  local name names
  [[ $(split_status "$mount_point$1") != *:yes* ]] ||
    change "the owner or the mode of $1 is in split brain" settle "$1"
  [ -n "${shown:-}" ] || show_bricks
  [ "${#bricks_shown[@]}" -gt 1 ] ||
    fail "the bricks do not answer, so nobody can tell which names in $1 are in split brain: run pulumi up again"
  mapfile -d '' -t names < <(twice "${1%/}")
  for name in "${names[@]}"; do
    change "${name//$'\n'/?} is in split brain: $(described "$name")" settle_name "$name"
  done
}

nothing_listed() { [ -z "$(listed)" ]; }

split_status() { getfattr --only-values -n replica.split-brain-status "$1" 2>/dev/null | tr -d '\0' || true; }

# twice FOLDER: the path of each name in it that is not the same thing on all bricks, ended by NUL. A client makes the
# inode number of the gfid, by which gluster tells things apart. What can be read all the same is being healed.
twice() {
  local i name
  for i in "${!bricks_shown[@]}"; do
    find "$shown/$i$1" -mindepth 1 -maxdepth 1 -printf '%i %f\0' 2>/dev/null || true
  done | sort -zu | cut -z -d ' ' -f 2- | sort -z | uniq -zd | while IFS= read -r -d '' name; do
    readable "$1/$name" || printf '%s/%s\0' "$1" "$name"
  done
}

readable() { timeout 5 stat "$mount_point$1" >/dev/null 2>&1; }

# described PATH: what each Pi has there.
described() {
  local i thing kind text='' seen=''
  declare -A kinds=([f]=file [d]=folder [l]=link)
  for i in "${!bricks_shown[@]}"; do
    thing=$(thing "$i" "$1")
    [ -n "$thing" ] || continue
    kind=${kinds[${thing#* }]:-special file}
    case $seen in
      *" $thing,"*) kind="the same" ;;
      *" ${thing#* },"*) kind="another $kind" ;;
      *) kind="a $kind" ;;
    esac
    text+=", $kind on $(pi_of "${bricks_shown[i]}")"
    seen+=" $thing,"
  done
  echo "${text#, }"
}

# thing N PATH: inode number and kind of what the brick N has there; nothing where it has nothing.
thing() { find "$shown/$1$2" -maxdepth 0 -printf '%i %y' 2>/dev/null || true; }

# pi_of BRICK: the name of its Pi; one that twopir does not list is called by its brick.
pi_of() {
  local store
  for store in "${stores[@]}"; do
    if [ "$(brick_of "${store#* }")" = "$1" ]; then echo "${store% *}" && return; fi
  done
  echo "$1"
}

# brick_of ADDRESS: what the volume calls the brick of the Pi there, whose name in it may be another one.
brick_of() { brick_name "$(uuid_of "$1")"; }

settle() { # FILE
  local which
  case $choice in
    report) report "$1" ;;
    newest) which=$(newest "$1") ;;
    *) which=$(chosen) ;;
  esac
  # gluster makes a connection of its own for it, which a busy Pi may be too slow for.
  until_true "$brick_wait" settle_by "$which" "$1" >/dev/null ||
    fail "gluster cannot settle $1: $(settle_by "$which" "$1")"
  say "$1: settled by the copy in $which"
  heal_now
}

settle_by() { gluster_tell volume heal "$volume" split-brain source-brick "$1" "$2"; } # BRICK FILE

report() {
  fail "$1 is in split brain. Both versions are kept until you choose: compare them ($brick$1 on each Pi)," \
    "then set twopir:splitBrain to the name of the Pi whose copy counts, or to newest, and run pulumi up again" \
    "(docs/operations.md#split-brain)"
}

# chosen: the brick of the Pi that the user named.
chosen() {
  local store
  for store in "${stores[@]}"; do
    [ "${store% *}" != "$choice" ] || brick_of "${store#* }"
  done
}

# Otherwise its turn comes within a minute (cluster.heal-timeout).
heal_now() { gluster_tell volume heal "$volume" >/dev/null || true; }

# newest FILE: the brick with the copy that was changed last. gluster's own "latest-mtime" cannot tell: before it
# compares them it gives both the time of one of them. The time of change (ctime) stays each copy's own, and a mount
# shows the copy that it is told to.
newest() {
  local client changed file=$mount_point$1
  changed=$(for client in $(copies "$file"); do
    look_at "$client" "$file"
    stat -c "%.9Z $client" "$file"
  done | sort)
  look_at none "$file"
  client=$mount_point/.meta/graphs/active/$(latest "$1" <<<"$changed")/options
  echo "$(cat "$client/remote-host"):$(cat "$client/remote-subvolume")"
}

# copies FILE: gluster's names of the bricks that have one of the copies.
copies() { split_status "$1" | sed -n 's/.*Choices://p' | tr ',' ' '; }

look_at() { setfattr -n replica.split-brain-choice -v "$1" "$2" || fail "cannot look at the copy $1 of $2"; }

# latest PATH: the second word of the line with the latest time, of lines on stdin: TIME WORD
latest() {
  local changed
  changed=$(sort -n)
  [ "$(cut -d ' ' -f 1 <<<"$changed" | sort -u | wc -l)" -gt 1 ] ||
    fail "both copies of $1 were changed at the same time:" \
      "set twopir:splitBrain to the name of the Pi whose copy counts"
  tail -n 1 <<<"$changed" | cut -d ' ' -f 2
}

# settle_name PATH: what counts keeps the name, and the other thing gets another one, on the bricks that have it; then
# gluster copies both to where they are missing. gluster's own "source-brick" deletes the other one, a folder with all
# that is only in there, and refuses where a file stands against a folder.
settle_name() {
  local i kept thing path
  declare -A aside=()
  : "${time:=$(date -u +%Y%m%dT%H%M%SZ)}" # one folder for all that this run settles, which no Pi can have already
  case $choice in
    report) report "$1" ;;
    newest) i=$(newest_at "$1") ;;
    *) i=$(chosen_at) ;;
  esac
  kept=$(thing "$i" "$1")
  [ -n "$kept" ] || fail "$choice has nothing at $1: set twopir:splitBrain to the name of a Pi that has"
  for i in "${!bricks_shown[@]}"; do
    thing=$(thing "$i" "$1")
    if [ -n "$thing" ] && [ "$thing" != "$kept" ]; then
      aside[$thing]=${aside[$thing]:-/aside-$time/$(pi_of "${bricks_shown[i]}")$1}
      rename "$i" "$1" "${aside[$thing]}"
    fi
  done
  # Asked for by its name, a thing is copied at once to where it is missing.
  for path in "$1" "${aside[@]}"; do
    until_true "$brick_wait" readable "$path" || fail "$mount_point$path cannot be read yet: run pulumi up again"
  done
  heal_now
}

# rename N PATH NEW: by the process of the brick N, which knows what else has to be done for it.
rename() {
  say "$2 of $(pi_of "${bricks_shown[$1]}") goes to $mount_point$3:" \
    "delete it there when you have made sure that nothing in it is missed"
  mkdir -p "$(dirname "$mount_point$3")"
  mv -T "$shown/$1$2" "$shown/$1$3"
}

# newest_at PATH: the number of the brick whose thing was changed last; of a folder counts all that is in it.
newest_at() {
  local i
  for i in "${!bricks_shown[@]}"; do
    [ -z "$(thing "$i" "$1")" ] || echo "$(find "$shown/$i$1" -printf '%C@\n' | sort -n | tail -n 1) $i"
  done | latest "$1"
}

# chosen_at: the number of the brick of the Pi that the user named.
chosen_at() {
  local i
  for i in "${!bricks_shown[@]}"; do
    if [ "${bricks_shown[i]}" = "$(chosen)" ]; then echo "$i" && return; fi
  done
  fail "the brick of $choice does not answer: bring it back, then run pulumi up again"
}

unwant() { :; }
