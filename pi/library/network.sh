# shellcheck shell=bash disable=SC2154
# This Pi's addresses, and who serves the page.

# own_addresses [WHERE...]: this Pi's, or those that "ip address show" finds there.
own_addresses() { ip -4 -o address show "$@" | awk '{ split($4, own, "/"); print own[1] }'; }

# interface ADDRESS: the one that has this address of the Pi's.
interface() { ip -4 -o address | awk -v a="$1" '{ split($4, own, "/") } own[1] == a { print $2; exit }'; }

# serves ADDRESS NAME: the page by the site's name, asked of a Pi's own address.
serves() {
  local status
  # shellcheck disable=SC2016 # the inner shell expands them
  status=$(timeout 5 bash -c \
    'exec 3<>"/dev/tcp/$1/80" && printf "GET / HTTP/1.0\r\nHost: %s\r\n\r\n" "$2" >&3 && head -n 1 <&3' \
    - "$1" "$2" 2>/dev/null) || return 1
  [[ $status == HTTP/1.?" 200 "* ]]
}
