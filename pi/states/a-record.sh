# shellcheck shell=bash disable=SC2154
# One A record of the cluster's name, or one AAAA record, on a name server that takes dynamic updates (RFC 2136). Runs
# on the operator's machine.

use dns wanted
takes address ttl # ttl: seconds

want() {
  need dig bind9-dnsutils
  local ttl_now type
  type=$(record_type "$address")
  require_no_alias
  ttl_now=$(present_ttl)
  if [ -z "$ttl_now" ]; then
    change "$name has no $type record $address" replace
  elif [ "$ttl_now" != "$ttl" ]; then
    change "the $type record $address of $name has TTL $ttl_now instead of $ttl" replace
  fi
}

# Whoever has the answer in a cache may use it until the TTL is over, so what serves there goes on until then; unless
# that was the last record, and there is nowhere else to go.
unwant() {
  local type
  type=$(record_type "$address")
  command -v nsupdate >/dev/null ||
    fail "cannot remove the $type record $address of $name: install bind9-dnsutils here, then run it again"
  if is_wanted "$zone" "$type" "$address"; then
    say "the config wants the $type record $address of $name again, so it stays"
    return
  fi
  # Gone already, its answers are in caches all the same; and the key may have been withdrawn since.
  [ -z "$(present_ttl)" ] || update "update delete $name. $type $address"
  if [ -n "$(own_records "$type")" ]; then
    say "waiting until the TTL of $ttl s is over"
    sleep "$ttl"
  fi
}

replace() {
  local ttl_now
  update "update delete $name. $type $address" "update add $name. $ttl $type $address"
  if until_true "$patience" is_there; then return; fi
  ttl_now=$(present_ttl)
  fail "the name server $server accepted the $type record $address of $name, but returns" \
    "${ttl_now:+TTL }${ttl_now:-no such record}: is $name a zone of its own, or does the server set its own TTLs?"
}

is_there() { [ "$(present_ttl)" = "$ttl" ]; }

# present_ttl: of this record; nothing where it is not there. The callers set its type.
present_ttl() { own_records "$type" | awk -v a="$address" '$1 == a { print $2 }'; }
