# shellcheck shell=bash disable=SC2154
# Units of systemd.

use network

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
  [[ ! $shown =~ MainPID=([1-9][0-9]*) ]] || ! halted "${BASH_REMATCH[1]}" ||
    mend "$1 was stopped by a signal, and answers nobody" systemctl kill -s CONT "$1"
}

reboot_wanted=/run/reboot-required # written by Debian's packages, with the names in .pkgs; programs/updates.sh does it

wants_reboot() { echo "$1" | tee -a "$reboot_wanted.pkgs" >"$reboot_wanted"; } # PACKAGE

# unit_facts UNIT: one of ours. systemd is asked for all of them at once, which takes as long as for one.
unit_facts() {
  local all before after
  all=$'\n\n'$(once our_units)$'\n\n'
  # systemd says some of it before the id.
  before=${all%%$'\n'"Id=$1"$'\n'*}$'\n'
  after=${all#*$'\n'"Id=$1"$'\n'}
  [ "$after" = "$all" ] || printf '%s%s\n' "${before##*$'\n\n'}" "${after%%$'\n\n'*}"
}
main_pid() { [[ ! $(unit_facts "$1") =~ MainPID=([0-9]+) ]] || echo "${BASH_REMATCH[1]}"; } # UNIT
our_units() {
  systemctl show -p Id,NeedDaemonReload,DropInPaths,UnitFileState,ActiveState,MainPID \
    -p ExecStart,ExecStartPre,ExecStartPost,ExecReload,Restart,StartLimitIntervalUSec,NoNewPrivileges \
    -p Result,NRestarts \
    {glusterd,keepalived,nftables,nginx,twopir-{firewall,full-copy,release,upgrade}}.service \
    {apt-daily{,-upgrade},twopir-{release,upgrade}}.timer
}

# listeners PORT: what listens there, of all addresses or of this Pi's.
listeners() {
  local line
  while IFS= read -r line; do
    [[ $line != *" "@(0.0.0.0|"*"|"$address")":$1 "* ]] || printf '%s\n' "$line"
  done <<<"$(sockets_at "$1")"
}

# processes: "PID UNIT PROGRAM" of each that the listeners on stdin belong to.
processes() {
  local line pid unit
  local -A program=()
  while IFS= read -r line; do
    while [[ $line =~ \(\"([^\"]*)\",pid=([0-9]+)(.*) ]]; do
      program[${BASH_REMATCH[2]}]=${BASH_REMATCH[1]}
      line=${BASH_REMATCH[3]}
    done
  done
  [ ${#program[@]} -gt 0 ] || return 0
  while read -r pid unit; do echo "$pid $unit ${program[$pid]}"; done < <(
    IFS=,
    ps -o pid=,unit= -p "${!program[*]}" || true # some may have ended
  )
}

# by_hand UNIT PROGRAM: of the processes on stdin, those of that program that somebody has typed, in one line.
by_hand() {
  local pid unit name typed=()
  while read -r pid unit name; do
    [ "$name" != "$2" ] || [ "$unit" = "$1" ] || is_set_up "$unit" || typed+=("$pid")
  done
  echo "${typed[*]}"
}

# port_holder UNIT PROGRAM: of the processes on stdin, what else there is; nothing where there is nothing. Of what was
# typed of that program, by_hand tells.
port_holder() {
  local pid unit name
  while read -r pid unit name; do
    if [ -z "$pid" ]; then
      continue # a text of none has one empty line
    elif [ "$name" != "$2" ] || { [ "$unit" != "$1" ] && is_set_up "$unit"; }; then
      if is_set_up "$unit"; then name+=" of $unit"; fi
      echo "$name, process $pid" && return
    fi
  done
}

# is_set_up UNIT: another service, or a container. What is typed belongs to the login, or to the ssh server.
is_set_up() { [[ $1 == *.@(service|scope) && $1 != @(session-|user@|ssh.|ssh@|sshd|init.)* ]]; }

taken() { # PORT HOLDER
  hindered "port $1 on $pi is in use by $2: stop and disable it, or move it to another port"
}

# end_by_hand PROGRAM SIGNAL PIDS: what was started by hand ends as that signal asks it to, so that systemd's own can
# start; after ten seconds at once.
end_by_hand() {
  local pids
  read -ra pids <<<"$3"
  kill -s "$2" "${pids[@]}" || true
  until_true 10 ended "${pids[@]}" || kill -s TERM "${pids[@]}" || true
  until_true 10 ended "${pids[@]}" || fail "the $1 that was started by hand does not end: sudo kill -KILL $3"
}
ended() { ! kill -0 "$@" 2>/dev/null; }

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
