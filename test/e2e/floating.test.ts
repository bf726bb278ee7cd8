import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { address, addresses, get, healed, inside, lab, until, whileFetching } from "../../lab/drive/lab";
import { begin, eachHoldsItsOwn, FLOATING, held, succeeded, unnoticed } from "./states";
import { pi, type Cluster, type Outcome } from "../../lab/drive/stack";

const PIS = ["pi1", "pi2"] as const;
const OTHER = { pi1: "pi2", pi2: "pi1" } as const;
const settings = { "twopir:floatingAddresses": Object.values(FLOATING) };

let cluster: Cluster;

beforeAll(async () => {
  cluster = await begin("converged", {});
});

beforeEach(async () => {
  for (const pi of PIS) await lab("on", pi); // what another test left off
});

const holdsAll = (pi: string): Promise<void> =>
  until(`${pi} holds both addresses`, 15, async () => (await held(pi)).length === 2);

describe("floating addresses", () => {
  it("take the place of the Pis' own in the name, the site served throughout", async () => {
    await inside("pi1", "mkdir -p /etc/keepalived && echo '! mine' >/etc/keepalived/keepalived.conf");
    await cluster.configure(settings);
    let outcome: Outcome | undefined;
    const seen = await whileFetching(async () => {
      outcome = await cluster.up();
    });
    expect(outcome?.said).not.toMatch(/error(?!_page)/);
    expect(seen.why).toEqual([]);
    await eachHoldsItsOwn();
    expect((await addresses()).sort()).toEqual(Object.values(FLOATING));
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("stay with the Pis that they are with where the lists are in another order", async () => {
    await cluster.configure({
      "twopir:pis": [pi("pi2"), pi("pi1")],
      "twopir:floatingAddresses": Object.values(FLOATING).reverse(),
    });
    expect((await cluster.preview()).changed).toEqual({});
    await cluster.configure({ ...settings, "twopir:pis": [pi("pi2"), pi("pi1")] });
    const seen = await whileFetching(async () => {
      expect(succeeded(await cluster.up()).changed).toEqual({});
    });
    expect(seen.why).toEqual([]);
    await eachHoldsItsOwn();
    await cluster.configure(settings);
  });

  it("are spoken of by VRRP version 3, to the other Pi alone", async () => {
    await inside("pi1", "apt-get -qq install -y --no-install-recommends tcpdump >/dev/null 2>&1");
    const heard = await inside("pi1", "timeout 10 tcpdump -n -c 20 -i eth0 ip proto 112 2>/dev/null || true");
    expect(heard.split("\n").length).toBeGreaterThanOrEqual(20);
    for (const line of heard.split("\n"))
      expect(line).toMatch(/IP 192[\d.]+\.12[12] > 192[\d.]+\.12[12]: VRRPv3/);
  });

  it.each(PIS)("are all served when %s loses its power, and when it comes back", async (pi) => {
    await unnoticed(Object.values(FLOATING), async () => {
      await lab("off", pi);
      await holdsAll(OTHER[pi]);
    });
    await unnoticed(Object.values(FLOATING), async () => {
      await lab("on", pi);
      await eachHoldsItsOwn();
    });
    await healed(pi);
  });

  it("leave a Pi whose nginx does not serve, and its return is unnoticed", async () => {
    await inside("pi1", "systemctl stop nginx");
    await holdsAll("pi2");
    await unnoticed(Object.values(FLOATING), async () => {
      await inside("pi1", "systemctl start nginx");
      await eachHoldsItsOwn();
    });
  });

  it("stay with the last Pi, whatever its own test says", async () => {
    await lab("off", "pi2");
    await holdsAll("pi1");
    await inside("pi1", "mv /mnt/gluster1/www/index.html /mnt/gluster1/www/kept.html; sleep 8");
    expect((await held("pi1")).length).toBe(2);
    await inside("pi1", "mv /mnt/gluster1/www/kept.html /mnt/gluster1/www/index.html");
    await lab("on", "pi2");
    await eachHoldsItsOwn();
    await healed("pi1");
  });

  it.each(PIS)(
    "are served by %s alone, booted first after both were off, and by both then",
    async (first) => {
      await Promise.all(PIS.map((pi) => lab("off", pi)));
      await lab("on", first);
      await until(`${first} serves both addresses`, 60, async () => {
        for (const floating of Object.values(FLOATING))
          if ((await get(floating)).status !== 200) return false;
        return true;
      });
      await unnoticed(Object.values(FLOATING), async () => {
        await lab("on", OTHER[first]);
        await eachHoldsItsOwn();
      });
      await healed(first);
      expect((await cluster.preview()).changed).toEqual({});
    },
  );

  it("are named where a firewall keeps VRRP away, so that both Pis hold one", async () => {
    await inside(
      "pi1",
      "nft add table inet mine && nft 'add chain inet mine c { type filter hook input priority -10; }' && nft add rule inet mine c meta l4proto 112 drop",
    );
    await holdsAll("pi1");
    const { said, changed } = await cluster.preview();
    await inside("pi1", "nft delete table inet mine");
    expect(said).toContain(`pi1 and pi2 hold the floating address ${FLOATING.pi2} at the same time`);
    expect(changed).toEqual({});
    await eachHoldsItsOwn();
    expect((await cluster.preview()).said).toBe("");
  });

  it("come home soon after the Pis could not see each other, and both held them", async () => {
    await lab("part", ...PIS);
    for (const pi of PIS) await holdsAll(pi);
    await lab("join", ...PIS);
    await eachHoldsItsOwn();
    await until("both addresses are served", 15, async () => {
      for (const floating of Object.values(FLOATING)) if ((await get(floating)).status !== 200) return false;
      return true;
    });
    await healed("pi1");
  });

  it("survive a flicker of the power", async () => {
    await lab("on", "pi2");
    await lab("off", "pi2");
    await lab("on", "pi2");
    await lab("off", "pi2");
    await lab("on", "pi2");
    await eachHoldsItsOwn();
    await healed("pi1");
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("and another time of failover: the volume is mounted again Pi by Pi, unnoticed", async () => {
    await cluster.configure({ ...settings, "twopir:failover": 3 });
    const preview = await cluster.preview();
    expect(preview.said).toContain("client.tcp-user-timeout of gv0 is 1 instead of 3");
    expect(preview.said).toContain("/mnt/gluster1 was mounted with another failover time");
    await unnoticed(Object.values(FLOATING), async () => {
      succeeded(await cluster.up());
    });
    await eachHoldsItsOwn();
    expect((await cluster.preview()).changed).toEqual({});
    await cluster.configure(settings);
    await unnoticed(Object.values(FLOATING), async () => {
      succeeded(await cluster.up());
    });
  });

  it("and a change that breaks the first Pi: it stops there, the second one is untouched, the site is up", async () => {
    const workers = (): Promise<string> => inside("pi2", "pgrep -x nginx | xargs");
    const before = await workers();
    await eachHoldsItsOwn();
    await inside(
      "pi1",
      "echo 'server { listen 80; server_name twopir.example.com; return 503; }' >/etc/nginx/conf.d/0.conf",
    );
    await cluster.configure({ ...settings, "twopir:serverNames": ["twopir", "www.example.com"] });
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toContain(
      "another server block takes it: /etc/nginx/conf.d/0.conf:1: server_name twopir.example.com",
    );
    expect(await workers()).toBe(before);
    await holdsAll("pi2");
    expect((await addresses()).sort()).toEqual(Object.values(FLOATING));
    for (const floating of Object.values(FLOATING)) expect((await get(floating)).status).toBe(200);
    await inside("pi1", "rm /etc/nginx/conf.d/0.conf");
    await cluster.configure(settings);
    succeeded(await cluster.up());
    await eachHoldsItsOwn();
  });

  it("that nobody serves any more by hand are named, and repaired", async () => {
    await inside("pi2", "systemctl stop keepalived; echo '# mine' >>/etc/keepalived/keepalived.conf");
    await inside("pi1", "ip address flush dev lo label lo:twopir");
    const preview = await cluster.preview();
    expect(Object.keys(preview.changed).sort(), preview.said).toEqual(["pi1-keepalived", "pi2-keepalived"]);
    expect(preview.said).toContain("pi1-keepalived: the loopback interface lacks floating addresses");
    expect(preview.said).toContain("/etc/keepalived/keepalived.conf differs");
    expect(preview.said).toContain("keepalived.service is not running");
    const outcome = await cluster.up();
    succeeded(outcome);
    expect(Object.keys(outcome.changed).sort(), outcome.said).toEqual(["pi1-keepalived", "pi2-keepalived"]);
    await eachHoldsItsOwn();
  });

  it("that were taken off both Pis are held again, by themselves or by an up", async () => {
    for (const [name, floating] of Object.entries(FLOATING))
      await inside(name, `ip address del ${floating}/32 dev eth0`);
    succeeded(await cluster.up());
    await eachHoldsItsOwn();
    for (const floating of Object.values(FLOATING)) expect((await get(floating)).status).toBe(200);
    const preview = await cluster.preview();
    expect(preview.said).toBe("");
    expect(preview.changed).toEqual({});
  });

  it("that keepalived does not hold, since a signal has stopped it, are held again", async () => {
    await inside("pi1", "kill -STOP $(pgrep -x keepalived)");
    await holdsAll("pi2");
    const preview = await cluster.preview();
    expect(preview.said).toContain(
      "pi1-keepalived: keepalived.service was stopped by a signal, and answers nobody",
    );
    expect((await cluster.up()).changed).toEqual(preview.changed);
    await eachHoldsItsOwn();
    expect((await cluster.preview()).said).toBe("");
  });

  it("go again where the config has none", async () => {
    await cluster.configure({});
    const outcome = await cluster.up();
    succeeded(outcome);
    expect((await addresses()).sort()).toEqual(PIS.map(address));
    // Somebody's own config, from before.
    expect(await inside("pi1", "cat /etc/keepalived/keepalived.conf && rm -r /etc/keepalived")).toBe(
      "! mine",
    );
    for (const pi of PIS) {
      expect(await held(pi)).toEqual([]);
      expect(
        await inside(pi, "ip -4 -o address show dev lo | wc -l; sysctl -n net.ipv4.conf.all.arp_ignore"),
      ).toBe("1\n0");
      expect(await inside(pi, "ls -d /etc/keepalived /usr/local/lib/twopir/* 2>/dev/null || true")).toBe(
        ["current", "firewall", "nginx-runs", "versions"]
          .map((name) => `/usr/local/lib/twopir/${name}`)
          .join("\n"),
      );
    }
    expect((await cluster.preview()).changed).toEqual({});
  });
});
