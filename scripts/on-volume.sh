# shellcheck shell=bash disable=SC2154
# For what is written through this Pi's mount; it goes between lib.sh and the script.

# need_mount: without it the files would land on the card, under the mount point.
need_mount() {
  if mounted; then return; fi
  [ "$mode" != apply ] || fail "$mount_point is not mounted"
  [ "$mode" = remove ] || printf 'change: not yet: %s is not mounted\n' "$mount_point"
  exit 0
}
