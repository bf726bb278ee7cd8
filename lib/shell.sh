# shellcheck shell=bash
# What every command-line script of the project shares: where things lie, how to speak, Debian packages.
# Sourced, not run.

# shellcheck disable=SC2034 # used by the scripts that source this file
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# say TEXT...: one line of progress, on stderr so that stdout stays a command's own answer.
say() { printf '==> %s\n' "$*" >&2; }

# die TEXT...: what is wrong, where, and what to do; then the end.
die() {
  printf 'twopir: %s\n' "$*" >&2
  exit 1
}

# debian_packages NAME...: installs those that are missing; asks for root only where something is missing.
debian_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    die "needs the Debian packages ${missing[*]}, and there is no apt-get here: run it on Debian 12 or 13"
  [ "$(id -u)" = 0 ] ||
    die "needs the Debian packages ${missing[*]}: run as root, or: sudo apt-get install ${missing[*]}"
  say "installing Debian packages: ${missing[*]}"
  (
    # Two labs that begin at once; apt itself waits for nobody who reads its lists.
    exec 9</run && flock 9
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  )
}
