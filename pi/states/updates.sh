# shellcheck shell=bash disable=SC2154
# Updates come by themselves: every day what interrupts nothing, by apt's own timers; the rest by programs/updates.sh,
# in a window of this Pi's own.

use files services
takes apt                                   # the content of apt's file that says what is installed
takes window                                # of the night, as HH:MM
takes volume mount_point address 'others[]' # what programs/updates.sh takes

apt_path=/etc/apt/apt.conf.d/52twopir
held_path=/etc/apt/apt.conf.d/53twopir-held
ungated_path=/etc/twopir/apt-ungated.conf
service_path=/etc/systemd/system/twopir-upgrade.service
timer_path=/etc/systemd/system/twopir-upgrade.timer
former=/usr/local/lib/twopir/upgrade # of a version that had the program by itself

want() {
  want_ours "$held_path" # before what switches them on
  want_file "$apt_path" "$apt"
  want_ours "$ungated_path"
  want_ours "$service_path"
  want_file "$timer_path" "$(timer)"$'\n'
  need unattended-upgrade unattended-upgrades
  tell_if_overruled
  want_service twopir-upgrade.timer
  want_service apt-daily.timer
  want_service apt-daily-upgrade.timer
  is_read "$(unit_facts twopir-upgrade.service)" ||
    mend "systemd has not read the unit files of twopir-upgrade.service" systemctl daemon-reload
  [ ! -e "$former" ] || mend "$former is left over from an earlier version" rm -f "$former"
}

# tell_if_overruled: of several files of apt's the last one counts, by their names.
tell_if_overruled() {
  local setting value
  [ -e "$apt_path" ] || return 0
  for setting in APT::Periodic::{Enable,Unattended-Upgrade}=1 Unattended-Upgrade::Automatic-Reboot=false; do
    value=$(once apt-config dump | sed -n "s/^${setting%%=*} \"\(.*\)\";\$/\1/p" | tail -n 1)
    [ -z "$value" ] || [ "$value" = "${setting#*=}" ] ||
      note "a file of /etc/apt/apt.conf.d after $apt_path sets ${setting%%=*} to $value: $(effect "$setting")" \
        say "find the file, and take that line out of it: grep -r ${setting%%=*} /etc/apt/apt.conf.d"
  done
}
effect() { # KEY=VALUE
  if [[ $1 == *Reboot* ]]; then echo "all Pis may restart at once"; else echo "no updates come"; fi
}

timer() {
  cat <<TIMER
[Unit]
Description=This Pi's window for what interrupts it (twopir)

[Timer]
OnCalendar=*-*-* $window
# A Pi that is off at that hour has its window when it is on again.
Persistent=true

[Install]
WantedBy=timers.target
TIMER
}

unwant() {
  systemctl disable -q --now twopir-upgrade.timer 2>/dev/null || true
  rm -f "$apt_path" "$held_path" "$ungated_path" "$service_path" "$timer_path"
  rmdir "$(dirname "$ungated_path")" 2>/dev/null || true
  systemctl daemon-reload
}
