# shellcheck shell=bash disable=SC2154
# What the shared server block includes on each Pi, with the mark by which the cluster's own answer is known from that
# of another server block: the volume's id, which gluster made at random, and the Pi's name.

use files network
takes content volume

known_wait=10 # seconds until a Pi that has just become a peer has the volume's files

want() {
  if ! in_time "$known_wait" volume_known; then
    [ "$mode" = check ] || fail "glusterd does not know volume $volume on this Pi: run pulumi up again"
    # Where glusterd's files are gone, its own state says so.
    [ -e "$mark_file" ] || tell change "not yet: there is no volume $volume"
    return 0
  fi
  want_file "$mark_file" "$content$(mark)"$'\n'
}

volume_id() { values volume-id "/var/lib/glusterd/vols/$volume/info"; }
volume_known() { [ -n "$(volume_id)" ]; }

# Its own header keeps away those of the server block, however long they are.
mark() {
  printf 'location = %s { access_log off; default_type text/plain; add_header Cache-Control no-store; ' "$mark_path"
  printf 'return 200 "%s %s\\n"; }' "$(volume_id)" "$pi"
}

unwant() { rm -f "$mark_file"; }
