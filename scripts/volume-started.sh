# shellcheck shell=bash disable=SC2154
# The volume is started and the brick of every connected Pi runs. Parameters: volume

patience=30 # seconds until a started brick listens; 1 to 2 s in the lab

want() {
  need gluster glusterfs-server
  local status dead
  status=$(volume_status)
  if [ "$status" != Started ]; then
    change "volume $volume is ${status:-missing}" start
    return
  fi
  dead=$(dead_bricks)
  [ -z "$dead" ] || change "no brick process for $dead" start
}

volume_status() { gluster volume info "$volume" 2>/dev/null | sed -n 's/^Status: //p' || true; }

# Port N/A means that nothing listens; the bricks of a Pi that is off are not in the list at all.
dead_bricks() {
  gluster --xml volume status "$volume" 2>/dev/null | tr -d '\n' | sed 's:<node>:\n&:g' |
    sed -n 's:.*<hostname>\([^<]*\)</hostname>.*<path>\(/[^<]*\)</path>.*<status>0</status>.*:\1\:\2:p' | tr '\n' ' '
}

running() { [ -z "$(dead_bricks)" ]; }

# "force" also starts the bricks that died in a started volume; the living are not touched.
start() {
  gluster --mode=script volume start "$volume" force >/dev/null || fail "cannot start volume $volume"
  until_true "$patience" running || fail "no brick process after $patience s for $(dead_bricks): see /var/log/glusterfs/bricks there"
}

unwant() {
  command -v gluster >/dev/null && [ "$(volume_status)" = Started ] || return 0
  gluster --mode=script volume stop "$volume" >/dev/null || fail "cannot stop volume $volume: is it mounted or healing?"
}

main "$@"
