# shellcheck shell=bash disable=SC2154
# What a release would change of the live one, as a line changes=JSON, see programs/compare-files.py; none where that
# cannot be told, of what a former version published. Nothing is wanted and nothing is changed.

use releases
takes files # those of the release: as they lie beside an image, and that in base64

want() {
  local now
  mounted && mount_answers || return 0
  now=$(live)
  [ -r "$releases/${now% *}/files.gz" ] || return 0
  fact changes "$(python3 "$here/programs/compare-files.py" "$releases/${now% *}/files.gz" <<<"$files")"
}

unwant() { :; }
