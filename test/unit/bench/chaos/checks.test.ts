import { describe, expect, it } from "vitest";
import {
  browserHardly,
  lossReported,
  passes,
  plannedUnnoticed,
  plugUnnoticed,
  rightByItself,
  writesKept,
} from "../../../../bench/chaos/checks";
import type { Figures } from "../../../../bench/chaos/figures";
import type { Check, FaultSeen, Run, Sides } from "../../../../bench/chaos/result";

const seen = (more: Partial<Figures> = {}): Figures => ({
  requests: 600,
  failed: 0,
  worstSeconds: 1,
  darkSeconds: 1,
  ...more,
});
const sides = (more: Partial<Sides> = {}): Sides => ({ all: seen(), hit: seen(), others: seen(), ...more });

const fault = (more: Partial<FaultSeen> = {}): FaultSeen => ({
  what: "plug of pi1 pulled",
  recoverySeconds: 5,
  outage: sides(),
  comeback: sides(),
  byName: seen(),
  pagesFrom: {},
  ...more,
});

const run = (more: Partial<Run> = {}): Run => ({
  mode: "article",
  scenario: "power-cut",
  about: "",
  began: "",
  requests: 1200,
  failed: 0,
  worstStallSeconds: 1,
  recoverySeconds: 5,
  lostWrites: 0,
  acknowledgedWrites: 100,
  worstWriteSeconds: 1,
  conflicts: [],
  byName: { ...seen(), client: "Chromium" },
  addresses: {},
  faults: [fault()],
  clientLateSeconds: 0,
  moments: [],
  timeline: {},
  checks: [],
  ...more,
});

const failing = (checks: readonly Check[]): string[] =>
  checks.filter((check) => !passes(check)).map((check) => check.what);

describe("a split brain", () => {
  it("are no fault where they are named", () => {
    const lost = { lostWrites: 3, conflicts: ["/chaos-lines is in split brain"] };
    expect(failing(lossReported(run(lost)))).toEqual([]);
    expect(failing(lossReported(run({ ...lost, conflicts: [] })))).toEqual([
      "acknowledged writes lost in files that no preview names",
    ]);
    expect(failing(lossReported(run()))).toEqual([]);
  });
});

describe("a pulled plug", () => {
  // Who asks for the dead Pi's own address gets nothing; who asks for an address that moves gets a page.
  const deadAddress = { all: seen({ failed: 300, worstSeconds: 10 }), hit: seen({ failed: 300 }) };

  it("with the article's records may cost the dead Pi's own address", () => {
    expect(failing(plugUnnoticed()(run({ faults: [fault({ outage: sides(deadAddress) })] })))).toEqual([]);
  });

  it("with floating addresses costs nobody anything", () => {
    const floating = run({ mode: "floating", faults: [fault({ outage: sides(deadAddress) })] });
    expect(failing(plugUnnoticed()(floating))).toEqual([
      "plug of pi1 pulled: meanwhile, failed",
      "plug of pi1 pulled: meanwhile, worst request in seconds",
    ]);
  });

  it("must be measured by enough requests", () => {
    const few = fault({ outage: sides({ all: seen({ requests: 399 }) }) });
    expect(failing(plugUnnoticed()(run({ mode: "floating", faults: [few] })))).toEqual([
      "plug of pi1 pulled: requests meanwhile",
    ]);
  });

  it("that is in again is noticed even less", () => {
    const slow = fault({ comeback: sides({ all: seen({ worstSeconds: 1.2 }) }) });
    expect(failing(plugUnnoticed()(run({ mode: "floating", faults: [slow] })))).toEqual([
      "plug of pi1 pulled: when it came back, worst request in seconds",
    ]);
  });

  it("costs the other Pi's visitors two seconds at most", () => {
    const slow = fault({ outage: sides({ others: seen({ worstSeconds: 2.001 }) }) });
    expect(failing(plugUnnoticed()(run({ faults: [slow] })))).toEqual([
      "plug of pi1 pulled: the other Pi meanwhile, worst request in seconds",
    ]);
  });
});

describe("what is planned", () => {
  it("is not noticed by name, and with floating addresses on no address", () => {
    expect(failing(plannedUnnoticed(run({ failed: 3 })))).toEqual([]);
    expect(failing(plannedUnnoticed(run({ failed: 3, mode: "floating" })))).toEqual([
      "failed on any address",
    ]);
    expect(failing(plannedUnnoticed(run({ byName: { ...seen({ failed: 1 }), client: "" } })))).toEqual([
      "failed by name",
    ]);
  });
});

describe("every run", () => {
  it("keeps what was acknowledged", () => {
    expect(failing(writesKept(run({ lostWrites: 1 })))).toEqual(["acknowledged writes lost"]);
  });

  it("ends with everything right", () => {
    const wrong = run({ faults: [fault(), fault({ wrong: "pi1: something", recoverySeconds: null })] });
    expect(rightByItself(wrong)).toMatchObject([{ value: 1, limit: 0 }]);
  });
});

describe("Chromium", () => {
  it("waits for a page no longer than it is said", () => {
    const slow = run({ byName: { ...seen({ worstSeconds: 0.6 }), client: "Chromium" } });
    expect(failing(browserHardly(0.5)(slow))).toEqual(["Chromium's worst page in seconds"]);
    expect(failing(browserHardly(2.5)(slow))).toEqual([]);
  });
});
