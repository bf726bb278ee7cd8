# shellcheck shell=bash disable=SC2154
# The cluster's name has no A record at Cloudflare but the Pis', or no AAAA record. Runs on the operator's machine.

use cloudflare
takes 'addresses[]'

want() {
  local found id content
  need_client
  found=$(records)
  while IFS=$'\t' read -r id content _; do
    [[ -z $id || " ${addresses[*]} " == *" $content "* ]] ||
      change "$name has an $type record $content that is none of the Pis'" take_out "$id"
  done <<<"$found"
}

take_out() { call DELETE "/$1" >/dev/null; } # ID

unwant() { :; } # the Pis' own records go with their own states
