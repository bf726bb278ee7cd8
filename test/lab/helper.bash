# shellcheck shell=bats
# What the lab's tests share: the lab that they play with, ways to ask it, and what it could leave behind.
bats_require_minimum_version 1.5.0
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/shell.sh"

export TWOPIR_LAB=labtest TWOPIR_LAB_SUBNET=192.168.88
unset TWOPIR_LAB_PIS TWOPIR_LAB_DEBIAN
# shellcheck disable=SC2034 # used by the tests
pi1=$TWOPIR_LAB_SUBNET.121 pi2=$TWOPIR_LAB_SUBNET.122 ns=$TWOPIR_LAB_SUBNET.53
prefix=tp-$TWOPIR_LAB
mine=$root/.twopir/lab/$TWOPIR_LAB
# Another checkout of the lab, with a cache of its own.
other=$root/.twopir/labtest-checkout

# A lab outlives the command that made it: it must not hold open what bats (3, 4) or the next run (6) waits for.
lab() { bash "${checkout:-$root}/lab/lab.sh" "$@" 3>&- 4>&- 6>&-; }
other_lab() { checkout=$other lab "$@"; }
ssh_pi1() { lab ssh pi1 "$@"; }
ssh_as() {
  ssh -F none -i "$mine/id_ed25519" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=5 \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$mine/known_hosts" "$@"
}

# refused TEXT COMMAND...: the command fails, and its message has the text in it.
# shellcheck disable=SC2154 # status and output are bats's
refused() {
  run "${@:2}"
  [[ $status -ne 0 && $output == *"$1"* ]] || { echo "status $status: $output" && return 1; }
}

# within SECONDS COMMAND...: the command succeeds before the time is over.
within() {
  local deadline=$((SECONDS + $1))
  until "${@:2}"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

# states "NAME POWER LINK SSH"...: this is what the lab says of its Pis.
states() {
  diff <(printf '%s\n' "$@") <(lab status --json | jq -r '.pis[] | "\(.name) \(.power) \(.link) \(.ssh)"')
}

# lab_pids NAME...: this lab's processes with one of these command names.
lab_pids() {
  local pid
  for pid in $(find /sys/fs/cgroup -path "*/$prefix-*" -name cgroup.procs -exec cat {} + | sort -u); do
    [[ " $* " != *" $(cat "/proc/$pid/comm" 2>/dev/null) "* ]] || echo "$pid"
  done
}

# killed_up COMMAND...: `up`, killed outright as soon as the command succeeds.
killed_up() {
  # timeout makes it a process group of its own.
  timeout 120 bash "${checkout:-$root}/lab/lab.sh" up 3>&- 4>&- 6>&- &
  until "$@"; do
    kill -0 $! || return 1
    sleep 0.02
  done
  kill -KILL -- -$!
  wait $! || true
}

# traces: what on this machine a lab could leave behind. Labs with other names may come and go meanwhile.
traces() (
  set -o pipefail
  {
    ip netns list | sed 's/^/netns /'
    ip -br link | sed 's/[@ ].*//; s/^/link /'
    nft list tables
    # The first namespace of a machine has ip mount that folder over itself, for good.
    sed '\: /run/netns :d; s/^/mount /' /proc/mounts
    find /run/twopir \( -lname "$mine" -o -lname "$other/*" \) 2>/dev/null || true # no lab needs it
    find /sys/fs/cgroup /run/systemd/nspawn -name "$prefix*" 2>/dev/null || true   # no nspawn has run yet
  } | sed "/tp-[a-z]/{/$prefix/!d}" | sort
  pgrep -af "$prefix|$mine|$other/" || true
)
# Other labs may come and go meanwhile, and the machine forwards packets as long as any is up: it did not before where
# there is a /run/twopir.
forwarding() { if [ -e /run/twopir ]; then echo 0; else cat /proc/sys/net/ipv4/ip_forward; fi; }
forwards_as_before() { diff "$BATS_SUITE_TMPDIR/forwarding" <(forwarding); }
no_traces() { diff "$BATS_SUITE_TMPDIR/before" <(traces) && within 2 forwards_as_before; }

# remove_foreign: what the tests make that the lab did not.
remove_foreign() {
  ip netns del "$prefix-pi1" || true
  ip link del tp0foreign || true
  [[ $(ip link show "$prefix") != *"alias foreign"* ]] || ip link del "$prefix"
  [[ $(nft list table ip "$prefix") != *'comment "foreign"'* ]] || nft delete table ip "$prefix"
} 2>/dev/null
