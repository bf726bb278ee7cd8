import { once } from "node:events";
import { appendFileSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { beforeAll, describe, expect, it } from "vitest";
import {
  address,
  addresses,
  endsWell,
  get,
  getByName,
  healed,
  inside,
  lab,
  labFile,
  run,
  servesAgain,
  until,
  whileFetching,
} from "../../lab/drive/lab";
import { Cluster } from "../../lab/drive/stack";
import { copyOfThisVersion, loaded, succeeded } from "./states";

const PIS = ["pi1", "pi2"];
const OTHER = { pi1: "pi2", pi2: "pi1" } as const;

let cluster: Cluster;

beforeAll(async () => {
  await loaded("packages"); // pi3 is the article's third machine: no Pi of the cluster
  cluster = await Cluster.create({ "twopir:volume": { clients: [address("pi3")] } });
});

describe("bare Pis", () => {
  it("become the article's cluster by one pulumi up", async () => {
    const outcome = await cluster.up();
    succeeded(outcome);
    expect(Object.values(outcome.changed).every((op) => op === "create")).toBe(true);
    expect(Object.keys(outcome.changed)).toEqual(
      expect.arrayContaining([
        "pi1-nginx-package",
        "pi2-gluster-mount",
        "site-config",
        "pi1-sites-enabled-link",
        "pi2-a-record",
      ]),
    );
    const { addresses, next } = await cluster.outputs();
    expect(addresses?.value).toEqual(PIS.map(address));
    expect(next?.value).toContain("copy pages to /mnt/gluster1/www on either Pi");
  });
});

describe("every end state of the article, seen from outside", () => {
  const states: [string, string, string][] = [
    ["nginx is installed", "dpkg-query -W -f='${db:Status-Status}' nginx", "installed"],
    ["glusterfs-server is installed", "dpkg-query -W -f='${db:Status-Status}' glusterfs-server", "installed"],
    [
      "glusterd starts at boot and runs",
      "systemctl is-enabled glusterd && systemctl is-active glusterd",
      "enabled\nactive",
    ],
    ["the other Pi is a connected peer", "gluster pool list | grep -c Connected", "2"],
    [
      "gv0 is a started replica of two",
      "gluster volume info gv0 | grep -E '^(Type|Status|Number of Bricks)'",
      "Type: Replicate\nStatus: Started\nNumber of Bricks: 1 x 2 = 2",
    ],
    [
      "the volume is mounted",
      "findmnt -n -o SOURCE,FSTYPE /mnt/gluster1 | tr -s ' ' | cut -d : -f 2",
      "/gv0 fuse.glusterfs",
    ],
    [
      "sites-available links to the volume",
      "readlink /etc/nginx/sites-available/cluster",
      "/mnt/gluster1/cluster",
    ],
    [
      "sites-enabled links to sites-available",
      "readlink /etc/nginx/sites-enabled/cluster",
      "/etc/nginx/sites-available/cluster",
    ],
    ["no other site is enabled", "ls /etc/nginx/sites-enabled", "cluster"],
    [
      "nginx runs that server block",
      "nginx -T 2>/dev/null | grep -o 'root /mnt/gluster1/www'",
      "root /mnt/gluster1/www",
    ],
    [
      "nginx starts at boot and runs",
      "systemctl is-enabled nginx && systemctl is-active nginx",
      "enabled\nactive",
    ],
    ["the web root has a page", "test -s /mnt/gluster1/www/index.html && echo yes", "yes"],
    ["nothing failed on the Pi", "systemctl is-system-running", "running"],
  ];
  for (const pi of PIS)
    it.each(states)(`${pi}: %s`, async (_, command, answer) => {
      expect(await inside(pi, command)).toBe(answer);
    });

  it("the server block is the article's, with one include", async () => {
    expect(await inside("pi2", "cat /mnt/gluster1/cluster")).toBe(
      [
        "server {",
        "  root /mnt/gluster1/www;",
        "  index index.html index.htm;",
        "  server_name twopir twopir.example.com;",
        "",
        "  location / {",
        "        try_files $uri $uri/ /index.html;",
        "  }",
        "",
        "  include /etc/nginx/snippets/twopir*.conf;",
        "}",
      ].join("\n"),
    );
  });

  it.each(PIS)("%s serves nginx's own page", async (pi) => {
    const page = await get(address(pi));
    expect(page.status).toBe(200);
    expect(page.body).toContain("Welcome to nginx!");
  });

  it("the name has both addresses, in changing order", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, addresses));
    for (const answer of answers) expect([...answer].sort()).toEqual(PIS.map(address));
    expect(new Set(answers.map((answer) => answer[0])).size).toBe(2);
  });

  it("what the user copies into the web root of one Pi is served by both, and is his to change on both", async () => {
    const pages = await mkdtemp(join(tmpdir(), "twopir-pages-"));
    await mkdir(join(pages, "deep"));
    const copy = async (pi: string, text: string): Promise<void> => {
      for (const name of ["copied.html", "deep/page.html"]) await writeFile(join(pages, name), `${text}\n`);
      const trust = ["-i", labFile("id_ed25519"), "-o", `UserKnownHostsFile=${labFile("known_hosts")}`];
      const names = [join(pages, "copied.html"), join(pages, "deep")];
      await run("scp", ["-q", "-r", ...trust, ...names, `pi@${address(pi)}:/mnt/gluster1/www/`]);
    };
    await copy("pi1", "one Pi");
    await copy("pi2", "two Pis, one site");
    await rm(pages, { recursive: true });
    for (const pi of PIS) {
      for (const page of ["/copied.html", "/deep/page.html"])
        // A mount has the former length of a file that another one overwrites for a second (attribute-timeout).
        await until(`${pi} serves ${page} whole`, 5, async () => {
          const { status, body } = await get(address(pi), page);
          return status === 200 && body === "two Pis, one site\n";
        });
      expect(await endsWell(pi, "runuser -u pi -- test -w /mnt/gluster1/www/index.html")).toBe(true);
      for (const path of ["", "/deep", "/copied.html", "/index.html"])
        expect(await endsWell(pi, `runuser -u www-data -- test -w /mnt/gluster1/www${path}`)).toBe(false);
    }
    expect((await getByName("/no/such/page")).body).toContain("Welcome to nginx!"); // try_files
  });
});

describe("a second pulumi up", () => {
  it("changes nothing", async () => {
    const outcome = await cluster.up();
    succeeded(outcome);
    expect(outcome.changed).toEqual({});
  });
});

describe("a preview", () => {
  const preview = async (...words: readonly string[]): Promise<string> => {
    const child = cluster.start("preview", ...words);
    const ended = once(child, "close") as Promise<[number | null]>;
    const printed = await text(child.stdout ?? Readable.from([]));
    expect((await ended)[0]).toBe(0);
    return printed;
  };

  it("of one comment more in each script names the program of each Pi and nothing else", async () => {
    const folder = await copyOfThisVersion();
    for (const path of readdirSync(join(folder, "pi"), { recursive: true, encoding: "utf8" }))
      if (path.endsWith(".sh")) appendFileSync(join(folder, "pi", path), "# one comment more\n");
    const changed = [...(await preview("--cwd", folder)).matchAll(/ command:\S+ ([\w-]+) /g)].map(
      ([, name]) => name,
    );
    expect([...new Set(changed)].sort()).toEqual(
      PIS.flatMap((pi) => [`${pi}-twopir`, `${pi}-twopir-upload`]),
    );
  });

  it("of another failover time shows that number", async () => {
    await cluster.configure({ "twopir:volume": { clients: [address("pi3")] }, "twopir:failover": 3 });
    const lines = (await preview("--diff")).split("\n").map((line) => line.trim());
    await cluster.configure({ "twopir:volume": { clients: [address("pi3")] } });
    expect(lines.filter((line) => /^[-+] .*failover/.test(line))).toEqual(
      PIS.flatMap(() => ["- failover=1", "+ failover=3"]),
    );
  });
});

describe("a reboot of one Pi", () => {
  it.each(PIS)("of %s is unnoticed by a client of the name, and it serves again by itself", async (pi) => {
    const boot = "cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic";
    const before = await inside(pi, boot);
    const seen = await whileFetching(async () => {
      await lab("reboot", pi);
      await servesAgain(pi);
    });
    expect(await inside(pi, boot)).not.toBe(before);
    expect(seen.requests).toBeGreaterThan(20);
    expect(seen.why).toEqual([]);
    expect(seen.from).toContain(address(OTHER[pi as "pi1"]));
    await healed(pi);
  });

  it("leaves nothing to repair", async () => {
    const outcome = await cluster.preview();
    expect(outcome.said).toBe("");
    expect(outcome.changed).toEqual({});
  });
});

describe("a restart of each glusterd", () => {
  it("leaves each mount with one, of which it hears what changes", async () => {
    for (const pi of PIS) {
      await inside(pi, "systemctl restart glusterd");
      await until(`glusterd of ${pi} is a connected peer`, 30, async () => {
        const peers = await inside(OTHER[pi as "pi1" | "pi2"], "gluster peer status");
        return peers.includes("(Connected)");
      });
    }
    const mount = "pid=$(pgrep -f '^/usr/sbin/glusterfs .*--process-name fuse'),";
    for (const pi of PIS)
      await until(`the mount of ${pi} has a glusterd`, 30, async () => {
        const connections = await inside(
          pi,
          `ss -Htnp state established dport = :24007 | grep -F "${mount}"`,
        );
        return connections.includes("glusterfs");
      });
  });
});

describe("the article's third machine", () => {
  it("loses no line while the Pis are stopped in turn", async () => {
    await inside(
      "pi3",
      "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends glusterfs-client >/dev/null 2>&1",
    );
    await inside(
      "pi3",
      `grep -q localhost /etc/hosts && mkdir -p /mnt/gluster1 && mount -t glusterfs -o backup-volfile-servers=${address("pi2")} ${address("pi1")}:/gv0 /mnt/gluster1`,
    );
    // Counts the lines that were acknowledged: echo's own exit status.
    await inside(
      "pi3",
      `cat >/root/append <<'TEXT'
n=0
while [ ! -e /root/stop ]; do
  n=$((n + 1))
  echo "$n $(date +%T)" >>/mnt/gluster1/times && echo "$n" >>/root/acknowledged
  sleep 1
done
TEXT
systemd-run --quiet --unit=append bash /root/append`,
    );
    for (const pi of PIS) {
      await lab("halt", pi);
      await until("the third machine writes while one Pi is off", 30, async () => {
        const count = "wc -l </root/acknowledged";
        const before = Number(await inside("pi3", count));
        await new Promise((resolve) => setTimeout(resolve, 3000));
        return Number(await inside("pi3", count)) > before;
      });
      await lab("on", pi);
      await servesAgain(pi);
      await healed(pi);
    }
    await inside("pi3", "touch /root/stop; while systemctl -q is-active append; do sleep 0.2; done");
    const acknowledged = await inside("pi3", "cat /root/acknowledged");
    for (const pi of PIS) expect(await inside(pi, "cut -d' ' -f1 /mnt/gluster1/times")).toBe(acknowledged);
    expect(acknowledged.split("\n").length).toBeGreaterThan(10);
    await inside("pi3", "umount /mnt/gluster1");
  });
});

describe("pulumi destroy", () => {
  it("takes back what up made, except data, and says so", async () => {
    await inside("pi1", "rm -f /mnt/gluster1/times");
    const outcome = await cluster.destroy();
    succeeded(outcome);
    for (const pi of PIS) expect(outcome.said).toContain(`the data stay on ${pi} in /data/brick1/gv0`);
  });

  const gone: [string, string, string][] = [
    [
      "no package",
      "dpkg-query -W -f='${db:Status-Status} ${Package}\\n' | grep -cE '^installed (nginx|glusterfs)' || true",
      "0",
    ],
    ["no mount", "grep -c gluster /proc/mounts /etc/fstab || true", "/proc/mounts:0\n/etc/fstab:0"],
    [
      "no file of ours",
      "ls -d /etc/nginx /var/lib/twopir /etc/systemd/system/*.service.d /mnt/gluster1 2>/dev/null || true",
      "",
    ],
    ["no process", "pgrep -c 'nginx|gluster' || true", "0"],
    ["no group of ours", "getent group twopir-content || true", ""],
    ["the page in the brick", "cat /data/brick1/gv0/www/copied.html", "two Pis, one site"],
  ];
  for (const pi of PIS)
    it.each(gone)(`${pi} has %s`, async (_, command, answer) => {
      expect(await inside(pi, command)).toBe(answer);
    });

  it("leaves no A record", async () => {
    await expect(addresses()).rejects.toThrow(/ENODATA|ENOTFOUND/);
  });

  it("and pulumi up brings the cluster back with its data", async () => {
    succeeded(await cluster.up());
    for (const pi of PIS) expect((await get(address(pi), "/copied.html")).body).toBe("two Pis, one site\n");
  });
});
