# shellcheck shell=bash disable=SC2154
# What the A records share.

takes server zone name key_name key_secret

# ask: the name's A records as the primary server has them, in dig's answer format. By TCP, which needs no second
# try: a server that is off is noticed after 3 s.
ask() {
  once dig +tcp +noall +answer +norecurse +time=3 +tries=1 "@$server" "$name." A ||
    fail "the name server $server does not answer: is the address right, is port 53 open from here?"
}

# update LINE...: one atomic dynamic update. Everything, the key too, reaches nsupdate on stdin only.
update() {
  local answer
  answer=$(printf '%s\n' "server $server" "zone $zone." "key hmac-sha256:$key_name $key_secret" "$@" send |
    nsupdate 2>&1) ||
    fail "the name server $server refused the update of $name: ${answer//"$key_secret"/[secret]}." \
      "Are twopir:dns.keyName, twopir:tsigSecret and twopir:dns.zone right," \
      "and does the zone allow updates with that key?"
}
