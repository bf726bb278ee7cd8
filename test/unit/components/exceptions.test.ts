import { expect, it } from "vitest";
import { exceptionsSet } from "../../../components/exceptions";
import { cluster, rfc2136 } from "./cluster";

it("names what was meant for one up, and what takes it out", () => {
  const { pis, volume, splitBrain } = cluster(2);
  expect(exceptionsSet({ pis, volume, splitBrain, dns: rfc2136 })).toEqual([]);
  expect(exceptionsSet({ pis, volume, splitBrain: "newest", dns: { provider: "none" } })).toEqual([]);
  const set = exceptionsSet({
    pis,
    splitBrain: "pi1",
    volume: { ...volume, acceptCopy: "pi2", disconnect: true },
    dns: { ...rfc2136, fewRecords: true },
  });
  expect(set.map(({ kind }) => kind)).toEqual(["hint", "hint", "hint", "hint"]);
  expect(set.map(({ message }) => /^twopir:(\S+) is set: .*\((.*)\)/.exec(message)?.slice(1))).toEqual([
    ["volume.acceptCopy", "pulumi config rm --path twopir:volume.acceptCopy"],
    ["volume.disconnect", "pulumi config rm --path twopir:volume.disconnect"],
    ["splitBrain", "pulumi config rm --path twopir:splitBrain"],
    ["dns.fewRecords", "pulumi config rm --path twopir:dns.fewRecords"],
  ]);
  expect(set[0]?.message).toContain("counts the copy of pi2 as full again, unasked");
});

it("names a release that is served instead of the folder", () => {
  const [hint] = exceptionsSet({ ...cluster(2), dns: rfc2136, backTo: "previous" });
  expect(hint?.message).toContain("twopir:release is set (previous)");
  expect(hint?.message).toContain("pulumi config rm twopir:release");
});

it("names a Pi that is still drained", () => {
  const { pis, volume, splitBrain } = cluster(2);
  const set = exceptionsSet({
    splitBrain,
    pis: pis.map((pi) => ({ ...pi, drained: pi.name === "pi2" })),
    volume,
    dns: rfc2136,
  });
  expect(set.map(({ kind, message }) => `${kind}: ${message}`)).toEqual([
    expect.stringMatching(/^hint: pi2 is drained: it serves nobody/),
  ]);
});
