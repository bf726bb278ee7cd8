# shellcheck shell=bash disable=SC2154
# What waits to be healed, and this Pi's self-heal daemon, which gives the others what its copy has for them.

use gluster

healer_wait=10 # seconds; it asks for a brick that it has lost every 3 s

# heal_counts: a line for each brick, the number of files that wait to be healed; "-" where it is off.
heal_counts() { gluster_tell volume heal "$volume" info | sed -n 's/^Number of entries: //p'; }

# heal_soon SECONDS: the self-heal daemon reaches the copies that are there, and what waits to be healed is healed now,
# not within cluster.heal-timeout. Looks on for so long; a copy that is off gets it when it comes back. What is in split
# brain waits for the user's word, see split-brain.sh.
heal_soon() {
  local left answer
  healer_settles
  if [ "$(heals_left)" = 0 ] || [[ $(split_brains) =~ ^[1-9] ]]; then return; fi
  # It refuses where a copy is off, or is about to be made anew.
  if answer=$(heal_told); then until_true "$1" heal_settled || true; else say "gluster does not heal yet: $answer"; fi
  left=$(heals_left)
  [ "$left" = 0 ] || say "files that still wait: $left; gluster goes on with them, once every copy is there"
}
heal_told() { gluster_tell volume heal "$volume"; }
heal_settled() {
  local counts
  counts=$(heal_counts) || true
  [[ $counts == *-* || ! $counts =~ [1-9] ]]
}
heals_left() { { heal_counts || true; } | awk '{ sum += $1 } END { print sum + 0 }'; }

# waiting_heals: how many files this copy has still to give to the others, without those that are just on their way.
waiting_heals() { once old_heals; }
old_heals() {
  local first
  first=$(owed)
  [ -n "$first" ] || { echo 0 && return; }
  sleep 1
  owed | { grep -cxFf <(printf '%s\n' "$first") || true; }
}

# owed: what this copy's own notes say that another brick of today lacks. gluster's index lists also what was for a
# brick that has left, and keeps it; "heal info" leaves that out, takes longer, and on a busy Pi may not answer.
owed() {
  local index=$brick/.glusterfs/indices/xattrop ids
  ids=$(ids_of_others)
  find "$index" -type f -not -name 'xattrop-*' -printf '%f\n' 2>/dev/null |
    sed -E "s:^(..)(..).*:$brick/.glusterfs/\1/\2/&:" | tr '\n' '\0' |
    xargs -0r getfattr --absolute-names -d -e hex -m "^trusted\.afr\.(${ids:-.*-client-.*})\$" 2>/dev/null |
    awk '/^# file: / { file = $0 } file && /=0x0*[1-9a-f]/ { print file; file = "" }' || true
}

# ids_of_others: what a copy's notes call the bricks of the other Pis, as names in an extended regular expression.
ids_of_others() {
  gluster_says system:: getspec "$volume" | awk -v mine="$(brick_name "$(my_uuid)")" '
    $1 == "volume" { id = $2 }
    $2 == "remote-host" { host = $3 } $2 == "remote-subvolume" { path = $3 }
    $1 == "end-volume" && path { if (host ":" path != mine) print id; path = "" }' | paste -sd '|'
}

# split_brains: the most that any copy has; nothing where gluster does not say.
split_brains() {
  ask_gluster volume heal "$volume" info split-brain |
    sed -n 's/^Number of entries in split-brain: //p' | sort -n | tail -n 1
}

# heal_begins: everything is compared and copied, also after this script. gluster refuses until a new brick and its
# self-heal daemon are connected, a second or two.
heal_begins() {
  [ "$(volume_status)" = Started ] || return 0
  if switched_off; then return; fi # it begins when that is mended, see volume-options.sh
  until_true "$heal_wait" heal_all >/dev/null || fail "the heal of volume $volume does not start: $(heal_all)"
}
heal_all() { gluster_tell volume heal "$volume" full; }
heal_wait=60 # seconds

healer='^/usr/sbin/glusterfs .*process-name glustershd'
healer_runs() {
  local pid
  pid=$(pgrep -o -f "$healer") && ! halted "$pid"
}
healer_ended() { ! pgrep -f "$healer" >/dev/null; }

# switched_off: its own state says so, see volume-options.sh.
switched_off() { [[ $(volume_option cluster.self-heal-daemon) == @(off|disable|no|0|false) ]]; }

# no_healer_needed: it is switched off, or some copy is not there.
no_healer_needed() { switched_off || ! all_there; }

# start_healer: one that a signal has stopped is let go also where none is needed. Told by gluster to end it cannot, and
# gluster starts no other one beside it.
start_healer() {
  pkill -CONT -f "$healer" || true
  no_healer_needed || until_true "$healer_wait" healer_runs || healer_starts
}
healer_starts() {
  glusterd_starts healer_runs ||
    fail "gluster's self-heal daemon does not start: see /var/log/glusterfs/glustershd.log"
}

# healer_lacks: names of the bricks that answer and whose Pi the daemon has no connection to, but for the one to
# glusterd. When it or a brick's process was started it may wait for ever for a connection that is none, as a mount may
# (see connections.sh); then gluster refuses to heal, though every copy is there.
healer_lacks() {
  local pid reached uuid name address
  pid=$(pgrep -o -f "$healer") || return 0
  reached=$(ss -Htnp state established | awk -v pid="pid=$pid," 'index($0, pid) && $4 !~ /:24007$/ { print $4 }')
  volume_bricks | while read -r uuid name _; do
    address=$(timeout 3 getent ahostsv4 "${name%%:*}" | awk '{ print $1; exit }') || true
    if grep -q "^$address:" <<<"$reached" || ! is_served "$uuid" "$name"; then continue; fi
    if listens 2 "$address" "$(brick_port "$name")"; then echo "$name"; fi
  done
}
healer_reaches_all() { [ -z "$(healer_lacks)" ]; }

# healer_settles: what has just been started may have to be started again. Only for a connection that is missing: its
# start takes one of glusterd, and meanwhile the other Pis miss a peer.
healer_settles() {
  [ "$(volume_status)" = Started ] && [ -n "$(brick_name "$(my_uuid)")" ] || return 0
  until_true "$healer_wait" healer_runs || return 0 # where there is nothing to heal, none does
  if until_true "$healer_wait" healer_reaches_all; then return; fi
  say "gluster's self-heal daemon is not connected to the brick $(healer_lacks | xargs), so it is started again"
  start_healer_again
}

start_healer_again() {
  for _ in 1 2 3; do
    pkill -TERM -f "$healer" || true
    until_true "$start_wait" healer_ended || pkill -KILL -f "$healer" || true
    healer_starts
    if until_true "$healer_wait" healer_reaches_all; then break; fi
  done
  until_true "$start_wait" heal_told >/dev/null ||
    say "gluster does not heal yet: see /var/log/glusterfs/glustershd.log"
}

# all_there: the bricks of all Pis, of more than one: where there is one, there is nothing to heal.
all_there() {
  local uuid name
  [ "$(volume_bricks | wc -l)" -gt 1 ] || return 1
  while read -r uuid name _; do
    is_served "$uuid" "$name" || return 1
  done < <(volume_bricks)
}
