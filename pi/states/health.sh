# shellcheck shell=bash disable=SC2154
# What is no part of twopir's and a cluster stands on: clock, card, power, network, and whether a restart ends well; and
# which addresses the Pi has. Facts, as lines of NAME=VALUE, with a warning of each thing that its owner should see to;
# nothing is wanted and nothing changed.

use network next-boot
takes brick # empty where it stores nothing
takes address

full=85 # percent; a volume whose bricks are full refuses to write, and heals wait

want() {
  local held own words
  held=$(ip -o address show scope global)
  own=$(own_line "$held")
  words=" $(cat /proc/cmdline) "
  fact clock "$(date +%s)"
  fact addresses "$(held_addresses "$held" | xargs)"
  about_router "$own"
  about_address "$own" "$words"
  about_file_systems
  about_fstab
  about_memory "$words"
  about_next_boot "$words"
  about_cron
  about_power
  about_clock
}

# held_addresses LINES: of ip's, those that the network finds this Pi by; of the loopback interface it knows none.
held_addresses() { awk '$2 != "lo" { sub("/.*", "", $4); print $4 }' <<<"$1"; }

# own_line LINES: the one of ip's that has the address which the others know this Pi by: its number, its interface,
# "inet", the address, and flags.
own_line() {
  local line
  while IFS= read -r line; do
    [[ $line != *" inet $address"[/\ ]* ]] || { echo "$line" && return; }
  done <<<"$1"
}

# about_file_systems: of those that the cluster lives on, and of the card's types: an overlay, say, is as full as what
# lies beneath it.
about_file_systems() {
  local used inodes target source options errors asked='' places=(/ /boot/firmware /var ${brick:+"$brick"})
  { df --output=pcent,ipcent,target -t ext4 -t vfat -t xfs -t btrfs -t f2fs "${places[@]}" 2>/dev/null || true; } |
    tr -d % | awk '!told[$0]++' | while read -r used inodes target; do
    used=${used//[^0-9]/} inodes=${inodes//[^0-9]/}
    [ "${used:-0}" -lt "$full" ] || fact warning "the file system of $target is $used % full"
    [ "${inodes:-0}" -lt "$full" ] ||
      fact warning "the file system of $target has used $inodes % of its inodes: of the files that it can have (df -i)"
  done
  for target in / /var ${brick:+"$brick"}; do
    read -r source options < <(findmnt -n -o SOURCE,OPTIONS -T "$target" 2>/dev/null) || continue
    source=$(readlink -f "${source%%\[*}") # of a subvolume or a bind mount it says which
    [[ " $asked " != *" $source "* ]] || continue
    asked+=" $source"
    [[ ,$options, != *,?(emergency_)ro,* ]] ||
      fact warning "the file system of $target is read-only, as Linux makes one whose card or disk fails (see dmesg)"
    # From 6.9 to 6.14 Linux says of an ext4 that it has made read-only that it may be written to.
    errors=$(grep -svx 0 "/sys/fs/ext4/${source##*/}/errors_count" || true)
    [ -z "$errors" ] ||
      fact warning "errors of the file system of $target so far: $errors. Its card or disk fails, or it was not" \
        "checked after a power cut; it may be read-only now (see dmesg). fsck, at a restart, forgets them"
  done
}

elsewhere=192.0.2.1 # of a network that nobody has (RFC 5737); nothing is sent to it

# about_router LINE: whether what comes from its address has a way to other networks, by which interface, and whether a
# router is where that leads. One that drops pings is there where the kernel knows its hardware's address.
about_router() {
  local by out way router=''
  read -r _ by _ <<<"$1"
  way=$(ip -4 -o route get "$elsewhere" ${by:+from "$address"} 2>/dev/null) || true
  [[ $way =~ \ dev\ ([^ ]+) ]] || { fact gateway no && return; }
  out=${BASH_REMATCH[1]}
  fact gateway yes
  [[ ! $way =~ \ via\ ([0-9.]+) ]] || router=${BASH_REMATCH[1]}
  # shellcheck disable=SC2053 # it is a pattern
  if [[ -n $by && $out != "$by" && $by != $tunnels ]] && leads_out "$by" && ! is_near "$by" "$router"; then
    fact warning "requests from other networks arrive on $by but replies leave on $out, so those visitors get none:" \
      "have the default route lead by $by, or add a rule for what comes from $address (ip rule)"
  elif [ -n "$router" ] && ! pinged "$router" && unheard "$router"; then
    fact warning "its default gateway $router does not answer, so visitors from other networks get no answer from it," \
      "no update comes, and nothing sets its clock: set the right one (ip route)"
  fi
}

# leads_out INTERFACE: there is a way to other networks by it, so that somebody may come in there.
leads_out() { [ -n "$(ip -4 route show default dev "$1")" ]; }

# is_near INTERFACE ROUTER: it is in this interface's network, too. Where a Pi has a cable and Wi-Fi to one router, an
# answer arrives by either.
is_near() { [ -n "$2" ] && [ -n "$(ip -4 route show match "$2" dev "$1" scope link)" ]; }

# about_power: by the firmware of a Pi; where vcgencmd is not installed, as in Debian and Ubuntu, by its driver.
about_power() {
  local bits
  bits=$(vcgencmd get_throttled 2>/dev/null) || bits=''
  bits=${bits#*=}
  if [[ ! $bits =~ ^0x[0-9a-f]+$ ]]; then
    ! has_alarm || tell_voltage "in0_lcrit_alarm of rpi_volt"
    return
  fi
  # The bits: under-voltage 0, and since it booted 16; throttled 2.
  if ((bits & 1)); then
    tell_voltage "$bits of vcgencmd get_throttled"
  elif ((bits & 0x10000)); then
    fact hint "its power supply has given too little voltage since it booted ($bits of vcgencmd get_throttled): use" \
      "the one made for this Pi. A restart forgets that"
  fi
  ! ((bits & 4)) || fact warning "it is too hot, and is throttled ($bits of vcgencmd get_throttled)"
}

tell_voltage() { # SOURCE
  fact warning "its power supply gives too little voltage ($1), which breaks cards: use the one made for this Pi"
}

# has_alarm: of too little voltage within the last seconds, as Linux's raspberrypi-hwmon asks the firmware.
has_alarm() {
  local lines
  lines=$'\n'$(grep -s . /sys/class/hwmon/*/{name,in0_lcrit_alarm})$'\n' || true
  [[ $lines =~ ([^$'\n']+)/name:rpi_volt$'\n' && $lines == *$'\n'"${BASH_REMATCH[1]}/in0_lcrit_alarm:1"$'\n'* ]]
}

# about_clock: a Pi has none that goes on without power. In a container, which has none of its own, nothing keeps it.
about_clock() {
  local services
  [ ! -e /run/systemd/container ] || return 0
  services=$(cat /usr/lib/systemd/ntp-units.d/*.list 2>/dev/null | grep -v '^#' | xargs) || true
  # shellcheck disable=SC2086 # one word each
  if [ -n "$services" ] && systemctl -q is-active $services; then return; fi
  fact warning "nothing keeps its clock right: sudo timedatectl set-ntp true (package systemd-timesyncd)"
}

unwant() { :; }
