# shellcheck shell=bash disable=SC2154
# One A record of the cluster's name at Cloudflare, or one AAAA record, is as it was made, and is taken away when its
# time has come. It is made by a resource of Cloudflare's provider, which compares what is wanted with what it wrote
# last, and fails for ever where it is to delete what is gone. Runs on the operator's machine.

use cloudflare wanted
takes address ttl comment # ttl: seconds; comment: how it begins

want() {
  local id ttl_now proxied comment_now found wrong=()
  need_client
  found=$(this_record)
  [ -n "$found" ] || return 0 # see cloudflare-records.sh
  IFS=$'\t' read -r id _ ttl_now proxied comment_now <<<"$found"
  [ "$ttl_now" = "$ttl" ] || wrong+=("has TTL $ttl_now instead of $ttl")
  [ "$proxied" = false ] || wrong+=("is proxied, so that browsers get no Pi's address")
  is_ours || wrong+=("has the comment \"$comment_now\" instead of \"$comment\"")
  [ "${#wrong[@]}" = 0 ] ||
    change "the $type record $address of $name $(printf '%s\n' "${wrong[@]}" | paste -sd ';' | sed 's/;/ and /g')" \
      correct "$id"
}

# is_ours: of this Pi, by its comment, which its caller sets; a record that was made again says when.
is_ours() { [[ $comment_now == "$comment" || $comment_now == "$comment, again "* ]]; }

this_record() {
  local found
  found=$(records)
  awk -F '\t' -v address="$address" '$2 == address' <<<"$found"
}

correct() { # ID
  call PATCH "/$1" "$(jq -cn --argjson ttl "$ttl" --arg comment "$comment" '{ $ttl, proxied: false, $comment }')" \
    >/dev/null
}

# Whoever has the answer in a cache may use it until the TTL is over, so what serves there goes on until then; unless
# that was the last record, and there is nowhere else to go.
unwant() {
  local found id comment_now
  has_client ||
    fail "cannot remove the $type record $address of $name: install curl and jq here, then run it again"
  if is_wanted "$zone_id" "$type" "$address"; then
    say "the config wants the $type record $address of $name again, so it stays"
    return
  fi
  found=$(this_record)
  IFS=$'\t' read -r id _ _ _ comment_now <<<"$found"
  # Another Pi may have this one's former address by now.
  if [[ $comment_now == "twopir: "* ]] && ! is_ours; then return; fi
  [ -z "$id" ] || call DELETE "/$id" >/dev/null
  found=$(records)
  [ -n "$found" ] || return 0
  say "waiting until the TTL of $ttl s is over"
  sleep "$ttl"
}
