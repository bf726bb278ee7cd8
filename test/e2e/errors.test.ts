import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nsupdate } from "../../lab/drive/drifts";
import { address, addresses, get, inside, lab, labFile, NAME, run, SUBNET } from "../../lab/drive/lab";
import { Cluster, DNS, pi, TTL, type Outcome } from "../../lab/drive/stack";
import { loaded, succeeded } from "./states";

// Each mistake is met by bare or half-made Pis, and the last pulumi up goes on from where all the failed ones ended.
let cluster: Cluster;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "twopir-"));
  await loaded("packages");
  cluster = await Cluster.create();
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const packages = (name: string): Promise<string> =>
  inside(
    name,
    "dpkg-query -W -f='${db:Status-Status} ${Package}\\n' | grep -cE '^installed (nginx|glusterfs-server)$' || true",
  );

describe("before any Pi is contacted", () => {
  it("every mistake in the config is named at once", async () => {
    await cluster.configure({ "twopir:pis": [pi("pi1", { address: "192.168.77" })], "twopir:hostnme": "x" });
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toContain('twopir:pis[0].address is "192.168.77"; expected: an IPv4 address');
    expect(outcome.said).toContain("twopir:hostnme is not a setting");
    expect(outcome.said).toContain("two or more Pis");
    expect(outcome.changed).toEqual({});
  });
});

describe("a host key", () => {
  it("that nobody knows: nothing is changed, and how to accept it is said", async () => {
    const knownHosts = join(folder, "empty");
    writeFileSync(knownHosts, "");
    await cluster.configure({ "twopir:ssh": { keyFile: labFile("id_ed25519"), knownHosts } });
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    for (const name of ["pi1", "pi2"])
      expect(outcome.said).toContain(`${name} (${address(name)}): its host key is not in ${knownHosts}`);
    expect(outcome.changed).toEqual({});
    const preview = await cluster.preview();
    expect(preview.failed).toBe(false); // a warning there, and the rest of the plan
    expect(preview.said).toContain("its host key is not in");
  });

  it("that two Pis show, one machine by two addresses: nothing is changed", async () => {
    const second = `${SUBNET}.199`;
    const hostKey = (await inside("pi1", "cat /etc/ssh/ssh_host_ed25519_key.pub")).split(" ").slice(0, 2);
    await inside("pi1", `ip address add ${second}/24 dev eth0`);
    await cluster.configure({
      "twopir:pis": [pi("pi1"), pi("pi2", { address: second, hostKey: hostKey.join(" ") })],
    });
    const outcome = await cluster.up();
    await inside("pi1", `ip address del ${second}/24 dev eth0`);
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toContain("pi1 and pi2 have the same host key");
    expect(outcome.changed).toEqual({});
  });

  it("that changed: nothing is changed, and both explanations are given", async () => {
    const knownHosts = join(folder, "changed");
    const lines = readFileSync(labFile("known_hosts"), "utf8").split("\n");
    const keyOfPi1 =
      lines.find((line) => line.startsWith(`${address("pi1")} ssh-ed25519`))?.split(" ")[2] ?? "";
    writeFileSync(
      knownHosts,
      lines
        .map((line) => line.replace(new RegExp(`^(${address("pi2")} ssh-ed25519) .*`), `$1 ${keyOfPi1}`))
        .join("\n"),
    );
    await cluster.configure({ "twopir:ssh": { keyFile: labFile("id_ed25519"), knownHosts } });
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toMatch(/pi2 \([\d.]*\.122\) shows another host key[^]*ssh-keygen -R [\d.]*\.122/);
    expect(outcome.changed).toEqual({});
    expect(await packages("pi1")).toBe("0");
  });
});

describe("a key", () => {
  it("that no Pi takes: nothing is changed, and the remedy is said", async () => {
    const keyFile = join(folder, "stranger");
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyFile]);
    await cluster.configure({ "twopir:ssh": { keyFile, knownHosts: labFile("known_hosts") } });
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    for (const name of ["pi1", "pi2"]) {
      expect(outcome.said).toContain(`${name} (${address(name)}) refuses the key for user pi`);
      expect(outcome.said).toContain(`ssh-copy-id pi@${address(name)}`);
    }
    expect(outcome.changed).toEqual({});
    await cluster.configure({});
  });
});

describe("what would break an up half-way is found before the first change", () => {
  const refused = async (said: RegExp): Promise<void> => {
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toMatch(said);
    expect(outcome.changed).toEqual({});
  };

  it("records at Cloudflare, and no token for it, or one that its API does not take", async () => {
    const zoneId = "0123456789abcdef0123456789abcdef";
    const at = { "twopir:dns": { provider: "cloudflare", zoneId } };
    await cluster.configure(at);
    await refused(/twopir:dns is at Cloudflare, and there is no token for it/);
    const server = createServer((_, response) => {
      const errors = [{ code: 10_000, message: "Authentication error" }];
      response.writeHead(403).end(JSON.stringify({ success: false, errors, result: null }));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await cluster.configure({ ...at, "cloudflare:baseUrl": `http://127.0.0.1:${port}/client/v4` });
    await cluster.secret("cloudflare:apiToken", "not-to-be-told");
    await refused(/Cloudflare refuses to list the records of .*Authentication error \(10000\)/);
    expect((await cluster.preview()).said).not.toContain("not-to-be-told");
    server.close();
    await cluster.configure({});
  });

  it("a firewall of the user's that limits logins", async () => {
    await inside(
      "pi2",
      `nft add table inet mine && nft 'add chain inet mine c { type filter hook input priority 0; }' &&
       nft add rule inet mine c tcp dport 22 ct state new limit rate over 12/minute drop`,
    );
    await refused(
      /a firewall other than twopir's on pi2 limits ssh logins \(tcp dport 22 .* over 12\/minute .*ufw delete limit ssh/,
    );
    await inside("pi2", "nft delete table inet mine");
  });

  it("a login shell that prints", async () => {
    await inside("pi2", "sed -i '1i echo hello from my pi' /home/pi/.bashrc");
    await refused(/pi2: the login shell of user pi prints "hello from my pi", which breaks sftp/);
    await inside("pi2", "sed -i 1d /home/pi/.bashrc");
  });

  it("no sudo on pi2", async () => {
    const sudoers = "/etc/sudoers.d";
    await inside("pi2", `mv ${sudoers} /root/sudoers.d && deluser -q pi sudo`);
    await refused(
      /pi2 \([\d.]*\.122\): user pi may not use sudo without a password .*twopir:sudoPassword.*do_sudo_pass 1/,
    );
    await inside("pi2", `mv /root/sudoers.d ${sudoers} && adduser -q pi sudo`);
    expect([await packages("pi1"), await packages("pi2")]).toEqual(["0", "0"]);
  });
});

/** Where pi2 cannot get any. */
async function upWithoutPackages(): Promise<Outcome> {
  await inside(
    "pi2",
    "mv /etc/apt /root/apt && cp -a /root/apt /etc/apt && rm -rf /etc/apt/sources.list* /run/twopir-apt-lists",
  );
  const outcome = await cluster.up();
  await inside("pi2", "rm -rf /etc/apt && mv /root/apt /etc/apt && rm -f /run/twopir-apt-lists");
  return outcome;
}

describe("one Pi alone has a fault, the other is finished as far as it can be", () => {
  it("no disk space on pi2", async () => {
    await inside(
      "pi2",
      "mkdir /run/small && mount -t tmpfs -o size=100m small /run/small && mkdir /run/small/upper /run/small/work && " +
        "mount -t overlay overlay -o lowerdir=/usr,upperdir=/run/small/upper,workdir=/run/small/work /usr",
    );
    const outcome = await cluster.up();
    await inside("pi2", "umount -l /usr && umount -l /run/small && rmdir /run/small");
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toMatch(
      /pi2: pi2-nginx-package: no disk space for nginx: only \d+ MB free on \/usr, 400 MB needed/,
    );
    expect(await packages("pi2")).toBe("0");
  });

  it("a package that pi2 cannot get", async () => {
    const outcome = await upWithoutPackages();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toMatch(
      /pi2: pi2-nginx-package: .*install.* failed, see above\. Is the Pi on the network/,
    );
    expect(outcome.said).toMatch(/E: .*nginx/); // apt's own words
  });

  it("pi2 is off", async () => {
    await lab("off", "pi2");
    const preview = await cluster.preview();
    expect(preview.failed).toBe(false);
    expect(preview.said).toMatch(/warning|pi2 \([\d.]*\.122\) does not answer on port 22 within 5 s/);
    const outcome = await cluster.up();
    await lab("on", "pi2");
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toContain(`pi2 (${address("pi2")}) does not answer on port 22 within 5 s`);
    expect(outcome.seconds).toBeLessThan(45); // ten dials of 15 s would be 150
  });
});

describe("with all of that mended", () => {
  it("pulumi up goes on from there", async () => {
    const own = "/etc/nginx/nginx.conf";
    const mine = "events {}\nhttp {\n  # mine\n  include /etc/nginx/sites-enabled/*;\n}\n";
    await inside("pi2", `mkdir -p /etc/nginx && printf '${mine}' >${own}`);
    const outcome = await cluster.up();
    expect(outcome.said).not.toMatch(/error(?!_page)/);
    expect(outcome.failed).toBe(false);
    expect(outcome.changed).not.toHaveProperty("pi1-nginx-package");
    for (const name of ["pi1", "pi2"]) expect((await get(address(name))).status).toBe(200);
    // A config file from before the package is kept, where dpkg would ask.
    expect(outcome.said).toContain(`${own} was there before the package and stays as it is`);
    expect(await inside("pi2", `cat ${own}`)).toContain("# mine");
  });
});

describe("the A records", () => {
  const drained = { "twopir:pis": [pi("pi1"), pi("pi2", { drained: true })] };

  it("do not become fewer than half of them", async () => {
    nsupdate(`update add ${NAME} ${TTL} A ${SUBNET}.9`);
    await cluster.configure(drained);
    for (const outcome of [await cluster.preview(), await cluster.up()]) {
      expect(outcome.failed).toBe(true);
      expect(outcome.said).toMatch(
        new RegExp(`${NAME} has 3 A records .*leaves 1 .*twopir:dns.fewRecords: true`),
      );
      expect(outcome.changed).toEqual({});
    }
    expect((await addresses()).length).toBe(3);
  });

  it("do where the config says so", async () => {
    await cluster.configure({ ...drained, "twopir:dns": { ...DNS, fewRecords: true } });
    succeeded(await cluster.up());
    expect(await addresses()).toEqual([address("pi1")]);
  });

  it("are changed by nobody without the key", async () => {
    for (const key of ["", "key hmac-sha256:twopir d3JvbmcgYnV0IGJhc2U2NCwgMzIgYnl0ZXMgbG9uZyEh\n"])
      await expect(
        run("bash", [
          "-c",
          `printf 'server ${SUBNET}.53\nzone example.com.\n${key}update delete ${NAME}. A\nsend\n' | nsupdate`,
        ]),
      ).rejects.toThrow(/REFUSED|BADSIG|NOTAUTH/);
    expect(await addresses()).toEqual([address("pi1")]);
  });
});

describe("a cluster of which a part was never made", () => {
  it("is destroyed like a whole one", async () => {
    await cluster.configure({});
    succeeded(await cluster.destroy());
    expect((await upWithoutPackages()).failed).toBe(true);
    succeeded(await cluster.destroy());
    expect(await packages("pi1")).toBe("0");
  });
});
