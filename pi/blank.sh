# shellcheck shell=bash
# Is sent ahead of each state of a Pi. A new card has nothing of ours, and nothing to take back.
if [ "$1" = remove ] && [ ! -e /usr/local/sbin/twopir ] && [ ! -e /var/lib/twopir ]; then
  echo "twopir is not on this Pi" && exit
fi
