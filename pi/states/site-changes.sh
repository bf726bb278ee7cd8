# shellcheck shell=bash disable=SC2154
# What a release would change of the live one, as a line changes=JSON, see programs/compare-files.py; none where that
# cannot be told, of what a former version published. Nothing is wanted and nothing is changed.

use releases
takes files # those of the release: as they lie beside an image, and that in base64

want() {
  local now answer
  mounted && mount_answers || return 0
  now=$(live)
  # It may be half, or in split brain. The files go by a pipe, since a look bounds what is written.
  answer=$(printf %s "$files" |
    python3 "$here/programs/compare-files.py" "$releases/${now%% *}/files.gz" 2>/dev/null) || return 0
  fact changes "$answer"
}

unwant() { :; }
