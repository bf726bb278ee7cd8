#!/usr/bin/env bash
# npm run audit: known weaknesses of what the project depends on, by npm's and Go's own databases. The exit status is 1
# where one is known, 2 where a database could not be asked: that is no good news.
set -euo pipefail
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/shell.sh"
cd "$root"

govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.9.0
worst=0

# result WHAT STATUS: what came of it. Both tools have a status of their own for "something is known".
result() {
  case $2 in
    0) say "$1: nothing is known" ;;
    known)
      say "$1: something is known, see above"
      worst=1
      ;;
    *)
      say "$1: could not be asked, see above"
      [ "$worst" -ne 0 ] || worst=2
      ;;
  esac
}

packages() {
  local answer status=0
  answer=$(npm audit 2>&1) || status=$?
  printf '%s\n' "$answer" >&2
  # 1 is also the status of a registry that has no such list.
  [ "$status" = 0 ] || ! grep -q 'severity' <<<"$answer" || status=known
  result "npm packages" "$status"
}

modules() {
  local status=0
  # Installed, since "go run" has no status but 1.
  export GOBIN=$root/.twopir/bin
  go install "$govulncheck" && (cd toolchain/plugin && "$GOBIN/govulncheck" ./...) >&2 || status=$?
  [ "$status" != 3 ] || status=known
  result "Go modules of the plugin" "$status"
}

packages
modules
exit "$worst"
