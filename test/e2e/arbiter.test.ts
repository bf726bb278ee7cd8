import { beforeAll, describe, expect, it } from "vitest";
import {
  address,
  addresses,
  connected,
  get,
  healed,
  inside,
  lab,
  until,
  whileFetching,
} from "../../lab/drive/lab";
import { begin, succeeded } from "./states";
import { type Cluster, pi } from "../../lab/drive/stack";

const COPIES = ["pi1", "pi2"] as const;
const PIS = [...COPIES, "pi3"] as const;
const settings = { "twopir:pis": [pi("pi1"), pi("pi2"), pi("pi3", { arbiter: true })] };

let cluster: Cluster;

beforeAll(async () => {
  cluster = await begin("converged");
  await lab("on", "pi3");
});

const bricks = (): Promise<string> =>
  inside("pi1", "gluster volume info gv0 | sed -n 's/^Number of Bricks: //p'");
const write = (on: string, file: string, text: string): Promise<string> =>
  inside(on, `timeout 20 bash -c 'echo ${text} >/mnt/gluster1/www/${file}'`);
const copyOf = (on: string, file: string): Promise<string> => inside(on, `cat /data/brick1/gv0/www/${file}`);
const serves = (on: string, path = "/"): Promise<boolean> =>
  get(address(on), path).then(
    ({ status }) => status === 200,
    () => false,
  );
const allHealed = async (): Promise<void> => {
  await connected(3);
  await healed("pi1");
};
/** No file is in split brain, by gluster's own word and the program's. */
const nothingToChoose = async (): Promise<void> => {
  for (const each of PIS) await until(`${each} serves again`, 30, () => serves(each));
  const said = await inside("pi1", "gluster volume heal gv0 info split-brain");
  expect(said.match(/^Number of entries in split-brain: 0$/gm)?.length).toBe(3);
  expect((await cluster.preview()).changed).toEqual({});
};

describe("an arbiter", () => {
  it("joins two Pis that serve, unnoticed: it has all names and no content, and serves as they do", async () => {
    await write("pi1", "before", "before");
    const seen = await whileFetching(async () => {
      await cluster.configure(settings);
      succeeded(await cluster.up());
    });
    expect(seen.why).toEqual([]);
    expect(await bricks()).toBe("1 x (2 + 1) = 3");
    await allHealed();
    expect(await inside("pi3", "stat -c %s /data/brick1/gv0/www/before")).toBe("0");
    expect((await get(address("pi3"), "/before")).body).toBe("before\n");
    expect((await addresses()).length).toBe(3);
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("lets one side of a cut write, so that no file gets into split brain", async () => {
    for (const other of ["pi2", "pi3"]) await lab("part", "pi1", other);
    await until("pi1 knows that it is alone", 60, async () => !(await serves("pi1", "/before")));
    await expect(write("pi1", "before", "pi1")).rejects.toThrow();
    await until("the others go on", 60, async () => {
      await write("pi2", "before", "pi2");
      return (await serves("pi2", "/before")) && (await serves("pi3", "/before"));
    });
    for (const other of ["pi2", "pi3"]) await lab("join", "pi1", other);
    await allHealed();
    for (const each of COPIES) expect(await copyOf(each, "before")).toBe("pi2");
    await until("pi1 serves it", 30, async () => (await get(address("pi1"), "/before")).body === "pi2\n");
    await nothingToChoose();
  });

  it("knows which copy is behind where each was alone in turn: nothing is lost, nothing is made up", async () => {
    await write("pi1", "turns", "old");
    await lab("off", "pi2");
    await until("pi1 writes", 30, async () => {
      await write("pi1", "turns", "new");
      return true;
    });
    await lab("off", "pi1");
    await lab("on", "pi2");
    await until("pi2 is there", 60, () => serves("pi2", "/"));
    await expect(inside("pi2", "timeout 20 cat /mnt/gluster1/www/turns")).rejects.toThrow();
    await expect(write("pi2", "turns", "other")).rejects.toThrow();
    await lab("on", "pi1");
    await allHealed();
    for (const each of COPIES) expect(await copyOf(each, "turns")).toBe("new");
    await nothingToChoose();
  });

  it("begins anew with a copy that a new card lost", async () => {
    await lab("blank", "pi2", "--trust");
    const seen = await whileFetching(async () => {
      succeeded(await cluster.up());
    });
    expect(seen.why).toEqual([]);
    expect(await bricks()).toBe("1 x (2 + 1) = 3");
    await allHealed();
    for (const each of COPIES) expect(await copyOf(each, "turns")).toBe("new");
    expect(await inside("pi3", "stat -c %s /data/brick1/gv0/www/turns")).toBe("0");
    for (const each of PIS) expect(await serves(each)).toBe(true);
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("objects no more where the user's word is for a copy that lacks something, and begins anew with it", async () => {
    await write("pi1", "word", "old");
    await allHealed();
    await lab("off", "pi1");
    await until("pi2 writes", 30, async () => {
      await write("pi2", "word", "new");
      return true;
    });
    await lab("blank", "pi2", "--trust");
    await lab("on", "pi1");
    const refused = await cluster.up();
    expect(refused.failed).toBe(true);
    expect(refused.said).toContain("twopir:volume.acceptCopy");
    await cluster.configure({ ...settings, "twopir:volume": { acceptCopy: "pi1" } });
    succeeded(await cluster.up());
    await allHealed();
    for (const each of COPIES) expect(await copyOf(each, "word")).toBe("old");
    for (const each of PIS) expect((await get(address(each), "/word")).body).toBe("old\n");
    await cluster.configure(settings);
    succeeded(await cluster.up());
    await nothingToChoose();
  });

  it("leaves, unnoticed, and two Pis are as before: the one that is left serves alone", async () => {
    const seen = await whileFetching(async () => {
      await cluster.configure({});
      succeeded(await cluster.up());
    });
    expect(seen.why).toEqual([]);
    expect(await bricks()).toBe("1 x 2 = 2");
    expect((await cluster.preview()).changed).toEqual({});
    await lab("off", "pi1");
    await until("pi2 serves alone", 30, () => serves("pi2", "/turns"));
    await lab("on", "pi1");
    await healed("pi2");
  });
});
