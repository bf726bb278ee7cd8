import { describe, expect, it } from "vitest";
import {
  chosen,
  clock,
  inTime,
  longestFirst,
  pace,
  tapResult,
  timeLeft,
  timesOf,
  vitestResult,
} from "../plan";

const ALL = ["unit", "scripts", "toolchain", "lab", "e2e/life", "e2e/publish", "e2e/fleet"];
const TIMES = { unit: 30, scripts: 20, "e2e/life": 240, "e2e/publish": 200, "e2e/fleet": 300 };

describe("chosen", () => {
  it("takes what npm test runs, all, or the rest", () => {
    expect(chosen(ALL, [], "short")).toEqual(["unit", "scripts", "toolchain", "lab", "e2e/life"]);
    expect(chosen(ALL, [], "all")).toEqual(ALL);
    expect(chosen(ALL, [], "rest")).toEqual(["e2e/publish", "e2e/fleet"]);
  });

  it("takes files by name or by what their names begin with", () => {
    expect(chosen(ALL, ["e2e/pub", "unit"], "short")).toEqual(["unit", "e2e/publish"]);
    expect(chosen(ALL, ["e2e"], "short")).toHaveLength(3);
  });

  it("says what there is where a name fits none", () => {
    expect(() => chosen(ALL, ["e2e/publsh"], "short")).toThrow(
      /no tests are called e2e\/publsh: there are unit, /,
    );
  });
});

describe("the order", () => {
  it("is the longest first; who has no time yet counts as three minutes", () => {
    expect(longestFirst(["unit", "e2e/new", "e2e/fleet"], TIMES)).toEqual(["e2e/fleet", "e2e/new", "unit"]);
  });
});

describe("timeLeft", () => {
  it("gives each file to the worker that is free first", () => {
    expect(timeLeft(["e2e/fleet", "e2e/life", "e2e/publish", "unit"], TIMES, 2)).toBe(440);
    expect(timeLeft(["unit"], TIMES, 3)).toBe(30);
    expect(timeLeft([], TIMES, 3)).toBe(0);
  });

  it("counts what runs already", () => {
    expect(timeLeft(["unit"], TIMES, 2, [100, 10])).toBe(100);
  });
});

describe("a slow machine", () => {
  it("is slower by what took longer than usual, and never faster", () => {
    expect(pace({ unit: 60, "e2e/life": 480 }, TIMES)).toBe(2);
    expect(pace({ unit: 15 }, TIMES)).toBe(1);
    expect(pace({}, TIMES)).toBe(1);
  });

  it("has its own times, and takes as much longer for what it has not run yet", () => {
    expect(timesOf({ unit: 90 }, { unit: 30, lab: 20 })).toEqual({ unit: 90, lab: 60 });
    expect(timesOf({}, TIMES)).toEqual(TIMES);
  });
});

describe("inTime", () => {
  const files = ["e2e/life", "e2e/publish", "e2e/fleet"];
  const limits = { workers: 1, run: 0, changed: [] };

  it("takes all that fit", () => {
    expect(inTime(files, TIMES, { ...limits, seconds: 740 })).toEqual(files);
  });

  it("takes what was changed first, and never more than fits", () => {
    expect(inTime(files, TIMES, { ...limits, seconds: 310, changed: ["e2e/fleet"] })).toEqual(["e2e/fleet"]);
    expect(inTime(files, TIMES, { ...limits, seconds: 10 })).toEqual([]);
  });

  it("sees all files in three runs", () => {
    const seen = [7, 8, 9].flatMap((run) => inTime(files, TIMES, { ...limits, run, seconds: 310 }));
    expect(new Set(seen)).toEqual(new Set(files));
  });
});

describe("what came of it", () => {
  it("vitest: each failed case, and a file whose set-up failed", () => {
    const report = {
      numPassedTests: 5,
      testResults: [
        {
          name: "/a.test.ts",
          message: "",
          assertionResults: [
            { fullName: "one", status: "passed" },
            { fullName: "two", status: "failed", failureMessages: ["not so"] },
          ],
        },
        {
          name: "/b.test.ts",
          message: "no lab",
          assertionResults: [{ fullName: "three", status: "skipped" }],
        },
      ],
    };
    expect(vitestResult(JSON.stringify(report))).toEqual({
      passed: 5,
      failed: [
        { name: "two", why: "not so" },
        { name: "/b.test.ts", why: "no lab" },
      ],
    });
  });

  it("TAP: each failed case with its comments", () => {
    const log = "1..3\nok 1 up\nnot ok 2 down\n# (in test file a.bats)\n#   it stays\nok 3 again # skip\n";
    expect(tapResult(log)).toEqual({
      passed: 2,
      failed: [{ name: "down", why: "(in test file a.bats)\n  it stays\n" }],
    });
    expect(tapResult("bash: no such file\n")).toEqual({ passed: 0, failed: [] });
  });
});

it("clock", () => {
  expect([0, 5.4, 60, 125].map(clock)).toEqual(["0:00", "0:05", "1:00", "2:05"]);
});
