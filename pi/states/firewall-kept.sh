# shellcheck shell=bash disable=SC2154
# The rules that firewall.sh loaded stay, and are loaded at every boot: that this script came to the Pi, by a connection
# of its own, shows that they let us in.

use services firewall-rules

want() {
  need nft nftables
  if [ -e "$candidate" ]; then
    change "the firewall's new rules are loaded on trial, not yet confirmed" confirm
  elif [ "$mode" = apply ] && ! loaded; then
    fail "the firewall's new rules were taken back, since nobody confirmed them in time: run pulumi up again"
  fi
  want_service twopir-firewall.service
  is_read "$(unit_facts nftables.service)" "$drop_in_path" ||
    change "systemd has not read the unit files of nftables.service" systemctl daemon-reload
}

confirm() {
  mv -T "$candidate" "$rules_path"
  systemctl stop "$roll_back.timer" 2>/dev/null || true
}

unwant() { :; } # the other state takes back both
