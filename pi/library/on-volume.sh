# shellcheck shell=bash disable=SC2154
# The volume as it is mounted on this Pi, and what is written through it.

takes mount_point

# mounted: the volume is at mount_point. By the kernel's list alone, since whoever asks the path hangs with the mount.
mounted() { [[ $'\n'$(once volume_mounts)$'\n' == *$'\n'"$mount_point"$'\n'* ]]; }
volume_mounts() { findmnt -n -l -t fuse.glusterfs -o TARGET; }

# mount_answers: one that lost its bricks hangs or says ENOTCONN.
mount_answers() { once ask_mount "$stat_wait"; }
ask_mount() { timeout "$1" stat -t "$mount_point" >/dev/null 2>&1; }
stat_wait=15 # seconds; a brick that answers nothing holds up every mount for ten (network.ping-timeout)

# need_mount: without it the files would land on the card, under the mount point; and what is on the volume stays there.
need_mount() {
  local fault="is not mounted"
  if mounted; then
    if mount_answers; then return; fi
    fault="does not answer"
  fi
  case $mode in
    apply) fail "$mount_point $fault" ;;
    remove) say "$mount_point $fault, so what is on the volume stays there" ;;
    *) tell change "not yet: $mount_point $fault" ;;
  esac
  exit 0
}
