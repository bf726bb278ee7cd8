#!/usr/bin/env bash
# Virtual Raspberry Pis on this machine, and faults for them. `lab.sh help` lists the commands.
set -eEuo pipefail
# A command that fails without a word of the lab's own is at least named.
trap 'printf "twopir: failed: %s (%s, line %s)\n" "$BASH_COMMAND" "${BASH_SOURCE[0]}" "$LINENO" >&2' ERR
here=$(dirname "${BASH_SOURCE[0]}")
. "$here/../lib/shell.sh"

usage() {
  cat <<'TEXT'
Usage: bash lab/lab.sh COMMAND

  up [N]              N Pis (default 2), a name server, a network; makes what is missing
  down                stops and removes everything but the operator's key and the cached Debian image
  purge               down, and the key and the cached image go too
  status [--json]     each Pi: address, power, link, ssh; the name server
  env                 addresses, files and the name server's key as NAME=VALUE lines

  ssh PI [COMMAND]    log in as pi
  exec PI COMMAND     as root in the Pi, not by way of its network
  dig ARGUMENTS       dig, asking the lab's name server
  keys                take the Pis' present host keys into known_hosts

  off PI              pull its plug
  on PI               and plug it in again
  halt PI             shut it down cleanly
  reboot PI           reboot it cleanly
  password PI         sudo asks pi there for the password that comes on stdin, until the card is blank again
  blank PI [--trust]  a new card: empty, with other host keys (known_hosts keeps the old ones without --trust)
  cut PI, restore PI  its network cable
  part PI PI          nothing passes between these two, all else does
  join PI PI          undoes that

  save NAME           keeps the lab as it is now: cards, keys, power, cables, the zone; the Pis reboot meanwhile
  load NAME           makes the lab as it was saved, whatever it is now; exit status 3 where none fits
                      both: --key TEXT    load wants the text that save was given
                            --with FOLDER a folder in .twopir that goes with it, e.g. of Pulumi's state
  saved               lists them
  forget NAME|--all   removes them

  journals FOLDER     writes there what the Pis and the name server have logged since they started

Settings from the environment: TWOPIR_LAB (the lab's name, dev), TWOPIR_LAB_SUBNET (192.168.0),
TWOPIR_LAB_PIS (2), TWOPIR_LAB_DEBIAN (trixie or bookworm).
TEXT
}

case ${1:-help} in
  help | -h | --help)
    usage
    exit
    ;;
esac
# A user who can read the lab's key needs root for none of these.
[[ $1 =~ ^(ssh|dig|env|addresses)$ ]] || [ "$(id -u)" = 0 ] ||
  die "the lab makes network namespaces and mounts: run it as root, e.g. sudo -E bash lab/lab.sh $*"
. "$here/lib/settings.sh"
. "$here/lib/processes.sh"
. "$here/lib/network.sh"
. "$here/lib/base.sh"
. "$here/lib/names.sh"
. "$here/lib/pis.sh"
. "$here/lib/saved.sh"

# lock: one command at a time changes the lab. Waiting for a Pi to start is done without it.
lock() {
  [ -d "$lab_dir" ] || die "lab $lab is down: start it with \`lab.sh up\`"
  exec 9>>"$lab_dir/lock"
  flock -n 9 || {
    say "waiting for another command on lab $lab: $(cat "$lab_dir/lock")"
    flock 9
  }
  echo "lab.sh $command (process $$)" >"$lab_dir/lock"
}
unlock() { exec 9>&-; }

# pi NAME: the number of a Pi that the lab has.
pi() {
  local k=${1#pi} there
  there=$(made_pis | sed 's/^/pi/' | xargs)
  [ -n "$there" ] || die "lab $lab has no Pis: make some with \`lab.sh up\`"
  [ -n "$k" ] || die "$command needs the name of a Pi: ${there// /, }"
  [[ " $there " == *" pi$k "* ]] || die "there is no \"$1\" in lab $lab: it has ${there// /, }"
  echo "$k"
}

install_tools() {
  # Debian would start a name server for the whole machine along with the package; the lab needs the program only.
  if [ -d /run/systemd/system ] && ! dpkg-query -W bind9 >/dev/null 2>&1; then
    say "bind9 will be installed with its service masked (undo: systemctl unmask named)"
    systemctl mask named.service
  fi
  debian_packages systemd-container mmdebstrap debian-archive-keyring iproute2 nftables attr bind9 bind9-dnsutils \
    openssh-client
}

up() {
  local count=${1:-${TWOPIR_LAB_PIS:-2}} k pis
  [[ $count =~ ^[1-9][0-9]?$ ]] || die "\"$count\" is no number of Pis: give 1 to $most_pis"
  refuse_other_settings
  install_tools
  mkdir -p "$lab_dir"
  lock
  # shellcheck disable=SC2046 # one word each
  refuse_foreign ns $(seq -f 'pi%g' "$count")
  refuse_used_subnet
  can_overlay
  [ -e /dev/fuse ] || die "there is no /dev/fuse, which mounts of GlusterFS need: load it with \`modprobe fuse\`"
  printf 'subnet=%s debian=%s\n' "$subnet" "$debian" >"$lab_dir/settings"
  make_key
  ensure_base
  make_network
  lives ns || start_names
  pis=$({ seq "$count" && made_pis; } | sort -nu)
  for k in $pis; do
    ! lives "pi$k" || continue
    [ -e "$lab_dir/pi$k/base" ] || new_card "$k" "$base"
    say "starting pi$k ($(pi_address "$k"))"
    power_on "$k"
  done
  unlock
  for k in $pis; do await_pi "$k"; done
  await_names
  lock
  trust_keys new
  unlock
  status
}

down() {
  [ ! -d "$lab_dir" ] || lock
  end_group
  remove_network
  drop_half_built
  [ -d "$lab_dir" ] || return 0
  find "$lab_dir" -mindepth 1 -maxdepth 1 ! -name 'id_ed25519*' ! -name lock ! -name settings \
    -exec rm -rf --one-file-system {} +
  rm -f "$lab_dir/settings"
}

purge() {
  down
  rm -rf --one-file-system "$lab_dir" "$saved"
  compgen -G "$root/.twopir/lab/*" >/dev/null || rm -rf --one-file-system "$cache" "$root/.twopir/lab"
}

power() { if pid1 "$1" >/dev/null; then echo on; else echo off; fi; }
link() { if [ -e "$lab_dir/pi$1/cut" ]; then echo cut; else echo up; fi; }
ssh_state() {
  if run_ssh "$1" -o BatchMode=yes -o ConnectTimeout=2 -- true </dev/null 2>/dev/null; then echo yes; else echo no; fi
}
ns_state() { if ns_answers; then echo yes; else echo no; fi; }

status() {
  local k
  [ -e "$lab_dir/settings" ] || {
    echo "lab $lab is down"
    return
  }
  printf '%-6s %-15s %-6s %-5s %s\n' NAME ADDRESS POWER LINK SSH
  for k in $(made_pis); do
    printf '%-6s %-15s %-6s %-5s %s\n' "pi$k" "$(pi_address "$k")" "$(power "$k")" "$(link "$k")" "$(ssh_state "$k")"
  done
  [ ! -s "$lab_dir/parted" ] || sed 's/\([0-9]*\) \([0-9]*\)/parted: pi\1 and pi\2/' "$lab_dir/parted"
  echo "name server $ns_address for $zone answers: $(ns_state); this machine is $operator_address"
  echo "lab $lab, Debian $debian; key and known_hosts in $lab_dir"
}

status_json() {
  local k separator=""
  printf '{"lab":"%s","debian":"%s","subnet":"%s","nameServer":{"address":"%s","answers":"%s"},"pis":[' \
    "$lab" "$debian" "$subnet" "$ns_address" "$(ns_state)"
  for k in $(made_pis); do
    printf '%s{"name":"pi%s","address":"%s","power":"%s","link":"%s","ssh":"%s","pid1":%s}' \
      "$separator" "$k" "$(pi_address "$k")" \
      "$(power "$k")" "$(link "$k")" "$(ssh_state "$k")" "$(pid1 "$k" || echo null)"
    separator=,
  done
  printf ']}\n'
}

print_env() {
  local k
  echo "TWOPIR_LAB=$lab"
  echo "TWOPIR_LAB_SUBNET=$subnet"
  echo "TWOPIR_LAB_DEBIAN=$debian"
  echo "LAB_KEY=$lab_dir/id_ed25519"
  echo "LAB_KNOWN_HOSTS=$lab_dir/known_hosts"
  echo "LAB_OPERATOR=$operator_address"
  echo "LAB_CROWD=$crowd_address"
  echo "LAB_BRIDGE=$bridge"
  echo "LAB_NAME_SERVER=$ns_address"
  echo "LAB_ZONE=$zone"
  echo "LAB_TSIG_FILE=$root/lab/tsig.key"
  sed -n -e 's/^key "\(.*\)" {/LAB_TSIG_NAME=\1/p' -e 's/^ *algorithm \(.*\);/LAB_TSIG_ALGORITHM=\1/p' \
    -e 's/^ *secret "\(.*\)";/LAB_TSIG_SECRET=\1/p' "$root/lab/tsig.key"
  echo "LAB_PIS=$(made_pis | sed 's/^/pi/' | xargs)"
  for k in $(made_pis); do echo "LAB_PI$k=$(pi_address "$k")"; done
}

on() {
  lock
  if lives "pi$1"; then
    say "pi$1 is on already"
  else
    has_link "$bridge" || die "lab $lab has no network (was this machine restarted?): bring it back with \`lab.sh up\`"
    power_on "$1"
  fi
  unlock
  await_pi "$1"
}

off() {
  lock
  power_off "$1"
  unlock
}

# leave K COMMAND: the Pi shuts down by itself, which takes it some seconds; waits until its PID 1 is gone.
leave() {
  local k=$1 pid deadline=$((SECONDS + 90))
  pid=$(pid1 "$k") || die "pi$k is off: switch it on with \`lab.sh on pi$k\`"
  run_inside "$k" systemctl "$2"
  while [ -d "/proc/$pid" ]; do
    [ $SECONDS -lt $deadline ] ||
      die "pi$k still runs 90 s after \`systemctl $2\`: look with \`lab.sh exec pi$k systemctl list-jobs\`," \
        "or pull its plug with \`lab.sh off pi$k\`"
    sleep 0.1
  done
}

blank() {
  local trust=${2:-}
  [ -z "$trust" ] || [ "$trust" = --trust ] || die "blank knows the option --trust, not \"$trust\""
  lock
  power_off "$1"
  wipe_card "$1"
  power_on "$1"
  unlock
  await_pi "$1"
  [ -z "$trust" ] || {
    lock
    trust_keys all
  }
}

# password K: as on Raspberry Pi OS since April 2026, and by its own file.
password() {
  { printf 'pi:' && cat; } | run_inside "$1" sh -c 'chpasswd && rm -f /etc/sudoers.d/010_pi-nopasswd'
}

# cable K up|down: noted before it is done, so that a crash between the two is mended by doing it again.
cable() {
  lock
  if [ "$2" = down ]; then touch "$lab_dir/pi$1/cut"; else rm -f "$lab_dir/pi$1/cut"; fi
  ! our_link "$prefix-$1" || ip link set "$prefix-$1" "$2"
}

# between part|join A B
between() {
  local a b
  a=$((10#$2 < 10#$3 ? $2 : $3)) b=$((10#$2 < 10#$3 ? $3 : $2))
  [ "$a" != "$b" ] || die "a Pi cannot be parted from itself: name two"
  refuse_foreign
  lock
  touch "$lab_dir/parted"
  { grep -vx "$a $b" "$lab_dir/parted" || true; } >"$lab_dir/parted.new"
  [ "$1" = join ] || echo "$a $b" >>"$lab_dir/parted.new"
  mv "$lab_dir/parted.new" "$lab_dir/parted"
  part_rules
}

# journals FOLDER: for whoever looks for a fault later, when the lab is gone.
journals() {
  local k
  [ -n "$1" ] || die "journals needs a folder to write to"
  mkdir -p "$1"
  for k in $(made_pis); do
    cp "$lab_dir/pi$k/supervisor.log" "$1/pi$k-console.log" 2>/dev/null || true
    lives "pi$k" || continue
    # What hangs in the kernel, and on what.
    processes "pi$k" >"$1/pi$k-processes.log"
    pid1 "$k" >/dev/null || continue
    # shellcheck disable=SC2016 # the inner shell expands them
    run_inside "$k" bash -c 'journalctl --boot --no-pager --output=short-precise
      for log in /var/log/nginx/error.log /var/log/glusterfs/*.log /var/log/glusterfs/bricks/*.log; do
        [ ! -s "$log" ] || { echo; echo "== $log"; tail -n 2000 "$log"; }
      done' >"$1/pi$k.log" 2>&1 || true
  done
  cp "$lab_dir/named.log" "$1/" 2>/dev/null || true
}

command=$1
shift
case $command in
  up | purge | forget) "$command" "$@" ;;
  save | load) "$command" "${1:-}" "${@:2}" ;;
  saved) list_saved ;;
  journals) journals "${1:-}" ;;
  status)
    if [ "${1:-}" = --json ]; then status_json; else status; fi
    ;;
  down)
    if [ "${1:-}" = --all ]; then purge; else down; fi
    ;;
  env | addresses) print_env ;;
  dig) exec dig "@$ns_address" "$@" ;;
  keys)
    lock
    trust_keys all
    ;;
  *)
    case $command in ssh | exec | off | on | halt | reboot | password | blank | cut | restore | part | join) ;; *)
      die "there is no command \"$command\": \`lab.sh help\` lists them"
      ;;
    esac
    k=$(pi "${1:-}") || exit
    shift
    case $command in
      # Their exit status is the command's own.
      ssh) run_ssh "$k" -- "$@" || exit ;;
      exec) run_inside "$k" "${@:-bash}" || exit ;;
      on | off | password) "$command" "$k" ;;
      blank) blank "$k" "$@" ;;
      cut) cable "$k" down ;;
      restore) cable "$k" up ;;
      halt) leave "$k" poweroff ;;
      reboot)
        leave "$k" reboot
        await_pi "$k"
        ;;
      part | join)
        other=$(pi "${1:-}") || exit
        between "$command" "$k" "$other"
        ;;
    esac
    ;;
esac
