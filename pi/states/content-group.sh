# shellcheck shell=bash disable=SC2154
# The group of those who copy content onto the volume by hand. It has the same number on each Pi, since a brick keeps
# numbers; nginx is not in it, so it reads what it serves and cannot write there.

takes user # who logs in
takes gid

group=twopir-content
note=$notes/content-group # what was not so before: the group, and each "member USER"

want() {
  local number holder former
  number=$(getent group "$group" | cut -d : -f 3) || true
  holder=$(getent group "$gid" | cut -d : -f 1) || true
  [ "${number:-$gid}" = "$gid" ] ||
    refuse "there is a group $group on $pi already, with the number $number, and all Pis must have $gid for it:" \
      "sudo groupmod -g $gid $group, or rename it with groupmod -n"
  [ "${holder:-$group}" = "$group" ] ||
    refuse "the group $holder on $pi has the number $gid, which $group needs on every Pi:" \
      "sudo groupmod -g NUMBER $holder"
  [ -n "$number" ] || change "there is no group $group" make_group
  [ "$user" = root ] || is_member "$user" ||
    change "$user is not in the group $group, so cannot copy content" add_member
  for former in $(noted_members); do
    [ "$former" = "$user" ] || ! is_member "$former" ||
      mend "$former, who logged in before, is in the group $group" drop_member "$former"
  done
}

is_member() { id -nG "$1" 2>/dev/null | tr ' ' '\n' | grep -xF "$group" >/dev/null; }
noted_members() { sed -n 's/^member //p' "$note" 2>/dev/null || true; }
note_that() { # WORDS...
  mkdir -p "$notes"
  grep -qsxF "$*" "$note" || echo "$*" >>"$note"
}

make_group() {
  note_that group
  groupadd -g "$gid" "$group"
}

add_member() {
  note_that "member $user"
  gpasswd -a "$user" "$group" >/dev/null
}

drop_member() { # USER, whom somebody else may put there again
  gpasswd -d "$1" "$group" >/dev/null
  sed -i "/^member $1\$/d" "$note"
}

unwant() {
  local member
  for member in $(noted_members); do
    ! is_member "$member" || drop_member "$member"
  done
  if grep -qsx group "$note" && getent group "$group" >/dev/null; then
    groupdel "$group" || say "the group $group stays"
  fi
  rm -f "$note"
}
