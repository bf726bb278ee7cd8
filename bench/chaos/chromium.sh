#!/usr/bin/env bash
# chromium.sh ARGUMENTS: Debian's Chromium with $TWOPIR_RESOLV_CONF as its /etc/resolv.conf, in a mount namespace of
# its own. The program itself, not /usr/bin/chromium, which is a script that reads the desktop's settings.
set -euo pipefail
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --mount --propagation private sh -c \
  'mount --bind "$TWOPIR_RESOLV_CONF" /etc/resolv.conf && exec /usr/lib/chromium/chromium "$@"' - "$@"
