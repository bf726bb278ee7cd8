# shellcheck shell=bash
# Is sent ahead of the parameters of each state of a Pi. The program's own state has seen to it that sudo does not ask.
# One command, and its end is bash's, since what comes after it is the program's to read. Short, since each state in the
# stack has it twice. 1 is sudo's own status; the program has another.
if [ "$(id -u)" = 0 ]; then
  exec /usr/local/sbin/twopir given "$@"
else
  sudo -n /usr/local/sbin/twopir given "$@" || {
    status=$?
    [ $status != 1 ] || echo "sudo says no: pulumi up puts back the program and sudo's rule for it" >&2
    exit $status
  }
  exit
fi
