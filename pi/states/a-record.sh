# shellcheck shell=bash disable=SC2154
# One A record of the cluster's name, on a name server that takes dynamic updates (RFC 2136). Runs on the operator's
# machine.

use dns
takes address ttl # ttl: seconds

want() {
  need dig bind9-dnsutils
  local ttl_now
  ttl_now=$(ask | awk -v a="$address" '$4 == "A" && $5 == a { print $2 }')
  if [ -z "$ttl_now" ]; then
    change "$name has no A record $address" replace
  elif [ "$ttl_now" != "$ttl" ]; then
    change "the A record $address of $name has TTL $ttl_now instead of $ttl" replace
  fi
}

# Whoever has the answer in a cache may use it until the TTL is over, so what serves there goes on until then; unless
# that was the last record, and there is nowhere else to go.
unwant() {
  command -v nsupdate >/dev/null ||
    fail "cannot remove the A record $address of $name: install bind9-dnsutils here, then run it again"
  update "update delete $name. A $address"
  if [ -n "$(ask)" ]; then
    say "waiting until the TTL of $ttl s is over"
    sleep "$ttl"
  fi
}

replace() { update "update delete $name. A $address" "update add $name. $ttl A $address"; }
