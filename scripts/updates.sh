# shellcheck shell=bash disable=SC2154
# Updates come by themselves: every day what interrupts nothing, by apt's own timers; the rest by upgrade.sh, which is a
# program on this Pi and has a window of its own. Parameters: apt, held, ungated (the contents of apt's files), program
# (the text of upgrade.sh, complete), service, timer (units)

apt_path=/etc/apt/apt.conf.d/52twopir
held_path=/etc/apt/apt.conf.d/53twopir-held
ungated_path=/etc/twopir/apt-ungated.conf
program_path=/usr/local/lib/twopir/upgrade
service_path=/etc/systemd/system/twopir-upgrade.service
timer_path=/etc/systemd/system/twopir-upgrade.timer

want() {
  want_file "$held_path" "$held" # before what switches them on
  want_file "$apt_path" "$apt"
  want_file "$ungated_path" "$ungated"
  want_file "$program_path" "$program"
  want_file "$service_path" "$service"
  want_file "$timer_path" "$timer"
  need unattended-upgrade unattended-upgrades
  want_service twopir-upgrade.timer
}

unwant() {
  systemctl disable -q --now twopir-upgrade.timer 2>/dev/null || true
  rm -f "$apt_path" "$held_path" "$ungated_path" "$program_path" "$service_path" "$timer_path"
  rmdir "$(dirname "$ungated_path")" "$(dirname "$program_path")" 2>/dev/null || true
  systemctl daemon-reload
}

main "$@"
