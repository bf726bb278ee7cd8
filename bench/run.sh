#!/usr/bin/env bash
# bash bench/run.sh NAME ARGUMENTS...: runs bench/NAME.ts with all that it needs, in a lab of its own beside the tests',
# and takes that lab down whatever the end is.
set -euo pipefail
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/shell.sh"
cd "$root"

declare -A subnets=([kills]=192.168.70 [chaos]=192.168.71 [speed]=192.168.72 [writes]=192.168.73 [keepalive]=192.168.74)
[ "$(id -u)" = 0 ] || die "this makes virtual Pis: run it as root, e.g. sudo npm run $1"
export TWOPIR_TEST_LAB=${TWOPIR_TEST_LAB:-e2e${1:0:5}} TWOPIR_TEST_SUBNET=${TWOPIR_TEST_SUBNET:-${subnets[$1]}}
[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund
[ "$1" != speed ] || debian_packages wrk
bash toolchain/install.sh

# The namespace is where the browser of keepalive.ts runs.
trap 'TWOPIR_LAB=$TWOPIR_TEST_LAB bash lab/lab.sh down; ip netns del "tp-$TWOPIR_TEST_LAB-v" 2>/dev/null || true' EXIT
npx tsx "bench/$1.ts" "${@:2}"
