# shellcheck shell=bash disable=SC2154
# No file of the volume has two histories: written on one Pi while it was parted from the other, and there too. Which
# one counts is for the user to say, in words. Parameters: volume, brick (path), mount_point, choice (report, newest or
# the name of a Pi), source (the address of that Pi, where one was named)

want() {
  need_glusterd
  local file
  something_to_heal || return 0
  while IFS= read -r -d '' file; do
    change "$file has two histories (split brain)" settle "$file"
  done < <(conflicts)
}

# Asking gluster for split brains takes a second; where nothing waits to be healed there is none. The index has an entry
# for each file that waits, beside the one that the others are links of.
something_to_heal() {
  [ ! -d "$brick" ] ||
    [ -n "$(find "$brick/.glusterfs/indices/xattrop" -type f ! -name 'xattrop-*' -print -quit 2>/dev/null)" ]
}

# conflicts: each file, by its path from the volume's root, ended by NUL. Of two files that got the same name gluster
# names the folder only; neither can be read there.
conflicts() {
  local path
  gluster_tell volume heal "$volume" info split-brain | { grep -E '^(/|<gfid:)' || true; } | sort -u |
    while IFS= read -r path; do
      if [ -d "$mount_point$path" ]; then
        unreadable "${path%/}"
      else
        printf '%s\0' "$path"
      fi
    done
}

unreadable() { # FOLDER of the volume
  local name
  find "$mount_point$1" -mindepth 1 -maxdepth 1 -printf '%f\0' 2>/dev/null | while IFS= read -r -d '' name; do
    timeout 5 stat "$mount_point$1/$name" >/dev/null 2>&1 || printf '%s/%s\0' "$1" "$name"
  done
}

settle() { # FILE
  local answer which
  case $choice in
    report)
      fail "$1 has two histories, and nothing is lost as long as nobody chooses: look at both ($brick$1 on each Pi)," \
        "then set twopir:splitBrain to the name of the Pi whose copy counts, or to newest, and run pulumi up again"
      ;;
    newest) which=$(newest "$1") ;;
    *) which="source-brick $source:$brick" ;;
  esac
  # shellcheck disable=SC2086 # a word, or two
  answer=$(gluster_tell volume heal "$volume" split-brain $which "$1") || fail "gluster cannot settle $1: $answer"
  say "$1: settled by ${which/#source-brick /the copy in }"
  # Otherwise its turn comes within a minute (cluster.heal-timeout).
  gluster_tell volume heal "$volume" >/dev/null || true
}

# newest FILE: what tells gluster which copy was changed last. Its own "latest-mtime" can tell two files that got the
# same name, but not two copies of one file: before it compares them it gives both the time of one of them. The time of
# change (ctime) stays each copy's own, and a mount shows the copy that it is told to.
newest() {
  local client changed file=$mount_point$1
  changed=$(for client in $(copies "$file"); do
    look_at "$client" "$file"
    stat -c "%.9Z $client" "$file"
  done | sort)
  [ -n "$changed" ] || {
    echo latest-mtime
    return
  }
  look_at none "$file"
  [ "$(cut -d ' ' -f 1 <<<"$changed" | sort -u | wc -l)" -gt 1 ] ||
    fail "both copies of $1 were changed at the same time:" \
      "set twopir:splitBrain to the name of the Pi whose copy counts"
  client=$mount_point/.meta/graphs/active/${changed##* }/options
  echo "source-brick $(cat "$client/remote-host"):$(cat "$client/remote-subvolume")"
}

# copies FILE: gluster's names of the bricks that have one of the copies; nothing where they are two files.
copies() {
  getfattr --only-values -n replica.split-brain-status "$1" 2>/dev/null |
    tr -d '\0' | sed -n 's/.*Choices://p' | tr ',' ' ' || true
}

look_at() { setfattr -n replica.split-brain-choice -v "$1" "$2" || fail "cannot look at the copy $1 of $2"; }

unwant() { :; }

main "$@"
