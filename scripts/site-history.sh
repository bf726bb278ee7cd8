# shellcheck shell=bash disable=SC2154
# The live release and the three before it are on the volume, and no others.

kept=4

want() {
  local name
  need_releases
  [ "$(live | cut -d ' ' -f 2)" = "$release" ] || change "release $(short "$release") goes live" note
  for name in $(superfluous); do
    change "release ${name:0:12}${name:64} is superfluous" rm -rf -- "$releases/$name"
  done
}

note() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$release" >>"$history"; }

# superfluous: what is there of releases, and of half ones that a killed run left, without the last few that were live.
superfluous() {
  [ ! -d "$releases" ] || find "$releases" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' |
    { grep -xE '[0-9a-f]{64}(\.new|\.old)?' || true; } | { grep -vxF "$(last)" || true; }
}

last() {
  { tac "$history" 2>/dev/null | cut -d ' ' -f 2 || true; } | { echo "$release" && cat; } |
    awk -v kept="$kept" '!seen[$0]++ && ++n <= kept'
}

unwant() { say "the releases of the site stay on the volume"; }

main "$@"
