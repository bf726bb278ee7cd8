# shellcheck shell=bash disable=SC2154
# For what mounts the volume on this Pi.

use on-volume

mount_wait=10 # seconds

unit() { systemd-escape -p --suffix=mount "$mount_point"; }

# Through systemd, so that the mount's process belongs to the unit and not to this login.
mount_volume() {
  systemctl reset-failed "$(unit)" 2>/dev/null || true
  systemctl start "$(unit)" ||
    fail "cannot mount $mount_point:" \
      "$(tail -n 3 "/var/log/glusterfs/$(systemd-escape -p "$mount_point").log" 2>/dev/null)"
  until_true "$mount_wait" mounted || fail "$mount_point is not mounted after $mount_wait s"
  # nginx would go on with files that it has open of the former mount, see lost_files in nginx.sh. Where it does not
  # reload, its own state says why.
  ! systemctl is-active -q nginx.service || systemctl reload nginx.service 2>/dev/null || true
}

remount_volume() {
  umount -l "$mount_point"
  until_true "$mount_wait" gone || fail "systemd still counts $mount_point as mounted"
  mount_volume
}

# beneath COMMAND...: as if the volume were not mounted, in a mount namespace of its own, so that nobody else notices.
# Nothing here asks the mount itself, which may hang.
beneath() {
  # shellcheck disable=SC2016 # the inner shell expands them
  unshare --mount --propagation private bash -c \
    'while grep -qF " $0 " /proc/self/mountinfo; do umount -cl "$0" || exit; done; exec "$@"' "$mount_point" "$@"
}

# change_beneath COMMAND...: in the folder that is locked else (chattr +i), where the file system knows that.
change_beneath() {
  beneath chattr -i "$mount_point" 2>/dev/null || true
  beneath "$@"
  beneath chattr +i "$mount_point" 2>/dev/null || true
}

gone() { ! systemctl is-active -q "$(unit)"; }
