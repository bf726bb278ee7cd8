# shellcheck shell=bash disable=SC2154
# What the desired states share. It goes in front of each state's script on the same stdin:
#
#   parameters, this file, the script - which defines want() and unwant() and ends in: main "$@"
#
#   bash -s check    prints what differs, changes nothing
#   bash -s apply    the same decisions, and makes the changes
#   bash -s remove   takes back what apply made, except data
#
# Nothing runs before the last line has arrived, so a cut-off transfer does nothing. Every parameter is a shell
# variable; state, the state's name, is always one. The Pi's name is the second argument, absent on the operator's
# machine: any Pi may run a state of the volume, so it is no parameter.

notes=/var/lib/twopir      # what a Pi had before us, so that remove can put it back
lock_file=/run/lock/twopir # one applying script at a time on a Pi
said=65                    # exit status of fail: the reason has been said
lock_wait=900              # seconds; the slowest state, a package installation on an old Pi, takes minutes

# main check|apply|remove [PI]
main() {
  set -Eeuo pipefail
  export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  umask 022
  mode=${1:?check, apply or remove}
  pi=${2:-}
  # What the look prints it bounds itself.
  if [ "$mode" = check ]; then work; else bounded; fi
}

# bounded: both streams go through printable, and nothing that work starts holds them open by another number.
bounded() {
  {
    { work 2>&3 3>&- 4>&- | printable >&4 3>&- 4>&-; } 3>&1 | printable >&2 4>&-
  } 4>&1
}

work() {
  main=$BASHPID
  trap 'unexpected $? "$BASH_COMMAND"' ERR
  trap 'exit "$said"' USR1
  case $mode in
    check) want ;;
    apply)
      lock
      want
      ;;
    remove)
      lock
      unwant
      find "$notes" -depth -type d -empty -delete 2>/dev/null || true
      ;;
    *) fail "no mode called $mode" ;;
  esac
}

# printable: of stdin what Pulumi's command plugin and a terminal bear. A line of more than 64 KiB makes the plugin hang
# for ever, with the stack locked, and a byte that is not UTF-8 fails what was done.
printable() {
  perl -e '
    my ($line_limit, $limit) = (2000, 262144); # bytes
    $| = 1;
    while (<STDIN>) {
      if (length > $line_limit) {
        $_ = substr($_, 0, $line_limit);
        s/[\xc0-\xff][\x80-\xbf]{0,2}$//;
        $_ .= " ...\n";
      }
      s/[\x80-\xff]/?/g unless utf8::decode(my $copy = $_);
      s/[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/?/g;
      next if $limit < 0;
      $limit -= length;
      print $limit < 0 ? "... and more\n" : $_;
    }'
}

# change REASON FUNCTION [ARGUMENT...]: the only way to alter a host. Prints the reason in both modes and calls
# the function in apply mode only, so that the check and the change cannot disagree. No redirection at the call:
# the shell would open the file in check mode too.
change() {
  printf 'change: %s\n' "$1"
  [ "$mode" != check ] || return 0
  "${@:2}"
}

# mend REASON FUNCTION [ARGUMENT...]: a change after which the states that this one disturbs are as they were.
mend() {
  printf 'mend: %s\n' "$1"
  [ "$mode" != check ] || return 0
  "${@:2}"
}

# say TEXT: a line of progress, or of what was left alone.
say() { printf '%s\n' "$*"; }

# fail TEXT...: what is wrong and what to do, and the end of the script, also inside $(...): of what "for x in $(...)"
# or "[ -z "$(...)" ]" get from a failed command bash asks no status. Not inside <(...), which nobody waits for.
fail() {
  complain "$@"
  [ "$BASHPID" = "$main" ] || kill -USR1 "$main"
  exit "$said"
}
complain() {
  trap - ERR
  local where="${pi:-this machine}: $state: "
  [ "$mode" != check ] || where='' # who looks knows where
  printf '%s%s\n' "$where" "$*" >&2
}

# refuse TEXT...: what makes every change on any Pi unsafe, said before the first one.
refuse() {
  [ "$mode" = check ] || fail "$@"
  printf 'refuse: %s\n' "$*"
  exit 0
}

# unexpected STATUS COMMAND: for what no fail foresaw; a fail inside $(...) has said its own already.
unexpected() {
  [ "$1" -eq "$said" ] || complain "\"$2\" failed with exit status $1"
  exit "$said"
}

# need COMMAND PACKAGE: a state whose tool is not there yet is not an error when looking: it is not there yet.
need() {
  ! command -v "$1" >/dev/null || return 0
  [ "$mode" != apply ] || fail "needs the command $1 (package $2), which is not installed"
  [ "$mode" = remove ] || printf 'change: not yet: %s is not installed\n' "$2"
  exit 0
}

# lock: one applying script at a time on this Pi. The lock belongs to the process, so a killed run cannot leave it
# behind; an orphan that still works holds it, and whoever waits is told who that is.
lock() {
  [ -n "$pi" ] || return 0
  exec 9>>"$lock_file"
  if ! flock -n 9; then
    say "waiting for $(holder)"
    flock -w "$lock_wait" 9 ||
      fail "still locked after $lock_wait s by $(holder): wait for it, or end that process on $pi"
  fi
  printf '%s, process %s of %s, since %s\n' "$state" $BASHPID "${SUDO_USER:-root}" "$(date -u +%FT%TZ)" >"$lock_file"
}

# holder: who has the lock; between taking it and saying so there is a moment.
holder() { grep . "$lock_file" || echo "another script of twopir"; }

# once COMMAND...: what a question prints, and its exit status. The checks of a look ask it once for all of them:
# gluster takes 0.05 s of processor time for an answer, and the first Pi has a question for every peer. A Mac, as the
# operator's machine, has no flock, and asks each time.
once() {
  local file="${answers:-}/${*//\//:}" answer status
  if [ "$mode" != check ] || [ ! -d "${answers:-}" ] || ! command -v flock >/dev/null; then
    "$@"
    return
  fi
  [ -s "$file.status" ] || {
    flock 8
    [ -s "$file.status" ] || {
      "$@" >"$file" && echo 0 || echo $?
    } >"$file.status"
  } 8>"$file.lock"
  IFS= read -r -d '' answer <"$file" || true
  printf '%s' "$answer"
  read -r status <"$file.status"
  return "$status"
}

# until_true SECONDS COMMAND [ARGUMENT...]: asks every half second; false when the time is over.
until_true() {
  local end=$((SECONDS + $1))
  while ! "${@:2}"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

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

# want_file PATH CONTENT [VALIDATOR...]: a plain file with exactly that content. The validator is called with a
# candidate beside PATH before it replaces the file in one atomic rename.
want_file() {
  local reason
  compare "$1" "$2"
  if [ -n "$reason" ]; then
    change "$reason" write_file "$@"
  elif [ "$(stat -c %a "$1")" != 644 ]; then
    mend "$1 has mode $(stat -c %a "$1") instead of 644" chmod 644 "$1"
  fi
}

# compare PATH CONTENT: sets reason, to nothing where PATH is a plain file with exactly that content, and shows the
# difference.
compare() {
  local answer
  reason=''
  if [ -L "$1" ]; then
    reason="$1 is a link"
  elif ! there "$1"; then
    reason="$1 is missing"
  elif [ ! -f "$1" ]; then
    fail "$1 is not a plain file: move it away, then run pulumi up again"
  elif ! holds_text "$1" "$2"; then
    reason="$1 differs"
    answer=$(cat -- "$1" 2>&1 >/dev/null) || unreadable "$1" "$answer"
    diff -u --label "$1 on $pi" --label "$1 wanted" "$1" <(printf '%s' "$2") || true
  fi
}

# holds_text PATH CONTENT: exactly that. Without a process: a look asks it 15 times of each Pi. Bash reads up to a NUL,
# which no wanted content has.
holds_text() {
  local have
  ! IFS= read -r -d '' have <"$1" && [ "$have" = "$2" ]
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

# want_service UNIT [DROP_IN]: enabled, and running with the unit files that are on disk. Debian 12's systemd says that
# it has read them where the folder of the drop-in is new.
want_service() {
  local shown
  shown=$(systemctl show -p NeedDaemonReload,DropInPaths,UnitFileState,ActiveState "$1")
  is_read "$shown" "${2:-}" ||
    mend "systemd has not read the unit files of $1" systemctl daemon-reload
  [[ $shown$'\n' == *UnitFileState=enabled$'\n'* ]] || mend "$1 does not start at boot" systemctl enable -q "$1"
  [[ $shown =~ ActiveState=(active|reloading) ]] || mend "$1 is not running" start_service "$1"
}

# is_read SHOWN [DROP_IN]: what "systemctl show" says of a unit's files.
is_read() { [[ $1 == *NeedDaemonReload=no* && (-z ${2:-} || "${1/DropInPaths=/ }"$'\n' == *" $2"[$' \n']*) ]]; }

start_service() {
  systemctl reset-failed "$1" 2>/dev/null || true
  systemctl start "$1" || fail "$1 does not start: $(journalctl -q --no-pager -o cat -n 5 -u "$1" | tr '\n' ' ')"
}

# own_addresses [WHERE...]: this Pi's, or those that "ip address show" finds there.
own_addresses() { ip -4 -o address show "$@" | awk '{ split($4, own, "/"); print own[1] }'; }

# interface ADDRESS: the one that has this address of the Pi's.
interface() { ip -4 -o address | awk -v a="$1" '{ split($4, own, "/") } own[1] == a { print $2; exit }'; }

# in_time SECONDS QUESTION [ARGUMENT...]: a check asks once; when applying, what it is about may have begun just now.
in_time() { if [ "$mode" = check ]; then "${@:2}"; else until_true "$@"; fi; }

# mounted: the volume is at mount_point.
mounted() { findmnt -n -t fuse.glusterfs --mountpoint "$mount_point" >/dev/null; }

# serves ADDRESS NAME: the page by the site's name, asked of a Pi's own address.
serves() {
  local status
  # shellcheck disable=SC2016 # the inner shell expands them
  status=$(timeout 5 bash -c \
    'exec 3<>"/dev/tcp/$1/80" && printf "GET / HTTP/1.0\r\nHost: %s\r\n\r\n" "$2" >&3 && head -n 1 <&3' \
    - "$1" "$2" 2>/dev/null) || return 1
  [[ $status == HTTP/1.?" 200 "* ]]
}
