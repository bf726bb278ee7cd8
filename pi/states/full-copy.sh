# shellcheck shell=bash disable=SC2154
# A program on this Pi notes on its brick that the copy is full, for the gate, which must know it when the other copies
# are gone.

use files services
takes volume brick mount_point address # what programs/full-copy.sh takes

unit_path=/etc/systemd/system/twopir-full-copy.service
former=/usr/local/lib/twopir/full-copy # of a version that had it by itself

want() {
  want_ours "$unit_path"
  is_noted || mend "twopir-full-copy.service runs with other parameters" hand_over
  want_service twopir-full-copy.service
  runs_current || change "twopir-full-copy.service runs an earlier program" systemctl restart twopir-full-copy.service
  [ ! -e "$former" ] || mend "$former is left over from an earlier version" rm -f "$former"
}

hand_over() {
  note_state
  systemctl try-restart twopir-full-copy.service
}

# runs_current: bash has the program that it runs open as 255.
runs_current() {
  local pid
  pid=$(systemctl show -P MainPID twopir-full-copy.service)
  [ "/proc/$pid/fd/255" -ef /usr/local/lib/twopir/current/twopir ]
}

# The note stays for the gate, which is asked when the volume is stopped, and goes with the brick.
unwant() {
  systemctl disable -q --now twopir-full-copy.service 2>/dev/null || true
  rm -f "$unit_path"
  systemctl daemon-reload
}
