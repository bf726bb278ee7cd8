#!/usr/bin/env bash
# Tests the lab: what it gives, and that nothing of it is left, whatever ended it. Needs root; takes two to four minutes.
# No -e: after a check that fails the others still count.
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=../toolchain/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain/lib.sh"

export TWOPIR_LAB=labtest TWOPIR_LAB_SUBNET=192.168.88
unset TWOPIR_LAB_PIS TWOPIR_LAB_DEBIAN
prefix=tp-$TWOPIR_LAB
ns=$TWOPIR_LAB_SUBNET.53
mine=$root/.twopir/lab/$TWOPIR_LAB
# Another checkout of the lab, with a cache of its own.
other=$root/.twopir/labtest-checkout
passed=0 failed=0

lab() { bash "$root/lab/lab.sh" "$@"; }
other_lab() { bash "$other/lab/lab.sh" "$@"; }

# check TEXT COMMAND...: counts whether the command succeeds.
check() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "ok - $text"
    passed=$((passed + 1))
  else
    printf 'not ok - %s\n%s\n' "$text" "${output//$'\n'/$'\n'    }"
    failed=$((failed + 1))
  fi
}
fails() { ! "$@"; }
# says TEXT COMMAND...: the command fails, and its message has the text in it.
says() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "it succeeded: $output"
    return 1
  fi
  grep -F -- "$text" <<<"$output" || {
    echo "$output"
    return 1
  }
}
# within SECONDS COMMAND...: the command succeeds before the time is over.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.2
  done
}
section() { say "$1 ($((SECONDS)) s)"; }

# traces: what on this machine a lab could leave behind. Labs with other names may come and go meanwhile.
traces() {
  local process
  {
    ip netns list | sed 's/^/netns /'
    ip -br link | sed 's/[@ ].*//; s/^/link /'
    nft list tables
    sed 's/^/mount /' /proc/mounts
    find /sys/fs/cgroup /run/systemd/nspawn -name "$prefix*" 2>/dev/null || true
    for process in /proc/[0-9]*/cmdline; do
      { tr '\0' ' ' <"$process"; } 2>/dev/null | grep -E "$prefix|$mine|$other/" || true
    done
    [ -e /run/twopir ] || echo "ip_forward $(cat /proc/sys/net/ipv4/ip_forward)"
  } | awk -v own="$prefix" '!/tp-[a-z]/ || index($0, own)' | sort
}
no_traces() { diff <(echo "$before") <(traces); }

clean_up() {
  ip netns del "$prefix-pi1" 2>/dev/null || true
  ip link del tp0foreign 2>/dev/null || true
  ! ip link show "$prefix" 2>/dev/null | grep 'alias foreign' >/dev/null || ip link del "$prefix"
  ! nft list table ip "$prefix" 2>/dev/null | grep 'comment "foreign"' >/dev/null || nft delete table ip "$prefix"
  lab down
  [ ! -e "$other/lab/lab.sh" ] || other_lab down
  # Not purge, which takes the image too where this is the only lab.
  rm -rf --one-file-system "$mine" "$other"
}

ssh_pi1() { lab ssh pi1 "$@"; }
ssh_as() {
  ssh -F none -i "$mine/id_ed25519" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=yes \
    -o UserKnownHostsFile="$mine/known_hosts" "$@"
}
update() {
  nsupdate "$@" <<UPDATE
server $ns
update delete twopir.example.com A
update add twopir.example.com 60 A $TWOPIR_LAB_SUBNET.121
update add twopir.example.com 60 A $TWOPIR_LAB_SUBNET.122
send
UPDATE
}
rotates() {
  local answers
  answers=$(for _ in 1 2 3 4 5 6; do dig "@$ns" twopir.example.com A +short | xargs; done | sort -u)
  [ "$(wc -l <<<"$answers")" = 2 ] || {
    echo "the answers: $answers"
    return 1
  }
}
boot_id() { lab exec pi1 cat /proc/sys/kernel/random/boot_id; }
rebooted() { [ "$(boot_id 2>/dev/null)" != "$1" ] && ssh_pi1 -- true 2>/dev/null; }
state() { [ "$(lab status --json | jq -r ".pis[] | select(.name == \"$1\") | \"\(.power) \(.link) \(.ssh)\"")" = "$2" ]; }
unchanged() { lab status --json | diff "$1" -; }
# lab_pids NAME: processes of this lab with that command name.
lab_pids() {
  local pid
  find /sys/fs/cgroup/ -path "*/$prefix-*" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | while read -r pid; do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || echo "$pid"
  done
}
# killed_up SECONDS: `up`, killed outright after that time.
killed_up() {
  timeout --signal=KILL "$1" bash "$root/lab/lab.sh" up || true
}

[ "$(id -u)" = 0 ] || die "the lab's test needs root, as the lab does"
debian_packages jq bind9-dnsutils
# The test of another checkout on this machine would use the same network.
exec 6>/run/lock/twopir-labtest
flock -n 6 || { say "waiting for the lab's test of another checkout" && flock 6; }
trap clean_up EXIT
clean_up
before=$(traces)

section "what it refuses"
ip link add tp0foreign type bridge
ip address add "$TWOPIR_LAB_SUBNET.7/24" dev tp0foreign
ip link set tp0foreign up
check "a network in use is refused, with the route and a way out" says "is in use on this machine (route: " lab up
ip link del tp0foreign
ip link add "$prefix" type bridge
ip link set "$prefix" alias foreign
check "a foreign link with the bridge's name is refused" says "the link $prefix is there already" lab up
lab down
check "and survives down" ip link show "$prefix"
ip link del "$prefix"
ip netns add "$prefix-pi1"
check "a foreign namespace with a Pi's name is refused" says "the network namespace $prefix-pi1 is there already" lab up
lab down
check "and survives down" ip -n "$prefix-pi1" link
ip netns del "$prefix-pi1"
nft add table ip "$prefix" '{ comment "foreign"; }'
check "a foreign nft table is refused" says "the nft table ip $prefix is there already" lab up
lab down
check "and survives down" nft list table ip "$prefix"
nft delete table ip "$prefix"
check "an impossible name is refused" says "one to eight lower-case letters" env TWOPIR_LAB=Test-1 bash "$root/lab/lab.sh" status
check "an impossible network is refused" says "first three numbers" env TWOPIR_LAB_SUBNET=192.168.256 bash "$root/lab/lab.sh" status
check "a release that it does not know is refused" says "trixie (Debian 13)" env TWOPIR_LAB_DEBIAN=sid bash "$root/lab/lab.sh" status
check "down with nothing up is fine" lab down
check "nothing is left of all that" no_traces

section "up"
check "up" lab up
check "ssh as pi, host keys checked" ssh_pi1 true
check "each Pi has its rsa, ecdsa and ed25519 key in known_hosts" test "$(cut -d ' ' -f 1 "$mine/known_hosts" | sort | uniq -c | xargs)" = "3 $TWOPIR_LAB_SUBNET.121 3 $TWOPIR_LAB_SUBNET.122"
for type in rsa ecdsa ed25519; do
  algorithm=ssh-$type
  [ $type != ecdsa ] || algorithm=ecdsa-sha2-nistp256
  [ $type != rsa ] || algorithm=rsa-sha2-512
  check "the $type host key is the one that sshd shows" ssh_as -o HostKeyAlgorithms=$algorithm "pi@$TWOPIR_LAB_SUBNET.121" true
done
check "pi may do all by sudo, unasked" ssh_pi1 sudo -n true
check "root may not log in" fails ssh_as "root@$TWOPIR_LAB_SUBNET.121" true
check "a password is not asked for" says "Permission denied (publickey)" ssh -F none -o PreferredAuthentications=password -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$mine/known_hosts" -o BatchMode=yes "pi@$TWOPIR_LAB_SUBNET.121" true
check "its name is pi1" test "$(ssh_pi1 hostname)" = pi1
check "systemd is content" within 20 test "$(lab exec pi1 systemctl is-system-running --wait)" = running
check "nothing of what twopir installs is there" fails ssh_pi1 'dpkg-query -W nginx glusterfs-server keepalived rsync 2>/dev/null | grep .'
check "the Pis reach each other" ssh_pi1 ping -c 1 -W 2 "$TWOPIR_LAB_SUBNET.122"
check "apt reaches its mirror" ssh_pi1 'sudo apt-get update -qq 2>&1 | { ! grep -E "^[EW]:"; }'
lab status --json >"$mine/before"
check "a second up" lab up
check "two more at once" eval 'lab up & lab up && wait $!'
check "changes nothing" unchanged "$mine/before"
check "another network for a lab that is up is refused" says "was made with TWOPIR_LAB_SUBNET" env TWOPIR_LAB_SUBNET=192.168.87 bash "$root/lab/lab.sh" up

section "name server"
check "an update without the key is refused" says REFUSED update
sed 's/secret ".../secret "AAA/' "$root/lab/tsig.key" >"$mine/wrong.key"
check "an update with a wrong key is refused" says BADSIG update -k "$mine/wrong.key"
check "an update with the key is taken" update -k "$root/lab/tsig.key"
check "both addresses, in changing order" rotates
kill -KILL "$(lab_pids named)"
check "a name server that died keeps its records" within 20 eval 'lab up >/dev/null 2>&1 && rotates'

section "cable and power"
lab cut pi1
check "a cut link" state pi1 "on cut no"
check "a Pi behind a cut link can be looked at" lab exec pi1 true
lab exec pi1 ip address add 10.9.9.9/32 dev eth0
lab exec pi1 nft add table ip twopir_test
lab exec pi1 touch /root/kept
check "off" lab off pi1
check "off is seen" state pi1 "off cut no"
check "a Pi that is off cannot be looked at, and that is said" says "pi1 is off" lab exec pi1 true
check "on" lab on pi1
check "the link is still cut" state pi1 "on cut no"
lab restore pi1
check "a restored link" within 5 state pi1 "on up yes"
check "the card was kept" lab exec pi1 test -e /root/kept
check "no address outlived the power cut" fails eval 'lab exec pi1 ip address | grep 10.9.9.9'
check "no nft table outlived it" test -z "$(lab exec pi1 nft list tables)"
id=$(boot_id)
ssh_pi1 sudo systemctl reboot || true
check "a Pi that reboots itself comes back" within 30 rebooted "$id"
id=$(boot_id)
check "reboot" lab reboot pi1
check "it was one" rebooted "$id"
check "halt" lab halt pi1
check "halt is seen" within 5 state pi1 "off up no"
check "and its link goes with it" within 5 fails ip link show "$prefix-1"
check "on again" lab on pi1
lab part pi1 pi2
check "parted Pis do not reach each other" fails ssh_pi1 ping -c 1 -W 1 "$TWOPIR_LAB_SUBNET.122"
check "this machine reaches both" eval 'lab ssh pi1 true && lab ssh pi2 true'
lab join pi2 pi1
# pi1 may have noted that pi2 does not answer, for up to 3 s.
check "joined ones do" within 5 ssh_pi1 ping -c 1 -W 1 "$TWOPIR_LAB_SUBNET.122"
check "blank" lab blank pi1
check "another host key is noticed" says "REMOTE HOST IDENTIFICATION HAS CHANGED" ssh_as -o LogLevel=INFO "pi@$TWOPIR_LAB_SUBNET.121" true
lab keys
check "keys takes it" ssh_pi1 true
check "the card is empty" fails lab exec pi1 test -e /root/kept
check "blank --trust takes it at once" eval 'lab blank pi1 --trust && ssh_pi1 true'
lab exec pi1 touch /root/kept
check "up 3 adds a Pi" lab up 3
check "and lets the others be" lab exec pi1 test -e /root/kept
check "the new Pi answers" lab ssh pi3 true
check "down" lab down
check "nothing is left" no_traces
check "but the key" test -s "$mine/id_ed25519"

section "crashes"
for seconds in 0.5 1 2 3; do
  killed_up $seconds >/dev/null 2>&1
  if [ $seconds = 2 ]; then
    check "up goes on after an up that was killed at $seconds s" lab up
    check "and both Pis answer" eval 'state pi1 "on up yes" && state pi2 "on up yes"'
  fi
  lab down
  check "down leaves nothing of an up that was killed at $seconds s" no_traces
done
lab up >/dev/null 2>&1
for process in $(lab_pids systemd-nspawn) $(lab_pids named) $(lab_pids bash); do kill -KILL "$process"; done
lab down
check "down leaves nothing after its processes were killed" no_traces
lab up >/dev/null 2>&1
rm -rf --one-file-system "$mine"
lab down
check "down leaves nothing after the lab's folder was deleted" no_traces

section "another checkout"
mkdir -p "$other/toolchain"
cp -r "$root/lab" "$other/lab"
cp "$root/toolchain/lib.sh" "$other/toolchain/"
lab up >/dev/null 2>&1
check "a lab of the same name in another checkout is refused" says "this lab did not make it" env TWOPIR_LAB_SUBNET=192.168.87 bash "$other/lab/lab.sh" up
other_lab down
check "and its down leaves this one alone" state pi1 "on up yes"
lab down
timeout --signal=KILL 8 bash "$other/lab/lab.sh" up 2>/dev/null || true
check "an image was being built when up was killed" compgen -G "$other/.twopir/cache/*.new"
other_lab down
check "down ends the build" no_traces
check "and removes the half of an image" fails compgen -G "$other/.twopir/cache/*.new"
check "purge" other_lab purge
check "takes the cache and the key" fails compgen -G "$other/.twopir/*/*"

echo
echo "$passed passed, $failed failed"
[ $failed = 0 ]
