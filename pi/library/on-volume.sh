# shellcheck shell=bash disable=SC2154
# The volume as it is mounted on this Pi, and what is written through it.

takes mount_point

# mounted: the volume is at mount_point.
mounted() { findmnt -n -t fuse.glusterfs --mountpoint "$mount_point" >/dev/null; }

stat_wait=10 # seconds, as for a brick that answers nothing (network.ping-timeout)

# need_mount: without it the files would land on the card, under the mount point; and what is on the volume stays there.
need_mount() {
  local fault="is not mounted"
  if mounted; then
    if timeout "$stat_wait" stat -t "$mount_point" >/dev/null 2>&1; then return; fi
    fault="does not answer"
  fi
  case $mode in
    apply) fail "$mount_point $fault" ;;
    remove) say "$mount_point $fault, so what is on the volume stays there" ;;
    *) tell change "not yet: $mount_point $fault" ;;
  esac
  exit 0
}
