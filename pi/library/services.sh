# shellcheck shell=bash disable=SC2154
# Units of systemd.

# want_service UNIT [DROP_IN]: enabled, and running with the unit files that are on disk. Debian 12's systemd says that
# it has read them where the folder of the drop-in is new.
want_service() {
  local shown
  shown=$(unit_facts "$1")
  if [[ $shown == *UnitFileState=masked* ]]; then
    mend "$1 is masked" unmask "$1"
    shown=$(unit_facts "$1")
  fi
  is_read "$shown" "${2:-}" ||
    mend "systemd has not read the unit files of $1" systemctl daemon-reload
  [[ $shown$'\n' == *UnitFileState=enabled$'\n'* ]] || mend "$1 does not start at boot" systemctl enable -q "$1"
  [[ $shown =~ ActiveState=(active|reloading) ]] ||
    mend "$1 is not running$(others_files "$1")" start_service "$1"
}

unit_facts() { systemctl show -p NeedDaemonReload,DropInPaths,UnitFileState,ActiveState "$1"; }

unmask() {
  systemctl unmask -q "$1"
  systemctl unmask -q --runtime "$1"
}

# is_read SHOWN [DROP_IN]: what "systemctl show" says of a unit's files.
is_read() { [[ $1 == *NeedDaemonReload=no* && (-z ${2:-} || "${1/DropInPaths=/ }"$'\n' == *" $2"[$' \n']*) ]]; }

start_service() {
  systemctl reset-failed "$1" 2>/dev/null || true
  systemctl start "$1" || fail "$1 does not start: $(journalctl -q --no-pager -o cat -n 5 -u "$1" | tr '\n' ' ')"
}

# others_files UNIT: which files of /etc that are not twopir's have a part in it.
others_files() {
  local files
  files=$(systemctl show -P DropInPaths -P FragmentPath "$1" | tr ' ' '\n' |
    { grep '^/etc/' || true; } | { grep -v twopir || true; } | xargs)
  [ -z "$files" ] || echo " (is it because of $files, which is not twopir's?)"
}
