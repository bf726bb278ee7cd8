# shellcheck shell=bash disable=SC2154
# The volume as it is mounted on this Pi, and what is written through it.

takes mount_point

# mounted: the volume is at mount_point.
mounted() { findmnt -n -t fuse.glusterfs --mountpoint "$mount_point" >/dev/null; }

# need_mount: without it the files would land on the card, under the mount point.
need_mount() {
  if mounted; then return; fi
  [ "$mode" != apply ] || fail "$mount_point is not mounted"
  [ "$mode" = remove ] || tell change "not yet: $mount_point is not mounted"
  exit 0
}
