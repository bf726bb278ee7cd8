import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { NGINX_LINK } from "../../lab/drive/drifts";
import {
  address,
  addresses,
  connected,
  endsWell,
  get,
  inside,
  lab,
  root,
  servesAgain,
  whileFetching,
} from "../../lab/drive/lab";
import { type Cluster } from "../../lab/drive/stack";
import { begin, succeeded, upByVersion } from "./states";

const PIS = ["pi1", "pi2"] as const;
/** The last version that put a release on the volume file by file. */
const LAST_UNPACKED = "9997f18";
const FORMER = ["full-copy", "upgrade"].map((name) => `/usr/local/lib/twopir/${name}`);

/** An up that nobody who asks by name notices; then nothing is left to do, and the Pis can say so themselves. */
async function goesOver(cluster: Cluster): Promise<void> {
  const seen = await whileFetching(async () => {
    succeeded(await cluster.up());
  });
  expect(seen.why).toEqual([]);
  await isOver(cluster);
}

async function isOver(cluster: Cluster): Promise<void> {
  const preview = await cluster.preview();
  expect(preview.said).toBe("");
  expect(preview.changed).toEqual({});
  for (const name of PIS) {
    expect(await inside(name, "twopir check")).toBe("");
    expect(await inside(name, "twopir status")).toMatch(/^page: yes$[^]*as they should be$/m);
    for (const path of FORMER) expect(await endsWell(name, `test -e ${path}`)).toBe(false);
    expect(await inside(name, "systemctl is-active twopir-full-copy twopir-upgrade.timer")).toBe(
      "active\nactive",
    );
  }
}

describe("a cluster of the version whose states brought their scripts along", () => {
  it("goes over in one pulumi up, unnoticed, and can be taken back", async () => {
    const cluster = await begin("earlier");
    await goesOver(cluster);
    succeeded(await cluster.destroy());
    await expect(addresses()).rejects.toThrow(/ENODATA|ENOTFOUND/);
    for (const name of PIS)
      expect(
        await inside(
          name,
          "ls -d /usr/local/lib/twopir /usr/local/sbin/twopir /var/lib/twopir /etc/twopir || true",
        ),
      ).toBe("");
  });

  it("goes over where it was altered by hand", async () => {
    const cluster = await begin("earlier");
    await inside("pi1", `rm ${NGINX_LINK}; systemctl stop keepalived twopir-full-copy || true`);
    await inside(
      "pi2",
      "systemctl stop glusterd; sed -i '/gluster1/d' /etc/fstab; rm /etc/twopir/firewall.nft",
    );
    await goesOver(cluster);
  });

  it("goes over without a Pi that is off, which follows when it is back", async () => {
    const cluster = await begin("earlier");
    await lab("off", "pi2");
    const outcome = await cluster.up();
    expect(outcome.said).toContain("does not answer on port 22");
    expect(await inside("pi1", "twopir check")).toBe("");
    await lab("on", "pi2");
    await servesAgain("pi2");
    await connected(2);
    await goesOver(cluster);
  });

  it("goes over with a site that it had published, whose files browsers keep", async () => {
    const cluster = await begin("earlier");
    await cluster.configure({ "twopir:site": join(root, "site") });
    await upByVersion(cluster, LAST_UNPACKED);
    const tag = async (): Promise<unknown> => (await get(address("pi2"))).headers.etag;
    const before = await tag();
    expect(await endsWell("pi2", "ls /mnt/gluster1/releases/*/www/index.html")).toBe(true);
    await goesOver(cluster);
    expect(await tag()).toBe(before);
    expect(await endsWell("pi2", "ls /mnt/gluster1/releases/*/www")).toBe(false);
  });

  it("can be destroyed without going over", async () => {
    const cluster = await begin("earlier");
    succeeded(await cluster.destroy());
    await expect(addresses()).rejects.toThrow(/ENODATA|ENOTFOUND/);
    for (const name of PIS)
      expect(await inside(name, "ls -d /usr/local/lib/twopir /var/lib/twopir || true")).toBe("");
  });
});
