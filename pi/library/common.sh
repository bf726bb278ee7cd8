# shellcheck shell=bash disable=SC2034,SC2154 # who reads this file uses what is set here
# What all states share. A state's script defines want and unwant, and runs in one of three modes; a program that runs
# for ever has one of its own:
#
#   check    prints what differs, changes nothing
#   apply    the same decisions, and makes the changes
#   remove   takes back what apply made, except data

notes=/var/lib/twopir      # what a Pi had before us, so that remove can put it back
lock_file=/run/lock/twopir # one applying script at a time on a Pi
said=65                    # exit status of fail: the reason has been said
lock_wait=900              # seconds; the slowest state, a package installation on an old Pi, takes minutes
lock_quiet=15              # of them without a word: the other states of the same run take their turns in 1 to 10 s

# bounded COMMAND...: stdout and stderr go through printable, each by itself. 3 and 4 carry them past the pipes, and are
# closed for COMMAND: a daemon that it starts would hold the session open.
bounded() {
  {
    { "$@" 2>&3 3>&- 4>&- | printable >&4 3>&- 4>&-; } 3>&1 | printable >&2 4>&-
  } 4>&1
}

# begin: from now on, in this process, an error that nobody foresaw is said, and a fail inside $(...) ends it, too.
begin() {
  main=${BASHPID:-$$}
  trap 'unexpected $? "$BASH_COMMAND"' ERR
  trap 'exit "$said"' USR1
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

# tell KIND TEXT: the line in which a state says something to the look, which reads it in remote/state.ts. The kinds:
# change, mend and note, see below; refuse; symptom: counts where no other state of this Pi or of the volume has a
# reason, which would be the cause; what cannot be said yet is a change or a mend that begins with "not yet: ".
tell() {
  told=yes
  printf '%s: %s\n' "$1" "$2"
}
told='' # by this state

# change REASON FUNCTION [ARGUMENT...]: the only way to alter a host. Prints the reason in both modes and calls
# the function in apply mode only, so that the check and the change cannot disagree. No redirection at the call:
# the shell would open the file in check mode too.
change() { act change "$@"; }

# mend REASON FUNCTION [ARGUMENT...]: a change after which the states that this one disturbs are as they were.
mend() { act mend "$@"; }

# note REASON FUNCTION [ARGUMENT...]: a mend that explains nothing else: where another part is broken, this is not why.
note() { act note "$@"; }

act() { # KIND REASON FUNCTION [ARGUMENT...]
  tell "$1" "$2"
  [ "$mode" != check ] || return 0
  "${@:3}"
}

# obstacle REASON...: what keeps this state from being reached and is not ours to change: a look names it, and apply
# fails.
obstacle() { hinder change "$@"; }

# hindered REASON...: the same where it can be so before the first up, too: nothing is half done then, so that is
# refused; later what can be repaired elsewhere goes on.
hindered() {
  [ -e "$states/$state" ] || refuse "$@"
  obstacle "$@"
}

hinder() { # KIND REASON...
  [ "$mode" = check ] || fail "${@:2}"
  tell "$1" "${*:2}"
}

# say TEXT: a line of progress, or of what was left alone.
say() { printf '%s\n' "$*"; }

# fact NAME VALUE...: a line that remote/state.ts reads, of a check that wants nothing.
fact() { printf '%s=%s\n' "$1" "${*:2}"; }

# fail TEXT...: what is wrong and what to do, and the end of the script, also inside $(...): of what "for x in $(...)"
# or "[ -z "$(...)" ]" get from a failed command bash asks no status. Not inside <(...), which nobody waits for.
fail() {
  complain "$@"
  [ "${BASHPID:-$$}" = "$main" ] || kill -USR1 "$main"
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
  tell refuse "$*"
  exit 0
}

# unexpected STATUS COMMAND: for what no fail foresaw; a fail inside $(...) has said its own already.
unexpected() {
  [ "$1" -eq "$said" ] || complain "\"$2\" failed with exit status $1"
  exit "$said"
}

# need COMMAND PACKAGE: where it is missing, a check says "not yet", apply fails, and remove ends well: without the
# command there is nothing that it could have made.
need() {
  ! command -v "$1" >/dev/null || return 0
  [ "$mode" != apply ] || fail "needs the command $1 (package $2), which is not installed"
  [ "$mode" = remove ] || tell change "not yet: $2 is not installed"
  exit 0
}

# lock: one applying script at a time on this Pi. The lock belongs to the process, so a killed run cannot leave it
# behind; an orphan that still works holds it, and whoever waits is told who that is.
lock() {
  [ -n "$pi" ] || return 0
  exec 9>>"$lock_file"
  if ! flock -w "$lock_quiet" 9; then
    say "waiting until this is done: $(holder)"
    flock -w "$lock_wait" 9 ||
      fail "still locked after $lock_wait s by $(holder): wait for it, or end that process on $pi" \
        "(docs/operations.md#two-operators)"
  fi
  printf '%s, process %s of %s, since %s\n' "$state" "$BASHPID" "${SUDO_USER:-root}" "$(date -u +%FT%TZ)" >"$lock_file"
}

# resume_mounts: of volumes, whose process a signal has stopped, before anything is changed. Whatever has systemd read
# its units anew (a package, "systemctl enable") waits for its generators, which ask every mount point: 90 s each time.
resume_mounts() {
  [ -z "$pi" ] || pkill -CONT -f '^/usr/sbin/glusterfs .*--process-name fuse ' || true
}

# holder: who has the lock; between taking it and saying so there is a moment.
holder() { grep . "$lock_file" || echo "another script of twopir"; }

# once COMMAND...: what a question prints, and its exit status. The checks of a look ask it once for all of them:
# gluster takes 0.01 s of processor time for an answer, and the first Pi has a question for every peer. Without a
# process, each of which takes a millisecond: there are thirty such questions.
once() {
  local file="${answers:-}/${*//\//:}" answer='' status
  if [ "$mode" != check ] || [ ! -d "${answers:-}" ]; then
    "$@"
    return
  fi
  if is_first "$file.asked"; then
    { "$@" >"$file" && echo 0 || echo $?; } >"$file.status"
  elif [ ! -e "$file.asked" ]; then # there is no room, or its name is too long
    "$@"
    return
  else
    # As long as the check may take: see end_late. Of a pipe that nobody writes to.
    while [ ! -s "$file.status" ]; do read -rt 0.02 <&6 || true; done
  fi
  IFS= read -r -d '' answer <"$file" || true
  printf '%s' "$answer"
  read -r status <"$file.status"
  return "$status"
}
is_first() { # FILE
  local status=0
  set -o noclobber
  { : >"$1"; } 2>/dev/null || status=1
  set +o noclobber
  return "$status"
}

# holds_text PATH CONTENT: exactly that. Without a process: a look asks it 40 times of each Pi. Bash reads up to a NUL,
# which no wanted content has.
holds_text() {
  local have
  ! IFS= read -r -d '' have <"$1" && [ "$have" = "$2" ]
}

# values NAME FILE...: of the lines NAME=VALUE, where NAME is a pattern. Without a process, as above.
values() {
  local file line
  for file in "${@:2}"; do
    [ -r "$file" ] || continue
    while IFS= read -r line || [ -n "$line" ]; do
      [[ ! $line =~ ^$1=(.*) ]] || echo "${BASH_REMATCH[1]}"
    done <"$file"
  done
}

# until_true SECONDS COMMAND [ARGUMENT...]: asks every half second; false when the time is over.
until_true() {
  local end=$((SECONDS + $1))
  while ! "${@:2}"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

# halted PID: a signal has stopped it or a child of it (SIGSTOP), so that it answers nobody, while the kernel takes
# connections for it.
halted() {
  local processes=() pid key state
  # read is false at the end of the file, and where there is none.
  { read -ra processes -d '' <"/proc/$1/task/$1/children"; } 2>/dev/null || true
  for pid in "$1" "${processes[@]}"; do
    while read -r key state _; do
      [ "$key" = State: ] || continue
      [ "$state" != T ] || return 0
      break
    done 2>/dev/null <"/proc/$pid/status" || true
  done
  return 1
}

# in_time SECONDS QUESTION [ARGUMENT...]: a check asks once; when applying, what it is about may have begun just now.
in_time() { if [ "$mode" = check ]; then "${@:2}"; else until_true "$@"; fi; }
