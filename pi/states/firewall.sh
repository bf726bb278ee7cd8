# shellcheck shell=bash disable=SC2154
# The firewall's rules are loaded. New ones are only tried: unless firewall-kept.sh confirms them over a connection that
# was opened afterwards, the Pi goes back to those that it had.

use files services network firewall-rules
takes rules       # for nft
takes patience    # seconds until it goes back
takes address     # of this Pi
takes other       # that of another one
takes 'clients[]' # addresses of the machines that may mount the volume
takes disconnect  # yes: others that have mounted it are cut off

want() {
  local reason source shut logins
  # We come in from everywhere, also where sshd listens on a port that only the Pis and the clients may reach.
  logins=$(ssh_ports)
  shut=$(closed_ports <<<"$logins" | paste -sd ,)
  [ -z "$shut" ] || rules+="insert rule inet twopir input tcp dport { $shut } accept"$'\n'
  # The others let in the address that the config says. One with two in the same network may come from either.
  source=$(ip -4 route get "$other" | sed -n 's/.* src \([^ ]*\).*/\1/p')
  [ "$source" = "$address" ] ||
    fail "this Pi reaches the others from $source, but they will only let in $address: remove $source, or set its" \
      "address in twopir:pis to $source"
  reason=$(difference "$rules_path" "$rules")
  [ -n "$reason" ] || loaded || reason="the firewall's rules are not loaded as they are on disk"
  # Also where nft is not there yet: while nothing has been changed.
  [ -z "$reason" ] || nobody_is_cut_off
  # What may be half-way when it is found out later is asked before the first up changes anything.
  if [ ! -e "$rules_path" ]; then
    all_may_log_in
    others_let_us_in
  fi
  want_ours "$loader_path"
  want_ours "$unit_path"
  want_ours "$drop_in_path"
  need nft nftables
  if [ -n "$reason" ]; then
    show_difference "$rules_path" "$rules"
    tell_of_closed
    change "$reason" try_rules
  elif [ -e "$candidate" ] && ! systemctl is-active -q "$roll_back.timer"; then
    change "$candidate was never confirmed" rm -f "$candidate"
  fi
  visitors_may_come
  tell_of_next_boot
}

# nobody_is_cut_off: no machine that has mounted the volume, or is a peer whose self-heal daemon looks at it, and that
# would not be let in again; but for a Pi that leaves, or gets another address.
nobody_is_cut_off() {
  local others
  [ "$disconnect" != yes ] || return 0
  others=$({ ss -Htnp state established || true; } |
    sed -nE 's/^.* \[?(::ffff:)?([0-9.]+)\]?:[0-9]+ +users:.*"glusterfsd".*/\2/p' | sort -u |
    { grep -v '^127\.' || true; } |
    { grep -vxF -- "$(printf '%s\n' "${clients[@]}" "$(own_addresses)" "$(former_pis)")" || true; })
  [ -z "$others" ] ||
    refuse "$(xargs <<<"$others") is connected to a brick of $pi (it has mounted the volume, or is a peer), and the" \
      "firewall of $pi would cut it off: list it as twopir:volume.clients, or, if it no longer needs the volume, set" \
      "twopir:volume.disconnect: true"
}

# all_may_log_in: nothing here limits how often one may log in, but where somebody is let in before that. Pulumi logs in
# for each resource, and where it is shut out half-way, every other one fails.
all_may_log_in() {
  local rule
  rule=$(limiting ssh "$logins")
  [ -z "$rule" ] ||
    refuse "a firewall other than twopir's on $pi limits ssh logins ($rule), and the first up logs in some 30 times" \
      "in two minutes: accept this machine ahead of that rule, or lift the limit until up is done, e.g." \
      "\"sudo ufw delete limit ssh && sudo ufw allow ssh\""
}

# visitors_may_come: a browser opens some connections at once, and one for each file where none is kept alive.
visitors_may_come() {
  local rule why
  rule=$(limiting http 80)
  why="a firewall other than twopir's on $pi limits how often visitors may connect to port 80"
  # Ten at once are more than a browser opens, and who limits that has meant it.
  [[ -z $rule || $rule =~ (ct count over|--connlimit-above)" "[0-9][0-9] ]] ||
    note "$why ($rule), so that pages come without their pictures, or not at all" \
      say "let visitors in as often as they come, e.g. \"sudo ufw delete limit http && sudo ufw allow http\""
}

# Which service loads which rules at boot, by Debian's packages.
loads_at_boot=(nftables:/etc/nftables.conf netfilter-persistent:/etc/iptables/rules.v4)

# tell_of_next_boot: rules that somebody has written and not loaded. When they are, whatever is asked from outside shows
# what they do. A file that is newer than its service's start says nothing: it may have been made of what there is.
tell_of_next_boot() {
  local one unit file link
  for one in "${loads_at_boot[@]}"; do
    unit=${one%%:*}.service file=${one#*:}
    for link in /etc/systemd/system/*.wants/"$unit"; do
      [[ -e $link && -e $file ]] || continue
      [ -n "$(systemctl show -P ActiveEnterTimestamp "$unit")" ] ||
        note "the next boot loads the rules of $file, which nobody has loaded yet, and may shut out visitors" \
          say "see whether they let in TCP port 80, and the other Pis; or keep them out: sudo systemctl disable $unit"
    done
  done
}

# limiting SERVICE PORTS: the rule here by which one may connect to it only so often, unless there is one before it that
# lets all in.
limiting() {
  {
    nft -t list ruleset || true # without what is in sets: a block list has 30,000 addresses
    iptables-save || true
  } 2>/dev/null | awk -v ports="$1${2:+|${2//$'\n'/|}}" '
    $1 == "table" { family = $2 }
    family == "ip6" || $0 !~ "dports? ([{] )?([0-9a-z-]+, ?)*(" ports ")([ ,]|$)" { next }
    !/limit rate|-m ((hash|conn)?limit|recent) |recent: |"(recent|(hash|conn)?limit)"|meter |ct count|(add|update) @/ {
      if (/accept|ACCEPT/) exit
      next
    }
    /log|LOG/ && !/drop|reject|accept|DROP|REJECT|ACCEPT/ { next }
    / [0-9]+\/sec/ || / [0-9][0-9][0-9]+\/min/ { next } # more often than an up does, or a browser
    { $1 = $1; print; exit }'
}

knock=2 # seconds; the kernel asks twice in that time

# others_let_us_in: what a firewall drops is not answered at all; where nothing listens yet it is refused.
others_let_us_in() {
  local another port status shut
  for another in $(pis_in <<<"$rules"); do
    [ "$another" != "$address" ] || continue
    shut=''
    for port in 24007 49152; do
      status=0
      listens "$knock" "$another" "$port" || status=$?
      [ "$status" != 124 ] || shut+="${shut:+ }$port"
    done
    [ -z "$shut" ] || ! is_alive "$another" ||
      refuse "a firewall other than twopir's, on $another or in between, keeps $pi from port" \
        "${shut// / and } there, where GlusterFS will listen: let the Pis in to each other, e.g." \
        "\"sudo ufw allow from $address\""
  done
}

# tell_of_closed: what else listens on a port that only the Pis and the clients will reach, or shares an address with
# other machines by VRRP.
tell_of_closed() {
  local speaker
  ss -Hltnp | awk -v ssh=" $(xargs <<<"$logins") " '
    { port = $4; sub(".*:", "", port); who = "the kernel" }
    match($0, /users:\(\("[^"]*/) { who = substr($0, RSTART + 9, RLENGTH - 9) }
    $4 ~ /^(127\.|\[::1\])/ || who ~ /^gluster/ || index(ssh, " " port " ") { next }
    { print port, who }' | closed_ports | sort -u | while read -r port who; do
    say "closed to all but the Pis and twopir:volume.clients: $who, port $port"
  done
  speaker=$(ss -Hwanp | sed -nE '/ [^ ]*:(112|vrrp) .*users:/s/[^"]*"([^"]+)".*/\1/p' | head -n 1)
  [ -z "$speaker" ] || [ -e "$tracker_path" ] ||
    say "closed to all but the Pis: VRRP, which $speaker speaks; an address that it shares with another machine, both" \
      "will hold from then on"
}

# former_pis: those of the rules that are on disk.
former_pis() { { cat "$rules_path" 2>/dev/null || true; } | pis_in; }
pis_in() { sed -n '/set pis {/,/}/s/.*elements = { \(.*\) }/\1/p' | tr -d ' ' | tr ',' '\n'; } # the rules on stdin

try_rules() {
  local answer
  write_file "$candidate" "$rules"
  if ! answer=$(nft --check -f "$candidate" 2>&1); then
    rm -f "$candidate"
    fail "nft refuses the firewall's rules, so they stay as they were: $answer"
  fi
  systemctl stop "$roll_back.timer" 2>/dev/null || true
  systemd-run --quiet --collect --unit="$roll_back" --on-active="$patience" --timer-property=AccuracySec=1s \
    /bin/bash "$loader_path"
  bash "$loader_path" "$candidate"
}

unwant() {
  systemctl stop "$roll_back.timer" 2>/dev/null || true
  systemctl disable -q --now twopir-firewall.service 2>/dev/null || true
  ! command -v nft >/dev/null || nft delete table inet twopir 2>/dev/null || true
  rm -f "$loader_path" "$unit_path" "$drop_in_path" "$rules_path" "$candidate" "$loaded_path"
  rmdir "$(dirname "$rules_path")" "$(dirname "$loader_path")" "$(dirname "$drop_in_path")" 2>/dev/null || true
  systemctl daemon-reload
}
