import { describe, expect, it } from "vitest";
import { chart, svg } from "../../../../bench/chaos/chart";
import type { Run } from "../../../../bench/chaos/result";

const run = {
  mode: "article",
  scenario: "power-cut",
  moments: [{ seconds: 3, what: "plug of pi1 pulled" }],
  timeline: {
    "192.168.0.121": { start: [2.5, 3, 3.5], worst: [0, 10, 10], failed: [0, 10, 10] },
    "192.168.0.122": { start: [2.5, 3, 3.5], worst: [0.002, 1.3, 0.8], failed: [0, 0, 0] },
  },
} as unknown as Run;

describe("the picture", () => {
  it("has a row for each run, with its faults and both addresses", async () => {
    const text = await svg(chart([run, { ...run, scenario: "reboot" }]));
    expect(text).toMatch(/^<svg [^]*<\/svg>$/);
    for (const word of ["article: power-cut", "article: reboot", "plug of pi1 pulled", "192.168.0.122"])
      expect(text).toContain(word);
  });

  it("draws what took no time at all, which a logarithm cannot", async () => {
    expect(await svg(chart([run]))).not.toMatch(/NaN|Infinity/);
  });
});
