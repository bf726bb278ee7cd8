# shellcheck shell=bash disable=SC2154
# Facts of one Pi for npm run status, as lines of NAME=VALUE; nothing is wanted and nothing is changed.

use gluster network
takes brick # empty where it stores nothing
takes mount_point address host

stale=3  # days; apt tries every day
answer=5 # seconds that a living mount needs at most to answer

want() {
  local waiting split
  fact nginx "$(systemctl is-active nginx 2>/dev/null || true)"
  fact glusterd "$(systemctl is-active glusterd 2>/dev/null || true)"
  fact mount "$(mount_answers && echo yes || echo no)"
  fact page "$(serves "$address" "$host" && echo yes || echo no)"
  fact updates "$(updates)"
  [ -n "$brick" ] || return 0
  fact brick "$([ -n "$(brick_process)" ] && echo yes || echo no)"
  waiting=$(waiting_heals)
  fact heals "$waiting"
  split=0
  if [ "$waiting" -gt 0 ]; then
    split=$(split_brains)
  fi
  fact split_brain "${split:-unknown}"
}

mount_answers() {
  timeout "$answer" findmnt -n -t fuse.glusterfs --mountpoint "$mount_point" >/dev/null &&
    timeout "$answer" stat -t "$mount_point" >/dev/null 2>&1
}

# updates: what of them somebody should know. apt's own timers tell of a failure by nothing but a stamp that stays old.
updates() {
  local stamp others settings=/etc/apt/apt.conf.d/52twopir
  local held=/etc/apt/apt.conf.d/53twopir-held kept=/var/lib/unattended-upgrades/kept-back
  systemctl is-enabled -q twopir-upgrade.timer 2>/dev/null || { echo off && return; }
  for stamp in /var/lib/apt/periodic/update-stamp /var/lib/apt/periodic/upgrade-stamp; do
    [ -e "$stamp" ] || stamp=$settings # no day has passed yet
    [ -z "$(find "$stamp" -mtime "+$stale")" ] || { echo "failed: none since $(date -r "$stamp" +%F)" && return; }
  done
  [ "$(systemctl show -P Result twopir-upgrade.service)" = success ] ||
    { echo "failed: journalctl -u twopir-upgrade" && return; }
  if [ -s "$kept" ]; then
    # What waits for the window counts as kept back, too.
    others=$(tr ' ' '\n' <"$kept" |
      grep -vE "^($(grep -o '"[^"]*"' "$held" | tr -d '"' | paste -sd '|'))" | xargs) || true
    [ -z "$others" ] || { echo "held back: $others" && return; }
    echo "wait for the window" && return
  fi
  if [ -e /run/reboot-required ]; then echo "reboot waits"; else echo current; fi
}

fact() { printf '%s=%s\n' "$1" "$2"; }

unwant() { :; }
