/** Which suites and files of tests run, in which order, how long that takes, and what came of it: data in, data out. */

/** What npm test runs. */
export const SHORT: readonly string[] = ["unit", "scripts", "toolchain", "lab", "e2e/life"];

/** Seconds that a file took when it last passed, by its name. */
export type Times = Readonly<Record<string, number>>;

/** Seconds that a file counts for that nobody has run yet. */
const UNKNOWN = 180;

export const usual = (name: string, times: Times): number => times[name] ?? UNKNOWN;

/**
 * How many times longer things take than they usually do; 1 where nothing is known, and where they are faster.
 *
 * @param took Seconds that each file took.
 * @example pace({ unit: 60, lab: 90 }, { unit: 30, lab: 45 }) // 2
 */
export function pace(took: Times, times: Times): number {
  const sum = (seconds: (name: string) => number): number =>
    Object.keys(took).reduce((total, name) => total + seconds(name), 0);
  const usually = sum((name) => usual(name, times));
  return usually === 0 ? 1 : Math.max(1, sum((name) => took[name] ?? 0) / usually);
}

/**
 * The times of this machine; what has not run on it is taken to be as slow as what has.
 *
 * @example timesOf({ unit: 60 }, { unit: 30, lab: 45 }) // { unit: 60, lab: 90 }
 */
export function timesOf(here: Times, there: Times): Times {
  const slower = pace(here, there);
  const expected = Object.entries(there).map(([name, seconds]) => [name, seconds * slower] as const);
  return { ...Object.fromEntries(expected), ...here };
}

/**
 * The files that were asked for.
 *
 * @param all Every file there is, e.g. ["unit", "e2e/life", "e2e/publish"].
 * @param names Files, or what their names begin with; none: what npm test runs.
 * @param set "short": what npm test runs; "all"; "rest": all but that. Only where there are no names.
 * @example chosen(["unit", "e2e/life", "e2e/publish"], ["e2e"], "short") // ["e2e/life", "e2e/publish"]
 * @throws Error where a name fits none.
 */
export function chosen(
  all: readonly string[],
  names: readonly string[],
  set: "short" | "all" | "rest",
): string[] {
  if (names.length === 0)
    return all.filter((name) => set === "all" || SHORT.includes(name) === (set === "short"));
  for (const name of names)
    if (!all.some((one) => one.startsWith(name)))
      throw new Error(`no tests are called ${name}: there are ${all.join(", ")}`);
  return all.filter((one) => names.some((name) => one.startsWith(name)));
}

/** The longest first, so that none of them is left alone at the end. */
export const longestFirst = (names: readonly string[], times: Times): string[] =>
  [...names].sort((a, b) => usual(b, times) - usual(a, times));

/**
 * Seconds until all of them are done, each by the worker that is free first.
 *
 * @param running Seconds that each file that runs has still to go; at most as many as workers.
 * @example timeLeft(["e2e/life", "unit"], { "e2e/life": 300, unit: 60 }, 2) // 300
 */
export function timeLeft(
  names: readonly string[],
  times: Times,
  workers: number,
  running: readonly number[] = [],
): number {
  const free = Array.from({ length: workers }, (_, i) => running[i] ?? 0);
  for (const name of longestFirst(names, times)) {
    const first = free.indexOf(Math.min(...free));
    free[first] = (free[first] ?? 0) + usual(name, times);
  }
  return Math.max(...free);
}

/**
 * As many of the files as end in time: first those that were changed, then the others, beginning with another one in
 * each run, so that a few runs have seen all.
 *
 * @param run A number that grows from run to run.
 */
export function inTime(
  names: readonly string[],
  times: Times,
  limits: {
    readonly seconds: number;
    readonly workers: number;
    readonly run: number;
    readonly changed: readonly string[];
  },
): string[] {
  const { seconds, workers, run, changed } = limits;
  const fits = (some: readonly string[]): boolean => timeLeft(some, times, workers) <= seconds;
  if (fits(names)) return [...names];
  const others = names.filter((name) => !changed.includes(name));
  // A third further each time.
  const begin = (run % 3) * Math.ceil(others.length / 3);
  const turn = [...others.slice(begin), ...others.slice(0, begin)];
  const taken: string[] = [];
  for (const name of [...names.filter((one) => changed.includes(one)), ...turn])
    if (fits([...taken, name])) taken.push(name);
  return taken;
}

export interface Result {
  readonly passed: number;
  /** Each failed case: its name, and what it said. */
  readonly failed: readonly { readonly name: string; readonly why: string }[];
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** What vitest's JSON report says. A file whose set-up failed has a message, and cases that were skipped. */
export function vitestResult(report: string): Result {
  const { numPassedTests, testResults } = JSON.parse(report) as VitestReport;
  return {
    passed: numPassedTests,
    failed: testResults.flatMap(({ name, message, assertionResults }) => {
      const failed = assertionResults.filter(({ status }) => status === "failed");
      if (failed.length === 0 && message !== "") return [{ name, why: message }];
      return failed.map(({ fullName, failureMessages }) => ({
        name: fullName,
        why: failureMessages?.join("\n") ?? "",
      }));
    }),
  };
}

/** What a suite said in TAP, as bats does; a comment belongs to the line before it. */
export function tapResult(log: string): Result {
  let passed = 0;
  const failed: { name: string; why: string }[] = [];
  let last: { name: string; why: string } | undefined;
  for (const line of log.split("\n")) {
    const [, not, name = ""] = /^(not )?ok \d+ (.*)$/.exec(line) ?? [];
    if (/^(not )?ok \d+ /.test(line)) {
      last = not === undefined ? undefined : { name, why: "" };
      if (last) failed.push(last);
      else passed += 1;
    } else if (last && line.startsWith("#")) last.why += `${line.slice(2)}\n`;
  }
  return { passed, failed };
}

/** @example clock(125) // "2:05" */
export const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60).toString()}:${String(Math.round(seconds) % 60).padStart(2, "0")}`;
