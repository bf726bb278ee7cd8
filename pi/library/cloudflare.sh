# shellcheck shell=bash disable=SC2034,SC2154 # states use what is set here
# What the records at Cloudflare share: its API.

takes api zone_id name type email headers # headers: a line each; empty where the environment has what is in them

answer_wait=10 # seconds; Cloudflare answers in half of one

need_client() {
  need curl curl
  need jq jq
}
has_client() { command -v curl >/dev/null && command -v jq >/dev/null; }

# request METHOD PATH [JSON]: what the API answers, or what curl says where it does not. The headers reach curl on stdin
# only.
request() {
  given_headers | sed 's/["\\]/\\&/g; s/.*/header = "&"/' |
    curl -q -sS --max-time "$answer_wait" -X "$1" -K - ${3:+--data "$3"} -H 'Content-Type: application/json' \
      "$api/zones/$zone_id/dns_records$2" 2>&1
}

# given_headers: what is taken away has those of the last update, which may have been withdrawn since.
given_headers() {
  if [ -n "$headers" ] && ! { [ "$mode" = remove ] && [ -n "${CLOUDFLARE_API_TOKEN:-}" ]; }; then
    printf '%s\n' "$headers"
  elif [ -n "${CLOUDFLARE_API_TOKEN:-}" ]; then
    echo "Authorization: Bearer $CLOUDFLARE_API_TOKEN"
  elif [ -n "${CLOUDFLARE_API_KEY:-}" ]; then
    printf '%s\n' "X-Auth-Key: $CLOUDFLARE_API_KEY" "X-Auth-Email: ${CLOUDFLARE_EMAIL:-$email}"
  else
    echo "X-Auth-User-Service-Key: ${CLOUDFLARE_API_USER_SERVICE_KEY:-}"
  fi
}

# call METHOD PATH [JSON]: a request that the API grants. A look asks each question once.
call() {
  local answer why
  answer=$(once request "$@") || fail "Cloudflare's API does not answer: ${answer#curl: }"
  why=$(jq -r 'if .success then "" else .errors | map("\(.message) (\(.code))") | join("; ") end' <<<"$answer" \
    2>/dev/null) && [ -n "$answer" ] || why="its answer cannot be read"
  [ -z "$why" ] || fail "Cloudflare refuses what is asked of the records of $name: $why. $(remedy)"
  printf '%s\n' "$answer"
}

remedy() {
  if [ "$mode" = remove ]; then
    echo "The token is that of the last pulumi up: set CLOUDFLARE_API_TOKEN to one for that zone (Zone / DNS / Edit)," \
      "and run it again; or, if the zone is not yours any more, pulumi state delete the URN of $state"
  else
    echo "Is cloudflare:apiToken a token for that zone (Zone / DNS / Edit)?"
  fi
}

# records: id, content, TTL, whether it is proxied, and comment of each record of the name, of the type.
records() {
  local answer
  answer=$(call GET "?name=$name&type=$type&per_page=100")
  jq -r '.result[] | [.id, .content, .ttl, .proxied, .comment // ""] | @tsv' <<<"$answer"
}
