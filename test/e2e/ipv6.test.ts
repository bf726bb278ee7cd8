import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import {
  address,
  address6,
  addresses,
  endsWell,
  floatingAddress6,
  get,
  inside,
  isOpen,
  lab,
  until,
  whileFetching,
} from "../../lab/drive/lab";
import { pi, type Cluster, type Outcome } from "../../lab/drive/stack";
import { begin, eachHoldsItsOwn, FLOATING, nothingToDo, succeeded, unnoticed } from "./states";

const PIS = ["pi1", "pi2"] as const;
const OWN = PIS.map(address6);
/** Beside the floating IPv4 address of the same number. */
const FLOATING6 = PIS.map(floatingAddress6);
const settings = { "twopir:pis": PIS.map((name) => pi(name, { address6: address6(name) })) };
const floating = {
  ...settings,
  "twopir:floatingAddresses": Object.values(FLOATING),
  "twopir:floatingAddresses6": FLOATING6,
};

let cluster: Cluster;
beforeAll(async () => {
  cluster = await begin("converged", {});
});

const holds6 = (name: string, ...wanted: readonly string[]): Promise<void> =>
  until(`${name} holds ${wanted.join(" and ")}`, 60, async () => {
    const all = await inside(name, "ip -6 -o address show dev eth0");
    return FLOATING6.every((one) => all.includes(` ${one}/`) === wanted.includes(one));
  });
const eachHoldsBoth = async (): Promise<void> => {
  await eachHoldsItsOwn();
  for (const [i, name] of PIS.entries()) await holds6(name, FLOATING6[i] ?? "");
};

/** As the lab goes by, see has_ipv6 there. */
const HAS_IPV6 =
  existsSync("/proc/sys/net/ipv6/conf/all/disable_ipv6") &&
  readFileSync("/proc/sys/net/ipv6/conf/all/disable_ipv6", "utf8").trim() === "0";

describe.skipIf(!HAS_IPV6)("visitors by IPv6", () => {
  it("find nothing there where the config has no IPv6 address", async () => {
    for (const own of OWN) expect(await isOpen(own, 80)).toBe(false);
    expect(await addresses(6)).toEqual([]);
  });

  it("find it by AAAA records, the site served throughout", async () => {
    await cluster.configure(settings);
    let outcome: Outcome | undefined;
    const seen = await whileFetching(async () => {
      outcome = await cluster.up();
    });
    expect(outcome?.said).not.toMatch(/error(?!_page)/);
    expect(Object.keys(outcome?.changed ?? {}).sort()).toEqual([
      "no-other-aaaa-records",
      ...["pi1-aaaa-record", "pi1-ipv6", "pi2-aaaa-record", "pi2-ipv6"],
    ]);
    expect(seen.why).toEqual([]);
    expect((await addresses(6)).sort()).toEqual(OWN);
    await nothingToDo(cluster);
  });

  it("reach ssh and nginx, and nothing that listens where gluster does", async () => {
    const [own = ""] = OWN;
    // Gluster itself listens by IPv4 alone.
    await inside(
      "pi1",
      "systemd-run -q --unit=own perl -MIO::Socket::IP -e 'push @kept, IO::Socket::IP->new(LocalHost => q(::), LocalPort => 50000, Listen => 5); sleep 600'",
    );
    await until("it listens", 10, () => endsWell("pi1", `timeout 3 bash -c 'exec 3<>/dev/tcp/${own}/50000'`));
    expect(await Promise.all([22, 80, 50000].map((port) => isOpen(own, port)))).toEqual([true, true, false]);
    await inside("pi1", "systemctl stop own");
  });

  it("miss a Pi that has lost its address: named, and nothing else waits for it", async () => {
    const [own = ""] = OWN;
    await inside("pi1", `ip address del ${own}/64 dev eth0`);
    const why = `pi1-ipv6: this Pi has no IPv6 address ${own} (it has none)`;
    expect((await cluster.preview()).said).toContain(why);
    // What is wrong by IPv4 is named and repaired all the same: on that Pi, and on the other one.
    await inside(
      "pi1",
      "chmod 600 /mnt/gluster1/www/index.html; echo '# mine' >>/etc/nginx/snippets/twopir.conf",
    );
    await inside("pi2", "rm /etc/nginx/sites-enabled/cluster");
    const preview = await cluster.preview();
    expect(preview.said).toContain("/etc/nginx/snippets/twopir.conf differs");
    expect(preview.said).toContain("/etc/nginx/sites-enabled/cluster is missing");
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toContain(why);
    expect(await endsWell("pi2", "test -e /etc/nginx/sites-enabled/cluster")).toBe(true);
    for (const name of PIS) expect((await get(address(name))).status).toBe(200);
    expect((await addresses(6)).sort()).toEqual(OWN);
    await inside("pi1", `ip address add ${own}/64 dev eth0 nodad`);
    succeeded(await cluster.up());
    await nothingToDo(cluster);
  });

  it("are kept away by what is not twopir's, and that is named", async () => {
    const [own = ""] = OWN;
    const drop =
      "nft add table ip6 own; nft add chain ip6 own input '{ type filter hook input priority 0; }'";
    await inside("pi1", `${drop}; nft add rule ip6 own input iif != lo tcp dport 80 drop`);
    expect((await cluster.preview()).said).toContain(
      `this machine cannot get http://twopir.example.com/ at ${own}`,
    );
    await inside("pi1", "nft delete table ip6 own");
    const other = `printf 'server {\\n listen [${own}]:80;\\n return 204;\\n}\\n' >/etc/nginx/conf.d/own.conf`;
    await inside("pi1", `${other}; systemctl reload nginx`);
    expect((await cluster.preview()).said).toContain(
      `pi1-ipv6: a visitor at ${own} does not get http://twopir.example.com/ (the answer is 204 No Content)`,
    );
    await inside("pi1", "rm /etc/nginx/conf.d/own.conf; systemctl reload nginx");
    await nothingToDo(cluster);
  });

  it("keep their floating addresses, each held with the IPv4 address beside it", async () => {
    await cluster.configure(floating);
    let outcome: Outcome | undefined;
    const seen = await whileFetching(async () => {
      outcome = await cluster.up();
    }, 6);
    expect(outcome?.said).not.toMatch(/error(?!_page)/);
    expect(seen.why).toEqual([]);
    await eachHoldsBoth();
    expect((await addresses(6)).sort()).toEqual(FLOATING6);
    await nothingToDo(cluster);
    // Nothing that a Pi begins itself comes from an address that may go.
    const from = await inside("pi1", `ip -6 route get ${address6("pi2")}`);
    expect(from).toContain(`src ${address6("pi1")} `);
  });

  it.each(PIS)("notice nothing when %s loses its power, and when it comes back", async (name) => {
    const other = PIS.find((one) => one !== name) ?? "pi1";
    await unnoticed(
      FLOATING6,
      async () => {
        await lab("off", name);
        await holds6(other, ...FLOATING6);
      },
      6,
    );
    await unnoticed(
      FLOATING6,
      async () => {
        await lab("on", name);
        await eachHoldsBoth();
      },
      6,
    );
  });

  it("notice nothing when a Pi's turn comes, and find its addresses again where they were taken", async () => {
    await unnoticed(
      FLOATING6,
      async () => {
        await inside("pi1", "systemctl stop keepalived nginx");
        await holds6("pi2", ...FLOATING6);
        await inside("pi1", "systemctl start nginx keepalived");
        await eachHoldsBoth();
      },
      6,
    );
    await inside("pi2", "ip -6 address flush dev lo deprecated");
    expect((await cluster.preview()).said).toContain(
      "pi2-keepalived: the loopback interface lacks floating IPv6",
    );
    succeeded(await cluster.up());
    await nothingToDo(cluster);
  });

  it("are served by each Pi's own address until the last record is gone", async () => {
    await cluster.configure(settings);
    succeeded(await cluster.up());
    expect((await addresses(6)).sort()).toEqual(OWN);
    await cluster.configure({});
    const failed: string[] = [];
    const state = { over: false };
    const client = (async () => {
      while (!state.over) {
        for (const host of await addresses(6))
          await get(host).catch((error: unknown) => failed.push(String(error)));
        await sleep(100);
      }
    })();
    succeeded(await cluster.up());
    state.over = true;
    await client;
    expect(failed).toEqual([]);
  });

  it("have none left then", async () => {
    expect(await addresses(6)).toEqual([]);
    for (const name of PIS) {
      await holds6(name);
      expect(await inside(name, "ip -6 -o address show dev lo scope global")).toBe("");
    }
    await nothingToDo(cluster);
  });
});
