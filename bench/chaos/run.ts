import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { inside } from "../../lab/drive/lab";
import { published } from "../../lab/drive/stack";
import { Browser, type Screenshots } from "./browser";
import { Load, NameClient, type Clock } from "./clients";
import { begunIn, combined, during, figures, rounded, timeline, type Sample } from "./figures";
import { PIS, type Mode, type PiName } from "./modes";
import type { FaultSeen, Moment, Run, Sides } from "./result";
import { whatIsWrong } from "./right";
import type { Fault, Scenario, Up } from "./scenarios";
import { compareCopies, startWriting, stopWriting } from "./writer";

/** Seconds of quiet before and after each fault. */
const QUIET = 3;
/** Seconds. The slowest thing that mends itself: systemd starts a killed glusterd again after 60. */
const UNTIL_RIGHT = 180;
/** Seconds of one piece of the timeline. */
const PIECE = 0.5;

/** What runScenario needs to know of the world around it. */
export interface Stage {
  readonly mode: Mode;
  readonly up: Up;
  readonly preview: () => Promise<string>;
  /** Tells of each moment when it comes. */
  readonly say: (moment: Moment) => void;
  /** Files, by when they are taken; for scenarios with a browser. */
  readonly screenshots: Screenshots;
}

interface Turn {
  readonly fault: Fault;
  readonly began: number;
  readonly ended: number;
  /** When everything was right, or the time for it was over. */
  readonly settled: number;
  /** What was not right when it settled. */
  readonly wrong: string | undefined;
  readonly broken: string | undefined;
  readonly over: number;
  readonly samples: readonly Sample[];
  readonly pages: readonly Sample[];
  readonly accessLogs?: Readonly<Record<string, number>>;
  readonly lateness: number;
}

/** Needs a cluster on which everything is right; leaves one, or says in a fault's `broken` what is not. */
export async function runScenario(scenario: Scenario, stage: Stage): Promise<Run> {
  const zero = performance.now();
  const clock: Clock = () => (performance.now() - zero) / 1000;
  const began = new Date().toISOString();
  const moments: Moment[] = [];
  const moment = (what: string): number => {
    const now = { seconds: rounded(clock()), what };
    moments.push(now);
    stage.say(now);
    return now.seconds;
  };

  await startWriting();
  const turns: Turn[] = [];
  for (const pi of scenario.browser ? [undefined] : (scenario.on ?? PIS)) {
    const turn = await takeTurn(scenario, stage, pi, clock, moment);
    turns.push(turn);
    if (turn.broken !== undefined) break;
  }
  await stopWriting();
  if (turns.every((turn) => turn.broken === undefined)) await untilRight(stage.mode); // what the last lines left to heal
  const written = await compareCopies();
  const said = written.lostWrites > 0 ? await stage.preview() : "";

  const targets = Object.values(stage.mode.home);
  const samples = turns.flatMap((turn) => turn.samples);
  const faults = turns.map((turn) => faultSeen(turn, stage.mode));
  const recoveries = faults.map((fault) => fault.recoverySeconds);
  const all = figures(samples);
  const run: Run = {
    mode: stage.mode.name,
    scenario: scenario.name,
    about: scenario.about,
    began,
    requests: all.requests,
    failed: all.failed,
    worstStallSeconds: all.worstSeconds,
    recoverySeconds: recoveries.includes(null) ? null : Math.max(...recoveries.map(Number)),
    ...written,
    conflicts: [...new Set(said.match(/\S+ is in split brain/g))],
    byName: {
      client: scenario.browser ? "Chromium" : "like Chromium",
      ...combined(faults.map((fault) => fault.byName)),
    },
    addresses: Object.fromEntries(
      targets.map((target) => [target, combined(turns.map((turn) => figures(of(turn.samples, [target]))))]),
    ),
    faults,
    clientLateSeconds: rounded(Math.max(...turns.map((turn) => turn.lateness))),
    moments,
    timeline: {
      ...Object.fromEntries(targets.map((target) => [target, timeline(of(samples, [target]), PIECE)])),
      "by name": timeline(
        turns.flatMap((turn) => turn.pages),
        PIECE,
      ),
    },
    checks: [],
  };
  return { ...run, checks: scenario.checks.flatMap((check) => check(run)) };
}

/** One fault, from quiet to quiet. Without a Pi it hits the one that a browser has stuck to. */
async function takeTurn(
  scenario: Scenario,
  { mode, up, screenshots }: Stage,
  pi: PiName | undefined,
  clock: Clock,
  moment: (what: string) => number,
): Promise<Turn> {
  const crowd = await published("LAB_CROWD");
  const browser = pi === undefined ? await Browser.open(clock, screenshots) : undefined;
  const struck = pi ?? PIS.find((name) => mode.home[name] === browser?.sticksTo) ?? "pi1";
  const fault = scenario.fault(struck, up);
  if (fault.prepare) {
    await fault.prepare();
    await untilRight(mode);
  }
  const visitor = browser ?? (await NameClient.open(clock, mode.home[struck]));
  const load = new Load(clock, Object.values(mode.home), crowd);
  visitor.begin();
  await sleep(QUIET * 1000);

  const began = moment(fault.what);
  await fault.begin?.();
  await sleep((fault.seconds ?? 0) * 1000);
  const ended = fault.begin ? moment("its end") : began;
  await fault.end?.();
  const wrong = await untilRight(mode);
  const settled = moment(wrong ?? "all is right");

  await sleep(QUIET * 1000);
  const over = clock();
  const [samples, pages] = await Promise.all([load.stop(), visitor.stop()]);
  const accessLogs = await browser?.accessLogs();
  await fault.tidy?.();
  const broken = wrong === undefined && fault.tidy === undefined ? undefined : await repair(mode, up);
  return {
    ...{ fault, began, ended, settled, wrong, broken, over, samples, pages, lateness: load.lateness },
    ...(accessLogs && { accessLogs }),
  };
}

/** Resolves to what is still wrong when the time is over, else to nothing. */
export async function untilRight(mode: Mode): Promise<string | undefined> {
  const end = Date.now() + UNTIL_RIGHT * 1000;
  for (;;) {
    const wrong = await whatIsWrong(mode.home);
    if (wrong === undefined || Date.now() > end) return wrong;
    await sleep(500);
  }
}

/** What an operator does where something stays wrong, so that what is counted as lost is lost and not just late. */
async function repair(mode: Mode, up: Up): Promise<string | undefined> {
  await up().catch(() => undefined); // what it leaves wrong is found next
  await inside("pi1", "gluster volume heal gv0 || true");
  return untilRight(mode);
}

const of = (samples: readonly Sample[], targets: readonly string[]): Sample[] =>
  samples.filter((sample) => targets.includes(sample.address ?? ""));

function faultSeen(turn: Turn, mode: Mode): FaultSeen {
  const { fault, began, ended, settled, wrong, broken, over, samples, pages, accessLogs } = turn;
  const hit = fault.hits.map((pi) => mode.home[pi]);
  const others = Object.values(mode.home).filter((target) => !hit.includes(target));
  const sides = (some: readonly Sample[]): Sides => ({
    all: figures(some),
    hit: figures(of(some, hit)),
    others: figures(of(some, others)),
  });
  const from = new Set(pages.flatMap(({ address }) => address ?? []));
  return {
    what: fault.what,
    ...(wrong !== undefined && { wrong }),
    ...(broken !== undefined && { broken }),
    recoverySeconds: wrong === undefined ? rounded(settled - ended) : null,
    outage: sides(during(samples, began, ended)),
    comeback: sides(begunIn(samples, ended, over)),
    byName: figures(pages),
    pagesFrom: Object.fromEntries([...from].map((address) => [address, of(pages, [address]).length])),
    ...(accessLogs && { accessLogs }),
  };
}
