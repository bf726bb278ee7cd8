# shellcheck shell=bash disable=SC2154
# The live release and those before it that are to be kept are on the volume, and no others.

use releases
takes release
takes keep # how many to go back to

want() {
  local name names
  need_releases
  names=$(superfluous)
  for name in $names; do
    change "release ${name:0:12}${name:64} is no longer kept" rm -rf -- "$releases/$name"
  done
  for name in $(unpacked); do
    change "release $(short "$name") lies on the volume file by file, too, as a former version had it" \
      rm -rf -- "$releases/$name"/{www,contents,unpacked.conf}
  done
}

# unpacked: the names of those that have an image by now, which every living Pi serves.
unpacked() {
  local path
  for path in "$releases"/*/www; do
    path=${path%/www}
    ! there "$path/made" || ! there "$path/www" || basename "$path"
  done
}

# superfluous: what is there of releases, and of half ones that a killed run left, without the last few that were live.
superfluous() {
  local last
  last=$(last)
  ! there "$releases" || find "$releases" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' |
    { grep -xE '[0-9a-f]{64}(\.new|\.old)?' || true; } | { grep -vxF "$last" || true; }
}

last() {
  past | tac | cut -d ' ' -f 2 | { echo "$release" && cat; } |
    awk -v keep="$keep" '!seen[$0]++ && n++ <= keep'
}

unwant() { say "the releases of the site stay on the volume"; }
