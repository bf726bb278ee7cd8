# shellcheck shell=bash disable=SC2154
# The folder that holds this Pi's copy of the volume. Parameters: volume, brick (path), address (of this Pi),
# others (array: addresses of the other Pis)

want() {
  if [ ! -d "$brick" ]; then
    change "$brick is missing" mkdir -p "$brick"
  elif abandoned; then
    change "$brick is an old copy: the volume goes on without it" set_aside
  fi
}

# A copy that the volume was parted from, on this Pi's word or, where it is no peer, on another's: it has missed what
# was written since, and gluster takes no folder that still has the mark of a volume.
abandoned() {
  local other known
  if ! getfattr -n trusted.glusterfs.volume-id "$brick" >/dev/null 2>&1; then return 1; fi
  known=$(volume_bricks)
  if [ -n "$known" ]; then
    # This Pi's own may be listed by a name that is not ours.
    ! grep -qvxF "$(printf "%s:$brick\n" "${others[@]}")" <<<"$known"
    return
  fi
  for other in "${others[@]}"; do
    known=$(timeout "$answer_wait" gluster --remote-host="$other" volume info "$volume" 2>/dev/null | bricks_in) || true
    if [ -n "$known" ] && ! grep -qxF "$address:$brick" <<<"$known"; then return 0; fi
  done
  return 1
}

# Nothing is deleted: the volume fills a new folder from the copies that are up to date.
set_aside() {
  local aside
  aside="$brick.$(date -u +%Y%m%dT%H%M%SZ)"
  mv -T "$brick" "$aside"
  mkdir -p "$brick"
  say "the old copy lies in $aside on $pi; delete it when you have made sure that nothing in it is missed"
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
