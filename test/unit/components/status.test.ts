import { expect, it } from "vitest";
import { clusterStatus } from "../../../components/status";
import type { Reached } from "../../../remote/look";
import { HostProblem } from "../../../remote/ssh";
import { cluster } from "./cluster";

it("an A record is there where it points: at the floating address of a Pi that has one", () => {
  const floatingAddresses = ["192.168.0.221", "192.168.0.222"];
  const records = { A: ["192.168.0.121", "192.168.0.222"] };
  const aRecords = (args: Parameters<typeof clusterStatus>[0]): boolean[] =>
    clusterStatus(args, new Map(), { findings: new Map(), problems: [] }, records).pis.map(
      (pi) => pi.aRecord,
    );
  expect(aRecords(cluster(2))).toEqual([true, false]);
  expect(aRecords(cluster(2, { floatingAddresses }))).toEqual([false, true]);
});

it("an A record that the user keeps is there where this machine finds it", () => {
  const args = cluster(2, { dns: { provider: "none" } });
  const { pis } = clusterStatus(
    args,
    new Map(),
    { findings: new Map(), problems: [] },
    { A: ["192.168.0.122"] },
  );
  expect(pis.map(({ aRecord }) => aRecord)).toEqual([false, true]);
});

it("not well is said with its reason, and what the reason is of", () => {
  const facts = (...lines: string[]) => ({ reasons: [], disturbs: false, details: lines.join("\n") });
  const well = ["nginx=active", "glusterd=active", "mount=yes", "page=yes", "updates=current", "brick=yes"];
  const findings = new Map([
    ["pi1-status", facts(...well, "heals=3", "split_brain=0")],
    ["pi2-status", facts(...well, "heals=0", "split_brain=0")],
  ]);
  const { pis } = cluster(2);
  const reached = new Map(pis.map(({ name }) => [name, { client: {} } as unknown as Reached]));
  const records = { A: ["192.168.0.121", "192.168.0.122"] };
  const status = clusterStatus(cluster(2), reached, { findings, problems: [] }, records);
  expect(status.notWell).toEqual(["pi1: files that wait to be healed: 3"]);
  expect(status.well).toBe(false);
});

it("what this machine does not see says nothing against the cluster, and is said", () => {
  const { pis } = cluster(2);
  const lines = ["nginx=active", "glusterd=active", "mount=yes", "page=yes", "updates=current", "brick=yes"];
  const findings = new Map(
    pis.map(({ name }) => [`${name}-status`, { reasons: [], disturbs: false, details: lines.join("\n") }]),
  );
  const reached = new Map(pis.map(({ name }) => [name, { client: {} } as unknown as Reached]));
  const records = { A: ["192.168.0.121", "192.168.0.122"] };
  const status = (...problems: HostProblem[]) =>
    clusterStatus(cluster(2), reached, { findings, problems }, records);
  expect(status()).toMatchObject({ well: true, unseen: false });
  expect(status(new HostProblem("no answer", "unseen"))).toMatchObject({ well: true, unseen: true });
  expect(status(new HostProblem("no answer", "silent"))).toMatchObject({ well: false, unseen: false });
  expect(status(new HostProblem("it was hot", "hint"))).toMatchObject({ well: true, unseen: false });
  const found = clusterStatus(cluster(2), reached, { findings, problems: [] }, records, ["another address"]);
  expect(found).toMatchObject({ well: true, unseen: true, problems: ["another address"] });
});

it("an AAAA record is asked for where a Pi has an IPv6 address", () => {
  const args = cluster(2);
  const pis = args.pis.map((pi, i) => (i === 0 ? { ...pi, address6: "2001:db8::121" } : pi));
  const status = (records: Parameters<typeof clusterStatus>[3]) =>
    clusterStatus({ ...args, pis }, new Map(), { findings: new Map(), problems: [] }, records);
  const A = ["192.168.0.121", "192.168.0.122"];
  const aaaa = (...AAAA: string[]) => status({ A, AAAA }).pis.map(({ aaaaRecord }) => aaaaRecord);
  expect(aaaa("2001:db8::121")).toEqual([true, undefined]);
  expect(aaaa()).toEqual([false, undefined]);
  expect(status({ A }).problems).toEqual(["which AAAA records twopir.example.com has is unknown"]);
  expect(status({ A, AAAA: [] }).problems).toEqual([]);
});
