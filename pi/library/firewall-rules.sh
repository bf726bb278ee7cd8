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
