# shellcheck shell=bash disable=SC2154
# glusterd, the daemon that keeps the peers and starts the bricks, runs, starts at boot, and is the one that the other
# Pis know under this Pi's address.

use heals files services
takes address     # of this Pi
takes 'others[]'  # addresses of the other Pis
takes 'earlier[]' # addresses of those that twopir:pis lists before this one

drop_in_path=/etc/systemd/system/glusterd.service.d/twopir.conf
files=/var/lib/glusterd
config=/etc/glusterfs/glusterd.vol
silent_wait=150  # seconds
join_patience=15 # seconds until a glusterd that was started has met the others; 2 s in the lab

want() {
  local reason pool='' known='' listening by_hand holder
  listening=$(listeners 24007 | processes)
  holder=$(port_holder glusterd.service glusterd <<<"$listening")
  [ -z "$holder" ] || taken 24007 "$holder"
  # A minimal Debian has no such line, and gluster talks to its own host by that name.
  grep -Eq '^127\.0\.0\.1[[:space:]].*\blocalhost\b' /etc/hosts || mend "/etc/hosts lacks localhost" add_localhost
  [ -e "$drop_in_path" ] || ! was_there || mend "what glusterd was before is not noted" note_before
  want_ours "$drop_in_path"
  need glusterd glusterfs-server
  [ -d /var/log/glusterfs/bricks ] ||
    mend "/var/log/glusterfs/bricks is missing, without which no brick starts" give_logs
  by_hand=$(by_hand glusterd.service glusterd <<<"$listening")
  [ -z "$by_hand" ] ||
    mend "a glusterd that was started by hand holds the port, so systemd's cannot start" \
      end_by_hand glusterd TERM "$by_hand"
  reason=$(damaged)
  [ -z "$reason" ] || read -r pool known <<<"$(find_pool)"
  [ -z "$pool" ] || give_back
  want_service glusterd.service "$drop_in_path"
  if once systemctl is-active -q glusterd.service && ! is_awake; then
    mend "glusterd runs and does not answer" wake
    [ "$mode" != check ] || return 0
  fi
  if [ -z "$pool" ] && ! at_home; then
    read -r pool known <<<"$(find_pool)"
    [ -z "$pool" ] || reason=$(stranger)
    [ -z "$pool" ] || give_back
  fi
  [ "$mode" != apply ] || healer_settles
}

# give_logs: what runs goes on writing to files that nobody sees.
give_logs() {
  install -d /var/log/glusterfs/bricks
  pkill -HUP -x 'gluster(d|fs|fsd)' || true
}

# is_awake: asked in a look by what others ask, too; in apply that would wait for an answer.
is_awake() { if [ "$mode" = check ]; then answered peer status; else glusterd_answers; fi; }

# wake: it is silent for two minutes after a peer has died, too.
wake() {
  say "waiting up to $silent_wait s for an answer, then glusterd is started again"
  until_true "$silent_wait" glusterd_answers || systemctl restart glusterd.service
}

# give_back: by the reason and the pool of want. The card of another Pi of the pool would pass for this one's from then
# on, and what is on it for this one's copy; and a volume that pulumi destroy has given up, while the other Pi was away,
# would come back by that one.
give_back() {
  local foreign mine copy
  [ -n "$reason" ] || return 0
  mine=$(my_uuid)
  [ "$mine" = "$known" ] || ! is_member "${mine:-none}" ||
    fail "this Pi's glusterd has the identity of another Pi in the cluster ($mine): is the card or the address of" \
      "another Pi in use here? Put the card back, or give each Pi its own address; a replacement card must be blank"
  copy=$(bricks_at "$pool" | awk -v uuid="$known" '$1 == uuid { sub("^[^:]*:", "", $2); print $2 }')
  [ "$(getfattr --only-values -n "$given_up_note" "$copy" 2>/dev/null || echo none)" != "$(volume_id_at "$pool")" ] ||
    fail "volume $volume was given up here by pulumi destroy, and $pool, which was away then, still has it. To begin" \
      "anew with what is on the Pis, on $pool: sudo systemctl stop glusterd &&" \
      "sudo mv /var/lib/glusterd/peers /var/lib/glusterd/vols /root; then run pulumi up again"
  foreign=$(foreign_volume)
  [ -z "$foreign" ] ||
    fail "glusterd has volumes of its own ($foreign), and is not the peer that the other Pis know here: is this the" \
      "right Pi?"
  change "$reason, so it is given back what $pool knows of it" rejoin
}

# is_member UUID: the pool has one of this name.
is_member() {
  { uuid_there "$pool" && gluster_xml --remote-host="$pool" peer status | peers_in | cut -d ' ' -f 1; } |
    grep -xF -- "$1" >/dev/null
}

before=$notes/service-$state

# was_there: glusterd, before us; where gluster came with us, it goes with us.
was_there() { command -v glusterd >/dev/null && ! grep -qs '^glusterfs-server$' "$notes"/packages-*; }

note_before() {
  mkdir -p "$notes"
  systemctl show -p UnitFileState,ActiveState glusterd.service >"$before"
}

add_localhost() { sed -i '1i 127.0.0.1 localhost' /etc/hosts; }

# at_home: by its own word, which costs less than another Pi's, it is the one that the volume counts on. One that has
# another UUID takes its address for its own all the same, and its brick for its own; but nobody talks to it, and whom
# it was it may have as a peer.
at_home() {
  local known
  known=$(peers)
  [ -n "$(brick_name "$(my_uuid)")" ] && awk '$2 != 3 { exit 1 }' <<<"$known" && [[ $known == *" 3 1 "* ]] &&
    [ -z "$(peer_at "$address" <<<"$known")" ]
}

# find_pool: the address of a Pi that has the volume and knows this one as a peer, and the UUID by which it does;
# nothing where there is none.
find_pool() {
  local other uuid
  for other in "${others[@]}"; do
    listens 1 "$other" 24007 || continue
    uuid=$(known_to "$other")
    if [ -n "$uuid" ] && [ -n "$(bricks_at "$other")" ]; then echo "$other $uuid" && return; fi
  done
}

# damaged: which of glusterd's files is gone, or empty, as a power cut leaves it; or that it does not start with them.
# It may run on as if nothing were, and would not start again, or as another one.
damaged() {
  local file
  for file in "$files"/{glusterd.info,peers/*,vols/"$volume"/{info,cksum,bricks/*}}; do
    if [ ! -e "$file" ]; then
      echo "$file is missing" && return
    elif [ ! -s "$file" ]; then
      echo "$file is empty" && return
    fi
  done
  file=$(find "$files/vols/$volume" -maxdepth 1 -name '*.vol' -empty -print -quit)
  [ -z "$file" ] || { echo "$file is empty" && return; }
  if [ "$mode" = apply ] && ! systemctl is-active -q glusterd.service; then
    systemctl daemon-reload
    unmask glusterd.service
    if systemctl start glusterd.service 2>/dev/null; then return; fi
    # Where it may be because of a file of the user's, these are left alone; of its unit's want_service tells.
    is_whole ||
      fail "glusterd does not start, since $config is not whole (see /var/log/glusterfs/glusterd.log): correct it, or" \
        "take it away, then run pulumi up again, which brings the package's own"
    [ -n "$(others_files glusterd.service)" ] || echo "glusterd does not start"
  fi
}

# is_whole: glusterd's config begins a volume of its type, and ends it.
is_whole() {
  awk '$1 == "volume" { begun = 1 }
    begun && $1 == "type" && $2 == "mgmt/glusterd" { typed = 1 }
    typed && $1 == "end-volume" { whole = 1 }
    END { exit !whole }' "$config" 2>/dev/null
}

# stranger: why this glusterd is not the peer that the pool knows. One that says nothing, as for minutes after a peer
# has died, is nobody to be replaced.
stranger() {
  systemctl is-active -q glusterd.service || return 0 # said already
  in_time "$join_patience" glusterd_answers ||
    fail "glusterd does not answer: wait two minutes, then run pulumi up again"
  in_time "$join_patience" joined || not_joined
}

joined() { [ -z "$(not_joined)" ]; }

not_joined() {
  local there
  there=$(uuid_there "$pool")
  if [ "$(my_uuid)" != "$known" ]; then
    echo "glusterd is a new one"
  elif [ -z "$(volume_xml)" ]; then
    echo "glusterd has lost the volume $volume"
  elif [ -z "$there" ]; then
    return 0 # the pool cannot be asked any more
  elif [ -z "$(peers | peer_at "$pool")" ]; then
    echo "glusterd has lost its peers"
  elif [[ " ${earlier[*]} " == *" $pool "* ]] && peers | grep -q "^$there " && rejected "$there"; then
    echo "glusterd and that of $pool do not agree about the volume"
  fi
}

# foreign_volume: the name of one in its files that the pool does not have; nothing where there is none.
foreign_volume() {
  local at id
  for at in "$files"/vols/*; do
    id=$(values volume-id "$at/info")
    if [ -n "$id" ] && ! gluster_xml --remote-host="$pool" volume info "${at##*/}" | grep -qF "<id>$id</id>"; then
      echo "${at##*/}" && return
    fi
  done
}

rejected() { # UUID
  [[ $(peers) == *"$1 $rejected_state "* ]] ||
    [[ $(gluster_xml --remote-host="$pool" peer status | peers_in) == *"$known $rejected_state "* ]]
}
rejected_state=6 # GD_FRIEND_STATE_REJECTED in glusterd-sm.h

# rejoin: with the UUID that it had and one peer; the others tell it the rest. Its own files are kept. Its brick's old
# process goes on, and is ended by the state of the brick's process.
rejoin() {
  local peer version aside
  peer=$(uuid_there "$pool")
  [ -n "$peer" ] || fail "$pool does not answer any more: run pulumi up again"
  # The highest that this version can; when they meet, the peer sets that of the pool.
  version=$(glusterd --version | sed -nE 's/^glusterfs ([0-9]+).*/\10000/p')
  systemctl stop glusterd.service 2>/dev/null || true
  aside=$notes/glusterd-$(date -u +%Y%m%dT%H%M%SZ)
  mkdir -p "$aside" "$files"
  find "$files" -mindepth 1 -maxdepth 1 \( -name glusterd.info -o -name peers -o -name vols \) -exec mv -t "$aside" {} +
  mkdir -p "$files/peers" "$files/vols"
  printf 'UUID=%s\noperating-version=%s\n' "$known" "$version" >"$files/glusterd.info"
  printf 'uuid=%s\nstate=3\nhostname1=%s\n' "$peer" "$pool" >"$files/peers/$peer"
  say "what glusterd had is in $aside"
  start_service glusterd.service
  until_true "$join_patience" has_volume || fail "glusterd did not hear of the volume $volume from $pool:" \
    "run pulumi up again"
  # Bricks, self-heal daemon and peers' names are as they should be only from the next start on.
  systemctl restart glusterd.service
  until_true "$join_patience" joined || fail "glusterd does not join: $(not_joined)"
}

has_volume() { [ -n "$(volume_xml)" ]; }

# It may serve more than our volume, so it is left as it was before us.
unwant() {
  grep -qsx UnitFileState=enabled "$before" || systemctl disable -q glusterd.service 2>/dev/null || true
  grep -qsx ActiveState=active "$before" || systemctl stop glusterd.service 2>/dev/null || true
  rm -f "$drop_in_path" "$before"
  rm -rf "$notes"/glusterd-*
  rmdir "$(dirname "$drop_in_path")" 2>/dev/null || true
  systemctl daemon-reload
}
