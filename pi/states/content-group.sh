# shellcheck shell=bash disable=SC2154
# The group of those who copy content onto the volume by hand. It has the same number on each Pi, since a brick keeps
# numbers; nginx is not in it, so it reads what it serves and cannot write there.

takes user # who logs in
takes gid

group=twopir
note=$notes/content-group # there where the group was not

want() {
  local number holder
  number=$(getent group "$group" | cut -d : -f 3) || true
  holder=$(getent group "$gid" | cut -d : -f 1) || true
  [ "${number:-$gid}" = "$gid" ] ||
    refuse "there is a group $group on $pi already, with the number $number, and all Pis must have $gid for it:" \
      "sudo groupmod -g $gid $group, or rename it with groupmod -n"
  [ "${holder:-$group}" = "$group" ] ||
    refuse "the group $holder on $pi has the number $gid, which is the one of the group $group on all Pis: give it" \
      "another one (sudo groupmod -g)"
  [ -n "$number" ] || change "there is no group $group" make_group
  [ "$user" = root ] || is_member || change "$user is not in the group $group, so may copy no content" add_member
}

is_member() { id -nG "$user" 2>/dev/null | tr ' ' '\n' | grep -xF "$group" >/dev/null; }

make_group() {
  mkdir -p "$notes"
  touch "$note"
  groupadd -g "$gid" "$group"
}

add_member() { gpasswd -a "$user" "$group" >/dev/null; }

unwant() {
  [ -e "$note" ] || return 0
  if getent group "$group" >/dev/null; then
    groupdel "$group" || say "the group $group stays"
  fi
  rm -f "$note"
}
