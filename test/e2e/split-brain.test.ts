import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { address, connected, endsWell, get, healed, inside, lab, until } from "../../lab/drive/lab";
import { begin, succeeded } from "./states";
import type { Cluster } from "../../lab/drive/stack";

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

describe("a file in split brain", () => {
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
      return said.includes("/www/old is in split brain") && said.includes("/www/new is in split brain");
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
      return files.every(({ file }) => said.includes(`/www/${file} is in split brain`));
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

describe("a name that was given to two things", () => {
  const FOUND = "is in split brain: ";
  const ASIDE = /goes to (\/mnt\/gluster1\/aside-[0-9TZ]+)\//;

  /** What is in a brick but for gluster's own, with the content of files. */
  const tree = (pi: string): Promise<string> =>
    inside(
      pi,
      "cd /data/brick1/gv0 && find . \\( -name '.glusterfs*' -o -path ./.copies \\) -prune -o " +
        "-type f -exec sha256sum {} + -o -printf '%y %m %p %l\\n' | sort",
    );

  /** One `up` with this choice settles everything. @returns where the losers lie. */
  async function settled(choice: string): Promise<string> {
    await cluster.configure({ "twopir:splitBrain": choice });
    const { said } = succeeded(await cluster.up());
    await healed("pi1");
    expect((await cluster.preview()).changed).toEqual({});
    expect(await tree("pi1")).toBe(await tree("pi2"));
    return ASIDE.exec(said)?.[1] ?? "nowhere";
  }

  /** As {@link parted}, and each line is in the next preview. */
  async function partedAndNamed(found: readonly string[], happening: () => Promise<void>): Promise<void> {
    await cluster.configure({});
    succeeded(await cluster.up());
    await parted(happening);
    await until("each is named", 90, async () => {
      const { said } = await cluster.preview();
      return found.every((line) => said.includes(line));
    });
  }

  it("belongs to the Pi that the user names, and the other thing lies aside, whole", async () => {
    await partedAndNamed(
      [
        `/www/folder ${FOUND}a folder on pi1, another folder on pi2`,
        `/www/kinds ${FOUND}a file on pi1, a folder on pi2`,
        `/top ${FOUND}a link on pi1, a file on pi2`,
      ],
      async () => {
        for (const pi of PIS)
          await inside(
            pi,
            `cd /mnt/gluster1/www && mkdir -p folder/in && echo ${pi} | tee folder/same folder/in/only-${pi}`,
          );
        await inside("pi1", "cd /mnt/gluster1 && echo pi1 >www/kinds && ln -s nowhere top");
        await inside("pi2", "cd /mnt/gluster1 && mkdir www/kinds && echo pi2 | tee www/kinds/file top");
      },
    );
    const outcome = await cluster.up();
    expect(Object.keys(outcome.changed)).toEqual(["gv0-no-split-brain"]);
    expect(outcome.failed).toBe(true);

    const aside = `${await settled("pi2")}/pi1`;
    for (const pi of PIS) {
      const files = "www/folder/same www/folder/in/only-pi2 www/kinds/file top";
      expect(await inside(pi, `cd /mnt/gluster1 && cat ${files}`)).toBe("pi2\npi2\npi2\npi2");
      const losers = "www/folder/same www/folder/in/only-pi1 www/kinds";
      expect(await inside(pi, `cd ${aside} && cat ${losers} && readlink top`)).toBe("pi1\npi1\npi1\nnowhere");
      expect(await endsWell(pi, "ls /mnt/gluster1/www/folder/in/only-pi1")).toBe(false);
    }
  });

  it("belongs to what was changed last, of a folder in all that is in it", async () => {
    await partedAndNamed(
      ["deep", "late"].map((name) => `/www/${name} ${FOUND}a folder on pi1, a file on pi2`),
      async () => {
        await inside("pi1", "cd /mnt/gluster1/www && mkdir -p deep/er late && touch late/file");
        await sleep(1000);
        await inside("pi2", "cd /mnt/gluster1/www && echo pi2 | tee deep late");
        await sleep(1000);
        await inside("pi1", "echo pi1 >/mnt/gluster1/www/deep/er/file");
      },
    );
    const aside = await settled("newest");
    for (const pi of PIS) {
      expect(await inside(pi, `cat /mnt/gluster1/www/{deep/er/file,late}`)).toBe("pi1\npi2");
      expect(await inside(pi, `cat ${aside}/pi2/www/deep && ls ${aside}/pi1/www/late`)).toBe("pi2\nfile");
    }
  });

  it("is nothing that a state puts there anew, and one up settles and mends all", async () => {
    const again = "cp -a $n $n.new && mv $n $n.old && mv -T $n.new $n && rm -r $n.old";
    await partedAndNamed(
      [
        `/www ${FOUND}a folder on pi1, another folder on pi2`,
        "/mnt/gluster1/www cannot be read (Input/output error)",
        "/mnt/gluster1/cluster cannot be read (Input/output error)",
      ],
      async () => {
        for (const pi of PIS)
          await inside(
            pi,
            `cd /mnt/gluster1 && for n in www cluster; do ${again}; done && echo ${pi} >www/mine`,
          );
      },
    );
    expect((await cluster.up()).failed).toBe(true);
    for (const pi of PIS) expect(await written(pi, "mine")).toBe(pi);
    await settled("pi1");
    for (const pi of PIS) {
      expect(await inside(pi, "cat /mnt/gluster1/www/mine")).toBe("pi1");
      expect((await get(address(pi))).status).toBe(200);
    }
  });
});
