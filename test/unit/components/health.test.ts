import { expect, it } from "vitest";
import { healthProblems, healthStates } from "../../../components/health";
import { cluster } from "./cluster";

const NOON = Date.UTC(2026, 0, 1, 12);

/** What is said of pi1 where the look took ten seconds, from noon. */
const said = (...lines: string[]): string[] => {
  const findings = new Map([["pi1-health", { reasons: [], disturbs: false, details: lines.join("\n") }]]);
  return healthProblems(cluster(2).pis, { findings }, NOON, NOON + 10_000).map(({ message, kind }) => {
    expect(kind).toBe("other");
    return message;
  });
};
const clock = (seconds: number): string => `clock=${(NOON / 1000 + seconds).toString()}`;

it("asks each Pi, and of a brick only those that have one", () => {
  const { pis, volume } = cluster(2);
  const [one, two] = healthStates({ pis: pis.map((pi, i) => ({ ...pi, storage: i === 0 })), volume });
  expect(one).toMatchObject({ name: "pi1-health", on: "pi1", parameters: { brick: volume.brick } });
  expect(two).toMatchObject({ name: "pi2-health", on: "pi2", parameters: { brick: "" } });
});

it.each([-5, 0, 10, 15])("a clock of %i s after the look's begin is right", (seconds) => {
  expect(said(clock(seconds))).toEqual([]);
});

it("a clock that is off is named, by how much and in which direction", () => {
  expect(said(clock(-3600))).toEqual([
    expect.stringMatching(/^pi1: its clock is 3600 s behind this machine's\. /),
  ]);
  expect(said(clock(16))).toEqual([
    expect.stringMatching(/^pi1: its clock is 6 s ahead of this machine's\. /),
  ]);
});

it("warnings are passed on with the Pi's name", () => {
  const full = "the file system of / is 92 % full";
  expect(said(clock(0), `warning=${full}`, "warning=a=b")).toEqual([`pi1: ${full}.`, "pi1: a=b."]);
  expect(said()).toEqual([]);
});
