# shellcheck shell=bash
# The lab's network: a bridge that the operator's machine has an address on, a namespace and a veth pair for each Pi
# and for the name server, NAT to the outside. Sourced, not run.

netns() { echo "$prefix-$1"; }

has_link() { [ -e "/sys/class/net/$1" ]; }
# The bridge ends in :00, the end of a veth pair that is plugged into it in the Pi's number or :ff.
our_link() { [[ $(cat "/sys/class/net/$1/address" 2>/dev/null) == "${bridge_mac%:*}":* ]]; }
has_netns() { [ -e "/run/netns/$1" ]; }
# A crash in the middle of `ip netns attach` leaves the empty file that a namespace would have been mounted on.
our_netns() {
  [[ $(ip -n "$1" link show lo 2>/dev/null)$'\n' == *"alias $mark"$'\n'* ]] ||
    { ! mountpoint -q "/run/netns/$1" && [ ! -s "/run/netns/$1" ]; }
}
has_table() { nft list table "$1" "$prefix" >/dev/null 2>&1; }
our_table() { [[ $(nft list table "$1" "$prefix") == *"comment \"$mark\""* ]]; }

# refuse_foreign NAME...: ends where something has one of the names that the lab needs and is not the lab's.
refuse_foreign() {
  local name what=""
  for name; do
    ! has_netns "$(netns "$name")" || our_netns "$(netns "$name")" || what="the network namespace $(netns "$name")"
    ! has_link "$prefix-${name#pi}" || our_link "$prefix-${name#pi}" || what="the link $prefix-${name#pi}"
  done
  ! has_link "$bridge" || our_link "$bridge" || what="the link $bridge"
  for name in ip bridge; do
    ! has_table "$name" || our_table "$name" || what="the nft table $name $prefix"
  done
  [ -z "$what" ] ||
    die "$what is there already, and this lab did not make it:" \
      "give the lab another name with TWOPIR_LAB, or remove it if you know what it is"
}

# refuse_used_subnet: ends where the machine has an address in the lab's network, or a route to it other than the
# default one.
refuse_used_subnet() {
  local used
  used=$({
    ip -4 route show table all root "$subnet.0/24"
    ip -4 route show match "$subnet.0/24" | sed /^default/d
    ! has_ipv6 || ip -6 route show root "$(address6 "$subnet.")/64"
  } | sed "/ dev $bridge /d")
  [ -z "$used" ] ||
    die "$subnet.0/24, or $(address6 "$subnet.")/64, is in use on this machine (route: ${used%%[[:space:]]$'\n'*}):" \
      "give the lab another network, such as TWOPIR_LAB_SUBNET=192.168.77"
}

# make_netns NAME: the namespace is marked before it has a name. It would begin with this machine's ip_forward, and a
# Pi forwards nothing.
make_netns() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --net sh -c \
    'echo 0 >/proc/sys/net/ipv4/ip_forward && ip link set lo up alias "$2" && ip netns attach "$1" $$' - "$1" "$mark"
}

# mtu: that of the way out, so that downloads pass where it is smaller than 1500 (tunnels, clouds).
mtu() {
  local dev size
  dev=$(ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  size=$(cat "/sys/class/net/$dev/mtu" 2>/dev/null || echo 1500)
  echo $((size < 1500 ? size : 1500))
}

# unplug NAME: the link and the namespace of pi1, pi2, ... or ns go, and every address and nft table in there.
unplug() {
  local link=$prefix-${1#pi} name
  name=$(netns "$1")
  ! our_link "$link" || ip link del "$link"
  ! has_netns "$name" || ! our_netns "$name" || ip netns del "$name" 2>/dev/null || rm -f "/run/netns/$name"
}

# plug NAME ADDRESS: a new namespace and link. A link that is cut stays cut, as a real one would over a reboot.
plug() {
  local link=$prefix-${1#pi} name mtu mac
  name=$(netns "$1")
  mtu=$(mtu)
  # Decimal digits as hex ones: Pi 21 ends in :21. The Pi's own end has the same address but for the first byte.
  if [ "$1" = ns ]; then mac=${bridge_mac%:*}:ff; else mac=${bridge_mac%:*}:$(printf %02d "${1#pi}"); fi
  refuse_foreign "$1"
  unplug "$1"
  make_netns "$name"
  ip link add "$link" address "$mac" mtu "$mtu" type veth peer name eth0 address "06${mac#02}" mtu "$mtu" netns "$name"
  ip link set "$link" master "$bridge"
  [ -e "$lab_dir/$1/cut" ] || ip link set "$link" up
  ip -n "$name" address add "$2/24" dev eth0
  ! has_ipv6 || ip -n "$name" address add "$(address6 "$2")/64" dev eth0 nodad
  ip -n "$name" link set eth0 up
  ip -n "$name" route add default via "$operator_address"
}

make_network() {
  local mtu
  if ! has_link "$bridge"; then
    mtu=$(mtu)
    ip link add "$bridge" address "$bridge_mac" mtu "$mtu" type bridge forward_delay 0
  fi
  ip address replace "$operator_address/24" dev "$bridge"
  ! has_ipv6 || ip address replace "$(address6 "$operator_address")/64" dev "$bridge" nodad
  ip address replace "$crowd_address/24" dev "$bridge" # a second one, which is used where it is asked for
  ip link set "$bridge" up
  has_table ip || nft -f - <<NFT
table ip $prefix {
  comment "$mark"
  chain out {
    type nat hook postrouting priority srcnat
    ip saddr $subnet.0/24 ip daddr != $subnet.0/24 masquerade
  }
}
NFT
  forward_on
  [[ $(name_servers) == *nameserver* ]] ||
    say "/etc/resolv.conf names no server that a Pi could reach: apt in the Pis finds no mirror until it does"
  if nft list chains 2>/dev/null | grep 'hook forward' | grep 'policy drop' >/dev/null; then
    say "this machine's firewall drops forwarded packets by default:" \
      "allow those of $bridge, or the Pis cannot install packages"
  fi
}

# name_servers: this machine's, as lines of resolv.conf, but for those that a Pi cannot reach: on this machine's own
# loopback, or IPv6.
name_servers() {
  local file=/etc/resolv.conf
  ! grep -qs '^nameserver 127.0.0.53' $file || [ ! -e /run/systemd/resolve/resolv.conf ] ||
    file=/run/systemd/resolve/resolv.conf
  sed -nE '/^nameserver 127\./d; /^nameserver .*:/d; /^(nameserver|search|options) /p' "$file"
}

# part_rules: the bridge forwards nothing between two Pis that are parted; a Pi is known by its plug, not its addresses.
part_rules() {
  local a b
  {
    # Made first so that it can be deleted whether it was there or not; nft does the whole text or nothing.
    echo "table bridge $prefix; delete table bridge $prefix"
    [ ! -s "$lab_dir/parted" ] || {
      echo "table bridge $prefix { comment \"$mark\"; chain parted { type filter hook forward priority filter;"
      while read -r a b; do
        echo "iifname $prefix-$a oifname $prefix-$b drop; iifname $prefix-$b oifname $prefix-$a drop;"
      done <"$lab_dir/parted"
      echo "}; }"
    }
  } | nft -f -
}

# The machine forwards packets for as long as a lab needs it. Where it did not before, there is a folder outside of any
# checkout, with a link to each lab that needs it, and the last of them puts it back. A folder and links, since there
# is no moment in which one is half written: the lab may be killed in any.
forwarding=/proc/sys/net/ipv4/ip_forward
forwarding_for=/run/twopir
forward_on() (
  exec 7</run && flock 7
  [ "$(cat $forwarding)" = 0 ] || [ -e $forwarding_for ] || return 0
  mkdir -p $forwarding_for
  ln -sfn "$lab_dir" "$forwarding_for/$hash"
  echo 1 >$forwarding
)
forward_off() (
  exec 7</run && flock 7
  [ -e $forwarding_for ] || return 0
  rm -f "$forwarding_for/$hash"
  find $forwarding_for -xtype l -delete # a lab whose folder was deleted needs nothing any more
  [ -z "$(ls -A $forwarding_for)" ] || return 0
  echo 0 >$forwarding
  rmdir $forwarding_for
)

remove_network() {
  local path family
  for path in /sys/class/net/"$prefix"-*; do
    ! our_link "${path##*/}" || ip link del "${path##*/}"
  done
  for path in /run/netns/"$prefix"-*; do
    [ ! -e "$path" ] || unplug "${path##*/"$prefix"-}"
  done
  ! our_link "$bridge" || ip link del "$bridge"
  for family in ip bridge; do
    ! has_table "$family" || ! our_table "$family" || nft delete table "$family" "$prefix"
  done
  forward_off
}
