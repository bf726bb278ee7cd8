# shellcheck shell=bash disable=SC2154
# What the mounts of the volume on this Pi are connected to.

use gluster on-volume

# lost_mounts: where the volume is mounted by a process that has no connection to a glusterd, so that it hears of no new
# brick and no new option.
lost_mounts() {
  local pid process all
  all=$(ss -Htnp state established)
  while read -r pid process; do
    grep -q ":24007 .*pid=$pid," <<<"$all" || echo "${process##* }"
  done < <(pgrep -a -f "^/usr/sbin/glusterfs .*--process-name fuse .*--volfile-id=/?$volume( |\$)")
}

# connections: a line for each brick that the mount knows, by its own word: its name (address:path), and 1 where it is
# connected or 0; nothing where the mount does not answer. "active" is a link, which find follows for the slash.
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
