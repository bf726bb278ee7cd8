# shellcheck shell=bash disable=SC2154
# How systemd runs nginx, before nginx is installed: a Debian package has its service start at boot, and after a power
# cut the visitors of a Pi with a new card would get Debian's own page. nginx.sh sees that systemd reads it.

use files

# Before a user's own, whose lines it would clear away (ExecStartPre=).
drop_in_path=/etc/systemd/system/nginx.service.d/00-twopir.conf
former_path=${drop_in_path/00-/} # of a version before
runs_path=/usr/local/lib/twopir/nginx-runs

want() {
  want_ours "$runs_path"
  want_ours "$drop_in_path"
  [ ! -e "$former_path" ] || change "$former_path is of a version before" rm "$former_path"
}

unwant() {
  rm -f "$drop_in_path" "$former_path" "$runs_path"
  rmdir "$(dirname "$drop_in_path")" 2>/dev/null || true
  systemctl daemon-reload
}
