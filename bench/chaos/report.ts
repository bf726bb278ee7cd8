import { passes } from "./checks";
import type { Check, Run } from "./result";

export const checkLine = (check: Check): string =>
  `${passes(check) ? "PASS" : "FAIL"}  ${check.what}: ${check.value} (${check.atLeast ? "at least" : "at most"} ${check.limit})`;

/** The runs in the order of the lists; a run of today takes the place of an older one of the same name. */
export function merged(
  older: readonly Run[],
  newer: readonly Run[],
  modes: readonly string[],
  scenarios: readonly string[],
): Run[] {
  return modes.flatMap((mode) =>
    scenarios.flatMap((scenario) => {
      const same = (run: Run): boolean => run.mode === mode && run.scenario === scenario;
      return newer.find(same) ?? older.find(same) ?? [];
    }),
  );
}

/** The file, in docs/, of what Chromium showed before or after a fault. */
export const screenshot = (scenario: string, mode: string, when: string): string =>
  `${scenario}-${mode}-${when}.png`;

const seconds = (value: number | null): string => (value === null ? "never" : value.toFixed(2));
const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;

/** Those of the faults that README.md shows, too: the common ones, and the one that loses writes. */
export const IN_README = ["reboot", "power-cut", "publish", "outages-in-turn"];

/** A table with the modes side by side: what a visitor by name and those of each address noticed. */
export function summary(runs: readonly Run[]): string {
  const modes = [...new Set(runs.map((run) => run.mode))];
  const scenarios = [...new Set(runs.map((run) => run.scenario))];
  const cell = (failed: number, requests: number, worst: number): string =>
    `${failed} of ${requests}, ${seconds(worst)} s`;
  const cells = (run: Run | undefined): string[] =>
    run
      ? [
          cell(run.byName.failed, run.byName.requests, run.byName.worstSeconds),
          cell(run.failed, run.requests, run.worstStallSeconds),
          String(run.lostWrites),
        ]
      : ["", "", ""];
  return [
    row(["fault", ...modes.flatMap((mode) => [`${mode}: by name`, "each address", "lost"])]),
    row(["---", ...modes.flatMap(() => ["---:", "---:", "---:"])]),
    ...scenarios.map((scenario) =>
      row([
        scenario,
        ...modes.flatMap((mode) => cells(runs.find((run) => run.mode === mode && run.scenario === scenario))),
      ]),
    ),
  ].join("\n");
}

/** docs/chaos.md */
export function markdown(runs: readonly Run[]): string {
  const modes = [...new Set(runs.map((run) => run.mode))];
  const abouts = new Map(runs.map((run) => [run.scenario, run.about]));
  return [
    "# What visitors notice when something breaks",
    "",
    "Written by `npm run chaos` (`-- --scenario NAME --mode MODE --out FILE` runs one): faults in the lab's virtual Pis under",
    "load. All figures, and those of each fault, are in [chaos.json](chaos.json).",
    "",
    "- **requests, failed, stall**: a new connection to each of the site's addresses every 50 ms, the address of the Pi that is",
    "  hit included. Failed is an error, a status other than 200, or no answer within 10 s; stall is the longest that one",
    "  request took, failed or not.",
    "- **by name**: one visitor who asks for a page, looks at it for 1 s (in runs before 29 November 2026: 0.2 s) and asks again: a",
    "  client that behaves like Chromium (one kept connection, the next address after 0.3 s), or Chromium itself, which waits 60 s for a page. Each fault hits the",
    "  Pi that this visitor is on.",
    "- **recovery**: seconds from the end of the fault (plug or cable in again, process continued; a kill ends at once, a reboot",
    "  counts from when it is asked for) until both Pis and both addresses serve, every mount is connected with both bricks, and",
    "  nothing is left to heal; the longest of the faults of a run.",
    "- **lost**: a third machine appends a line ten times a second; those that were acknowledged (`fsync`) and are missing from",
    "  a brick in the end. **write stall** is the longest time between two acknowledged lines.",
    "- **late**: by how many seconds the measuring client itself was late at worst; nothing is subtracted for it.",
    "",
    "_article_ is the default: each A record is a Pi's own address. _floating_ has `floatingAddresses`. In `outages-in-turn` pi2",
    "goes off as pi1 comes back, so each was written to alone: that is split brain, which preview names, and which an arbiter",
    "prevents.",
    "",
    "## Side by side",
    "",
    "Each cell has the failed of all requests and the slowest one's time: by name, and to each address.",
    "",
    summary(runs),
    "",
    ...modes.flatMap((mode) => [
      `## ${mode}`,
      "",
      row([
        "scenario",
        "requests",
        "failed",
        "stall",
        "by name: pages",
        "failed",
        "worst page",
        "recovery",
        "lines",
        "lost",
        "write stall",
        "late",
      ]),
      row(["---", ...Array.from({ length: 11 }, () => "---:")]),
      ...runs
        .filter((run) => run.mode === mode)
        .map((run) =>
          row([
            run.scenario,
            run.requests,
            run.failed,
            seconds(run.worstStallSeconds),
            run.byName.requests,
            run.byName.failed,
            seconds(run.byName.worstSeconds),
            seconds(run.recoverySeconds),
            run.acknowledgedWrites,
            run.lostWrites,
            seconds(run.worstWriteSeconds),
            seconds(run.clientLateSeconds),
          ]),
        ),
      "",
    ]),
    "## The scenarios",
    "",
    ...[...abouts].map(([scenario, about]) => `- **${scenario}**: ${about}`),
    "",
    "![The worst request of each half second](chaos.svg)",
    "",
    ...runs
      .filter((run) => run.byName.client === "Chromium")
      .flatMap(({ scenario, mode }) =>
        ["before", "after"].map(
          (when) => `![Chromium ${when} ${scenario}, ${mode}](${screenshot(scenario, mode, when)})`,
        ),
      ),
    "",
    "## What has to hold",
    "",
    "```text",
    ...runs.flatMap((run) => run.checks.map((check) => `${run.mode} ${run.scenario}: ${checkLine(check)}`)),
    "```",
    "",
  ].join("\n");
}
