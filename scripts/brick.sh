# shellcheck shell=bash disable=SC2154
# The folder that holds this Pi's copy of the volume. Parameters: brick (path)

want() {
  [ -d "$brick" ] || change "$brick is missing" mkdir -p "$brick"
}

# The data stay. Only gluster's mark on the folder goes, so that a later pulumi up may make a volume of it again.
unwant() {
  [ -d "$brick" ] || return 0
  if command -v setfattr >/dev/null; then
    setfattr -x trusted.glusterfs.volume-id "$brick" 2>/dev/null || true
  fi
  say "the data stay on $pi in $brick; delete that folder yourself if you do not want them any more"
}

main "$@"
