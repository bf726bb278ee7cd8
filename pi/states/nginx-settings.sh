# shellcheck shell=bash disable=SC2154
# What the shared server block includes on each Pi: where it listens, how it serves, and the mark by which the cluster's
# own answer is known from that of another server block: the volume's id, which gluster made at random, and the Pi's
# name.

use files network
takes content volume
takes ipv6 # yes: visitors come by IPv6, too

known_wait=10 # seconds until a Pi that has just become a peer has the volume's files

want() {
  if ! in_time "$known_wait" volume_known; then
    [ "$mode" = check ] || fail "glusterd does not know volume $volume on this Pi: run pulumi up again"
    # Where glusterd's files are gone, its own state says so.
    [ -e "$mark_file" ] || tell change "not yet: there is no volume $volume"
    return 0
  fi
  want_file "$mark_file" "$(listens && printf %s "$content" && mark)"$'\n'
}

# listens: by IPv4 alone without a word. nginx starts at no address that the kernel has not (ipv6.disable=1), or that
# another program has: then it is by IPv4 that it goes on. Whoever says in a snippet of his own where it listens, says
# all of it.
listens() {
  [ "$ipv6" = yes ] && ip -6 -o address show dev lo | grep -F ' ::1/' >/dev/null || return 0
  ! ss -Hltnp 'sport = :80' | grep -F ' [::]:80 ' | grep -vF '"nginx"' >/dev/null || return 0
  ! grep -sE '(^|[;{])[[:space:]]*listen[[:space:]]' "${mark_file%.conf}"?*.conf >/dev/null || return 0
  printf '%s\n' 'listen 80;' 'listen [::]:80;'
}

volume_id() { sed -n 's/^volume-id=//p' "/var/lib/glusterd/vols/$volume/info" 2>/dev/null || true; }
volume_known() { [ -n "$(volume_id)" ]; }

# Its own header keeps away those of the server block, however long they are.
mark() {
  printf 'location = %s { access_log off; default_type text/plain; add_header Cache-Control no-store; ' "$mark_path"
  printf 'return 200 "%s %s\\n"; }' "$(volume_id)" "$pi"
}

unwant() { rm -f "$mark_file"; }
