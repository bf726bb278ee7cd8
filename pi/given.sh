# shellcheck shell=bash
# Is sent ahead of the parameters of each state of a Pi. The program's own state has seen to it that sudo does not ask.
# One command, since what comes after it is the program's to read.
if [ "$(id -u)" = 0 ]; then
  exec /usr/local/sbin/twopir given "$@"
else
  exec sudo -n /usr/local/sbin/twopir given "$@"
fi
