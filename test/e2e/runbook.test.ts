import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NGINX_LINK } from "../../lab/drive/drifts";
import {
  address,
  addresses,
  connected,
  endsWell,
  floatingAddress,
  get,
  healed,
  inside,
  LAB,
  lab,
  labFile,
  NAME,
  root,
  run,
  servesAgain,
  SUBNET,
  until,
} from "../../lab/drive/lab";
import { configFile, published, stateFolder, type Cluster } from "../../lab/drive/stack";
import { BRICK, full, noted, powerCycle, write } from "./losses";
import { asSeen, block, inText } from "./runbook";
import { anewAfterFailure, begin, copyOfThisVersion, eachHoldsItsOwn, nothingToDo } from "./states";

// What docs/operations.md says is typed as it stands. One cluster goes through all of it; each case leaves it whole.
const PIS = ["pi1", "pi2"] as const;
const WWW = "/mnt/gluster1/www";
let cluster: Cluster;
/** What the operator has beside the checkout. */
let desk: string;

beforeAll(() => {
  desk = mkdtempSync(join(tmpdir(), "twopir-runbook-"));
  // It answers what ssh asks a human: whether the fingerprint is right, and the password of the new card's user.
  const answers = `#!/bin/sh\ncase $1 in *yes/no*) echo yes ;; *) echo ${PASSWORD} ;; esac\n`;
  writeFileSync(join(desk, "human"), answers, { mode: 0o755 });
});
anewAfterFailure(async () => {
  cluster = await begin("converged");
});
afterAll(() => {
  rmSync(desk, { recursive: true });
});

const PASSWORD = "raspberry";

/**
 * A bash of the operator's, as words for a program: ~/.ssh is the lab's, for this shell alone; `pulumi` is what the
 * document's opening says, and so is what is typed there first.
 */
const shell = (lines: string): readonly [file: string, args: readonly string[]] => [
  "unshare",
  [
    ...["--mount", "bash", "-ec"],
    'exec 2>&1; mkdir -p ~/.ssh; mount --bind "$1" ~/.ssh; pulumi() { npm run --silent pulumi -- "$@"; }; eval "$2"',
    ...["bash", labFile(), `${block("environment")}\n${lines}`],
  ],
];

const environment = (): NodeJS.ProcessEnv => {
  const { PULUMI_STACK, ...others } = { ...process.env, ...cluster.environment };
  expect(PULUMI_STACK).toBe(LAB); // so that the document is what sets it
  const human = { SSH_ASKPASS: join(desk, "human"), SSH_ASKPASS_REQUIRE: "force" };
  // Where the document logs in to a backend, nobody else's login is another one afterwards.
  return { ...others, ...human, PULUMI_SKIP_CONFIRMATIONS: "true", PULUMI_CREDENTIALS_PATH: desk };
};

const start = (lines: string, cwd = root, detached = false): ChildProcess =>
  spawn(...shell(lines), { cwd, env: environment(), detached, stdio: ["ignore", "pipe", "ignore"] });

/** Types lines in it. @returns what they print; rejects with that where one fails. */
async function typed(lines: string, cwd?: string): Promise<string> {
  const child = start(lines, cwd);
  let out = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (out += text));
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) throw new Error(`${lines}\nended with status ${status ?? "none"}:\n${out}`);
  return out;
}

/** Types lines on a Pi, logged in as its user. */
const typedOn = (name: string, lines: string): Promise<string> =>
  run("bash", ["lab/lab.sh", "ssh", name, lines]);

/** Comes with Pulumi's SDK, without types. */
const yaml = createRequire(__filename)("js-yaml") as {
  load: (text: string) => unknown;
  dump: (value: unknown) => string;
};

/** Puts lines into the config of the stack's file, in the place of what it has of the same key. */
function edit(lines: string): void {
  const file = yaml.load(readFileSync(configFile(LAB), "utf8")) as { readonly config: object };
  const config = { ...file.config, ...(yaml.load(lines) as object) };
  writeFileSync(configFile(LAB), yaml.dump({ ...file, config }));
}

const isFull = (): Promise<void> => full(cluster, "converged");

describe("what is wrong", () => {
  it("is said by two commands here, and by two on a Pi", async () => {
    expect(await typed(block("look"))).toContain(`all is well: http://${NAME}/`);
    expect(await typedOn("pi1", block("lookOnPi"))).toContain("all states of pi1 are as they should be");
    await inside("pi1", `rm ${NGINX_LINK}`);
    await expect(typed(block("look"))).rejects.toThrow(`${NGINX_LINK} is missing`);
    await expect(typedOn("pi1", "sudo twopir status")).rejects.toThrow(`${NGINX_LINK} is missing`);
  });
});

describe("an up that was interrupted", () => {
  it("is run again, and first its lock is released where pulumi was killed", async () => {
    await inside("pi1", "DEBIAN_FRONTEND=noninteractive apt-get -qq remove -y nginx >/dev/null 2>&1");
    const up = start(block("interrupted"), root, true);
    up.stdout?.resume();
    const ended = once(up, "exit");
    await until("up installs the package", 60, () => endsWell("pi1", "pgrep -x apt-get"));
    process.kill(-(up.pid ?? 0), "SIGKILL");
    await ended;
    await expect(typed(block("interrupted"))).rejects.toThrow(/currently locked/);
    await typed(inText("An up that was interrupted", "pulumi cancel"));
    await typed(inText("An up that was interrupted", "npm run pulumi -- up"));
    await nothingToDo(cluster);
  });
});

describe("a Pi that is worked on", () => {
  it("is drained, and comes back", async () => {
    const lines = block("drained");
    edit(lines);
    await typed(inText("Work on a Pi", "pulumi up"));
    expect(await addresses()).toEqual([address("pi1")]);
    await lab("off", "pi2");
    await nothingToDo(cluster, /^pi2 is drained: /);
    await write("pi1", "meanwhile");
    await lab("on", "pi2");
    edit(lines.replace(", drained: true", ""));
    await typed("pulumi up");
    expect((await addresses()).sort()).toEqual(PIS.map(address));
    await isFull();
  });
});

describe("a dead card", () => {
  it("gives its place to a new one, when its host key is accepted", async () => {
    await noted("converged");
    await lab("blank", "pi2");
    await inside(
      "pi2",
      `rm /home/pi/.ssh/authorized_keys && echo 'pi:${PASSWORD}' | chpasswd &&
       echo 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/00-password.conf && systemctl restart ssh`,
    );
    expect((await cluster.preview()).said).toContain("(docs/operations.md#a-dead-card)");
    const [accept = "", up = ""] = block("deadCard").split("\n");
    await typed(accept);
    expect((await cluster.preview()).said).toContain(
      inText("A dead card", "pi2-twopir: twopir is not on this Pi"),
    );
    await typed(up);
    await isFull();
  });
});

describe("copies that differ", () => {
  it("are named, and made one by the Pi whose copy is right", async () => {
    await inside("pi1", `echo right >${WWW}/index.html`);
    await healed("pi1");
    await inside("pi2", `echo 'not this one' >${BRICK}/www/index.html`);
    for (const name of PIS) await inside(name, "systemctl restart twopir-full-copy");
    await until("it is named", 90, async () =>
      asSeen(block("differing")).test((await cluster.preview()).said),
    );
    await typed(block("acceptCopy"));
    await isFull();
    expect(await inside("pi2", `cat ${BRICK}/www/index.html`)).toBe("right");
  });
});

describe("the copy that is left", () => {
  it("counts by the user's word, where nobody knows whether it is full", async () => {
    await noted("converged");
    await lab("off", "pi2");
    await write("pi1", "newer");
    await inside(
      "pi1",
      `systemctl stop glusterd; kill -KILL $(pgrep -x glusterfsd); rm -rf ${BRICK} && mkdir ${BRICK}`,
    );
    await lab("off", "pi1");
    for (const name of ["pi2", "pi1"]) await lab("on", name);
    await servesAgain("pi2");
    const { failed, said } = await cluster.up();
    expect(failed).toBe(true);
    expect(said).toMatch(/no other copy is known to be full: .*\(docs\/operations\.md#which-copy-counts\)/);
    await typed(block("countCopy"));
    await isFull();
  });
});

describe("a split brain", () => {
  it("is named, and ends by the word of the user", async () => {
    await lab("part", ...PIS);
    for (const name of PIS)
      await until(`${name} goes on by itself`, 60, () => endsWell(name, `timeout 5 ls ${WWW}`));
    await inside("pi1", `echo file >${WWW}/a`);
    await inside("pi2", `mkdir ${WWW}/a && echo in >${WWW}/a/folder`);
    await lab("join", ...PIS);
    await connected(2);
    await until("it is named", 90, async () => asSeen(block("split")).test((await cluster.preview()).said));
    await typed(block("choose"));
    await healed("pi1");
    for (const name of PIS) expect(await inside(name, `cat ${WWW}/a`)).toBe("file");
    expect(await inside("pi1", "cat /mnt/gluster1/aside-*/pi2/www/a/folder")).toBe("in");
    await inside("pi1", "rm -r /mnt/gluster1/aside-*");
    await isFull();
  });
});

describe("another address", () => {
  it("of a Pi that should have its former one as well is given back there", async () => {
    const other = `${SUBNET}.142`;
    await inside(
      "pi2",
      `ip address flush dev eth0 && ip address add ${other}/24 dev eth0 && ip route add default via ${SUBNET}.1`,
    );
    expect((await cluster.preview()).said).toContain(`pi2 (${address("pi2")}) does not answer`);
    await inside("pi2", `runuser -u pi -- bash -c '${block("formerAddress")}'`); // at its keyboard
    await servesAgain("pi2");
    expect((await cluster.preview()).said).not.toContain("does not answer");
    await powerCycle("pi2");
    await isFull();
  });
});

describe("content", () => {
  it("that was copied by hand may be changed by all of a group", async () => {
    await inside("pi1", `useradd -m anna; echo root >${WWW}/by-root`);
    await typedOn("pi1", inText("Content and releases", "sudo gpasswd -a anna twopir-content"));
    const change = `runuser -u anna -- sh -c 'echo anna >${WWW}/by-root'`;
    expect(await endsWell("pi1", change)).toBe(false);
    await typedOn("pi1", block("handToGroup"));
    expect(await endsWell("pi1", change)).toBe(true);
    const page = async (): Promise<string> => (await get(address("pi2"), "/by-root")).body;
    await until("the other Pi serves it", 10, async () => (await page()) === "anna\n");
  });

  it("that is a folder is served by its own rules, and by a page for all that is not there", async () => {
    const pages = join(desk, "pages");
    const [redirects = "", headers = ""] = block("rules").split("\n\n");
    mkdirSync(join(pages, "app"), { recursive: true });
    mkdirSync(join(pages, "downloads"));
    const files = {
      "index.html": "home",
      "app/index.html": "app",
      "about.html": "about",
      "downloads/one.txt": "one",
      _redirects: `${redirects}\n`,
      _headers: `${headers}\n`,
    };
    for (const [path, text] of Object.entries(files)) writeFileSync(join(pages, path), text);
    edit(`twopir:site: ${pages}`);
    await typed(`${block("fallback")}\npulumi up`);
    const found = async (path: string): Promise<string> => {
      const { status, headers, body } = await get(address("pi2"), path);
      const leads = headers.location?.replace(/^http:\/\/[^/]*(?=\/)/, "") ?? body;
      const more = headers["content-security-policy"] === undefined ? "" : " with the header";
      return `${status} ${status === 200 ? body : leads}${more}`;
    };
    expect(await found("/old")).toMatch(/^301 \/new/);
    expect(await found("/blog/2024/a/b")).toMatch(/^302 \/news\/2024\/a\/b/);
    expect(await found("/app/anything")).toBe("200 app with the header");
    expect(await found("/about")).toMatch(/^301 https:\/\/example\.org\/us/);
    expect(await found("/nowhere")).toBe("200 home with the header");
    const { headers: sent } = await get(address("pi1"), "/downloads/one.txt");
    expect(sent["cache-control"]).toContain("max-age=3600");
  });

  it("that was published before is gone back to, until the key is taken out", async () => {
    const index = join(desk, "pages", "index.html");
    const page = async (): Promise<string> => (await get(address("pi2"))).body;
    writeFileSync(index, "another");
    await typed("pulumi up");
    expect(await page()).toBe("another");
    await typed(block("goBack"));
    expect(await page()).toBe("home");
    writeFileSync(index, "home");
    await typed(`${inText("Content and releases", "pulumi config rm twopir:release")}\npulumi up`);
    expect(await page()).toBe("home");
    await nothingToDo(cluster);
  });
});

describe("the state", () => {
  it("has today's key when that is asked for", async () => {
    await typed(block("renewKeys"));
    await nothingToDo(cluster);
  });

  it("that is lost is made anew", async () => {
    rmSync(stateFolder(), { recursive: true });
    mkdirSync(stateFolder());
    await typed(block("lostState"));
    await nothingToDo(cluster);
    for (const name of PIS) expect((await get(address(name))).body).toBe("home");
  });

  it("whose passphrase is lost is made anew with another one", async () => {
    const key = await published("LAB_TSIG_SECRET");
    for (const passphrase of ["another", cluster.environment.PULUMI_CONFIG_PASSPHRASE]) {
      const export_ = `export PULUMI_CONFIG_PASSPHRASE=${passphrase ?? ""}`;
      await typed(`${export_}\n${block("lostPassphrase")}`);
      const { config } = yaml.load(readFileSync(configFile(LAB), "utf8")) as { readonly config: object };
      const plain = Object.entries(config).filter(
        ([, value]) => !JSON.stringify(value).includes('"secure":'),
      );
      writeFileSync(configFile(LAB), yaml.dump({ config: Object.fromEntries(plain) }));
      await typed(
        `${export_}\n${inText("Lost state", "pulumi stack init prod")}\npulumi config set --secret twopir:tsigSecret ${key}\npulumi up`,
      );
    }
    await nothingToDo(cluster);
  });

  it("goes along to another backend", async () => {
    const backend = join(desk, "backend");
    mkdirSync(backend);
    const moved = block("movedState").replace("s3://BUCKET", `file://${backend}`);
    await typed(
      `pulumi login file://${stateFolder()}\nunset PULUMI_BACKEND_URL\n${moved}\npulumi preview --expect-no-changes`,
    );
    expect(existsSync(join(backend, ".pulumi", "stacks", "twopir", `${LAB}.json`))).toBe(true);
  });
});

describe("a checkout", () => {
  const checkout = (): string => join(desk, "checkout");
  /** What it was cloned from. */
  const upstream = (): string => join(desk, "upstream");
  const git = (...words: readonly string[]): Promise<string> =>
    run("git", ["-C", upstream(), "-c", "user.name=anna", "-c", "user.email=anna@example.com", ...words]);

  beforeAll(async () => {
    await run("cp", ["-r", "--no-target-directory", await copyOfThisVersion(), upstream()]);
    rmSync(join(upstream(), "node_modules"));
    await git("init", "--quiet", "--initial-branch=main");
    await git("add", "--all");
    await git("commit", "--quiet", "--message=before");
    await git("tag", "before");
    await run("git", ["clone", "--quiet", upstream(), checkout()]);
    mkdirSync(join(checkout(), ".twopir"));
    // Where nothing is installed, making the CLI takes minutes.
    symlinkSync(join(root, ".twopir", "toolchain"), join(checkout(), ".twopir", "toolchain"));
    await run("cp", [configFile(LAB), checkout()]);
  });

  it("that is a newer one brings its program", async () => {
    writeFileSync(join(upstream(), "pi", "library", "newer.sh"), "# shellcheck shell=bash\n");
    await git("add", "--all");
    await git("commit", "--quiet", "--message=newer");
    expect(await typed(block("newVersion"), checkout())).toContain("the program on this Pi is another one");
  });

  it("that is an earlier one again says so, and puts its program back", async () => {
    const said = await typed(block("earlierVersion"), checkout());
    expect(said).toMatch(
      asSeen(
        inText(
          "Back to an earlier version",
          "this Pi has a newer program than this checkout: it got this version at ..., and a later one at ...",
        ),
      ),
    );
    await nothingToDo(cluster);
  });
});

describe("floating addresses", () => {
  it("are each held by their own Pi", async () => {
    edit(block("floating"));
    await typed("pulumi up");
    await eachHoldsItsOwn();
    for (const name of PIS) expect((await get(floatingAddress(name))).body).toBe("home");
  });
});

describe("everything", () => {
  it("is taken back but for the data", async () => {
    const said = await typed(block("takeBack"));
    for (const name of PIS) {
      expect(said).toContain(`the data stay on ${name} in ${BRICK}`);
      expect(await inside(name, `cat ${BRICK}/www/by-root`)).toBe("anna");
      expect(await endsWell(name, "command -v nginx")).toBe(false);
    }
  });
});
