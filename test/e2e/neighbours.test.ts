import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { address, endsWell, get, inside, isOpen, run, until, SUBNET } from "../../lab/drive/lab";
import { Cluster } from "../../lab/drive/stack";
import { loaded, succeeded } from "./states";
import { cell, writeTable } from "./table";

// What people have on a Pi besides: Debian's packages themselves; of what Debian has not, the ports and rules that it leaves.
const PIS = ["pi1", "pi2"] as const;
const AT = address("pi1");

interface Neighbour {
  readonly what: string;
  /** Debian packages. */
  readonly packages: string;
  /** Lines of shell in pi1, after the packages are there. */
  readonly made: string;
  /** Fails where it does not do its work. */
  readonly works: () => Promise<unknown>;
  /** What it is then in the eyes of others while the cluster is there. Default: all is as before. */
  readonly meanwhile?: { readonly said: string; readonly works?: () => Promise<unknown> };
}

interface InTheWay {
  readonly what: string;
  readonly packages?: string;
  readonly made: string;
  /** What both preview and up say. */
  readonly said: string;
  readonly undone: string;
}

const serve = (name: string, port: number): string =>
  `systemd-run -q --unit=${name} --working-directory=/srv/${name} python3 -m http.server ${port.toString()}`;
const says =
  (port: number, name = AT) =>
  async (): Promise<void> =>
    expect((await get(AT, "/", 3000, { port, name })).body).toBe("mine\n");

const BESIDE: readonly Neighbour[] = [
  {
    what: "nginx with a site of one's own, on port 80 by its name and on port 8088",
    packages: "nginx",
    made: `mkdir -p /srv/own && echo mine >/srv/own/index.html &&
      printf 'server {\\n listen 80;\\n listen 8088;\\n server_name own.example.com;\\n root /srv/own;\\n}\\n' >/etc/nginx/sites-available/own &&
      ln -s ../sites-available/own /etc/nginx/sites-enabled/own && systemctl reload nginx`,
    works: async () => {
      await says(80, "own.example.com")();
      await says(8088, "own.example.com")();
    },
  },
  {
    what: "dnsmasq, with names of the house's own",
    packages: "dnsmasq",
    made: `printf 'address=/printer.lan/${SUBNET}.9\\nno-resolv\\n' >/etc/dnsmasq.d/own.conf && systemctl restart dnsmasq`,
    works: async () =>
      expect(await run("dig", ["+short", "+time=2", `@${AT}`, "printer.lan", "A"])).toBe(`${SUBNET}.9\n`),
  },
  {
    what: "ufw, which lets ssh, the web, the other Pi and the rest of these in",
    packages: "ufw python3",
    made: `for port in 22/tcp 80/tcp 8088/tcp 8123/tcp 51413/tcp 53; do ufw allow $port >/dev/null; done &&
      ufw allow from ${address("pi2")} >/dev/null && ufw --force enable >/dev/null &&
      mkdir -p /srv/private && ${serve("private", 8099)}`,
    works: async () => {
      expect(await endsWell("pi1", `timeout 3 bash -c 'exec 3<>/dev/tcp/${AT}/8099'`)).toBe(true);
      expect(await isOpen(AT, 8099)).toBe(false);
    },
  },
  {
    what: "fail2ban, which watches ssh",
    packages: "fail2ban python3-systemd",
    made: `printf '[sshd]\\nenabled = true\\nbackend = systemd\\n' >/etc/fail2ban/jail.d/own.conf && systemctl restart fail2ban`,
    works: async () =>
      expect(await inside("pi1", "fail2ban-client status sshd")).toContain("Currently banned:\t0"),
  },
  {
    what: "unattended-upgrades, set up by hand",
    packages: "unattended-upgrades",
    made: `printf 'APT::Periodic::Unattended-Upgrade "1";\\nAPT::Periodic::Update-Package-Lists "7";\\n' >/etc/apt/apt.conf.d/20auto-upgrades`,
    works: async () =>
      expect(await inside("pi1", "cat /etc/apt/apt.conf.d/20auto-upgrades")).toContain('Lists "7"'),
  },
  {
    what: "keepalived, with an address of one's own",
    packages: "keepalived",
    made: `printf 'vrrp_instance own {\\n interface eth0\\n virtual_router_id 9\\n virtual_ipaddress {\\n ${SUBNET}.9\\n }\\n}\\n' >/etc/keepalived/keepalived.conf &&
      systemctl enable -q keepalived && systemctl restart keepalived &&
      timeout 20 sh -c 'until ip address | grep -q " ${SUBNET}.9/"; do sleep 0.5; done'`,
    works: async () => expect(await inside("pi1", "ip address show dev eth0")).toContain(` ${SUBNET}.9/`),
    meanwhile: {
      said: "closed to all but the Pis: VRRP, which keepalived speaks",
      works: async () => expect(await inside("pi1", "ip address show dev eth0")).toContain(` ${SUBNET}.9/`),
    },
  },
  {
    what: "Home Assistant, by its port 8123",
    packages: "python3",
    made: `mkdir -p /srv/home && echo mine >/srv/home/index.html && ${serve("home", 8123)}`,
    works: says(8123),
  },
  {
    what: "a BitTorrent client, by its port 51413, which is one of gluster's",
    packages: "python3",
    made: `mkdir -p /srv/torrent && echo mine >/srv/torrent/index.html && ${serve("torrent", 51413)}`,
    works: says(51413),
    meanwhile: {
      said: "closed to all but the Pis and twopir:volume.clients: python3, port 51413",
      works: async () => expect(await isOpen(AT, 51413)).toBe(false),
    },
  },
  {
    what: "Docker, by its bridge and its rules",
    packages: "iptables",
    made: `ip link add docker0 type bridge && ip address add 172.17.0.1/16 dev docker0 && ip link set docker0 up &&
      iptables -P FORWARD DROP && iptables -N DOCKER && iptables -A FORWARD -o docker0 -j DOCKER &&
      iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE`,
    works: async () => {
      const rules = await inside("pi1", "iptables-save");
      expect(rules).toContain(":FORWARD DROP");
      expect(rules).toContain("-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE");
    },
  },
];

const install = (packages: string): string =>
  `DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends ${packages} >/dev/null 2>&1`;
const IN_THE_WAY: readonly InTheWay[] = [
  {
    what: "Apache on port 80, as Debian sets it up",
    packages: "apache2",
    made: "systemctl start apache2",
    said: "port 80 on pi1 is in use by apache2",
    undone: "apt-get -qq purge -y apache2 apache2-bin apache2-data apache2-utils >/dev/null 2>&1",
  },
  {
    what: "lighttpd on port 80, as Debian sets it up",
    packages: "lighttpd",
    made: "systemctl start lighttpd",
    said: "port 80 on pi1 is in use by lighttpd",
    undone: "apt-get -qq purge -y lighttpd >/dev/null 2>&1",
  },
  {
    what: "nginx as a service of one's own, or in a container",
    packages: "nginx",
    made: "systemctl disable -q --now nginx && systemd-run -q --unit=own nginx -g 'daemon off;' && sleep 1",
    said: "port 80 on pi1 is in use by nginx of own.service",
    undone: "systemctl stop own; apt-get -qq purge -y nginx nginx-common >/dev/null 2>&1",
  },
  {
    what: "Pi-hole, by the port of its web server",
    packages: "python3",
    made: "cp /usr/bin/python3 /usr/local/bin/pihole-FTL && systemd-run -q --unit=pihole pihole-FTL -m http.server 80 && sleep 1",
    said: "port 80 on pi1 is in use by pihole-FTL",
    undone: "systemctl stop pihole; rm /usr/local/bin/pihole-FTL",
  },
  {
    what: "ufw that lets ssh and the web in, and the other Pis not",
    packages: "ufw",
    made: "ufw allow 22/tcp >/dev/null && ufw allow 80/tcp >/dev/null && ufw --force enable >/dev/null",
    said: `a firewall other than twopir's, on ${AT} or in between, keeps pi2 from port 24007`,
    undone: "ufw --force reset >/dev/null",
  },
  {
    what: "ufw that limits how often one logs in",
    packages: "ufw",
    made: `ufw limit 22/tcp >/dev/null && ufw allow 80/tcp >/dev/null && ufw allow from ${address("pi2")} >/dev/null &&
      ufw --force enable >/dev/null`,
    said: "a firewall other than twopir's on pi1 limits ssh logins",
    undone: "ufw --force reset >/dev/null && apt-get -qq purge -y ufw >/dev/null 2>&1",
  },
];

/** All of a Pi that is its owner's, a line each. */
async function picture(): Promise<string[]> {
  const files = "find /etc /srv /usr/local ! -name '*-' ! -name ld.so.cache"; // which programs of Debian's write anew
  const said = await inside(
    "pi1",
    `${files} ! -type d -printf '%p %y %m %u:%g %l\\n' | sort
    ${files} -type f -exec sha256sum {} + | sort -k 2
    dpkg-query -W
    systemctl list-unit-files --state=enabled,masked,disabled --no-legend
    nft list tables
    iptables-save | grep -v '^[#:]'`,
  );
  return said.split("\n");
}

const rows: string[][] = [];
const row = (what: string, happens: string, words = ""): void => {
  rows.push([what, `**${happens}**${words === "" ? "" : ` ${cell([words])}`}`]);
};

let cluster: Cluster;
beforeAll(async () => {
  await loaded("packages");
  cluster = await Cluster.create();
});
afterAll(() => {
  if (rows.length !== BESIDE.length + IN_THE_WAY.length) return;
  const intro = [
    "Written by `test/e2e/neighbours.test.ts`, with Debian's own packages, or with the port, the rules or the name of the",
    "program where Debian has none. Beside it: all of these on one Pi at once; each does its work before `up`, while the",
    "cluster is there and after `destroy`, and `/etc`, the packages, what starts at boot and the firewalls are as they were",
    "before `up`. Refused: `preview` and `up` say why, and nothing on any Pi is changed.",
  ];
  writeTable("neighbours", "What else runs on a Pi", intro, ["on the Pi", "what happens"], rows);
});

describe("what is in the way", () => {
  it.each(IN_THE_WAY)(
    "is named before anything is changed: $what",
    async ({ what, packages, made, said, undone }) => {
      await inside("pi1", `${packages === undefined ? "" : `${install(packages)} && `}${made}`);
      expect((await cluster.preview()).said).toContain(said);
      const outcome = await cluster.up();
      await inside("pi1", undone);
      expect(outcome.failed).toBe(true);
      expect(outcome.changed).toEqual({});
      const words = outcome.said.split("\n").find((line) => line.startsWith("- ") && line.includes(said));
      expect(words).toBeDefined();
      row(what, "refused", words?.slice(2).replace(/process \d+/, "process 4711"));
    },
  );
});

describe("what has its place beside the cluster", () => {
  let before: string[];
  it.each(BESIDE)("does its work before: $what", async ({ packages, made, works }) => {
    await inside("pi1", `${install(packages)} && ${made}`);
    await until("it does its work", 10, () => works().then(() => true)); // it has just been started
  });

  it("does not keep the cluster from being set up, which tells what it closes", async () => {
    for (const { works } of BESIDE) await works();
    before = await picture();
    const preview = await cluster.preview();
    for (const { meanwhile } of BESIDE) if (meanwhile) expect(preview.said).toContain(meanwhile.said);
    succeeded(await cluster.up());
    for (const name of PIS) expect((await get(address(name))).body).toContain("Welcome to nginx!");
    const again = await cluster.preview();
    expect(again.said).toBe("");
    expect(again.changed).toEqual({});
  });

  it.each(BESIDE)("does its work meanwhile: $what", async ({ works, meanwhile }) => {
    await (meanwhile?.works ?? works)();
  });

  it("is as it was after destroy", async () => {
    succeeded(await cluster.destroy());
    expect(await picture()).toEqual(before);
  });

  it.each(BESIDE)("does its work after: $what", async ({ what, works, meanwhile }) => {
    await works();
    row(what, "beside it", meanwhile?.said);
  });
});
