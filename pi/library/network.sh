# shellcheck shell=bash disable=SC2154
# This Pi's addresses, and who serves the page.

# own_addresses [WHERE...]: this Pi's, by IPv4 and IPv6, or those that "ip address show" finds there.
# shellcheck disable=SC2120 # states give some
own_addresses() { ip -o address show "$@" | awk '{ split($4, own, "/"); print own[1] }'; }

# own ADDRESS: it is one of this Pi's.
own() { [[ $'\n'$(once own_addresses)$'\n' == *$'\n'"$1"$'\n'* ]]; }

# interface ADDRESS: the one that has this address of the Pi's.
interface() { ip -4 -o address | awk -v a="$1" '{ split($4, own, "/") } own[1] == a { print $2; exit }'; }

# holds OWN ADDRESS: this Pi has that address, too, where it has its own.
holds() { own_addresses dev "$(interface "$1")" | grep -xF -- "$2" >/dev/null; }

# listens SECONDS ADDRESS PORT: something does there; to ask what is off takes all of the seconds.
# shellcheck disable=SC2016 # the inner shell expands them
listens() { timeout "$1" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>/dev/null; }

# sockets_at PORT: what ss says of each that listens there on this Pi. It takes 5 ms to find whose a port is, so it is
# asked once for all.
sockets_at() {
  local line at="^([^ ]+ +){3}[^ ]*:$1 "
  while IFS= read -r line; do
    [[ ! $line =~ $at ]] || printf '%s\n' "$line"
  done <<<"$(once ss -Hltnpe)"
}

arp_wait=6 # seconds; a neighbour that was not heard of for a while is asked for 5 s after it is next sent something

# is_alive ADDRESS: the Pi there answers now; one just cut off does not. A firewall may drop a ping, but not the answer
# by which the kernel finds a neighbour (ARP): of that it says how many whole seconds ago it was confirmed.
is_alive() { pinged "$1" || until_true "$arp_wait" heard_of "$1" "$SECONDS"; }
pinged() { ping -q -c 1 -W 1 "$1" >/dev/null 2>&1; }
heard_of() { # ADDRESS SINCE
  pinged "$1" || ip -s neighbour show to "$1" | awk -v since="$((SECONDS - $2))" '
    { for (i = 1; i < NF; i++) if ($i == "used" && split($(i + 1), ago, "/") == 3 && ago[2] + 1 < since) found = 1 }
    END { exit !found }'
}

# unheard ADDRESS: the kernel has asked that neighbour for its hardware's address, and got no answer.
unheard() { [[ $(ip -4 neighbour show "$1") == @(*FAILED*|*INCOMPLETE*) ]]; }

# Where twopir's keepalived is, which asks the same by it.
# shellcheck disable=SC2034 # firewall.sh and keepalived.sh use it
tracker_path=/usr/local/lib/twopir/serves

# serves ADDRESS NAME: the Pi there has the page by the site's name, from this cluster's server block.
serves() { [ -z "$(unserved "$@")" ]; }

mark_path=/.well-known/twopir # see nginx-settings.sh
mark_file=/etc/nginx/snippets/twopir.conf
# shellcheck disable=SC2034 # nginx.sh and ipv6.sh use it
listen_path=${mark_file%.conf}-ipv6.conf # by which nginx listens by IPv6; the server block includes it
# shellcheck disable=SC2034
kernel_ipv6=/proc/net/if_inet6 # not there where the kernel has none (ipv6.disable=1)
nginx_loaded=/run/twopir-nginx # written by nginx-runs when nginx has read its config
# seconds until nginx has read its config, part of which lies on the volume (see stat_wait)
config_wait=12

# nginx_config: what is on disk; false where nginx refuses it.
nginx_config() { timeout "$config_wait" nginx -T 2>/dev/null; }

silence="nothing answers on port 80"
broken="the answer begins, and breaks off"

# unserved ADDRESS NAME: why a visitor does not get the page there; nothing where he does.
unserved() {
  local page mark known id line own=''
  page=$(ask_nginx "$1" "$2" /)
  line=${page%%$'\n'*}
  case $line in
    HTTP/1.?" 200 "*) ;;
    HTTP/*) echo "the answer is ${line#* }" && return ;;
    *) echo "$silence" && return ;;
  esac
  # Of a mount whose process is gone nginx has all that it keeps of a file, and not what is in it.
  if [[ $page != *$'\n\n'?* && $page == *$'\nContent-Length: '[1-9]* ]]; then echo "$broken" && return; fi
  ! own "$1" || own=yes
  [ -z "$own" ] || mark_is_loaded || return 0
  mark=$(ask_nginx "$1" "$2" "$mark_path")
  known=$(volume_ids)
  # Where glusterd's files are gone nobody can tell one cluster's from another's.
  for id in ${known:-text/plain}; do [[ $mark != *"$id"* ]] || return 0; done
  # Nobody can tell whether another Pi's nginx has read its mark.
  [ -z "$own" ] && is_unmarked "$page" "$mark" || echo "another server block answers, not this cluster's"
}

# is_unmarked PAGE ANSWER: so the server block answers where an upgrade has not brought the mark yet: with the page, or
# with 500 where that is not called index.html. So does any other that has the article's try_files.
is_unmarked() {
  [[ $2 == HTTP/1.?" 500 "* ]] || { [ -n "$(etag <<<"$1")" ] && [ "$(etag <<<"$1")" = "$(etag <<<"$2")" ]; }
}

# mark_is_loaded: this Pi's nginx has read its mark; until then the page is enough.
mark_is_loaded() {
  [ -r "$mark_file" ] && [[ $(<"$mark_file") == *"$mark_path"* ]] && ! [ "$mark_file" -nt "$nginx_loaded" ]
}

# site_names [FILE]: those of the server block there, or on stdin; the one that has the A records is the last.
# shellcheck disable=SC2120 # others give one
site_names() { awk '$1 == "server_name" { sub(";.*", ""); for (i = 2; i <= NF; i++) print $i }' "$@"; }

enabled=/etc/nginx/sites-enabled/cluster
names_wait=3 # seconds for a file of the volume; where that hangs, the mount's own state says so

# all_names NAME: of the site that has the A records by this one. The further ones are no parameter: they are changed
# for all Pis at once, also for one that is off.
all_names() {
  echo "$1"
  { timeout "$names_wait" cat "$enabled" 2>/dev/null || true; } | site_names | { grep -vxF -- "$1" || true; }
}

# missed ADDRESS NAME: the first of the site's names by which a visitor does not get the page there; nothing where he
# does by all.
missed() {
  local name
  for name in $(all_names "$2"); do
    serves "$1" "$name" || { echo "$name" && return; }
  done
}

# ask_nginx ADDRESS NAME PATH: what is answered there, the beginning of a page of any size, without NULs and carriage
# returns.
ask_nginx() { once fetch "$@"; }
fetch() {
  # shellcheck disable=SC2016 # the inner shell expands them
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/80" &&
    printf "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: twopir\r\n\r\n" "$3" "$2" >&3 && head -c 16000 <&3' \
    - "$@" 2>/dev/null | tr -d '\0\r' || true
}

etag() { sed -n -e '/^$/q' -e 's/^ETag: //p'; }

# volume_ids: of all volumes that this Pi's glusterd knows, in files that are there also while it does not run.
volume_ids() { values volume-id /var/lib/glusterd/vols/*/info; }
