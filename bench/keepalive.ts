/**
 * npm run keepalive: how long somebody at a real browser waits for a page of 30 files, and for the next one where a plug is
 * pulled, by how long nginx keeps an idle connection; writes docs/keepalive.md.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import { inside, lab, LAB, NAME, root, run } from "../lab/drive/lab";
import { Cluster } from "../lab/drive/stack";
import { keepNothing, launch, PATIENCE, shown } from "./chaos/browser";
import { MODES, PIS, type Mode, type PiName } from "./chaos/modes";
import { untilRight } from "./chaos/run";
import { mountOnWriter } from "./chaos/writer";
import { median } from "./figures";

const FILES = 30;
const FILE_BYTES = 10_000;
/** ms to a Pi and back, as from another country. */
const DELAY = 50;
const LOADS = 15;
/** Seconds for which nginx keeps an idle connection; 75 is its own default. */
const TIMES: Readonly<Record<string, readonly number[]>> = { article: [0, 0.5, 2, 75], floating: [0, 75] };
/** When the plug is pulled: so many seconds after a page has come, just before the next one, or so many after its begin. */
const PULLS = [
  { name: "next page 1 s after the last", pause: 1, into: 0 },
  { name: "next page 10 s after the last", pause: 10, into: 0 },
  { name: "amid a page", pause: 1, into: 0.15 },
] as const;

/** A page of 30 files: itself, and images. */
function site(): string {
  const folder = mkdtempSync(join(tmpdir(), "twopir-keepalive-"));
  const names = Array.from({ length: FILES - 1 }, (_, i) => `images/${i}.svg`);
  mkdirSync(join(folder, "images"));
  for (const name of names)
    writeFileSync(
      join(folder, name),
      `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!--${"x".repeat(FILE_BYTES)}--></svg>`,
    );
  writeFileSync(
    join(folder, "index.html"),
    `<!doctype html><title>30 files</title>${names.map((name) => `<img src="${name}" alt="">`).join("")}`,
  );
  return folder;
}

const ELSEWHERE = `tp-${LAB}-v`;

/** A network namespace, half of the delay from here, where the browser runs. Call what this returns to take it away. */
async function elsewhere(): Promise<() => Promise<unknown>> {
  const [here, there] = [`${ELSEWHERE}0`, `${ELSEWHERE}1`];
  const ip = (line: string): Promise<string> => run("ip", line.split(" "));
  const wire = spawn("python3", ["bench/delay.py", here, there, (DELAY / 2).toString()], {
    cwd: root,
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(wire.stdout, "data");
  await ip(`netns add ${ELSEWHERE}`);
  await ip(`link set ${there} netns ${ELSEWHERE}`);
  await ip(`address add 10.77.0.1/30 dev ${here}`);
  await ip(`link set ${here} up`);
  for (const line of [
    `address add 10.77.0.2/30 dev ${there}`,
    `link set ${there} up`,
    "route add default via 10.77.0.1",
  ])
    await ip(`-n ${ELSEWHERE} ${line}`);
  return async () => {
    wire.stdin.end();
    await once(wire, "close");
    await ip(`netns del ${ELSEWHERE}`);
  };
}

/** By hand, on both Pis: the product has one value for each mode. */
const keepIdle = (seconds: number): Promise<unknown> =>
  Promise.all(
    PIS.map((pi) =>
      inside(
        pi,
        `sed -i '/^keepalive_timeout/d' /etc/nginx/snippets/twopir.conf && ` +
          `sed -i '1i keepalive_timeout ${seconds * 1000}ms;' /etc/nginx/snippets/twopir.conf && systemctl reload nginx`,
      ),
    ),
  );

/** A tab that keeps nothing of a page, and what happens in it. */
async function withTab<T>(happening: (tab: Page) => Promise<T>): Promise<T> {
  const browser = await launch({ TWOPIR_NETNS: ELSEWHERE });
  try {
    const tab = await browser.newPage();
    await keepNothing(tab);
    return await happening(tab);
  } finally {
    await browser.close();
  }
}

/** Seconds from the click until all files of the page are there, and the address that it came from. */
async function load(tab: Page): Promise<{ seconds: number; from: string }> {
  const begin = performance.now();
  const from = await shown(tab.goto(`http://${NAME}/`, { timeout: PATIENCE, waitUntil: "load" }));
  return { seconds: (performance.now() - begin) / 1000, from };
}

/** The median of some loads, all by the same browser. */
const undisturbed = (): Promise<number> =>
  withTab(async (tab) => {
    const all: number[] = [];
    for (let i = 0; i <= LOADS; i += 1) {
      all.push((await load(tab)).seconds);
      await sleep(500);
    }
    return median(all.slice(1)); // the first asks the name server
  });

/** The page during whose load, or just before it, the plug of the Pi is pulled that the browser talks to; undefined: none. */
const struck = (mode: Mode, pause: number, into: number): Promise<number | undefined> =>
  withTab(async (tab) => {
    const { from } = await load(tab);
    await sleep(pause * 1000);
    const pi: PiName = mode.home.pi1 === from ? "pi1" : "pi2";
    const pull = async (): Promise<void> => {
      await sleep(into * 1000);
      await lab("off", pi);
    };
    const pulled = pull();
    if (into === 0) await pulled;
    const page = await load(tab).catch(() => undefined);
    await pulled;
    await lab("on", pi);
    const wrong = await untilRight(mode);
    if (wrong !== undefined) throw new Error(wrong);
    return page?.seconds;
  });

const shownSeconds = (value: number | undefined): string =>
  value === undefined ? `none in ${PATIENCE / 1000} s` : `${value.toFixed(2)} s`;

async function measure(mode: Mode, folder: string): Promise<string[]> {
  await lab("down");
  await lab("up", "3"); // untilRight asks the third one's mount, too
  const cluster = await Cluster.create({ ...mode.settings, "twopir:site": folder });
  const outcome = await cluster.up();
  if (outcome.failed) throw new Error(outcome.said);
  await mountOnWriter();
  const rows: string[] = [];
  for (const seconds of TIMES[mode.name] ?? []) {
    await keepIdle(seconds);
    const figures = [await undisturbed()].map(shownSeconds);
    for (const { pause, into } of PULLS) {
      figures.push(shownSeconds(await struck(mode, pause, into)));
      await keepIdle(seconds);
    }
    rows.push(`| ${[mode.name, seconds, ...figures].join(" | ")} |`);
    console.log(rows.at(-1));
  }
  return rows;
}

async function main(): Promise<void> {
  const folder = site();
  const back = await elsewhere();
  try {
    const rows: string[] = [];
    for (const mode of MODES) rows.push(...(await measure(mode, folder)));
    const text = [
      "# How long nginx keeps an idle connection",
      "",
      "Written by `npm run keepalive` (bench/keepalive.ts): Debian's Chromium by name, a page of 30 files of 10 kB, 50 ms to each",
      `Pi. The page undisturbed is the median of ${LOADS}; then the plug of the Pi is pulled that the browser talks to, once for`,
      "each cell. The browser gives up after 60 s. In mode article the other A record is left to it, in mode floating the",
      "other Pi takes the address over.",
      "",
      `| mode | kept for, s | undisturbed | ${PULLS.map(({ name }) => `plug pulled, ${name}`).join(" | ")} |`,
      `| --- | ---: | ---: |${PULLS.map(() => " ---: |").join("")}`,
      ...rows,
      "",
    ];
    writeFileSync(join(root, "docs", "keepalive.md"), text.join("\n"));
  } finally {
    await back();
    rmSync(folder, { recursive: true });
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
