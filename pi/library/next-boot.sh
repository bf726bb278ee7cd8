# shellcheck shell=bash disable=SC2154
# Whether a restart of this Pi ends well, or is one at a bad time: what boot will read, beside what there is now. For
# health.sh, of which each function tells a warning.

# Interfaces whose daemon sets their address; by one of a tunnel nobody comes from another network.
tunnels='@(tailscale|zt|tun|tap|wg|ppp|wwan)*'

# Where an address is that comes at boot: the files of ifupdown, netplan, NetworkManager, systemd-networkd, dhcpcd, and
# a hand's own; and leases, since one without an end leaves an address that the kernel does not call dynamic.
address_places=(
  /etc/network /{etc,run}/netplan /{etc,usr/lib}/NetworkManager/system-connections /{etc,run}/systemd/network
  /etc/dhcpcd.conf /etc/rc.local /etc/systemd/system
  /var/lib/{NetworkManager,dhcp,connman} /run/systemd/netif/leases
)

# about_address LINE WORDS: whether its address comes back after a restart. In a container nobody can tell: who starts
# it sets the address, as the lab does (plug in lab/lib/network.sh), and no file in there has it. What the kernel's
# command line has is set by the kernel.
about_address() {
  local by flags
  read -r _ by _ _ flags <<<"$1"
  # shellcheck disable=SC2053 # it is a pattern
  [[ -n $by && $by != $tunnels && " $flags " != *" dynamic "* && $2 != *" ip="* ]] || return 0
  if [ -e /run/systemd/container ] || address_comes_at_boot "$by"; then return; fi
  fact warning "its address $address is set in the kernel only, in no file that boot reads, so the next restart takes" \
    "it away: give it to the connection of $by (sudo nmtui), or have the router give it by DHCP"
}

# address_comes_at_boot INTERFACE: udhcpc, which ifupdown may use, and dhcpcd, whose leases are binary, do not tell the
# kernel how long an address lasts. NetworkManager makes a connection, in /run, of what a hand has set, too: an external
# one.
address_comes_at_boot() {
  local file form="^[^#]*(\b${address//./\\.}\b|\biface +$1 +inet +dhcp\b)"
  ! grep -rqsE "$form" "${address_places[@]}" || return 0
  for file in /{var/lib,run}/dhcpcd*/*"$1"*.lease; do [ ! -e "$file" ] || return 0; done
  for file in /run/NetworkManager/system-connections/*; do
    if grep -qsE "$form" "$file" && ! grep -qsx external=true "$file"; then return; fi
  done
  return 1
}

# Types that boot mounts when the network is there, and goes on without (systemd's fstype_is_network).
network_types='@(afs|ceph|cifs|davfs|gfs?(2)|glusterfs|lustre|ncp?(fs)|nfs?(4)|ocfs2|orangefs|pvfs2|smb3|smbfs|sshfs)'

# Options of what boot goes on without.
spared='@(nofail|noauto|_netdev|x-systemd.automount|x-systemd.wanted-by=*|x-systemd.required-by=*)'

# about_fstab: what systemd waits for at boot, for 90 s where a device is not there; then, as where a mount fails, it
# gives up, without ssh and nginx. What is not mounted now may have failed at this boot, or was never tried.
about_fstab() {
  local source target type options path device mounted
  mounted=$'\n'$(mount_points)$'\n'
  while read -r source target type options _; do
    [[ $source != "#"* && $target == /* && $type != swap && ,$options, != *,$spared,* ]] || continue
    # shellcheck disable=SC2053 # it is a pattern
    [[ ${type#fuse.} != $network_types ]] || continue
    printf -v path %b "${target//\\/\\0}"
    [[ $mounted != *$'\n'"$path"$'\n'* ]] || continue
    path=$(readlink -m -- "$path") # /var/run/x/ is /run/x
    [[ $mounted != *$'\n'"$path"$'\n'* ]] || continue
    device=$(device_of "$source")
    if [ -n "$device" ] && [ ! -e "$device" ]; then
      fact warning "the next restart would end in emergency mode, without ssh and nginx, since /etc/fstab wants" \
        "$source at $target, which is not there: plug it in, or give the line the option nofail"
    else
      fact warning "the next restart may end in emergency mode, without ssh and nginx, since /etc/fstab wants $source" \
        "at $target, where nothing is mounted: mount it now (sudo mount ${path@Q}) to see what is wrong, or give the" \
        "line the option nofail"
    fi
  done < <(cat /etc/fstab 2>/dev/null || true)
}

# mount_points: a line each. Of a space Linux makes \040, as fstab has it, which %b reads as \0040.
mount_points() {
  local point
  while read -r _ _ _ _ point _; do printf '%b\n' "${point//\\/\\0}"; done < <(cat /proc/self/mountinfo)
}

# device_of SOURCE: the file of a block device, as fstab and the kernel's root= name it; nothing where it is none.
device_of() {
  local name=${1//\"/} kind=${1%%=*}
  case $name in
    UUID=* | PARTUUID=* | LABEL=* | PARTLABEL=*) echo "/dev/disk/by-${kind,,}/${name#*=}" ;;
    /dev/*) echo "$name" ;;
  esac
}

# overlays WORDS: of a kernel's command line, by which raspi-config or overlayroot lays an overlay over the card.
overlays() { [[ $1 == *" boot=overlay "* || $1 == *" overlayroot="* && $1 != *" overlayroot=disabled"* ]]; }

# about_memory WORDS: what lies there is gone after the next restart. An overlay of a container's is a lasting one.
about_memory() {
  local target
  if overlays "$1"; then
    fact warning "its card lies beneath an overlay in memory, so the next restart loses everything written since" \
      "the last one: sudo raspi-config nonint do_overlayfs 1, restart it, then run pulumi up"
  fi
  for target in /etc /var/lib/glusterd; do
    [ "$(findmnt -n -o FSTYPE -T "$target" 2>/dev/null)" != tmpfs ] ||
      fact warning "$target lies in memory (tmpfs), so the next restart loses all that is in it: take its line" \
        "out of /etc/fstab, restart it, then run pulumi up"
  done
}

# about_next_boot WORDS: the command line that a Pi's firmware gives the kernel next, from a file; WORDS are those of
# this boot. Up to Debian 11 the file lies in /boot itself; later one of its name in there says only where it is now.
about_next_boot() {
  local line lines=() words root device file=/boot/firmware/cmdline.txt
  [ -d /boot/firmware ] || file=/boot/cmdline.txt
  [ -r "$file" ] || return 0
  # It may have the firmware take another file, or one from another folder.
  [ -z "$(values '(cmdline|os_prefix)' "${file%/*}/config.txt")" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    [[ $line != *[![:space:]]* ]] || lines+=("$line")
  done <"$file"
  words=" ${lines[0]-} "
  words=${words//[[:space:]]/ }
  [ "${#lines[@]}" -le 1 ] ||
    fact warning "$file has ${#lines[@]} lines, and the firmware reads the first one alone, so the next restart goes" \
      "without what the others say: make them one line"
  ! overlays "$words" || overlays "$1" ||
    fact warning "the next restart lays an overlay in memory over its card ($file), and from then on nothing that is" \
      "written lasts: sudo raspi-config nonint do_overlayfs 1"
  root=${words##* root=}
  root=${root%% *}
  device=$(device_of "${root%/PARTNROFF=*}")
  # The kernel takes a PARTUUID in capitals, too; of /dev/nfs and /dev/ram0 it knows itself what they are.
  [[ -z $device || -e $device || -e ${device,,} || $root == /dev/@(nfs|cifs|ram*) ]] ||
    fact warning "the next restart would fail, since $file has root=$root, which is not there: give it what / lies on" \
      "(findmnt -n -o SOURCE,PARTUUID /)"
}

# Of a command that cron runs: what may stand before the name of the program, and what ends a word.
runner='(^|[ /;&|])(then|do|else|sudo|exec|nohup|env|nice|ionice|timeout)( +[-0-9][^ ]*)*'
before="(^|[;&|({\`]|sh +-[a-z]*c +[\"']|$runner ) *([A-Z_]+=[^ ]* +)*(/(usr/)?s?bin/)?"
behind="([] ;&|)}<>\`\"']|\$)"
restarting="$before(reboot|shutdown|poweroff|halt|(tel)?init +[06]|systemctl( +-[^ ]+)* +(reboot|poweroff|halt))$behind"
upgrading="$before(apt|apt-get|aptitude)( +[^ ;&|]+)* +(full-|dist-|safe-)?upgrade$behind"

# about_cron: what restarts it, or its services, at an hour of its own, whether or not another Pi is there then.
about_cron() {
  local file lines i command what
  for file in /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/*; do
    # cron passes over files of other names in /etc/cron.d, such as dpkg's.
    [[ -f $file && $file != /etc/cron.d/*[!A-Za-z0-9_-]* ]] || continue
    mapfile -t lines <"$file"
    for i in "${!lines[@]}"; do
      [[ ${lines[i]} == *@(reboot|shutdown|poweroff|halt|init|upgrade)* ]] || continue
      command=$(cron_command "$file" "${lines[i]}")
      if [[ $command =~ $restarting ]]; then
        what="restarts it, or switches it off,"
      elif [[ $command =~ $upgrading && " $command " != *" "@(-s|-d|--simulate|--dry-run|--download-only)" "* ]]; then
        what="upgrades its packages, nginx and glusterd too,"
      else
        continue
      fi
      fact warning "line $((i + 1)) of $file $what whatever the other Pis do: take that line out, since twopir" \
        "upgrades and restarts the Pis one after the other"
    done
  done
}

# cron_command FILE LINE: what that line has cron run, behind five times, or a word such as @reboot, and in /etc a user;
# nothing of a comment, or of a line that sets a variable.
cron_command() {
  local line=${2//[[:space:]]/ } user=''
  [[ $1 != /etc/* ]] || user='[^ ]+ +'
  [[ ! $line =~ ^\ *(@[a-z]+\ +|([0-9A-Za-z*,/~-]+\ +){5})$user(.*) ]] || echo "${BASH_REMATCH[3]}"
}
