# shellcheck shell=bash disable=SC2154
# For states that ask or tell gluster something; it goes between lib.sh and the script.

busy_wait=90   # seconds; a create or an add-brick of another Pi takes a few
answer_wait=10 # seconds; glusterd answers in 0.1 s, and a dead peer can make it silent for two minutes

# gluster_tell ARGUMENT...: a command to gluster, tried again while another one is in progress, which gluster refuses.
# Prints gluster's answer; false where it refuses for good.
gluster_tell() {
  local answer status end=$((SECONDS + busy_wait))
  while true; do
    status=0
    answer=$(gluster --mode=script "$@" 2>&1) || status=$?
    [[ $status -ne 0 && $answer =~ "Another transaction"|"Locking failed"|"in progress" && $SECONDS -lt $end ]] || break
    sleep 1
  done
  printf '%s\n' "$answer"
  return "$status"
}

# need_glusterd: nothing can be said of peers and volumes while this Pi's glusterd is not there or does not run.
need_glusterd() {
  need gluster glusterfs-server
  ! systemctl is-active -q glusterd.service || return 0
  [ "$mode" != apply ] || fail "glusterd does not run"
  [ "$mode" = remove ] || printf 'mend: not yet: glusterd does not run\n'
  exit 0
}

# gluster_says QUESTION...: what this Pi's glusterd answers; nothing where it does not. A look asks each question once
# and keeps the answers in a folder: gluster takes 0.1 s for one, and the first Pi has some for every peer.
gluster_says() {
  local file="${answers:-}/$*"
  if [ "$mode" != check ] || [ ! -d "${answers:-}" ]; then
    timeout "$answer_wait" gluster "$@" 2>/dev/null || true
    return
  fi
  [ -e "$file" ] || timeout "$answer_wait" gluster "$@" >"$file" 2>/dev/null || true
  printf '%s\n' "$(<"$file")"
}

# volume_info: what this Pi's glusterd knows of the volume; nothing where it knows none.
volume_info() { gluster_says volume info "$volume"; }

# volume_bricks: address:path of each brick of the volume.
volume_bricks() { volume_info | sed -n 's/^Brick[0-9]*: //p'; }

# volume_status: Created, Started or Stopped; nothing where there is no volume.
volume_status() { volume_info | sed -n 's/^Status: //p'; }
