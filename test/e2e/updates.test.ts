import { beforeAll, describe, expect, it } from "vitest";
import { begin } from "./states";
import { connected, healed, inside, lab, servesAgain, until, whileFetching } from "../../lab/drive/lab";
import type { Cluster } from "../../lab/drive/stack";

const PIS = ["pi1", "pi2"];
let cluster: Cluster;

beforeAll(async () => {
  cluster = await begin("converged");
  // At 2 and 3 in the night these would come by themselves, into the midst of a case.
  for (const name of PIS) await inside(name, "systemctl stop twopir-upgrade.timer");
});

const boot = (name: string): Promise<string> => inside(name, "cut -d' ' -f22 /proc/1/stat; uptime -s");
const wantReboot = (name: string): Promise<string> =>
  inside(name, "touch /run/reboot-required && echo linux-image >/run/reboot-required.pkgs");
/** Its window is now. */
const windowOf = (name: string): Promise<string> => inside(name, "systemctl start --no-block twopir-upgrade");
const rebooted = async (name: string, before: string): Promise<void> => {
  await until(`${name} has rebooted`, 180, async () => (await boot(name)) !== before);
  await servesAgain(name);
};

describe("updates", () => {
  const lists = "Unattended-Upgrade::Package-Blacklist Unattended-Upgrade::Origins-Pattern";

  it("are Debian's security ones, every day, but for what serves", async () => {
    const dump = await inside(
      "pi1",
      `apt-config dump ${lists} APT::Periodic Unattended-Upgrade::Automatic-Reboot`,
    );
    for (const held of ["gluster", "nginx", "keepalived", "linux-image"]) expect(dump).toContain(`"${held}"`);
    expect(dump).toMatch(/Origins-Pattern:: "origin=Debian,codename=\$\{distro_codename\}-security,/);
    expect(dump).not.toMatch(/Origins-Pattern:: "origin=Debian,codename=\$\{distro_codename\},/);
    expect(dump).toContain('APT::Periodic::Unattended-Upgrade "1"');
    expect(dump).toContain('Unattended-Upgrade::Automatic-Reboot "false"');
    const run = await inside("pi1", "unattended-upgrade --dry-run --debug 2>&1");
    expect(run).toMatch(/Initial blacklist: .*nginx/);
  });

  it("of what serves come in a window, one hour after the other's", async () => {
    const run = await inside(
      "pi1",
      "APT_CONFIG=/etc/twopir/apt-ungated.conf unattended-upgrade --dry-run --debug 2>&1",
    );
    expect(run).toMatch(/Initial blacklist:\s*$/m);
    for (const [name, hour] of [
      ["pi1", "02"],
      ["pi2", "03"],
    ] as const)
      expect(await inside(name, "systemctl show -P TimersCalendar twopir-upgrade.timer")).toContain(
        `OnCalendar=*-*-* ${hour}:00:00`,
      );
  });
});

/**
 * A package by the name of something that serves, and a newer version of it in an archive that says of itself that it is
 * Debian's for security updates.
 */
const NEWER = `
. /etc/os-release
mkdir -p /srv/archive /srv/package/DEBIAN && cd /srv/archive
for version in 1 2; do
  printf 'Package: nginx-probe\\nVersion: %s\\nArchitecture: all\\nMaintainer: a <a@example.com>\\nDescription: b\\n' "$version" >/srv/package/DEBIAN/control
  dpkg-deb -b /srv/package "nginx-probe_$version.deb" >/dev/null
done
dpkg -i nginx-probe_1.deb >/dev/null
sum() { sha256sum <"$1" | cut -d' ' -f1; }
size() { stat -c %s "$1"; }
{
  dpkg-deb -f nginx-probe_2.deb
  printf 'Filename: ./nginx-probe_2.deb\\nSize: %s\\nSHA256: %s\\n' "$(size nginx-probe_2.deb)" "$(sum nginx-probe_2.deb)"
} >Packages
printf 'Origin: Debian\\nLabel: Debian-Security\\nSuite: stable-security\\nCodename: %s-security\\nSHA256:\\n %s %s Packages\\n' "$VERSION_CODENAME" "$(sum Packages)" "$(size Packages)" >Release
echo 'deb [trusted=yes] file:/srv/archive ./' >/etc/apt/sources.list.d/newer.list
apt-get -qq update`;

describe("a newer version of what serves", () => {
  const version = (): Promise<string> => inside("pi2", "dpkg-query -W -f='\${Version}' nginx-probe");

  it("is held back every day, and comes in the Pi's window, unnoticed", async () => {
    await inside("pi2", NEWER);
    await inside("pi2", "unattended-upgrade");
    expect(await version()).toBe("1");
    const seen = await whileFetching(async () => {
      await windowOf("pi2");
      await until("pi2 has the newer version", 60, async () => (await version()) === "2");
      await until("its turn is over", 60, async () =>
        (await inside("pi2", "systemctl is-active twopir-upgrade || true")).includes("inactive"),
      );
    });
    expect(seen.why).toEqual([]);
    expect(await inside("pi2", "systemctl show -P Result twopir-upgrade")).toBe("success");
    await inside("pi2", "rm /etc/apt/sources.list.d/newer.list && dpkg --purge nginx-probe >/dev/null");
  });
});

describe("a Pi that wants a reboot", () => {
  /** What the timer starts on pi1, with a file of the program altered. */
  const runs = (file: string, sed: string): Promise<string> =>
    inside(
      "pi1",
      `rm -rf /run/altered && cp -rL /usr/local/lib/twopir/current /run/altered &&
       sed -i '${sed}' /run/altered/${file} && bash /run/altered/twopir run updates`,
    );

  it("does not take it while its peer is down, and says why", async () => {
    await wantReboot("pi1");
    const before = await boot("pi1");
    await lab("cut", "pi2");
    // As the timer starts it, but for the patience of 15 minutes.
    await expect(runs("library/turn.sh", "s/^turn_patience=900/turn_patience=5/")).rejects.toThrow(
      /this Pi must be interrupted, but after 5 s the others are not ready: .* is not served by/,
    );
    expect(await boot("pi1")).toBe(before);
    await lab("restore", "pi2");
    await connected(2);
    await healed("pi1");
  });

  it("serves on where its upgrade fails", async () => {
    const failing =
      "s/^waiting() .*/waiting() { echo nginx; }/; s/^unattended() .*/unattended() { [ $# -gt 0 ]; }/";
    await expect(runs("programs/updates.sh", failing)).rejects.toThrow(
      "the upgrade failed: see /var/log/unattended-upgrades/",
    );
    await servesAgain("pi1");
  });

  it("takes it in its window, when nobody who asks by name notices", async () => {
    const before = await boot("pi1");
    const seen = await whileFetching(async () => {
      await windowOf("pi1");
      await rebooted("pi1", before);
    });
    expect(seen.why).toEqual([]);
    await healed("pi2");
    await inside("pi2", "systemctl start twopir-upgrade.timer"); // pi1's has come with its boot
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("waits for the other one that wants it in the same moment", async () => {
    const before = await Promise.all(PIS.map(boot));
    await Promise.all(PIS.map(wantReboot));
    const seen = await whileFetching(async () => {
      await Promise.all(PIS.map(windowOf));
      await Promise.all(PIS.map((name, i) => rebooted(name, before[i] ?? "")));
    });
    expect(seen.why).toEqual([]);
    await healed("pi1");
  });
});
