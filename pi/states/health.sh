# shellcheck shell=bash disable=SC2154
# What is no part of twopir's and a cluster stands on: clock, card, power; and which addresses the Pi has. Facts, as
# lines of NAME=VALUE, with a warning of each thing that its owner should see to; nothing is wanted and nothing changed.

use network
takes brick # empty where it stores nothing

full=85 # percent; a volume whose bricks are full refuses to write, and heals wait

want() {
  fact clock "$(date +%s)"
  fact addresses "$(own_addresses scope global | xargs)"
  warn_of file_systems
  warn_of power
  warn_of clock
}

warn_of() { "about_$1" | sed 's/^/warning=/'; } # of what the function prints

# about_file_systems: of the card and of disks, by their types: an overlay, say, is as full as what lies beneath it.
about_file_systems() {
  local used names target errors
  df --output=pcent,ipcent,target -t ext4 -t vfat -t xfs -t btrfs -t f2fs 2>/dev/null | tr -d % |
    while read -r used names target; do
      [[ $target != /run/* ]] || continue
      if [[ $used =~ ^[0-9]+$ && $used -ge $full ]]; then echo "the file system of $target is $used % full"; fi
      if [[ $names =~ ^[0-9]+$ && $names -ge $full ]]; then
        echo "$names % of the files that the file system of $target can have are there (df -i)"
      fi
    done
  for target in /var ${brick:+"$brick"}; do
    [[ ,$(findmnt -n -o OPTIONS -T "$target" 2>/dev/null || true), != *,ro,* ]] ||
      echo "the file system of $target is read-only, as Linux makes one whose card or disk fails (see dmesg)"
  done
  { grep -svxH 0 /sys/fs/ext4/*/errors_count || true; } | while IFS=: read -r target errors; do
    target=${target%/*}
    echo "the file system on ${target##*/} has had $errors errors: does its card or disk fail? (see dmesg)"
  done
}

# about_power: by the firmware of a Pi; what has been since it booted counts, too.
about_power() {
  local bits
  bits=$(vcgencmd get_throttled 2>/dev/null) || return 0
  bits=${bits#*=}
  [[ $bits =~ ^0x[0-9a-f]+$ ]] || return 0
  # The bits: under-voltage 0 and, since it booted, 16; throttled 2 and 18.
  if ((bits & 0x10001)); then
    echo "its power supply gives too little voltage ($bits of vcgencmd get_throttled), which breaks cards:" \
      "use the one made for this Pi"
  elif ((bits & 0x40004)); then
    echo "it is too hot, and goes slower ($bits of vcgencmd get_throttled)"
  fi
}

# about_clock: a Pi has none that goes on without power. In a container, which has none of its own, nothing keeps it.
about_clock() {
  local services
  [ ! -e /run/systemd/container ] || return 0
  services=$(cat /usr/lib/systemd/ntp-units.d/*.list 2>/dev/null | grep -v '^#' | xargs) || true
  # shellcheck disable=SC2086 # one word each
  [ -n "$services" ] && systemctl -q is-active $services ||
    echo "nothing keeps its clock right: sudo timedatectl set-ntp true (package systemd-timesyncd)"
}

unwant() { :; }
