# shellcheck shell=bash disable=SC2154
# What is known of the site's releases on the volume:
#
#   releases/history          when which release went live, the last line is the latest: TIME ID
#   releases/ID/www           what nginx serves; ID is the SHA-256 of the archive that it came in
#   releases/ID/contents      what is in there, to find what was altered by hand
#   releases/ID/unpacked.conf the server block includes it, so that nginx has to load what was unpacked again

use on-volume files
takes release

releases=$mount_point/releases
history=$releases/history

# need_releases: a link could lead whatever is removed in here to somewhere else.
need_releases() {
  need_mount
  [ ! -L "$releases" ] || fail "$releases is a link: move it away, then run pulumi up again"
}

short() { echo "${1:0:12}"; }

# past: the lines of history; nothing where there is none. What cannot be read is not nothing: releases go that are not
# in it.
past() {
  if there "$history"; then cat "$history" || fail "$history cannot be read, so no release is put or taken away"; fi
}

# live: the line of the release that went live last; nothing where there is none.
live() { past | tail -n 1; }
