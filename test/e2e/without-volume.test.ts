import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { address, endsWell, get, inside, lab, until } from "../../lab/drive/lab";
import type { Cluster } from "../../lab/drive/stack";
import { begin, nothingToDo, succeeded } from "./states";

const PIS = ["pi1", "pi2"] as const;
const CARD = "/var/lib/twopir-releases";
const folder = mkdtempSync(join(tmpdir(), "twopir-without-"));
const publish = async (word: string): Promise<void> => {
  writeFileSync(join(folder, "index.html"), `${word}\n`);
  succeeded(await cluster.up());
};
const page = async (pi: string, path = "/"): Promise<string> =>
  get(address(pi), path, 5000).then(({ status, body }) => `${status.toString()} ${body.trim()}`, String);
const serves = (pi: string, word: string, seconds: number): Promise<void> =>
  until(`${pi} serves ${word}`, seconds, async () => (await page(pi)) === `200 ${word}`);
const onBoth = async (command: string): Promise<void> => {
  for (const pi of PIS) await inside(pi, command);
};
/** Of those that are asked all the while: each other answer than the page. */
async function missed(
  word: string,
  pis: readonly string[],
  happening: () => Promise<unknown>,
): Promise<string[]> {
  const state = { over: false };
  const wrong: string[] = [];
  const visitors = pis.map(async (pi) => {
    while (!state.over) {
      for (const path of ["/", `/other.html?${Math.random().toString()}`]) {
        const answer = await page(pi, path);
        if (answer !== `200 ${path === "/" ? word : "other"}`) wrong.push(`${pi}: ${answer}`);
      }
      await sleep(50);
    }
  });
  await happening().finally(() => {
    state.over = true;
  });
  await Promise.all(visitors);
  return wrong;
}

let cluster: Cluster;

beforeAll(async () => {
  cluster = await begin("converged");
  await cluster.configure({ "twopir:site": folder });
  writeFileSync(join(folder, "other.html"), "other\n");
  await publish("first");
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("what is published", () => {
  it("is served where all bricks are dead, and nobody notices", async () => {
    const wrong = await missed("first", PIS, async () => {
      await onBoth(
        "systemctl mask -q --runtime glusterd; systemctl stop glusterd; pkill -KILL -f '^/usr/sbin/glusterfsd' || true",
      );
      await sleep(20_000);
    });
    expect(wrong).toEqual([]);
    await expect(inside("pi1", "timeout 5 cat /mnt/gluster1/cluster")).rejects.toThrow();
  });

  it("is served by a nginx that starts then, and by a Pi that boots then", async () => {
    const wrong = await missed("first", ["pi1"], async () => {
      await inside("pi2", "systemctl restart nginx || true");
      await serves("pi2", "first", 30);
      await inside("pi2", "systemctl mask -q glusterd"); // a boot takes the other one away
      await lab("off", "pi2");
      await lab("on", "pi2");
      await serves("pi2", "first", 90);
    });
    expect(wrong).toEqual([]);
  });

  it("goes on as before when the volume is back", async () => {
    const wrong = await missed("first", PIS, async () => {
      await onBoth(
        "systemctl unmask -q glusterd; systemctl unmask -q --runtime glusterd; systemctl start glusterd",
      );
      succeeded(await cluster.up());
    });
    expect(wrong).toEqual([]);
    await nothingToDo(cluster);
    await publish("second");
    for (const pi of PIS) expect(await page(pi)).toBe("200 second");
    await nothingToDo(cluster);
  });

  it("is served by a nginx that starts while the mount hangs, which goes on when it does not", async () => {
    const stopped = "pkill -STOP -f '^/usr/sbin/glusterfs .*--process-name fuse'";
    await inside("pi1", `${stopped}; systemctl restart nginx || true`);
    await serves("pi1", "second", 30);
    await inside("pi1", "pkill -CONT -f '^/usr/sbin/glusterfs .*--process-name fuse'");
    succeeded(await cluster.up());
    await nothingToDo(cluster);
    await publish("third");
    for (const pi of PIS) expect(await page(pi)).toBe("200 third");
  });

  it("comes to a Pi that was off when it was published, without an up", async () => {
    await lab("off", "pi2");
    writeFileSync(join(folder, "index.html"), "fourth\n");
    expect((await cluster.up()).failed).toBe(true);
    expect(await page("pi1")).toBe("200 fourth");
    await lab("on", "pi2");
    await serves("pi2", "fourth", 90);
    succeeded(await cluster.up());
    await nothingToDo(cluster);
  });

  it("is read whole once a night, and what is damaged comes anew", async () => {
    const id = (await inside("pi1", "tail -n 1 /mnt/gluster1/releases/history | cut -d' ' -f2")).trim();
    await inside(
      "pi1",
      `cd ${CARD} && touch -r ${id}.image /tmp/time && printf X | dd of=${id}.image bs=1 seek=100 conv=notrunc status=none &&
       touch -r /tmp/time ${id}.image`,
    );
    const wrong = await missed("fourth", PIS, () => inside("pi1", "systemctl start twopir-release"));
    expect(wrong).toEqual([]);
    await inside("pi1", `cmp ${CARD}/${id}.image /mnt/gluster1/releases/${id}/image`);
    await nothingToDo(cluster);
  });

  it("is unpacked where no image can be mounted, and served from there", async () => {
    await inside("pi1", `rm -f /dev/loop*; umount -l ${CARD}/* 2>/dev/null || true`);
    const outcome = succeeded(await cluster.up());
    expect(outcome.said).toContain(
      "an image cannot be mounted on pi1, so the release is unpacked on its card",
    );
    expect(await page("pi1")).toBe("200 fourth");
    await nothingToDo(cluster);
    await inside("pi1", `for page in ${CARD}/*/other.html; do echo altered >$page; done`);
    expect(await page("pi1", "/other.html")).toBe("200 altered");
    await inside("pi1", "systemctl start twopir-release");
    expect(await page("pi1", "/other.html")).toBe("200 other");
    await publish("fifth");
    for (const pi of PIS) expect(await page(pi)).toBe("200 fifth");
    await nothingToDo(cluster);
  });

  it("is not answered with 404 by a Pi that was off when something was published first", async () => {
    await cluster.configure({});
    succeeded(await cluster.up());
    await lab("off", "pi2");
    await cluster.configure({ "twopir:site": folder });
    expect((await cluster.up()).failed).toBe(true);
    expect(await page("pi1")).toBe("200 fifth");
    await lab("on", "pi2");
    await until("pi2 has its volume", 60, () =>
      endsWell("pi2", "grep -q twopir-releases /mnt/gluster1/cluster"),
    );
    await sleep(3000);
    expect(await page("pi2")).toContain("ECONNREFUSED");
    succeeded(await cluster.up());
    expect(await page("pi2")).toBe("200 fifth");
    await nothingToDo(cluster);
  });
});
