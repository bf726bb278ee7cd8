# shellcheck shell=bash disable=SC2154
# Facts of one Pi for npm run status, as lines of NAME=VALUE; nothing is wanted and nothing is changed.

use heals network on-volume
takes brick # empty where it stores nothing
takes address host

# shellcheck disable=SC2034 # on-volume.sh reads it
stat_wait=5 # seconds; who asks for the status waits for it

stale=3 # days; apt tries every day

want() {
  local waiting split
  fact nginx "$(systemctl is-active nginx 2>/dev/null || true)"
  fact glusterd "$(systemctl is-active glusterd 2>/dev/null || true)"
  fact mount "$(mounted && mount_answers && echo yes || echo no)"
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

# updates: what of them somebody should know. apt's own timers tell of a failure by nothing but a stamp that stays old.
updates() {
  local stamp till others settings=/etc/apt/apt.conf.d/52twopir
  local held=/etc/apt/apt.conf.d/53twopir-held kept=/var/lib/unattended-upgrades/kept-back
  systemctl is-enabled -q twopir-upgrade.timer 2>/dev/null || { echo off && return; }
  for stamp in /var/lib/apt/periodic/update-stamp /var/lib/apt/periodic/upgrade-stamp; do
    [ -e "$stamp" ] || stamp=$settings # no day has passed yet
    [ -z "$(find "$stamp" -mtime "+$stale")" ] || { echo "failed: none since $(date -r "$stamp" +%F)" && return; }
  done
  # apt-get update succeeds, too, where no server can be reached.
  till=$({ cat /var/lib/apt/lists/*security*Release 2>/dev/null || true; } | sed -n 's/^Valid-Until: //p' | head -n 1)
  [ -z "$till" ] || [ "$(date -d "$till" +%s)" -gt "$(date +%s)" ] ||
    { echo "failed: the list of security updates was good until $till (does this Pi find names?)" && return; }
  [ "$(systemctl show -P Result twopir-upgrade.service)" = success ] ||
    { echo "failed: journalctl -u twopir-upgrade" && return; }
  if [ -s "$kept" ]; then
    # What waits for the window counts as kept back, too.
    others=$(tr ' ' '\n' <"$kept" |
      grep -vE "^($(grep -o '"[^"]*"' "$held" | tr -d '"' | paste -sd '|'))" | xargs) || true
    [ -z "$others" ] || { echo "held back: $others" && return; }
    others=$(apt-mark showhold 2>/dev/null | { grep -xFf <(tr ' ' '\n' <"$kept") || true; } | xargs)
    [ -z "$others" ] || { echo "held back: $others (sudo apt-mark unhold $others)" && return; }
    echo "wait for the window" && return
  fi
  if [ -e /run/reboot-required ]; then echo "reboot waits"; else echo current; fi
}

unwant() { :; }
