import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PI } from "../../operator/program";
import type { State } from "../../remote/state";
import { canIsolate, Host, state, type Run } from "./host";
import {
  address,
  attributeStandIns,
  BRICK,
  brick,
  glusterdKnows,
  glusterStandIn,
  healInfo,
  ID,
  name,
  setAttribute,
  told,
  uuid,
  type Peer,
  type Pool,
} from "./pool";

const peer = (n: number, ...names: readonly string[]): Peer => ({
  uuid: uuid(n),
  names: names.length > 0 ? names : [address(n)],
});
const TWO: Pool = { uuid: uuid(1), peers: [peer(2)], volume: { id: ID, bricks: [brick(1), brick(2)] } };
const volume = (more: object): Pool => ({
  ...TWO,
  volume: { id: ID, bricks: [brick(1), brick(2)], ...more },
});

const DROP_IN = "/etc/systemd/system/glusterd.service.d/twopir.conf";
/** What a state waits for, in seconds. */
const WAITS = /\w*(?:patience|wait)/;
/** Prints the pid of a process that a signal has stopped; it ends with the run that it is part of. */
const STOPPED =
  "bash -c 'exec >/dev/null 2>&1; kill -STOP $$' & until grep -q ^State:.T /proc/$!/status; do :; done; echo $!";

describe.skipIf(!canIsolate)("what is asked of gluster", () => {
  let host: Host;

  beforeEach(() => {
    host = new Host();
    glusterStandIn(host);
    // As getent says it, of a name that Debian's installer gave the Pi itself, too.
    host.command(
      "getent",
      `case $2 in
  pi1) echo "127.0.1.1       STREAM pi1" ;;
  192.*) echo "$2   STREAM" ;;
  pi2.lan) printf '${address(2)}   %s\\n' "STREAM pi2.lan" DGRAM RAW ;;
  moved.lan) echo "192.168.0.200   STREAM moved.lan" ;;
  *) exit 2 ;;
esac`,
    );
    glusterdKnows(host, TWO);
  });
  afterEach(() => host.remove());

  /** What functions of gluster.sh and gate.sh print. */
  async function says(text: string, parameters: State["parameters"] = {}): Promise<string> {
    const one = host.script(`use gate\nwant() { ${text}; }`, {
      volume: "gv0",
      brick: BRICK,
      accept: "",
      ...parameters,
    });
    const { status, output } = await host.run("check", one);
    expect(status, output).toBe(0);
    return output;
  }

  describe("the volume", () => {
    it("has its bricks under UUID, name and kind", async () => {
      const named = brick(2, { name: `pi2.lan:${BRICK}` });
      glusterdKnows(host, volume({ bricks: [brick(1), named, brick(3, { arbiter: true })] }));
      expect(
        await says(
          "volume_bricks; volume_arbiter; volume_copies; brick_name ${uuid}".replace("${uuid}", uuid(2)),
        ),
      ).toBe(
        [
          `${uuid(1)} ${address(1)}:${BRICK} data`,
          `${uuid(2)} pi2.lan:${BRICK} data`,
          `${uuid(3)} ${address(3)}:${BRICK} arbiter`,
          uuid(3),
          uuid(1),
          uuid(2),
          `pi2.lan:${BRICK}`,
          "",
        ].join("\n"),
      );
    });

    it("is asked for without geo-replication, by a Python that ends at once and leaves nothing", async () => {
      host.command("gluster", "python3 -c 'print(1)' >>/run/python; echo ended >>/run/python");
      const asked = host.script("use gluster\nwant() { gluster_says peer status; }", { volume: "gv0" });
      expect((await host.run("apply", asked)).status).toBe(0);
      expect(host.read("/run/python")).toBe("ended\n");
      expect(readdirSync(join(PI, "library/no-geo-replication"))).toEqual(["encodings.py"]);
    });

    it.each([
      [
        "volume set: failed: Another transaction is in progress for gv0. Please try again after some time.",
        true,
      ],
      ["volume set: failed: Locking failed on 192.168.0.122. Please check log file for details.", true],
      ["volume set: failed: Staging failed on 192.168.0.122. Error: Error, Validation Failed", true], // for a second or two
      ["volume set: failed: Staging failed on 192.168.0.122. Error: Volume gv0 does not exist", false],
      ["volume set: failed: option : network.ping-timeoutt does not exist", false],
    ])("is told once more after %j: %s", async (refusal, again) => {
      host.command(
        "gluster",
        `[ ! -e /run/refused ] || { echo "volume set: success" && exit; }; touch /run/refused; echo "${refusal}"; exit 1`,
      );
      host.command("sleep", "");
      const answer = await says("gluster_tell volume set gv0 network.ping-timeout 10 || echo refused");
      expect(answer).toBe(again ? "volume set: success\n" : `${refusal}\nrefused\n`);
    });

    it("has a status, a type, an id and options, each by its whole name", async () => {
      const options = { "user.twopir-before.auth.allow": "10.0.0.1,*", "user.twopir": "made" };
      glusterdKnows(host, volume({ status: "Stopped", options }));
      expect(
        await says(
          'volume_status; field typeStr "$(volume_xml)"; field id "$(volume_xml)"; volume_option user.twopir; ' +
            "volume_option user.twopir-before.auth.allow; volume_option auth.allow; volume_option twopir",
        ),
      ).toBe(`Stopped\nReplicate\n${ID}\nmade\n10.0.0.1,*\n`);
    });

    it("is none where glusterd knows none, or does not answer", async () => {
      const all = "volume_xml; volume_bricks; volume_status; volume_option user.twopir; peers; brick_name ''";
      glusterdKnows(host, { uuid: uuid(1) });
      expect(await says(all)).toBe("");
      expect(await says("my_uuid")).toBe(`${uuid(1)}\n`);
      rmSync(host.at("/run/pool/here"), { recursive: true });
      expect(await says(all)).toBe("");
    });

    it("is served by those bricks that run, whatever else stands in the list", async () => {
      const bricks = [brick(1), brick(2, { pid: undefined, port: undefined }), brick(3, { port: undefined })];
      const served = "gluster_xml volume status gv0 | serving_in";
      glusterdKnows(host, { ...volume({ bricks }), peers: [peer(2), peer(3)] });
      expect(await says(served)).toBe(`${uuid(1)} 1001\n${uuid(3)} 1003\n`);
      glusterdKnows(host, { ...volume({ bricks }), peers: [peer(2), { ...peer(3), connected: false }] });
      expect(await says(served)).toBe(`${uuid(1)} 1001\n`);
    });

    it("has the id that is on the folder, in the same letters", async () => {
      expect(await says("mark")).toBe("");
      mkdirSync(host.at(BRICK), { recursive: true });
      writeFileSync(host.at("/run/mark"), Buffer.from(ID.replaceAll("-", ""), "hex"));
      host.command("getfattr", "cat /run/mark");
      expect(await says("mark")).toBe(`${ID}\n`);
    });
  });

  describe("the peers", () => {
    it("have a UUID, a state, a connection and all their names", async () => {
      glusterdKnows(host, {
        ...TWO,
        peers: [peer(2, "pi2.lan", address(2)), { ...peer(3), connected: false, state: 6 }],
      });
      expect((await says("peers")).replaceAll(/ +/g, " ")).toBe(
        `${uuid(2)} 3 1 pi2.lan ${address(2)} \n${uuid(3)} 6 0 ${address(3)} \n`,
      );
      glusterdKnows(host, { ...TWO, peers: [] });
      expect(await says("peers")).toBe("");
    });

    it.each([
      [address(2), 2, true],
      [address(3), 2, false],
      ["192.168.0.1", 2, false],
      ["pi2.lan", 2, true],
      ["pi2.lan", 3, false],
      ["pi1", 1, true],
      ["pi1", 2, false],
      ["nowhere.lan", 2, false],
    ])("%s is a name of the Pi at .12%i: %s", async (name, n, is) => {
      expect(await says(`if is_at ${name} ${address(n)}; then echo yes; else echo no; fi`)).toBe(
        is ? "yes\n" : "no\n",
      );
    });

    const of = (n: number): Promise<string> => says(`uuid_of ${address(n)}`);

    it("are found by an address, by a name, and this Pi by its own address", async () => {
      glusterdKnows(host, { ...TWO, peers: [peer(3, "nowhere.lan"), peer(2, "pi1.lan", "pi2.lan")] });
      expect(await of(1)).toBe(`${uuid(1)}\n`);
      expect(await of(2)).toBe(`${uuid(2)}\n`);
      expect(await of(3)).toBe(""); // no name leads there, and nobody answers
    });

    it("are found by what glusterd there calls itself, if the pool has it, where no name leads there", async () => {
      glusterdKnows(host, { ...TWO, peers: [peer(3, "nowhere.lan")] });
      glusterdKnows(host, { uuid: uuid(3), peers: [peer(1)] }, address(3));
      expect(await of(3)).toBe(`${uuid(3)}\n`);
      glusterdKnows(host, { uuid: uuid(7), peers: [peer(1)] }, address(3));
      expect(await of(3)).toBe("");
    });

    it("are told apart by whole addresses", async () => {
      glusterdKnows(host, { ...TWO, peers: [peer(2, "192.168.0.12")] });
      expect(await of(2)).toBe("");
      expect(await says("own 192.168.0.12 || echo no")).toBe("no\n");
    });
  });

  describe("a volume that was there before", () => {
    const made = (parameters: State["parameters"] = {}): State => ({
      ...state("volume", {
        volume: "gv0",
        brick: BRICK,
        accept: "",
        copies: [address(1), address(2)],
        arbiter: "",
        idle: [],
        drained: [],
        ...parameters,
      }),
    });
    const refusal = async (parameters?: State["parameters"]): Promise<string> => {
      const { status, changes, output } = await host.check(made(parameters));
      expect({ status, changes }).toEqual({ status: 0, changes: [] });
      expect(output).toMatch(/^refuse: volume gv0 was there before, .* Nothing was changed\./);
      const applied = await host.run("apply", made(parameters));
      expect(applied.status).toBe(65);
      expect(applied.output).toBe(output.replace("refuse: ", "pi1: pi1-x: "));
      expect(told(host)).toEqual([]);
      return output;
    };

    it("is taken over under the names that it has, and its origin noted", async () => {
      glusterdKnows(host, {
        ...volume({ bricks: [brick(1, { name: `pi1:${BRICK}` }), brick(2, { name: `pi2.lan:${BRICK}` })] }),
        peers: [peer(2, "pi2.lan")],
      });
      const why = ["volume gv0 was there before: it is taken over as it is"];
      expect((await host.check(made())).changes).toEqual(why);
      expect(await host.run("apply", made())).toMatchObject({ status: 0, changes: why });
      expect(told(host)).toContain("volume set gv0 user.twopir adopted");
      expect(told(host).filter((line) => /brick|create/.test(line))).toEqual([]);
    });

    it("is no volume of a Pi that is to store nothing: whoever had a brick goes on having it, and is refused", async () => {
      glusterdKnows(host, volume({ options: { "user.twopir": "made" } }));
      const idle = made({ copies: [address(1)], idle: [address(2)] });
      expect((await host.check(idle)).output).toMatch(
        new RegExp(
          `^refuse: the Pi at ${address(2)} has a brick of volume gv0, .*take the Pi out of twopir:pis`,
        ),
      );
      expect((await host.run("apply", idle)).status).toBe(65);
      expect(told(host)).toEqual([]);
      expect((await host.check(made({ idle: [address(3)] }))).output).toBe("");
    });

    it("has no brick that becomes an arbiter, or a full copy, where it is: that is refused before anything", async () => {
      const why = (n: number, what: string): RegExp =>
        new RegExp(`^refuse: the brick of ${address(n)} cannot become ${what} where it is: take its Pi out`);
      const options = { "user.twopir": "made" };
      const peers = [peer(2), peer(3)];
      glusterdKnows(host, { ...volume({ bricks: [1, 2, 3].map((n) => brick(n)), options }), peers });
      const arbiter = made({ arbiter: address(3) });
      expect((await host.check(arbiter)).output).toMatch(why(3, "an arbiter"));
      expect((await host.run("apply", arbiter)).status).toBe(65);
      const bricks = [brick(1), brick(2), brick(3, { arbiter: true })];
      glusterdKnows(host, { ...volume({ bricks, options }), peers });
      const copies = made({ copies: [1, 2, 3].map(address) });
      expect((await host.check(copies)).output).toMatch(why(3, "a full copy"));
      expect(told(host)).toEqual([]);
    });

    it("has a brick that somebody has added, and that nobody looks after: that is named, and stays", async () => {
      const options = { "user.twopir": "made" };
      const bricks = [1, 2, 3].map((n) => brick(n));
      glusterdKnows(host, { ...volume({ bricks, options }), peers: [peer(2), peer(3)] });
      const why = `volume gv0 has the brick ${address(3)}:${BRICK}, on a Pi that twopir:pis does not list`;
      expect((await host.check(made())).output).toContain(`note: ${why}`);
      expect(await host.run("apply", made())).toMatchObject({ status: 0 });
      expect(told(host)).toEqual([]);
      expect((await host.check(made({ copies: [1, 2, 3].map(address) }))).output).toBe("");
    });

    it("lacks no copy of a Pi that is drained, but of one that has come anew", async () => {
      glusterdKnows(host, volume({ options: { "user.twopir": "made" } }));
      const more = { copies: [1, 2, 3].map(address) };
      expect((await host.check(made(more))).changes).toEqual([`volume gv0 lacks the copy of ${address(3)}`]);
      expect((await host.check(made({ ...more, drained: [address(3)] }))).changes).toEqual([]);
    });

    it("is ours where gluster came with us, and asked nothing once it is noted", async () => {
      host.write("/var/lib/twopir/packages-pi1-gluster-package", "glusterfs-client\nglusterfs-server\n");
      expect((await host.check(made())).changes).toEqual(["volume gv0 does not say who made it"]);
      expect((await host.run("apply", made())).status).toBe(0);
      expect(told(host)).toEqual(["volume set gv0 user.twopir made"]);
      glusterdKnows(host, volume({ type: "Distribute", options: { "user.twopir": "made" } }));
      expect(await host.check(made())).toEqual({ status: 0, changes: [], output: "" });
    });

    it("notes whose copy counts by the user's word, for what is removed later", async () => {
      glusterdKnows(host, volume({ options: { "user.twopir": "made" } }));
      const word = made({ accept: address(2) });
      expect((await host.check(word)).changes).toEqual([`twopir:volume.acceptCopy is ${address(2)} now`]);
      await host.run("apply", word);
      expect(host.read("/var/lib/twopir/accept-copy")).toBe(`${address(2)}\n`);
      expect((await host.check(word)).changes).toEqual([]);
      expect((await host.check(made())).changes).toHaveLength(1);
      await host.run("apply", made());
      expect((await host.check(made())).changes).toEqual([]);
    });

    it("is refused where it is of another type", async () => {
      glusterdKnows(host, volume({ type: "Distributed-Replicate" }));
      expect(await refusal()).toContain("its type is Distributed-Replicate, not Replicate");
    });

    it("is refused where a Pi of the config has no copy of it, a known one or one that nobody knows", async () => {
      glusterdKnows(host, { ...TWO, peers: [peer(2), peer(3)] });
      for (const n of [3, 4])
        expect(await refusal({ copies: [address(1), address(2), address(n)] })).toContain(
          `has no copy on ${address(n)}: its bricks are ${address(1)}:${BRICK} ${address(2)}:${BRICK}`,
        );
    });

    it("is refused where it has a copy on a host that the config does not list", async () => {
      glusterdKnows(host, {
        ...volume({ bricks: [brick(1), brick(2), brick(3)] }),
        peers: [peer(2), peer(3)],
      });
      expect(await refusal()).toContain(
        `its brick ${address(3)}:${BRICK} is on a host that twopir:pis does not list`,
      );
    });

    it("is refused where its bricks are in another folder", async () => {
      glusterdKnows(host, volume({ bricks: [brick(1), brick(2, { name: `${address(2)}:/srv/b` })] }));
      expect(await refusal()).toContain(
        `its brick is ${address(2)}:/srv/b: set twopir:volume.brick to /srv/b`,
      );
    });

    it("is refused where it has another arbiter than the config, or none", async () => {
      const three = {
        ...volume({ bricks: [brick(1), brick(2), brick(3, { arbiter: true })] }),
        peers: [peer(2), peer(3)],
      };
      glusterdKnows(host, three);
      expect(await refusal({ copies: [1, 2, 3].map(address) })).toContain(
        `${address(3)}:${BRICK} is its arbiter`,
      );
      expect(await refusal({ copies: [address(1), address(3)], arbiter: address(2) })).toContain(
        "is its arbiter",
      );
      expect((await host.check(made({ arbiter: address(3) }))).changes).toHaveLength(1);
      glusterdKnows(host, { ...volume({ bricks: [brick(1), brick(2), brick(3)] }), peers: three.peers });
      expect(await refusal({ arbiter: address(3) })).toContain(
        `has no arbiter, but a full copy on ${address(3)}`,
      );
    });

    it("stays, where it is taken back", async () => {
      glusterdKnows(host, volume({ status: "Stopped", options: { "user.twopir": "adopted" } }));
      expect((await host.run("remove", made())).output).toContain("volume gv0 was there before, and stays");
      expect(told(host)).toEqual(["volume set gv0 user.twopir left"]);
      glusterdKnows(host, volume({ status: "Stopped", options: { "user.twopir": "made" } }));
      expect((await host.run("remove", made())).status).toBe(0);
      expect(told(host).at(-1)).toBe("volume delete gv0");
    });

    const started = (): State => ({
      ...state("volume-started", { volume: "gv0", brick: BRICK, accept: "" }),
    });

    it("goes on, where it is taken back", async () => {
      glusterdKnows(host, volume({ options: { "user.twopir": "adopted" } }));
      expect((await host.run("remove", started())).status).toBe(0);
      expect(told(host)).toEqual([]);
    });
  });

  describe("its options", () => {
    const KEY = "network.ping-timeout";
    const adopted = (noted = ""): Readonly<Record<string, string>> => ({ "user.twopir": `adopted${noted}` });
    const options = (): State => ({
      ...state("volume-options", { volume: "gv0", options: [`${KEY}=10`], defaults: [] }),
    });
    const has = (have: Readonly<Record<string, string>>): void =>
      glusterdKnows(host, volume({ options: have }));

    it.each([
      ["had another value", { [KEY]: "42" }, "42", `${KEY} of gv0 is 42 instead of 10`],
      ["had none", {}, "not-set", `${KEY} of gv0 is not set instead of 10`],
    ])(
      "are noted before they are set where a volume that was there before %s",
      async (_, had, former, why) => {
        has({ ...adopted(" auth.allow=*"), ...had });
        expect((await host.check(options())).changes).toEqual([why]);
        expect((await host.run("apply", options())).status).toBe(0);
        expect(told(host)).toEqual([
          `volume set gv0 user.twopir adopted auth.allow=* ${KEY}=${former}`,
          `volume set gv0 ${KEY} 10`,
        ]);
      },
    );

    it("are noted once", async () => {
      has({ ...adopted(` ${KEY}=42`), [KEY]: "11" });
      expect((await host.run("apply", options())).status).toBe(0);
      expect(told(host)).toEqual([`volume set gv0 ${KEY} 10`]);
    });

    it("are put back, or reset where there were none", async () => {
      has({ ...adopted(` ${KEY}=42`), [KEY]: "10" });
      expect((await host.run("remove", options())).status).toBe(0);
      expect(told(host)).toEqual([`volume set gv0 ${KEY} 42`]);
      has({ ...adopted(` ${KEY}=not-set`), [KEY]: "10" });
      expect((await host.run("remove", options())).status).toBe(0);
      expect(told(host).slice(1)).toEqual([`volume reset gv0 ${KEY}`]);
    });

    it("are gluster's own where another value would break the cluster, and come back with the volume's former owner", async () => {
      const defaults = ["cluster.server-quorum-type=none", "auth.reject=no address"];
      const both = state("volume-options", { volume: "gv0", options: [], defaults });
      has(adopted());
      expect((await host.check(both)).changes).toEqual([]);
      has({ ...adopted(), "cluster.server-quorum-type": "none" });
      expect((await host.check(both)).changes).toEqual([]);
      has({ ...adopted(), "cluster.server-quorum-type": "server", "auth.reject": "192.168.0.9" });
      expect((await host.check(both)).changes).toEqual([
        "cluster.server-quorum-type of gv0 is server instead of none",
        "auth.reject of gv0 is 192.168.0.9 instead of no address",
      ]);
      await host.run(
        "apply",
        state("volume-options", { volume: "gv0", options: [], defaults: defaults.slice(0, 1) }),
      );
      expect(told(host)).toEqual([
        "volume set gv0 user.twopir adopted cluster.server-quorum-type=server",
        "volume reset gv0 cluster.server-quorum-type",
      ]);
      has(adopted(" cluster.server-quorum-type=server"));
      expect((await host.run("remove", both)).status).toBe(0);
      expect(told(host).slice(2)).toEqual(["volume set gv0 cluster.server-quorum-type server"]);
    });

    it("leave it to most of three until one of them has left, and then to each of two", async () => {
      const none = state("volume-options", {
        volume: "gv0",
        options: ["cluster.quorum-type=none"],
        defaults: [],
      });
      const auto = { "user.twopir": "made", "cluster.quorum-type": "auto" };
      glusterdKnows(host, volume({ options: auto, bricks: [brick(1), brick(2), brick(3)] }));
      expect((await host.check(none)).changes).toEqual([]);
      glusterdKnows(host, volume({ options: auto }));
      const why = ["cluster.quorum-type of gv0 is auto instead of none"];
      expect((await host.check(none)).changes).toEqual(why);
      // A third one is listed, and not there yet.
      const three = state("volume-options", {
        volume: "gv0",
        options: ["cluster.quorum-type=auto"],
        defaults: [],
      });
      expect((await host.check(three)).changes).toEqual(why);
      glusterdKnows(host, volume({ options: auto, bricks: [brick(1), brick(2), brick(3)] }));
      expect((await host.check(three)).changes).toEqual([]);
    });

    it("have everything compared where heals were switched off, since what began meanwhile was not", async () => {
      const HEALS = "cluster.self-heal-daemon";
      const on = state("volume-options", { volume: "gv0", options: [`${HEALS}=on`], defaults: [] });
      has({ "user.twopir": "made", [HEALS]: "off" });
      glusterdKnows(host, volume({ options: { "user.twopir": "made", [HEALS]: "on" } }), "../after");
      host.write("/run/then-told", "cp -r /run/after/. /run/pool/here");
      const { status, changes, output } = await host.run("apply", on);
      expect(changes).toEqual([`${HEALS} of gv0 is off instead of on`]);
      expect(status, output).toBe(0);
      expect(told(host)).toEqual([`volume set gv0 ${HEALS} on`, "volume heal gv0 full"]);
    });

    it("are not put back where nothing was noted, or in a volume of our own", async () => {
      has({ ...adopted(), [KEY]: "10" });
      expect((await host.run("remove", options())).status).toBe(0);
      has({ "user.twopir": "made", [KEY]: "10" });
      expect((await host.run("remove", options())).status).toBe(0);
      expect(told(host)).toEqual([]);
      has({ "user.twopir": "made", [KEY]: "42" });
      expect((await host.run("apply", options())).status).toBe(0);
      expect(told(host)).toEqual([`volume set gv0 ${KEY} 10`]);
    });
  });

  describe("the brick's folder", () => {
    const folder = (): State => ({
      ...state("brick", {
        volume: "gv0",
        brick: BRICK,
        accept: "",
        address: address(1),
        others: [address(2)],
      }),
    });
    const marked = (id: string): void => {
      mkdirSync(host.at(`${BRICK}/.glusterfs/indices`), { recursive: true });
      writeFileSync(host.at("/run/mark"), Buffer.from(id.replaceAll("-", ""), "hex"));
      host.command("getfattr", "cat /run/mark");
    };
    const NOTE = `the file system of ${BRICK} is not noted`;
    const check = async (): Promise<Run> => host.check(folder());
    const alone = (): void => rmSync(host.at("/run/pool/here"), { recursive: true });

    beforeEach(() => {
      host.command("findmnt", "echo / 1234-ABCD /dev/mmcblk0p2");
      host.command("ss", "echo 'LISTEN 0 1024 0.0.0.0:49151 0.0.0.0:*'");
    });

    it("is as it should be", async () => {
      marked(ID);
      expect((await check()).changes).toEqual([NOTE]);
    });

    it.each<[string, () => void, string]>([
      ["is missing", () => undefined, `${BRICK} is missing`],
      [
        "has no mark",
        () => mkdirSync(host.at(BRICK), { recursive: true }),
        `${BRICK} does not carry a volume's mark`,
      ],
      [
        "has lost gluster's own files",
        () => {
          marked(ID);
          rmSync(host.at(`${BRICK}/.glusterfs`), { recursive: true });
        },
        `${BRICK} has no .glusterfs/indices`,
      ],
    ])("is to be refilled where it %s", async (_, lose, why) => {
      lose();
      expect((await check()).changes).toEqual([`this Pi's copy of volume gv0 is lost: ${why}`, NOTE]);
    });

    it("has no port at which nobody serves it, from before it was taken out", async () => {
      const left = "glusterd tells clients the port of a former brick, where they would wait for ever";
      mkdirSync(host.at(BRICK), { recursive: true });
      glusterdKnows(host, volume({ bricks: [brick(2)] }));
      expect((await check()).changes).not.toContain(left);
      host.command("ss", "");
      expect((await check()).changes).toContain(left);
      host.delete("/run/pool/here/port");
      expect((await check()).changes).not.toContain(left);
    });

    it("leaves no note when it is taken back, which nobody would keep any more", async () => {
      marked(ID);
      host.command("setfattr", 'echo "setfattr $*" >>/run/told');
      expect((await host.run("remove", folder())).status).toBe(0);
      for (const note of ["full", "alone"])
        expect(told(host)).toContain(`setfattr -x trusted.afr.twopir-${note} ${BRICK}`);
    });

    it("needs nothing of gluster's own as long as its volume was never started", async () => {
      marked(ID);
      rmSync(host.at(`${BRICK}/.glusterfs`), { recursive: true });
      glusterdKnows(host, volume({ status: "Created" }));
      expect((await check()).changes).toEqual([NOTE]);
    });

    it("is let alone where it is a copy of another volume", async () => {
      marked(uuid(9));
      expect(await check()).toMatchObject({ status: 65, changes: [] });
      expect((await check()).output).toContain(`${BRICK} is a copy of another volume (${uuid(9)})`);
    });

    it("is refused where it is a copy of a volume that no Pi knows", async () => {
      glusterdKnows(host, { uuid: uuid(1) });
      marked(ID);
      expect((await check()).output).toMatch(
        `refuse: ${BRICK} on pi1 is a copy of a volume that no Pi knows (${ID})`,
      );
      expect((await host.run("apply", folder())).status).toBe(65);
      expect(existsSync(host.at(`${BRICK}/.glusterfs`))).toBe(true);
    });

    describe("with the mark of a volume that gluster began to make and did not", () => {
      const begun = `${BRICK} has the mark of a volume whose creation was never finished (${ID})`;
      const served = `${BRICK}/.glusterfs/health_check`;

      beforeEach(async () => {
        glusterdKnows(host, { uuid: uuid(1), peers: [peer(2)] });
        glusterdKnows(host, { uuid: uuid(2) }, address(2));
        host.command("getfattr", "exit 1");
        host.command("pgrep", "[ ! -e /run/old ] || cat /run/old");
        host.write(served, "before");
        expect((await host.run("apply", folder())).status).toBe(0);
        marked(ID);
        rmSync(host.at(`${BRICK}/.glusterfs/indices`), { recursive: true });
        host.command(
          "getfattr",
          'case "$*" in *volume-id*) [ ! -e /run/mark ] || cat /run/mark ;; *) exit 1 ;; esac',
        );
        host.command("setfattr", "rm /run/mark");
      });

      it("loses it", async () => {
        expect((await check()).changes).toEqual([begun]);
        expect((await host.run("apply", folder())).status).toBe(0);
        expect((await check()).changes).toEqual([]);
      });

      it.each<[string, () => void]>([
        ["a process has served it since", () => host.write(served, "after")],
        ["a process has begun to", () => mkdirSync(host.at(`${BRICK}/.glusterfs/indices`))],
        ["one runs now", () => host.write("/run/old", `4711 glusterfsd --brick-name ${BRICK} -l x\n`)],
        ["another Pi knows the volume", () => glusterdKnows(host, volume({}), address(2))],
        ["another Pi does not answer", () => rmSync(host.at(`/run/pool/${address(2)}`), { recursive: true })],
        [
          "glusterd had it, before its files were given back",
          () => host.write("/var/lib/twopir/glusterd-1/vols/gv0/info", `volume-id=${ID}\n`),
        ],
      ])("keeps it where %s", async (_, happens) => {
        happens();
        expect((await check()).changes).not.toContain(begun);
        await host.run("apply", folder());
        expect(existsSync(host.at("/run/mark"))).toBe(true);
      });
    });

    it("is not refused because glusterd runs on no Pi", async () => {
      alone();
      marked(ID);
      host.write("/var/lib/glusterd/vols/gv0/info", "type=2\n");
      expect(await check()).toMatchObject({
        status: 0,
        changes: ["not yet: glusterd does not report volume gv0", NOTE],
      });
      expect((await check()).output).not.toContain("refuse");
      host.command("systemctl", "exit 3");
      expect((await host.run("apply", folder())).output).toContain("glusterd does not answer");
    });

    it("waits for glusterd where the other Pis' volume counts on this one", async () => {
      alone();
      host.delete("/var/lib/glusterd/glusterd.info");
      marked(ID);
      glusterdKnows(host, { ...TWO, uuid: uuid(2), peers: [peer(1)] }, address(2));
      expect((await check()).changes).toEqual([
        "not yet: glusterd is not the one that the volume counts on",
        NOTE,
      ]);
      host.write("/var/lib/glusterd/glusterd.info", `UUID=${uuid(1)}\noperating-version=100000\n`);
      expect((await check()).changes).toEqual([NOTE]);
    });

    it("is set aside where the volume goes on without it", async () => {
      glusterdKnows(host, { uuid: uuid(1) });
      marked(ID);
      glusterdKnows(host, volume({ bricks: [brick(2), brick(3)] }), address(2));
      expect((await check()).changes).toEqual([
        `${BRICK} is an old copy: the volume goes on without it`,
        NOTE,
      ]);
    });

    it("is set aside where the volume is stopped, too, which is started before: nothing is proven of it else", async () => {
      const stopped = volume({ status: "Stopped", bricks: [brick(2), brick(3)] });
      glusterdKnows(host, { ...stopped, uuid: uuid(1), peers: [peer(2)] });
      glusterdKnows(host, stopped, address(2));
      marked(ID);
      const status = `/run/pool/${address(2)}/status`;
      renameSync(host.at(status), host.at("/run/served"));
      host.write(status, "");
      host.write("/run/then-told", `cp /run/served ${status}`);
      const { output } = await host.run("apply", folder());
      expect(told(host)[0]).toBe("volume start gv0");
      expect(output).toMatch(/the old copy lies in/);
    });

    it("is set aside where it has something, and the volume is filled from other Pis", async () => {
      glusterdKnows(host, { uuid: uuid(1), peers: [peer(2)] });
      host.write(`${BRICK}/mine`, "kept");
      host.command("getfattr", "exit 1");
      // As long as there is no volume.
      expect((await check()).changes).toEqual([`it is not noted when ${BRICK} was served last`, NOTE]);
      glusterdKnows(host, volume({ bricks: [brick(2), brick(3)] }), address(2));
      const why = `${BRICK} is not empty, and is to become a copy of volume gv0`;
      expect((await check()).changes).toEqual([why, NOTE]);
      const { status, output } = await host.run("apply", folder());
      expect(status, output).toBe(0);
      expect(host.list(BRICK)).toEqual([]);
      const aside = /the old copy lies in (\S+) on pi1/.exec(output)?.[1] ?? "";
      expect(host.read(`${aside}/mine`)).toBe("kept");
    });

    it("is made anew where it lies on another disk than before, which may be an old one", async () => {
      marked(ID);
      host.command("findmnt", "echo /mnt/brick 1234-ABCD /dev/sda1");
      host.command("systemctl", '[ "$1" != show ] || echo local-fs.target');
      await host.run("apply", folder());
      expect(told(host)).toEqual([]);
      host.command("findmnt", "echo /mnt/brick 9999-EEEE /dev/sdb1");
      expect((await check()).changes).toEqual([
        `${BRICK} lies on another file system than before (1234-ABCD), so this copy is made anew`,
      ]);
      // Where no other copy is shown to be full, nothing is taken away.
      host.hurry(WAITS);
      const { status, output } = await host.run("apply", folder());
      expect(status).toBe(65);
      expect(output).toContain("no other copy is known to be full");
      expect(told(host)).toEqual([]);
      expect(host.read("/var/lib/twopir/file-system-pi1-x")).toBe("1234-ABCD\n");
    });

    it("is made anew from the copy that the user's word is for, where the two are known to differ", async () => {
      const differs = (accept: string): Promise<Run> =>
        host.run("check", { ...folder(), parameters: { ...folder().parameters, accept } });
      attributeStandIns(host);
      host.command("glusterfs", `while [ "$1" != -f ]; do shift; done; mount -n --bind ${BRICK} "$3"`);
      mkdirSync(host.at(`${BRICK}/.glusterfs/indices`), { recursive: true });
      setAttribute(host, BRICK, "trusted.glusterfs.volume-id", Buffer.from(ID.replaceAll("-", ""), "hex"));
      const noted = (other: number): void =>
        setAttribute(
          host,
          BRICK,
          "trusted.afr.twopir-differs",
          `49151 ${uuid(other)} ${(49150 + other).toString()} /www/a`,
        );
      noted(2);
      expect((await differs("")).changes).toEqual([NOTE]);
      expect((await differs(address(1))).changes).toEqual([NOTE]);
      expect((await differs(address(2))).changes).toEqual([
        `this copy and the one at ${address(2)} differ, and that one counts as full, by twopir:volume.acceptCopy`,
        NOTE,
      ]);
      noted(3);
      expect((await differs(address(2))).changes).toEqual([NOTE]);
    });

    it("is noted to lie where it lies as long as the volume has no brick here", async () => {
      glusterdKnows(host, { uuid: uuid(1), peers: [peer(2)] });
      host.command("getfattr", "exit 1");
      mkdirSync(host.at(BRICK), { recursive: true });
      host.write("/var/lib/twopir/file-system-pi1-x", "the card\n");
      host.command("findmnt", "echo /mnt/brick 9999-EEEE /dev/sdb1");
      expect((await check()).changes).toContain(NOTE);
    });

    it("is refused where the config has another path than the volume", async () => {
      const elsewhere = { ...brick(1), name: `${address(1)}:/srv/gv0` };
      glusterdKnows(host, volume({ bricks: [elsewhere, brick(2)] }));
      expect((await check()).output).toContain(
        "refuse: the copy of volume gv0 on pi1 lies in /srv/gv0, where gluster keeps it: set twopir:volume.brick to that",
      );
      expect(await host.run("apply", folder())).toMatchObject({ status: 65 });
      expect(told(host)).toEqual([]);
    });

    it("lies on a disk that is mounted at boot, and before glusterd starts", async () => {
      marked(ID);
      await host.run("apply", folder());
      host.write("/var/lib/twopir/file-system-pi1-x", "1234-ABCD\n");
      host.command("findmnt", "echo /mnt/brick 1234-ABCD /dev/sda1");
      host.command(
        "systemctl",
        '[ "$*" != "show -P WantedBy -P RequiredBy -P TriggeredBy mnt-brick.mount" ] || cat /run/wanted',
      );
      host.write("/run/wanted", "\n\n\n");
      const order = "glusterd does not wait for /mnt/brick at boot";
      const missing = "/mnt/brick is not mounted at boot, and this copy would be missing after a boot";
      expect((await check()).changes).toEqual([missing, order]);
      expect((await host.run("apply", folder())).output).toContain(
        "give /mnt/brick a line in /etc/fstab on pi1",
      );
      expect((await check()).changes).toEqual([missing]);
      host.write("/run/wanted", "\nlocal-fs.target\n\n");
      expect((await check()).changes).toEqual([]);
      expect(host.read("/etc/systemd/system/glusterd.service.d/twopir-brick.conf")).toContain(
        "After=mnt-brick.mount",
      );
      await host.run("remove", folder());
      expect(host.list("etc/systemd/system/glusterd.service.d")).toEqual([]);
    });

    it.each([
      ['UUID="1234-ABCD" /mnt/brick ext4 nofail', true],
      ["UUID=9999-EEEE /mnt/other ext4 nofail", true],
      ["#UUID=9999-EEEE /mnt/brick ext4 nofail", true],
      ["/root/unplugged /mnt/brick ext4 loop,nofail", true],
      ["PARTLABEL=data /mnt/brick ext4 nofail", true], // of a disk that has none that is known
      ["LABEL=data /mnt/brick ext4 nofail", true],
      ["LABEL=old /mnt/brick ext4 nofail", false],
      ["UUID=9999-EEEE /mnt/brick ext4 nofail", false],
    ])("lies on the disk that comes at boot, by fstab's %s: %s", async (line, same) => {
      marked(ID);
      await host.run("apply", folder());
      host.write("/var/lib/twopir/file-system-pi1-x", "1234-ABCD\n");
      host.write(
        "/etc/systemd/system/glusterd.service.d/twopir-brick.conf",
        "[Unit]\nAfter=mnt-brick.mount\n",
      );
      host.command(
        "findmnt",
        `case "$*" in
  "-n -o UUID --mountpoint /mnt/brick") echo 1234-ABCD ;;
  "-n -o LABEL --mountpoint /mnt/brick") echo data ;;
  *--mountpoint*) ;;
  *) echo /mnt/brick 1234-ABCD /dev/sda1 ;;
esac`,
      );
      host.command("systemctl", '[ "$1" != show ] || echo local-fs.target');
      host.write("/etc/fstab", `${line} 0 0\n`);
      expect((await check()).changes).toEqual(
        same
          ? []
          : [
              "the disk that is mounted at /mnt/brick is not the one that /etc/fstab has there, and this copy would be missing after a boot",
            ],
      );
    });

    it("is not made on the card while its disk is missing", async () => {
      host.write("/var/lib/twopir/file-system-pi1-x", "1234-ABCD\n");
      expect(await check()).toMatchObject({ status: 65, changes: [] });
      expect((await check()).output).toContain(
        `${BRICK} belongs on the file system 1234-ABCD, which is not mounted`,
      );
      host.command("findmnt", "echo /mnt/brick 1234-ABCD /dev/sda1");
      expect((await check()).status).toBe(0);
    });
  });

  describe("a peer", () => {
    const at = (n: number): State => ({
      ...state("peer", { address: address(n), drained: "no", volume: "gv0", brick: BRICK, accept: "" }),
    });
    beforeEach(() => glusterdKnows(host, { ...TWO, uuid: uuid(2), peers: [peer(1)] }, address(2)));
    /** The second Pi, whose address was another one, is still known by its UUID. */
    const moved = (names: readonly string[], more: object = {}): Pool => ({
      ...volume({ options: { "user.twopir": "made" } }),
      peers: [{ uuid: uuid(2), names, ...more }],
    });

    it("is a connected one", async () => {
      expect(await host.check(at(2))).toEqual({ status: 0, changes: [], output: "" });
      expect((await host.check(at(3))).changes).toEqual([`${address(3)} is not a peer`]);
    });

    it("is neither moved nor probed because glusterd is silent", async () => {
      rmSync(host.at("/run/pool/here"), { recursive: true });
      expect((await host.check(at(2))).changes).toEqual(["not yet: glusterd does not answer"]);
      host.hurry(WAITS);
      const run = await host.run("apply", at(2));
      expect(run.status).toBe(65);
      expect(told(host)).toEqual([]);
    });

    it("is not parted where it was away for a moment, under a name that nobody here resolves", async () => {
      glusterdKnows(host, moved(["elsewhere.lan"], { connected: false }));
      expect((await host.check(at(2))).changes).toEqual([
        `${address(2)} is the peer that was at elsewhere.lan`,
      ]);
      glusterdKnows(host, moved(["elsewhere.lan"]), "../after");
      host.command("sleep", "cp -r /run/after/. /run/pool/here");
      const { status, output } = await host.run("apply", at(2));
      expect(status, output).toBe(0);
      expect(told(host)).toEqual([]);
    });

    it("is not parted where another volume has a brick on it", async () => {
      glusterdKnows(host, moved(["192.168.0.200"]));
      const both = host.read("/run/pool/here/info");
      host.write("/run/pool/here/all", both.replaceAll("gv0", "gv1").replace("made", "left"));
      const { status, output } = await host.run("apply", at(2));
      expect(output).toContain(
        `${address(2)} was at 192.168.0.200, and gluster lets no peer go that has a brick`,
      );
      expect(output).toContain("gv1");
      expect(status).toBe(65);
      expect(told(host)).toEqual([]);
    });
  });

  describe("the brick's process", () => {
    const served = (): State => ({
      ...state("brick-process", { volume: "gv0", brick: BRICK, accept: "" }),
    });

    /** A file that this copy has something of for the brick by that name, as its attributes say. */
    function waits(id: string, by = "gv0-client-1", much = "0x000000010000000000000000"): void {
      host.write(`${BRICK}/.glusterfs/indices/xattrop/${id}`, "");
      host.write(
        `${BRICK}/.glusterfs/${id.slice(0, 2)}/${id.slice(2, 4)}/${id}`,
        `trusted.afr.dirty=0x000000000000000000000000\ntrusted.afr.${by}=${much}\n`,
      );
    }
    /** A stand-in for getfattr, by which a file's attributes are its lines. */
    const noteReader = (): void =>
      host.command(
        "getfattr",
        `while [ "$1" != -m ]; do shift; done
pattern=\${2%\$}= && shift 2
grep -sEH -- "$pattern" "$@" | sed -E 's/^([^:]*):/# file: \\1\\n/'`,
      );

    it("is started by glusterd itself, and by no command for all Pis", async () => {
      mkdirSync(host.at(BRICK), { recursive: true });
      const healer = [1, 2].map((n) => `echo '0 0 here ${address(n)}:1 users:(("glusterfs",pid=4711,fd=9))'`);
      host.command("pgrep", "[[ $* == *glustershd* ]] && echo 4711");
      host.command(
        "ss",
        `case $* in
  *established*) ${healer.join("; ")} ;;
  *) [ ! -e /run/started ] || cat /run/started ;;
esac`,
      );
      host.command("systemctl", "[ $1 != restart ] || cat /run/line >/run/started");
      host.command("sleep", "/bin/sleep 0.1");
      expect((await host.check(served())).changes).toEqual([`no process serves the brick ${BRICK}`]);
      host.write("/run/line", "nobody");
      host.hurry(WAITS);
      const { status, output } = await host.run("apply", served());
      expect(output).toContain(`no process serves the brick ${BRICK}:`);
      expect(status).toBe(65);
      expect(told(host)).toEqual([]);
    });

    it.each([
      [
        "the brick's process",
        `[ "$*" != "-x glusterfsd -a" ] || echo "$(${STOPPED}) glusterfsd --brick-name ${BRICK} -l x"`,
      ],
      ["the self-heal daemon", `[[ $* != *glustershd* ]] || { ${STOPPED}; }`],
    ])("is named while glusterd does not run, where a signal has stopped %s", async (_, runs) => {
      host.command("systemctl", "exit 3");
      host.command("pgrep", runs.replace(STOPPED, "echo 1"));
      expect((await host.check(served())).changes).toEqual([]);
      host.command("pgrep", runs);
      expect((await host.check(served())).changes).toEqual([
        "not yet: glusterd does not run, and a signal has stopped a process of gluster's",
      ]);
    });

    it("has no room at the point where gluster refuses what is written", async () => {
      mkdirSync(host.at(BRICK), { recursive: true });
      host.command("ss", "");
      const full = `the disk of ${BRICK} is full, so this copy accepts no writes`;
      for (const [left, named] of [
        [10, true],
        [11, false],
      ] as const) {
        host.command(
          "stat",
          `if [ "$1" = -f ]; then echo 1000 ${left} 500 1; else exec /usr/bin/stat "$@"; fi`,
        );
        expect((await host.check(served())).changes.includes(full)).toBe(named);
      }
    });

    describe("what waits to be healed", () => {
      const index = `${BRICK}/.glusterfs/indices/xattrop`;
      const said = "files of this copy that wait to be healed on the others:";
      beforeEach(() => {
        host.command("ss", "");
        host.command("sleep", "");
        noteReader();
        host.write(`${index}/xattrop-base`, "");
        for (let i = 0; i < 5000; i += 1) waits(`00000000-0000-0000-0000-${i.toString().padStart(12, "0")}`);
      });

      it("is named, however much it is, whatever gluster itself says of it", async () => {
        for (const heal of ["", healInfo({ [name(1)]: [], [name(2)]: [] })]) {
          host.write("/run/heal", heal);
          expect((await host.run("check", served())).output).toContain(`${said} 5000`);
        }
      });

      it("is not what was for a brick that has left, or for this copy itself, or is listed and waits no more", async () => {
        rmSync(host.at(`${BRICK}/.glusterfs`), { recursive: true });
        host.write(`${index}/xattrop-base`, "");
        waits(uuid(3), "gv0-client-2");
        waits(uuid(4), "gv0-client-0");
        waits(uuid(5), "gv0-client-1", "0x000000000000000000000000");
        waits(uuid(6));
        rmSync(host.at(`${BRICK}/.glusterfs/66`), { recursive: true });
        expect((await host.run("check", served())).output).not.toContain(said);
        waits(uuid(7), "gv0-client-1", "0x000000000000000000000001");
        expect((await host.run("check", served())).output).toContain(`${said} 1`);
      });

      it("is all that is listed where glusterd does not say what the others are called", async () => {
        host.write("/run/pool/here/spec", "");
        expect((await host.run("check", served())).output).toContain(`${said} 5000`);
      });

      it("is not named where it is gone a second later", async () => {
        host.command("sleep", `rm -f ${index}/0*`);
        expect((await host.run("check", served())).output).not.toContain("healed");
      });
    });

    describe("the self-heal daemon", () => {
      const PORTS = { 1: 49151, 2: 49152 } as const;
      const apart = (n: number): string =>
        `files of this copy that wait to be healed on the others: 1, and gluster's self-heal daemon is not connected to the brick ${name(n)}`;
      const check = async (): Promise<readonly string[]> =>
        (await host.run("check", served())).changes.filter((reason) => reason.includes("self-heal"));
      /** The ports that it is connected to. */
      const connected = (...to: readonly string[]): void =>
        host.write(
          "/run/sockets",
          ["127.0.0.1:24007", ...to]
            .map((each) => `0 0 192.168.0.121:49100 ${each} users:(("glusterfs",pid=4711,fd=9))\n`)
            .join(""),
        );
      const all = (): string[] => ([1, 2] as const).map((n) => `${address(n)}:${PORTS[n].toString()}`);

      beforeEach(() => {
        mkdirSync(host.at(BRICK), { recursive: true });
        host.command("ss", "[[ $* != *established* ]] || cat /run/sockets");
        host.command("pgrep", "[ ! -e /run/ended ] || [ -e /run/begun ] || exit 1\necho 4711");
        host.command("pkill", '[ "$1" != -TERM ] || touch /run/ended');
        connected(...all());
        renameSync(host.at("/run/sockets"), host.at("/run/both"));
        host.command(
          "systemctl",
          '[ "$1" != restart ] || { touch /run/begun && cp /run/both /run/sockets; }',
        );
        glusterdKnows(host, { uuid: uuid(2), peers: [peer(1)] }, address(2));
        glusterdKnows(host, { uuid: uuid(1), peers: [peer(2)] }, address(1));
        for (const n of [1, 2] as const) host.write(`/run/pool/${address(n)}/port`, PORTS[n].toString());
        host.hurry(/healer_wait|start_wait/, 1);
        noteReader();
        waits(uuid(7));
        host.write("/run/heal", healInfo({ [name(1)]: ["/www/a"], [name(2)]: [] }));
      });

      it("is connected to each brick", async () => {
        connected(...all());
        expect(await check()).toEqual([]);
      });
      it("is named only where something waits, since up puts it right whenever it has started it", async () => {
        rmSync(host.at(`${BRICK}/.glusterfs/indices/xattrop/${uuid(7)}`));
        connected(all()[0] ?? "");
        expect(await check()).toEqual([]);
      });
      it("is named where it has no connection to a brick that answers, or only the one to its glusterd", async () => {
        connected(all()[0] ?? "");
        expect(await check()).toEqual([apart(2)]);
        connected(all()[0] ?? "", `${address(2)}:24007`);
        expect(await check()).toEqual([apart(2)]);
      });
      it("is given the time to connect", async () => {
        connected(all()[0] ?? "");
        host.hurry(/healer_wait/, 5);
        const later = `find /run/sockets -not -newermt "-1 second" -exec sed s/121:49151/122:49152/ {} +`;
        host.command("ss", `[[ $* != *established* ]] || { cat /run/sockets && ${later}; }`);
        expect(await check()).toEqual([]);
      });
      it.each([
        [
          "the other Pi is off",
          () => glusterdKnows(host, { ...TWO, peers: [{ ...peer(2), connected: false }] }),
        ],
        ["the brick is off", () => host.delete(`/run/pool/${address(2)}/port`)],
        [
          "heals are switched off",
          () => glusterdKnows(host, volume({ options: { "cluster.self-heal-daemon": "off" } })),
        ],
        [
          "the brick cannot be reached, of which another state tells",
          () => host.command("timeout", '[ "$2" != bash ] || exit 1; exec /usr/bin/timeout "$@"'),
        ],
      ])("is not named where %s", async (_, happen) => {
        connected(all()[0] ?? "");
        happen();
        expect(await check()).toEqual([]);
      });

      it.each([
        ["is needed", () => undefined],
        [
          "is switched off",
          () => glusterdKnows(host, volume({ options: { "cluster.self-heal-daemon": "off" } })),
        ],
        ["has no other copy", () => glusterdKnows(host, volume({ bricks: [brick(1)] }))],
      ])("is let go where a signal has stopped it and it %s", async (_, happen) => {
        happen();
        host.command("pgrep", `[[ $* != *glustershd* ]] || { ${STOPPED}; }`);
        host.command("pkill", "echo pkill $* >>/run/told");
        expect((await host.run("check", served())).changes).toContain(
          "gluster's self-heal daemon does not run",
        );
        host.hurry(WAITS);
        await host.run(
          "apply",
          host.script("use heals\nwant() { start_healer; }", { volume: "gv0", brick: BRICK }),
        );
        expect(told(host)).toContainEqual(expect.stringMatching(/^pkill -CONT -f .*glustershd/));
      });

      const HEALED = `printf '${healInfo({ [name(1)]: [], [name(2)]: [] }).replaceAll("\n", "\\n")}' >/run/heal`;
      const soon = (): Promise<Run> =>
        host.run("apply", host.script("use heals\nwant() { heal_soon 5; }", { volume: "gv0", brick: BRICK }));

      it("is started again where it does not reach a brick, and heals", async () => {
        connected(all()[0] ?? "");
        host.write("/run/then-told", `[ -e /run/begun ] || exit 1\n${HEALED}`);
        expect(await soon()).toMatchObject({
          status: 0,
          output: `gluster's self-heal daemon is not connected to the brick ${name(2)}, so it is started again\n`,
        });
        expect(host.list("run")).toContain("begun");
      });
      it("is left alone where it reaches all, though gluster refuses to heal: a copy may be about to be made anew", async () => {
        connected(...all());
        host.write("/run/then-told", "echo refused; exit 1");
        expect((await soon()).output).toContain("gluster does not heal yet: refused\n");
        expect(host.list("run")).not.toContain("ended");
      });
      it("is left alone where a copy is off", async () => {
        connected(all()[0] ?? "");
        glusterdKnows(host, { ...TWO, peers: [{ ...peer(2), connected: false }] });
        host.write("/run/heal", healInfo({ [name(1)]: ["/www/a"], [name(2)]: "-" }));
        host.write("/run/then-told", "exit 1");
        expect((await soon()).output).toContain("files that still wait: 1; gluster goes on with them");
        expect(host.list("run")).not.toContain("ended");
      });
    });

    it("is nobody's business while the volume is stopped, or has no brick here", async () => {
      host.command("ss", "");
      glusterdKnows(host, volume({ status: "Stopped" }));
      expect((await host.check(served())).changes).toEqual([]);
      glusterdKnows(host, volume({ bricks: [brick(2), brick(3)] }));
      expect((await host.check(served())).changes).toEqual([]);
    });
  });

  describe("whether this Pi can give the commands", () => {
    const FILES = "/var/lib/glusterd";
    const knows = async (): Promise<string> => {
      const run = await host.check(state("knows", { volume: "gv0", address: address(1) }));
      expect(run).toMatchObject({ status: 0, changes: [] });
      return run.output;
    };
    beforeEach(() => {
      host.command("systemctl", "");
      host.write(`${FILES}/glusterd.info`, `UUID=${uuid(1)}\noperating-version=110000\n`);
      host.write(
        `${FILES}/peers/${uuid(2)}`,
        `uuid=${uuid(2)}\nstate=3\nhostname1=${address(2)}\nhostname2=pi2\n`,
      );
      host.write(`${FILES}/vols/gv0/info`, `type=2\nvolume-id=${ID}\n`);
      for (const n of [1, 2])
        host.write(`${FILES}/vols/gv0/bricks/${address(n)}`, `uuid=${uuid(n)}\nhostname=${address(n)}\n`);
    });

    it("it can, and names its peers", async () => {
      const said = `knows=yes\npeers=${address(2)} pi2\nvolume=${ID}\nuuid=${uuid(1)}\ncalled=`;
      expect(await knows()).toBe(`${said}\nnoted=\n`);
      host.write("/var/lib/twopir/states/pi1-twopir", "state=pi1-twopir\nscript=program\npi=pi1\n");
      expect(await knows()).toBe(`${said}pi1 \nnoted=pi1-twopir \n`);
    });
    it("it can where its brick has a name", async () => {
      host.write(`${FILES}/vols/gv0/bricks/${address(1)}`, `uuid=${uuid(1)}\nhostname=pi1\n`);
      expect(await knows()).toContain("knows=yes");
    });
    it.each([
      ["its card is new", () => rmSync(host.at(FILES), { recursive: true })],
      ["a power cut left the volume's file empty", () => host.write(`${FILES}/vols/gv0/info`, "")],
      ["glusterd is off", () => host.command("systemctl", "exit 3")],
      ["a power cut left its own file empty", () => host.write(`${FILES}/glusterd.info`, "")],
      ["glusterd is another one", () => host.write(`${FILES}/glusterd.info`, `UUID=${uuid(8)}\n`)],
      ["its peers are gone", () => rmSync(host.at(`${FILES}/peers/${uuid(2)}`))],
      ["a power cut left a peer's file empty", () => host.write(`${FILES}/peers/${uuid(2)}`, "")],
      [
        "it is another one, and whom it was is its peer",
        () => {
          host.write(`${FILES}/glusterd.info`, `UUID=${uuid(8)}\n`);
          host.write(`${FILES}/vols/gv0/bricks/${address(1)}`, `uuid=${uuid(8)}\nhostname=${address(1)}\n`);
          host.write(`${FILES}/peers/${uuid(1)}`, `uuid=${uuid(1)}\nstate=3\nhostname1=${address(1)}\n`);
        },
      ],
      [
        "it has another address now",
        () =>
          host.write(`${FILES}/vols/gv0/bricks/${address(1)}`, `uuid=${uuid(1)}\nhostname=${address(9)}\n`),
      ],
    ])("it cannot when %s", async (_, happen) => {
      happen();
      expect(await knows()).toMatch(/^knows=no\nuuid=.*\ncalled=\nnoted=\n$/);
    });
  });

  describe("glusterd", () => {
    const FILES = "/var/lib/glusterd";
    const daemon = (earlier: readonly string[] = []): State => ({
      ...state("glusterd", {
        volume: "gv0",
        address: address(1),
        others: [address(2)],
        earlier,
      }),
    });
    const check = async (earlier?: readonly string[]): Promise<readonly string[]> =>
      (await host.check(daemon(earlier))).changes;
    const BACK = `so it is given back what ${address(2)} knows of it`;

    beforeEach(() => {
      host.write("/etc/hosts", "127.0.0.1 localhost\n");
      host.write(DROP_IN, readFileSync(join(PI, "files", DROP_IN), "utf8"));
      host.command("glusterd", "echo 'glusterfs 11.1'");
      host.command(
        "systemctl",
        `case $1 in
  show) printf 'Id=glusterd.service\\nNeedDaemonReload=no\\nDropInPaths=/etc/systemd/system/glusterd.service.d/twopir.conf\\nUnitFileState=enabled\\nActiveState=active\\n' ;;
  restart | start) cp -r /run/after/. /run/pool/here && echo "$1" >>/run/done ;;
esac`,
      );
      glusterdKnows(host, { ...TWO, uuid: uuid(2), peers: [peer(1)] }, address(2));
      host.write(`${FILES}/peers/${uuid(2)}`, `uuid=${uuid(2)}\n`);
      host.write(`${FILES}/vols/gv0/info`, `volume-id=${ID}\n`);
      for (const file of ["cksum", "bricks/one"]) host.write(`${FILES}/vols/gv0/${file}`, "written\n");
    });

    it("is the one that the pool knows", async () => {
      expect(await check()).toEqual([]);
    });

    it("gets its folders of logs from systemd at each start, too", async () => {
      rmSync(host.at("/var/log/glusterfs"), { recursive: true });
      const missing = "/var/log/glusterfs/bricks is missing, without which no brick starts";
      expect(await check()).toEqual([missing]);
      host.hurry(WAITS);
      expect((await host.run("apply", daemon())).changes).toEqual([missing]);
      expect(await check()).toEqual([]);
      expect(host.read(DROP_IN)).toMatch(/^LogsDirectory=glusterfs glusterfs\/bricks$/m);
    });

    it("is nobody's business where no other Pi has the volume", async () => {
      glusterdKnows(host, { uuid: uuid(2), peers: [peer(1)] }, address(2));
      glusterdKnows(host, { uuid: uuid(8) });
      expect(await check()).toEqual([]);
    });

    it.each<[string, Pool]>([
      ["glusterd is a new one", { uuid: uuid(8) }],
      ["glusterd has lost the volume gv0", { uuid: uuid(1), peers: [peer(2)] }],
      ["glusterd has lost its peers", { ...TWO, peers: [] }],
      [
        "glusterd is a new one",
        {
          ...TWO,
          uuid: uuid(8),
          peers: [
            { ...peer(2), connected: false },
            { ...peer(1), connected: false },
          ],
          volume: { id: ID, bricks: [{ ...brick(1), uuid: uuid(8) }, brick(2)] },
        },
      ],
    ])("is given back its identity: %s", async (why, knows) => {
      glusterdKnows(host, knows);
      expect(await check()).toEqual([`${why}, ${BACK}`]);
    });

    it("of the later Pi gives way where two do not agree", async () => {
      glusterdKnows(host, { ...TWO, peers: [{ ...peer(2), state: 6 }] });
      expect(await check([address(2)])).toEqual([
        `glusterd and that of ${address(2)} do not agree about the volume, ${BACK}`,
      ]);
      expect(await check([])).toEqual([]);
    });

    it("is given back what is gone", async () => {
      rmSync(host.at(`${FILES}/vols`), { recursive: true });
      expect((await check())[0]).toContain(`${FILES}/vols/gv0/info is missing, ${BACK}`);
    });

    it("is given back what a power cut has left empty", async () => {
      host.write(`${FILES}/peers/${uuid(2)}`, "");
      expect(await check()).toEqual([`${FILES}/peers/${uuid(2)} is empty, ${BACK}`]);
    });

    const NOT_WHOLE = "glusterd does not start, since /etc/glusterfs/glusterd.vol is not whole";
    it.each([
      ["one of its own", "volume management\n    type mgmt/glusterd\nend-volume", "what glusterd had is in"],
      ["cut short", "volume management\n    type mgmt/glusterd", NOT_WHOLE],
      ["gone", undefined, NOT_WHOLE],
    ])("that does not start keeps its files unless its config is whole: %s", async (_, config, says) => {
      if (config !== undefined) host.write("/etc/glusterfs/glusterd.vol", `${config}\n`);
      host.command(
        "systemctl",
        `case $1 in
  is-active) [ -e /run/done ] ;;
  start) [ -e /run/tried ] && cp -r /run/after/. /run/pool/here && echo "$1" >>/run/done || { touch /run/tried; exit 1; } ;;
  restart) ;;
  show) printf 'Id=glusterd.service\nNeedDaemonReload=no\nDropInPaths=${DROP_IN}\nUnitFileState=enabled\nActiveState=active\n' ;;
esac`,
      );
      host.command("journalctl", "");
      glusterdKnows(host, TWO, "../after");
      host.hurry(WAITS);
      const { output } = await host.run("apply", daemon());
      expect(output).toContain(says);
      expect(output.includes("what glusterd had is in")).toBe(says !== NOT_WHOLE);
    });

    it("keeps its own files when it is given back its identity", async () => {
      glusterdKnows(host, { uuid: uuid(8) });
      host.write(`${FILES}/glusterd.info`, `UUID=${uuid(8)}\n`);
      host.write(`${FILES}/glustershd/log`, "stays");
      glusterdKnows(host, TWO, "../after");
      host.hurry(WAITS);
      const { status, output } = await host.run("apply", daemon());
      expect(status, output).toBe(0);
      expect(host.read(`${FILES}/glusterd.info`)).toBe(`UUID=${uuid(1)}\noperating-version=110000\n`);
      expect(host.read(`${FILES}/peers/${uuid(2)}`)).toBe(
        `uuid=${uuid(2)}\nstate=3\nhostname1=${address(2)}\n`,
      );
      expect(host.read(`${FILES}/glustershd/log`)).toBe("stays");
      const aside = /what glusterd had is in (\S+)/.exec(output)?.[1] ?? "";
      expect(host.read(`${aside}/glusterd.info`)).toBe(`UUID=${uuid(8)}\n`);
      expect(host.read("/run/done")).toBe("start\nrestart\n");
    });

    it.each(["check", "apply"])("is left alone where it has volumes of another pool (%s)", async (mode) => {
      glusterdKnows(host, { uuid: uuid(8) });
      host.write(`${FILES}/vols/photos/info`, `volume-id=${uuid(7)}\n`);
      if (mode === "apply") host.hurry(WAITS);
      const { status, changes, output } = await host.run(mode, daemon());
      expect(output).toContain(
        "glusterd has volumes of its own (photos), and is not the peer that the other Pis know here",
      );
      expect({ status, changes }).toEqual({ status: 65, changes: [] });
    });

    it.each(["check", "apply"])(
      "is left alone where it is that of another Pi of the pool (%s)",
      async (mode) => {
        glusterdKnows(host, { ...TWO, uuid: uuid(3), peers: [peer(1), peer(2)] });
        glusterdKnows(host, { ...TWO, uuid: uuid(2), peers: [peer(1), peer(3)] }, address(2));
        if (mode === "apply") host.hurry(WAITS);
        const { status, changes, output } = await host.run(mode, daemon());
        expect(output).toContain(
          `this Pi's glusterd has the identity of another Pi in the cluster (${uuid(3)})`,
        );
        expect({ status, changes }).toEqual({ status: 65, changes: [] });
      },
    );

    it("does not get back a volume that was given up here while the other Pi was away", async () => {
      rmSync(host.at(`${FILES}/vols`), { recursive: true });
      host.command("getfattr", `[[ $* == *trusted.afr.twopir-given-up*${BRICK} ]] && echo -n ${ID}`);
      const { status, changes, output } = await host.check(daemon());
      expect(output).toContain(`volume gv0 was given up here by pulumi destroy, and ${address(2)}`);
      expect({ status, changes }).toEqual({ status: 65, changes: [] });
      host.command("getfattr", "exit 1");
      expect((await check())[0]).toContain(BACK);
    });

    it("is given no other identity because it is silent", async () => {
      rmSync(host.at("/run/pool/here"), { recursive: true });
      const { status, changes } = await host.check(daemon());
      expect({ status, changes }).toEqual({ status: 0, changes: ["glusterd runs and does not answer"] });
    });

    it("has not lost its peers because the pool is silent", async () => {
      rmSync(host.at(`/run/pool/${address(2)}/uuid`));
      expect(await check()).toEqual([]);
    });
  });
});
