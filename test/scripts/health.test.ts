import { symlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canIsolate, Host, state } from "./host";

describe.skipIf(!canIsolate)("health.sh", () => {
  let host: Host;

  beforeEach(() => {
    host = new Host();
    host.write("/run/df", "");
    // With no types at all it would list a hung mount, too.
    host.command("df", '[[ $* == *" -t ext4 "* ]] || exit 1\necho "Use% IUse% Mounted on"; cat /run/df');
    // The loopback interface has every floating address, for itself.
    host.command(
      "ip",
      `case $* in
  "-o address show scope global") cat /run/addresses ;;
  "-4 -o route get 192.0.2.1 from 192.168.0.121") grep . /run/way ;;
  "-4 -o route get 192.0.2.1") cat /run/way-of-any ;;
  "-4 route show match 192.168.0.1 dev wlan0 scope link") cat /run/near ;;
  "-4 route show default dev "*) cat /run/default ;;
  "-4 neighbour show 192.168.0.1") cat /run/neighbour ;;
  *) exit 1 ;;
esac`,
    );
    host.write("/run/way", "192.0.2.1 from 192.168.0.121 via 192.168.0.1 dev eth0 uid 0 \\    cache \n");
    held("2: eth0    inet 192.168.0.121/24 brd 192.168.0.255 scope global dynamic eth0");
    mounted();
    host.command("systemctl", "[[ $* == *chrony.service* && -e /run/synchronised ]]");
    host.write("/run/synchronised", "");
    host.command(
      "cat",
      `case $1 in */ntp-units.d/*) set -- /run/units ;; /proc/cmdline) set -- /run/cmdline ;;
  /proc/self/mountinfo) set -- /run/mountinfo ;; esac
exec /usr/bin/cat "$@"`,
    );
    host.write("/run/cmdline", "console=tty1 root=PARTUUID=1234abcd-02 rootfstype=ext4 rootwait\n");
    host.write(
      "/run/mountinfo",
      ["/", "/proc", "/boot/firmware", "/mnt/real/memory", "/mnt/my\\040disk"]
        .map((point, i) => `${20 + i} 1 8:1 / ${point} rw,relatime shared:1 - ext4 /dev/mmcblk0p2 rw\n`)
        .join(""),
    );
    host.command("ping", "true");
    host.write("/run/units", "# comment\nchrony.service\nsystemd-timesyncd.service\n");
  });
  afterEach(() => host.remove());

  /** What ip says of the Pi's own address. */
  const held = (own: string): void =>
    host.write(
      "/run/addresses",
      `1: lo    inet6 2001:db8::221/128 scope global deprecated
${own}\\       valid_lft 86000sec preferred_lft 86000sec
2: eth0    inet 192.168.0.221/32 scope global eth0\\       valid_lft forever preferred_lft forever
`,
    );
  /** The card has / and /var, a disk the brick. */
  const mounted = (options = "rw,relatime"): void =>
    host.command(
      "findmnt",
      `case $* in *" FSTYPE -T "*) grep -qsxF "\${*: -1}" /run/tmpfs && echo tmpfs || echo ext4 ;;
  *" -T /data/brick1/gv0") echo "/dev/sda1 ${options}" ;; *) echo "/dev/mmcblk0p2[/@] ${options}" ;; esac`,
    );
  const facts = async (): Promise<string[]> => {
    const { status, output } = await host.check(
      state("health", { brick: "/data/brick1/gv0", address: "192.168.0.121" }),
    );
    expect(status, output).toBe(0);
    return output.trim().split("\n");
  };
  const warnings = async (): Promise<string[]> =>
    (await facts()).flatMap((line) => (line.startsWith("warning=") ? line.slice("warning=".length) : []));

  it("tells the time, and warns of nothing where all is well", async () => {
    host.write("/run/df", " 84%    9% /\n 12%     - /boot/firmware\n 84%    9% /\n");
    const [clock, addresses, gateway, ...rest] = await facts();
    expect(rest).toEqual([]);
    expect(gateway).toBe("gateway=yes");
    expect(addresses).toBe("addresses=192.168.0.121 192.168.0.221");
    expect(clock).toMatch(/^clock=\d+$/);
    expect(Math.abs(Number(clock?.split("=")[1]) - Date.now() / 1000)).toBeLessThan(60);
  });

  it("warns of file systems that are nearly full, of content or of files", async () => {
    host.write("/run/df", " 85%    9% /\n 85%    9% /\n 12%     - /boot/firmware\n 30%   97% /srv/my disk\n");
    expect(await warnings()).toEqual([
      "the file system of / is 85 % full",
      "the file system of /srv/my disk has used 97 % of its inodes: of the files that it can have (df -i)",
    ]);
  });

  it.each(["relatime,ro,errors=remount-ro", "rw,emergency_ro"])(
    "warns of a read-only file system: %s",
    async (options) => {
      mounted(options);
      expect(await warnings()).toEqual([
        expect.stringMatching(
          /^the file system of \/ is read-only, as Linux makes one whose card or disk fails/,
        ),
        expect.stringMatching(/^the file system of \/data\/brick1\/gv0 is read-only/),
      ]);
    },
  );

  describe("of an address that no DHCP server gave", () => {
    const NM = "NetworkManager/system-connections";
    const KERNEL = /^its address 192\.168\.0\.121 is set in the kernel only, .* the connection of eth0 /;
    const fixed = (by = "eth0", more = ""): void =>
      held(`2: ${by}    inet 192.168.0.121${more}/24 brd 192.168.0.255 scope global noprefixroute ${by}`);

    it("warns where it is set in the kernel only", async () => {
      fixed();
      expect(await warnings()).toEqual([expect.stringMatching(KERNEL)]);
    });

    it.each([
      ["/etc/network/interfaces", "iface eth0 inet static\n  address 192.168.0.121/24\n"],
      ["/etc/network/interfaces", "iface eth0 inet dhcp\n"], // udhcpc says nothing of a lease's end
      ["/etc/network/interfaces.d/eth0", "\taddress\t192.168.0.121\n"],
      ["/etc/netplan/90-NM-1.yaml", '      ipv4.address1: "192.168.0.121/24,192.168.0.1"\n'],
      [`/etc/${NM}/eth0.nmconnection`, "[ipv4]\naddress1=192.168.0.121/24,192.168.0.1\n"],
      [`/run/${NM}/netplan-eth0.nmconnection`, "[ipv4]\naddress1=192.168.0.121/24\n"],
      ["/etc/systemd/network/10-eth0.network.d/own.conf", "[Network]\nAddress=192.168.0.121/24\n"],
      ["/run/systemd/network/10-netplan-eth0.network", "[Network]\nAddress=192.168.0.121/24\n"],
      ["/etc/dhcpcd.conf", "interface eth0\nstatic ip_address=192.168.0.121/24\n"],
      ["/etc/rc.local", "ip address add 192.168.0.121/24 dev eth0\n"],
      ["/etc/systemd/system/address.service", "ExecStart=ip address add 192.168.0.121/24 dev eth0\n"],
      ["/var/lib/NetworkManager/internal-1-eth0.lease", "ADDRESS=192.168.0.121\n"],
      ["/var/lib/dhcp/dhclient.eth0.leases", "  fixed-address 192.168.0.121;\n"],
      ["/run/systemd/netif/leases/2", "ADDRESS=192.168.0.121\n"],
      ["/var/lib/dhcpcd/eth0.lease", "\u0002\u0001"],
      ["/var/lib/dhcpcd5/dhcpcd-eth0.lease", "\u0002\u0001"],
      ["/run/dhcpcd/eth0.lease", "\u0002\u0001"],
      ["/run/systemd/container", "systemd-nspawn\n"],
      ["/run/cmdline", "console=tty1 ip=192.168.0.121::192.168.0.1:255.255.255.0 root=/dev/nfs\n"],
    ])("does not warn where it comes at boot: %s", async (path, text) => {
      fixed();
      host.write("/run/synchronised", "");
      host.write(path, text);
      expect(await warnings()).toEqual([]);
    });

    const others = [
      ["/etc/network/interfaces", "iface eth0 inet manual\niface wlan0 inet dhcp\n  address 192.168.0.12\n"],
      ["/etc/netplan/50-cloud-init.yaml", "  addresses: [192.168.0.1211/24, 192.168.0.221/24]\n"],
      ["/etc/dhcpcd.conf", "#static ip_address=192.168.0.121/24\n"],
      ["/etc/hosts", "192.168.0.121 pi1\n"],
      // What NetworkManager makes of an interface that a hand has set up.
      [
        `/run/${NM}/eth0.nmconnection`,
        "[ipv4]\naddress1=192.168.0.121/24\n[.nmmeta]\nvolatile=true\nexternal=true\n",
      ],
      ["/var/lib/dhcpcd/wlan0.lease", "\u0002\u0001"],
    ] as const;
    it("warns where only the like of it is there", async () => {
      fixed();
      for (const [path, text] of others) host.write(path, text);
      expect(await warnings()).toEqual([expect.stringMatching(KERNEL)]);
    });

    it("does not warn of another address, or of a tunnel's", async () => {
      fixed("eth0", "1");
      expect(await warnings()).toEqual([]);
      fixed("tailscale0");
      expect(await warnings()).toEqual([]);
    });
  });

  it.each([
    ["UUID=dead-beef /mnt/usb ext4 defaults 0 2", true],
    ['LABEL="disk" /mnt/usb ext4 defaults 0 2', true],
    ["/dev/sdz9 /mnt/usb ext4 noatime", true],
    ["UUID=dead-beef /mnt/usb ext4 defaults,nofail 0 2", false],
    ["UUID=dead-beef /mnt/usb ext4 noauto 0 2", false],
    ["UUID=dead-beef none swap sw 0 0", false],
    ["# UUID=dead-beef /mnt/usb ext4 defaults 0 2", false],
    ["192.168.0.9:/srv /mnt/nfs nfs defaults 0 0", false],
    ["/dev/sdz9 /proc proc defaults 0 0", false],
  ])("warns of what systemd waits for at boot and does not find: %s", async (line, warned) => {
    host.write("/etc/fstab", `${line}\n`);
    expect(await warnings()).toEqual(
      warned ? [expect.stringMatching(/emergency mode, .* at \/mnt\/usb, which is not there/)] : [],
    );
  });

  it("warns of what boot mounts and is not mounted now, and says how to try", async () => {
    symlinkSync("/mnt/real", host.at("/mnt/link"));
    const lines = [
      ["/dev/null /mnt/usb ext4 defaults 0 2", "/mnt/usb"],
      ["/srv/data /mnt/usb/ none bind 0 0", "/mnt/usb"],
      ["tmpfs /mnt/my\\040other tmpfs size=64m 0 0", "/mnt/my other"],
      ["/srv/disk.img /mnt/link/usb auto loop", "/mnt/real/usb"],
      ["disks /mnt/usb fuse.mergerfs defaults 0 0", "/mnt/usb"],
    ] as const;
    host.write("/etc/fstab", `${lines.map(([line]) => line).join("\n")}\n`);
    expect(await warnings()).toEqual(
      lines.map(
        ([, path]) =>
          expect.stringMatching(
            `emergency mode, .* where nothing is mounted: mount it now \\(sudo mount '${path}'\\)`,
          ) as string,
      ),
    );
  });

  it("does not warn of what is mounted, or of what boot goes on without", async () => {
    symlinkSync("/mnt/real", host.at("/mnt/link"));
    const lines = [
      "# a comment",
      "",
      "/dev/null / ext4 defaults 0 1",
      "/dev/null /mnt/usb ext4 nofail,noatime 0 2",
      "tmpfs /mnt/usb tmpfs x-systemd.automount 0 0",
      "/srv/data /mnt/usb none bind,_netdev 0 0",
      "192.168.0.9:/srv /mnt/usb nfs4 defaults 0 0",
      "//192.168.0.9/srv /mnt/usb cifs guest 0 0",
      "pi@192.168.0.9:/srv /mnt/usb fuse.sshfs defaults 0 0",
      "/swapfile none swap sw 0 0",
      "/swapfile /swapfile swap sw 0 0",
      "/dev/null none ext4 defaults 0 0",
      "/dev/null /boot/firmware vfat defaults 0 2",
      "/dev/null /boot/firmware/ vfat defaults 0 2",
      "tmpfs /mnt/link/memory tmpfs defaults 0 0",
      "/dev/null /mnt/my\\040disk ext4 defaults 0 2",
    ];
    host.write("/etc/fstab", `${lines.join("\n")}\n`);
    expect(await warnings()).toEqual([]);
  });

  it("tells whether there is a way to other networks", async () => {
    host.write("/run/way", "");
    expect(await facts()).toContain("gateway=no");
    // Where its address is another one at the moment, any of its own counts.
    held("2: eth0    inet 192.168.0.12/24 brd 192.168.0.255 scope global dynamic eth0");
    host.write("/run/way-of-any", "192.0.2.1 dev eth0 src 192.168.0.12 uid 0 \\    cache \n");
    expect(await facts()).toContain("gateway=yes");
    expect(await warnings()).toEqual([]);
  });

  it.each([
    ["a ping", "true", "", false],
    ["ARP alone", "false", "192.168.0.1 dev eth0 lladdr 02:00:00:00:00:01 DELAY", false],
    ["nothing", "false", "192.168.0.1 dev eth0  FAILED", true],
  ])("warns of a router that is not there: it answers %s", async (_, ping, neighbour, warned) => {
    host.command("ping", `[ "\${!#}" = 192.168.0.1 ] && ${ping}`);
    host.write("/run/neighbour", neighbour);
    expect(await warnings()).toEqual(
      warned ? [expect.stringMatching(/^its default gateway 192\.168\.0\.1 does not answer, /)] : [],
    );
  });

  it.each([
    ["a tunnel", "eth0", "192.0.2.1 from 192.168.0.121 dev wg0 table 51820 uid 0", "", true],
    ["a second router", "wlan0", "192.0.2.1 from 192.168.0.121 via 192.168.0.1 dev eth0 uid 0", "", true],
    [
      "a second interface, to the same router",
      "wlan0",
      "192.0.2.1 from 192.168.0.121 via 192.168.0.1 dev eth0 uid 0",
      "192.168.0.0/24 proto kernel src 192.168.0.121 metric 600",
      false,
    ],
    ["its own, without a router", "ppp0", "192.0.2.1 from 192.168.0.121 dev ppp0 uid 0", "", false],
  ])(
    "warns where answers leave by another way than visitors come in: %s",
    async (_, by, way, near, warned) => {
      held(`2: ${by}    inet 192.168.0.121/24 brd 192.168.0.255 scope global dynamic ${by}`);
      host.write("/run/way", `${way} \\    cache \n`);
      host.write("/run/near", near);
      host.write("/run/default", "default via 192.168.0.254 metric 700\n");
      const out = / dev (\w+)/.exec(way)?.[1] ?? "";
      expect(await warnings()).toEqual(
        warned
          ? [
              expect.stringMatching(
                `^requests from other networks arrive on ${by} but replies leave on ${out}, .* from 192.168.0.121 `,
              ),
            ]
          : [],
      );
      // By a network without a router, as of the Pis alone, nobody comes from another one.
      host.write("/run/default", "");
      expect(await warnings()).toEqual([]);
    },
  );

  it("warns of a file system that has had errors", async () => {
    host.command("grep", `case $* in *mmcblk0p2/errors_count) echo 3 ;; *) exec /usr/bin/grep "$@" ;; esac`);
    expect(await warnings()).toEqual([
      expect.stringMatching(/^errors of the file system of \/ so far: 3\. /),
    ]);
  });

  it.each([
    ["boot=overlay console=tty1", true],
    ["console=tty1 overlayroot=tmpfs:recurse=0", true],
    ["console=tty1 overlayroot=disabled", false],
    ["reboot=overlay", false],
  ])("warns of an overlay in memory: %s", async (words, warned) => {
    host.write("/run/cmdline", `${words}\n`);
    expect(await warnings()).toEqual(
      warned
        ? [expect.stringMatching(/^its card lies beneath an overlay in memory, .* do_overlayfs 1, /)]
        : [],
    );
  });

  describe("of the kernel's next command line", () => {
    const file = "/boot/firmware/cmdline.txt";

    it.each([
      ["two lines", "root=/dev/null\nconsole=tty1\n", /^\S+ has 2 lines, and the firmware reads the first/],
      ["an overlay", "boot=overlay root=/dev/null\n", /^the next restart lays an overlay in memory over/],
      ["another overlay", "root=/dev/null\toverlayroot=tmpfs", /^the next restart lays an overlay in memory/],
      ["a lost PARTUUID", "root=PARTUUID=dead-beef quiet\n", /would fail, .* has root=PARTUUID=dead-beef, /],
      ["a lost UUID", "quiet root=UUID=dead-beef\r\n", /would fail, .* has root=UUID=dead-beef, which/],
      ["a lost disk, in quotes", 'root="/dev/sdz9"\n', /would fail, .* has root="\/dev\/sdz9", which/],
      ["a lost disk", "root=/dev/null root=/dev/sdz9\n", /would fail, .* has root=\/dev\/sdz9, which/],
    ])("warns of %s", async (_, text, reason) => {
      host.write(file, text);
      const said = await warnings();
      expect(said).toEqual([expect.stringMatching(reason)]);
      expect(said[0]).toContain(file);
    });

    it.each([
      ["root=/dev/null rootwait\n", {}],
      ["root=/dev/null rootwait\r\n \n\n", {}],
      ["root=/dev/NULL rootwait", {}],
      ["root=/dev/nfs nfsroot=192.168.0.9:/pi1 ip=dhcp\n", {}],
      ["root=/dev/null overlayroot=disabled\n", {}],
      ["", {}],
      ["a\nb root=/dev/sdz9\n", { "/boot/firmware/config.txt": "[all]\nos_prefix=current/\n" }],
    ])("says nothing of a good one: %j", async (text, others) => {
      host.write(file, text);
      for (const [path, content] of Object.entries(others)) host.write(path, content);
      expect(await warnings()).toEqual([]);
    });

    it("asks what lies in /boot where there is no /boot/firmware", async () => {
      host.write("/boot/cmdline.txt", "root=/dev/sdz9\n");
      expect(await warnings()).toEqual([expect.stringContaining("/boot/cmdline.txt has root=/dev/sdz9")]);
      host.write("/boot/firmware/config.txt", "[all]\n"); // so what is in /boot says only where the file is
      expect(await warnings()).toEqual([]);
    });

    it("names an overlay once, where this boot has it, too", async () => {
      host.write(file, "boot=overlay root=/dev/null\n");
      host.write("/run/cmdline", "boot=overlay root=/dev/null\n");
      expect(await warnings()).toEqual([expect.stringMatching(/^its card lies beneath an overlay/)]);
    });
  });

  describe("of what cron runs", () => {
    const own = "/var/spool/cron/crontabs/root";
    const restarts = [
      "0 4 * * * reboot",
      "0 4 * * 1 /sbin/reboot",
      "\t30 3 1 * *\t/usr/sbin/shutdown -r now",
      "@daily sudo -n poweroff",
      "@reboot sleep 3600; reboot",
      "0 4 * * * init 6",
      "0 4 * * * systemctl --force reboot",
      "0 4 * * sun [ -e /run/reboot-required ] && /usr/sbin/reboot >/dev/null",
      "0 4 * * * if ping -c 1 192.168.0.1; then true; else reboot; fi",
      "0 4 * * * bash -c 'sync; reboot'",
      '0 4 * * * sh -c "reboot"',
      "0 4 * * * (reboot)",
    ];
    const upgrades = [
      "0 4 * * * apt-get -y upgrade",
      "0 4 * * * apt update && DEBIAN_FRONTEND=noninteractive apt full-upgrade -y",
      "0 4 * * * nice -n 19 /usr/bin/apt-get -qq -o Dpkg::Use-Pty=0 dist-upgrade",
    ];
    const harmless = [
      "# 0 4 * * * reboot",
      "#0 4 * * * reboot",
      "@reboot /usr/local/bin/hello",
      "@reboot root /usr/sbin/logrotate",
      "PATH=/sbin /a /b /c /d /e reboot",
      "0 4 * * * test -e /run/reboot-required",
      "0 4 * * * grep -c reboot /var/log/syslog",
      "0 4 * * * grep -c 'reboot' /var/log/syslog",
      "0 4 * * * echo reboot",
      "0 4 * * * reboot-router 192.168.0.1",
      "0 4 * * * init 3",
      "0 4 * * * /usr/local/bin/upgrade",
      "0 4 * * * apt list --upgradable",
      "0 4 * * * apt-get update && pip install --upgrade x",
      "0 4 * * * apt-get -s upgrade | mail root",
    ];

    it("warns of each line that restarts it or upgrades", async () => {
      host.write(own, [...restarts, ...harmless, ...upgrades, ""].join("\n"));
      const end = ` whatever the other Pis do: take that line out, since twopir upgrades and restarts the Pis one after the other`;
      expect(await warnings()).toEqual([
        ...restarts.map(
          (_, i) => `line ${(i + 1).toString()} of ${own} restarts it, or switches it off,${end}`,
        ),
        ...upgrades.map(
          (_, i) =>
            `line ${(restarts.length + harmless.length + i + 1).toString()} of ${own} upgrades its packages, nginx and glusterd too,${end}`,
        ),
      ]);
    });

    it("knows that a line in /etc names a user", async () => {
      host.write("/etc/crontab", "SHELL=/bin/sh\n17 4 * * * root reboot");
      host.write("/etc/cron.d/weekly", "@weekly reboot echo\n@weekly root /sbin/reboot\n");
      host.write("/etc/cron.d/weekly.dpkg-old", "@weekly root /sbin/reboot\n");
      expect(await warnings()).toEqual([
        expect.stringMatching(/^line 2 of \/etc\/crontab restarts it, /),
        expect.stringMatching(/^line 2 of \/etc\/cron\.d\/weekly restarts it, /),
      ]);
    });
  });

  it("warns where what has to last lies in memory", async () => {
    host.write("/run/tmpfs", "/var/lib/glusterd\n");
    expect(await warnings()).toEqual([
      expect.stringMatching(/^\/var\/lib\/glusterd lies in memory \(tmpfs\), /),
    ]);
  });

  // Bits 0 and 16: under-voltage now, and since it booted; 2 and 18: throttled; 3 and 19: soft limit of the temperature,
  // which costs little.
  it.each([
    ["0x0", []],
    ["0xc0008", []],
    [
      "0x50005",
      [
        "warning=its power supply gives too little voltage (0x50005 of",
        "warning=it is too hot, and is throttled",
      ],
    ],
    ["0x10000", ["hint=its power supply has given too little voltage since it booted (0x10000 of"]],
    ["VCHI initialization failed", []],
  ])("says what a Pi's firmware says: %s", async (bits, expected) => {
    host.command("vcgencmd", `[ "$1" = get_throttled ] && echo 'throttled=${bits}'`);
    const said = (await facts()).slice(3);
    expect(said).toHaveLength(expected.length);
    expected.forEach((beginning, i) => expect(said[i]).toContain(beginning));
  });

  it.each([
    ["an alarm", "rpi_volt", "1", "", true],
    ["an alarm, while vcgencmd cannot ask", "rpi_volt", "1", "VCHI initialization failed", true],
    ["no alarm", "rpi_volt", "0", "", false],
    ["another sensor's alarm", "pmbus", "1", "", false],
    ["an alarm, and vcgencmd knows better", "rpi_volt", "1", "0x0", false],
  ])("says what the voltage's driver says: %s", async (_, name, alarm, bits, warned) => {
    if (bits !== "") host.command("vcgencmd", `echo 'throttled=${bits}'`);
    const at = "/sys/class/hwmon/hwmon";
    host.command(
      "grep",
      `case $* in *hwmon*) printf '%s\\n' ${at}0/name:cpu_thermal ${at}1/name:${name} ${at}1/in0_lcrit_alarm:${alarm} ${at}2/in0_lcrit_alarm:1 ;;
  *) exec /usr/bin/grep "$@" ;; esac`,
    );
    expect(await warnings()).toEqual(
      warned
        ? [
            "its power supply gives too little voltage (in0_lcrit_alarm of rpi_volt), which breaks cards: use the one made for this Pi",
          ]
        : [],
    );
  });

  it("warns where nothing keeps the clock right", async () => {
    const nothing = [expect.stringMatching(/^nothing keeps its clock right: sudo timedatectl set-ntp true/)];
    host.delete("/run/synchronised");
    expect(await warnings()).toEqual(nothing);
    host.write("/run/units", "");
    expect(await warnings()).toEqual(nothing);
    host.write("/run/systemd/container", "systemd-nspawn\n");
    expect(await warnings()).toEqual([]);
  });
});
