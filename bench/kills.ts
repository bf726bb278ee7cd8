import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { breakByHand, DRIFTS, nsupdate } from "../lab/drive/drifts";
import { address, addresses, get, healed, inside, lab, NAME, root } from "../lab/drive/lab";
import { Cluster, type Outcome } from "../lab/drive/stack";
import { pick, randomFrom } from "./random";
import { StartedUp } from "./started-up";

const PIS = ["pi1", "pi2"];
/** Seconds that an interrupted `up` may take to notice that its Pi is gone; then its user presses Ctrl-C. */
const END_SECONDS = 600;
/** Seconds after the beginning of a step at most, where it may be any step; most take half a second. */
const STEP_SECONDS = 0.4;
const LOGS = join(root, ".twopir", "kills");

/** Where there is nothing yet: blank Pis, or what `destroy` leaves. */
const EMPTY = ["blank", "destroyed"] as const;
const STARTS = [...EMPTY, "drifted"] as const;
type Start = (typeof STARTS)[number];
type Random = () => number;

/** One way to interrupt `pulumi up`. */
interface Way {
  readonly name: string;
  /** The resource in whose work it strikes, with how many seconds of it at most. Default: any step. */
  readonly within?: readonly [RegExp, number];
  readonly strike: (up: StartedUp, pi: string, random: Random) => Promise<void>;
}

async function cutLink(_up: StartedUp, pi: string, random: Random): Promise<void> {
  await lab("cut", pi);
  await sleep(8000 + 7000 * random());
  await lab("restore", pi);
}

/** Each in turn, and after them all again from the next start. */
const WAYS: readonly Way[] = [
  {
    name: "Ctrl-C",
    strike: async (up) => {
      up.signal("SIGINT", "engine");
      await up.ended;
    },
  },
  {
    name: "SIGKILL of all",
    strike: async (up) => {
      up.signal("SIGKILL", "all");
      await up.ended;
    },
  },
  {
    name: "ssh cut",
    strike: async () => {
      // For two seconds, so that a step between two connections does not slip through.
      const cut =
        "for _ in {1..20}; do ss -K state established '( sport = :22 )' 2>/dev/null; sleep 0.1; done";
      await Promise.all(PIS.map((pi) => inside(pi, cut)));
    },
  },
  { name: "link cut, apt", within: [/-package$/, 20], strike: cutLink },
  { name: "link cut, volume", within: [/^gv0-volume$/, 1], strike: cutLink },
  { name: "link cut, config", within: [/^site-config$/, 1], strike: cutLink },
  {
    name: "power cut",
    strike: async (_, pi, random) => {
      await lab("off", pi);
      await sleep(5000 * random());
      await lab("on", pi);
    },
  },
];

function inTurn<T>(all: readonly T[], turn: number): T {
  const its = all[turn % all.length];
  if (its === undefined) throw new Error(`there is no turn ${turn}`);
  return its;
}

/** Refuses what is not as it must be, in words. */
function demand(what: string, found: unknown, wanted: unknown): void {
  const [is, must] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (is !== must) throw new Error(`${what}: ${is}, must be ${must}`);
}

/** The same of a command of Pulumi's, with all that it said. */
function demandSuccess(what: string, { failed, said }: Outcome): void {
  if (failed) throw new Error(`${what}:\n${said}`);
}

const HEAD = ["seed", "start", "way", "moment", "in progress", "its end", "repair", "result"];
const WIDTHS = [7, 9, 23, 7, 27, 8, 7, 0];
const row = (cells: readonly string[]): string =>
  cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)).join(" ");

/** The lab and the stack, which go on from round to round. */
class Kills {
  #cluster: Cluster | undefined;
  /** False while the cluster may be in any state. */
  #converged = false;

  /** One round, told in one line, with all that was printed in a file. */
  async round(seed: number): Promise<boolean> {
    const random = randomFrom(seed);
    const way = inTurn(WAYS, seed);
    const start = inTurn(way.within ? EMPTY : STARTS, Math.floor(seed / WAYS.length));
    const pi = pick(random, PIS);
    const log: string[] = [];
    const cells = [`${seed}`, start, `${way.name} (${pi})`];
    try {
      const cluster = await this.#prepare(start, random, log);
      const { moment, doing, end } = await interrupt(cluster, way, pi, random, log);
      cells.push(`${moment.toFixed(1)} s`, doing, end);
      const repair = await cluster.up();
      log.push(`the repairing up, ${repair.seconds} s:`, repair.said);
      cells.push(`${repair.seconds.toFixed(0)} s`);
      demandSuccess("the repairing up failed", repair);
      await demandConverged(cluster, log);
      this.#converged = true;
      cells.push("converged");
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.push(why);
      cells.push(`NOT CONVERGED: ${why.split("\n")[0] ?? ""}`);
    }
    console.log(row(cells));
    writeFileSync(join(LOGS, `${seed}.log`), [row(cells), ...log, ""].join("\n"));
    return this.#converged;
  }

  /** A cluster in that state, with a stack that knows of it. */
  async #prepare(start: Start, random: Random, log: string[]): Promise<Cluster> {
    const usable = this.#converged;
    this.#converged = false;
    if (start === "blank" || !usable || this.#cluster === undefined) {
      for (const pi of PIS) await lab("blank", pi, "--trust");
      nsupdate(`update delete ${NAME} A`);
      this.#cluster = await Cluster.create();
      if (start === "blank") return this.#cluster;
      demandSuccess("the cluster to begin with failed", await this.#cluster.up());
    }
    await inside("pi1", "head -c 3M /dev/urandom >/mnt/gluster1/www/content");
    if (start === "destroyed") {
      demandSuccess("destroy failed", await this.#cluster.destroy());
      return this.#cluster;
    }
    const drifts = DRIFTS.filter(() => random() < 0.25);
    for (const drift of drifts.length > 0 ? drifts : [pick(random, DRIFTS)])
      await breakByHand(drift).then(
        () => log.push(`broken: ${drift.what}`),
        () => log.push(`broken in part, after those before: ${drift.what}`),
      );
    return this.#cluster;
  }
}

/** Starts an `up`, interrupts it and waits until it has ended, which it need not do by an error. */
async function interrupt(
  cluster: Cluster,
  way: Way,
  pi: string,
  random: Random,
  log: string[],
): Promise<{ moment: number; doing: string; end: string }> {
  const planned = Object.keys((await cluster.preview()).changed).length;
  const step = 1 + Math.floor(random() * planned);
  const [aim, most] = way.within ?? [undefined, STEP_SECONDS];
  const up = new StartedUp(cluster);
  await up.until((begun) => (aim ? begun.some((name) => aim.test(name)) : begun.length >= step));
  await sleep(1000 * most * random());
  const moment = up.seconds;
  const [first = "nothing", ...others] = up.inProgress();
  await way.strike(up, pi, random);
  const timer = setTimeout(() => up.signal("SIGINT", "engine"), END_SECONDS * 1000);
  const status = await up.ended;
  clearTimeout(timer);
  log.push(`the up, struck after ${moment} s in ${[first, ...others].join(", ")}:`, up.printed);
  if (status === undefined) await cluster.cancel();
  return {
    moment,
    doing: others.length > 0 ? `${first} +${others.length}` : first,
    end: status === undefined ? "killed" : status === 0 ? "success" : "failure",
  };
}

/** What a user may expect after one `up`. */
async function demandConverged(cluster: Cluster, log: string[]): Promise<void> {
  const preview = await cluster.preview();
  log.push("the preview:", preview.said);
  demand("the preview failed", preview.failed, false);
  demand("the preview is not empty", preview.changed, {});
  for (const pi of PIS) demand(`the page of ${pi}`, (await get(address(pi))).status, 200);
  demand("the A records", (await addresses()).sort(), PIS.map(address));
  await healed("pi1");
  const [one, two] = await Promise.all(PIS.map((pi) => inside(pi, BRICK)));
  demand("the copies", one, two);
  for (const pi of PIS) {
    demand(`half-written files on ${pi}`, await inside(pi, "find /etc /mnt/gluster1 -name '*.twopir'"), "");
    demand(`dpkg --audit on ${pi}`, await inside(pi, "dpkg --audit"), "");
  }
}

/**
 * Every name of a brick with type, mode and target, and every file's sum. Not of gluster's own folders: in the one for
 * "anonymous inodes" lies what a heal has taken away, until the next sweep, on one brick only.
 */
const BRICK = [
  "cd /data/brick1/gv0",
  "find . \\( -path './.glusterfs*' -o -path ./.copies \\) -prune -o -printf '%P %y %m %l\\n' | sort",
  "find . \\( -path './.glusterfs*' -o -path ./.copies \\) -prune -o -type f -exec md5sum {} + | sort",
].join(" && ");

/** `npm run kills -- [ROUNDS] [--seed N]`: whatever interrupts `pulumi up`, the next one completes the work. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: "string", default: (Date.now() % 1_000_000).toString() } },
  });
  const rounds = Number(positionals[0] ?? 25);
  const seed = Number(values.seed);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  await lab("down");
  await lab("up", "2");
  const kills = new Kills();
  let converged = 0;
  mkdirSync(LOGS, { recursive: true });
  console.log(row(HEAD));
  for (let i = 0; i < rounds; i += 1) if (await kills.round(seed + i)) converged += 1;
  console.log(`\n${converged} of ${rounds} converged`);
  process.exitCode = converged === rounds ? 0 : 1;
}

void main();
