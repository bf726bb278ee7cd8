# shellcheck shell=bash disable=SC2154
# For states that ask or tell gluster something.

use network
takes volume

busy_wait=90   # seconds; a create or an add-brick of another Pi takes a few
answer_wait=10 # seconds; glusterd answers in 0.1 s, and a dead peer can make it silent for two minutes
# A check that asks twice ends in its time, see check_limit.
[ "$mode" != check ] || answer_wait=6

# On a brick; see programs/full-copy.sh. Every other attribute of a brick's root is healed, so that a note would come to
# the other Pis' bricks.
full_note=trusted.afr.twopir-full
alone_note=trusted.afr.twopir-alone # when this copy was last known to be full and the only one, in seconds
# Which volume this folder was a copy of until a pulumi destroy.
# shellcheck disable=SC2034 # gate.sh and glusterd.sh use it
given_up_note=trusted.afr.twopir-given-up

# Whenever it starts, gluster's command asks for the version of geo-replication, in Python: 0.06 of the 0.07 s of
# processor time that an answer takes on a PC. Here that Python ends at once, and gluster knows no geo-replication. For
# the command alone: what else these scripts start may be in Python. It would leave its bytecode beside the file.
# shellcheck disable=SC2154 # here: twopir sets it
gluster_command=(env "PYTHONPATH=$here/library/no-geo-replication" PYTHONDONTWRITEBYTECODE=1 gluster)

# gluster_tell ARGUMENT...: a command to gluster, tried again while another one is in progress, which gluster refuses,
# or a peer that was away reads what it missed, which for a second or two after it is connected refuses all without a
# reason ("Error, Validation Failed"). Prints gluster's answer; false where it refuses for good.
gluster_tell() {
  local answer status end=$((SECONDS + busy_wait))
  while true; do
    status=0
    answer=$("${gluster_command[@]}" --mode=script "$@" 2>&1) || status=$?
    [[ $status -ne 0 && $answer =~ $not_now && $SECONDS -lt $end ]] || break
    sleep 1
  done
  printf '%s\n' "$answer"
  return "$status"
}

# need_glusterd: nothing can be said of peers and volumes while this Pi's glusterd is not there or does not run.
need_glusterd() {
  need gluster glusterfs-server
  if ! once systemctl is-active -q glusterd.service; then
    [ "$mode" != apply ] || fail "glusterd does not run"
    [ "$mode" = remove ] || tell mend "not yet: glusterd does not run"
    exit 0
  fi
  if [ "$mode" = check ] && ! { answered peer status && answered volume info "$volume"; }; then
    tell mend "not yet: glusterd does not answer"
    exit 0
  fi
}

not_now='Another transaction|Locking failed|in progress|Error, Validation Failed'

# gluster_says QUESTION...: what this Pi's glusterd answers; nothing where it does not.
gluster_says() { once ask_gluster "$@"; }
ask_gluster() { timeout "$answer_wait" "${gluster_command[@]}" "$@" 2>/dev/null || true; }

# gluster_xml [--remote-host=ADDRESS] QUESTION...: the same as XML in one line. Peers and bricks are told apart by the
# UUIDs in it, since a peer has as many names as there are Pis that probed it. Where something is to be changed, this
# Pi's glusterd is asked until it answers: that it says nothing would look like "there is none".
gluster_xml() { once flat_xml "$@"; }
flat_xml() {
  local answer end=$((SECONDS + busy_wait))
  while true; do
    answer=$(ask_gluster "$@" --xml | sed -zE 's/\n//g; s/> +</></g')
    [[ $mode == @(apply|remove) && $1 != --remote-host=* ]] || break
    [[ $answer != *"</cliOutput>"* || $answer =~ "Another transaction"|"Locking failed" ]] || break
    if [ $SECONDS -ge $end ] || ! systemctl is-active -q glusterd.service; then
      fail "glusterd does not answer, so nothing is known of peers and volumes: see \"systemctl status glusterd\" on" \
        "${pi:-it}, then run it again"
    fi
    sleep 1
  done
  printf '%s\n' "$answer"
}

answered() { [[ $(gluster_xml "$@") == *"</cliOutput>"* ]]; }

# volume_xml: what this Pi's glusterd knows of the volume; nothing where it knows none.
volume_xml() {
  local xml
  xml=$(gluster_xml volume info "$volume")
  [[ $xml != *'<bricks>'* ]] || printf '%s\n' "$xml"
}

# field NAME XML: the text of the only such element.
field() { [[ $2 != *"<$1>"* ]] || element "${2##*"<$1>"}"; }
element() { printf '%s\n' "${1%%<*}"; }

# bricks_in: UUID of its Pi, name (host:path) and kind (data or arbiter) of each brick in what "volume info" says, on
# stdin.
bricks_in() {
  sed 's:<name>:\n&:g' |
    sed -nE 's:^<name>([^<]*)</name><hostUuid>([^<]*)</hostUuid><isArbiter>([01]).*:\2 \1 \3:; T
      s/ 0$/ data/; s/ 1$/ arbiter/; p'
}

# bricks_at, volume_id_at ADDRESS: by the word of the Pi there.
bricks_at() { gluster_xml --remote-host="$1" volume info "$volume" | bricks_in; }
volume_id_at() { field id "$(gluster_xml --remote-host="$1" volume info "$volume")"; }

# mark: the id of the volume that this Pi's folder is a copy of; nothing where it is none's.
mark() {
  local hex
  hex=$({ getfattr --only-values -n trusted.glusterfs.volume-id "$brick" 2>/dev/null || true; } | od -An -v -tx1)
  hex=${hex//[ $'\n']/}
  [ -z "$hex" ] || echo "${hex:0:8}-${hex:8:4}-${hex:12:4}-${hex:16:4}-${hex:20}"
}

# volume_bricks: bricks_in, of the volume, by this Pi's glusterd.
volume_bricks() { once own_bricks; }
own_bricks() { volume_xml | bricks_in; }

# brick_name UUID: what the volume calls that Pi's brick; nothing where it has none there.
brick_name() {
  local bricks uuid name
  bricks=$(volume_bricks)
  while read -r uuid name _; do
    [ "$uuid" != "$1" ] || [ -z "$name" ] || echo "$name"
  done <<<"$bricks"
}

# volume_arbiter: UUID of the Pi whose brick has names and times only; nothing where all are full copies.
volume_arbiter() { volume_bricks | awk '$3 == "arbiter" { print $1 }'; }

# volume_copies: UUIDs of the Pis that have a full copy.
volume_copies() { volume_bricks | awk '$3 == "data" { print $1 }'; }

# volume_status: Created, Started or Stopped; nothing where there is no volume.
volume_status() { field statusStr "$(volume_xml)"; }

# volume_option NAME: its value; nothing where it is not set.
volume_option() {
  local xml name="<option><name>$1</name><value>"
  xml=$(volume_xml)
  [[ $xml != *"$name"* ]] || element "${xml##*"$name"}"
}

# peers_in: UUID, state (3: in the cluster), connected (0 or 1) and all names of each peer in what "peer status" says,
# on stdin.
peers_in() {
  sed 's:<peer>:\n&:g' |
    sed -nE 's:.*<uuid>(.*)</uuid>.*<hostnames>(.*)</hostnames><connected>(.)<.*<state>(.*)</state>.*:\1 \4 \3 \2:; T
      s:</?hostname>: :g; p'
}

peers() { once own_peers; }
own_peers() { gluster_xml peer status | peers_in; }

# present UUID: that Pi's glusterd is this one, or a peer that is connected.
present() { [ "$1" = "$(my_uuid)" ] || [[ $(peers) =~ "$1 "[0-9]+" 1 " ]]; }

# my_uuid: nothing where this Pi's glusterd has none yet; it would make one if it were asked, and a look changes
# nothing.
my_uuid() { values UUID /var/lib/glusterd/glusterd.info; }

glusterd_answers() { [ -n "$(gluster_says peer status)" ]; }

# uuid_there ADDRESS: what glusterd at the address calls itself; nothing where none answers.
uuid_there() {
  local answer
  answer=$(gluster_says --remote-host="$1" system:: uuid get)
  [[ $answer != "UUID: "* ]] || echo "${answer#UUID: }"
}

# is_at NAME ADDRESS: a peer of this name is the Pi at that address. A Pi's own name is one of its loopback addresses.
is_at() {
  local found
  [ "$1" != "$2" ] || return 0
  ! [[ $1 =~ ^[0-9.]+$ ]] || return 1
  found=$(timeout 3 getent ahostsv4 "$1" | cut -d ' ' -f 1)
  grep -qxF "$2" <<<"$found" || { own "$2" && grep -q '^127\.' <<<"$found"; }
}

# peer_at ADDRESS: UUID of the peer on stdin that has a name of the Pi at that address.
peer_at() {
  local uuid names name
  while read -r uuid _ _ names; do
    for name in $names; do
      if is_at "$name" "$1"; then echo "$uuid" && return; fi
    done
  done
}

# known_to OTHER: by which UUID the Pi at that address has this one, at address, as a peer; nothing where it has not.
known_to() { gluster_xml --remote-host="$1" peer status | peers_in | peer_at "$address"; }

# uuid_of ADDRESS: whom the pool takes for the Pi at that address; nothing where it knows none.
uuid_of() {
  local uuid known
  if own "$1"; then my_uuid && return; fi
  known=$(peers)
  uuid=$(peer_at "$1" <<<"$known")
  # One that has no peers is in no pool, and would make a UUID if it were asked for it.
  [ -n "$uuid" ] || [ -z "$(gluster_xml --remote-host="$1" peer status | peers_in)" ] ||
    uuid=$(awk -v uuid="$(uuid_there "$1")" '$1 == uuid { print $1 }' <<<"$known")
  [ -z "$uuid" ] || echo "$uuid"
}

# origin: whether the volume is made by us or adopted, which it says in an option of its own, since any Pi may have to
# know; nothing where we have no part in it. gluster never takes such an option away, so one that we left says "left".
origin() {
  local option
  option=$(volume_option user.twopir)
  [[ ! $option =~ ^(made|adopted) ]] || echo "${BASH_REMATCH[1]}"
}

# had KEY: what an adopted volume had before us; nothing where that was not noted.
had() { volume_option user.twopir | tr ' ' '\n' | sed -n "s/^$1=//p"; }

# note_origin WORD [KEY=VALUE...]
note_origin() {
  local answer
  answer=$(gluster_tell volume set "$volume" user.twopir "$*") ||
    fail "cannot note where volume $volume is from: $answer"
}

# left_on UUID: names of the volumes with a brick on that Pi that we have no part in.
left_on() {
  gluster_xml volume info | sed 's:<volume>:\n&:g' | { grep -F "<hostUuid>$1</hostUuid>" || true; } |
    { grep -vE '<name>user.twopir</name><value>(made|adopted)' || true; } |
    sed -nE 's:^<volume><name>([^<]*)<.*:\1:p'
}

# start_volume: where it is not.
start_volume() {
  local answer
  if [ "$(volume_status)" = Started ]; then return; fi
  answer=$(gluster_tell volume start "$volume") || fail "cannot start volume $volume: $answer"
}

# brick_process: pid and port of what serves this Pi's brick: the process at the port that glusterd tells the clients,
# on the folder of today. An old process may go on with a folder that was moved away, or where nobody looks for it;
# glusterd counts both as online.
brick_process() {
  local port pid fd
  port=$(brick_port "localhost:$brick")
  [[ $(sockets_at "${port:-0}") =~ '"glusterfsd",pid='([0-9]+) ]] || return 0
  pid=${BASH_REMATCH[1]}
  for fd in "/proc/$pid/fd"/*; do
    if [ "$fd" -ef "$brick" ]; then echo "$pid $port" && return; fi
  done
}

# brick_port NAME: where clients reach the brick; nothing where they do not. It is asked as they do, by TCP: by its
# socket glusterd does not answer that.
brick_port() {
  local port
  port=$(gluster_says --remote-host="${1%%:*}" system:: portmap brick2port "${1#*:}")
  [[ ! $port =~ ^[0-9]+$ ]] || echo "$port"
}

# is_served UUID NAME: that Pi is there, and clients are told where they reach its brick.
is_served() { present "$1" && [ -n "$(brick_port "$2")" ]; }

# lost_mounts: where the volume is mounted by a process that has no connection to a glusterd, so that it hears of no new
# brick and no new option.
lost_mounts() {
  local pid process all at
  local -A serves=() # the last one: that of a mount which was let go lives on while somebody has a file open there
  while read -r pid process; do
    serves[${process##* }]=$pid
  done < <(pgrep -a -f "^/usr/sbin/glusterfs .*--process-name fuse .*--volfile-id=/?$volume( |\$)")
  all=$(ss -Htnp state established)
  for at in "${!serves[@]}"; do
    grep -q ":24007 .*pid=${serves[$at]}," <<<"$all" || echo "$at"
  done
}

# forget_full: this Pi's copy is not known to be full any more.
forget_full() {
  local name
  for name in "$full_note" "$alone_note"; do setfattr -x "$name" "$brick" 2>/dev/null || true; done
}

# glusterd_starts WHAT: a restart of this Pi's glusterd, which starts what is dead of its own, and touches nothing that
# lives, brings WHAT.
glusterd_starts() {
  local met
  met=$(peers | awk '$3 == 1 { print $1 }')
  systemctl restart glusterd.service && until_true "$start_wait" "$1" || return 1
  until_true "$start_wait" all_met "$met" || say "glusterd has not reconnected to all of its peers: $(peers | xargs)"
}
all_met() { # UUIDS
  local uuid
  for uuid in $1; do present "$uuid" || return 1; done
}
start_wait=15 # seconds; 1 to 2 s in the lab
