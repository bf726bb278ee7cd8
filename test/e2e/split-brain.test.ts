import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { address, connected, get, healed, inside, lab, until } from "./lab";
import { begin, succeeded } from "./states";
import type { Cluster } from "./stack";

const PIS = ["pi1", "pi2"] as const;
let cluster: Cluster;

beforeAll(async () => {
  cluster = await begin("converged");
});

const written = (pi: string, file: string): Promise<string> => inside(pi, `cat /data/brick1/gv0/www/${file}`);
const write = (pi: string, file: string): Promise<string> =>
  inside(pi, `echo ${pi} >/mnt/gluster1/www/${file}`);

/** The network between the Pis is cut while both live, and both are written to. */
async function parted(happening: () => Promise<void>): Promise<void> {
  await lab("part", ...PIS);
  for (const pi of PIS)
    await until(`${pi} goes on by itself`, 60, async () => {
      await inside(pi, "timeout 5 ls /mnt/gluster1/www");
      return (await get(address(pi))).status === 200;
    });
  await happening();
  await lab("join", ...PIS);
  await connected(2);
}

/** gluster has tried to heal them, as it does each minute (cluster.heal-timeout), and made their times the same. */
async function triedToHeal(): Promise<void> {
  for (const pi of PIS) await inside(pi, "gluster volume heal gv0");
  await until("both Pis have tried to heal", 60, async () => {
    const said = await inside("pi1", "gluster volume heal gv0 statistics");
    return said.includes("Ending time of crawl") && !said.includes("Crawl is in progress");
  });
}

describe("two histories of a file", () => {
  it("come of writing on both sides of a cut; both Pis serve on all the while", async () => {
    await inside("pi1", "echo before >/mnt/gluster1/www/old");
    await parted(async () => {
      for (const pi of PIS) {
        await write(pi, "old");
        await write(pi, "new");
        await inside(pi, `echo fine >/mnt/gluster1/www/only-${pi}`);
      }
    });
  });

  it("are named by preview and status, and up does not choose", async () => {
    let said = "";
    await until("both files are named", 60, async () => {
      said = (await cluster.preview()).said;
      return said.includes("/www/old has two histories") && said.includes("/www/new has two histories");
    });
    expect(said).not.toContain("only-pi");
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(Object.keys(outcome.changed)).toEqual(["gv0-no-split-brain"]);
    expect(outcome.said).toContain("set twopir:splitBrain to the name of the Pi whose copy counts");
    for (const pi of PIS) expect(await written(pi, "old")).toBe(pi); // nothing is lost
    for (const pi of PIS) expect((await get(address(pi))).status).toBe(200);
  });

  it("become one where the user names a Pi", async () => {
    await cluster.configure({ "twopir:splitBrain": "pi1" });
    succeeded(await cluster.up());
    await healed("pi1");
    for (const pi of PIS)
      for (const file of ["old", "new"]) expect(await written(pi, file), `${file} on ${pi}`).toBe("pi1");
    for (const pi of PIS) expect(await written(pi, "only-pi2")).toBe("fine");
    expect((await cluster.preview()).changed).toEqual({});
    for (const pi of PIS)
      expect((await inside(pi, "cat /mnt/gluster1/www/{old,new}")).split("\n")).toEqual(["pi1", "pi1"]);
  });

  it("become the newer one where the user says so, whichever Pi has it", async () => {
    await cluster.configure({});
    succeeded(await cluster.up());
    const order = { "later-on-pi1": ["pi2", "pi1"], "later-on-pi2": ["pi1", "pi2"] };
    const files = Object.entries(order).flatMap(([name, [first = "", last = ""]]) =>
      ["one", "two"].map((kind) => ({ file: `${kind}-${name}`, first, last })),
    );
    const one = files.filter(({ file }) => file.startsWith("one"));
    for (const { file } of one) await write("pi1", file); // one file changed twice; two: the same name given twice
    await parted(async () => {
      for (const { file, first } of files) await write(first, file);
      await sleep(1000);
      for (const { file, last } of files) await write(last, file);
    });
    await until("each is named", 60, async () => {
      const { said } = await cluster.preview();
      return files.every(({ file }) => said.includes(`/www/${file} has two histories`));
    });
    await triedToHeal();
    await cluster.configure({ "twopir:splitBrain": "newest" });
    succeeded(await cluster.up());
    await healed("pi1");
    for (const pi of PIS)
      for (const { file, last } of files) expect(await written(pi, file), `${file} on ${pi}`).toBe(last);
    expect((await cluster.preview()).changed).toEqual({});
  });
});
