#!/usr/bin/env bash
# supervisor.sh LAB K: runs Pi k until it is switched off; a Pi that reboots is started again.
# supervisor.sh LAB K boot: one run, in a mount namespace of its own, so that nothing stays mounted after it.
set -euo pipefail
export TWOPIR_LAB=$1
here=$(dirname "${BASH_SOURCE[0]}")
. "$here/../../lib/shell.sh"
. "$here/settings.sh"
. "$here/processes.sh"
. "$here/network.sh"
k=$2
card=$lab_dir/pi$k
rootfs=$card/root
# systemd-nspawn's exit status for a container that asked for a reboot (EXIT_FORCE_RESTART), with --keep-unit.
reboot_status=133

# write_card: what each Pi has of its own. `ready` comes last: without it all is written again.
write_card() {
  local type key
  echo "pi$k" >"$rootfs/etc/hostname"
  printf '%s\n' '127.0.0.1 localhost' '::1 localhost ip6-localhost ip6-loopback' "127.0.1.1 pi$k" >"$rootfs/etc/hosts"
  mirror_hosts >>"$rootfs/etc/hosts"
  tr -d - </proc/sys/kernel/random/uuid >"$rootfs/etc/machine-id"
  install -d -m 700 -o 1000 -g 1000 "$rootfs/home/pi/.ssh"
  install -m 600 -o 1000 -g 1000 "$lab_dir/id_ed25519.pub" "$rootfs/home/pi/.ssh/authorized_keys"
  rm -f "$rootfs"/etc/ssh/ssh_host_*
  for type in rsa ecdsa ed25519; do
    key=$rootfs/etc/ssh/ssh_host_${type}_key
    ssh-keygen -q -t $type -N '' -C "root@pi$k" -f "$key"
    echo "$(pi_address "$k") $(cut -d ' ' -f 1,2 "$key.pub")"
  done >"$card/ready.new"
  mv "$card/ready.new" "$card/ready"
}

# mirror_hosts: what this machine's /etc/hosts says of the hosts that packages come from.
mirror_hosts() {
  local host
  sed -nE 's#^deb [a-z]+://([^/:]+).*#\1#p' "$rootfs/etc/apt/sources.list" | sort -u | while read -r host; do
    getent -s files hosts "$host" || true
  done
}

boot() {
  # A card whose writing was cut short is a blank one; a loaded card is complete.
  [ -e "$card/ready" ] || rm -rf --one-file-system "$card"/{upper,work}
  # volatile: nobody waits for this machine's disk, since a card need not outlive the machine: dpkg calls fsync for each
  # file. The kernel refuses to mount such a one again unless it is told that this is meant.
  rm -rf "$card/work/work/incompat"
  mkdir -p "$card"/{upper,work,root}
  # redirect_dir: a folder of a lower layer can be renamed, as on a card; glusterd does so with a volume it forgets.
  mount -t overlay overlay "$rootfs" \
    -o "lowerdir=$(cat "$card/base"),upperdir=$card/upper,workdir=$card/work,volatile,redirect_dir=on"
  # systemd-nspawn notes its containers in there, and leaves the notes when it is killed.
  mkdir -p /run/systemd/nspawn
  mount -t tmpfs -o mode=755 tmpfs /run/systemd/nspawn
  [ -e "$card/ready" ] || write_card
  name_servers >"$rootfs/etc/resolv.conf"
  # A Pi has the newer control groups only, whatever this machine has; it may set its own network's sysctls.
  export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
  exec systemd-nspawn --quiet --boot --directory="$rootfs" --machine="$prefix-pi$k" --hostname="pi$k" \
    --register=no --keep-unit --network-namespace-path="/run/netns/$(netns "pi$k")" --capability=CAP_NET_ADMIN \
    --bind=/dev/fuse --resolv-conf=off --timezone=off --link-journal=no --console=read-only
}

if [ "${3:-}" = boot ]; then
  boot
fi

# The network is made anew for each run, so that no address, route or nft table outlives a reboot.
status=$reboot_status
while [ $status = $reboot_status ]; do
  plug "pi$k" "$(pi_address "$k")"
  status=0
  unshare --mount --propagation slave bash "${BASH_SOURCE[0]}" "$lab" "$k" boot || status=$?
  echo "pi$k ended with status $status"
done
# Where systemd-nspawn was killed, its Pi may still run.
pid1 "$k" >/dev/null || unplug "pi$k"
