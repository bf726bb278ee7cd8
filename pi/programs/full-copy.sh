# shellcheck shell=bash disable=SC2154
# Of two copies: notes on this Pi's brick (pid and port of its process) that it is full: both bricks are connected, and
# the other one lists nothing that waits to be healed. While the other one is away the note stays as it is: what was
# written meanwhile, this Pi has. It goes as soon as they are together again after that, until all is healed; as soon as
# this Pi is itself cut off from the network, or its brick answers nobody, since the other one may then be written to;
# and it is about one process, so that a Pi that was off, when the other one may have been written to as well, has
# none. What cuts the two from each other and neither from those who write is not seen; then both are written to, which
# is a split brain.
# Where the other one was away before, and this Pi was off for less than it takes the other to come, be written to and
# go, a new process takes the note over: a power cut or a reboot of the one that is left is nothing that a user can
# help. Runs for ever, as a service; gate.sh reads the note. With more copies most of them know, and none is noted.
# Of any number of copies: it compares this one with the next when they meet, and once a day; see compare.sh.
# It also gives folders a time of change where a heal has left them none.

use connections compare network
takes brick mount_point address # address: of this Pi

beat=2      # seconds between two looks at the connections, which cost nothing
again=60    # seconds after which the heal is looked at without a reason: what one brick refuses (no room) is seen by it
late=5      # seconds between two such looks while there is something to heal; each takes 1 s of processor time on a Pi
grace=3     # looks in a row; a file that is being written waits to be healed for a moment
absence=300 # seconds; a boot takes one minute, until the clock is right after a power cut some more

daily=86400      # seconds between two comparisons: each reads the names of all files of this Pi's brick
retry=600        # seconds, where the copies differ, or cannot be compared
compare_wait=300 # seconds in which they usually have been, after they met
unwritten=2      # exit status where this Pi's list cannot be written

program() {
  local parted=yes due=0 failed=0 heals met=0 comparing='' compare_due=0 list_due=0
  # shellcheck disable=SC2034 # each question is asked anew, and may stay without an answer
  mode=watch
  rm -f "$compared"
  while sleep "$beat"; do
    if ! together; then
      [ "$parted" = yes ] || { due=0 && rm -f "$compared"; }
      parted=yes
      if cut_off; then
        # What a former process noted is judged when the network is there: a boot begins without.
        [ "$(get_note "$full_note")" != "$(brick_process)" ] || forget_full
        continue
      fi
      ! passed_over || forget_full
      if [ "$SECONDS" -ge "$due" ]; then
        if keep; then due=$((SECONDS + again)); else due=$((SECONDS + late)); fi
      fi
      continue
    fi
    if [ "$parted" = yes ]; then
      forget_full
      parted=no due=0 met=$SECONDS compare_due=0 list_due=0
      touch "$compared"
    fi
    [ "$SECONDS" -ge "$due" ] || continue
    give_times -maxdepth 1
    heals=0
    healed || heals=$?
    due=$((SECONDS + late))
    case $heals in
      0)
        failed=0
        set_note "$(brick_process)"
        compare
        [ "$compare_due" -le "$SECONDS" ] || due=$((SECONDS + again))
        ;;
      "$waits")
        failed=$((failed + 1))
        [ "$failed" -lt "$grace" ] || forget_full
        ;;
      "$most_know")
        forget_full
        compare
        ;;
    esac
  done
}

# compare: begins it beside the loop, which cannot wait, or sees that it has ended.
compare() {
  local status=0
  if [ -n "$comparing" ]; then
    [ ! -d "/proc/$comparing" ] || return 0
    wait "$comparing" || status=$?
    rm -rf "$work"
    comparing=''
    [ "$begun" -ge "$met" ] || return 0 # they have parted since
    if [ "$status" = 0 ]; then
      compare_due=$((SECONDS + daily)) list_due=$compare_due
      touch "$compared"
    elif [ $((SECONDS - met)) -lt "$compare_wait" ] && [ -z "$(known_difference "$(my_uuid)" "$brick")" ]; then
      compare_due=0 # the other one's list is not there yet, or something is being healed
      [ "$status" != "$unwritten" ] || list_due=0
    else
      compare_due=$((SECONDS + retry)) list_due=$compare_due
    fi
  elif [ "$SECONDS" -ge "$compare_due" ]; then
    begun=$SECONDS
    (
      begin
      # shellcheck disable=SC2034 # the bricks are mounted to be read only
      mode=check
      give_times # of all, which the list walks through, too
      [ "$SECONDS" -lt "$list_due" ] || write_list || exit "$unwritten"
      compare_copies || exit
    ) &
    comparing=$!
    list_due=$((SECONDS + daily))
  fi
}

# together: this Pi's mount is connected to all bricks.
together() {
  local all
  all=$(connections)
  [ -n "$all" ] && ! grep -q ' 0$' <<<"$all"
}

# give_times [DEPTH...]: of all folders, or as deep as find is told. gluster 10 and 11 may write 0 as the time of change
# of a folder that they heal (their issues 4266 and 4314). A brick's process that is started then lets nobody in but
# root, and says so as long as it runs: visitors get an error, from all Pis when the last brick was started. A chmod
# that changes nothing cures it at once.
give_times() {
  local path
  while IFS= read -r -d '' path; do
    chmod "$(stat -c %a "$mount_point/$path")" "$mount_point/$path" || true
  done < <(timeless "$@")
}

# timeless [DEPTH...]: such folders in the brick, ended by NUL. What gluster keeps of times there begins with a version
# (2 digits), flags (16) and the seconds of the last change (16).
timeless() (
  cd "$brick" || return 1
  { find . "$@" -path ./.glusterfs -prune -o -type d -print0 |
    xargs -0 -r getfattr -h -e hex -n trusted.glusterfs.mdata 2>/dev/null || true; } |
    perl -ne '
      if (/^# file: (.*)/) { ($path = $1) =~ s/\\([0-7]{3})/chr oct $1/ge }
      elsif (/^trusted.glusterfs.mdata=0x.{18}0{16}/) { print "$path\0" }'
)

# cut_off: this Pi has its address on no link that works, or its router is not there: it may answer no ping, but it must
# say where it is to whoever has something for it.
cut_off() {
  local link gateway gone=no
  link=$(interface "$address")
  [ -n "$link" ] && [[ $(ip link show dev "$link") == *LOWER_UP* ]] || return 0
  gateway=$(ip -4 route show default | awk '{ print $3; exit }')
  [ -n "$gateway" ] || return 1
  ! unheard "$gateway" || gone=yes
  { echo >"/dev/udp/$gateway/9"; } 2>/dev/null || true # what comes of it is seen at the next beat
  [ "$gone" = yes ]
}

# alone: it is connected to this Pi's brick, and to no other one.
alone() {
  connections | awk -v mine="$(brick_name "$(my_uuid)")" '
    ($1 == mine) != $2 { other = 1 } END { exit other || NR == 0 }'
}

own_name='' # of this Pi's brick; asked once, since gluster's command takes more than a look at the connections

# passed_over: it is connected to another Pi's brick and not to this one's, as while this disk hangs: what is written,
# the other one has.
passed_over() {
  [ -n "$own_name" ] || own_name=$(brick_name "$(my_uuid)")
  [ -n "$own_name" ] || return 1 # as while glusterd is being started
  connections | awk -v mine="$own_name" '
    $1 == mine { own = $2 } $1 != mine && $2 { other = 1 } END { exit own || !other }'
}

# healed: there are two bricks, and nothing waits on the other one; otherwise its status says that something does, or
# another one that a busy gluster does not tell, which says nothing against a note.
healed() {
  local name answer
  [ "$(connections | wc -l)" -le 2 ] || return "$most_know" # it costs nothing to see that
  name=$(brick_name "$(my_uuid)")
  [ -n "$name" ] || return "$untold"
  answer=$(gluster_tell volume heal "$volume" info) || return "$untold"
  awk -v mine="Brick $name" -v waits="$waits" -v untold="$untold" '
    /^Brick / { here = $0 == mine; bricks++ }
    /^[\/<]/ && !here { waiting = 1 }
    /^Status: / && !/Connected/ { silent = 1 }
    END { exit silent || bricks != 2 ? untold : waiting ? waits : 0 }' <<<"$answer"
}
waits=1
untold=2
most_know=3 # there are more than two

# keep: the note of the copy that is left goes on, and so does the time by which it is judged after a boot.
keep() {
  local process now off
  process=$(brick_process)
  [ -n "$process" ] && [ -n "$(get_note "$full_note")" ] && clock_is_right && alone || return 1
  now=$(date +%s)
  if [ "$(get_note "$full_note")" != "$process" ]; then
    off=$((now - $(get_note "$alone_note" | grep . || echo 0)))
    if [ "$off" -lt 0 ] || [ "$off" -gt "$absence" ]; then
      forget_full
      return 1
    fi
    set_note "$process"
  fi
  setfattr -n "$alone_note" -v "$now" "$brick"
}

# A Pi has no clock that runs while it is off: it goes on where it was until it has asked a time server.
clock_is_right() {
  [ -e /run/systemd/timesync/synchronized ] || [ "$(timedatectl show -P NTPSynchronized 2>/dev/null)" = yes ]
}

set_note() { # PROCESS
  [ -z "$1" ] || [ "$(get_note "$full_note")" = "$1" ] || setfattr -n "$full_note" -v "$1" "$brick" || true
}

get_note() { getfattr --only-values -n "$1" "$brick" 2>/dev/null || true; }
