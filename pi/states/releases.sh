# shellcheck shell=bash disable=SC2154
# Facts of the releases on the volume, as lines of NAME=VALUE; nothing is wanted and nothing is changed:
#
#   known=COUNT      lines of the history: a Pi whose copy is behind has fewer
#   live=ID TIME     of the history, the latest one last
#   served=ID        by the server block
#   stored=ID BYTES  an image
#   chosen=ID        the one that is asked for
#   published=JSON   of that, see library/releases.sh, packed, in base64: of thousands of redirects it is long
#
# Where the volume is not mounted, by this Pi's own copy, which may lack the latest.

use card
takes which # "previous": before the one that was published last; the beginning of an id; or empty
takes brick # this Pi's full copy; empty where it has none

want() {
  local all time id path size block=$mount_point/cluster
  # Of the mount, too, one that is in split brain.
  if ! mounted || ! mount_answers || ! all=$(known_past); then
    [ -n "$brick" ] || return 0
    releases=$brick/releases
    # shellcheck disable=SC2034 # releases.sh reads it
    history=$releases/history
    block=$brick/cluster
    all=$(known_past) || true
  fi
  [ ! -r "$block" ] || fact served "$(released <"$block")"
  fact known "$(grep -c . <<<"$all" || true)"
  while read -r time id _; do [ -z "$time" ] || fact live "$id" "$time"; done < <(tail -n "$told_of" <<<"$all" || true)
  for path in "$releases"/*/made; do
    if [ -r "$path" ] && read -r _ size _ <"$path"; then fact stored "$(basename "${path%/made}")" "$size"; fi
  done
  id=$(chosen)
  [ -e "$releases/${id:-none}/made" ] || return 0
  fact chosen "$id"
  [ ! -r "$releases/$id/published" ] || fact published "$(gzip -cn "$releases/$id/published" | base64 -w 0)"
}

told_of=200 # lines of the history; who publishes ten times a day has it grow for years

known_past() { [ ! -e "$history" ] || cat "$history" 2>/dev/null; }

# chosen: nothing where there is none, or more than one. Who has gone back, and runs up again, does not go back further.
chosen() {
  local found=()
  case $which in
    '') ;;
    previous)
      awk '$3 != "back" && $2 != last { previous = last } { last = $2 } END { print previous }' <<<"$all"
      ;;
    *)
      found=("$releases/$which"*/made)
      if [ ${#found[@]} -eq 1 ]; then basename "${found[0]%/made}"; fi
      ;;
  esac
}

unwant() { :; }
