#!/usr/bin/env bash
# npm test: what a change needs, in a quarter of an hour; npm run test:all: all there is; npm test -- --help says more.
# The set-up that all tests need.
set -euo pipefail
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/shell.sh"
cd "$root"
case " $* " in *" --help "* | *" --list "*) ;; *)
  [ "$(id -u)" = 0 ] || die "the tests make virtual Pis: run them as root, e.g. sudo npm test"
  debian_packages bind9 bind9-dnsutils ca-certificates curl jq openssh-client openssh-server python3 squashfs-tools
  ;;
esac
mkdir -p .twopir/test
exec 9>.twopir/test/lock # the lab's own programs close it
flock -n 9 || die "the tests run already in this checkout: wait for them, or end them"
[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund
exec node_modules/.bin/tsx test/run.ts "$@"
