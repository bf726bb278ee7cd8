# shellcheck shell=bash disable=SC2034,SC2154 # turn.sh reads what is set here
# What interrupts this Pi: upgrades of what serves, and reboots. It runs on the Pi by itself, in the Pi's own window,
# and goes on only while all of the others serve and nothing is left to heal, whether this Pi serves or not.

use turn services

ungated=/etc/twopir/apt-ungated.conf
upgrade_log="see /var/log/unattended-upgrades/unattended-upgrades.log"
mount_patience=300 # seconds; a window that was missed begins at boot, before the volume is mounted

program() {
  local dry packages edited
  lock
  needed=$((${#others[@]} > 0 ? ${#others[@]} : 1))
  dry=$(unattended --dry-run --verbose 2>&1) || fail "the dry run of the upgrade failed: $upgrade_log"
  packages=$(waiting)
  # Its daily run holds these back by their names, and so never says it of them.
  edited=$(sed -n 's/^Package \(.*\) has conffile prompt .*/\1/p' <<<"$dry" | sort -u | xargs)
  if [ -n "$packages" ] || [ -e "$reboot_wanted" ]; then interrupt; fi
  [ -z "$edited" ] ||
    fail "upgrades wait for you, since they bring config files that were edited here:" \
      "sudo apt-get install --only-upgrade $edited"
}

interrupt() {
  local host
  until_true "$mount_patience" mount_is_there ||
    fail "$mount_point is not mounted, or does not answer, so nothing is interrupted"
  host=$(site_name)
  [ -z "$packages" ] || change "upgrades wait: $packages" alone upgrade
  [ ! -e "$reboot_wanted" ] || change "$(sort -u "$reboot_wanted.pkgs" 2>/dev/null | xargs) need a reboot" alone reboot
}

mount_is_there() { mounted && mount_answers; }

unattended() { APT_CONFIG=$ungated unattended-upgrade "$@"; }
waiting() { sed -n 's/^Packages that will be upgraded: //p' <<<"$dry"; }

upgrade() {
  unattended || fail "the upgrade failed: $upgrade_log"
  # glusterd is started again by its package, the bricks and the mounts are not.
  [[ $packages != *gluster* ]] || wants_reboot glusterfs-server
}

# It ends this script; everything starts by itself afterwards.
reboot() {
  systemctl reboot
  sleep infinity
}
