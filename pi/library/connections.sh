# shellcheck shell=bash disable=SC2154
# Which bricks this Pi's mount is connected to, by its own word: what is written reaches those.

use gluster on-volume

# connections: a line for each brick that the mount knows: its name (address:path), and 1 where it is connected or 0;
# nothing where the mount does not answer. "active" is a link, which find follows for the slash.
connections() {
  local client clients files=()
  mapfile -t clients < <(
    timeout 5 find "$mount_point/.meta/graphs/active/" -maxdepth 1 -name "$volume-client-*" 2>/dev/null
  )
  for client in "${clients[@]}"; do
    files+=("$client/options/remote-host" "$client/options/remote-subvolume" "$client/private")
  done
  [ "${#files[@]}" -gt 0 ] || return 0
  # shellcheck disable=SC2016 # awk's own
  timeout 5 awk '
    FILENAME ~ /remote-host$/ { host = $0 }
    FILENAME ~ /remote-subvolume$/ { path = $0 }
    /^connected = / { print host ":" path, $3 }' "${files[@]}" 2>/dev/null || true
}
