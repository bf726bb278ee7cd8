import { createHash } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import {
  connected,
  floatingAddress,
  get,
  inside,
  LAB,
  lab,
  LabError,
  labFile,
  root,
  run,
  servesAgain,
  until,
  whileFetching,
} from "../../lab/drive/lab";
import { Cluster, configFile, pi, stateFolder, type Outcome } from "../../lab/drive/stack";

/** The floating address that a Pi is preferred for. */
export const FLOATING = { pi1: floatingAddress("pi1"), pi2: floatingAddress("pi2") } as const;

/**
 * Each address is asked all the while, and the name. An answer that was on its way when a Pi died is lost with it, so that
 * one is asked for again, once.
 *
 * @param family By which the name is asked for; false: it is not. Default: 4.
 */
export async function unnoticed(
  floating: readonly string[],
  happening: () => Promise<void>,
  family: 4 | 6 | false = 4,
): Promise<void> {
  const failed = new Map<string, string>();
  const state = { over: false };
  const page = (address: string): ReturnType<typeof get> => get(address, "/", 10_000);
  const ask = async (address: string): Promise<void> => {
    while (!state.over) {
      const answer = await page(address)
        .catch(() => page(address))
        .catch((error: unknown) => String(error));
      if (typeof answer === "string" || answer.status !== 200) failed.set(address, JSON.stringify(answer));
      await sleep(50);
    }
  };
  const clients = floating.map(ask);
  const why: string[] = [];
  try {
    if (family === false) await happening();
    else why.push(...(await whileFetching(happening, family)).why);
  } finally {
    state.over = true;
  }
  await Promise.all(clients);
  expect(Object.fromEntries(failed)).toEqual({});
  expect(why).toEqual([]);
}

/** What `load` of the lab answers with where it has no saved state that fits. */
const UNFIT = 3;

/**
 * What a file of tests begins with: three Pis, of which pi3 is off but for the first three.
 *
 * - bare: blank cards
 * - packages: blank cards with apt's lists, and in apt's cache the packages of the cluster and of the tests
 * - gluster: nginx and gluster installed by hand, glusterd running and enabled, all three Pis on
 * - converged: pi1 and pi2 are a cluster
 * - earlier: the same, made by the last version that had no program on the Pis
 * - floating: the same with floating addresses
 * - three: pi1, pi2 and pi3 are a cluster of three full copies
 * - arbiter: pi1 and pi2 have full copies, and pi3 is the arbiter
 */
export type StateName =
  "bare" | "packages" | "gluster" | "converged" | "earlier" | ClusterOfThree | "floating";
type ClusterOfThree = "three" | "arbiter";

const PACKAGES =
  "nginx logrotate squashfs-tools glusterfs-server glusterfs-client keepalived unattended-upgrades nmap tcpdump tree";

/** How each is made, from the one before it. */
const MAKE: Readonly<Record<StateName, () => Promise<void>>> = {
  bare: async () => {
    await lab("down");
    await lab("up", "3");
  },
  packages: async () => {
    await loaded("bare");
    const fetch = `export DEBIAN_FRONTEND=noninteractive; apt-get -qq update &&
      apt-get -qq install -y --no-install-recommends --download-only ${PACKAGES} >/dev/null`;
    await Promise.all(["pi1", "pi2", "pi3"].map((name) => inside(name, fetch)));
  },
  gluster: async () => {
    await loaded("packages");
    const install = `export DEBIAN_FRONTEND=noninteractive; apt-get -qq install -y --no-install-recommends \
      nginx glusterfs-server glusterfs-client >/dev/null 2>&1 && systemctl enable -q --now glusterd`;
    await Promise.all(["pi1", "pi2", "pi3"].map((name) => inside(name, install)));
  },
  converged: async () => {
    await loaded("packages");
    await lab("off", "pi3");
    succeeded(await (await Cluster.create()).up());
  },
  earlier: async () => {
    await loaded("packages");
    await lab("off", "pi3");
    await upByVersion(await Cluster.create(), EARLIER);
  },
  floating: async () => {
    succeeded(await (await begin("converged", settingsOf("floating"))).up());
  },
  three: () => grown("three"),
  arbiter: () => grown("arbiter"),
};

async function grown(name: ClusterOfThree): Promise<void> {
  const cluster = await begin("converged", settingsOf(name));
  await lab("on", "pi3");
  succeeded(await cluster.up());
}

/** The last version of twopir whose states brought their scripts along. */
const EARLIER = "72de2dc";

/** An up by the program of a former version, by its commit. */
export async function upByVersion(cluster: Cluster, commit: string): Promise<void> {
  const folder = await versionIn("earlier", `git archive ${commit}`);
  const up = cluster.start("up", "--yes", "--cwd", folder);
  up.stdout?.resume();
  up.stderr?.resume();
  const [status] = (await once(up, "close")) as [number | null];
  expect(status).toBe(0);
}

/** A folder with this version, which may be altered, as its files are now. */
export const copyOfThisVersion = (): Promise<string> =>
  versionIn("copy", "git ls-files -z | tar -c --null -T -");

/** What a command packs, with the npm packages of this version; Pulumi looks for the stack's config in it. */
async function versionIn(name: string, pack: string): Promise<string> {
  const folder = labFile(name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await run("bash", ["-o", "pipefail", "-c", `${pack} | tar -x -C ${folder}`]);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  copyFileSync(configFile(LAB), join(folder, basename(configFile(LAB))));
  return folder;
}

/** What its config has beside what that of every test has. */
export const settingsOf = (name: StateName): Readonly<Record<string, unknown>> => {
  if (name === "floating") return { "twopir:floatingAddresses": Object.values(FLOATING) };
  if (!ofThree(name)) return {};
  return { "twopir:pis": [pi("pi1"), pi("pi2"), pi("pi3", name === "arbiter" ? { arbiter: true } : {})] };
};

const ofThree = (name: StateName): name is ClusterOfThree => name === "three" || name === "arbiter";

/**
 * Makes the lab what this state is: in seconds where it was saved before, and anew where nothing fits that was saved.
 */
export async function loaded(name: StateName): Promise<void> {
  const hasCluster = !["bare", "packages", "gluster"].includes(name);
  const options = ["--key", contentKey(hasCluster), ...(hasCluster ? ["--with", stateFolder()] : [])];
  try {
    await lab("load", name, ...options);
  } catch (error) {
    if (!(error instanceof LabError) || error.status !== UNFIT) throw error;
    console.log(`making the saved state ${name}`);
    await MAKE[name]();
    await lab("save", name, ...options);
  }
}

/**
 * A cluster that serves, with everything healed and the Pis' bricks connected.
 *
 * @param settings From now on, beside those of the tests' stack. Default: those that the state was made with.
 */
export async function begin(
  name: "converged" | "earlier" | "floating" | ClusterOfThree,
  settings: Readonly<Record<string, unknown>> = settingsOf(name),
): Promise<Cluster> {
  await loaded(name);
  const cluster = await Cluster.open(settings);
  const pis = ofThree(name) ? ["pi1", "pi2", "pi3"] : ["pi1", "pi2"];
  for (const each of pis) await servesAgain(each);
  await connected(pis.length);
  if (name === "floating") await eachHoldsItsOwn();
  return cluster;
}

/**
 * What every case of a file begins with. What a failed one leaves broken would fail each case after it, so that begins
 * anew then; not before the Pis' journals of the failed one are kept.
 */
export function anewAfterFailure(begins: () => Promise<void>): void {
  let failed = false;
  beforeAll(begins);
  afterEach(({ task }) => {
    failed = task.result?.state === "fail";
  });
  beforeEach(async () => {
    if (failed) await begins();
  });
}

/** What preview says is not as it should be: lines that begin with a state's name. */
export const reasonsIn = ({ said }: Pick<Outcome, "said">): string[] =>
  said.split("\n").filter((line) => /^[a-z0-9-]+: /.test(line));

/** A preview that has nothing to do, and nothing to say but the hint. */
export async function nothingToDo(cluster: Cluster, hint = /^$/): Promise<void> {
  const { said, changed } = await cluster.preview();
  expect(said).toMatch(hint);
  expect(changed).toEqual({});
}

/** A command of Pulumi's that did what it was to do. */
export function succeeded(outcome: Outcome): Outcome {
  // The lines that say it, rather than all that was said.
  const errors = outcome.said
    .split("\n")
    .filter((line) => /error(?!\.log|_page)|^\S+: \S+-\S+: |^- \w/.test(line));
  expect([...new Set(errors)]).toEqual([]);
  expect(outcome.failed).toBe(false);
  return outcome;
}

/** The floating addresses that a Pi has now. */
export const held = async (name: string): Promise<string[]> => {
  const all = await inside(name, "ip -4 -o address show dev eth0");
  return Object.values(FLOATING).filter((floating) => all.includes(` ${floating}/`));
};

export const eachHoldsItsOwn = (): Promise<void> =>
  until("each Pi holds its own address", 60, async () => {
    for (const name of ["pi1", "pi2"] as const)
      if ((await held(name)).join() !== FLOATING[name]) return false;
    return true;
  });

/** What a blank card is made with. */
const LAB_SOURCES = ["lab/lab.sh", "lab/lib", "test/e2e/states.ts"];
/** Everything that a cluster is made with: what lands on a Pi, what decides it, the lab. */
const SOURCES = [
  ...["index.ts", "config.ts", "components", "remote", "operator", "pi", "package-lock.json"],
  ...["toolchain/plugin", "lab/drive/stack.ts", ...LAB_SOURCES],
];

const keys = new Map<boolean, string>();
/** Another one as soon as one byte of the sources is. */
function contentKey(hasCluster: boolean): string {
  const known = keys.get(hasCluster);
  if (known !== undefined) return known;
  const files = (hasCluster ? SOURCES : LAB_SOURCES).flatMap((source) =>
    statSync(join(root, source)).isFile()
      ? [source]
      : readdirSync(join(root, source), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
  );
  const hash = createHash("sha256");
  for (const file of files.sort()) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  const key = hash.digest("hex").slice(0, 16);
  keys.set(hasCluster, key);
  return key;
}
