# shellcheck shell=bash
# The lab's name server: a real BIND for example.com, in a namespace of its own. Sourced, not run.

zone=example.com
ns_dir=$lab_dir/ns

write_zone() {
  mkdir -p "$ns_dir"
  cp "$root/lab/tsig.key" "$ns_dir/tsig.key"
  cat >"$ns_dir/named.conf" <<CONF
include "/var/cache/bind/tsig.key";
options {
  directory "/var/cache/bind";
  listen-on { $ns_address; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  allow-transfer { key twopir; };
  // The next address first in each answer: what spreads visitors over the Pis.
  rrset-order { order cyclic; };
  querylog no;
  notify no;
  pid-file none;
  session-keyfile none;
};
controls { };
zone "$zone" {
  type primary;
  file "/var/cache/bind/$zone.zone";
  allow-update { key twopir; };
};
CONF
  cat >"$ns_dir/$zone.zone" <<ZONE
\$TTL 60
@   SOA ns1 hostmaster 1 3600 600 86400 60
@   NS  ns1
ns1 A   $ns_address
ZONE
  chown -R bind:bind "$ns_dir"
}

ns_answers() {
  our_link "$prefix-ns" && [[ $(dig "@$ns_address" "$zone" SOA +short +tries=1 +time=1 2>/dev/null) == ns1.* ]]
}

# start_names: the zone is written once; a name server that died goes on with the records that it had.
start_names() {
  [ -e "$ns_dir/$zone.zone" ] || write_zone
  end_group ns
  plug ns "$ns_address"
  # Debian's AppArmor profile lets named read and write in /var/cache/bind: in its own mount namespace that is the lab's
  # folder.
  # shellcheck disable=SC2016 # expanded by the inner shell
  spawn ns "$lab_dir/named.log" unshare --mount --propagation slave sh -c \
    'mount --bind "$1" /var/cache/bind &&
      exec nsenter --net="/run/netns/$2" /usr/sbin/named -g -u bind -c /var/cache/bind/named.conf' \
    - "$ns_dir" "$(netns ns)"
  disown
}

await_names() {
  local deadline=$((SECONDS + 20))
  until ns_answers; do
    [ $SECONDS -lt $deadline ] || die "the name server does not answer on $ns_address: see $lab_dir/named.log"
    sleep 0.1
  done
}
