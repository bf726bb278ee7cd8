# shellcheck shell=bash disable=SC2154
# How systemd runs nginx, before nginx is installed: a Debian package has its service start at boot, and after a power
# cut the visitors of a Pi with a new card would get Debian's own page. nginx.sh sees that systemd reads it.

use files network

# Before a user's own, whose lines it would clear away (ExecStartPre=).
drop_in_path=/etc/systemd/system/nginx.service.d/00-twopir.conf
former_path=${drop_in_path/00-/} # of a version before
runs_path=/usr/local/lib/twopir/nginx-runs

want() {
  local kept
  kept=$(kept_from)
  [ -z "$kept" ] ||
    hindered "nginx is to write to $kept, where its unit does not let it: give it another place, such as" \
      "/var/log/nginx, or allow it: sudo systemctl edit nginx, with the lines [Service] and ReadWritePaths=${kept%/*}"
  want_ours "$runs_path"
  want_ours "$drop_in_path"
  [ ! -e "$former_path" ] || change "$former_path is of a version before" rm "$former_path"
}

# By the drop-in.
read_only='/@(boot|efi|etc|home|root|run/@(systemd|udev|user)|usr|var/@(lib|spool))/*'

# kept_from: the first file that nginx opens to write when it starts, and may not; so it would not start.
kept_from() {
  local file allowed
  command -v nginx >/dev/null || return 0
  allowed=$(systemctl show -P ReadWritePaths nginx.service | tr ' ' '\n' | sed 's/^[-+]*//')
  for file in $(once nginx_config | sed 's/#.*//' |
    grep -oE '\b((access|error)_log|[a-z_]+_(temp|cache)_path) +/[^ ;]+' | sed 's/^.* //' | sort -u); do
    file=$(realpath -m -- "$file")
    # shellcheck disable=SC2053 # a pattern
    [[ $file != $read_only || $file == /var/lib/nginx/* ]] || is_in "$file" "$allowed" || { echo "$file" && return; }
  done
}
is_in() { # FILE FOLDERS
  local folder
  while read -r folder; do
    [[ -z $folder || $1 != "$folder"/* ]] || return 0
  done <<<"$2"
  return 1
}

unwant() {
  rm -f "$drop_in_path" "$former_path" "$runs_path"
  rmdir "$(dirname "$drop_in_path")" 2>/dev/null || true
  systemctl daemon-reload
}
