# shellcheck shell=bash disable=SC2154
# Files that a state wants.

# there PATH: it exists. Only what is said not to exist does not: where the volume cannot read a name (Input/output
# error: it was given to two things; or no brick answers), nothing may be made in its place.
there() {
  local answer
  [ ! -e "$1" ] || return 0
  if answer=$(stat -- "$1" 2>&1); then return 0; fi
  case $answer in
    *": No such file or directory") return 1 ;;
    *) unreadable "$1" "$answer" ;;
  esac
}

# unreadable PATH ANSWER: ANSWER ends in the reason.
unreadable() {
  fail "$1 cannot be read (${2##*: }), so nothing is put in its place. If it is on the volume: does preview name it" \
    "as a split brain (see twopir:splitBrain), and do the other Pis answer (npm run status)?"
}

# keep PATH: moves what was there before us aside, once, for put_back.
keep() {
  local copy="$notes/before$1"
  [ -e "$1" ] || [ -L "$1" ] || return 0
  if [ -e "$copy" ] || [ -L "$copy" ]; then
    rm -f "$1"
  else
    mkdir -p "$(dirname "$copy")"
    mv "$1" "$copy"
  fi
}

# put_back PATH: what keep moved aside.
put_back() {
  local copy="$notes/before$1"
  [ -e "$copy" ] || [ -L "$copy" ] || return 0
  mkdir -p "$(dirname "$1")"
  mv -T "$copy" "$1"
}

# too_little FOLDER MB: the MB that are free there, where that is less; nothing where it is enough, or nobody can tell.
too_little() {
  local free
  free=$(df -BMB --output=avail "$1" 2>/dev/null | sed -n '2s/[^0-9]//gp') || true
  [ -z "$free" ] || [ "$free" -ge "$2" ] || echo "$free"
}

# want_file PATH CONTENT [VALIDATOR...]: a plain file with exactly that content. The validator is called with a
# candidate beside PATH before it replaces the file in one atomic rename.
want_file() {
  if ! is_file "$1" "$2"; then
    show_difference "$1" "$2"
    change "$(difference "$1" "$2")" write_file "$@"
  elif [ "$(stat -c %a "$1")" != 644 ]; then
    mend "$1 has mode $(stat -c %a "$1") instead of 644" chmod 644 "$1"
  fi
}

# want_ours PATH [VALIDATOR...]: the file that lies in files/ at that path.
want_ours() {
  local text
  IFS= read -r -d '' text <"$here/files$1" || true
  want_file "$1" "$text" "${@:2}"
}

is_file() { [ ! -L "$1" ] && [ -f "$1" ] && holds_text "$1" "$2"; } # PATH CONTENT

# difference PATH CONTENT: why PATH is no plain file with exactly that content; nothing where it is one.
difference() {
  local answer
  if [ -L "$1" ]; then
    echo "$1 is a link"
  elif ! there "$1"; then
    echo "$1 is missing"
  elif [ ! -f "$1" ]; then
    fail "$1 is not a plain file: move it away, then run pulumi up again"
  elif ! holds_text "$1" "$2"; then
    answer=$(cat -- "$1" 2>&1 >/dev/null) || unreadable "$1" "$answer"
    echo "$1 differs"
  fi
}

# show_difference PATH CONTENT: of two texts, not more than somebody reads.
show_difference() {
  [ ! -f "$1" ] || [ -L "$1" ] ||
    diff -u --label "$1 on $pi" --label "$1 wanted" "$1" <(printf '%s' "$2") | awk -v most=500 '
      NR <= most
      END { if (NR > most) print "... and " NR - most " lines more" }' || true
}

# write_file PATH CONTENT [VALIDATOR...]. The candidate has one name, so that the next run clears away what a killed
# one left.
write_file() {
  local candidate=$1.twopir
  mkdir -p "$(dirname "$1")"
  rm -f -- "$candidate"
  # shellcheck disable=SC2064 # the name is known now
  trap "rm -f -- '$candidate'" EXIT
  printf '%s' "$2" >"$candidate"
  chmod 644 "$candidate"
  [ $# -eq 2 ] || "${@:3}" "$candidate"
  sync "$candidate"
  mv -T "$candidate" "$1"
  trap - EXIT
}

# may_be_entered FOLDER...: nginx's user can, www-data, who is 33 on every Debian.
may_be_entered() {
  local folder
  for folder; do
    [ -n "$(find "$folder" -maxdepth 0 \( -perm -001 -o -uid 33 -perm -100 -o -gid 33 -perm -010 \))" ] ||
      change "$folder has mode $(stat -c %a "$folder"): nginx cannot enter it" chmod go+x "$folder"
  done
}
