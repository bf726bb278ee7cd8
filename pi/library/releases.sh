# shellcheck shell=bash disable=SC2154
# What is known of the site's releases on the volume:
#
#   releases/history       when which release went live, the last line is the latest: TIME ID, and "back" where it was
#                          gone back to; states/site-config.sh writes it
#   releases/ID/image      what is served; ID is the SHA-256 of the archive that it came in
#   releases/ID/made       its own: SHA-256, which depends on the program that made it, then size and time
#   releases/ID/damaged    which Pi found that the image is not what was made
#   releases/ID/files.gz   the files in it, with a hash of each, as programs/keep-times.py writes it
#   releases/ID/published  how it is served, as components/releases.ts writes it: what was said of it last
#
# Releases of former versions lie in releases/ID/www, file by file.

use on-volume files

releases=$mount_point/releases
history=$releases/history

# need_releases: a link could lead whatever is removed in here to somewhere else.
need_releases() {
  need_mount
  [ ! -L "$releases" ] || fail "$releases is a link: move it away, then run pulumi up again"
}

short() { echo "${1:0:12}"; }

# size_and_time FILE: by which a change of it is seen without reading it; nothing where it is not there.
size_and_time() { stat -c '%s %Y' -- "$1" 2>/dev/null || true; }

# describe IMAGE [HASH]: what is noted of one that was just made.
describe() { echo "${2:-$(sha256sum <"$1" | cut -d ' ' -f 1)} $(size_and_time "$1")"; }

# past: the lines of history; nothing where there is none. What cannot be read is not nothing: releases go that are not
# in it.
past() {
  if there "$history"; then cat "$history" || fail "$history cannot be read, so no release is put or taken away"; fi
}

# live: the release that went live last, since when, and perhaps "back"; nothing where there is none.
live() { past | awk 'END { if (NR) print $2, $1, $3 }'; }
