import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  address,
  addresses,
  get,
  healed,
  inside,
  lab,
  labFile,
  root,
  servesAgain,
  SUBNET,
  NAME,
  whileFetching,
} from "./lab";
import { Cluster, pi, TTL } from "./stack";

const PIS = ["pi1", "pi2"];
let cluster: Cluster;

beforeAll(async () => {
  await lab("down");
  await lab("up", "2");
  cluster = await Cluster.create();
  const outcome = await cluster.up();
  expect(outcome.said).not.toMatch(/error/);
});

afterAll(async () => {
  writeTable();
  await lab("down");
});

/** What any running Debian writes by itself, and gluster's own sign of life. */
const OWN_WRITES = [
  /^\/var\/log\//,
  /^\/var\/lib\/systemd\/(timers|timesync|random-seed)/,
  /^\/data\/brick1\/gv0\/\.glusterfs\/(health_check|indices)/,
  /^\/tmp(\/|$)/,
];

/** Everything on a Pi's card, and its services by the process that runs them: path -> what can be seen of it. */
async function snapshot(name: string): Promise<Map<string, string>> {
  const card = labFile(name, "upper");
  const files = execFileSync("find", [card, "-printf", "/%P %y %m %U:%G %s %T@ %l\\0"], {
    maxBuffer: 1 << 28,
    encoding: "utf8",
  });
  const services = await inside(
    name,
    "for s in nginx glusterd ssh; do systemctl show -P MainPID -P UnitFileState $s | xargs echo service-$s; done; echo bricks $(pgrep -x glusterfsd)",
  );
  return new Map(
    [...files.split("\0"), ...services.split("\n")]
      .map((line): [string, string] => [line.split(" ")[0] ?? "", line.split(" ").slice(1).join(" ")])
      .filter(
        ([path, seen]) => path !== "" && !seen.startsWith("d ") && !OWN_WRITES.some((own) => own.test(path)),
      ),
  );
}

type Seen = Map<string, string> | undefined;

const differences = (before: Seen, after: Seen): string[] =>
  [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])].filter(
    (path) => before?.get(path) !== after?.get(path),
  );

interface Drift {
  readonly what: string;
  readonly on: string;
  /** Shell in that Pi, or lines for nsupdate. */
  readonly broken: string;
  /** The resources that preview must name, and no others. */
  readonly named: readonly string[];
  /** One of the reasons that it must give. */
  readonly reason: string;
  /** Files and services that differ from before when all is repaired; a file that was written again has another time. */
  readonly touched?: readonly RegExp[];
}

const NGINX_LINK = "/etc/nginx/sites-enabled/cluster";
const gluster = /^\/var\/lib\/glusterd\//;
const onVolume = (file: string): RegExp => new RegExp(`^/data/brick1/gv0/(${file}$|\\.glusterfs/)`);

const DRIFTS: Drift[] = [
  {
    what: "package removed",
    on: "pi2",
    broken: "DEBIAN_FRONTEND=noninteractive apt-get -qq remove -y nginx >/dev/null 2>&1",
    named: [
      "pi2-nginx-package",
      "pi2-nginx-settings",
      "pi2-sites-available-link",
      "pi2-sites-enabled-link",
      "pi2-default-site-gone",
      "pi2-nginx",
    ],
    reason: "not installed: nginx",
    touched: [
      /^\/var\/(lib\/(dpkg|apt|systemd|twopir|ucf)|cache)\//,
      /^\/usr\//,
      /^\/etc\/(rc.\.d|systemd|init\.d|logrotate\.d|nginx)\//,
      /^service-nginx/,
    ],
  },
  {
    what: "service stopped",
    on: "pi1",
    broken: "systemctl stop nginx",
    named: ["pi1-nginx"],
    reason: "nginx.service is not running",
    touched: [/^service-nginx/],
  },
  {
    what: "service disabled",
    on: "pi2",
    broken: "systemctl disable -q nginx",
    named: ["pi2-nginx"],
    reason: "nginx.service does not start at boot",
    touched: [/multi-user.target.wants\/nginx.service$/, /^\/etc\/rc.\.d\//],
  },
  {
    what: "glusterd stopped",
    on: "pi2",
    broken: "systemctl stop glusterd",
    named: ["pi2-glusterd", "gv0-peer-pi2"],
    reason: "glusterd.service is not running",
    touched: [gluster, /^service-glusterd/],
  },
  {
    what: "link missing",
    on: "pi2",
    broken: `rm ${NGINX_LINK}`,
    named: ["pi2-sites-enabled-link", "pi2-nginx"],
    reason: `${NGINX_LINK} is missing`,
    touched: [/sites-enabled\/cluster$/],
  },
  {
    what: "link wrong",
    on: "pi1",
    broken: "ln -sfn /etc/hostname /etc/nginx/sites-available/cluster",
    named: ["pi1-sites-available-link", "pi1-nginx"],
    reason: "points to /etc/hostname, it must point to /mnt/gluster1/cluster",
    touched: [/sites-available\/cluster$/],
  },
  {
    what: "link replaced by a file",
    on: "pi2",
    broken: `cp --remove-destination /mnt/gluster1/cluster ${NGINX_LINK}`,
    named: ["pi2-sites-enabled-link", "pi2-nginx"],
    reason: `${NGINX_LINK} is not a link`,
    touched: [/sites-enabled\/cluster$/],
  },
  {
    what: "the default site is back",
    on: "pi1",
    broken: "ln -s /etc/nginx/sites-available/default /etc/nginx/sites-enabled/default",
    named: ["pi1-default-site-gone", "pi1-nginx"],
    reason: "/etc/nginx/sites-enabled/default is there",
  },
  {
    what: "shared config edited by hand",
    on: "pi2",
    broken: "sed -i 's/index.htm;/index.htm start.html;/' /mnt/gluster1/cluster",
    named: ["site-config", "pi1-nginx", "pi2-nginx"],
    reason: "/mnt/gluster1/cluster differs",
    touched: [onVolume("cluster")],
  },
  {
    what: "nginx runs an older config than the one on disk",
    on: "pi1",
    broken:
      "cd /mnt/gluster1 && cp -a cluster /root/kept && echo '# older' >>cluster && systemctl reload nginx && sleep 1 && cat /root/kept >cluster && rm /root/kept",
    named: ["pi1-nginx"],
    reason: "nginx runs another config than the one on disk",
    touched: [onVolume("cluster")],
  },
  {
    what: "nginx's settings edited",
    on: "pi2",
    broken: "echo 'keepalive_timeout 75;' >/etc/nginx/snippets/twopir.conf",
    named: ["pi2-nginx-settings", "pi2-nginx"],
    reason: "/etc/nginx/snippets/twopir.conf differs",
    touched: [/snippets\/twopir.conf$/],
  },
  {
    what: "page deleted",
    on: "pi2",
    broken: "rm /mnt/gluster1/www/index.html",
    named: ["site-content"],
    reason: "/mnt/gluster1/www has no index.html",
    touched: [onVolume("www/index.html")],
  },
  {
    what: "permissions of the content changed",
    on: "pi1",
    broken: "chmod 700 /mnt/gluster1/www",
    named: ["site-content"],
    reason: "/mnt/gluster1/www has mode 700: nginx cannot read it",
  },
  {
    what: "permissions of the shared config changed",
    on: "pi2",
    broken: "chmod 600 /mnt/gluster1/cluster",
    named: ["site-config"],
    reason: "/mnt/gluster1/cluster has mode 600 instead of 644",
  },
  {
    what: "volume option changed",
    on: "pi1",
    broken: "gluster --mode=script volume set gv0 network.ping-timeout 42 >/dev/null",
    named: ["gv0-options"],
    reason: "network.ping-timeout of gv0 is 42 instead of 10",
    touched: [gluster],
  },
  {
    what: "volume stopped",
    on: "pi2",
    broken: "gluster --mode=script volume stop gv0 force >/dev/null",
    named: [],
    reason: "volume gv0 is Stopped",
    touched: [gluster, /^bricks/],
  },
  {
    what: "brick process dead",
    on: "pi2",
    broken: "kill -KILL $(pgrep -x glusterfsd)",
    named: ["pi2-brick-process"],
    reason: "no process serves the brick /data/brick1/gv0",
    touched: [gluster, /^bricks/],
  },
  {
    what: "mount lost",
    on: "pi2",
    broken: "umount -l /mnt/gluster1",
    named: ["pi2-gluster-mount", "pi2-nginx"],
    reason: "/mnt/gluster1 is not mounted",
  },
  {
    what: "mount line edited",
    on: "pi1",
    broken: "sed -i 's/,nofail//' /etc/fstab",
    named: ["pi1-gluster-mount"],
    reason: "/etc/fstab has another line for /mnt/gluster1",
    touched: [/^\/etc\/fstab$/],
  },
  {
    what: "unit file edited",
    on: "pi2",
    broken: "echo '[Service]' >/etc/systemd/system/nginx.service.d/twopir.conf && systemctl daemon-reload",
    named: ["pi2-nginx"],
    reason: "/etc/systemd/system/nginx.service.d/twopir.conf differs",
    touched: [/nginx.service.d\/twopir.conf$/],
  },
  {
    what: "peer detached",
    on: "pi1",
    broken: `gluster --mode=script volume remove-brick gv0 replica 1 ${address("pi2")}:/data/brick1/gv0 force >/dev/null && gluster --mode=script peer detach ${address("pi2")} >/dev/null`,
    named: [],
    reason: `${address("pi2")} is not a peer`,
    touched: [gluster, /^\/data\/brick1\//, /^bricks/],
  },
  {
    what: "A record deleted",
    on: "dns",
    broken: `update delete ${NAME} A ${address("pi2")}`,
    named: ["pi2-a-record"],
    reason: `${NAME} has no A record ${address("pi2")}`,
  },
  {
    what: "A record changed",
    on: "dns",
    broken: `update delete ${NAME} A ${address("pi1")}\nupdate add ${NAME} ${TTL} A ${SUBNET}.9`,
    named: ["pi1-a-record", "no-other-a-records"],
    reason: `${NAME} has no A record ${address("pi1")}`,
  },
  {
    what: "TTL changed",
    on: "dns",
    broken: `update delete ${NAME} A\nupdate add ${NAME} 3600 A ${address("pi1")}\nupdate add ${NAME} 3600 A ${address("pi2")}`,
    named: ["pi1-a-record", "pi2-a-record"],
    reason: "has TTL 3600 instead of 5",
  },
  {
    what: "A record of a third host added",
    on: "dns",
    broken: `update add ${NAME} ${TTL} A ${SUBNET}.9`,
    named: ["no-other-a-records"],
    reason: `${NAME} has an A record ${SUBNET}.9 that is none of the Pis'`,
  },
];

const seen: { what: string; reasons: string[] }[] = [];

function writeTable(): void {
  const rows = seen.map(
    ({ what, reasons }) => `| ${what} | ${reasons.map((reason) => `\`${reason}\``).join("<br>")} |`,
  );
  const text = [
    "# What preview says of each drift",
    "",
    "Written by `test/e2e/drift.test.ts`, which breaks each by hand on a running cluster, sees `pulumi up` repair that and",
    "nothing else, and the next preview empty.",
    "",
    "| broken by hand | what `pulumi preview` prints |",
    "| --- | --- |",
    ...rows,
    "",
  ].join("\n");
  if (seen.length === DRIFTS.length) writeFileSync(join(root, "docs", "drift.md"), text);
}

function nsupdate(lines: string): void {
  const command = ["-k", join(root, "lab", "tsig.key")];
  execFileSync("nsupdate", command, { input: `server ${SUBNET}.53\nzone example.com.\n${lines}\nsend\n` });
}

describe("pulumi preview", () => {
  it("changes nothing on any Pi", async () => {
    const before = await Promise.all(PIS.map(snapshot));
    const outcome = await cluster.preview();
    const after = await Promise.all(PIS.map(snapshot));
    expect(outcome.changed).toEqual({});
    PIS.forEach((_, i) => {
      expect(differences(before[i], after[i])).toEqual([]);
    });
  });

  it.each(DRIFTS)(
    "names and up repairs: $what",
    async ({ what, on, broken, named, reason, touched = [] }) => {
      const before = await Promise.all(PIS.map(snapshot));
      if (on === "dns") nsupdate(broken);
      else await inside(on, broken);
      const preview = await cluster.preview();
      const reasons = preview.said.split("\n").filter((line) => /^[a-z0-9-]+: /.test(line));
      seen.push({ what, reasons });
      expect(preview.failed).toBe(false);
      expect(reasons.join("\n")).toContain(reason);
      if (named.length > 0) expect(Object.keys(preview.changed).sort()).toEqual([...named].sort());

      const repaired = await cluster.up();
      expect(repaired.said).not.toMatch(/error/);
      expect(repaired.changed).toEqual(preview.changed);
      const after = await Promise.all(PIS.map(snapshot));
      const touchedNow = PIS.flatMap((_, i) => differences(before[i], after[i]));
      expect(touchedNow.filter((path) => !touched.some((pattern) => pattern.test(path)))).toEqual([]);

      const again = await cluster.preview();
      expect(again.said).toBe("");
      expect(again.changed).toEqual({});
      for (const name of PIS) expect((await get(address(name))).status).toBe(200);
      expect((await addresses()).sort()).toEqual(PIS.map(address));
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
    expect(Object.keys(outcome.changed).sort()).toEqual(["pi1-nginx", "pi1-sites-enabled-link"]);
    await lab("restore", "pi2");
    await healed("pi1");
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
    expect(mended.said).not.toMatch(/error/);
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
      expect(outcome.said).not.toMatch(/error/);
      expect(outcome.failed).toBe(false);
    });
    expect(seenMeanwhile.failed).toBe(0);
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
