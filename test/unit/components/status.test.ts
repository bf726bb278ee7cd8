import { expect, it } from "vitest";
import { clusterStatus } from "../../../components/status";
import { cluster } from "./cluster";

it("an A record is there where it points: at the floating address of a Pi that has one", () => {
  const floatingAddresses = ["192.168.0.221", "192.168.0.222"];
  const records = ["192.168.0.121", "192.168.0.222"];
  const aRecords = (args: Parameters<typeof clusterStatus>[0]): boolean[] =>
    clusterStatus(args, new Map(), { findings: new Map(), problems: [] }, records).pis.map(
      (pi) => pi.aRecord,
    );
  expect(aRecords(cluster(2))).toEqual([true, false]);
  expect(aRecords(cluster(2, { floatingAddresses }))).toEqual([false, true]);
});
