import { execFileSync, spawn } from "node:child_process";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import * as plan from "./plan";

/** How many run at once where nobody says: two keep two processors 94 % busy, and with three all takes twice the time. */
const LABS = 2;
/** GB of disk that each of them takes: its cards, and the states that are saved of them (two took 5 at most). */
const ROOM = 4;
/** What part of a disk is used where a Pi begins to warn of it, as pi/states/health.sh has it. */
const FULL = 0.85;
/** Lines of what a failed case said that are shown; the rest is in the log. */
const SHOWN = 20;

const HELP = `npm test [-- NAME... OPTION...]     ${plan.SHORT.join(", ")}
npm run test:all [-- OPTION...]     all there is

  NAME         a file, or what the names of several begin with: e2e/publish, e2e, unit
  --list       the files, with the time that each took when it last passed
  --rest       all but what npm test runs
  --minutes N  leaves out what would not end within N minutes: the files that the last commit touches come first, the
               others in turn from commit to commit; what takes longer than it usually does is ended then
  --labs N     how many files run at once, each end-to-end one in a lab of its own (default ${LABS})

KEEP_LAB=1 ends at the first failure and leaves that lab as it is then.`;

const root = join(__dirname, "..");
const results = join(root, ".twopir", "test");
/** Of the time there is, what is not planned with. */
const SPARE = 0.1;
/** Minutes that there are where nobody says: longer than all of it takes. */
const DAY = 24 * 60;
/** The times of this machine, and those that came with the tests. */
const [timesHere, timesThere] = [join(results, "times.json"), join(root, "test", "times.json")];
const readTimes = (file: string): plan.Times =>
  existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as plan.Times) : {};
const keepLab = process.env.KEEP_LAB === "1";

const isEndToEnd = (name: string): boolean => name.startsWith("e2e/");
const folderOf = (name: string): string => join(results, name.replace("/", "-"));

/** Every suite, and every file of the end-to-end tests. */
const allFiles = (): string[] => [
  ...plan.SHORT.filter((name) => !isEndToEnd(name)),
  ...readdirSync(join(root, "test", "e2e"))
    .flatMap((file) => /^(.*)\.test\.ts$/.exec(file)?.[1] ?? [])
    .map((name) => `e2e/${name}`),
];

/** A lab for each of those that run at once. */
const labOf = (worker: number): Readonly<Record<string, string>> => {
  const [name, subnet] = [`e2e${worker}`, `192.168.${76 + worker}`];
  return { TWOPIR_LAB: name, TWOPIR_LAB_SUBNET: subnet, TWOPIR_TEST_LAB: name, TWOPIR_TEST_SUBNET: subnet };
};

const labDown = (worker: number): void => {
  const env = { ...process.env, ...labOf(worker) };
  execFileSync("bash", ["lab/lab.sh", "down"], { cwd: root, env, stdio: "inherit" });
};

const git = (...words: readonly string[]): string =>
  execFileSync("git", words, { cwd: root, encoding: "utf8" });

/** The files of tests in the last commit. */
const touched = (): string[] =>
  git("show", "--name-only", "--format=", "HEAD")
    .split("\n")
    .flatMap((path) => /^test\/(e2e\/.*)\.test\.ts$/.exec(path)?.[1] ?? []);

const say = (text: string): void => {
  process.stdout.write(`${process.stdout.isTTY ? "\r\x1b[2K" : ""}${text}\n`);
};
const indented = (text: string): string => text.replaceAll(/^/gm, "    ");

/** The files that are to run, each worker taking the next when it is free. */
class Run {
  readonly #took: Record<string, number> = {};
  readonly #waiting: string[];
  readonly #running = new Map<string, number>();
  readonly #groups = new Set<number>();
  /** Workers whose labs are to be taken down. */
  readonly #labs: Set<number>;
  #passed = 0;
  #failed = 0;
  #over = false;
  #late = false;
  /** How the set-up of Pulumi ended; undefined while it goes on, since the first build takes minutes. */
  #toolchain: number | undefined;

  constructor(
    private readonly files: readonly string[],
    private readonly workers: number,
    private readonly times: plan.Times,
    /** When all is ended, in ms since 1970. */
    private readonly deadline: number,
  ) {
    this.#waiting = plan.longestFirst(files, times);
    this.#labs = new Set(Array.from({ length: workers }, (_, i) => i + 1));
  }

  /** @returns whether all passed. */
  async go(): Promise<boolean> {
    const usual = plan.clock(plan.timeLeft(this.files, this.times, this.workers));
    say(`==> ${this.files.length} to run, ${this.workers} at once: usually ${usual}`);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => this.#interrupt());
    const ticker = setInterval(() => this.#tick(), process.stdout.isTTY ? 1000 : 60_000);
    const toolchain = this.files.some(isEndToEnd)
      ? this.#run(["bash", "toolchain/install.sh"], join(results, "toolchain-install.log"), {})
      : Promise.resolve(0);
    const end = setTimeout(() => this.#endLate(), this.deadline - Date.now());
    const ready = toolchain.then((status) => (this.#toolchain = status));
    await Promise.all([...this.#labs].map((worker) => this.#work(worker, ready)));
    clearInterval(ticker);
    clearTimeout(end);
    if (this.#waiting.length > 0 && !this.#over)
      say(`==> not run, since the others took longer than usual: ${this.#waiting.join(", ")}`);
    this.#labs.forEach(labDown);
    say(`\n${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0 && !this.#over;
  }

  async #work(worker: number, toolchain: Promise<unknown>): Promise<void> {
    while (this.#waiting.length > 0 && !this.#over) {
      const slower = plan.pace(this.#took, this.times);
      const inTime = this.#waiting.filter(
        (name) => Date.now() + plan.usual(name, this.times) * slower * 1000 <= this.deadline,
      );
      if (inTime.length === 0) return;
      const name = inTime.find((one) => this.#toolchain !== undefined || !isEndToEnd(one));
      if (name === undefined) await toolchain;
      else {
        this.#waiting.splice(this.#waiting.indexOf(name), 1);
        await this.#file(name, worker);
      }
    }
  }

  async #file(name: string, worker: number): Promise<void> {
    const begin = Date.now();
    this.#running.set(name, begin);
    const result = await this.#resultOf(name, worker);
    this.#running.delete(name);
    const seconds = (Date.now() - begin) / 1000;
    this.#took[name] = seconds;
    const usual = plan.clock(plan.usual(name, this.times));
    if (result === undefined) {
      say(
        `late ${name.padEnd(20)} ended after ${plan.clock(seconds)} (usually ${usual}), so it counts as not run`,
      );
      return;
    }
    const { passed, failed } = result;
    this.#passed += passed;
    this.#failed += failed.length;
    const verdict = failed.length > 0 ? "FAIL" : "ok  ";
    say(
      `${verdict} ${name.padEnd(20)} ${passed} passed, ${failed.length} failed in ${plan.clock(seconds)} (usually ${usual})`,
    );
    if (failed.length === 0) this.#note(name, Math.round(seconds));
    else this.#explain(name, worker, failed);
  }

  /** @returns undefined where the time was over before it had one. */
  async #resultOf(name: string, worker: number): Promise<plan.Result | undefined> {
    if (isEndToEnd(name) && this.#toolchain !== 0)
      return { passed: 0, failed: [{ name: "there is no Pulumi", why: "see toolchain-install.log" }] };
    const folder = folderOf(name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const [log, report] = [join(folder, "log"), join(folder, "report.json")];
    const status = await this.#run(command(name, report), log, labOf(worker));
    const said = readFileSync(log, "utf8");
    const result = existsSync(report)
      ? plan.vitestResult(readFileSync(report, "utf8"))
      : plan.tapResult(said);
    if (status === 0 || result.failed.length > 0) return result;
    if (this.#late) return undefined;
    return {
      ...result,
      failed: [{ name: "it ended badly", why: said.split("\n").slice(-SHOWN).join("\n") }],
    };
  }

  #explain(name: string, worker: number, failed: plan.Result["failed"]): void {
    for (const { name: what, why } of failed)
      say(`  ${what}\n${indented(why.trim().split("\n").slice(0, SHOWN).join("\n"))}`);
    say(`  all of it: ${folderOf(name).slice(root.length + 1)}/log`);
    if (!keepLab) return;
    this.#over = true;
    this.#labs.delete(worker);
    const lab = `TWOPIR_LAB=${labOf(worker).TWOPIR_LAB ?? ""} bash lab/lab.sh`;
    say(`  its lab is as it was then: ${lab} ssh pi1; when you have finished: ${lab} down`);
  }

  #note(name: string, seconds: number): void {
    writeFileSync(
      timesHere,
      `${JSON.stringify({ ...readTimes(timesHere), [name]: seconds }, undefined, 2)}\n`,
    );
  }

  /** One line: what runs, how long that usually takes, what is left. */
  #tick(): void {
    const since = (begin: number): number => (Date.now() - begin) / 1000;
    const usual = (name: string): number => plan.usual(name, this.times);
    const now = [...this.#running].map(
      ([name, begin]) => `${name} ${plan.clock(since(begin))} of ${plan.clock(usual(name))}`,
    );
    const toGo = [...this.#running].map(([name, begin]) => Math.max(0, usual(name) - since(begin)));
    const left = plan.clock(plan.timeLeft(this.#waiting, this.times, this.workers, toGo));
    const done = this.files.length - this.#waiting.length - this.#running.size;
    if (this.#toolchain === undefined) now.unshift("setting up Pulumi");
    const line = `${done} of ${this.files.length} done; ${now.join(", ")}; about ${left} left`;
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K${line.slice(0, process.stdout.columns - 1)}`);
    else say(line);
  }

  /** Runs a command with its output in a file; its exit status. */
  #run(
    words: readonly string[],
    log: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<number> {
    return new Promise((resolve) => {
      const output = createWriteStream(log);
      const [program = "", ...args] = words;
      const env = { ...process.env, ...environment };
      // A group of its own, so that an interrupt ends all of it.
      const child = spawn(program, args, {
        ...{ cwd: root, env, detached: true },
        stdio: ["ignore", "pipe", "pipe"],
      });
      if (child.pid !== undefined) this.#groups.add(child.pid);
      for (const stream of [child.stdout, child.stderr]) stream.pipe(output, { end: false });
      child.on("error", (error) => output.write(`${error.message}\n`));
      child.on("close", (status) => {
        if (child.pid !== undefined) this.#groups.delete(child.pid);
        output.end(() => resolve(status ?? 1));
      });
    });
  }

  #end(): void {
    for (const group of this.#groups)
      try {
        process.kill(-group, "SIGTERM");
      } catch {
        // It has just ended.
      }
  }

  #endLate(): void {
    this.#late = true;
    say("==> the time is over: ending what still runs");
    this.#end();
  }

  #interrupt(): void {
    say("==> interrupted: ending the tests, and taking their labs down");
    this.#end();
    this.#labs.forEach(labDown);
    process.exit(130);
  }
}

/** What runs one file, or one suite. */
function command(name: string, report: string): string[] {
  const [suite = "", file] = name.split("/");
  const folder = join("test", suite);
  if (suite === "toolchain" || suite === "lab")
    return ["npx", "bats", "--tap", "--print-output-on-failure", folder];
  return [
    ...["npx", "vitest", "run", "--project", suite, "--reporter=default"],
    ...["--reporter=json", `--outputFile.json=${report}`],
    ...(keepLab ? ["--bail=1"] : []),
    ...(file === undefined ? [] : [join(folder, `${file}.test.ts`)]),
  ];
}

/** The lab's Pis have this machine's disk, and warn where it is nearly full: no preview would be as it should. */
function needRoom(labs: number): void {
  const { blocks, bfree, bavail, bsize } = statfsSync(root);
  const [used, free] = [((blocks - bfree) * bsize) / 1e9, (bavail * bsize) / 1e9];
  const lacking = used + labs * ROOM - FULL * (used + free);
  if (labs > 0 && lacking > 0)
    throw new Error(
      `the tests need ${(labs * ROOM).toString()} GB of disk in ${root}, and the lab's Pis warn where more than ` +
        `${(FULL * 100).toString()} % are used: make room for ${Math.ceil(lacking).toString()} GB, e.g. by ` +
        '"bash lab/lab.sh purge" (TWOPIR_LAB=... for a lab of another name), then begin again',
    );
}

/** Labs that are there though nothing runs. */
function takeDownOldLabs(): void {
  const old = Array.from({ length: 9 }, (_, i) => i + 1).filter((worker) =>
    existsSync(join(root, ".twopir", "lab", labOf(worker).TWOPIR_LAB ?? "", "settings")),
  );
  if (old.length > 0) say("==> taking down the labs of an earlier run, which was killed, or kept them");
  old.forEach(labDown);
}

async function main(): Promise<void> {
  const [flag, text] = [{ type: "boolean" }, { type: "string" }] as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: flag, list: flag, all: flag, rest: flag, minutes: text, labs: text },
  });
  if (values.help) {
    say(HELP);
    return;
  }
  const times = plan.timesOf(readTimes(timesHere), readTimes(timesThere));
  if (values.list) {
    for (const name of allFiles())
      say(`${name.padEnd(24)}${times[name] === undefined ? "-" : plan.clock(times[name])}`);
    return;
  }
  const set = values.all ? "all" : values.rest ? "rest" : "short";
  const wanted = plan.chosen(allFiles(), positionals, set);
  const workers = Math.min(Number(values.labs ?? LABS), wanted.length);
  const seconds = Number(values.minutes ?? DAY) * 60;
  const deadline = Date.now() + seconds * 1000;
  const files = plan.inTime(wanted, times, {
    seconds: seconds * (1 - SPARE),
    workers,
    run: Number(git("rev-list", "--count", "HEAD")),
    changed: touched(),
  });
  const left = wanted.filter((name) => !files.includes(name));
  if (left.length > 0)
    say(`==> left out, since they would not end within ${values.minutes ?? ""} minutes: ${left.join(", ")}`);
  mkdirSync(results, { recursive: true });
  takeDownOldLabs();
  needRoom(Math.min(workers, files.filter((name) => name === "lab" || isEndToEnd(name)).length));
  process.exitCode = (await new Run(files, workers, times, deadline).go()) ? 0 : 1;
}

main().catch((error: unknown) => {
  console.error(`twopir: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
});
