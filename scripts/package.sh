# shellcheck shell=bash disable=SC2154
# Debian packages are installed. Parameters: packages (array)

room=400 # MB: glusterfs-server with its dependencies takes 130 MB unpacked and 40 MB of downloads on Debian 13

want() {
  local installed missing
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | sed -n 's/ installed$//p') || true
  mapfile -t missing < <(printf '%s\n' "${packages[@]}" | grep -vxF -- "$installed")
  [ ${#missing[@]} -eq 0 ] || change "not installed: ${missing[*]}" install_packages "${missing[@]}"
}

install_packages() {
  local free
  free=$(df -m --output=avail /usr | tail -n 1)
  [ "$free" -ge "$room" ] ||
    fail "no disk space for $*: only ${free// /} MB free on /usr, $room MB needed. Free some, then run pulumi up again"
  [ -z "$(dpkg --audit)" ] || quiet dpkg --configure -a # an earlier installation was cut off
  refresh_lists
  note_new "$@"
  quiet apt-get "${apt_options[@]}" install -y --no-install-recommends "$@"
}

# Waits for another apt on this Pi for 5 minutes instead of failing at once; asks nothing.
apt_options=(-q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a

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
  apt-get -s install --no-install-recommends "$@" 2>/dev/null | sed -n 's/^Inst \([^ :]*\) (.*/\1/p' >>"$notes/packages-$state" || true
}

# quiet COMMAND...: its output only where it fails, and then what matters of it.
quiet() {
  local log
  log=$(mktemp)
  if ! "$@" </dev/null >"$log" 2>&1; then
    grep -E '^(E|W|Err|dpkg):' "$log" >&2 || tail -n 12 "$log" >&2
    rm -f "$log"
    fail "\"$*\" failed, see above. Is the Pi on the network, are its clock and /etc/apt/sources.list right? Then run pulumi up again (Debian 13 for 32-bit ARM has no glusterfs: use a 64-bit system)"
  fi
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

main "$@"
