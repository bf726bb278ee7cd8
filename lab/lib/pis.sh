# shellcheck shell=bash
# The virtual Pis: each one a card (a folder that an overlay writes to), a plug in the bridge, and a supervisor that
# starts systemd-nspawn and starts it again when the Pi reboots. Sourced, not run.

# new_card K BASE: a blank card; what is on it is written when the Pi first starts (supervisor.sh).
new_card() {
  mkdir -p "$lab_dir/pi$1"
  echo "$2" >"$lab_dir/pi$1/base"
}

# wipe_card K: makes it blank again. A loaded one lies over what was saved, and that over the image.
wipe_card() {
  local card=$lab_dir/pi$1
  rm -f "$card/ready"
  sed -i 's/.*://' "$card/base"
  rm -rf --one-file-system "$card"/{upper,work}
}

# power_on K: returns at once; await_pi waits.
power_on() {
  refuse_foreign "pi$1"
  # Its group may hold what a crash left of the last run.
  end_group "pi$1"
  spawn "pi$1" "$lab_dir/pi$1/supervisor.log" bash "$root/lab/lib/supervisor.sh" "$lab" "$1"
  disown
}

# power_off K: as when the plug is pulled. The others hear nothing any more from the first moment.
power_off() {
  ! our_link "$prefix-$1" || ip link set "$prefix-$1" down
  end_group "pi$1"
  unplug "pi$1"
}

# run_ssh K [OPTION...] -- [COMMAND...]: logs in as the operator does; a changed host key is an error.
run_ssh() {
  local k=$1 options=()
  shift
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  ssh -F none -i "$lab_dir/id_ed25519" -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o LogLevel=ERROR \
    -o UserKnownHostsFile="$lab_dir/known_hosts" "${options[@]}" "pi@$(pi_address "$k")" "$@"
}

# ssh_answers K: whether sshd lets the operator in. With a cut link it is asked from inside the Pi's own namespace.
# The keys are those on the card: whether known_hosts is up to date is another question.
ssh_answers() {
  local inside=()
  [ -e "$lab_dir/pi$1/ready" ] || return 1
  [ ! -e "$lab_dir/pi$1/cut" ] || inside=(nsenter --net="/run/netns/$(netns "pi$1")")
  "${inside[@]}" ssh -F none -i "$lab_dir/id_ed25519" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=2 \
    -o UserKnownHostsFile="$lab_dir/pi$1/ready" -o StrictHostKeyChecking=yes "pi@$(pi_address "$1")" true \
    </dev/null 2>/dev/null
}

# await_pi K: until it can be logged in to.
await_pi() {
  local seconds=60 deadline log=$lab_dir/pi$1/supervisor.log
  deadline=$((SECONDS + seconds))
  until ssh_answers "$1"; do
    lives "pi$1" ||
      die "pi$1 stopped while it started, or was switched off: see $log"$'\n'"$(tail -n 5 "$log" 2>/dev/null)"
    [ $SECONDS -lt $deadline ] ||
      die "pi$1 does not answer by ssh on $(pi_address "$1") after $seconds s:" \
        "see $log"$'\n'"$(tail -n 5 "$log" 2>/dev/null)"
    sleep 0.2
  done
}

# run_inside K COMMAND...: as root in the Pi, not by way of its network. A Pi that shuts down stops all of its processes
# for a moment. nsenter, which stops itself when its child is stopped, would stay so, with a dead child that the Pi's
# PID 1 waits for: hence the shell between, which forks into the Pi and minds nothing but the end.
run_inside() {
  local pid
  pid=$(pid1 "$1") || die "pi$1 is off: switch it on with \`lab.sh on pi$1\`"
  shift
  # shellcheck disable=SC2016 # the inner shell expands them
  nsenter --all --no-fork --target "$pid" -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 sh -c '"$@"; exit' - "$@"
}

make_key() {
  [ -e "$lab_dir/id_ed25519" ] || ssh-keygen -q -t ed25519 -N '' -C "twopir lab $lab" -f "$lab_dir/id_ed25519"
  hand_over "$root/.twopir" "$root/.twopir/lab" "$lab_dir" "$lab_dir"/id_ed25519*
}

# trust_keys all|new: known_hosts takes the host keys from the cards themselves; "new" keeps what is known of a Pi.
trust_keys() {
  local k
  for k in $(made_pis); do
    { [ "$1" = new ] && known "$k"; } || cat "$lab_dir/pi$k/ready" ||
      die "pi$k has no host keys yet: start it with \`lab.sh on pi$k\`"
  done >"$lab_dir/known_hosts.new"
  mv "$lab_dir/known_hosts.new" "$lab_dir/known_hosts"
  hand_over "$lab_dir/known_hosts"
}
known() { grep -s "^$(pi_address "$1") " "$lab_dir/known_hosts"; }
