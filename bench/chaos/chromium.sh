#!/usr/bin/env bash
# chromium.sh ARGUMENTS: Debian's Chromium with $TWOPIR_RESOLV_CONF as its /etc/resolv.conf, in a mount namespace of
# its own, and in the network namespace $TWOPIR_NETNS, where that is set. The program itself, not /usr/bin/chromium,
# which is a script that reads the desktop's settings.
set -euo pipefail
# shellcheck disable=SC2016 # expanded by the inner shell
exec ${TWOPIR_NETNS:+ip netns exec "$TWOPIR_NETNS"} unshare --mount --propagation private sh -c \
  'mount --bind "$TWOPIR_RESOLV_CONF" /etc/resolv.conf && exec /usr/lib/chromium/chromium "$@"' - "$@"
