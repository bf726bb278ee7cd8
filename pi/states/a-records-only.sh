# shellcheck shell=bash disable=SC2154
# The cluster's name has no A record but the Pis'. Runs on the operator's machine.

use dns
takes 'addresses[]'

want() {
  need dig bind9-dnsutils
  local address have
  have=$(ask | awk '$4 == "A" { print $5 }' | sort)
  for address in $have; do
    [[ " ${addresses[*]} " == *" $address "* ]] ||
      change "$name has an A record $address that is none of the Pis'" update "update delete $name. A $address"
  done
}

unwant() { :; } # the Pis' own records go with their own states
