import { afterAll, describe, expect, it } from "vitest";
import { address, addresses, get } from "../../lab/drive/lab";
import { breakByHand, DRIFTS } from "../../lab/drive/drifts";
import { differences, snapshot } from "./snapshot";
import { type Cluster } from "../../lab/drive/stack";
import { anewAfterFailure, begin, reasonsIn } from "./states";
import { cell, writeTable } from "./table";

const PIS = ["pi1", "pi2"];
let cluster: Cluster;

anewAfterFailure(async () => {
  cluster = await begin("converged");
});

const rows: string[][] = [];
afterAll(() => {
  if (rows.length < DRIFTS.length) return;
  const intro = [
    "Written by `test/e2e/drift.test.ts`, which breaks each by hand on a running cluster, sees `pulumi up` repair that and",
    "nothing else, and the next preview empty. What is not twopir's to change has obstacles.md.",
  ];
  const columns = ["broken by hand", "what `pulumi preview` prints"];
  writeTable("drift", "What preview says of each drift", intro, columns, rows);
});

describe("pulumi preview", () => {
  it("changes nothing on any Pi", async () => {
    const before = await Promise.all(PIS.map(snapshot));
    const outcome = await cluster.preview();
    const after = await Promise.all(PIS.map(snapshot));
    expect(outcome.changed).toEqual({});
    PIS.forEach((_, i) => {
      expect(differences(before[i], after[i])).toEqual([]);
    });
  });

  it.each(DRIFTS)(
    "names and up repairs: $what",
    async ({ what, on, broken, named, reason, touched = [] }) => {
      const before = await Promise.all(PIS.map(snapshot));
      await breakByHand({ on, broken });
      const preview = await cluster.preview();
      const reasons = reasonsIn(preview);
      rows.push([what, cell(reasons)]);
      expect(preview.failed).toBe(false);
      expect(reasons.join("\n")).toContain(reason);
      if (named.length > 0)
        expect(Object.keys(preview.changed).sort(), preview.said).toEqual([...named].sort());

      const repaired = await cluster.up();
      expect(repaired.said).not.toMatch(/error(?!_page)/);
      expect(repaired.changed).toEqual(preview.changed);
      const after = await Promise.all(PIS.map(snapshot));
      const touchedNow = PIS.flatMap((_, i) => differences(before[i], after[i]));
      expect(touchedNow.filter((path) => !touched.some((pattern) => pattern.test(path)))).toEqual([]);

      const again = await cluster.preview();
      expect(again.said).toBe("");
      expect(again.changed).toEqual({});
      // Whole, and by each of nginx's workers, of which a visitor meets one or the other.
      for (const name of [...PIS, ...PIS, ...PIS, ...PIS])
        expect((await get(address(name))).status).toBe(200);
      expect((await addresses()).sort()).toEqual(PIS.map(address));
    },
  );
});
