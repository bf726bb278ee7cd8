#!/usr/bin/env bash
# npm test: every test there is, from a clean clone on. With names, only those: npm test -- unit e2e
#   unit       the program without any Pi: config, states, graph, ssh
#   scripts    the desired states in real bash, on this machine's scratch folders
#   toolchain  how pulumi comes to a machine, and our command plugin against a real sshd
#   lab        virtual Pis and their faults
#   e2e        bare virtual Pis to a cluster and back, by a real pulumi
# All are run even where one fails; the last line counts.
set -uo pipefail
# shellcheck source=toolchain/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../toolchain/lib.sh"
cd "$root" || exit 1

results=.twopir/test
passed=0 failed=0

# count PASSED FAILED STATUS: a suite that ended badly without a failed test has failed all the same.
count() {
  passed=$((passed + $1)) failed=$((failed + $2))
  if [ "$2" -eq 0 ] && [ "$3" -ne 0 ]; then failed=$((failed + 1)); fi
}

vitest() {
  local status=0 file="$results/$1.json"
  rm -f "$file"
  npx vitest run --project "$1" --reporter=default --reporter=json --outputFile.json="$file" || status=$?
  # shellcheck disable=SC2046,SC2016 # two numbers; a script of node
  count $(node -p 'const r = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")); `${r.numPassedTests} ${r.numFailedTests}`' "$file" 2>/dev/null || echo 0 0) "$status"
}

# bats SUITE: reported as TAP, one line a case.
bats() {
  local status=0 log="$results/$1.tap"
  npx bats --timing "test/$1" | tee "$log" || status=$?
  count "$(grep -c '^ok ' "$log")" "$(grep -c '^not ok ' "$log")" "$status"
}

suites=("$@")
[ $# -gt 0 ] || suites=(unit scripts toolchain lab e2e)
[ "$(id -u)" = 0 ] || die "the tests make virtual Pis: run them as root, e.g. sudo npm test"
mkdir -p "$results"
debian_packages bind9 bind9-dnsutils openssh-client openssh-server
[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund || exit 1
for suite in "${suites[@]}"; do
  say "tests: $suite"
  case $suite in
    unit | scripts) vitest "$suite" ;;
    toolchain | lab) bats "$suite" ;;
    e2e)
      bash toolchain/install.sh || exit 1
      vitest e2e
      ;;
    *) die "no tests called $suite: unit, scripts, toolchain, lab, e2e" ;;
  esac
done
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
