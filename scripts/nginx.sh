# shellcheck shell=bash disable=SC2154
# nginx runs the config that is on disk, starts at boot, and serves the page.
# Parameters: address (of this Pi), host (the site's name), drop_in (the content of
# files/etc/systemd/system/nginx.service.d/twopir.conf)

drop_in_path=/etc/systemd/system/nginx.service.d/twopir.conf
loaded=/run/twopir-nginx # written by the drop-in whenever nginx reads its config
patience=10              # seconds until the page must come; the volume is mounted by now

want() {
  want_file "$drop_in_path" "$drop_in"
  need nginx nginx
  want_service nginx.service
  sum | cmp -s - "$loaded" || change "nginx runs another config than the one on disk" reload
  [ "$mode" = check ] || until_true "$patience" serves || fail "nginx runs but does not serve http://$host/ at $address: see /var/log/nginx/error.log"
}

sum() { nginx -T 2>/dev/null | sha256sum; }

# A reload keeps the connections; it needs a config that nginx accepts, and says why it does not.
reload() {
  local answer
  answer=$(nginx -t -q 2>&1) || fail "nginx refuses its config, so it goes on with the old one: $answer"
  systemctl reload nginx.service
}

# serves: the page by the site's name, asked of this Pi's own address.
serves() {
  local status
  # shellcheck disable=SC2016 # the inner shell expands them
  status=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/80" && printf "GET / HTTP/1.0\r\nHost: %s\r\n\r\n" "$2" >&3 && head -n 1 <&3' - "$address" "$host" 2>/dev/null) || return 1
  [[ $status == HTTP/1.?" 200 "* ]]
}

unwant() {
  rm -f "$drop_in_path" "$loaded"
  rmdir "$(dirname "$drop_in_path")" 2>/dev/null || true
  systemctl daemon-reload
  if grep -qsx nginx "$notes"/packages-*; then
    systemctl stop nginx.service 2>/dev/null || true # its package goes soon
  else
    say "nginx was on $pi before us and goes on running; what it had enabled comes back at its next reload"
  fi
}

main "$@"
