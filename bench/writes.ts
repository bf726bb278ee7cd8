import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { address, floatingAddress, get, healed, inside, lab, root } from "../lab/drive/lab";
import { Cluster } from "../lab/drive/stack";

const PIS = ["pi1", "pi2"] as const;
const FLOATING = PIS.map(floatingAddress);
/** Minutes after the first `up` until what is measured begins: all is healed, noted and compared by then. */
const SETTLE = 3;
const REQUESTS_A_SECOND = 10;
const MODES = ["idle", `${REQUESTS_A_SECOND} requests a second`] as const;
/** Processes that write less than so many bytes an hour are one row. */
const LITTLE = 100_000;

/** Bytes that each program of a Pi has had written to disk; "nginx" -> 4096. */
type Written = ReadonlyMap<string, number>;

/**
 * What the kernel has counted for each process of a Pi, those that have ended for whoever had started them: pages of 4 kB
 * that were dirtied, less those that were deleted before they were written (proc(5), /proc/PID/io).
 */
async function written(pi: string): Promise<Written> {
  const each = `for p in /proc/[0-9]*; do
    awk -v of="$(cat $p/comm)" '/^write_bytes/ { w = $2 } /^cancelled/ { w -= $2 } END { print w + 0, of }' $p/io
  done 2>/dev/null; true`; // one that has just ended says nothing
  const sums = new Map<string, number>();
  for (const line of (await inside(pi, each)).split("\n")) {
    const [, bytes = "0", program = ""] = /^(-?\d+) (.*)$/.exec(line) ?? [];
    sums.set(program, (sums.get(program) ?? 0) + Number(bytes));
  }
  return sums;
}

/** What is written in an hour, from some minutes of it, the mean of both Pis. */
async function perHour(minutes: number, happening: (end: number) => Promise<unknown>): Promise<Written> {
  const before = await Promise.all(PIS.map(written));
  await happening(Date.now() + minutes * 60_000);
  const after = await Promise.all(PIS.map(written));
  // What a program has written that has ended since, is its parent's now.
  const programs = new Set([...before, ...after].flatMap((one) => [...one.keys()]));
  const grown = (program: string): number =>
    after.reduce((sum, one, i) => sum + (one.get(program) ?? 0) - (before[i]?.get(program) ?? 0), 0);
  return new Map([...programs].map((program) => [program, (grown(program) / PIS.length) * (60 / minutes)]));
}

async function ask(end: number): Promise<void> {
  const answers: Promise<unknown>[] = [];
  for (let i = 0; Date.now() < end; i += 1) {
    answers.push(get(FLOATING[i % FLOATING.length] ?? ""));
    await sleep(1000 / REQUESTS_A_SECOND);
  }
  await Promise.all(answers);
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2);

function report(minutes: number, measured: readonly Written[]): string {
  const sum = (one: Written): number => [...one.values()].reduce((all, bytes) => all + bytes, 0);
  const programs = [...new Set(measured.flatMap((one) => [...one.keys()]))];
  const most = (program: string): number => Math.max(...measured.map((one) => one.get(program) ?? 0));
  const big = programs.filter((program) => most(program) >= LITTLE).sort((a, b) => most(b) - most(a));
  const rest = measured.map((one) => new Map([...one].filter(([program]) => !big.includes(program))));
  const row = (name: string, figures: readonly number[]): string =>
    `| ${[name, ...figures.map(megabytes)].join(" | ")} |`;
  return [
    "# What is written to a card",
    "",
    "Written by `npm run writes` (bench/writes.ts): what the kernel counts of each program of a Pi, in MB an hour, the mean of",
    `two Pis with floating addresses, from ${minutes} minutes of each. What the card makes of it is more: it erases and writes in`,
    "blocks of its own.",
    "",
    `| program | ${MODES.join(" | ")} |`,
    "| --- | --- | --- |",
    ...big.map((program) =>
      row(
        program,
        measured.map((one) => one.get(program) ?? 0),
      ),
    ),
    row("all others", rest.map(sum)),
    row("**in an hour**", measured.map(sum)),
    row(
      "**in a day**",
      measured.map((one) => 24 * sum(one)),
    ),
    "",
  ].join("\n");
}

/** `npm run writes [-- --minutes 60]`: what two Pis write to their cards, idle and while they serve. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { minutes: { type: "string", default: "60" } } });
  const minutes = Number(values.minutes);
  await lab("down");
  await lab("up", "2");
  const made = await (await Cluster.create({ "twopir:floatingAddresses": FLOATING })).up();
  if (made.failed) throw new Error(made.said);
  for (const pi of PIS) if ((await get(address(pi))).status !== 200) throw new Error(`${pi} does not serve`);
  await healed("pi1");
  console.log(`==> the cluster is there; ${SETTLE} minutes until all is noted, then ${minutes} of each`);
  await sleep(SETTLE * 60_000);
  const idle = await perHour(minutes, (end) => sleep(end - Date.now()));
  console.log(`==> now ${MODES[1]}`);
  const text = report(minutes, [idle, await perHour(minutes, ask)]);
  writeFileSync(join(root, "docs", "writes.md"), text);
  console.log(`\n${text}`);
}

void main();
