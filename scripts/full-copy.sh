# shellcheck shell=bash disable=SC2154
# A program on this Pi notes on its brick that the copy is full, for the gate, which must know it when the other copies
# are gone. Parameters: program (the text of full-copy-watch.sh, complete), unit (of systemd)

program_path=/usr/local/lib/twopir/full-copy
unit_path=/etc/systemd/system/twopir-full-copy.service

want() {
  local reason
  want_file "$unit_path" "$unit"
  compare "$program_path" "$program"
  [ -z "$reason" ] || change "$reason" write_program
  want_service twopir-full-copy.service
}

write_program() {
  write_file "$program_path" "$program"
  ! systemctl is-active -q twopir-full-copy.service || systemctl restart twopir-full-copy.service
}

# The note stays for the gate, which is asked when the volume is stopped, and goes with the brick.
unwant() {
  systemctl disable -q --now twopir-full-copy.service 2>/dev/null || true
  rm -f "$program_path" "$unit_path"
  rmdir "$(dirname "$program_path")" 2>/dev/null || true
  systemctl daemon-reload
}

main "$@"
