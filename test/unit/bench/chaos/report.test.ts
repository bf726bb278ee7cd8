import { describe, expect, it } from "vitest";
import { checkLine, merged } from "../../../../bench/chaos/report";
import type { Run } from "../../../../bench/chaos/run";

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

describe("a line of the check list", () => {
  it("says the limit and on which side of it right is", () => {
    expect(checkLine({ what: "failed", value: 1, limit: 0 })).toBe("FAIL  failed: 1 (at most 0)");
    expect(checkLine({ what: "requests", value: 400, limit: 400, atLeast: true })).toBe(
      "PASS  requests: 400 (at least 400)",
    );
  });
});
