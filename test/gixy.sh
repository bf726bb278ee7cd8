#!/usr/bin/env bash
# gixy.sh: what gixy, which knows common mistakes in nginx's config, says of the output of "nginx -T" on stdin, as JSON.
# It is kept in .twopir/, made anew where other versions are wanted.
set -euo pipefail
# shellcheck source=lib/shell.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib/shell.sh"

wanted=$root/test/gixy.txt
place=$root/.twopir/gixy

if ! cmp -s "$wanted" "$place/made-of"; then
  debian_packages python3-venv
  rm -rf "$place"
  python3 -m venv "$place"
  "$place/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r "$wanted"
  cp "$wanted" "$place/made-of"
fi
config=$(mktemp)
trap 'rm -f "$config"' EXIT
cat >"$config"
# Its exit status is 1 where it finds something.
"$place/bin/gixy" --format json "$config" || [ $? -eq 1 ]
