#!/usr/bin/env bash
# Everything that can be told without running the program: types, lint, dead code, who imports whom, format,
# shell and Go. All of the checks run, whatever the first of them says; the exit code is 1 if any failed. See
# `npm run check`.
set -euo pipefail
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/shell.sh"
cd "$root"

failed=()

# check NAME COMMAND...: runs it and remembers whether it failed.
check() {
  say "$1"
  "${@:2}" || failed+=("$1")
}

# shell_files: those that git knows or would add, so that a new one is checked before its first commit.
shell_files() {
  local file
  git ls-files -z --cached --others --exclude-standard -- '*.sh' '*.bash' '*.bats' \
    pi/twopir 'pi/files/usr/local/lib/*' 'test/toolchain/stand-ins/*' |
    while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done
}

# lines_end FILE...: at 120 columns, which shfmt cannot hold.
lines_end() {
  awk 'length > 120 { print FILENAME ":" FNR ": " length " columns, 120 at most"; long = 1 } END { exit long }' "$@"
}

gofmt_clean() {
  local ugly
  ugly=$(gofmt -l toolchain/plugin)
  [ -z "$ugly" ] || gofmt -d toolchain/plugin
  [ -z "$ugly" ]
}

go_vet() { (cd toolchain/plugin && go vet -mod=readonly ./...); }

debian_packages shellcheck shfmt
if [ ! -x node_modules/.bin/tsc ]; then
  say "installing the npm packages"
  npm ci --ignore-scripts --no-audit --no-fund
fi
mapfile -d '' -t scripts < <(shell_files)

check "types (tsc)" node_modules/.bin/tsc --noCheck false -p .
check "lint (eslint)" node_modules/.bin/eslint .
check "unused files, exports, packages (knip)" node_modules/.bin/knip --no-progress --treat-config-hints-as-errors
check "who imports whom (dependency-cruiser)" node_modules/.bin/depcruise --output-type err-long .
check "format (prettier)" node_modules/.bin/prettier --check --log-level warn .
check "shell: shellcheck, ${#scripts[@]} files" shellcheck "${scripts[@]}"
check "shell: shfmt" shfmt -i 2 -ci -d "${scripts[@]}"
check "shell: lines end at 120 columns" lines_end "${scripts[@]}"
if command -v go >/dev/null; then
  check "Go: gofmt" gofmt_clean
  check "Go: vet" go_vet
else
  say "no go here: the plugin's Go code is not checked"
fi

[ ${#failed[@]} -eq 0 ] || die "failed: $(printf '%s; ' "${failed[@]}" | sed 's/; $//')"
say "all is well"
