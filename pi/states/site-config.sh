# shellcheck shell=bash disable=SC2154
# The server block that every Pi's nginx runs lies on the volume. Where it names a release, that goes live.

use card
takes config_path content
takes word # "back" where the user goes back to the release, otherwise empty

theirs=$config_path.before-twopir # on the volume, too: any Pi may have to put it back

want() {
  need nginx nginx
  need_mount
  [ "$mode" != apply ] || keep_theirs
  want_file "$config_path" "$content" validate
  want_history "$(released <<<"$content")"
  [ "$mode" != apply ] || [ -z "$told" ] || sleep "$remembered"
}
remembered=1.5 # seconds; for one each mount goes on with what it has read before, and the next to read it is nginx

# want_history RELEASE: at once, and not when each nginx serves it: who has to go back before that, goes back from it.
want_history() {
  local now time back
  read -r now time back <<<"$(live)"
  [ -n "$1" ] && [ "$now" != "$1" ] || return 0
  back=${back:+, and $(short "$now"), gone back to at $time, is served no more}
  mend "release $(short "$1") goes live$back" go_live "$1"
}
go_live() { printf '%s %s%s\n' "$(date -u +%FT%TZ)" "$1" "${word:+ $word}" >>"$history"; }

# keep_theirs: the server block of who followed the article by hand, perhaps with locations of his own. Ours includes
# what lies on each Pi.
keep_theirs() {
  there "$config_path" && ! grep -q 'include /etc/nginx/snippets/twopir' "$config_path" && ! there "$theirs" || return 0
  cp -a "$config_path" "$theirs.new"
  mv -T "$theirs.new" "$theirs"
  say "the server block that was there before is in $theirs, and comes back with pulumi destroy"
}

# nginx refuses a bad one here, before any Pi meets it.
validate() {
  local try answer
  try=$(mktemp)
  printf 'events {}\nhttp { include /etc/nginx/mime.types; include %s; }\n' "$1" >"$try"
  if ! answer=$(nginx -t -q -c "$try" 2>&1); then
    rm -f "$try"
    fail "nginx refuses the server block, so it stays as it was: $answer"
  fi
  rm -f "$try"
}

unwant() {
  need_mount
  rm -f "$config_path"
  ! there "$theirs" || mv -T "$theirs" "$config_path"
}
