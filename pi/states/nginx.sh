# shellcheck shell=bash disable=SC2154
# nginx runs the config that is on disk, starts at boot, and serves the page.

use services network
takes address # of this Pi
takes host    # the site's name

# nginx-unit.sh writes it
drop_in_path=/etc/systemd/system/nginx.service.d/twopir.conf
loaded=/run/twopir-nginx # written by the drop-in whenever nginx reads its config
patience=10              # seconds until the page must come; the volume is mounted by now

want() {
  need nginx nginx
  want_service nginx.service "$drop_in_path"
  sum | cmp -s - "$loaded" || change "nginx does not run the config that is on disk" reload
  [ "$mode" = check ] || until_true "$patience" serves "$address" "$host" ||
    fail "nginx runs but does not serve http://$host/ at $address: see /var/log/nginx/error.log"
}

sum() { nginx -T 2>/dev/null | sha256sum; }

# A reload keeps the connections; it needs a config that nginx accepts, and says why it does not.
reload() {
  local answer old end=$((SECONDS + patience))
  # What was written while two Pis did not see each other cannot be read for a moment when they meet.
  until answer=$(nginx -t -q 2>&1); do
    [[ $answer == *"(5: Input/output error)"* && $SECONDS -lt $end ]] ||
      fail "nginx refuses its config, so it goes on with the old one: $answer"
    sleep 0.5
  done
  old=$(workers)
  systemctl reload nginx.service
  [ -z "$old" ] || until_true "$patience" replaced "$old" ||
    fail "nginx goes on with its old workers $patience s after a reload: see /var/log/nginx/error.log"
}

# The workers that take connections. The old ones do so for a moment after a reload, and would pass for the new config.
workers() { pgrep -f '^nginx: worker process *$' || true; }
replaced() { ! grep -qxF -- "$1" <<<"$(workers)"; } # PIDS of the old ones

unwant() {
  rm -f "$loaded"
  if grep -qsx nginx "$notes"/packages-*; then
    systemctl stop nginx.service 2>/dev/null || true # its package goes soon
  else
    say "nginx was on $pi before us and goes on running; what it had enabled comes back at its next reload"
  fi
}
