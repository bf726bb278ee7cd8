import { beforeAll, expect, it } from "vitest";
import { breakByHand, DRIFTS, NGINX_LINK } from "../../lab/drive/drifts";
import {
  CONTENT_ALONE,
  address,
  addresses,
  get,
  getByName,
  healed,
  inside,
  lab,
  notesFull,
  servesAgain,
  until,
  whileFetching,
} from "../../lab/drive/lab";
import { Cluster, pi, type Outcome } from "../../lab/drive/stack";
import { loaded, nothingToDo, succeeded } from "./states";

// One whole life of a cluster: each case goes on where the one before it ended.
const PIS = ["pi1", "pi2"] as const;
const site = { "twopir:site": "./site" };
let cluster: Cluster;

beforeAll(async () => {
  await loaded("packages");
  cluster = await Cluster.create();
});

/** An up that nobody who asks by name notices. */
async function upUnnoticed(): Promise<Outcome> {
  let outcome: Outcome | undefined;
  const seen = await whileFetching(async () => {
    outcome = await cluster.up();
  });
  expect(seen.why).toEqual([]);
  if (outcome === undefined) throw new Error("nothing happened");
  return succeeded(outcome);
}

it("begins with two bare Pis, which one pulumi up makes a cluster", async () => {
  const outcome = succeeded(await cluster.up());
  expect(Object.values(outcome.changed).every((op) => op === "create")).toBe(true);
  for (const name of PIS) expect((await get(address(name))).body).toContain("Welcome to nginx!");
  expect((await addresses()).sort()).toEqual(PIS.map(address));
});

it("has nothing to do then, in preview and up alike", async () => {
  await nothingToDo(cluster);
  expect(succeeded(await cluster.up()).changed).toEqual({});
});

it("names what somebody changed by hand, and repairs that and no more", async () => {
  await inside("pi1", `rm ${NGINX_LINK}`);
  await inside("pi2", "systemctl stop glusterd; sed -i '/gluster1/d' /etc/fstab");
  const preview = await cluster.preview();
  expect(Object.keys(preview.changed).sort()).toEqual([
    ...["gv0-peer-pi2", "pi1-nginx", "pi1-sites-enabled-link", "pi2-gluster-mount", "pi2-glusterd"],
  ]);
  expect(preview.said).toContain(`${NGINX_LINK} is missing`);
  const outcome = await upUnnoticed();
  expect(outcome.changed).toEqual(preview.changed);
  await nothingToDo(cluster);
});

/** Of all that test/e2e/drift.test.ts breaks one by one. */
const DOZEN = [
  ...["link missing", "the default site is back", "shared config edited by hand", "nginx's settings edited"],
  ...["page unreadable", "volume option changed", "mount line edited", "firewall's rules flushed"],
  ...["glusterd does not start at boot", "the watch over the copy stopped", "updates switched off"],
  "A record deleted",
];

it("names a dozen things that are broken at once, each with its reason, and repairs them by one up", async () => {
  const dozen = DRIFTS.filter(({ what }) => DOZEN.includes(what));
  expect(dozen).toHaveLength(12);
  for (const drift of dozen) await breakByHand(drift);
  const preview = await cluster.preview();
  for (const { reason } of dozen) expect(preview.said).toContain(reason);
  for (const { named } of dozen)
    expect(Object.keys(preview.changed)).toEqual(expect.arrayContaining([...named]));
  expect(succeeded(await cluster.up()).changed).toEqual(preview.changed);
  await nothingToDo(cluster);
});

it("publishes a folder on both Pis", async () => {
  await cluster.configure(site);
  await upUnnoticed();
  const [one, other] = await Promise.all(PIS.map((name) => get(address(name))));
  expect(one?.status).toBe(200);
  expect(one?.body).not.toContain("Welcome to nginx!");
  expect(other).toEqual(one);
  await nothingToDo(cluster);
});

it("serves while one Pi has no power, and after it is back", async () => {
  const seen = await whileFetching(async () => {
    await lab("off", "pi1");
    await inside("pi2", "timeout 20 sh -c 'echo meanwhile >/mnt/gluster1/www/meanwhile'");
    await lab("on", "pi1");
    await servesAgain("pi1");
  });
  expect(seen.why).toEqual([]);
  expect(seen.from).toContain(address("pi2"));
  await healed("pi2");
  expect(await inside("pi1", "cat /data/brick1/gv0/www/meanwhile")).toBe("meanwhile");
  await nothingToDo(cluster);
});

it("fills a new card from the other Pi, which serves", async () => {
  // It has been off just now, and pi1 must have noted since that all is healed.
  await healed("pi1");
  await notesFull("pi1");
  await lab("blank", "pi2", "--trust");
  await upUnnoticed();
  await servesAgain("pi2");
  await healed("pi1");
  const sums = `cd /data/brick1/gv0 && find . ${CONTENT_ALONE} -type f -exec md5sum {} + | sort`;
  expect(await inside("pi2", sums)).toBe(await inside("pi1", sums));
  await nothingToDo(cluster);
});

it("drains a Pi, and takes it back", async () => {
  await cluster.configure({ ...site, "twopir:pis": [pi("pi1"), pi("pi2", { drained: true })] });
  await upUnnoticed();
  expect(await addresses()).toEqual([address("pi1")]);
  await cluster.configure(site);
  await upUnnoticed();
  expect((await addresses()).sort()).toEqual(PIS.map(address));
});

it("ends with destroy, which leaves the data and nothing else", async () => {
  await until("the page comes", 10, async () => (await getByName()).status === 200);
  const outcome = succeeded(await cluster.destroy());
  for (const name of PIS) {
    expect(outcome.said).toContain(`the data stay on ${name} in /data/brick1/gv0`);
    expect(await inside(name, "cat /data/brick1/gv0/www/meanwhile")).toBe("meanwhile");
    expect(
      await inside(
        name,
        "ls -d /etc/nginx /var/lib/twopir /mnt/gluster1 2>/dev/null; pgrep -c 'nginx|gluster'; true",
      ),
    ).toBe("0");
  }
  await expect(addresses()).rejects.toThrow(/ENODATA|ENOTFOUND/);
});
