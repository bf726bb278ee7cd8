# shellcheck shell=bash disable=SC2154
# A visitor gets the page at this Pi's IPv6 address, too, and at its floating one. A note of what is not so: what is
# served by IPv4 has nothing to do with it.

use network
takes address address6 # of this Pi
takes host             # the name of the site
takes floating         # the floating address that it is preferred for; empty: none
takes floating6        # by IPv6, held together with that; empty: none
takes 'addresses6[]'   # all floating ones

linger_path=/usr/local/lib/twopir/linger # keepalived.sh has it there
patience=10                              # seconds until the page must come

want() {
  local own name
  own=$(own_addresses scope global -deprecated -dadfailed | { grep -F : || true; } | xargs)
  if [[ " $own " != *" $address6 "* ]]; then
    unwell "this Pi has no IPv6 address $address6 (it has ${own:-none}): give it that one, or set its address6 in" \
      "twopir:pis to one that it keeps"
    return
  fi
  [ ${#addresses6[@]} -eq 0 ] || [ "$(lingering)" = "$(printf '%s\n' "${addresses6[@]}" | sort)" ] ||
    note "the loopback interface lacks floating IPv6 addresses" bash "$linger_path"
  # What visitors by IPv4 do not get either, nginx's own state tells.
  serves "$address" "$host" || return 0
  [ "$mode" = check ] || until_true "$patience" all_served || true
  name=$(missed "$address6" "$host")
  if [ -n "$name" ]; then
    unwell "a visitor at $address6 does not get http://$name/ ($(unserved "$address6" "$name")), and one at" \
      "$address does: does a snippet of your own (/etc/nginx/snippets/twopir-*.conf) lack \"listen [::]:80;\", or" \
      "does another server block or program listen there?"
  elif [ -n "$floating6" ] && has "$floating" && ! has "$floating6"; then
    unwell "this Pi holds its floating address $floating, and not $floating6 beside it: see journalctl -u keepalived"
  fi
}

unwell() { # TEXT...
  [ "$mode" = check ] || fail "$@"
  tell note "$*"
}

all_served() { [ -z "$(missed "$address6" "$host")" ]; }
has() { own_addresses dev "$(interface "$address")" | grep -xF -- "$1" >/dev/null; }
# lingering: of those that linger has put there.
lingering() {
  own_addresses dev lo scope global deprecated |
    { grep -xF -f <(printf '%s\n' "${addresses6[@]}") || true; } | sort
}

# linger goes by keepalived's config, which has none of these any more, or one that is gone with it.
unwant() { [ ! -e "$linger_path" ] || bash "$linger_path"; }
