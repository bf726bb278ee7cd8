# shellcheck shell=bash disable=SC2154
# No file of the volume has two histories: written on one Pi while it was parted from the other, and there too. Which
# one counts is for the user to say, in words. Parameters: volume, brick (path), mount_point, choice (report or the name
# of a Pi), source (the address of that Pi, where one was named)

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
  [ ! -d "$brick" ] || [ -n "$(find "$brick/.glusterfs/indices/xattrop" -type f ! -name 'xattrop-*' -print -quit 2>/dev/null)" ]
}

# conflicts: each file, by its path from the volume's root, ended by NUL. Of two files that got the same name gluster
# names the folder only; neither can be read there.
conflicts() {
  local path
  gluster_tell volume heal "$volume" info split-brain | { grep -E '^(/|<gfid:)' || true; } | sort -u | while IFS= read -r path; do
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

# By time gluster cannot choose: its clients have made the times of both copies the same by then (features.ctime), and
# "latest-mtime" finds no difference.
settle() { # FILE
  local answer
  [ "$choice" != report ] ||
    fail "$1 has two histories, and nothing is lost as long as nobody chooses: look at both ($brick$1 on each Pi), then set twopir:splitBrain to the name of the Pi whose copy counts, and run pulumi up again"
  answer=$(gluster_tell volume heal "$volume" split-brain source-brick "$source:$brick" "$1") ||
    fail "gluster cannot settle $1: $answer"
  say "$1: the copy of $choice counts"
  gluster_tell volume heal "$volume" >/dev/null || true # otherwise its turn comes within a minute (cluster.heal-timeout)
}

unwant() { :; }

main "$@"
