# shellcheck shell=bash disable=SC2154
# glusterd, the daemon that keeps the peers and starts the bricks, runs and starts at boot.
# Parameters: drop_in (the content of files/etc/systemd/system/glusterd.service.d/twopir.conf)

drop_in_path=/etc/systemd/system/glusterd.service.d/twopir.conf

want() {
  # A minimal Debian has no such line, and gluster talks to its own host by that name.
  grep -Eq '^127\.0\.0\.1[[:space:]].*\blocalhost\b' /etc/hosts || change "/etc/hosts lacks localhost" add_localhost
  want_file "$drop_in_path" "$drop_in"
  need glusterd glusterfs-server
  want_service glusterd.service "$drop_in_path"
}

add_localhost() { sed -i '1i 127.0.0.1 localhost' /etc/hosts; }

unwant() {
  systemctl disable -q --now glusterd.service 2>/dev/null || true
  rm -f "$drop_in_path"
  rmdir "$(dirname "$drop_in_path")" 2>/dev/null || true
  systemctl daemon-reload
}

main "$@"
