# shellcheck shell=bash disable=SC2154
# A program on this Pi notes on its brick that the copy is full, for the gate, which must know it when the other copies
# are gone. It also compares the copies, and no copy holds anything else than the next one.

use files services compare
takes volume brick mount_point address # what programs/full-copy.sh takes

unit_path=/etc/systemd/system/twopir-full-copy.service
uncompared=3                           # days; it is done each day
former=/usr/local/lib/twopir/full-copy # of a version that had it by itself

want() {
  local other path
  want_ours "$unit_path"
  is_noted || mend "twopir-full-copy.service runs with other parameters" hand_over
  want_service twopir-full-copy.service
  runs_current || change "twopir-full-copy.service runs an earlier program" systemctl restart twopir-full-copy.service
  [ ! -e "$former" ] || mend "$former is left over from an earlier version" rm -f "$former"
  read -r other path <<<"$(known_difference "$(my_uuid)" "$brick")"
  if [ -n "$other" ]; then
    differs "$other" "$path"
  elif [ -n "$(find "$compared" -mtime "+$((uncompared - 1))" 2>/dev/null)" ]; then
    note "since $(date -r "$compared" +%F) nobody could compare this copy with the next one" \
      say "perhaps something waits to be healed all the time (gluster volume heal $volume info), or a card is full"
  fi
}

# differs UUID PATH: from that Pi's copy. What was written to the volume since may have cured it; whether there is more
# the service finds.
differs() {
  local text
  text="this copy and $(brick_name "$1") differ, as in $2, and gluster knows of nothing to heal"
  if [ "$mode" = check ]; then
    tell symptom "$text"
    return
  fi
  if (
    begin
    still_differs "$@"
  ); then
    fail "$text. Look which of the two is right, set twopir:volume.acceptCopy to its Pi, and run pulumi up: the other" \
      "copy is made anew from it, and what is there now is moved aside (docs/operations.md#copies-that-differ)"
  fi
  forget_difference
  systemctl restart twopir-full-copy.service
}

hand_over() {
  note_state
  systemctl try-restart twopir-full-copy.service
}

# runs_current: bash has the program that it runs open as 255.
runs_current() {
  local pid
  pid=$(main_pid twopir-full-copy.service)
  [ "/proc/$pid/fd/255" -ef /usr/local/lib/twopir/current/twopir ]
}

# The note stays for the gate, which is asked when the volume is stopped, and goes with the brick.
unwant() {
  systemctl disable -q --now twopir-full-copy.service 2>/dev/null || true
  rm -f "$unit_path" "$compared"
  systemctl daemon-reload
  forget_list
}
