import { afterAll, describe, expect, it } from "vitest";
import {
  address,
  connected,
  endsWell,
  healed,
  inside,
  lab,
  NAME,
  servesAgain,
  until,
  whileFetching,
} from "../../lab/drive/lab";
import { breakByHand, NGINX_LINK, OBSTACLES } from "../../lab/drive/drifts";
import { pi, type Cluster } from "../../lab/drive/stack";
import { anewAfterFailure, begin } from "./states";
import { cell, writeTable } from "./table";

const PIS = ["pi1", "pi2"];
let cluster: Cluster;

anewAfterFailure(async () => {
  cluster = await begin("converged");
});

const rows: string[][] = [];
afterAll(() => {
  if (rows.length < OBSTACLES.length) return;
  const intro = [
    "Written by `test/e2e/obstacles.test.ts`, which makes each by hand on a running cluster, sees `pulumi up` say the same, and",
    "the preview after that, until it is taken away.",
  ];
  const columns = ["made by hand", "what `pulumi preview` prints"];
  writeTable("obstacles", "What preview says of what is not twopir's to change", intro, columns, rows);
});

describe("what keeps visitors away and is not ours to change", () => {
  it.each(OBSTACLES)(
    "is named by preview, and by an up that fails for it: $what",
    async ({ what, on, broken, undone, named, said, fails = named.length > 0 }) => {
      await breakByHand({ on, broken });
      const preview = await cluster.preview();
      const up = await cluster.up();
      const after = await cluster.preview();
      await breakByHand({ on, broken: undone });
      rows.push([what, cell(preview.said.split("\n").filter((line) => line.includes(said)))]);
      for (const [when, each] of Object.entries({ preview, up, after }))
        expect(each.said, `${when}: ${JSON.stringify(each.changed)}`).toContain(said);
      for (const each of [preview, after])
        expect(Object.keys(each.changed).sort(), each.said).toEqual([...named].sort());
      expect(up.failed).toBe(fails);
      await connected(PIS.length);
      const again = await cluster.preview();
      expect(again.said).toBe("");
      expect(again.changed).toEqual({});
    },
  );
});

describe("a Pi that cannot be reached", () => {
  it("is a warning in preview and no error in an up that has nothing to do on it", async () => {
    await lab("cut", "pi2");
    const preview = await cluster.preview();
    expect(preview.said).toContain(`pi2 (${address("pi2")}) does not answer`);
    expect(preview.changed).toEqual({});
    await inside("pi1", `rm ${NGINX_LINK}`);
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(false);
    expect(Object.keys(outcome.changed).sort(), outcome.said).toEqual([
      "pi1-nginx",
      "pi1-sites-enabled-link",
    ]);
    await lab("restore", "pi2");
    await healed("pi1");
  });

  it("lacks what is written meanwhile: preview says so, up goes on, and the next one after that says it again", async () => {
    await lab("cut", "pi2");
    await inside("pi1", "echo meanwhile >/mnt/gluster1/www/meanwhile.html");
    const said = /pi1-brick-process: files of this copy that wait to be healed on the others: \d/;
    const preview = await cluster.preview();
    expect(preview.said).toMatch(said);
    expect(preview.changed).toEqual({ "pi1-brick-process": "update" });
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(false);
    expect(outcome.said).toMatch(/files that still wait: \d+; gluster goes on with them/);
    expect((await cluster.preview()).said).toMatch(said);
    await lab("restore", "pi2");
    await until("the peers are connected", 30, () =>
      endsWell("pi1", "gluster peer status | grep -q '(Connected)'"),
    );
    await healed("pi1");
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("fails up for that one alone, and only where something must be done on it", async () => {
    await lab("cut", "pi2");
    await cluster.configure({ "twopir:serverNames": ["twopir", "again"] });
    const shared = await cluster.up();
    expect(shared.failed).toBe(false); // the server block is on the volume, and pi2 has no part in that
    await cluster.configure({ "twopir:hostname": `www.${NAME}` });
    const everywhere = await cluster.up();
    expect(everywhere.said).not.toContain("panic");
    expect(everywhere.failed).toBe(true); // each nginx must serve the new name
    expect(everywhere.said).toMatch(/pi2-nginx/);
    expect(everywhere.said).not.toMatch(/pi1-nginx: .*failed/);
    expect(everywhere.changed).toHaveProperty("pi1-a-record");
    await lab("restore", "pi2");
    await healed("pi1");
    await cluster.configure({});
    const mended = await cluster.up();
    expect(mended.said).not.toMatch(/error(?!_page)/);
    expect(mended.failed).toBe(false);
    expect((await cluster.preview()).changed).toEqual({});
  });
});

describe("a dead card", () => {
  it("comes back by one command and pulumi up, while the other Pi serves", async () => {
    await inside(
      "pi1",
      "head -c 20M /dev/urandom >/mnt/gluster1/www/large && echo before >/mnt/gluster1/www/before",
    );
    await lab("blank", "pi2");
    await inside("pi1", "echo meanwhile >/mnt/gluster1/www/meanwhile");
    const refused = await cluster.up();
    expect(refused.failed).toBe(true);
    expect(refused.said).toMatch(/pi2 \(.*\) shows another host key[^]*ssh-keygen -R/);
    expect(refused.changed).toEqual({});

    await lab("keys"); // the user's word: ssh-keygen -R, and the new key accepted
    const seenMeanwhile = await whileFetching(async () => {
      const outcome = await cluster.up();
      expect(outcome.said).not.toMatch(/error(?!_page)/);
      expect(outcome.failed).toBe(false);
    });
    expect(seenMeanwhile.why).toEqual([]);
    await servesAgain("pi2");
    await healed("pi1");
    const sums = "cd /data/brick1/gv0/www && md5sum *";
    expect(await inside("pi2", sums)).toBe(await inside("pi1", sums));
    expect((await cluster.preview()).changed).toEqual({});
  });
});

describe("the config of a Pi", () => {
  it("may pin its host key instead of known_hosts", async () => {
    const key = (await inside("pi1", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")).trim();
    await cluster.configure({ "twopir:pis": [pi("pi1", { hostKey: key }), pi("pi2")] });
    expect((await cluster.preview()).failed).toBe(false);
  });
});
