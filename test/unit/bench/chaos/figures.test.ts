import { describe, expect, it } from "vitest";
import {
  begunIn,
  combined,
  during,
  figures,
  lost,
  timeline,
  type Sample,
} from "../../../../bench/chaos/figures";

const answered = (start: number, seconds: number): Sample => ({ start, seconds, failed: false });
const failed = (start: number, seconds: number): Sample => ({ start, seconds, failed: true });

describe("figures", () => {
  it("count what failed, and its time as well", () => {
    expect(figures([answered(0, 0.01), failed(1, 10), answered(2, 0.01)])).toMatchObject({
      requests: 3,
      failed: 1,
      worstSeconds: 10,
    });
  });

  it("see how long it was dark between two answers, whatever order they came in", () => {
    // Refused at once, the requests of an outage take no time, and yet nobody saw a page for two seconds.
    const samples = [answered(0, 0), failed(0.5, 0), failed(1, 0), answered(2, 0), answered(1.9, 0.6)];
    expect(figures(samples).darkSeconds).toBe(2);
    expect(figures(samples).worstSeconds).toBe(0.6);
  });

  it("see darkness before the first answer and after the last", () => {
    expect(figures([failed(0, 0), answered(3, 0), failed(3.5, 4)]).darkSeconds).toBe(4.5);
    expect(figures([failed(0, 1), failed(5, 1)]).darkSeconds).toBe(6);
  });

  it("of nothing are zero", () => {
    expect(figures([])).toEqual({ requests: 0, failed: 0, worstSeconds: 0, darkSeconds: 0 });
  });

  it("of stretches of time leave out what lies between", () => {
    const first = figures([answered(0, 0.1), answered(1, 0.2)]);
    const second = figures([answered(100, 0.1), failed(100.5, 0.1)]);
    expect(combined([first, second])).toEqual({
      requests: 4,
      failed: 1,
      worstSeconds: 0.2,
      darkSeconds: 1.1,
    });
  });
});

describe("a stretch of time", () => {
  const samples = [answered(0, 0.1), answered(1, 5), answered(4, 0.1), answered(7, 0.1)];

  it("has what was under way when it began", () => {
    expect(during(samples, 3, 7).map((sample) => sample.start)).toEqual([1, 4]);
  });

  it("or only what began in it", () => {
    expect(begunIn(samples, 3, 7.5).map((sample) => sample.start)).toEqual([4, 7]);
  });
});

describe("a timeline", () => {
  it("has the worst and the failed of each piece", () => {
    expect(
      timeline([answered(0.1, 0.01), answered(0.4, 0.3), failed(2.1, 1), answered(2.4, 0.01)], 0.5),
    ).toEqual({ start: [0, 2], worst: [0.3, 1], failed: [0, 1] });
  });
});

describe("a line", () => {
  it("is lost where one copy lacks it", () => {
    const copies = [
      ["1", "2", "3", "3"],
      ["3", "1"],
    ];
    expect(lost(["1", "2", "3", "4"], copies)).toEqual(["2", "4"]);
  });

  it("that was never acknowledged may be missing", () => {
    expect(lost(["1"], [["1", "2"], ["1"]])).toEqual([]);
  });
});
