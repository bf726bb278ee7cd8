# shellcheck shell=bash disable=SC2154
# Which records the config wants, as the update wrote that began last on this machine. What an update before that was to
# take away and did not, since it was interrupted, the engine takes away in the next one, when all is made: by then the
# config may want that record again, or another Pi may have its address.

wanted=$here/../.twopir/records # a file STACK.TYPE for each type of record, with lines of ZONE NAME ADDRESS

# is_wanted ZONE TYPE ADDRESS: of the site's name.
is_wanted() { grep -qsxF -- "$1 $name $3" "$wanted"/*."$2"; }

# want_none ZONE TYPE: from now on. A stack has one name.
want_none() {
  local file
  for file in "$wanted"/*."$2"; do
    ! grep -qsF -- "$1 $name " "$file" || rm -f "$file"
  done
}
