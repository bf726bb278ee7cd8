# shellcheck shell=bash disable=SC2034,SC2154 # states use what is set here
# What the A and the AAAA records share.

takes server zone name key_name key_secret

# record_type ADDRESS: by which a name has it.
record_type() { if [[ $1 == *:* ]]; then echo AAAA; else echo A; fi; }

# ask: the name's records of the type that the caller sets, or its alias, as the primary server has them, in dig's
# answer format, and its comments (";;"). By TCP, which needs no second try: a server that is off is noticed after 3 s.
ask() {
  local answer
  answer=$(once dig +tcp +noall +comments +answer +norecurse +time=3 +tries=1 "@$server" "$name." "$type") ||
    fail "the name server $server does not answer: $(remedy_of_silence)"
  [[ ! $answer =~ status:\ ([A-Z]+) || ${BASH_REMATCH[1]} == @(NOERROR|NXDOMAIN) ]] ||
    fail "the name server $server answers ${BASH_REMATCH[1]} for $name: has it loaded the zone $zone (see its log)," \
      "and does it answer this machine (allow-query)?$([ "$mode" != remove ] || echo " $(remedy)")"
  printf '%s\n' "$answer"
}

remedy_of_silence() {
  if [ "$mode" = remove ]; then remedy; else echo "is the address right, is port 53 open from here?"; fi
}

patience=10 # seconds until the server returns what it accepted; a primary does at once

# own_records TYPE: value and TTL of each such record of the name itself, and not of one that it is an alias of.
own_records() {
  ask | awk -v name="$name." -v type="$1" 'tolower($1) == tolower(name) && $4 == type { print $5, $2 }'
}

# require_no_alias: beside a CNAME a name has nothing else (RFC 1034, 3.6.2), so the server takes our update and ignores
# it. The alias is somebody's own.
require_no_alias() {
  local target
  target=$(alias_of "$name")
  # What is an answer for every name gives way to a record.
  [ -z "$target" ] || [ "$target" = "$(alias_of "nobody-$$.${name#*.}")" ] ||
    refuse "$name is an alias (CNAME) of ${target%.}, and so cannot have the Pis' $type records: remove the CNAME" \
      "from zone $zone, or set twopir:hostname to another name"
}

alias_of() { # NAME
  local name=$1
  own_records CNAME | cut -d ' ' -f 1
}

# update LINE...: one atomic dynamic update.
update() {
  local answer
  answer=$(send "$@") || fail "the name server $server refused the update of $name: $answer. $(remedy)"
}

# require_key: the server takes updates with the key, told by one that changes nothing: records that are right today
# would hide that none could be withdrawn tomorrow.
require_key() {
  local answer
  if answer=$(send "prereq yxdomain $zone."); then return; fi
  [[ ! $answer =~ (NOTAUTH|NOTZONE|REFUSED|BADKEY|BADSIG|BADTIME) ]] ||
    refuse "the name server $server takes no update of the zone $zone: $answer. $(remedy)"
}

# send LINE...: what nsupdate says. Everything, the key too, reaches it on stdin only.
send() {
  local answer status=0
  answer=$(printf '%s\n' "server $server" "zone $zone." "key hmac-sha256:$key_name $key_secret" "$@" send |
    nsupdate 2>&1) || status=$?
  printf '%s\n' "${answer//"$key_secret"/[secret]}"
  return "$status"
}

# remedy: a record is taken away with what it was made with; the server may be gone since, or the key withdrawn.
remedy() {
  if [ "$mode" = remove ]; then
    echo "Server and key are those of the last pulumi up. Let it take that key once more, and run it again; or, if it" \
      "is not yours any more, have Pulumi forget the record: pulumi state delete the URN of $state (see pulumi stack" \
      "--show-urns)"
  else
    echo "Are twopir:dns.keyName, twopir:tsigSecret and twopir:dns.zone right, does the zone allow updates with that" \
      "key, and (BADTIME) is the clock of this machine right?"
  fi
}
