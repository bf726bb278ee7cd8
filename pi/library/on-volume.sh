# shellcheck shell=bash disable=SC2154
# The volume as it is mounted on this Pi, and what is written through it.

takes mount_point

# mounted: the volume is at mount_point.
mounted() { findmnt -n -t fuse.glusterfs --mountpoint "$mount_point" >/dev/null; }

# need_mount: without it the files would land on the card, under the mount point; and what is on the volume stays there.
need_mount() {
  if mounted; then return; fi
  case $mode in
    apply) fail "$mount_point is not mounted" ;;
    remove) say "$mount_point is not mounted, so what is on the volume stays there" ;;
    *) tell change "not yet: $mount_point is not mounted" ;;
  esac
  exit 0
}
