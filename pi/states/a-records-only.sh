# shellcheck shell=bash disable=SC2154
# The cluster's name has no A record but the Pis', or no AAAA record: of the type that the addresses have. Runs on the
# operator's machine.

use dns wanted
takes 'addresses[]'

want() {
  need dig bind9-dnsutils
  local address have type
  type=$(record_type "${addresses[0]}")
  require_no_alias
  [ "$mode" != check ] || require_key
  have=$(own_records "$type" | awk '{ print $1 }' | sort)
  for address in $have; do
    [[ " ${addresses[*]} " == *" $address "* ]] ||
      change "$name has an $type record $address that is none of the Pis'" take_out "$address"
  done
}

take_out() { # ADDRESS
  update "update delete $name. $type $1"
  until_true "$patience" is_gone "$1" ||
    fail "the name server $server accepted that $name loses the $type record $1, but still returns it"
}

is_gone() { ! own_records "$type" | awk '{ print $1 }' | grep -xF -- "$1" >/dev/null; }

# The Pis' own records go with their own states, after this.
unwant() { want_none "$zone" "$(record_type "${addresses[0]}")"; }
