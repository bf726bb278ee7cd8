import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get as request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { address, get, inside, lab, LAB, NAME, run, until } from "../../lab/drive/lab";
import type { ClusterStatus } from "../../components/status";
import { begin, nothingToDo, succeeded } from "./states";
import { stateFolder, type Cluster, type Outcome } from "../../lab/drive/stack";

const PIS = ["pi1", "pi2"] as const;
const MB = 1 << 20;
const RELEASES = "/mnt/gluster1/releases";
const CARD = "/var/lib/twopir-releases";
/** Everything that a new release changes. */
const PUBLISHED = [
  "site-content-upload",
  "site-content",
  "pi1-release",
  "pi2-release",
  "site-config",
  "site-history",
  "pi1-nginx",
  "pi2-nginx",
].sort();

const folder = mkdtempSync(join(tmpdir(), "twopir-site-"));
const settings = { "twopir:site": folder };
/** Long enough to be sent in many pieces: one that is half another page would be seen. */
const page = (word: string): string => `${word}\n`.repeat(50_000);
const write = (name: string, content: string | Buffer): void => {
  writeFileSync(join(folder, name), content);
};

let cluster: Cluster;

beforeAll(async () => {
  cluster = await begin("converged");
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const changed = (outcome: Outcome): string[] => Object.keys(outcome.changed).sort();
const releases = async (): Promise<string[]> =>
  (await inside("pi2", `cd ${RELEASES} && find . -maxdepth 1 -type d -printf '%P\\n'`)).split("\n").sort();
const live = (): Promise<string> => inside("pi1", `tail -n 1 ${RELEASES}/history | cut -d' ' -f2`);

/** ms. nginx lets old and new workers take connections for 100 ms of a reload (docs/design.md); ten times that. */
const OVERLAP = 1000;

/**
 * Each Pi is asked for the page all the while, and once more after it. Every answer is one of the two pages, whole. A
 * visitor who had the new one may get the old one again while the workers change, and no later.
 */
async function switches(before: string, after: string, happening: () => Promise<unknown>): Promise<void> {
  const state = { over: false };
  const named = (answer: string): string =>
    answer === `200 ${before}` ? "before" : answer === `200 ${after}` ? "after" : answer.slice(0, 200);
  const visit = async (pi: string): Promise<{ got: string; began: number; ended: number }[]> => {
    const answers = [];
    for (let last = false; !last;) {
      last = state.over;
      const began = Date.now();
      const answer = await get(address(pi), "/", 10_000).then(
        ({ status, body }) => `${status.toString()} ${body}`,
        String,
      );
      answers.push({ got: named(answer), began, ended: Date.now() });
      await sleep(20);
    }
    return answers;
  };
  const visitors = PIS.map(visit);
  await happening().finally(() => {
    state.over = true;
  });
  for (const answers of await Promise.all(visitors)) {
    expect(answers.filter(({ got }) => got !== "before" && got !== "after")).toEqual([]);
    expect(answers.at(-1)?.got).toBe("after");
    const first = answers.find(({ got }) => got === "after")?.ended ?? 0;
    const last = answers.filter(({ got }) => got === "before").at(-1)?.began ?? 0;
    expect(last - first, "ms from the first new page to the last old one").toBeLessThan(OVERLAP);
  }
}

/** Sends to a Pi's sshd 2 MB/s while something happens, and all else as fast as ever. */
async function withSlowSsh(pi: string, happening: () => Promise<unknown>): Promise<void> {
  const wire = `tp-${LAB}-${pi.slice(2)}`;
  const tc = (line: string): Promise<string> => run("tc", line.split(" "));
  await tc(`qdisc add dev ${wire} root handle 1: htb`);
  try {
    await tc(`class add dev ${wire} parent 1: classid 1:1 htb rate 16mbit`);
    await tc(`filter add dev ${wire} parent 1: protocol ip u32 match ip dport 22 0xffff flowid 1:1`);
    await happening();
  } finally {
    await tc(`qdisc del dev ${wire} root`);
  }
}

async function bothServe(body: string): Promise<void> {
  for (const pi of PIS)
    expect((await get(address(pi))).body === body, `${pi} serves ${body.slice(0, 20)}`).toBe(true);
}

const digest = (pi: string, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ host: address(pi), path, headers: { Host: NAME }, agent: false }, (response) => {
      const hash = createHash("sha256");
      response.on("data", (part: Buffer) => hash.update(part));
      response.on("end", () => {
        resolve(hash.digest("hex"));
      });
    }).on("error", reject);
  });

describe("publishing a folder", () => {
  const first = page("the first release");
  const second = page("the second release, which is longer");
  const large = randomBytes(100 * MB);
  let begun = "";
  let own = "";

  it("takes the place of the user's own content, each page whole, and keeps that content", async () => {
    own = (await get(address("pi1"))).body;
    write("index.html", first);
    await cluster.configure(settings);
    await switches(own, first, async () => succeeded(await cluster.up()));
    expect((await inside("pi2", "cat /mnt/gluster1/www/index.html")).trim()).toBe(own.trim());
    begun = await live();
  });

  it("changes nothing when the content is the same", async () => {
    write("index.html", first); // at another time
    expect(changed(await cluster.up())).toEqual([]);
  });

  it("names what is live and what is new, and shows no visitor a page of both", async () => {
    write("index.html", second);
    write("ümlaut & space.html", "a name\n");
    const preview = await cluster.preview();
    expect(changed(preview)).toEqual(PUBLISHED);
    expect(preview.said).toMatch(
      new RegExp(`is not on the volume yet; live since \\S+Z: ${begun.slice(0, 12)}`),
    );
    expect(preview.said).toContain(
      "beside the live release: 1 new (ümlaut & space.html), 1 changed (index.html), none gone",
    );
    await switches(first, second, async () => succeeded(await cluster.up()));
    for (const pi of PIS)
      expect((await get(address(pi), "/%C3%BCmlaut%20&%20space.html")).body).toBe("a name\n");
  });

  it("changes nothing when it is interrupted while 100 MB are sent", async () => {
    const there = (): Promise<unknown> =>
      Promise.all([live(), releases(), inside("pi2", "cat /mnt/gluster1/cluster")]);
    const before = await there();
    write("large", large);
    const arrived = async (): Promise<number> =>
      Number(await inside("pi1", "stat -c %s /home/pi/twopir-site.tar 2>/dev/null || echo 0"));
    await withSlowSsh("pi1", async () => {
      const up = cluster.start("up", "--yes", "--skip-preview");
      const ended = new Promise((resolve) => up.once("close", resolve));
      await until("a part has arrived", 60, async () => (await arrived()) > 0);
      up.kill("SIGINT");
      expect(await ended).not.toBe(0);
    });
    expect(await arrived()).toBeGreaterThan(0);
    expect(await arrived()).toBeLessThan(100 * MB);
    expect(await there()).toEqual(before);
    await bothServe(second);
  });

  it("sends 100 MB, and keeps none of it in the stack's state", async () => {
    const state = (): number =>
      statSync(join(stateFolder(), ".pulumi", "stacks", "twopir", `${LAB}.json`)).size;
    const before = state();
    const outcome = succeeded(await cluster.up());
    console.log(`100 MB: ${outcome.seconds.toString()} s`);
    const sent = createHash("sha256").update(large).digest("hex");
    for (const pi of PIS) expect(await digest(pi, "/large")).toBe(sent);
    expect(state() - before).toBeLessThan(MB / 10);
    expect(await inside("pi1", "ls /home/pi")).toBe("");
    await nothingToDo(cluster);
  });

  it("goes back to what is on the volume without sending it", async () => {
    rmSync(join(folder, "large"));
    rmSync(join(folder, "ümlaut & space.html"));
    write("index.html", first);
    const preview = await cluster.preview();
    expect(changed(preview)).toEqual(PUBLISHED.filter((name) => name !== "site-content-upload"));
    await switches(second, first, async () => succeeded(await cluster.up()));
    expect(await live()).toBe(begun);
    await nothingToDo(cluster);
  });

  it("goes back by a word, without the folder, and goes no further when up runs again", async () => {
    const away = `${folder}-away`;
    renameSync(folder, away);
    try {
      await cluster.configure({ ...settings, "twopir:release": "00000000" });
      const refused = await cluster.preview();
      expect(refused.failed).toBe(true);
      expect(refused.said).toContain(`- ${begun.slice(0, 12)}, live since 20`);
      await cluster.configure({ ...settings, "twopir:release": "previous" });
      expect(changed(await cluster.preview())).toEqual(
        PUBLISHED.filter((name) => name !== "site-content-upload"),
      );
      await switches(first, second, async () => succeeded(await cluster.up()));
      expect(await digest("pi2", "/large")).toBe(createHash("sha256").update(large).digest("hex"));
      await nothingToDo(
        cluster,
        /^twopir:release is set \(previous\): .*\(pulumi config rm twopir:release\)\.\n$/,
      );
      expect(changed(await cluster.up())).toEqual([]);
      const { releases: listed } = JSON.parse(cluster.status("--json").out) as ClusterStatus;
      expect(listed.map((one) => one.live)).toEqual([true, false, false]);
      expect(listed[0]?.id).toBe(await live());
      expect(listed[1]?.id).toBe(begun);
    } finally {
      renameSync(away, folder);
    }
    await cluster.configure(settings);
    await switches(second, first, async () => succeeded(await cluster.up()));
    await nothingToDo(cluster);
  });

  it("names an image that was altered by hand, on the volume and on a card, and puts it right", async () => {
    await inside("pi2", `echo more >>${RELEASES}/${begun}/image`);
    await inside("pi1", `rm ${CARD}/${begun}.image`);
    const preview = await cluster.preview();
    expect(changed(preview)).toEqual(PUBLISHED.filter((name) => name !== "site-config"));
    expect(preview.said).toContain("was altered by hand");
    succeeded(await cluster.up());
    await bothServe(first);
    await nothingToDo(cluster);
  });

  it("keeps the live release and the three before it", async () => {
    const all = new Set(await releases());
    for (const word of ["fourth", "fifth"]) {
      write("index.html", page(word));
      succeeded(await cluster.up());
      (await releases()).forEach((release) => all.add(release));
    }
    await bothServe(page("fifth"));
    expect((await releases()).length).toBe(4 + 1); // the folder itself
    expect(await releases()).toContain(begun);
    expect(all.size).toBe(5 + 1);
  });

  it("gives the content back to its user where the config has no site", async () => {
    await cluster.configure({});
    await switches(page("fifth"), own, async () => succeeded(await cluster.up()));
    expect((await releases()).length).toBe(4 + 1);
  });

  it("and back again while one Pi is cut off: up fails for that one, and the next one brings it after", async () => {
    const both = async (settled: Readonly<Record<string, unknown>>): Promise<void> => {
      await cluster.configure(settled);
      await lab("cut", "pi2");
      expect((await cluster.up()).failed).toBe(true);
      await lab("restore", "pi2");
      succeeded(await cluster.up());
      await nothingToDo(cluster);
    };
    await both(settings);
    await bothServe(page("fifth"));
    await both({});
    expect((await get(address("pi2"))).body).toContain("nginx");
  });
});
