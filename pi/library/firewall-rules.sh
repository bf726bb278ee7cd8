# shellcheck shell=bash disable=SC2034
# What both states of the firewall know.

rules_path=/etc/twopir/firewall.nft
candidate=/etc/twopir/firewall-tried.nft
loader_path=/usr/local/lib/twopir/firewall
unit_path=/etc/systemd/system/twopir-firewall.service
drop_in_path=/etc/systemd/system/nftables.service.d/twopir.conf
loaded_path=/run/twopir-firewall # written by the loader
roll_back=twopir-firewall-back   # the timer's unit

# loaded: the rules in the kernel are those on disk, and as nft lists them since they were loaded.
loaded() { { cat "$rules_path" && nft -s list table inet twopir; } 2>/dev/null | sha256sum | cmp -s - "$loaded_path"; }

# closed_ports: of the lines that begin with a port, those of the ports that the rules close.
closed_ports() { awk '$1 == 24007 || $1 == 24008 || ($1 >= 49152 && $1 <= 60999)'; }

# ssh_ports: where sshd listens, by itself or by systemd's socket, and not for somebody who has logged in (ssh -R).
ssh_ports() {
  {
    once ss -Hltnpe | awk '/"sshd"/ && !/ uid:/ { print $4 }'
    ! systemctl is-active -q ssh.socket || systemctl show -P Listen ssh.socket | sed 's/ .*//'
  } | sed 's/.*://' | sort -nu
}
