import { expect, it } from "vitest";
import { bothHold, healthProblems, healthStates, heldTwice } from "../../../components/health";
import type { HostProblem } from "../../../remote/ssh";
import { cluster } from "./cluster";

const NOON = Date.UTC(2026, 0, 1, 12);

/** What is found of pi1 where the look took ten seconds, from noon. */
const found = (details: string, ...reasons: string[]): HostProblem[] => {
  const findings = new Map([["pi1-health", { reasons, disturbs: false, details }]]);
  return healthProblems(cluster(2).pis, { findings }, NOON, NOON + 10_000);
};
const said = (...lines: string[]): string[] => found(lines.join("\n")).map(({ message }) => message);
const clock = (seconds: number): string => `clock=${(NOON / 1000 + seconds).toString()}`;

it("asks each Pi, of its own address, and of a brick only those that have one", () => {
  const { pis, volume } = cluster(2);
  const [one, two] = healthStates({ pis: pis.map((pi, i) => ({ ...pi, storage: i === 0 })), volume });
  expect(one).toMatchObject({
    name: "pi1-health",
    on: "pi1",
    parameters: { brick: volume.brick, address: "192.168.0.121" },
  });
  expect(two).toMatchObject({
    name: "pi2-health",
    on: "pi2",
    parameters: { brick: "", address: "192.168.0.122" },
  });
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

it("a hint is none of what is not well, and what cannot be asked is", () => {
  expect(found("hint=it was hot")).toMatchObject([{ message: "pi1: it was hot.", kind: "hint" }]);
  expect(found("warning=it is hot")).toMatchObject([{ kind: "other" }]);
  expect(found("", "cannot be checked: df: Input/output error")).toMatchObject([
    { message: "pi1: its health cannot be checked: df: Input/output error.", kind: "other" },
  ]);
});

it("names a Pi without a default route where another one has one", () => {
  const findings = (...answers: string[]) => ({
    findings: new Map(
      answers.map((answer, i) => [
        `pi${(i + 1).toString()}-health`,
        { reasons: [], disturbs: false, details: `gateway=${answer}` },
      ]),
    ),
  });
  const saying = (...answers: string[]): string[] =>
    healthProblems(cluster(2).pis, findings(...answers), NOON, NOON).map(({ message }) => message);
  expect(saying("yes", "no")).toEqual([
    expect.stringMatching(/^pi2: it has no default route, .*: give it the gateway that pi1 has/),
  ]);
  expect(saying("yes", "yes")).toEqual([]);
  expect(saying("no", "no")).toEqual([]);
});

it("names the floating addresses that two Pis hold, and no others", () => {
  const args = cluster(2, { floatingAddresses: ["192.168.0.221", "192.168.0.222"] });
  const holding = (...addresses: string[]) => ({
    findings: new Map(
      addresses.map((held, i) => [
        `pi${(i + 1).toString()}-health`,
        { reasons: [], disturbs: false, details: `clock=1\naddresses=${held}` },
      ]),
    ),
  });
  const docker = "172.17.0.1"; // each has it
  const own = ["192.168.0.121", "192.168.0.122"].map((address) => `${docker} ${address}`) as [string, string];
  expect(heldTwice(args, holding(`${own[0]} 192.168.0.221`, `${own[1]} 192.168.0.222`))).toEqual(new Map());
  expect(heldTwice(args, holding(`${own[0]} 192.168.0.221 192.168.0.222`, own[1]))).toEqual(new Map());
  expect(
    heldTwice(args, holding(`${own[0]} 192.168.0.221 192.168.0.222`, `${own[1]} 192.168.0.222`)),
  ).toEqual(new Map([["192.168.0.222", ["pi1", "pi2"]]]));
  expect(bothHold("192.168.0.222", ["pi1", "pi2"]).message).toMatch(
    /^pi1 and pi2 hold the floating address 192.168.0.222 at the same time/,
  );
});
