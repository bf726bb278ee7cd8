# shellcheck shell=bash disable=SC2154
# The cluster's name has the Pis' A records at Cloudflare and no other one, or their AAAA records. Runs on the
# operator's machine.

use cloudflare wanted
takes 'addresses[]'

want() {
  local found id content address
  need_client
  found=$(records)
  for address in "${addresses[@]}"; do
    [[ $'\n'$(cut -f 2 <<<"$found")$'\n' == *$'\n'"$address"$'\n'* ]] ||
      change "$name has no $type record $address" miss "$address"
  done
  while IFS=$'\t' read -r id content _; do
    [[ -z $id || " ${addresses[*]} " == *" $content "* ]] ||
      change "$name has an $type record $content that is none of the Pis'" take_out "$id"
  done <<<"$found"
}

# miss ADDRESS: its resource has come before this, and where it was found to be gone it was made again.
miss() {
  fail "$name still has no $type record $1: run pulumi up again. If it says so again, this machine's Node does not" \
    "reach Cloudflare's API as curl does, e.g. for want of a proxy"
}

take_out() { call DELETE "/$1" >/dev/null; } # ID

# The Pis' own records go with their own states, after this.
unwant() { want_none "$zone_id" "$type"; }
