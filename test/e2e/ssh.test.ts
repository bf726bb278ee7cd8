import { execFileSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newKey, startAgent } from "../unit/remote/sshd";
import { loaded, succeeded } from "./states";
import {
  address,
  endsWell,
  inside,
  lab,
  LAB,
  labFile,
  NAME,
  root,
  run,
  SUBNET,
  sudoAsks,
} from "../../lab/drive/lab";
import { Cluster, configFile, DNS, pi, published, stateFolder } from "../../lab/drive/stack";

const PIS = ["pi1", "pi2"];
/** On the way to them. */
const JUMP = "pi3";
const PASSPHRASE = "correct horse battery staple 42";
/** What sudo asks for on pi1, and on pi2: with all that a shell, YAML or JSON might take for its own. */
const SUDO = {
  pi1: `it's "pi 1" $(touch /tmp/owned) \\ ünï5fb2c9e1`,
  pi2: "`touch /tmp/owned` #7d40ae36 世界",
};
/** What is the same of them in a file that quotes them. */
const SUDO_PARTS = ["5fb2c9e1", "7d40ae36"];
/** Of pi2's sshd. */
const PORT = 2222;
const RULE = "/etc/sudoers.d/zz-twopir";
/** Known to nobody else: other labs' tests have commands of their own. */
const WRONG_TSIG = randomBytes(32).toString("base64");

let cluster: Cluster;
let folder: string;
/** A private key that has a passphrase, and the same one without. */
let locked: string;
let open: string;
let secrets: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "twopir-ssh-"));
  [locked, open] = [join(folder, "locked"), newKey(join(folder, "open"))];
  writeFileSync(locked, readFileSync(open), { mode: 0o600 });
  execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", PASSPHRASE, "-f", locked]);
  const body = (path: string): string => readFileSync(path, "utf8").split("\n")[2] ?? "";
  secrets = [
    PASSPHRASE,
    WRONG_TSIG,
    ...SUDO_PARTS,
    body(open),
    body(locked),
    await published("LAB_TSIG_SECRET"),
  ];
  await loaded("packages");
  const key = readFileSync(`${open}.pub`, "utf8").trim();
  for (const name of [...PIS, JUMP]) await inside(name, `echo '${key}' >>/home/pi/.ssh/authorized_keys`);
  for (const name of ["pi1", "pi2"] as const) await sudoAsks(name, SUDO[name]);
  await inside("pi2", `echo 'Port ${PORT}' >/etc/ssh/sshd_config.d/port.conf && systemctl restart ssh`);
  const known = readFileSync(labFile("known_hosts"), "utf8");
  knownHosts = join(folder, "known_hosts");
  writeFileSync(knownHosts, known.replaceAll(`${address("pi2")} `, `[${address("pi2")}]:${PORT} `));
  cluster = await Cluster.create({ "twopir:pis": pis, "twopir:ssh": withKey() });
  await cluster.secret("twopir:sshPassphrase", PASSPHRASE);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

let knownHosts: string;
const withKey = () => ({ keyFile: locked, knownHosts });
const pis = [pi("pi1"), pi("pi2", { port: PORT })];

/** Other settings, with all secrets. */
async function configure(settings: Readonly<Record<string, unknown>>): Promise<void> {
  await cluster.configure({ "twopir:pis": pis, ...settings });
  await sudoPasswords();
}

/** That of all, and pi2's own. */
async function sudoPasswords(): Promise<void> {
  await cluster.secret("twopir:sudoPassword", SUDO.pi1);
  await cluster.secret("twopir:pis[1].sudoPassword", SUDO.pi2);
}

/** Files that have been written since the marker was and hold one of these texts. */
function filesWith(texts: readonly string[], marker: string, places: readonly string[]): string[] {
  const patterns = join(folder, "patterns");
  writeFileSync(patterns, `${texts.join("\n")}\n`);
  const line =
    'find "${@:3}" -xdev -type f -newer "$1" -not -path "$2/*" -print0 2>/dev/null | xargs -0r grep -alsF -f "$2/patterns" || true';
  return execFileSync("bash", ["-c", line, "-", marker, folder, ...places], { encoding: "utf8" })
    .split("\n")
    .filter((path) => path !== "");
}

/** Commands whose words hold one of these texts, the Pis' processes among them. */
const commandsWith = (texts: readonly string[]): string[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, "utf8")];
      } catch {
        return []; // it has ended
      }
    })
    .filter((command) => texts.some((text) => command.includes(text)));

/** Where a run of Pulumi may leave something. */
const places = (): string[] => [
  stateFolder(),
  configFile(LAB),
  cluster.environment.PULUMI_HOME ?? "",
  "/tmp",
  "/dev/shm",
  "/var/tmp",
  ...PIS.map((name) => labFile(name, "upper")),
];

/** What can be seen of these texts while something goes on, and afterwards. */
async function seenOf(texts: readonly string[], happening: () => Promise<string>): Promise<string[]> {
  const marker = join(folder, "marker");
  writeFileSync(marker, "");
  await sleep(20);
  const seen = new Set<string>();
  const state = { over: false };
  const watching = (async () => {
    for (let round = 0; !state.over; round += 1) {
      for (const command of commandsWith(texts)) seen.add(`command: ${command}`);
      if (round % 20 === 0) for (const path of filesWith(texts, marker, ["/tmp", "/dev/shm"])) seen.add(path);
      await sleep(50);
    }
  })();
  const said = await happening().finally(() => (state.over = true));
  await watching;
  for (const path of filesWith(texts, marker, places())) seen.add(path);
  for (const text of texts) if (said.includes(text)) seen.add("what was said");
  return [...seen];
}

describe("a sudo that asks for a password", () => {
  const refused = async (said: (name: string) => string): Promise<void> => {
    for (const outcome of [await cluster.preview(), await cluster.up()]) {
      expect(outcome.failed).toBe(true);
      expect(outcome.changed).toEqual({});
      for (const name of PIS) expect(outcome.said).toContain(said(name));
    }
  };

  it("is refused before any change where none is set, with both ways out", async () => {
    await refused((name) => `${name} (${address(name)}): user pi may not use sudo without a password`);
    const { said } = await cluster.up();
    expect(said).toContain("config set --secret twopir:sudoPassword");
    expect(said).toContain("sudo raspi-config nonint do_sudo_pass 1");
  });

  it("is refused with a wrong one, which is tried once in each look", async () => {
    const since = await inside("pi1", "date '+%F %T'");
    await sleep(1000);
    await cluster.secret("twopir:sudoPassword", "wrong");
    await refused((name) => `${name} (${address(name)}): sudo rejects the password that is set for user pi`);
    const tried = await inside(
      "pi1",
      `journalctl -q -o cat --since '${since}' | grep -c 'incorrect password attempt' || true`,
    );
    expect(tried).toBe("2"); // a preview and an up
  });
});

describe("a secret", () => {
  beforeAll(sudoPasswords);

  it("is seen nowhere during and after an up; a name that is none is", async () => {
    const happening = async (): Promise<string> => succeeded(await cluster.up()).said;
    expect(await seenOf(secrets, happening)).toEqual([]);
    const named = await seenOf([NAME], async () => {
      await run("bash", ["-c", `: ${NAME}; sleep 1; :`]);
      return (await cluster.up()).said;
    });
    expect(named).toContainEqual(expect.stringContaining("command: bash"));
    expect(named).toContainEqual(expect.stringContaining(stateFolder()));
    for (const name of PIS) {
      expect(await inside(name, `stat -c %a:%U:%G ${RULE}`)).toBe("440:root:root");
      expect(await endsWell(name, "test -e /tmp/owned")).toBe(false);
    }
  });

  it("leaves nothing to do, changed as it may be, and is needed again where sudo's rule is gone", async () => {
    expect((await cluster.preview()).changed).toEqual({});
    await cluster.secret("twopir:sudoPassword", "another 5fb2c9e1");
    expect((await cluster.preview()).changed).toEqual({});
    await inside("pi1", `rm ${RULE}`);
    expect((await cluster.preview()).said).toContain("sudo rejects the password that is set for user pi");
    await sudoPasswords();
    expect((await cluster.preview()).changed).toEqual({ "pi1-twopir": "update" });
    succeeded(await cluster.up());
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("that sudo asks for in spite of its rule is named", async () => {
    await inside("pi1", "echo 'pi ALL=(ALL) ALL' >>/etc/sudoers");
    const preview = await cluster.preview();
    const up = await cluster.up();
    await inside("pi1", "sed -i '$d' /etc/sudoers");
    expect(Object.keys(preview.changed)).toEqual(["pi1-twopir-upload", "pi1-twopir"]);
    for (const { said } of [preview, up])
      expect(said).toContain(`sudo asks user pi for a password in spite of ${RULE}`);
    expect(up.failed).toBe(true);
    succeeded(await cluster.up());
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("is no matter of names: a Pi that is listed by one is the same Pi", async () => {
    // A number is a name that needs no name server: C's own inet_aton reads it.
    const byName = ({ name, address: dotted, ...rest }: (typeof pis)[number]) => ({
      ...rest,
      name,
      address: `0x${dotted
        .split(".")
        .map((part) => Number(part).toString(16).padStart(2, "0"))
        .join("")}`,
    });
    await configure({ "twopir:pis": pis.map(byName), "twopir:ssh": withKey() });
    await cluster.secret("twopir:sshPassphrase", PASSPHRASE);
    expect((await cluster.preview()).changed).toEqual({});
    const outcome = succeeded(await cluster.up());
    expect(outcome.changed).toEqual({});
    expect(Object.values((await cluster.outputs()).names?.value as object)).toEqual(PIS.map(address));
  });

  it("for a key is not needed by one that has none, as another operator's, and does no harm there", async () => {
    await configure({ "twopir:ssh": { keyFile: open, knownHosts } });
    await cluster.secret("twopir:sshPassphrase", PASSPHRASE);
    expect((await cluster.preview()).changed).toEqual({});
    await inside("pi1", "rm /etc/nginx/sites-enabled/cluster");
    expect(succeeded(await cluster.up()).changed).toHaveProperty("pi1-sites-enabled-link", "update");
    expect((await cluster.preview()).changed).toEqual({});
  });

  const failing = async (why: string): Promise<string> => {
    await cluster.secret("twopir:sshPassphrase", PASSPHRASE);
    const { failed, said } = await cluster.up();
    expect(failed).toBe(true);
    expect(said).toContain(why);
    return said;
  };

  it("is seen nowhere when an up is refused, though all records are as they should be", async () => {
    await configure({ "twopir:ssh": withKey() });
    await cluster.secret("twopir:tsigSecret", WRONG_TSIG);
    expect(await seenOf(secrets, () => failing("takes no update of the zone"))).toEqual([]);
  });

  it("is seen nowhere when an up fails", async () => {
    const dns = { ...DNS, server: `${SUBNET}.54` };
    await configure({ "twopir:ssh": withKey(), "twopir:hostname": `www.${NAME}`, "twopir:dns": dns });
    expect(await seenOf(secrets, () => failing(`${SUBNET}.54 does not answer`))).toEqual([]);
  });

  it("is seen nowhere during and after destroy", async () => {
    await configure({ "twopir:ssh": withKey() });
    await cluster.secret("twopir:sshPassphrase", PASSPHRASE);
    expect(await seenOf(secrets, async () => succeeded(await cluster.destroy()).said)).toEqual([]);
    for (const name of PIS) expect(await endsWell(name, `test -e ${RULE}`)).toBe(false);
  });
});

describe("an ssh agent and a jump host", () => {
  let agent: ChildProcess;
  const settings = () => ({
    "twopir:ssh": { agent: true, knownHosts, jumpHost: { address: address(JUMP), user: "pi" } },
  });

  beforeAll(async () => {
    const socket = join(folder, "agent");
    agent = await startAgent(socket);
    process.env.SSH_AUTH_SOCK = socket;
    execFileSync("ssh-add", ["-q", open]);
  });
  afterAll(() => {
    delete process.env.SSH_AUTH_SOCK;
    agent.kill();
  });

  it("make the cluster without a key in its state, and without a direct connection to any Pi", async () => {
    await sleep(1000); // journalctl takes whole seconds, and a destroy may have ended in this one
    const since = await inside("pi1", "date '+%F %T'");
    await configure(settings());
    succeeded(await cluster.up());
    expect((await cluster.preview()).changed).toEqual({});
    const state = execFileSync("pulumi", ["stack", "export", "--show-secrets", "--stack", LAB], {
      cwd: root,
      env: { ...process.env, ...cluster.environment },
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    expect(state.includes("privateKey")).toBe(false);
    expect(state.includes("proxy")).toBe(true); // so a key would be seen, too
    for (const name of PIS) {
      const from = await inside(
        name,
        `journalctl -q -o cat --since '${since}' | sed -n 's/^Accepted publickey for pi from \\([^ ]*\\) .*/\\1/p' | sort -u`,
      );
      expect(from).toBe(address(JUMP));
    }
  });

  it("tell what a visitor does not get there, where the jump host is", async () => {
    const rule = `nft 'add table inet theirs; add chain inet theirs input { type filter hook input priority 5; }; add rule inet theirs input ip saddr ${address(JUMP)} tcp dport 80 drop'`;
    await inside("pi2", rule);
    const { said } = await cluster.preview();
    await inside("pi2", "nft delete table inet theirs");
    expect(said).toMatch(
      /the jump host cannot get \S+ at \S+ \(.*although the Pis see themselves serving it/,
    );
    expect((await cluster.preview()).said).not.toContain("cannot get http");
  });

  it("name the jump host where it is away, and change nothing then", async () => {
    await lab("off", JUMP);
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toMatch(/the jump host \([\d.]*\) does not answer on port 22/);
    expect(outcome.changed).toEqual({});
    await lab("on", JUMP);
    succeeded(await cluster.up());
  });

  it("may be what ~/.ssh/config says, and another operator's may say something else", async () => {
    const config = join(folder, "config");
    // In its place, since ssh finds the file by the user's entry in /etc/passwd, not by HOME.
    writeFileSync(join(folder, "ssh"), `#!/bin/sh\nexec /usr/bin/ssh -F ${config} "$@"\n`, { mode: 0o755 });
    const port = `Host ${address("pi2")}\n  Port ${PORT}\n`;
    const way = `Host ${PIS.map(address).join(" ")}\n  User pi\n  ProxyJump pi@gate\n`;
    writeFileSync(config, `${port}${way}Host gate\n  HostName ${address(JUMP)}\n`);
    const open = {
      "twopir:pis": PIS.map((name) => pi(name, { user: undefined })),
      "twopir:ssh": { agent: true, knownHosts },
    };
    const { PATH } = process.env;
    process.env.PATH = `${folder}:${PATH ?? ""}`;
    cluster = await Cluster.open(open);
    await configure(open);
    expect((await cluster.preview()).changed).toEqual({});
    expect(succeeded(await cluster.up()).changed).toEqual({});
    const { users, ownWay } = await cluster.outputs();
    expect(users?.value).toEqual(Object.fromEntries(PIS.map((name) => [address(name), "pi"])));
    expect(ownWay?.value).toBe(true);
    writeFileSync(config, `${port}Host *\n  User somebody\n`); // and directly
    expect((await cluster.preview()).changed).toEqual({});
    process.env.PATH = PATH;
  });
});
