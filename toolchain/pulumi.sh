#!/usr/bin/env bash
# npm run pulumi -- ARGS: the Pulumi CLI, with all that stack `dev` (the lab) needs.
#   bash toolchain/pulumi.sh ARGS...   any command of Pulumi, with any flags
#   bash toolchain/pulumi.sh --env     prints, as lines of KEY=VALUE, the environment that it gives the CLI:
#                                      PATH (starts with the CLI's folder) and PULUMI_*; for the Automation API
# A variable that is set already stays as it is. Only stack `dev` gets the lab's state folder and its published
# passphrase: for any other stack Pulumi asks its user, as always.
set -euo pipefail
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/shell.sh"
cd "$root"

# stack_of ARGS...: the stack that the command is about, as it was given: perhaps with its organization.
stack_of() {
  local stack=${PULUMI_STACK:-dev}
  case "${1:-} ${2:-} ${3:--}" in
    "stack "*" -"*) ;;
    "stack init "* | "stack select "* | "stack rm "*) stack=$3 ;;
  esac
  while [ $# -gt 0 ]; do
    case $1 in
      --) break ;;
      --stack | -s) stack=${2:-} ;;
      --stack=*) stack=${1#*=} ;;
      -s?*) stack=${1#-s} ;;
    esac
    shift
  done
  printf '%s\n' "$stack"
}

default() { # default NAME VALUE
  [ -n "${!1+set}" ] || export "$1=$2"
  names+=("$1")
}

# release_dead_locks FOLDER: a process that was killed leaves its lock on the state, and the next command would
# refuse to work. A lock whose process is gone is removed; one of a live process or of another machine stays.
release_dead_locks() {
  local lock pid host since
  for lock in "$1"/.pulumi/locks/*/*/*/*.json; do
    [ -e "$lock" ] || continue
    { read -r pid && read -r host && read -r since; } < <(node -p '
      const lock = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
      [lock.pid, lock.hostname, Math.floor(Date.parse(lock.timestamp) / 1000)].join("\n")' "$lock" 2>/dev/null) ||
      continue
    [ "$host" = "$(hostname)" ] || continue
    ! holds "$pid" "$since" || continue
    say "releasing the state lock that process $pid left behind; it has ended"
    rm -f "$lock" "$lock.attrs"
  done
}

# holds PID SINCE: is it a pulumi, and was it there when the lock was made? A pid is used again after a while.
holds() {
  local name age
  command -v ps >/dev/null || return 0
  read -r age name < <(ps -o etimes= -o comm= -p "$1") || return 1
  # 5 s, for clocks that were set in between.
  [ "$name" = pulumi ] && [ "$age" -ge $(($(date +%s) - $2 - 5)) ]
}

# clear_pending STACK: of what an interrupted up was making Pulumi keeps a note, warns of it in each later up, and does
# nothing else about it. All that twopir makes can be made again: a Pi is looked at first, and a record that is there is
# taken over. Only the stack's own resource is refreshed meanwhile, which asks nobody.
clear_pending() {
  local state
  state=$(pulumi stack export --stack "$1" --non-interactive 2>/dev/null) || return 0
  [[ $state == *'"type": "creating"'* ]] || return 0
  say "clearing what Pulumi has noted of an up that was interrupted; this one does it again"
  PULUMI_RUN_PROGRAM=false pulumi refresh --clear-pending-creates --yes --skip-preview --non-interactive \
    --stack "$1" --target "urn:pulumi:${1##*/}::twopir::pulumi:pulumi:Stack::twopir-${1##*/}" >/dev/null 2>&1 ||
    say "it cannot be cleared now; later, run: pulumi refresh --clear-pending-creates"
}

bash toolchain/install.sh
[ -d node_modules ] || {
  say "installing the npm packages"
  npm ci --ignore-scripts --no-audit --no-fund >&2
}

names=(PATH)
cli='' home='' plugin=''
while IFS="=" read -r name value; do
  case $name in
    TWOPIR_CLI) cli=$value ;;
    TWOPIR_PLUGIN) plugin=$value ;;
    PULUMI_HOME) home=$value ;;
  esac
done <.twopir/toolchain/choice
PATH=$cli:$PATH
if [ -n "$home" ]; then
  # Not the user's: the plugin is in there.
  export PULUMI_HOME=$home
  names+=(PULUMI_HOME)
fi
# Where the official plugin was not to be had, no other is: say so at once, and do not wait for a download.
[ "$plugin" = official ] || default PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION true
default PULUMI_SKIP_UPDATE_CHECK true
# One Pi that fails must not keep the others from finishing.
default PULUMI_CONTINUE_ON_ERROR true
# The program looks at the Pis first, so that destroy leaves out one that is dead.
default PULUMI_RUN_PROGRAM true

case ${1:-} in login | logout) exec pulumi "$@" ;; esac
stack=$(stack_of "$@")
if [ "${stack##*/}" = dev ]; then
  default PULUMI_STACK dev
  default PULUMI_BACKEND_URL "file://$root/.twopir/state"
  default PULUMI_CONFIG_PASSPHRASE twopir-lab
  if [ "$PULUMI_BACKEND_URL" = "file://$root/.twopir/state" ]; then
    mkdir -p .twopir/state
    release_dead_locks .twopir/state
    made=.twopir/state/.pulumi/stacks/twopir/dev.json
    if [ "${1:-} ${2:-}" != 'stack init' ] && [ ! -e "$made" ]; then
      # Another command may make it at the same time.
      said=$(pulumi stack init dev --non-interactive 2>&1) || [ -e "$made" ] || die "cannot make the stack dev: $said"
    fi
  fi
fi

if [ "${1:-}" = --env ]; then
  for name in "${names[@]}"; do printf '%s=%s\n' "$name" "${!name}"; done
  exit
fi
case ${1:-} in up | update) clear_pending "$stack" ;; esac
exec pulumi "$@"
