# shellcheck shell=bash disable=SC2154
# Which records there are to be, by the config of the last pulumi up on this machine. What an up before that was to
# take away and did not, since it was interrupted, the engine takes away in the next one, when all is made: by then the
# config may want that record again, or another Pi may have its address.
wanted=$here/../.twopir/records # a file for each stack, with lines of ZONE NAME TYPE ADDRESS

# is_wanted ZONE TYPE ADDRESS: of the site's name.
is_wanted() { grep -qsxF -- "$1 $name $2 $3" "$wanted"/*; }

# want_none ZONE TYPE: from now on.
want_none() {
  local file
  for file in "$wanted"/*; do
    [ -e "$file" ] || continue
    awk -v zone="$1" -v name="$name" -v type="$2" '!($1 == zone && $2 == name && $3 == type)' "$file" >"$file.new"
    mv "$file.new" "$file"
  done
}
