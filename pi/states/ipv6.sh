# shellcheck shell=bash disable=SC2154
# Visitors by IPv6: nginx listens there, and they get the page at this Pi's IPv6 address and hold of its floating one.
# What is not so is a note: what is served by IPv4 has nothing to do with it. Here before the AAAA record and until that
# is gone, so that it never leads nowhere.

use files services network
takes address address6   # of this Pi
takes host               # the name of the site
takes floating floating6 # the floating addresses that it is preferred for, held together; empty: none

patience=10 # seconds until the page must come
# One "listen" more takes away the one that there is without a word.
lines='listen 80;
listen [::]:80;
'

want() {
  local own why name
  need nginx nginx
  why=$(in_the_way)
  [[ -z $why || ! -e $listen_path ]] || note "nginx would not start, since $why" listen_no_more
  own=$(own_addresses scope global -deprecated -dadfailed | { grep -F : || true; } | xargs)
  if [[ " $own " != *" $address6 "* ]]; then
    [ -e "$kernel_ipv6" ] || own="none: its kernel has no IPv6"
    hinder note "this Pi has no IPv6 address $address6 (it has ${own:-none}): give it that one, or set its address6" \
      "in twopir:pis to one that it keeps"
    return
  fi
  [ -n "$why" ] || is_file "$listen_path" "$lines" || note "nginx does not listen by IPv6" listen_there
  # What visitors by IPv4 do not get either, nginx's own state tells.
  [ -z "$(missed "$address" "$host")" ] || return 0
  [ "$mode" = check ] || until_true "$patience" serves_all || true
  name=$(missed "$address6" "$host")
  if [ -n "$name" ]; then
    hinder note "a visitor at $address6 does not get http://$name/ ($(unserved "$address6" "$name")), and one at" \
      "$address does: ${why:-does another server block take it, or does a firewall of this Pi drop it?}"
  elif [ -n "$floating6" ] && holds "$address" "$floating" && ! holds "$address" "$floating6"; then
    hinder note "this Pi holds its floating address $floating, and not $floating6: see journalctl -u keepalived"
  fi
}

# in_the_way: why nginx cannot listen by IPv6, where it would not even start, or should not be told to.
in_the_way() {
  local holder own
  holder=$(sockets_at 80 | { grep -E ' \[[^ ]*:80 ' || true; } | processes)
  holder=$(port_holder nginx.service nginx <<<"$holder")
  own=$({ grep -lsE '(^|[;{])[[:space:]]*listen[[:space:]]' "${mark_file%.conf}"?*.conf || true; } |
    { grep -vxF "$listen_path" || true; } | xargs)
  if [ ! -e "$kernel_ipv6" ]; then
    echo "the kernel has no IPv6"
  elif [ -n "$holder" ]; then
    echo "port 80 is in use by $holder"
  elif [ -n "$own" ]; then
    echo "$own says where nginx listens: should it say \"listen [::]:80;\", too?"
  fi
}

listen_there() {
  write_file "$listen_path" "$lines"
  if nginx -t -q 2>/dev/null && reload; then return; fi
  listen_no_more
  fail "nginx does not take \"listen [::]:80;\", so it goes on by IPv4 alone: see /var/log/nginx/error.log"
}

listen_no_more() {
  rm -f "$listen_path"
  reload || true
}

reload() { ! systemctl is-active -q nginx.service || systemctl reload nginx.service; }

serves_all() { [ -z "$(missed "$address6" "$host")" ]; }

unwant() { listen_no_more; }
