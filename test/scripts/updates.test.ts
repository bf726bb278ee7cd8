import { mkdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { statesOf } from "../../components/cluster";
import { updatesPart } from "../../components/updates";
import { given } from "../../remote/state";
import { cluster } from "../unit/components/cluster";
import { canIsolate, Host, state, type Run } from "./host";

const TIMER = "/etc/systemd/system/twopir-upgrade.timer";
const MOUNT = "/mnt/gluster1";

describe.skipIf(!canIsolate)("updates.sh", () => {
  let host: Host;
  beforeEach(() => {
    host = new Host();
    host.command("unattended-upgrade", '[ "$1" != --dry-run ] || cat /run/dry');
    host.command("findmnt", "cat /run/mounts");
    host.command("systemctl", 'echo "$*" >>/run/told');
    host.write("/run/dry", "");
    host.write("/run/mounts", `${MOUNT}\n`);
    mkdirSync(host.at(MOUNT), { recursive: true });
    host.hurry(/\w*patience/, 1);
  });
  afterEach(() => host.remove());

  /** What the timer starts. */
  function window(): Promise<Run> {
    const args = cluster(2);
    const [pi] = args.pis;
    if (pi === undefined) throw new Error("no Pi");
    const one = statesOf([updatesPart({ ...args, pi })]).find(({ script }) => script === "updates");
    if (one === undefined) throw new Error("no state");
    host.write(`/var/lib/twopir/states/${one.name}`, given(one));
    return host.run("apply", "PATH=/usr/local/sbin:$PATH exec twopir run updates\n");
  }

  it("knows of each unit what systemd says of that one, with the pid or the id first", async () => {
    const facts = (unit: string): string => `UnitFileState=${unit}\n`;
    const service = (unit: string): string => `MainPID=7\nId=${unit}\n${facts(unit)}`;
    const [nginx, upgrade, timer] = ["nginx.service", "twopir-upgrade.service", "twopir-upgrade.timer"];
    host.write("/run/units", [service(nginx), service(upgrade), `Id=${timer}\n${facts(timer)}`].join("\n"));
    host.command("systemctl", "cat /run/units");
    const ask = [nginx, upgrade, timer, "none.service"].map((unit) => `unit_facts ${unit}; echo --`);
    const { output } = await host.run("check", host.script(`want() { ${ask.join("; ")}; }`));
    const service7 = (unit: string): string => `MainPID=7\n${facts(unit)}--\n`;
    expect(output).toBe(`${service7(nginx)}${service7(upgrade)}${facts(timer)}--\n--\n`);
  });

  it("does in a window what waits, and nothing where nothing does", async () => {
    expect(await window()).toMatchObject({ status: 0, output: "" });
  });

  it("fails for what unattended-upgrades leaves to the user, whose config file it would ask about", async () => {
    const prompt = "Package nginx-common has conffile prompt and needs to be upgraded manually\n";
    host.write("/run/dry", `${prompt}${prompt}No packages found that can be upgraded unattended\n`);
    const { status, output } = await window();
    expect(status).toBe(65);
    expect(output).toContain("sudo apt-get install --only-upgrade nginx-common\n");
  });

  it("has a window that was missed begin at boot, and waits for the volume then", async () => {
    const updates = state("updates", {
      apt: "",
      window: "02:00",
      volume: "gv0",
      mount_point: MOUNT,
      address: "192.168.0.121",
      others: ["192.168.0.122"],
    });
    await host.run("apply", updates);
    host.command("apt-config", "cat /run/apt");
    host.write(
      "/run/apt",
      'Unattended-Upgrade::Automatic-Reboot "false";\nAPT::Periodic::Unattended-Upgrade "1";\n',
    );
    expect((await host.run("check", updates)).output).not.toContain("apt.conf.d");
    host.write(
      "/run/apt",
      'Unattended-Upgrade::Automatic-Reboot "true";\nAPT::Periodic::Unattended-Upgrade "0";\n',
    );
    const { output } = await host.run("check", updates);
    expect(output).toMatch(/sets Unattended-Upgrade::Automatic-Reboot to true: all Pis may restart at once/);
    expect(output).toMatch(/sets APT::Periodic::Unattended-Upgrade to 0: no updates come/);
    expect(host.read(TIMER)).toMatch(/^Persistent=true$/m);
    host.write("/run/reboot-required", "");
    host.write("/run/mounts", "");
    expect((await window()).output).toContain(`${MOUNT} is not mounted, or does not answer`);
    host.command("sleep", `echo ${MOUNT} >/run/mounts`);
    expect((await window()).output).not.toContain("is not mounted");
  });
});

describe.skipIf(!canIsolate)("what status.sh says of updates", () => {
  let host: Host;
  beforeEach(() => {
    host = new Host();
    host.command("systemctl", '[ "$1" != show ] || echo success');
    host.command("findmnt", "exit 1");
    host.command("apt-mark", "cat /run/held");
    for (const stamp of ["update-stamp", "upgrade-stamp"]) host.write(`/var/lib/apt/periodic/${stamp}`, "");
    host.write("/etc/apt/apt.conf.d/53twopir-held", 'Blacklist { "nginx"; };\n');
    host.write("/run/held", "");
  });
  afterEach(() => host.remove());

  const updates = async (): Promise<string | undefined> => {
    const asked = { brick: "", address: "192.168.0.121", host: "x.example.com" };
    const one = state("status", { ...asked, volume: "gv0", mount_point: MOUNT });
    return /^updates=(.*)$/m.exec((await host.check(one)).output)?.[1];
  };

  it("is whether any could come: apt succeeds, too, where it reaches no server", async () => {
    expect(await updates()).toBe("current");
    const list = (until: Date): void =>
      host.write("/var/lib/apt/lists/x_debian-security_InRelease", `Valid-Until: ${until.toUTCString()}\n`);
    list(new Date(Date.now() + 60_000));
    expect(await updates()).toBe("current");
    list(new Date(Date.now() - 60_000));
    expect(await updates()).toMatch(/^failed: the list of security updates was good until /);
  });

  it("is what waits for the window, and what somebody holds back for ever", async () => {
    host.write("/var/lib/unattended-upgrades/kept-back", "nginx nginx-common");
    expect(await updates()).toBe("wait for the window");
    host.write("/run/held", "nginx\n");
    expect(await updates()).toBe("held back: nginx (sudo apt-mark unhold nginx)");
  });
});
