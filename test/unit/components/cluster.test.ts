import { setTimeout as sleep } from "node:timers/promises";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Dns } from "../../../components/args";
import { clusterParts, statesOf } from "../../../components/cluster";
import { healthStates } from "../../../components/health";
import { knowledgeStates } from "../../../components/knowledge";
import { changesState } from "../../../components/releases";
import { statusStates } from "../../../components/status";
import { PI } from "../../../operator/program";
import type { DeclaredRecord } from "../../../operator/engine";
import type { RecordsNow } from "../../../operator/records";
import { HostProblem } from "../../../remote/ssh";
import { OPERATOR, stdin, type State } from "../../../remote/state";
import { cluster, declare, rfc2136, SECRET, states, type Args } from "./cluster";

/** What is ignored of a Pi's state that is as it should be: the reason of a former repair, and another operator's key. */
const UNCHANGED = ["update", "connection.privateKey", "connection.privateKeyPassword"];

/** The same of any state; of the one that brings the program also stdin, which has sudo's password. */
const ignored = (name: string, on: string): string[] =>
  on === OPERATOR ? ["update"] : name === `${on}-twopir` ? [...UNCHANGED, "stdin"] : UNCHANGED;

const cloudflare: Dns = {
  provider: "cloudflare",
  zoneId: "0123456789abcdef0123456789abcdef",
  access: {
    headers: { Authorization: "Bearer secret" },
    stored: true,
    api: "https://api.cloudflare.com/client/v4",
  },
  ttl: 120,
  fewRecords: false,
};
const byName = (all: readonly State[]): Map<string, State> =>
  new Map(all.map((state) => [state.name, state]));

describe.each([2, 3, 5])("the plain states of %i Pis", (count) => {
  const args = cluster(count);
  const all = states(args);

  it("have names of their own, and come after all that they name", () => {
    const before = new Map<string, Set<string>>(); // a state, and all that comes before it
    for (const { name, after, disturbedBy = [], notBeside = [] } of all) {
      expect([...before.keys()]).not.toContain(name);
      for (const other of [...after, ...notBeside])
        expect([...before.keys()], `${name} comes after ${other}`).toContain(other);
      const earlier = new Set(after.flatMap((other) => [other, ...(before.get(other) ?? [])]));
      for (const other of disturbedBy)
        expect([...earlier], `${name} is disturbed by ${other}`).toContain(other);
      before.set(name, earlier);
    }
  });

  it("run on a Pi of the cluster or on this machine", () => {
    const places = [...args.pis.map((pi) => pi.name), OPERATOR];
    expect([...new Set(all.map((state) => state.on))].sort()).toEqual(places.sort());
  });

  it("are the article's end states for every Pi", () => {
    const there = all.map((state) => state.name);
    for (const { name: pi, storage } of args.pis) {
      for (const what of [
        "gluster-package",
        "nginx-unit",
        "nginx-package",
        "glusterd",
        "gluster-mount",
        "sites-available-link",
        "sites-enabled-link",
        "default-site-gone",
        "nginx",
        "a-record",
      ])
        expect(there).toContain(`${pi}-${what}`);
      expect(there.includes(`${pi}-brick`)).toBe(storage);
    }
    expect(there).toEqual(
      expect.arrayContaining(["gv0-volume", "gv0-started", "site-config", "site-content"]),
    );
  });

  it("copy the volume to the Pis that store, and mount it on all", () => {
    const named = byName(all);
    const stores = args.pis.filter((pi) => pi.storage);
    expect(named.get("gv0-volume")?.parameters).toMatchObject({
      brick: "/data/brick1/gv0",
      copies: stores.map((pi) => pi.address),
      arbiter: "",
    });
    expect(named.get("gv0-volume")?.after).toEqual(
      expect.arrayContaining(stores.map((pi) => `${pi.name}-brick`)),
    );
    const bricks = stores.map((pi) => `${pi.name}-brick`);
    expect(bricks.map((name) => named.get(name)?.notBeside)).toEqual(
      bricks.map((_, i) => bricks.slice(0, i)),
    );
    for (const pi of args.pis) {
      const others = args.pis.filter((other) => other !== pi).map((other) => other.address);
      expect(named.get(`${pi.name}-gluster-mount`)?.parameters.fstab_line).toMatch(
        new RegExp(
          `^${pi.address}:/gv0 /mnt/gluster1 glusterfs .*,nofail,backup-volfile-servers=${others.join(":")}:127.0.0.1,`,
        ),
      );
    }
  });

  it("let only the Pis and the volume's clients reach gluster, before any of it is there", () => {
    const clients = ["192.168.0.10", "192.168.0.11"];
    const guarded = byName(states({ ...args, volume: { ...args.volume, clients } }));
    const own = args.pis.map((pi) => pi.address);
    expect(guarded.get("gv0-options")?.parameters.options).toContain(
      `auth.allow=${[...own, ...clients].join(",")}`,
    );
    for (const pi of args.pis) {
      const rules = String(guarded.get(`${pi.name}-firewall`)?.parameters.rules);
      expect(rules).toContain(`set pis {\n    type ipv4_addr\n    elements = { ${own.join(", ")} }`);
      expect(rules).toContain(`set clients {\n    type ipv4_addr\n    elements = { ${clients.join(", ")} }`);
      for (const what of ["gluster-package", "nginx-unit"])
        expect(guarded.get(`${pi.name}-${what}`)?.after).toEqual([`${pi.name}-firewall-kept`]);
    }
    expect(byName(all).get("pi1-firewall")?.parameters.rules).toContain(
      "set clients {\n    type ipv4_addr\n  }",
    );
  });

  it("cut nobody off that has mounted the volume, unless the user says so", () => {
    const clients = ["192.168.0.10"];
    for (const disconnect of [false, true])
      for (const pi of args.pis)
        expect(
          byName(states({ ...args, volume: { ...args.volume, clients, disconnect } })).get(
            `${pi.name}-firewall`,
          )?.parameters,
        ).toMatchObject({
          clients: [...args.pis.map((one) => one.address), ...clients],
          disconnect: disconnect ? "yes" : "no",
        });
  });

  it("take a copy for full by the user's word, for all that go through the gate", () => {
    const gated = (volume: object): State[] =>
      states({ ...args, volume: { ...args.volume, ...volume } }).filter(({ script }) =>
        readFileSync(join(PI, "states", `${script}.sh`), "utf8").includes("\nuse gate\n"),
      );
    expect(gated({}).length).toBeGreaterThan(args.pis.length);
    expect([...new Set(gated({}).map(({ parameters }) => parameters.accept))]).toEqual([""]);
    expect([...new Set(gated({ acceptCopy: "pi2" }).map(({ parameters }) => parameters.accept))]).toEqual([
      "192.168.0.122",
    ]);
  });

  it("tell each glusterd who its peers are, and which of them come before it", () => {
    args.pis.forEach((pi, i) => {
      const addresses = args.pis.map((one) => one.address);
      expect(byName(all).get(`${pi.name}-glusterd`)?.parameters).toMatchObject({
        volume: "gv0",
        address: pi.address,
        others: addresses.filter((address) => address !== pi.address),
        earlier: addresses.slice(0, i),
      });
    });
  });

  it("mount and start nginx Pi by Pi", () => {
    const named = byName(all);
    args.pis.slice(1).forEach((pi, i) => {
      const before = args.pis[i]?.name ?? "";
      expect(named.get(`${pi.name}-gluster-mount`)?.after).toContain(`${before}-gluster-mount`);
      expect(named.get(`${pi.name}-nginx`)?.after).toContain(`${before}-nginx`);
    });
  });

  it("write to the site after the user's choice in a split brain, and wait for none", () => {
    for (const [splitBrain, waits] of [
      ["report", false],
      ["newest", true],
      ["pi2", true],
    ] as const)
      for (const site of ["site-config", "site-content"])
        expect(
          byName(states({ ...args, splitBrain }))
            .get(site)
            ?.after.includes("gv0-no-split-brain"),
        ).toBe(waits);
  });

  it("publish an address after its Pi serves", () => {
    for (const pi of args.pis) {
      const record = byName(all).get(`${pi.name}-a-record`);
      expect(record?.after).toEqual([`${pi.name}-nginx`, "gv0-healed"]);
      expect(record?.parameters.address).toBe(pi.address);
    }
  });
});

const withIpv6 = ({ pis }: Args) => pis.map((pi, i) => ({ ...pi, address6: `2001:db8::${121 + i}` }));

describe("floating addresses", () => {
  const floatingAddresses = ["192.168.0.221", "192.168.0.222", "192.168.0.223"];
  const named = byName(states(cluster(3, { floatingAddresses })));
  const config = (pi: string): string => String(named.get(`${pi}-keepalived`)?.parameters.config);

  it("are what the records point at, held before", () => {
    const record = named.get("pi2-a-record");
    expect(record?.parameters.address).toBe("192.168.0.222");
    expect(record?.after).toEqual(["pi2-nginx", "pi2-keepalived", "gv0-healed"]);
    expect(named.get("no-other-a-records")?.parameters.addresses).toEqual(floatingAddresses);
  });

  it("are each preferred on a Pi of their own, and have the same order of heirs everywhere", () => {
    const priorities = (pi: string): string[] =>
      [...config(pi).matchAll(/priority (\d+)/g)].map((match) => match[1] ?? "");
    expect(["pi1", "pi2", "pi3"].map(priorities)).toEqual([
      ["200", "198", "199"],
      ["199", "200", "198"],
      ["198", "199", "200"],
    ]);
  });

  it("are spoken of among the Pis only, with a group id of their own", () => {
    expect(config("pi1")).toContain("  unicast_peer {\n    192.168.0.122\n    192.168.0.123\n  }");
    expect([...config("pi1").matchAll(/virtual_router_id (\d+)/g)].map((match) => match[1])).toEqual([
      "221",
      "222",
      "223",
    ]);
  });

  it("have an IPv6 address beside each, held together with it, to which the AAAA records lead", () => {
    const floatingAddresses6 = ["2001:db8::221", "2001:db8::222"];
    const args = cluster(2, { floatingAddresses: floatingAddresses.slice(0, 2), floatingAddresses6 });
    const both = byName(states({ ...args, pis: withIpv6(args) }));
    expect(String(both.get("pi2-keepalived")?.parameters.config)).toMatch(
      /virtual_ipaddress \{\n {4}192.168.0.222\n {2}\}\n {2}virtual_ipaddress_excluded \{\n {4}2001:db8::222\n {2}\}/,
    );
    expect(both.get("pi2-aaaa-record")?.parameters.address).toBe("2001:db8::222");
    expect(both.get("pi2-aaaa-record")?.after).toEqual(["pi2-ipv6", "gv0-healed"]);
    expect(both.get("pi2-ipv6")?.parameters).toMatchObject({
      address6: "2001:db8::122",
      floating6: "2001:db8::222",
    });
    expect(both.get("pi2-keepalived")?.parameters.addresses6).toEqual(floatingAddresses6);
    expect(both.get("pi2-ipv6")?.after).toEqual(["pi2-nginx", "pi2-keepalived"]);
    expect(both.get("no-other-aaaa-records")?.parameters.addresses).toEqual(floatingAddresses6);
  });

  it("are given up after the time of failover, and not for a stall as long as it", () => {
    const slow = byName(states(cluster(2, { floatingAddresses, failover: 3 })));
    const text = String(slow.get("pi1-keepalived")?.parameters.config);
    expect(text).toContain("advert_int 0.3");
    expect(text).toContain("timeout 5");
    expect(slow.get("gv0-options")?.parameters.options).toContain("client.tcp-user-timeout=3");
  });

  it("keep browsers' connections, which the Pis' own addresses do for a page's files alone", () => {
    expect(named.get("pi1-nginx-settings")?.parameters.content).not.toContain("keepalive_timeout");
    const plain = byName(states(cluster(2)));
    expect(plain.get("pi1-nginx-settings")?.parameters.content).toContain("keepalive_timeout 500ms;");
    expect(plain.has("pi1-keepalived")).toBe(false);
  });
});

describe("the article's files", () => {
  const named = byName(states(cluster(2)));

  it("are its server block", () => {
    expect(named.get("site-config")?.parameters).toEqual({
      mount_point: "/mnt/gluster1",
      config_path: "/mnt/gluster1/cluster",
      word: "",
      content: `server {
  root /mnt/gluster1/www;
  index index.html index.htm;
  server_name twopir twopir.example.com;

  location / {
        try_files $uri $uri/ /index.html;
  }

  include /etc/nginx/snippets/twopir*.conf;
}
`,
    });
  });

  it("are its links, and no default site", () => {
    expect(named.get("pi1-sites-available-link")?.parameters).toEqual({
      link: "/etc/nginx/sites-available/cluster",
      target: "/mnt/gluster1/cluster",
    });
    expect(named.get("pi1-sites-enabled-link")?.parameters).toEqual({
      link: "/etc/nginx/sites-enabled/cluster",
      target: "/etc/nginx/sites-available/cluster",
    });
    expect(named.get("pi1-default-site-gone")?.parameters).toEqual({
      path: "/etc/nginx/sites-enabled/default",
    });
  });

  it("let no browser show a page that it has without asking", () => {
    expect(named.get("pi1-nginx-settings")?.parameters.content).toContain(
      "\nadd_header Cache-Control no-cache always;\n",
    );
  });

  it("name the host once, even where it is among the further names", () => {
    const args = cluster(2, { serverNames: ["twopir", "twopir.example.com"] });
    expect(byName(states(args)).get("site-config")?.parameters.content).toContain(
      "server_name twopir twopir.example.com;",
    );
  });
});

describe("a folder that is published", () => {
  const id = "0123456789abcdef".repeat(4);
  const web = { redirects: [], headers: [] };
  const args = cluster(2, { release: { id, archive: "/project/.twopir/site.tar", bytes: 10_240, web } });
  const named = byName(states(args));

  it("is the root of the server block, after it is on the volume and on the card of each Pi that answers", () => {
    const config = named.get("site-config");
    expect(config?.parameters.content).toContain(`  root /var/lib/twopir-releases/${id};\n`);
    expect(config?.after).toEqual(expect.arrayContaining(["site-content", "pi1-release", "pi2-release"]));
    expect(byName(states(args, "pi2")).get("site-config")?.after).not.toContain("pi2-release");
    for (const pi of ["pi1", "pi2"])
      expect(named.get(`${pi}-release`)?.after).toEqual(
        expect.arrayContaining(["site-content", `${pi}-gluster-mount`]),
      );
  });

  it("needs nothing of this machine where it is gone back to, and is noted as such", () => {
    const release = { id, bytes: 10_240, web };
    const back = byName(states(cluster(2, { release })));
    expect(back.get("site-content")).toMatchObject({
      parameters: { release: id, archive: "", published: JSON.stringify({ bytes: 10_240, web }) },
      upload: { from: undefined },
    });
    expect(back.get("site-config")?.parameters.word).toBe("back");
    expect(named.get("site-config")?.parameters.word).toBe("");
  });

  it("comes to the history, in which releases are that may go, when each nginx serves it", () => {
    expect(named.get("site-history")?.after).toEqual(
      expect.arrayContaining(["site-config", "pi1-nginx", "pi2-nginx"]),
    );
    expect(byName(states(args, "pi2")).get("site-history")?.after).not.toContain("pi2-nginx");
  });

  it("makes each nginx read its config, and is open for longer than what is copied by hand", () => {
    for (const pi of ["pi1", "pi2"]) {
      expect(named.get(`${pi}-nginx`)?.disturbedBy).toEqual(
        expect.arrayContaining(["site-config", `${pi}-release`]),
      );
      const settings = (all: Map<string, State>) => all.get(`${pi}-nginx-settings`)?.parameters.content;
      expect(settings(named)).toContain("open_file_cache_valid 10m;");
      expect(settings(byName(states(cluster(2))))).toContain("open_file_cache_valid 4s;");
    }
  });

  const INPUTS = ["connection", "source", "remotePath", "triggers"];

  it("is not sent while it is on the volume, whatever else is to be mended there", async () => {
    const mended = { reasons: ["an archive is left"], disturbs: false, details: "" };
    for (const seen of [{}, { drifted: { "site-content": mended } }]) {
      const { resources } = await declare(args, seen);
      const upload = resources.get("site-content-upload");
      expect(upload?.type).toBe("command:remote:CopyToRemote");
      expect(upload?.ignoreChanges).toEqual(INPUTS);
      expect(Object.keys(upload?.inputs ?? {}).sort()).toEqual([...INPUTS].sort());
    }
  });

  it("is sent before it is unpacked where it is not, to the home of the user who logs in", async () => {
    const { resources } = await declare(args, {
      drifted: { "site-content": { reasons: ["not on the volume"], disturbs: true, details: "" } },
    });
    const upload = resources.get("site-content-upload");
    expect(upload?.ignoreChanges).toEqual([]);
    expect(upload?.inputs.remotePath).toBe("twopir-site.tar");
    expect(JSON.stringify(upload?.inputs.source)).toContain("/project/.twopir/site.tar");
    expect(upload?.secrets).toEqual(["connection"]);
    expect(upload?.after).toContain("pi1-gluster-mount");
    expect(resources.get("site-content")?.after).toContain("site-content-upload");
    expect(resources.get("site-content")?.parent).toBe("site");
  });

  it("goes to the next Pi where the first is off", () => {
    expect(byName(states(args, "pi1")).get("site-content")?.on).toBe("pi2");
  });
});

describe("the scripts", () => {
  const floatingAddresses = ["192.168.0.221", "192.168.0.222"];
  const web = { redirects: [], headers: [] };
  const release = { id: "0".repeat(64), archive: "site.tar", bytes: 10_240, web, files: {}, doubts: [] };
  const every = [
    ...states({ ...cluster(2, { floatingAddresses }), pis: withIpv6(cluster(2)) }),
    ...states(cluster(2, { release })),
    ...states(cluster(5)),
    ...states(cluster(2, { dns: cloudflare })),
    ...statusStates({ ...cluster(2), site: "/project/site" }),
    changesState(release, cluster(2).volume, "pi1"),
    ...knowledgeStates(cluster(2).pis, "gv0"),
    ...healthStates(cluster(2)),
  ];
  const unique = new Map(every.map((state) => [state.script, state]));

  it.each([...unique])("%s gets the parameters that it takes, and no others", (script, state) => {
    const { status, stdout } = spawnSync("bash", [join(PI, "twopir"), "parameters", script], {
      encoding: "utf8",
    });
    expect(status).toBe(0);
    const given = Object.entries({ ...state.parameters, ...state.secrets });
    expect(given.map(([name, value]) => (typeof value === "object" ? `${name}[]` : name)).sort()).toEqual(
      stdout.split("\n").filter(Boolean).sort(),
    );
  });

  it("are all of use", () => {
    const files = readdirSync(join(PI, "states")).map((file) => file.replace(".sh", ""));
    expect(files.sort()).toEqual([...unique.keys()].sort());
  });
});

describe("a Pi that cannot be reached", () => {
  const names = (all: readonly State[]): string[] => all.map((state) => state.name);

  it("leaves the graph of the others as it was", () => {
    expect(names(states(cluster(3), "pi1"))).toEqual(names(states(cluster(3))));
  });

  it("hands the lead to the next one", () => {
    const led = (...gone: string[]): string[] => [
      ...new Set(states(cluster(3), ...gone).flatMap((state) => (state.anywhere ? [state.on] : []))),
    ];
    expect(led()).toEqual(["pi1"]);
    expect(led("pi1")).toEqual(["pi2"]);
    expect(led("pi1", "pi2")).toEqual(["pi3"]);
    expect(led("pi1", "pi2", "pi3")).toEqual(["pi1"]);
  });

  it("is skipped by the turns, and waits for nobody's", () => {
    const named = byName(states(cluster(3), "pi2"));
    for (const turn of ["gluster-mount", "nginx"]) {
      expect(named.get(`pi3-${turn}`)?.after).toContain(`pi1-${turn}`);
      expect(named.get(`pi3-${turn}`)?.after).not.toContain(`pi2-${turn}`);
      expect(named.get(`pi2-${turn}`)?.after).not.toContain(`pi1-${turn}`);
    }
  });

  it("changes no input that the engine compares but the place of what may run anywhere", async () => {
    const off = new HostProblem("pi1 is off");
    const before = await declare(cluster(3));
    const { resources } = await declare(cluster(3), { problems: { pi1: off } });
    for (const [name, { inputs, ignoreChanges }] of resources) {
      const compared = Object.entries(inputs).filter(([key]) => !ignoreChanges.includes(key));
      for (const [key, value] of compared)
        expect(before.resources.get(name)?.inputs[key], `${name}: ${key}`).toEqual(value);
    }
    const moved = [...resources.values()]
      .filter((r) => r.ignoreChanges.includes("connection") && r.type === "command:remote:Command")
      .map((r) => r.name);
    expect(moved).toEqual(
      [...byName(states(cluster(3))).values()].filter((s) => s.anywhere).map((s) => s.name),
    );
  });

  it("is a warning, in a preview and in an update", async () => {
    const off = { pi1: new HostProblem("pi1 is off") };
    for (const preview of [true, false])
      expect((await declare(cluster(2), { problems: off, preview })).log).toEqual(["warning: pi1 is off"]);
  });

  it("is only a warning in a preview when its host key was refused, and stops an update", async () => {
    const refused = {
      pi1: new HostProblem("pi1 shows another host key", "refused"),
      pi2: new HostProblem("pi2 is off", "silent"),
    };
    const args = cluster(2);
    const { log, resources } = await declare(args, { problems: refused, preview: true });
    expect(log).toEqual(["warning: pi1 shows another host key", "warning: pi2 is off"]);
    expect(resources.get("pi1-glusterd")?.ignoreChanges).toEqual(["update", "connection"]);
    // A Pi that is off may be dead for good, and destroy goes on without it; one that may be another's is no such case.
    expect(resources.get("pi2-glusterd")?.retainOnDelete).toBe(true);
    expect(resources.get("pi1-glusterd")?.retainOnDelete).toBe(false);
    await expect(declare(args, { problems: refused })).rejects.toThrow(
      "Nothing was changed:\n- pi1 shows another host key",
    );
  });

  it("stops a preview, too, where sudo does not let us in", async () => {
    const barred = { pi1: new HostProblem("pi1 asks", "barred"), pi2: new HostProblem("pi2 asks", "barred") };
    for (const preview of [true, false])
      await expect(declare(cluster(2), { problems: barred, preview })).rejects.toThrow(
        "Nothing was changed:\n- pi1 asks\n- pi2 asks",
      );
  });
});

const drainedIs =
  (name: string) =>
  <T extends { readonly name: string }>(pi: T) => ({ ...pi, drained: pi.name === name });

describe("a drained Pi", () => {
  const args = { ...cluster(3), pis: cluster(3).pis.map(drainedIs("pi2")) };

  it("has no A record, and the gate before the records is asked again", () => {
    const named = byName(states(args, "pi2"));
    expect(named.has("pi2-a-record")).toBe(false);
    expect(named.get("no-other-a-records")?.parameters.addresses).toEqual(["192.168.0.121", "192.168.0.123"]);
    expect(named.get("gv0-healed")?.parameters.serving).toEqual(["192.168.0.121", "192.168.0.123"]);
  });

  it("is left alone: no change of its states reaches it, and its place among the peers is not asked for", async () => {
    const { resources } = await declare(args, { away: ["pi2"] });
    const all = ["update", "connection", "create", "delete", "stdin"];
    for (const name of ["pi2-glusterd", "pi2-brick", "pi2-nginx"])
      expect(resources.get(name)?.ignoreChanges, name).toEqual(all);
    expect(resources.get("gv0-peer-pi2")?.inputs.stdin).toContain("\ndrained=yes\n");
    for (const name of ["pi1-nginx", "gv0-volume", "gv0-peer-pi2", "gv0-peer-pi3"])
      expect(resources.get(name)?.ignoreChanges, name).toEqual(UNCHANGED);
    const kept = [...resources.values()].filter((r) => r.retainOnDelete);
    expect(kept.map((r) => r.name).sort()).toEqual(
      states(args, "pi2")
        .filter((s) => s.on === "pi2")
        .map((s) => s.name)
        .sort(),
    );
  });
});

describe("a state that is new", () => {
  it("is not made on a drained Pi, and what comes after it is", async () => {
    const floatingAddresses = ["192.168.0.221", "192.168.0.222"];
    const before = cluster(2);
    const args = { ...cluster(2, { floatingAddresses }), pis: before.pis.map(drainedIs("pi2")) };
    const triggers = new Map(states(before).map(({ name }) => [name, []]));
    const { resources } = await declare(args, { away: ["pi2"], triggers });
    expect(resources.has("pi1-keepalived")).toBe(true);
    expect(resources.has("pi2-nginx")).toBe(true);
    expect(resources.has("pi2-keepalived")).toBe(false);
    expect(resources.has("pi2-keepalived-package")).toBe(false);
    // A version that has one more between two that there are.
    triggers.delete("pi2-nginx-settings");
    const later = await declare(args, { away: ["pi2"], triggers });
    expect(later.resources.has("pi2-nginx-settings")).toBe(false);
    expect(later.resources.has("pi2-nginx")).toBe(true);
  });
});

describe("the Pi that gives the commands to gluster", () => {
  const args = cluster(3);
  /** Where such states run, and whom the look asks. */
  const leader = (
    reachable: readonly string[],
    knowing: readonly string[] = [],
    peers: readonly string[] = [],
  ): string[] => [
    ...new Set(
      statesOf(
        clusterParts(args, new Set(reachable), { knowing: new Set(knowing), peers: new Set(peers) }),
      ).flatMap((one) => (one.anywhere ? [`${one.on} ${one.asked ?? one.on}`] : [])),
    ),
  ];

  it("is the first that can be reached and has the volume, else the first that can be reached", () => {
    const all = ["pi1", "pi2", "pi3"];
    expect(leader(all)).toEqual(["pi1 pi1"]);
    expect(leader(all, ["pi3", "pi2"])).toEqual(["pi2 pi2"]); // pi1 is new
    expect(leader(["pi1", "pi3"], ["pi2"])).toEqual(["pi1 pi1"]); // who has it, is away
    expect(leader(["pi2", "pi3"], ["pi3"])).toEqual(["pi3 pi3"]);
    expect(leader([])).toEqual(["pi1 pi1"]);
  });

  it("is one that they have as a peer, whatever it lost, since it is given that back; they are asked", () => {
    const peers = ["192.168.0.121", "192.168.0.123"];
    expect(leader(["pi1", "pi2", "pi3"], ["pi2", "pi3"], peers)).toEqual(["pi1 pi2"]);
    expect(leader(["pi1", "pi2", "pi3"], ["pi1", "pi2", "pi3"], peers)).toEqual(["pi1 pi1"]);
    expect(leader(["pi2", "pi3"], ["pi2", "pi3"], peers)).toEqual(["pi2 pi2"]); // pi1 is away
  });
});

describe("an arbiter", () => {
  const args = { ...cluster(3), pis: cluster(3).pis.map((pi) => ({ ...pi, arbiter: pi.name === "pi3" })) };
  const named = byName(states(args));

  it("has a brick that is none of the copies, and two of the three must agree", () => {
    expect(named.get("gv0-volume")?.parameters).toMatchObject({
      copies: ["192.168.0.121", "192.168.0.122"],
      arbiter: "192.168.0.123",
    });
    expect(named.get("gv0-options")?.parameters.options).toContain("cluster.quorum-type=auto");
    expect(byName(states(cluster(2))).get("gv0-options")?.parameters.options).toContain(
      "cluster.quorum-type=none",
    );
  });

  it("begins anew when any Pi has a new card", () => {
    const peers = ["gv0-peer-pi1", "gv0-peer-pi2", "gv0-peer-pi3"];
    expect(named.get("pi3-brick")?.disturbedBy).toEqual([...peers, "pi3-glusterd"]);
    expect(named.get("pi2-brick")?.disturbedBy).toEqual(["gv0-peer-pi2", "pi2-glusterd"]);
  });
});

describe("what the engine is asked for", () => {
  const args = cluster(2);
  let inSync: Awaited<ReturnType<typeof declare>>;
  beforeAll(async () => {
    inSync = await declare(args);
  });

  it("is one component for each noun, the mount and the web server inside their Pi", () => {
    const { resources } = inSync;
    const components = [...resources.values()].filter((r) => r.type.startsWith("twopir:"));
    expect(components.map((r) => `${r.type} ${r.name} in ${r.parent}`).sort()).toEqual([
      "twopir:ARecords a-records in twopir",
      "twopir:Cluster twopir in ",
      "twopir:Mount pi1-mount in pi1",
      "twopir:Mount pi2-mount in pi2",
      "twopir:Pi pi1 in twopir",
      "twopir:Pi pi2 in twopir",
      "twopir:Site site in twopir",
      "twopir:Volume gv0 in twopir",
      "twopir:WebServer pi1-web-server in pi1",
      "twopir:WebServer pi2-web-server in pi2",
    ]);
    expect(resources.get("pi2-nginx")?.parent).toBe("pi2-web-server");
    expect(resources.get("pi2-a-record")?.parent).toBe("a-records");
  });

  it("is one command for each state, on its host, after those that it names", () => {
    const { resources } = inSync;
    for (const state of states(args)) {
      const resource = resources.get(state.name);
      expect(resource?.type).toBe(state.on === OPERATOR ? "command:local:Command" : "command:remote:Command");
      const sent = state.upload === undefined ? [] : [`${state.name}-upload`];
      expect([...(resource?.after ?? [])].sort()).toEqual([...state.after, ...sent].sort());
      expect(resource?.inputs.stdin).toBe(stdin(state));
    }
  });

  it.each([
    ["pi1-glusterd", "pi", "bash -s apply pi1", "bash -s remove pi1"],
    ["pi2-glusterd", "root", "bash -s apply pi2", "bash -s remove pi2"],
    ["pi1-a-record", "", "bash -s apply", "bash -s remove"],
  ])("gives %s its commands, for user %j", (name, user, apply, remove) => {
    const { inputs } = inSync.resources.get(name) ?? {};
    expect(inputs).toMatchObject({ create: apply, update: apply, delete: remove });
    if (user !== "") expect(inputs?.connection).toMatchObject({ user });
  });

  it("logs in with the pinned host key, and a private key that nobody sees", () => {
    const { inputs, secrets } = inSync.resources.get("pi1-glusterd") ?? {};
    expect(inputs?.connection).toMatchObject({
      host: "192.168.0.121",
      user: "pi",
      hostKey: "ssh-ed25519 pi1",
      perDialTimeout: 5,
    });
    expect(secrets).toContain("connection");
    expect(secrets).not.toContain("stdin");
  });

  it("logs in at the Pi's own port", async () => {
    const at = { ...args, pis: args.pis.map((pi) => (pi.name === "pi2" ? { ...pi, port: 2222 } : pi)) };
    const { resources } = await declare(at);
    for (const name of ["pi2-glusterd", "pi2-twopir-upload"])
      expect(resources.get(name)?.inputs.connection).toMatchObject({ host: "192.168.0.122", port: 2222 });
    expect(resources.get("pi1-glusterd")?.inputs.connection).toMatchObject({ port: 22 });
  });

  it("encrypts the TSIG secret, which is on stdin only", async () => {
    const { resources } = await declare(args, {
      drifted: { "pi1-a-record": { reasons: ["gone"], disturbs: true, details: "" } },
    });
    for (const name of ["pi1-a-record", "pi2-a-record", "no-other-a-records"]) {
      const { inputs = {}, secrets = [] } = resources.get(name) ?? {};
      expect(secrets).toEqual(["stdin"]);
      const where = Object.keys(inputs).filter((key) => JSON.stringify(inputs[key]).includes(SECRET));
      expect(where).toEqual(["stdin"]);
    }
  });

  it("encrypts sudo's password, which only the state that brings the program gets", async () => {
    const sudoPassword = 'it\'s "a" $(secret) ünï';
    const asks = { ...args, pis: args.pis.map((pi) => (pi.name === "pi1" ? { ...pi, sudoPassword } : pi)) };
    const { resources } = await declare(asks);
    const having = [...resources.values()].filter(({ inputs }) =>
      JSON.stringify(inputs).includes(JSON.stringify(sudoPassword).slice(1, -1)),
    );
    expect(having.map(({ name }) => name)).toEqual(["pi1-twopir"]);
    expect(having[0]?.secrets).toContain("stdin");
    expect(resources.get("pi2-twopir")?.secrets).not.toContain("stdin");
  });

  it("ignores the update of a state that is as it should be", async () => {
    const { resources, log } = await declare(args, { preview: true });
    for (const { name, on } of states(args))
      expect(resources.get(name)?.ignoreChanges, name).toEqual(ignored(name, on));
    expect(log).toEqual([]);
  });

  it("ignores ports and jump hosts, too, where operators have their own", async () => {
    const { resources } = await declare(args, { ownWay: true });
    const all = [...UNCHANGED, "connection.port", "connection.proxy"];
    expect(resources.get("pi1-nginx")?.ignoreChanges).toEqual(all);
    expect(resources.get("pi1-twopir")?.ignoreChanges).toEqual([...all, "stdin"]);
  });

  const drifted = {
    "pi1-sites-enabled-link": { reasons: ["a is\nmissing", "b differs"], disturbs: true, details: "-a\n+b" },
    "pi2-nginx": { reasons: ["not yet: nginx is not installed"], disturbs: true, details: "" },
  };

  it("updates a drifted state, for a reason of one line", async () => {
    const { resources } = await declare(args, { drifted });
    const { inputs, ignoreChanges } = resources.get("pi1-sites-enabled-link") ?? {};
    expect(ignoreChanges).toEqual([]);
    expect(inputs?.create).toBe("bash -s apply pi1");
    expect(inputs?.update).toMatch(
      /^bash -s apply pi1 # seen \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: a is missing; b differs$/,
    );
    expect(resources.get("pi1-default-site-gone")?.ignoreChanges).toEqual(UNCHANGED);
  });

  it("updates it again for the same reason, however long that is", async () => {
    const long = { "pi1-nginx": { reasons: ["x".repeat(300)], disturbs: true, details: "" } };
    const updates: unknown[] = [];
    for (let up = 0; up < 2; up += 1) {
      updates.push((await declare(args, { drifted: long })).resources.get("pi1-nginx")?.inputs.update);
      await sleep(1000);
    }
    expect(new Set(updates).size).toBe(2);
  });

  it("tells a preview what differs, and spares it what is only not there yet", async () => {
    expect((await declare(args, { drifted, preview: true })).log).toEqual([
      "pi1-sites-enabled-link: a is\nmissing",
      "pi1-sites-enabled-link: b differs",
      "-a\n+b",
    ]);
    expect((await declare(args, { drifted })).log).toEqual([]);
  });
});

describe("the A records", () => {
  const records = (all: Iterable<{ name: string; type: string }>): string[] =>
    [...all]
      .filter((r) => /a-records?$/.test(r.name) && !r.type.startsWith("twopir:"))
      .map((r) => `${r.name} ${r.type}`);

  it("are states for rfc2136, and one that there are no others", async () => {
    const { resources } = await declare(cluster(2, { dns: rfc2136 }));
    expect(records(resources.values())).toEqual([
      "pi1-a-record command:local:Command",
      "pi2-a-record command:local:Command",
      "no-other-a-records command:local:Command",
    ]);
    // With another name or address it is another record, and the old one goes.
    const where = ["example.com", "twopir.example.com", "192.168.0.121"];
    expect(resources.get("pi1-a-record")?.inputs.triggers).toEqual(where);
    const only = byName(states(cluster(2))).get("no-other-a-records");
    expect(only?.parameters.addresses).toEqual(["192.168.0.121", "192.168.0.122"]);
    expect(only?.after).toEqual(["pi1-a-record", "pi2-a-record"]);
  });

  it("are the same as the engine's under another name server, and are not replaced, which would take them away", async () => {
    const own = ["example.com", "twopir.example.com", "192.168.0.121"];
    const triggers = new Map([
      ["pi1-a-record", ["192.168.0.53", ...own]], // of a version before
      ["pi2-a-record", ["example.com", "twopir.example.com", "192.168.0.199"]], // the Pi has moved
    ]);
    const moved = { ...rfc2136, server: "192.168.0.54" };
    const { resources } = await declare(cluster(2, { dns: moved }), { triggers });
    expect(resources.get("pi1-a-record")?.ignoreChanges).toContain("triggers");
    expect(resources.get("pi1-a-record")?.inputs.stdin).toContain("server=192.168.0.54");
    expect(resources.get("pi2-a-record")?.ignoreChanges).not.toContain("triggers");
  });

  const at = (n: number) => ({
    id: `${n}`,
    type: "A",
    content: `192.168.0.${n}`,
    created_on: `2026-01-01T00:00:${n - 100}Z`,
  });
  const known = (n: number, more: Partial<DeclaredRecord> = {}): [string, DeclaredRecord] => {
    const { content, created_on: createdOn } = at(n);
    const { zoneId } = cloudflare;
    return [
      `pi${n - 120}-a-record`,
      { zoneId, name: "twopir.example.com", content, createdOn, hasKeeper: true, ...more },
    ];
  };
  const there = [at(121), at(122)];
  const gone = [at(121), { ...at(122), type: "AAAA" }];
  const both = { there, declared: new Map([known(121), known(122)]) };
  const pi2s = async (now?: RecordsNow) =>
    (await declare(cluster(2, { dns: cloudflare }), now && { records: now })).resources.get("pi2-a-record");

  it("are the provider's own resources for Cloudflare, each after its Pi serves, and its keeper after it", async () => {
    const { resources } = await declare(cluster(2, { dns: cloudflare }));
    expect(records(resources.values())).toEqual([
      "pi1-a-record cloudflare:index/dnsRecord:DnsRecord",
      "pi2-a-record cloudflare:index/dnsRecord:DnsRecord",
      "all-a-records command:local:Command",
    ]);
    const keeper = resources.get("pi2-a-record-keeper");
    expect(keeper?.after).toEqual(["pi2-a-record"]);
    expect(keeper?.inputs.triggers).toEqual([cloudflare.zoneId, "twopir.example.com", "192.168.0.122"]);
    const record = resources.get("pi2-a-record");
    expect(record?.retainOnDelete).toBe(true);
    expect(record?.inputs).toEqual({
      zoneId: "0123456789abcdef0123456789abcdef",
      type: "A",
      name: "twopir.example.com",
      content: "192.168.0.122",
      ttl: 120,
      proxied: false,
      comment: "twopir: pi2",
    });
    expect(record?.after).toEqual(["pi2-nginx", "gv0-healed"]);
    expect(record?.parent).toBe("a-records");
  });

  it("stay as they are at Cloudflare while they are there, and while nobody can be asked", async () => {
    for (const now of [both, undefined])
      expect(await pi2s(now)).toMatchObject({
        inputs: { comment: "twopir: pi2" },
        ignoreChanges: ["comment"],
        importId: "",
      });
  });

  it("are made again at Cloudflare where they are gone, by another comment, which replaces them", async () => {
    const record = await pi2s({ ...both, there: gone });
    expect(record?.inputs.comment).toMatch(/^twopir: pi2, again 20/);
    expect(record).toMatchObject({ ignoreChanges: [], importId: "" });
    expect(record?.replaceOnChanges).toContain("comment");
  });

  it.each([
    ["has not made them yet", gone, []],
    ["made others, of another name", gone, [known(122, { name: "x" })]],
    [
      "has no keeper of them, and would have the provider delete what is gone",
      gone,
      [known(122, { hasKeeper: false })],
    ],
    ["has no keeper of them, and another address", there, [known(122, { hasKeeper: false, content: "x" })]],
  ])("are left to the engine where it %s", async (_, now, declared) => {
    const record = await pi2s({ there: now, declared: new Map(declared) });
    expect(record).toMatchObject({
      ignoreChanges: ["comment"],
      importId: "",
      inputs: { comment: "twopir: pi2" },
    });
  });

  it.each([
    ["not in the engine's state", []],
    ["there with another address", [known(122, { content: "192.168.0.200" })]],
    ["there with another name", [known(122, { name: "former.example.com" })]],
    ["there from another zone", [known(122, { zoneId: "0" })]],
    ["made anew by somebody", [known(122, { createdOn: "2025-01-01T00:00:00Z" })]],
  ])("are adopted where they are at Cloudflare and %s", async (_, declared) => {
    expect(await pi2s({ there, declared: new Map(declared) })).toMatchObject({
      ignoreChanges: ["comment"], // for another one it would be replaced, which the engine refuses; its keeper changes it
      importId: `${cloudflare.zoneId}/122`,
    });
  });

  it("are nobody's business without a provider", async () => {
    const { resources } = await declare(cluster(2, { dns: { provider: "none" } }));
    expect(records(resources.values())).toEqual([]);
  });
});
