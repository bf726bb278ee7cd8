import { describe, expect, it } from "vitest";
import { SCENARIOS } from "../../../../bench/chaos/scenarios";
import { checkLine, IN_README, merged, summary } from "../../../../bench/chaos/report";
import type { Run } from "../../../../bench/chaos/result";

const named = (mode: string, scenario: string, began: string): Run => ({ mode, scenario, began }) as Run;

describe("the document's runs", () => {
  it("are those of today, of older ones what was not run, and nothing that is no scenario any more", () => {
    const older = [
      named("article", "reboot", "then"),
      named("article", "cut", "then"),
      named("article", "gone", "then"),
    ];
    const newer = [named("floating", "cut", "now"), named("article", "cut", "now")];
    expect(merged(older, newer, ["article", "floating"], ["reboot", "cut"])).toEqual([
      named("article", "reboot", "then"),
      named("article", "cut", "now"),
      named("floating", "cut", "now"),
    ]);
  });
});

describe("the table of both modes", () => {
  it("has faults in README that there are", () => {
    const names = SCENARIOS.map(({ name }) => name);
    expect(IN_README.filter((name) => !names.includes(name))).toEqual([]);
  });

  it("has a row for each fault, and both modes side by side", () => {
    const run = (mode: string, scenario: string, failed: number): Run =>
      ({
        ...named(mode, scenario, "now"),
        ...{ requests: 600, failed, worstStallSeconds: 1.234, lostWrites: 0 },
        byName: { requests: 50, failed: 0, worstSeconds: 0.5 },
      }) as Run;
    const runs = [run("article", "cut", 300), run("floating", "reboot", 0), run("floating", "cut", 1)];
    expect(summary(runs).split("\n").slice(2)).toEqual([
      "| cut | 0 of 50, 0.50 s | 300 of 600, 1.23 s | 0 | 0 of 50, 0.50 s | 1 of 600, 1.23 s | 0 |",
      "| reboot |  |  |  | 0 of 50, 0.50 s | 0 of 600, 1.23 s | 0 |",
    ]);
  });
});

describe("a line of the check list", () => {
  it("says the limit and on which side of it right is", () => {
    expect(checkLine({ what: "failed", value: 1, limit: 0 })).toBe("FAIL  failed: 1 (at most 0)");
    expect(checkLine({ what: "requests", value: 400, limit: 400, atLeast: true })).toBe(
      "PASS  requests: 400 (at least 400)",
    );
  });
});
