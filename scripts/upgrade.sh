# shellcheck shell=bash disable=SC2154
# What interrupts this Pi: upgrades of what serves, and reboots. It runs on the Pi by itself, in the Pi's own window, and
# goes on only while all of the others serve and nothing is left to heal. A lock on the volume, which gluster takes back
# from a Pi that is away, keeps two from beginning at once where their clocks differ.
# Parameters: mount_point

ungated=/etc/twopir/apt-ungated.conf
wanted=/run/reboot-required # written by Debian's packages, with the names in .pkgs

turn=$mount_point/turn

want() {
  local packages
  # shellcheck disable=SC2034 # turn.sh's
  needed=$((${#others[@]} > 0 ? ${#others[@]} : 1))
  if [ "$mode" = apply ] && findmnt -n -t fuse.glusterfs --mountpoint "$mount_point" >/dev/null; then
    exec 8>>"$turn"
    flock -w "$turn_patience" 8 || fail "it is another Pi's turn, and has been for $turn_patience s"
  fi
  packages=$(waiting)
  [ -z "$packages" ] || change "upgrades wait: $packages" in_turn upgrade
  [ ! -e "$wanted" ] || change "$(sort -u "$wanted.pkgs" 2>/dev/null | xargs) want a reboot" in_turn reboot
}

unattended() { APT_CONFIG=$ungated unattended-upgrade "$@"; }
waiting() { unattended --dry-run --verbose 2>&1 | sed -n 's/^Packages that will be upgraded: //p'; }

upgrade() {
  unattended || fail "the upgrade failed: see /var/log/unattended-upgrades/unattended-upgrades.log"
  # glusterd is started again by its package, the bricks and the mounts are not.
  [[ $packages != *gluster* ]] || echo glusterfs-server | tee -a "$wanted.pkgs" >"$wanted"
}

# It ends this script; everything starts by itself afterwards.
reboot() {
  systemctl reboot
  sleep infinity
}

unwant() { :; }

main "$@"
