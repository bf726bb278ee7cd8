import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  address,
  addresses,
  floatingAddress,
  get,
  inside,
  LAB,
  lab,
  labFile,
  NAME,
  run,
  servesAgain,
  SUBNET,
  until,
} from "../../lab/drive/lab";
import { DNS, pi, type Cluster, type Outcome } from "../../lab/drive/stack";
import { snapshot } from "./snapshot";
import {
  nothingToDo,
  anewAfterFailure,
  begin,
  eachHoldsItsOwn,
  FLOATING,
  held,
  reasonsIn,
  settingsOf,
  succeeded,
  unnoticed,
} from "./states";
import { cell, writeTable } from "./table";

const PIS = ["pi1", "pi2"];
const BASE = settingsOf("floating");
/** A second address of the name server, which listens at the first one. */
const SECOND = `${SUBNET}.54`;
const [ADDRESS, NFT] = [`ip -n tp-${LAB}-ns address`, `ip netns exec tp-${LAB}-ns nft`];
const OTHER_KEY = labFile("other_key");
/** The name server reads its config again. */
const RELOAD = `kill -HUP $(ip netns pids tp-${LAB}-ns) && sleep 1`;

let cluster: Cluster;
anewAfterFailure(async () => {
  cluster = await begin("floating");
});

/** What a user may write into the config of a cluster that serves. */
interface Edit {
  readonly what: string;
  /** Keys that the config has instead of, or besides, those of before. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Shell that each Pi needs for it, and how that is taken back. */
  readonly prepared?: readonly [before: string, after: string];
  /** The same on this machine. */
  readonly here?: readonly [before: string, after: string];
  /** Files that are the user's from then on. Default: none. */
  readonly stays?: RegExp;
  /** What a preview with nothing to do says then. Default: nothing. */
  readonly hint?: RegExp;
  /** The floating addresses that are asked meanwhile, besides the name. Default: all. */
  readonly asked?: readonly string[];
  /** True where the name that is asked for is not the site's any more. Default: false. */
  readonly renamed?: boolean;
}

const EDITS: readonly Edit[] = [
  { what: "`serverNames`: one more", settings: { "twopir:serverNames": ["twopir", "www.example.com"] } },
  { what: "`dns.ttl`", settings: { "twopir:dns": { ...DNS, ttl: 10 } } },
  { what: "`failover`", settings: { "twopir:failover": 3 } },
  { what: "`updates: off`", settings: { "twopir:updates": "off" } },
  { what: "`updates: all`", settings: { "twopir:updates": "all" } },
  { what: "`splitBrain: newest`", settings: { "twopir:splitBrain": "newest" } },
  {
    what: "`splitBrain: pi2`",
    settings: { "twopir:splitBrain": "pi2" },
    hint: /^twopir:splitBrain is set: [^\n]*\s*$/,
  },
  { what: "`volume.clients`: one more", settings: { "twopir:volume": { clients: [`${SUBNET}.200`] } } },
  {
    what: "`site`: published from now on; its releases stay on the volume",
    settings: { "twopir:site": "./site" },
    stays: /^\/data\/brick1\/gv0\/releases\//,
  },
  {
    what: "`dns.server`: another one of the same zone",
    settings: { "twopir:dns": { ...DNS, server: SECOND } },
    here: [
      `${ADDRESS} add ${SECOND}/24 dev eth0 && ${NFT} add table ip second && ${NFT} 'add chain ip second c { type nat hook prerouting priority -100; }' && ${NFT} add rule ip second c ip daddr ${SECOND} dnat to ${DNS.server}`,
      `${NFT} delete table ip second && ${ADDRESS} del ${SECOND}/24 dev eth0`,
    ],
  },
  {
    what: "`dns.keyName`: another key of the same zone",
    settings: { "twopir:dns": { ...DNS, keyName: "second" } },
    here: [
      `cd ${labFile("ns")} && cp -p named.conf named.old && cp -p tsig.key tsig.old && sed 's/twopir/second/' tsig.old >>tsig.key && sed -i 's/allow-update {/& key second;/' named.conf && ${RELOAD}`,
      `cd ${labFile("ns")} && mv named.old named.conf && mv tsig.old tsig.key && ${RELOAD}`,
    ],
  },
  {
    what: "`hostname`: the records of the former name go when those of the new one are there",
    settings: { "twopir:hostname": `www.${NAME}` },
    renamed: true,
  },
  {
    what: "`port` of a Pi",
    settings: { "twopir:pis": [pi("pi1"), pi("pi2", { port: 2222 })] },
    prepared: [
      "printf 'Port 22\nPort 2222\n' >/etc/ssh/sshd_config.d/own.conf && systemctl restart ssh",
      "rm /etc/ssh/sshd_config.d/own.conf && systemctl restart ssh",
    ],
  },
  { what: "`floatingAddresses`: none", settings: { "twopir:floatingAddresses": [] }, asked: [] },
  {
    what: "`pis` and `floatingAddresses` in another order",
    settings: {
      "twopir:pis": [pi("pi2"), pi("pi1")],
      "twopir:floatingAddresses": Object.values(FLOATING).reverse(),
    },
  },
  {
    what: "`drained: true`",
    settings: { "twopir:pis": [pi("pi1"), pi("pi2", { drained: true })] },
    hint: /^pi2 is drained: [^\n]*\s*$/,
  },
  {
    what: "`user`",
    settings: { "twopir:pis": PIS.map((name) => pi(name, { user: "ops" })) },
    prepared: [
      "useradd -m -s /bin/bash ops && cp -a /home/pi/.ssh /home/ops/ && chown -R ops: /home/ops/.ssh && echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops",
      "userdel -r ops 2>/dev/null; rm /etc/sudoers.d/ops",
    ],
  },
  {
    what: "`ssh.keyFile`",
    settings: { "twopir:ssh": { keyFile: OTHER_KEY, knownHosts: labFile("known_hosts") } },
  },
];

/** What cannot be done while the cluster serves, or not at all: refused before anything is changed. */
const REFUSED: readonly (Edit & { readonly said: string })[] = [
  {
    what: "`volume.mount`",
    settings: { "twopir:volume": { mount: "/srv/gluster" } },
    said: "twopir:volume.mount is /srv/gluster, and was /mnt/gluster1",
  },
  {
    what: "`volume.name`",
    settings: { "twopir:volume": { name: "gv1" } },
    said: "twopir:volume.name is gv1, and was gv0",
  },
  {
    what: "`volume.brick`",
    settings: { "twopir:volume": { brick: "/data/brick2/gv0" } },
    said: "twopir:volume.brick is /data/brick2/gv0, and was /data/brick1/gv0",
  },
  {
    what: "other `floatingAddresses`",
    settings: { "twopir:floatingAddresses": [`${SUBNET}.231`, `${SUBNET}.232`] },
    said: `pi1: ${SUBNET}.231 in place of ${FLOATING.pi1}`,
  },
  {
    what: "the first Pi taken out",
    settings: { "twopir:pis": [pi("pi2"), pi("pi3")] },
    said: "pi1 is not in twopir:pis any more",
  },
  {
    what: "another `name` for a Pi",
    settings: { "twopir:pis": [pi("pi1"), { ...pi("pi2"), name: "pib" }] },
    said: `pib has the address ${address("pi2")}, which was that of pi2`,
  },
  {
    what: "two Pis that change addresses",
    settings: {
      "twopir:pis": [pi("pi1", { address: address("pi2") }), pi("pi2", { address: address("pi1") })],
    },
    said: "pi1 and pi2 have other addresses than in the last pulumi up",
  },
  {
    what: "`storage: false` for one of two Pis",
    settings: { "twopir:pis": [pi("pi1"), pi("pi2", { storage: false })] },
    said: "two or three Pis that store",
  },
  {
    what: "`dns.provider: none`",
    settings: { "twopir:dns": { provider: "none" } },
    said: "its name would lead nowhere",
  },
  {
    what: "`hostname` outside the zone",
    settings: { "twopir:hostname": "www.example.org" },
    said: "the zone that www.example.org lies in",
  },
];

const rows: string[][] = [];
afterAll(() => {
  if (rows.length < EDITS.length + REFUSED.length) return;
  const intro = [
    "Written by `test/e2e/edits.test.ts`: on a cluster with floating addresses, each key is edited and then set back, by a",
    "`pulumi up` each, while the page is asked for by name and at each floating address. No request failed, the next preview",
    "had nothing to do, and each Pi had the files that it had before.",
  ];
  writeTable(
    "edits",
    "What becomes of an edit of the config",
    intro,
    ["edited", "what `pulumi preview` says"],
    rows,
  );
});

const LISTED = 12;
/** What is planned: reasons, and which resources. */
function planned(preview: Outcome): string {
  const names = Object.keys(preview.changed);
  if (names.length === 0) return "nothing to do";
  const listed = names.length > LISTED ? `${names.length} resources` : names.join(", ");
  return cell([listed, ...reasonsIn(preview)]);
}

const upUnnoticed = (
  asked: readonly string[] = Object.values(FLOATING),
  family: 4 | false = 4,
): Promise<void> =>
  unnoticed(
    asked,
    async () => {
      succeeded(await cluster.up());
    },
    family,
  );

/**
 * Without what comes at the first turn of a Pi and at a package's removal, and gluster's own names in a brick, by which a
 * file that was written anew is another one.
 */
const filesOf = async (name: string): Promise<string[]> =>
  [...(await snapshot(name)).keys()]
    .filter((path) => !/\/\.glusterfs\/|^\/data\/brick1\/gv0\/turn$|^\/var\/lib\/ucf\//.test(path))
    .sort();

describe("an edit of the config of a cluster that serves", () => {
  it.each(EDITS)(
    "is made and taken back unnoticed: $what",
    async ({ what, settings, prepared, here, stays, hint, asked, renamed }) => {
      const family = renamed ? false : 4;
      if (what.includes("keyFile")) await letIn();
      for (const name of PIS) if (prepared) await inside(name, prepared[0]);
      if (here) await run("bash", ["-c", here[0]]);
      const before = await Promise.all(PIS.map(filesOf));
      await cluster.configure({ ...BASE, ...settings });
      const preview = await cluster.preview();
      rows.push([what, planned(preview)]);
      await upUnnoticed(asked, family);
      await nothingToDo(cluster, hint);
      await cluster.configure(BASE);
      await upUnnoticed(asked, family);
      await nothingToDo(cluster);
      await eachHoldsItsOwn();
      expect((await addresses()).sort()).toEqual(Object.values(FLOATING));
      const after = await Promise.all(PIS.map(filesOf));
      const more = after.map((files, i) => files.filter((path) => !before[i]?.includes(path)));
      const less = before.map((files, i) => files.filter((path) => !after[i]?.includes(path)));
      expect(more.flat().filter((path) => !stays?.test(path))).toEqual([]);
      expect(less.flat()).toEqual([]);
      for (const name of PIS) if (prepared) await inside(name, prepared[1]);
      if (here) await run("bash", ["-c", here[1]]);
    },
  );

  it("that is cut off while a TTL passes, and taken back, leaves the records as they were", async () => {
    const slow = { ...BASE, "twopir:dns": { ...DNS, ttl: 30 } };
    await cluster.configure(slow);
    succeeded(await cluster.up());
    await cluster.configure({ ...slow, "twopir:floatingAddresses": [] });
    await unnoticed([], async () => {
      const up = cluster.start("up", "--yes", "--skip-preview");
      const ended = once(up, "close");
      let printed = "";
      up.stdout?.on("data", (text: Buffer) => (printed += text.toString()));
      up.stderr?.resume();
      await until("the TTL passes", 300, () => Promise.resolve(printed.includes("waiting until the TTL")));
      up.kill("SIGINT");
      expect(await ended).not.toEqual([0, null]);
      await cluster.configure(slow);
      succeeded(await cluster.up());
    });
    expect((await addresses()).sort()).toEqual(Object.values(FLOATING));
    await nothingToDo(cluster);
    await cluster.configure(BASE);
    succeeded(await cluster.up());
    await eachHoldsItsOwn();
  });

  /** What was taken out of the config while a Pi was away, by the way that preview names. @returns that way. */
  const removeLeft = async (name: string): Promise<string> => {
    const { said, changed } = await cluster.preview();
    expect(changed).toEqual({});
    const [, remedy = ""] =
      new RegExp(`is still there\\. Remove it on ${name}: (for .* done)`).exec(said) ?? [];
    await inside(name, remedy.replace("sudo ", ""));
    return remedy;
  };

  it.each([
    [
      "a config that nginx refuses",
      "echo 'nonsense;' >/etc/nginx/conf.d/own.conf",
      "rm /etc/nginx/conf.d/own.conf",
    ],
    ["a Pi that is off", "off", "on"],
  ])("of which a part fails removes nothing before the rest is done: %s", async (_, fault, remedy) => {
    const folder = mkdtempSync(join(tmpdir(), "twopir-edits-"));
    for (const name of ["index.html", "about.html"]) writeFileSync(join(folder, name), name);
    await cluster.configure({ ...BASE, "twopir:site": folder });
    succeeded(await cluster.up());
    const settings = { ...BASE, "twopir:floatingAddresses": [] };
    const [power, serving] = fault === "off" ? [true, ["pi2"]] : [false, PIS];
    await (power ? lab("off", "pi1") : inside("pi1", fault));
    if (power) await until("pi2 has both addresses", 30, async () => (await held("pi2")).length === 2);
    await cluster.up(); // by which the engine gives up what is on a Pi that is off
    await cluster.configure(settings);
    const up = await cluster.up();
    expect(up.failed).toBe(true);
    expect(up.said).toContain("so nothing was removed");
    expect(Object.values(up.changed)).not.toContain("delete");
    expect(await addresses()).toEqual(expect.arrayContaining(Object.values(FLOATING)));
    for (const asked of [...Object.values(FLOATING), ...serving.map(address)])
      expect((await get(asked, "/about")).status).toBe(200);
    await (power ? lab("on", "pi1") : inside("pi1", remedy));
    if (power) await servesAgain("pi1");
    succeeded(await cluster.up());
    expect((await addresses()).sort()).toEqual(PIS.map(address));
    if (power) await removeLeft("pi1");
    await nothingToDo(cluster);
    await cluster.configure(BASE);
    succeeded(await cluster.up());
    await eachHoldsItsOwn();
    await nothingToDo(cluster);
    rmSync(folder, { recursive: true });
  });

  it("that takes something from a drained Pi is named when the Pi is back, with the way", async () => {
    const drained = { "twopir:pis": [pi("pi1"), pi("pi2", { drained: true })] };
    await cluster.configure({ ...BASE, ...drained });
    succeeded(await cluster.up());
    await cluster.configure({ ...BASE, ...drained, "twopir:updates": "off" });
    succeeded(await cluster.up());
    await cluster.configure({ ...BASE, "twopir:updates": "off" });
    succeeded(await cluster.up());
    expect(await removeLeft("pi2")).toContain("in pi2-updates pi2-updates-package;");
    await nothingToDo(cluster);
    await cluster.configure(BASE);
    succeeded(await cluster.up());
    await nothingToDo(cluster);
  });

  it("of a third Pi: it comes unnoticed, and leaves by the way that the refusal names", async () => {
    const three = { "twopir:pis": [...PIS, "pi3"].map((name) => pi(name)) };
    const all = [...Object.values(FLOATING), floatingAddress("pi3")];
    await lab("on", "pi3");
    await cluster.configure({ ...BASE, ...three, "twopir:floatingAddresses": all });
    rows.push(["a third Pi in `pis`, and its floating address", planned(await cluster.preview())]);
    await upUnnoticed();
    await nothingToDo(cluster);
    expect((await addresses()).sort()).toEqual(all);
    await cluster.configure(BASE);
    const refused = await cluster.up();
    const said = `pi3 has the floating address ${floatingAddress("pi3")}, and would take the others' too while it leaves`;
    rows.push(["that Pi and its address out again", cell(["refused", said])]);
    expect(refused.said).toContain(said);
    expect(refused.changed).toEqual({});
    for (const settings of [
      { ...three, "twopir:floatingAddresses": [] },
      { ...BASE, "twopir:floatingAddresses": [] },
      BASE,
    ]) {
      await cluster.configure(settings);
      await upUnnoticed([]);
      await nothingToDo(cluster);
    }
    await eachHoldsItsOwn();
    expect((await addresses()).sort()).toEqual(Object.values(FLOATING));
    await lab("off", "pi3");
  });

  it.each(REFUSED)("is refused before anything is changed: $what", async ({ what, settings, said }) => {
    await cluster.configure({ ...BASE, ...settings });
    const preview = await cluster.preview();
    expect(preview.said).toContain(said);
    rows.push([what, cell(["refused", said])]);
    const up = await cluster.up();
    expect(up.failed).toBe(true);
    expect(up.changed).toEqual({});
    await cluster.configure(BASE);
    await nothingToDo(cluster);
  });
});

/** One more key that logs in. */
async function letIn(): Promise<void> {
  spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", OTHER_KEY]);
  const key = readFileSync(`${OTHER_KEY}.pub`, "utf8").trim();
  for (const name of PIS) await inside(name, `echo '${key}' >>/home/pi/.ssh/authorized_keys`);
}
