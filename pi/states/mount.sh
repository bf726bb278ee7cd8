# shellcheck shell=bash disable=SC2154
# The volume is mounted, now and after every boot.

use turn mounting services
takes fstab_line
takes failover # seconds; what the volume's options say

# shellcheck disable=SC2034 # turn.sh reads it
all_full=no

want() {
  local unit
  unit=$(unit)
  tell_if_overruled "$unit"
  [ "$(fstab_lines)" = "$fstab_line" ] || change "/etc/fstab has $(described) for $mount_point" write_fstab
  need mount.glusterfs glusterfs-client
  [[ ! /etc/systemd/system/$unit -ef /dev/null && ! /run/systemd/system/$unit -ef /dev/null ]] ||
    mend "$unit is masked, so the volume does not come at boot" unmask "$unit"
  # Before all that would hang with it.
  if mounted && ! mount_answers; then
    change "the mount at $mount_point does not answer" revive
    return
  fi
  [ -d "$mount_point" ] || change "$mount_point is missing" mkdir -p "$mount_point"
  nothing_lands_beneath
  if ! mounted; then
    change "$mount_point is not mounted" and_note mount_volume
  elif [ "$(source_of)" != "${fstab_line%% *}" ] && may_interrupt; then
    change "$mount_point is mounted from $(source_of), and loses its glusterd when that starts again" \
      in_turn and_note remount_by_line
  elif [ "$(cat "$time_out" 2>/dev/null)" != "$failover" ]; then
    change "$mount_point was mounted with another failover time" in_turn and_note remount_volume
  elif [ -n "$(apart)" ]; then
    if may_interrupt; then
      change "nginx started while $mount_point did not answer, and does not see it" \
        in_turn systemctl restart nginx.service
    else
      note "nginx started while $mount_point did not answer, and does not see it" \
        say "it is restarted by the next up at which another Pi serves"
    fi
  elif ! has_options; then
    change "$mount_point is mounted without rw, nodev, nosuid and noexec" set_options
  fi
}

# tell_if_overruled UNIT: a file of somebody's own in /etc that says the same as the line, and counts before it.
tell_if_overruled() {
  local file
  for file in "/etc/systemd/system/$1" "/etc/systemd/system/$1.d"/*.conf; do
    grep -qsE '^[[:space:]]*(What|Where|Type|Options)[[:space:]]*=' "$file" || continue
    hindered "$file says how $mount_point is mounted, whatever the line in /etc/fstab says: take it away (sudo rm" \
      "$file && sudo systemctl daemon-reload)"
  done
}

# apart: nginx's main process, where its mount namespace has no volume; see nginx-runs.
apart() {
  local pid
  pid=$(main_pid nginx.service)
  if [ "${pid:-0}" != 0 ] && [ -r "/proc/$pid/mountinfo" ]; then
    grep -qF " $mount_point " "/proc/$pid/mountinfo" || echo "$pid"
  fi
}

remount_by_line() {
  remount_volume
  [ "$(source_of)" = "${fstab_line%% *}" ] ||
    fail "$mount_point is mounted from $(source_of) again: what else mounts it (systemctl cat $(unit))?"
}

source_of() { findmnt -n -o SOURCE --mountpoint "$mount_point" | tail -n 1; }

# In the kernel's order.
has_options() { [[ ,$(findmnt -n -o OPTIONS --mountpoint "$mount_point"), == ,rw,*nosuid,nodev,noexec,* ]]; }

set_options() {
  mount -o remount,bind,rw,nodev,nosuid,noexec "$mount_point" || true
  has_options || fail "gluster's own mount is read-only, so no turn can be taken through it:" \
    "on one Pi after the other, sudo systemctl restart $(unit)"
}

# Which time-out the connections to the bricks have: gluster sets it when it connects, and cannot be asked.
time_out=$notes/failover-$state

# nothing_lands_beneath: the folder that the volume is mounted over is empty and stays so (chattr +i), since what
# somebody copies there while the volume is away would be served, and then be hidden. Where the file system knows no
# such flag, a FAT one, nothing is wanted.
nothing_lands_beneath() {
  local content flags
  [ -d "$mount_point" ] && flags=$(beneath lsattr -d "$mount_point" 2>/dev/null) || return 0
  content=$(beneath find "$mount_point" "${foreign[@]}" -printf '%f\n' | sort)
  [ -z "$content" ] ||
    change "files lie in $mount_point beneath the volume, hidden: $(head -n 3 <<<"$content" | xargs)" set_aside
  [[ ${flags%% *} == *i* ]] ||
    change "what is written to $mount_point while the volume is away would land on the card" \
      beneath chattr +i "$mount_point"
}

foreign=(-mindepth 1 -maxdepth 1 ! -lname '/var/lib/twopir-releases/cluster') # that link is release.sh's

# revive: one that a signal had stopped goes on by now (see resume_mounts), with what was written and had not reached
# the bricks. One that hangs else would keep the kernel, and whoever asks it, waiting for ever.
revive() {
  pkill -KILL -f "^/usr/sbin/glusterfs .* $mount_point\$" || true
  and_note remount_volume
}

# Nothing is deleted. Somebody meant it for the volume, perhaps in place of what is there: which, only he knows. The
# folder itself stays: to rename it would detach the volume in every mount namespace.
set_aside() {
  local aside
  aside="$mount_point.$(date -u +%Y%m%dT%H%M%SZ)"
  mkdir -p "$aside"
  change_beneath find "$mount_point" -xdev "${foreign[@]}" -exec mv -t "$aside" -- {} +
  say "what lay beneath the volume is now in $aside on $pi: copy what is missed to $mount_point, and delete the rest"
}

# Of several lines for one folder systemd takes the first, and "/mnt/gluster1/" is the same folder.
fstab_lines() { awk -v m="$mount_point" '{ at = $2; sub("/+$", "", at) } $1 !~ /^#/ && at == m' /etc/fstab; }
described() { [ -n "$(fstab_lines)" ] && echo "another line" || echo "no line"; }

was_mounted=$notes/mounted-$state # by the line that was there before us
candidate=/etc/fstab.twopir       # one name, so that the next run clears away what a killed one left

# What was there for the same folder before us, perhaps nothing, is noted once, for remove: later it is our own.
write_fstab() {
  if [ ! -e "$notes/fstab-$state" ]; then
    mkdir -p "$notes"
    fstab_lines >"$notes/fstab-$state"
    ! mounted || touch "$was_mounted"
  fi
  other_lines >"$candidate"
  printf '%s\n' "$fstab_line" >>"$candidate"
  replace_fstab
}

other_lines() { awk -v m="$mount_point" '{ at = $2; sub("/+$", "", at) } $1 ~ /^#/ || at != m' /etc/fstab; }

replace_fstab() {
  chmod 644 "$candidate"
  sync "$candidate"
  mv -T "$candidate" /etc/fstab
  systemctl daemon-reload
}

and_note() { # COMMAND...
  "$@"
  [ "$(cat "$time_out" 2>/dev/null)" != "$failover" ] || return 0
  mkdir -p "$notes"
  printf '%s\n' "$failover" >"$time_out"
}

unwant() {
  if mounted; then
    systemctl stop "$(unit)" || umount -l "$mount_point"
  fi
  other_lines >"$candidate"
  if [ -e "$notes/fstab-$state" ]; then cat "$notes/fstab-$state" >>"$candidate"; fi
  replace_fstab
  chattr -i "$mount_point" 2>/dev/null || true
  if [ -s "$notes/fstab-$state" ] && [ -e "$was_mounted" ]; then
    systemctl start "$(unit)" || say "$mount_point was mounted before, and cannot be mounted now"
  fi
  rm -f "$notes/fstab-$state" "$time_out" "$was_mounted"
  rmdir "$mount_point" 2>/dev/null || true
}
