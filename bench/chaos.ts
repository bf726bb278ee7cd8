/**
 * npm run chaos: every fault in every mode, on virtual Pis under load; writes docs/chaos.json, .md and .svg, and the
 * short table in README.md.
 *
 * --scenario NAME   this one only; may be given several times, as the next
 * --mode NAME       article or floating only
 * --out FILE        JSON goes there and the documents stay as they are: one object for one run, else a list
 *
 * The exit status is 1 if anything of the check list fails.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { format } from "prettier";
import { lab, root } from "../lab/drive/lab";
import { Cluster } from "../lab/drive/stack";
import { chart, svg } from "./chaos/chart";
import { passes } from "./chaos/checks";
import { MODES, type Mode } from "./chaos/modes";
import { checkLine, IN_README, markdown, merged, screenshot, summary } from "./chaos/report";
import type { Run } from "./chaos/result";
import { runScenario } from "./chaos/run";
import { SCENARIOS, type Scenario, type Up } from "./chaos/scenarios";
import { mountOnWriter } from "./chaos/writer";

/** What stands around README.md's table. */
const TABLE = ["<!-- npm run chaos writes this table -->", "<!-- the end of it -->"] as const;

const docs = (name: string): string => join(root, "docs", name);
const say = (text: string): void => console.log(text);

/** Those that were asked for, or all. */
function chosen<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  asked: readonly string[] = all.map((one) => one.name),
): readonly T[] {
  const stranger = asked.find((name) => !all.some((one) => one.name === name));
  if (stranger === undefined) return all.filter((one) => asked.includes(one.name));
  throw new Error(`no ${what} called ${stranger}: there are ${all.map((one) => one.name).join(", ")}`);
}

interface Built {
  readonly up: Up;
  /** All that a preview says. */
  readonly preview: () => Promise<string>;
}

/** Bare Pis become the cluster, in a lab that is new. */
async function build(mode: Mode): Promise<Built> {
  say(`==> ${mode.name}: a new lab, and pulumi up`);
  await lab("down");
  await lab("up", "3");
  const cluster = await Cluster.create(mode.settings);
  const up: Up = async (settings) => {
    await cluster.configure({ ...mode.settings, ...settings });
    const outcome = await cluster.up();
    if (outcome.failed) throw new Error(outcome.said);
  };
  await up();
  await mountOnWriter();
  return { up, preview: async () => (await cluster.preview()).said };
}

/**
 * Calls `keep` after each run, so that a suite that is cut off leaves what it had. What goes wrong with a run, other
 * than what it measures, is told, and the next one begins with a new lab.
 *
 * @returns how many could not be run
 */
async function runAll(
  modes: readonly Mode[],
  scenarios: readonly Scenario[],
  keep: (run: Run) => Promise<void>,
): Promise<number> {
  let broken = 0;
  for (const mode of modes) {
    let built: Built | undefined;
    for (const scenario of scenarios)
      try {
        built ??= await build(mode);
        const run = await tell(mode, scenario, built);
        await keep(run);
        if (run.faults.some((fault) => fault.broken)) built = undefined;
      } catch (error) {
        broken += 1;
        built = undefined;
        say(`FAIL  ${mode.name} ${scenario.name} could not be run: ${String(error)}`);
      }
  }
  return broken;
}

/** One run, with its moments as they come. */
async function tell(mode: Mode, scenario: Scenario, built: Built): Promise<Run> {
  say(`==> ${mode.name} ${scenario.name}: ${scenario.about}`);
  const shot = (when: string): string => docs(screenshot(scenario.name, mode.name, when));
  const run = await runScenario(scenario, {
    mode,
    ...built,
    say: ({ seconds, what }) => say(`${seconds.toFixed(1).padStart(7)} s  ${what}`),
    screenshots: { before: shot("before"), after: shot("after") },
  });
  say(
    `           ${run.requests} requests, ${run.failed} failed, worst ${run.worstStallSeconds} s; by name ` +
      `${run.byName.requests}, ${run.byName.failed} failed, worst ${run.byName.worstSeconds} s; ` +
      `${run.lostWrites} of ${run.acknowledgedWrites} lines lost; client late by ${run.clientLateSeconds} s`,
  );
  return run;
}

async function writeDocuments(runs: readonly Run[]): Promise<void> {
  const older = existsSync(docs("chaos.json"))
    ? (JSON.parse(readFileSync(docs("chaos.json"), "utf8")) as Run[])
    : [];
  const names = (all: readonly { readonly name: string }[]): string[] => all.map(({ name }) => name);
  const all = merged(older, runs, names(MODES), names(SCENARIOS));
  const pretty = { printWidth: 110 };
  writeFileSync(docs("chaos.json"), await format(JSON.stringify(all), { ...pretty, parser: "json" }));
  writeFileSync(docs("chaos.md"), await format(markdown(all), { ...pretty, parser: "markdown" }));
  writeFileSync(docs("chaos.svg"), await svg(chart(all)));
  const readme = join(root, "README.md");
  const [before, after] = TABLE;
  const few = all.filter(({ scenario }) => IN_README.includes(scenario));
  const text = readFileSync(readme, "utf8").replace(
    new RegExp(`${before}.*${after}`, "s"),
    `${before}\n\n${summary(few)}\n\n${after}`,
  );
  writeFileSync(readme, await format(text, { ...pretty, parser: "markdown" }));
}

async function main(): Promise<number> {
  const { values: asked } = parseArgs({
    options: {
      scenario: { type: "string", multiple: true },
      mode: { type: "string", multiple: true },
      out: { type: "string" },
    },
  });
  const modes = chosen("mode", MODES, asked.mode);
  const scenarios = chosen("scenario", SCENARIOS, asked.scenario);
  const alone = modes.length * scenarios.length === 1;
  const runs: Run[] = [];
  const broken = await runAll(modes, scenarios, async (run) => {
    runs.push(run);
    if (asked.out === undefined) await writeDocuments(runs);
    else writeFileSync(asked.out, `${JSON.stringify(alone ? run : runs, null, 2)}\n`);
  });
  const checks = runs.flatMap((run) => run.checks.map((check) => ({ run, check })));
  say("\n==> what has to hold");
  for (const { run, check } of checks) say(`${checkLine(check)}  [${run.mode} ${run.scenario}]`);
  const failed = checks.filter(({ check }) => !passes(check)).length + broken;
  say(`\n${checks.length} checks and ${runs.length} runs, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(`twopir: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
