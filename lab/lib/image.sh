#!/usr/bin/env bash
# Makes a fresh Debian in the folder $1 what Raspberry Pi OS Lite is when its card was written with a user "pi" and a
# key set in Raspberry Pi Imager, as far as twopir can tell. Run by mmdebstrap as its last step.
set -euo pipefail
rootfs=$1

chroot "$rootfs" useradd --create-home --uid 1000 --groups sudo,adm --shell /bin/bash pi
# The file and its text are Raspberry Pi OS's own.
echo 'pi ALL=(ALL) NOPASSWD: ALL' >"$rootfs/etc/sudoers.d/010_pi-nopasswd"
chmod 440 "$rootfs/etc/sudoers.d/010_pi-nopasswd"
printf '%s\n' 'PermitRootLogin no' 'PasswordAuthentication no' >"$rootfs/etc/ssh/sshd_config.d/lab.conf"

# Each card gets its own of these.
rm -f "$rootfs"/etc/ssh/ssh_host_* "$rootfs/etc/hostname" "$rootfs/etc/resolv.conf" "$rootfs/etc/machine-id"
ln -sfn /usr/share/zoneinfo/Etc/UTC "$rootfs/etc/localtime"

# In the language of whoever wrote the card: Raspberry Pi OS comes in British English, and this one's owner has German.
printf '%s\n' 'en_GB.UTF-8 UTF-8' 'de_DE.UTF-8 UTF-8' >"$rootfs/etc/locale.gen"
chroot "$rootfs" locale-gen >/dev/null
echo LANG=de_DE.UTF-8 >"$rootfs/etc/default/locale"

# What the hardware's firmware reads, here nobody: as pi-gen writes it, but for the card's own number.
mkdir -p "$rootfs/boot/firmware"
echo 'console=serial0,115200 console=tty1 rootfstype=ext4 fsck.repair=yes rootwait' >"$rootfs/boot/firmware/cmdline.txt"
printf '%s\n' dtparam=audio=on arm_64bit=1 '[all]' >"$rootfs/boot/firmware/config.txt"

# Raspberry Pi's own archive, of which the lab's machine may reach nothing: one without packages, by its name.
archive=/usr/local/share/raspberrypi-archive codename=$(sed -n 's/^VERSION_CODENAME=//p' "$rootfs/etc/os-release")
mkdir -p "$rootfs$archive"
: >"$rootfs$archive/Packages"
printf '%s\n' 'Origin: Raspberry Pi Foundation' 'Label: Raspberry Pi Foundation' 'Suite: stable' "Codename: $codename" \
  'SHA256:' " $(sha256sum </dev/null | cut -d ' ' -f 1) 0 Packages" >"$rootfs$archive/Release"
printf '%s\n' 'Types: deb' "URIs: file:$archive" 'Suites: ./' 'Trusted: yes' \
  >"$rootfs/etc/apt/sources.list.d/raspi.sources"

# Debian 13 lets every user ping by this setting, in a package that the minimal system lacks.
echo 'net.ipv4.ping_group_range = 0 2147483647' >"$rootfs/etc/sysctl.d/ping.conf"

# What lets this machine's apt reach its mirrors lets the Pis reach them too.
if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
  cp /usr/local/share/ca-certificates/*.crt "$rootfs/usr/local/share/ca-certificates/"
  chroot "$rootfs" update-ca-certificates >/dev/null 2>&1
fi

# Loop devices, by which a Pi mounts an image: the kernel gives whoever asks a free one of the whole machine's, and
# takes it back when its mount goes, as it does when the Pi is switched off. In a container nobody makes their files.
cat >"$rootfs/etc/systemd/system/loops.service" <<'UNIT'
[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'mknod /dev/loop-control c 10 237; for n in $$(seq 0 99); do mknod /dev/loop$$n b 7 $$n; done'
UNIT
mkdir -p "$rootfs/etc/systemd/system/sysinit.target.wants"
ln -s ../loops.service "$rootfs/etc/systemd/system/sysinit.target.wants/loops.service"

# The kernel's side of NFS is nothing that a container may have.
ln -sfn /dev/null "$rootfs/etc/systemd/system/run-rpc_pipefs.mount"
# On a card nothing waits for a network manager: the lab has configured eth0 before the Pi starts.
ln -sfn /dev/null "$rootfs/etc/systemd/system/systemd-networkd-wait-online.service"
