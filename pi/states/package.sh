# shellcheck shell=bash disable=SC2154
# Debian packages are installed, and their programs are there.

use services
takes 'packages[]'

room=400 # MB: glusterfs-server with its dependencies takes 130 MB unpacked and 40 MB of downloads on Debian 13

want() {
  local installed name missing=() lost
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null) || true
  for name in "${packages[@]}"; do
    [[ $'\n'$installed$'\n' == *$'\n'"$name installed"$'\n'* ]] || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] || change "not installed: ${missing[*]}" install_packages "${missing[@]}"
  lost=$(lost_programs)
  [ -z "$lost" ] || change "missing or empty: $(cut -d ' ' -f 2 <<<"$lost" | head -n 3 | xargs)" reinstall
}

# lost_programs: package and path of each program and library that is missing or empty, as a card that fails leaves it,
# or a power cut in the middle of an upgrade. What runs goes on without it, and does not start again. The packages are
# those of the same sources, by their names. A config file may be gone because its user wanted it so; but glusterd does
# not start without its own.
lost_programs() {
  local package found path lists=()
  for package in "${packages[@]%%-*}"; do lists+=(/var/lib/dpkg/info/*"$package"*.list); done
  { grep -sHE '^(/usr)?/s?bin/[^/]+$|\.so[.0-9]*$|/glusterd\.vol$' "${lists[@]}" || true; } | while read -r found; do
    path=${found#*.list:}
    [ -s "$path" ] || echo "$(basename "${found%%.list:*}") $path"
  done | sort -u
}

reinstall() {
  local names path extra=()
  mapfile -t names < <(lost_programs | cut -d ' ' -f 1 | sort -u)
  prepare_apt "${names[@]}"
  # dpkg keeps an empty config file, and brings none that is missing.
  while read -r _ path; do
    if [[ $path == *.vol ]]; then
      rm -f "$path"
      extra=(-o DPkg::Options::=--force-confmiss)
    fi
  done < <(lost_programs)
  quiet apt-get "${apt_options[@]}" "${extra[@]}" install -y --reinstall --no-install-recommends "${names[@]}"
  # It runs on as the program that it was, which the new files may be an update of.
  ! systemctl is-active -q nginx.service || [[ " ${names[*]} " != *nginx* ]] || wants_reboot nginx
  [ -z "$(lost_programs)" ] || fail "still missing or empty after ${names[*]} came anew: $(lost_programs | xargs)"
}

install_packages() {
  local robbed
  mapfile -t robbed < <(without_config "${@%%-*}")
  prepare_apt "$@"
  note_new "$@"
  # Whoever removes a package and then its folder in /etc starts anew: dpkg would go on without its config files.
  quiet apt-get "${apt_options[@]}" -o DPkg::Options::=--force-confmiss \
    install -y --reinstall --no-install-recommends "$@" "${robbed[@]}"
}

# without_config SOURCE...: packages of these that are installed, and of whose config files one is gone.
without_config() {
  local package path
  { dpkg-query -W -f='${db:Status-Status} ${Package}\n${Conffiles}\n' "${@/%/*}" 2>/dev/null || true; } |
    awk '/^[^ ]/ { package = $1 == "installed" ? $2 : "" } /^ / && package && $3 != "obsolete" { print package, $1 }' |
    while read -r package path; do [ -e "$path" ] || echo "$package"; done | sort -u
}

prepare_apt() { # PACKAGE...
  local free
  free=$(df -m --output=avail /usr | tail -n 1)
  [ "$free" -ge "$room" ] ||
    fail "no disk space for $*: only ${free// /} MB free on /usr, $room MB needed. Free some, then run pulumi up again"
  wait_for_apt
  # nginx has a state of its own that starts it, and says why it does not start. Where its package's own start fails,
  # since nginx refuses its config, the package stays half configured, and what comes after it undone for ever; and one
  # that runs would be started again out of its turn. Masked for the time that this script takes; where it is killed,
  # until nginx's state looks at it, or a turn begins.
  trap 'systemctl unmask -q --runtime nginx.service || true' EXIT
  systemctl mask -q --runtime nginx.service 2>/dev/null # it says that there is none yet
  # An earlier installation was cut off.
  [ -z "$(dpkg --audit)" ] || quiet dpkg --force-confdef --force-confold --force-confmiss --configure -a
  refresh_lists
}

apt_wait=300 # seconds for somebody else's apt on this Pi; apt itself would fail at once
# It asks nothing, waits where one begins between our check and our own apt, and keeps a config file that was there
# before the package, where dpkg would ask.
apt_options=(-q -o "DPkg::Lock::Timeout=$apt_wait" -o Acquire::Retries=3
  -o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold)
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a

wait_for_apt() {
  local who
  who=$(apt_process)
  [ -n "$who" ] || return 0
  say "waiting until this is done: $who"
  until_true "$apt_wait" apt_is_free ||
    fail "$(apt_process) still holds apt's lock after $apt_wait s:" \
      "wait for it, or end it, then run pulumi up again"
}

# apt_process: who holds one of apt's locks, and since when; nothing where nobody does.
apt_process() {
  local lock pid
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock; do
    [ -e "$lock" ] || continue
    pid=$(awk -v inode=":$(stat -c %i "$lock")" \
      'substr($6, length($6) - length(inode) + 1) == inode { print $5; exit }' /proc/locks)
    [ -n "$pid" ] || continue
    ps -o comm=,pid=,user=,lstart= -p "$pid" |
      awk '{ print $1 ", process " $2 " of " $3 ", since " $4, $5, $6, $7 }' || true # it may end now
    return
  done
}
apt_is_free() { [ -z "$(apt_process)" ]; }

# The lists of a fresh Pi are months old; those that the state before this one fetched are fresh.
refresh_lists() {
  local stamp=/run/twopir-apt-lists
  [ -z "$(find "$stamp" -mmin -10 2>/dev/null)" ] || return 0
  quiet apt-get "${apt_options[@]}" update
  touch "$stamp"
}

# What apt is about to bring (not what it upgrades, which has its old version in brackets), noted before it does, so
# that a killed run forgets nothing.
note_new() {
  mkdir -p "$notes"
  apt-get -s install --no-install-recommends "$@" 2>/dev/null |
    sed -n 's/^Inst \([^ :]*\) (.*/\1/p' >>"$notes/packages-$state" || true
}

# quiet COMMAND...: of its output the config files that were kept, and where it fails what matters of it.
quiet() {
  local log file
  log=$(mktemp)
  if ! "$@" </dev/null >"$log" 2>&1; then
    grep -E '^(E|W|Err|dpkg):' "$log" >&2 || tail -n 12 "$log" >&2
    rm -f "$log"
    fail "\"$*\" failed, see above. Is the Pi on the network, are its clock and /etc/apt/sources.list right?" \
      "Then run pulumi up again (Debian 13 for 32-bit ARM has no glusterfs: use a 64-bit system)"
  fi
  # dpkg ends its lines for a terminal.
  tr -d '\r' <"$log" | sed -nE "s/^Configuration file '(.*)'$/\1/p" | sort -u | while read -r file; do
    say "$file was there before the package and stays as it is; the package's own is $file.dpkg-dist"
  done
  rm -f "$log"
}

# Only what apply brought goes: the packages, then those of their dependencies that nothing else needs by now.
unwant() {
  local note="$notes/packages-$state"
  [ -e "$note" ] || return 0
  purge_noted < <(printf '%s\n' "${packages[@]}" | grep -Fx -f "$note")
  purge_noted < <(apt-get -s autoremove | sed -n 's/^Remv \([^ :]*\) .*/\1/p' | grep -Fx -f "$note")
  rm -f "$note"
}

purge_noted() { # the names on stdin
  local names
  mapfile -t names
  [ ${#names[@]} -eq 0 ] || quiet apt-get "${apt_options[@]}" purge -y "${names[@]}"
}
