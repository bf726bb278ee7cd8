# shellcheck shell=bash disable=SC2154
# What nginx is to serve is on this Pi's card and open. Three times to look:
#
#   release         before nginx reads the server block of the volume: the release that it names
#   release last    nginx has to start without the volume: the release that the last server block names
#   release whole   when the volume comes, and once a night: all of the image is read, too, and nginx that serves an
#                   older one goes on with this

use card mounting services

block_wait=4 # seconds; the same as in nginx-runs: a mount may hang

program() {
  local when=${1:-} block id stale=''
  if [ "$when" = last ]; then
    id=$(released <"$card/cluster")
    bring "$id"
    return
  fi
  [ "$when" != whole ] || mounted || mount_volume
  mounted || fail "$mount_point is not mounted"
  block=$(timeout "$block_wait" cat "$mount_point/cluster") || fail "$mount_point/cluster cannot be read"
  id=$(released <<<"$block")
  [ -n "$id" ] || return 0
  # nginx has files open of a mount that goes, and may serve another release.
  if [ -n "$(lacking "$id")" ] || ! grep -qsxF "$id" "$served"; then stale=yes; fi
  bring "$id"
  [ "$when" = whole ] || return 0
  # In a condition bash would go on after errors.
  is_right "$id" || stale=damaged
  [ "$stale" != damaged ] || bring_anew "$id"
  [ -z "$stale" ] || ! systemctl is-active -q nginx.service || systemctl reload nginx.service
}
