# shellcheck shell=bash
# shellcheck disable=SC2034 # the names are for the scripts that source this file
# What the lab is called, where it lies and how to tell what it made from what it did not. Sourced, not run.

lab=${TWOPIR_LAB:-dev}
# "tp-" + name + "-" + number must fit the 15 characters of a link's name (IFNAMSIZ).
[[ $lab =~ ^[a-z][a-z0-9]{0,7}$ ]] ||
  die "TWOPIR_LAB is \"$lab\": a lab's name is one to eight lower-case letters and digits, a letter first"

prefix=tp-$lab
lab_dir=$root/.twopir/lab/$lab
cache=$root/.twopir/cache

# The marks of ownership. Names can clash by accident, these cannot: links carry a MAC address made from the hash,
# namespaces carry the mark as the alias of their loopback link, nft tables as their comment, processes are in a
# control group with the hash in its name. All of them are set in the same step that makes the thing, so a crash
# leaves nothing unmarked.
mark="twopir lab $lab of $root"
hash=$(printf %s "$mark" | sha256sum)
hash=${hash:0:8}
bridge=$prefix
bridge_mac=02:${hash:0:2}:${hash:2:2}:${hash:4:2}:${hash:6:2}:00

# A running lab keeps the settings that it was made with; the environment counts when it is made.
subnet='' debian=''
if [ -e "$lab_dir/settings" ]; then
  # shellcheck source=/dev/null
  . "$lab_dir/settings"
fi
subnet=${subnet:-${TWOPIR_LAB_SUBNET:-192.168.0}}
debian=${debian:-${TWOPIR_LAB_DEBIAN:-trixie}}
octet='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
[[ $subnet =~ ^$octet\.$octet\.$octet$ ]] ||
  die "TWOPIR_LAB_SUBNET is \"$subnet\": give the first three numbers of a /24 network, such as 192.168.77"
[[ $debian =~ ^(trixie|bookworm)$ ]] ||
  die "TWOPIR_LAB_DEBIAN is \"$debian\": the lab knows trixie (Debian 13) and bookworm (Debian 12)"

operator_address=$subnet.1
# The same network by IPv6, where the machine has it: unique local addresses (RFC 4193) with the decimal digits as hex
# ones, so that 192.168.77.121 is fd00:192:168:77::121, too.
address6() { echo "fd00:${subnet//./:}::${1##*.}"; } # ADDRESS
has_ipv6() { [ "$(cat /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null)" = 0 ]; }
# This machine's, too. A Pi that takes an address over knows nothing of its connections, but keeps its own closed ones
# for a minute by the four numbers of each: where many come from the address that one visitor has, some are like his.
crowd_address=$subnet.2
ns_address=$subnet.53
pi_address() { echo "$subnet.$((120 + $1))"; }
# Pi 99 has .219, so that there is room above for floating addresses.
most_pis=99

# refuse_other_settings: ends where `up` is asked for another lab than the one that is there.
refuse_other_settings() {
  local setting
  for setting in "TWOPIR_LAB_SUBNET $subnet" "TWOPIR_LAB_DEBIAN $debian"; do
    local asked=${setting% *} made=${setting#* }
    [ "${!asked:-$made}" = "$made" ] ||
      die "lab $lab was made with $asked=$made, and now $asked=${!asked} is asked for:" \
        "run \`lab.sh down\` first, or give the other lab a name of its own with TWOPIR_LAB"
  done
}

# made_pis: the numbers of the Pis that have a card, in order.
made_pis() {
  local dir
  for dir in "$lab_dir"/pi*/; do
    [ ! -d "$dir" ] || basename "$dir" | cut -c 3-
  done | sort -n
}

# A user who runs the lab by sudo must still be able to read its key without it.
hand_over() { [ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID:${SUDO_GID:-}" "$@"; }
