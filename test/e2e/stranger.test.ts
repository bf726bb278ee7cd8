import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { statesOf } from "../../components/cluster";
import { firewallPart } from "../../components/firewall";
import { cluster as clusterOf } from "../unit/components/cluster";
import { stdin } from "../../remote/state";
import { ATTACKS, STRANGER } from "./attacks";
import { address, get, inside, lab, root, until } from "../../lab/drive/lab";
import { type Cluster, pi } from "../../lab/drive/stack";
import { begin, FLOATING, succeeded } from "./states";

const PIS = ["pi1", "pi2"];
let cluster: Cluster;

/** What each attack got: of the article's set-up, and of twopir's. */
const got: { what: string; article: boolean; twopir: boolean }[] = [];

beforeAll(async () => {
  cluster = await begin("floating");
  await lab("on", STRANGER);
  await inside(
    STRANGER,
    "export DEBIAN_FRONTEND=noninteractive; { apt-get -qq update && apt-get -qq install -y --no-install-recommends glusterfs-server nmap && systemctl start glusterd; } >/dev/null 2>&1",
  );
  await inside("pi1", "cd /mnt/gluster1/www && echo password >.env && ln -s /etc/passwd link");
});

afterAll(writeTable);

function writeTable(): void {
  if (got.length !== ATTACKS.length) return;
  const cell = (success: boolean): string => (success ? "**yes**" : "refused");
  const text = [
    "# What a stranger can do",
    "",
    "Written by `test/e2e/stranger.test.ts`. A machine on the Pis' own network, with an address of its own and no key, tries",
    "each against a running cluster: first with everything taken out that twopir adds to the article's set-up, then as",
    "`pulumi up` puts it right again.",
    "",
    "| a stranger | article | twopir |",
    "| --- | --- | --- |",
    ...got.map(({ what, article, twopir }) => `| ${what} | ${cell(article)} | ${cell(twopir)} |`),
    "",
  ].join("\n");
  writeFileSync(join(root, "docs", "attacks.md"), text);
}

/** What stands between the article's set-up and ours, taken out by hand. */
const UNPROTECTED = [
  "systemctl stop twopir-firewall",
  "gluster --mode=script volume reset gv0 auth.allow >/dev/null",
  "sed -i '/server_tokens/,$d' /etc/nginx/snippets/twopir.conf && systemctl reload nginx",
  "sed -i '/check_unicast_src/d' /etc/keepalived/keepalived.conf && systemctl reload keepalived",
];

/** The link that an attack goes by is named as long as it lies among the pages. */
const LEFT = { "site-content": "update" };

describe("a stranger on the network", () => {
  it("does what it likes with the article's set-up", async () => {
    for (const line of UNPROTECTED) await inside("pi1", line);
    for (const { what, succeeds } of ATTACKS) got.push({ what, article: await succeeds(), twopir: true });
    expect(got.filter(({ article }) => !article).map(({ what }) => what)).toEqual([]);
  });

  it("is what preview warns of, and up puts right", async () => {
    const preview = await cluster.preview();
    for (const reason of [
      "pi1-firewall: the firewall's rules are not loaded as they are on disk",
      "gv0-options: auth.allow of gv0 is not set instead of",
      "pi1-nginx-settings: /etc/nginx/snippets/twopir.conf differs",
      "pi1-keepalived: /etc/keepalived/keepalived.conf differs",
    ])
      expect(preview.said).toContain(reason);
    succeeded(await cluster.up());
    expect((await cluster.preview()).changed).toEqual(LEFT);
  });

  it("gets nothing from twopir's", async () => {
    for (const attack of got)
      attack.twopir = (await ATTACKS.find(({ what }) => what === attack.what)?.succeeds()) ?? true;
    expect(got.filter(({ twopir }) => twopir).map(({ what }) => what)).toEqual([]);
  });

  it("may not mount the volume where the firewall is off either, and reads it where it is a client of the volume", async () => {
    const mounts = `mkdir -p /mnt/try && timeout 20 mount -t glusterfs ${address("pi1")}:/gv0 /mnt/try && ls /mnt/try/www; umount -l /mnt/try 2>/dev/null || true`;
    for (const name of PIS) await inside(name, "systemctl stop twopir-firewall");
    expect(await inside(STRANGER, mounts)).not.toContain("index.html");
    await cluster.configure({
      "twopir:floatingAddresses": Object.values(FLOATING),
      "twopir:volume": { clients: [address(STRANGER)] },
    });
    succeeded(await cluster.up());
    expect(await inside(STRANGER, mounts)).toContain("index.html");
    await cluster.configure({ "twopir:floatingAddresses": Object.values(FLOATING) });
    succeeded(await cluster.up());
    expect(await inside(STRANGER, mounts)).not.toContain("index.html");
  });

  it.each(PIS)("finds only ssh, nginx and what the system has open on %s, by IPv4 and IPv6", async (name) => {
    const local = await inside(
      name,
      "ip -6 -o address show scope link dev eth0 | awk '{ print $4 }' | cut -d/ -f1",
    );
    // The article's server block listens on IPv4 alone; 111 is rpcbind, of Raspberry Pi OS's own NFS client.
    for (const [version, target, open] of [
      ["-4", address(name), "22/open\n80/open\n111/open"],
      ["-6", `${local}%eth0`, "22/open\n111/open"],
    ])
      expect(
        await inside(STRANGER, `nmap ${version} -n -Pn -p- --open -oG - ${target} | grep -o '[0-9]*/open'`),
      ).toBe(open);
  });
});

describe("the site's folder", () => {
  it("can be read by nginx's user, and not written", async () => {
    expect(await inside("pi1", "runuser -u www-data -- cat /mnt/gluster1/www/index.html")).toContain("<html");
    for (const target of ["www/index.html", "www/new", "cluster", "new"])
      await expect(
        inside("pi1", `runuser -u www-data -- tee -a /mnt/gluster1/${target} </dev/null`),
      ).rejects.toThrow("Permission denied");
  });

  it("cannot hold a device or a program with the rights of its owner", async () => {
    expect(await inside("pi1", "findmnt -n -o OPTIONS /mnt/gluster1")).toMatch(/nosuid,nodev,noexec/);
  });

  it("is sent with headers that keep a browser from guessing", async () => {
    const head = await inside(
      STRANGER,
      `exec 3<>/dev/tcp/${address("pi1")}/80 && printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`,
    );
    expect(head).toMatch(/^X-Content-Type-Options: nosniff/m);
    expect(head).toMatch(/^Cache-Control: no-cache\r?$/m); // nor from showing what it has
    expect(head).toMatch(/^Server: nginx\r?$/m); // no version
    expect((await get(address("pi1"), "/.well-known/none")).status).toBe(200); // index.html, as for any other name
  });
});

describe("how systemd runs nginx", () => {
  it("is named where a unit file of the user's clears a command of twopir's", async () => {
    const own = "/etc/systemd/system/nginx.service.d/override.conf";
    const edit = (lines: string) => inside("pi2", `printf '${lines}' >${own} && systemctl daemon-reload`);
    await edit("[Service]\\nExecStartPre=/bin/true\\nExecReload=\\nExecReload=/usr/sbin/nginx -s reload\\n");
    expect((await cluster.preview()).said).toContain(
      `pi2-nginx: nginx.service is without twopir's ExecReload (is it because of ${own}, which is not twopir's?)`,
    );
    await inside("pi2", `rm ${own} && systemctl daemon-reload`);
    expect((await cluster.preview()).changed).toEqual(LEFT);
  });
});

describe("the sandbox of nginx", () => {
  const OWN = "/etc/nginx/conf.d/own.conf";

  it.each(PIS)("is a close one on %s, by systemd's own measure", async (name) => {
    const measured = await inside(name, "systemd-analyze security --no-pager nginx.service | tail -n 1");
    const [, exposure = "10"] = /: ([0-9.]+) /.exec(measured) ?? [];
    expect(Number(exposure), measured).toBeLessThanOrEqual(3);
    expect(await inside(name, "grep -h ^NoNewPrivs /proc/$(cat /run/nginx.pid)/status")).toMatch(/1$/);
  });

  it("lets no log line get to where root's programs, or a login, read what to do", async () => {
    const folders = [
      "/etc/cron.d",
      "/home/pi",
      "/root",
      "/run/systemd/system",
      "/usr/local/sbin",
      "/var/lib/dpkg/info",
      "/var/spool/cron/crontabs",
    ];
    const written = await inside(
      "pi1",
      `for folder in ${folders.join(" ")} /var/log/nginx /srv; do
         nsenter --mount=/proc/$(cat /run/nginx.pid)/ns/mnt touch $folder/own 2>/dev/null && rm $folder/own && echo $folder
       done || true`,
    );
    expect(written).toBe("/var/log/nginx\n/srv");
    await inside("pi1", `echo 'server { listen 127.0.0.1:81; access_log /etc/cron.d/own; }' >${OWN}`);
    await expect(inside("pi1", "systemctl reload nginx")).rejects.toThrow();
    expect(await inside("pi1", "tail -n 20 /var/log/nginx/error.log")).toContain(
      'open() "/etc/cron.d/own" failed (30: Read-only file system)',
    );
    expect((await get(address("pi1"), "/")).status).toBe(200);
    await inside("pi1", `rm ${OWN} && systemctl reload nginx`);
    await inside("pi1", "[ ! -s /etc/cron.d/own ] && rm -f /etc/cron.d/own"); // "nginx -T", outside of it, makes the file
  });

  it("lets server blocks of one's own be: other folders, ports, logs, certificates and programs", async () => {
    await inside(
      "pi1",
      `mkdir -p /home/pi/www /srv/own /etc/letsencrypt/live/own && cd /etc/letsencrypt/live/own &&
       echo own >/home/pi/www/index.html && chmod go+x /home/pi &&
       openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=own -keyout key.pem -out cert.pem 2>/dev/null &&
       chmod 600 key.pem && cat >/run/own.py <<'TEXT'
import os, socketserver, http.server
class Server(socketserver.UnixStreamServer):
    def get_request(self):
        return (super().get_request()[0], ("own", 0))
server = Server("/run/own.sock", http.server.SimpleHTTPRequestHandler)
os.chmod("/run/own.sock", 0o666)
server.serve_forever()
TEXT
       systemd-run -q --unit own -p WorkingDirectory=/home/pi/www python3 /run/own.py
       cat >${OWN} <<'TEXT'
proxy_cache_path /var/cache/nginx-own keys_zone=own:1m;
server {
  listen 8443 ssl;
  ssl_certificate /etc/letsencrypt/live/own/cert.pem;
  ssl_certificate_key /etc/letsencrypt/live/own/key.pem;
  access_log /srv/own/access.log;
  root /home/pi/www;
  location /app/ { proxy_cache own; proxy_cache_valid 1m; proxy_pass http://unix:/run/own.sock:/; }
}
TEXT
       nginx -t -q`,
    );
    // A restart goes by the sandbox from the beginning, logrotate sends its signal from outside.
    await inside("pi1", "systemctl restart nginx");
    for (const path of ["/", "/app/index.html", "/app/index.html"])
      expect(await inside("pi1", `curl -sSk https://127.0.0.1:8443${path}`)).toBe("own");
    await inside(
      "pi1",
      "logrotate -f /etc/logrotate.d/nginx && curl -sSk https://127.0.0.1:8443/ >/dev/null",
    );
    expect(await inside("pi1", "sleep 1; wc -l </srv/own/access.log")).toBe("4");
    expect(await inside("pi1", "ls /var/log/nginx")).toContain("access.log.1");
    await inside("pi1", `rm ${OWN} && systemctl stop own && systemctl reload nginx`);
    expect((await cluster.preview()).changed).toEqual(LEFT);
  });
});

describe("the firewall", () => {
  it("is there at boot before the network, and leaves other tables alone", async () => {
    await inside("pi2", "nft add table inet own && nft add chain inet own mine");
    await inside("pi2", "systemctl restart twopir-firewall");
    expect(await inside("pi2", "nft list tables")).toBe("table inet own\ntable inet twopir");
    expect(await inside("pi2", "systemctl show -P Before twopir-firewall")).toContain("network-pre.target");
    await lab("reboot", "pi2");
    expect(await inside("pi2", "nft list tables")).toBe("table inet twopir");
  });

  it("comes back when Debian's own nftables service starts, reloads and stops", async () => {
    for (const action of ["start", "reload", "restart", "stop"]) {
      await inside("pi2", `systemctl ${action} nftables`);
      expect(await inside("pi2", "nft list tables")).toContain("table inet twopir");
    }
    expect((await cluster.preview()).changed).toEqual(LEFT);
  });

  // No config makes such rules, so the script itself gets them.
  it("goes back to the former rules by itself where new ones lock us out", async () => {
    const { volume } = clusterOf(1);
    const pi2 = { ...pi("pi2"), user: "pi", storage: true, arbiter: false, drained: false };
    const state = statesOf([firewallPart({ pi: pi2, pis: [pi2], volume })]).find(
      ({ name }) => name === "pi2-firewall",
    );
    if (state === undefined) throw new Error("no such state");
    const rules = String(state.parameters.rules).replace("iif lo accept", "tcp dport 22 drop");
    const text = stdin({ ...state, parameters: { ...state.parameters, rules, patience: 40 } }); // s; an up begins meanwhile
    const before = await inside("pi2", "nft list table inet twopir");
    await inside("pi2", `bash -s apply pi2 <<'TEXT'\n${text}\nTEXT`);
    const refused = await cluster.up();
    expect(refused.said).toMatch(/pi2 .* does not answer on port 22/);
    await until(
      "the former rules are back",
      60,
      async () => (await inside("pi2", "nft list table inet twopir")) === before,
    );
    succeeded(await cluster.up());
    expect((await cluster.preview()).changed).toEqual(LEFT);
  });
});
