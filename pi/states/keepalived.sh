# shellcheck shell=bash disable=SC2154
# This Pi takes part in holding the floating addresses.

use files services network
takes address        # of this Pi
takes host           # the site's name
takes floating       # the address that it is preferred for
takes 'addresses[]'  # all of them
takes 'addresses6[]' # those by IPv6, each held together with one of these
takes config         # of keepalived, but for the interface

config_path=/etc/keepalived/keepalived.conf
linger_path=/usr/local/lib/twopir/linger
drop_in_path=/etc/systemd/system/keepalived.service.d/twopir.conf
loaded=/run/twopir-keepalived # written by the drop-in whenever keepalived reads its config
lingers=/run/twopir-linger    # written by linger
patience=30                   # seconds until the address is here; 6 s in the lab
settle=12                     # seconds that a look waits for it: the test must have been passed five times

want() {
  [ -e "$states/$state" ] || is_free
  want_ours "$tracker_path"
  want_ours "$linger_path"
  want_ours "$drop_in_path"
  need keepalived keepalived
  want_file "$config_path" "$(whole_config)"$'\n' validate
  want_service keepalived.service "$drop_in_path"
  sha256sum <"$config_path" | cmp -s - "$loaded" || change "keepalived does not run the config that is on disk" reload
  [ "$(lingering)" = "$(printf '%s\n' "${addresses[@]}" | sort)" ] ||
    change "the loopback interface lacks floating addresses" bash "$linger_path"
  [ "$(lingering6)" = "$(printf '%s\n' "${addresses6[@]}" | sort)" ] ||
    note "the loopback interface lacks floating IPv6 addresses, or has others" bash "$linger_path"
  # Where the Pi does not serve, nginx's own state says so.
  if [ "$mode" = check ] && { [ -n "$told" ] || ! serves "$address" "$host"; }; then return; fi
  until_true "$([ "$mode" = check ] && echo "$settle" || echo "$patience")" holds "$address" "$floating" ||
    change "this Pi serves, and does not hold its floating address $floating" take_again
}

# is_free: the floating address is nobody's but this cluster's, when it is to be held for the first time: two machines
# with one address are both lost to visitors now and then, and one of them may be the router.
is_free() {
  if own "$floating" || ! pinged "$floating" || is_another_pi; then return; fi
  [ -z "$(unserved "$floating" "$host")" ] ||
    refuse "there is another machine at $floating, which is not this cluster's: put an address into" \
      "twopir:floatingAddresses that your router gives to nobody"
}

# is_another_pi: the floating address has the same hardware's address as one of those that keepalived speaks to.
is_another_pi() {
  local place other
  place=$(hardware_of "$floating")
  [ -n "$place" ] || return 1
  while read -r other; do
    if [ "$(hardware_of "$other")" = "$place" ]; then return; fi
  done < <(awk '/unicast_peer/ { on = 1; next } /}/ { on = 0 } on { print $1 }' <<<"$config" | sort -u)
  return 1
}
hardware_of() { ip -4 neighbour show to "$1" | sed -nE 's/.* lladdr ([^ ]+).*/\1/p'; } # ADDRESS

take_again() {
  systemctl restart keepalived.service
  until_true "$patience" holds "$address" "$floating" ||
    fail "keepalived runs, but this Pi, which serves, does not get $floating: see journalctl -u keepalived"
}

lingering() { own_addresses dev lo label lo:twopir | sort; }
# lingering6: of those that are wanted, and those that linger has put there; others may be somebody's own.
lingering6() {
  own_addresses dev lo scope global deprecated |
    { grep -xF -f <({ cat "$lingers" 2>/dev/null || true; } && printf '%s\n' "${addresses6[@]}") || true; } | sort
}

# The interface has another name on each kind of Pi; $INTERFACE is a variable of keepalived's own.
# shellcheck disable=SC2016
whole_config() { printf '$INTERFACE=%s\n%s' "$(interface "$address")" "$config"; }

validate() {
  local answer status=0
  answer=$(keepalived --config-test --use-file "$1" 2>&1) || status=$?
  # Debian 12's (2.2.7) ends itself by SIGTERM where a config has a script, be it right or wrong: what it says counts.
  [ "$status" -eq 0 ] || [ "$status$answer" = 143 ] ||
    fail "keepalived refuses its config, so it stays as it was: $answer"
  # What was there before this state was.
  [ -e "$states/$state" ] || keep "$config_path"
}

reload() { systemctl reload keepalived.service; }

# The others take over at once: keepalived says good-bye.
unwant() {
  systemctl disable -q --now keepalived.service 2>/dev/null || true
  bash "$here/files$linger_path" stop
  rm -f "$config_path" "$tracker_path" "$linger_path" "$drop_in_path" "$loaded"
  rmdir "$(dirname "$tracker_path")" "$(dirname "$drop_in_path")" 2>/dev/null || true
  systemctl daemon-reload
  put_back "$config_path"
  [ ! -e "$config_path" ] ||
    say "$config_path is what it was before twopir; to start keepalived with it: sudo systemctl enable --now keepalived"
}
