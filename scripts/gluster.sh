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
  ! once systemctl is-active glusterd.service >/dev/null || return 0
  [ "$mode" != apply ] || fail "glusterd does not run"
  [ "$mode" = remove ] || printf 'mend: not yet: glusterd does not run\n'
  exit 0
}

# gluster_says QUESTION...: what this Pi's glusterd answers; nothing where it does not.
gluster_says() { once timeout "$answer_wait" gluster "$@" 2>/dev/null || true; }

# volume_info: what this Pi's glusterd knows of the volume; nothing where it knows none.
volume_info() { gluster_says volume info "$volume"; }

# bricks_in: address:path of each brick in what "volume info" says, on stdin.
bricks_in() { sed -nE 's/^Brick[0-9]+: ([^ ]+).*/\1/p'; }

# volume_bricks: address:path of each brick of the volume, the arbiter's too.
volume_bricks() { volume_info | bricks_in; }

# volume_arbiter: address:path of the brick that has names and times only; nothing where all are full copies.
volume_arbiter() { volume_info | sed -nE 's/^Brick[0-9]+: ([^ ]+) \(arbiter\)$/\1/p'; }

# volume_copies: address:path of each full copy.
volume_copies() { volume_bricks | grep -vxF -- "$(volume_arbiter)" || true; }

# volume_status: Created, Started or Stopped; nothing where there is no volume.
volume_status() { volume_info | sed -n 's/^Status: //p'; }

# peers: name, UUID and state of each.
peers() {
  gluster_says peer status | sed -n '/^Hostname: /{s///;h}; /^Uuid: /{s///;H}; /^State: /{s///;H;x;s/\n/ /g;p}' || true
}

# heal_counts: a line for each brick, the number of files that wait to be healed; "-" where it is off.
heal_counts() { gluster_tell volume heal "$volume" info | sed -n 's/^Number of entries: //p'; }

# remove_brick BRICK: it leaves the volume; the data stay in its folder. Never the last copy. gluster takes no copy out
# of a volume that has an arbiter, so the arbiter goes first, and joins again when there are two copies.
remove_brick() {
  local answer arbiter
  arbiter=$(volume_arbiter)
  if [ "$1" != "$arbiter" ]; then
    [ "$(volume_copies | wc -l)" -gt 1 ] ||
      fail "$1 is the last copy of volume $volume: it stays, bring another one back first"
    [ -z "$arbiter" ] || remove_brick "$arbiter"
  fi
  answer=$(gluster_tell volume remove-brick "$volume" replica "$(($(volume_bricks | wc -l) - 1))" "$1" force) ||
    fail "cannot part the brick $1 from volume $volume: $answer"
  # Two of three can agree no more, and of two the one that is left serves alone; the volume's options say auto again.
  [ "$1" != "$arbiter" ] || gluster_tell volume set "$volume" cluster.quorum-type none >/dev/null ||
    fail "cannot let one copy of volume $volume serve alone"
}
