import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
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
  questions,
  servingStandIn,
  setAttribute,
  silence,
  singleBricks,
  told,
  type Brick,
  type Pool,
  uuid,
} from "./pool";

const MARK = "trusted.glusterfs.volume-id";
const NOTE = "trusted.afr.twopir-full";

/** What the n-th Pi's brick notes when it is full. */
const process = (n: number): string => `${(1000 + n).toString()} ${(49150 + n).toString()}`;

const TWO = [brick(1), brick(2)];
const THREE = [...TWO, brick(3)];
const WITH_ARBITER = [...TWO, { ...brick(3), arbiter: true }];

/** What the first Pi's glusterd knows, of whose peers these are away. */
const pool = (bricks: readonly Brick[], away: readonly number[] = [], volume: object = {}): Pool => ({
  uuid: uuid(1),
  peers: [2, 3]
    .slice(0, bricks.length - 1)
    .map((n) => ({ uuid: uuid(n), names: [address(n)], connected: !away.includes(n) })),
  volume: { id: ID, bricks, options: { "cluster.quorum-type": "auto" }, ...volume },
});

describe.skipIf(!canIsolate)("the gate", () => {
  let host: Host;

  // Three folders stand for the bricks of three Pis, the first of which is this one, and files for attributes.
  beforeEach(() => {
    host = new Host();
    glusterStandIn(host);
    servingStandIn(host);
    host.command("pgrep", "[ ! -e /run/old ] || cat /run/old");
    singleBricks(host);
    attributeStandIns(host);
    for (const n of [1, 2, 3]) {
      mkdirSync(host.at(`/mnt/bricks/${n.toString()}/www`), { recursive: true });
      mkdirSync(host.at(`/mnt/bricks/${n.toString()}/.gfid`));
    }
    host.write(`${BRICK}/index.html`, "content");
    heals({});
  });
  afterEach(() => host.remove());

  const mark = (id = ID): void => setAttribute(host, BRICK, MARK, Buffer.from(id.replaceAll("-", ""), "hex"));
  const note = (n: number, text: string): void =>
    setAttribute(host, `/mnt/bricks/${n.toString()}`, NOTE, text);
  const silent = (n: number): void => host.write(`/run/silent-${n.toString()}`, "");

  /** What each brick lists as waiting to be healed; "-": it is off. */
  const heals = (listed: Readonly<Record<number, readonly string[] | "-">>, count = 3): void =>
    host.write(
      "/run/heal",
      healInfo(Object.fromEntries([1, 2, 3].slice(0, count).map((n) => [name(n), listed[n] ?? []]))),
    );

  /** A file on the n-th Pi's brick says that the brick of another one lacks something of it. */
  function accuses(n: number, path: string, of: number, pending = "0x000000010000000000000000"): void {
    const file = `/mnt/bricks/${n.toString()}${path}`;
    if (!existsSync(host.at(file))) host.write(file, "");
    setAttribute(host, file, `trusted.afr.gv0-client-${(of - 1).toString()}`, pending);
  }

  /** In front of what a script does: it is itself the process that serves the first Pi's brick. */
  const SERVED = `exec 7<"$brick"; echo $BASHPID >/run/served; `;

  /** Something that goes through the gate, on the first Pi. */
  const through = (text: string, parameters: State["parameters"] = {}): State => {
    return host.script(`use gate\nwant() { ${text}; }`, {
      volume: "gv0",
      brick: BRICK,
      accept: "",
      ...parameters,
    });
  };
  const apply = async (text: string, parameters?: State["parameters"]): Promise<Run> => {
    const run = await host.run("apply", through(text, parameters));
    expect(host.list("run").filter((path) => path.startsWith("twopir/"))).toEqual([]); // no brick stays mounted
    return run;
  };

  const KEPT = "no other copy is known to be full";
  const ask = (n: number, accept?: number): Promise<Run> =>
    apply(
      `busy_wait=1 full_wait=1 brick_wait=1; need_full_copy ${uuid(n)} "it stays"; say open`,
      accept === undefined ? {} : { accept: address(accept) },
    );
  const opens = async (n: number, accept?: number): Promise<string> => {
    const { status, output } = await ask(n, accept);
    expect(output).toMatch(/open\n$/);
    expect(status).toBe(0);
    return output;
  };
  const staysShut = async (n: number, why: string, accept?: number): Promise<void> => {
    const { status, output } = await ask(n, accept);
    expect(output).toContain(`it stays, since ${KEPT}`);
    expect(output).toContain(why);
    expect(output).not.toContain("open\n");
    expect(status).toBe(65);
  };

  describe("need_full_copy, where all bricks answer", () => {
    beforeEach(() => glusterdKnows(host, pool(TWO)));
    const HAS_MORE = `${name(2)} has what ${name(1)} lacks`;

    it("opens where nothing waits to be healed", async () => {
      await opens(2);
      await opens(1); // the other way round
    });

    it("stays shut where the other brick accuses this one", async () => {
      accuses(2, "/www/a b", 1);
      heals({ 2: ["/www/a b"] }, 2);
      await staysShut(2, HAS_MORE);
      await opens(1); // it is the other one's that is full
      await staysShut(2, HAS_MORE, 1); // no word stands against what is seen
    });

    it("takes the user's word against an arbiter, which has nothing of what is lacked", async () => {
      glusterdKnows(host, pool(WITH_ARBITER, [2]));
      silent(2);
      accuses(3, "/www/a", 1);
      heals({ 2: "-", 3: ["/www/a"] });
      expect(await opens(2, 1)).toContain(`${name(3)} has what ${name(1)} lacks`);
    });

    it.each(["/www/a - Possibly undergoing heal", "/www/a - Is in split-brain", "/www/a "])(
      "knows a file by what gluster says of it, %j",
      async (entry) => {
        accuses(2, "/www/a", 1);
        heals({ 2: [entry] }, 2);
        await staysShut(2, HAS_MORE);
      },
    );

    it("finds a file of which gluster knows no more than the id", async () => {
      const gfid = "5b1f6a8e-2c43-4f6a-8f5b-6a1e0c9d7b42";
      accuses(2, `/.gfid/${gfid}`, 1);
      heals({ 2: [`<gfid:${gfid}>`] }, 2);
      await staysShut(2, HAS_MORE);
      accuses(2, `/.gfid/${gfid}`, 1, "0x000000000000000000000000");
      await opens(2); // so that it was the right one that was asked
    });

    it.each(["0x000000000000000100000000", "0x000000000000000000000001"])(
      "stays shut for every kind of accusation, %s",
      async (pending) => {
        accuses(2, "/www/a", 1, pending);
        heals({ 2: ["/www/a"] }, 2);
        await staysShut(2, HAS_MORE);
      },
    );

    it("opens where what is listed accuses nobody", async () => {
      accuses(2, "/www/a", 1, "0x000000000000000000000000");
      host.write("/mnt/bricks/2/www/b", "being written");
      heals({ 1: ["/www/b"], 2: ["/www/a", "/www/b"] }, 2);
      await opens(2);
    });

    it("takes what cannot be read for an accusation", async () => {
      heals({ 2: ["/www/gone"] }, 2);
      await staysShut(2, HAS_MORE);
    });

    it("passes over nothing of what is listed", async () => {
      const many = Array.from({ length: 300 }, (_, i) => `/www/${i.toString()}`);
      for (const path of many) host.write(`/mnt/bricks/2${path}`, "");
      accuses(2, "/www/299", 1);
      heals({ 2: many }, 2);
      await staysShut(2, HAS_MORE);
    });

    it("stays shut where gluster does not say what waits to be healed", async () => {
      rmSync(host.at("/run/heal"));
      await staysShut(2, HAS_MORE);
    });

    it("stays shut where gluster says it of the other bricks alone", async () => {
      host.write("/run/heal", healInfo({ [name(1)]: [] }));
      await staysShut(2, HAS_MORE);
      heals({ 2: "-" }, 2);
      await staysShut(2, HAS_MORE);
    });

    it("stays shut where nobody says by which name a brick would be accused", async () => {
      accuses(2, "/www/a", 1);
      heals({ 2: ["/www/a"] }, 2);
      host.write("/run/then", `[ "$n" != 2 ] || : >/run/pool/here/spec`); // once both are mounted
      await staysShut(2, HAS_MORE);
    });

    it("opens where the accusation is about a third", async () => {
      glusterdKnows(host, pool(THREE));
      accuses(2, "/www/a", 3);
      accuses(1, "/www/a", 3);
      heals({ 1: ["/www/a"], 2: ["/www/a"] });
      await opens(3);
      accuses(2, "/www/b", 1);
      accuses(1, "/www/c", 2);
      heals({ 1: ["/www/a", "/www/c"], 2: ["/www/a", "/www/b"] });
      await staysShut(3, HAS_MORE);
    });

    it("does not take an arbiter's brick for a copy, and hears its accusations", async () => {
      glusterdKnows(host, pool(WITH_ARBITER));
      await opens(2);
      accuses(3, "/www/a", 1);
      heals({ 3: ["/www/a"] });
      await staysShut(2, `${name(3)} has what ${name(1)} lacks`);
      glusterdKnows(host, pool([brick(1), { ...brick(2), arbiter: true }]));
      heals({}, 2);
      await staysShut(1, KEPT);
    });

    it("stays shut where glusterd says nothing, whose silence is no proof", async () => {
      rmSync(host.at("/run/pool/here"), { recursive: true });
      for (const n of [1, 2]) {
        const { status, output } = await ask(n);
        expect(output).toContain("glusterd does not answer, so nothing is known");
        expect({ status, open: output.includes("open") }).toEqual({ status: 65, open: false });
      }
    });

    it("counts a brick that ends after it was mounted as one that does not answer", async () => {
      host.command(
        "stat",
        `[ "$1" != -f ] || [ ! -e "$2/ended" ] || exit 1
[ "$1" != -f ] || [ ! -e "$2/ends" ] || mv "$2/ends" "$2/ended" # it answers once
exec /bin/stat "$@"`,
      );
      host.write("/mnt/bricks/2/ends", "");
      heals({ 2: "-" }, 2);
      await staysShut(2, `${name(2)} does not answer, and may have what ${name(1)} lacks`);
      glusterdKnows(host, pool(THREE));
      renameSync(host.at("/mnt/bricks/2/ended"), host.at("/mnt/bricks/2/ends"));
      heals({ 2: "-" });
      await opens(2);
    });

    it.each([
      ["copy", THREE, 2],
      ["arbiter", WITH_ARBITER, 3],
    ] as const)(
      "waits for a %s that answers and is about to end, of which gluster says nothing",
      async (_, bricks, n) => {
        glusterdKnows(host, pool(bricks));
        heals({ [n]: "-" });
        host.command("stat", '[ "$1" != -f ] || [ ! -e "$2/ended" ] || exit 1; exec /bin/stat "$@"');
        host.command("sleep", `touch /mnt/bricks/${n.toString()}/ended; exec /bin/sleep 0.1`);
        const { output } = await apply(
          `busy_wait=1 full_wait=10; need_full_copy ${uuid(n)} "it stays"; say open`,
        );
        expect(output).toBe("open\n");
      },
    );

    it("waits for a glusterd that is being started, of which nobody knows what serves its brick", async () => {
      note(1, "1001 49151");
      heals({ 2: "-" }, 2);
      silent(2);
      const port = `/run/pool/${address(1)}/port`;
      renameSync(host.at(port), host.at("/run/port"));
      host.command("sleep", `mv /run/port ${port} 2>/dev/null; exec /bin/sleep 0.1`);
      const { output } = await apply(
        `busy_wait=1 full_wait=10; need_full_copy ${uuid(2)} "it stays"; say open`,
      );
      expect(output).toBe("open\n");
    });

    it("stays shut where the Pi at a brick's address is another one", async () => {
      host.write(`/run/pool/${address(2)}/uuid`, `UUID: ${uuid(8)}\n`);
      await staysShut(1, `${name(2)} does not answer`);
    });
  });

  it.each([
    { silent: "for a moment", missed: 1, step: 1 },
    { silent: "from then on", missed: 1000, step: 3 },
  ])(
    "is opened by no question that glusterd does not answer, the first of which may be any: $silent",
    async ({ missed, step }) => {
      glusterdKnows(host, pool(TWO, [2]));
      heals({ 2: "-" }, 2);
      silent(2);
      silence(host, 0, 0);
      host.command("sleep", "/bin/sleep 0.1");
      await staysShut(2, "may have what");
      for (let first = questions(host); first > 0; first -= step) {
        silence(host, first, first + missed - 1);
        const { status, output } = await ask(2);
        expect({ first, status, open: output.includes("open") }).toEqual({ first, status: 65, open: false });
      }
    },
    120_000,
  );

  describe("need_full_copy, where the other brick is away", () => {
    beforeEach(() => {
      glusterdKnows(host, pool(TWO, [2]));
      heals({ 2: "-" }, 2);
      silent(2);
    });
    /** As for a volume that is not started. */
    const NOBODY = "<cliOutput><opRet>-1</opRet><opErrstr>Volume gv0 is not started</opErrstr></cliOutput>";
    const MAY = `${name(2)} does not answer, and may have what ${name(1)} lacks`;

    it("opens by the note of the process that serves the copy", async () => {
      note(1, process(1));
      await opens(2);
    });

    it.each([
      ["another process", "999 49151"],
      ["the same process at another port", "1001 49999"],
      ["the self-heal daemon", "4711 49151"],
      ["nobody", ""],
    ])("stays shut where the note is about %s", async (_, text) => {
      note(1, text);
      await staysShut(2, MAY);
    });

    it("stays shut without a note, also where nobody says which process serves", async () => {
      await staysShut(2, MAY);
      host.write("/run/pool/here/status", NOBODY);
      await staysShut(2, MAY);
    });

    it("stays shut where this brick does not answer either", async () => {
      note(1, process(1));
      silent(1);
      await staysShut(2, `${name(1)} does not answer`);
    });

    it("opens by the user's word, and says so", async () => {
      expect(await opens(2, 1)).toContain(
        `the copy in ${name(1)} counts as full, by twopir:volume.acceptCopy: ${MAY}`,
      );
    });

    it("takes the user's word for a copy that answers, and for no other one", async () => {
      await staysShut(2, MAY, 2);
      await staysShut(1, `${name(2)} does not answer`, 2);
      silent(1);
      await staysShut(2, `${name(1)} does not answer`, 1);
    });
  });

  it("has the user's word wait for a copy whose Pi is there, and which may have more", async () => {
    glusterdKnows(host, pool(THREE));
    accuses(2, "/www/a", 1);
    heals({ 2: ["/www/a"] });
    for (const n of [2, 3]) silent(n);
    const wait = async (seconds: number): Promise<string> =>
      (
        await apply(`full_wait=${seconds.toString()}; need_full_copy ${uuid(3)} "it stays"; say open`, {
          accept: address(1),
        })
      ).output;
    expect(await wait(1)).toMatch(/counts as full[^]*open\n$/);
    host.command("sleep", "rm -f /run/silent-2");
    expect(await wait(5)).toContain(`${name(2)} has what ${name(1)} lacks`);
  });

  it("takes the word of today, where what was made with another one is removed", async () => {
    glusterdKnows(host, pool(TWO, [2]));
    heals({ 2: "-" }, 2);
    silent(2);
    const remove = async (accept: string): Promise<string> => {
      const text = `use gate; want() { :; }; unwant() { full_wait=1; need_full_copy ${uuid(2)} "it stays"; say open; }`;
      const one = host.script(text, { volume: "gv0", brick: BRICK, accept });
      return (await host.run("remove", one)).output;
    };
    expect(await remove(address(1))).toContain("and run pulumi up before pulumi destroy");
    host.write("/var/lib/twopir/accept-copy", `${address(1)}\n`);
    expect(await remove("")).toContain("open\n");
  });

  describe("need_no_stale_copy", () => {
    const ask = async (accept = ""): Promise<string> =>
      (await apply('need_no_stale_copy "none is added"; say open', { accept })).output;

    it("lets a copy be made from full ones", async () => {
      glusterdKnows(host, pool(TWO));
      expect(await ask()).toBe("open\n");
    });
    it("does not while one lacks something", async () => {
      glusterdKnows(host, pool(TWO));
      accuses(2, "/www/a", 1);
      heals({ 2: ["/www/a"] }, 2);
      expect(await ask()).toContain("none is added, since one that answers is not known to be full");
      expect(await ask(address(1))).not.toContain("open");
    });
    it("does not where one may have missed what the one that is away has, unless by the user's word", async () => {
      glusterdKnows(host, pool(TWO, [2]));
      heals({ 2: "-" }, 2);
      silent(2);
      expect(await ask()).toContain("may have what");
      expect(await ask(address(1))).toBe("open\n");
      note(1, process(1));
      expect(await ask()).toBe("open\n");
    });
    it("guards an arbiter, too, which would side with what it is filled from", async () => {
      const options = { "user.twopir": "made" };
      const three = [2, 3].map((n) => ({ uuid: uuid(n), names: [address(n)] }));
      glusterdKnows(host, { ...pool(TWO, [], { options }), peers: three });
      const one = state("volume", {
        volume: "gv0",
        brick: BRICK,
        accept: "",
        copies: [address(1), address(2)],
        arbiter: address(3),
        idle: [],
        drained: [],
      });
      heals({}, 2);
      await host.run("apply", one);
      const joins = `volume add-brick gv0 replica 3 arbiter 1 ${name(3)} force`;
      expect(told(host)[0]).toBe(joins);
      host.delete("/run/told");
      accuses(2, "/www/a", 1);
      heals({ 2: ["/www/a"] }, 2);
      expect((await host.run("apply", one)).output).toContain("volume gv0 gets no arbiter, since one");
      expect(told(host)).toEqual([]);
      // Nor while the mount here would not learn of it: what is written there would reach the others only.
      host.delete(`/mnt/bricks/2/www/a`);
      heals({}, 2);
      host.hurry(/follow_wait/, 1);
      host.command("pgrep", "[[ $* != *volfile-id* ]] || echo 1 /usr/sbin/glusterfs /mnt/gluster1");
      expect((await host.run("apply", one)).output).toMatch(
        /the mount at \S+ on pi1 has lost its connection to glusterd, so it/,
      );
      expect(told(host)).toEqual([]);
    });
    it("does not where no brick answers", async () => {
      glusterdKnows(host, pool(TWO));
      silent(1);
      silent(2);
      expect(await ask()).toContain("no brick of volume gv0 answers");
    });
  });

  const inTheFolder = (): string[] => host.list(dirname(BRICK));
  /** That nothing was changed anywhere. */
  function untouched(before: readonly string[]): void {
    expect(told(host)).toEqual([]);
    expect(inTheFolder()).toEqual(before);
  }

  describe("without another full copy", () => {
    beforeEach(() => {
      glusterdKnows(host, pool(TWO, [2]));
      heals({ 2: "-" }, 2);
      silent(2);
    });

    it.each([
      ["take_brick", `take_brick ${uuid(2)}`, `the brick ${name(2)} stays in volume gv0`],
      ["take_peer", `take_peer ${uuid(2)}`, `the brick ${name(2)} stays in volume gv0`],
      ["refill_brick", "refill_brick", `the brick ${name(1)} is not made anew`],
      ["stop_volume", "stop_volume", "the volume gv0 stays"],
    ])("%s does nothing", async (_, text, why) => {
      const before = inTheFolder();
      const { status, output } = await apply(text);
      expect(output).toContain(why);
      expect(status).toBe(65);
      untouched(before);
    });

    it.each([`take_brick ${uuid(3)}`, `take_brick ${uuid(2)}`, `take_peer ${uuid(2)}`])(
      "an arbiter is none: %s does nothing",
      async (text) => {
        glusterdKnows(host, pool(WITH_ARBITER, [2]));
        accuses(3, "/www/a", 1);
        heals({ 2: "-", 3: ["/www/a"] });
        note(1, process(1));
        expect((await apply(text)).output).toContain(KEPT);
        expect(told(host)).toEqual([]);
      },
    );
  });

  it("take_brick parts the one brick, and take_peer its peer, too, by any of its names", async () => {
    glusterdKnows(host, pool(TWO));
    expect((await apply(`take_brick ${uuid(2)}`)).status).toBe(0);
    const part = `volume remove-brick gv0 replica 1 ${name(2)} force`;
    expect(told(host)).toEqual([part]);
    glusterdKnows(host, { ...pool(TWO), peers: [{ uuid: uuid(2), names: ["pi2.lan", address(2)] }] });
    expect((await apply(`take_peer ${uuid(2)}`)).status).toBe(0);
    expect(told(host)).toEqual([part, part, "peer detach pi2.lan force"]);
  });

  it("replace_brick puts a new brick in the place of one that is away, where the other copy is full", async () => {
    const anew = `replace_brick ${uuid(2)} ${name(3)}`;
    glusterdKnows(host, pool(TWO, [2]));
    silent(2);
    expect((await apply(`full_wait=1; ${anew}`)).output).toContain(
      `the brick ${name(2)} keeps its place in volume gv0, since ${KEPT}`,
    );
    expect(told(host)).toEqual([]);
    note(1, process(1));
    expect((await apply(anew)).status).toBe(0);
    expect(told(host)).toEqual([`volume replace-brick gv0 ${name(2)} ${name(3)} commit force`]);
  });

  it("lacking_copies are those that answer, and are accused by one that does", async () => {
    glusterdKnows(host, pool(THREE, [3]));
    expect((await apply("lacking_copies")).output).toBe("");
    heals({ 1: ["/www/a"] });
    accuses(1, "/www/a", 3);
    expect((await apply("lacking_copies")).output).toBe("");
    accuses(1, "/www/a", 2);
    expect((await apply("lacking_copies")).output).toBe(`${name(2)}\n`);
  });

  it("a Pi that is taken out leaves two full copies, of which most agreed until it has left", async () => {
    const leaves = `must_stay=2; take_peer ${uuid(2)}`;
    glusterdKnows(host, pool(TWO));
    const two = await apply(leaves);
    expect(two.output).toContain(
      `the brick ${name(2)} stays in volume gv0, since it would leave only one full copy`,
    );
    expect(two.status).toBe(65);
    expect(told(host)).toEqual([]);
    glusterdKnows(host, pool(THREE));
    expect((await apply(leaves)).status).toBe(0);
    expect(told(host)).toEqual([
      `volume remove-brick gv0 replica 2 ${name(2)} force`,
      "volume set gv0 cluster.quorum-type none",
      `peer detach ${address(2)} force`,
    ]);
  });

  it("take_peer calls it by a name that no other peer has", async () => {
    glusterdKnows(host, {
      ...pool(TWO),
      peers: [2, 3].map((n) => ({ uuid: uuid(n), names: ["raspberrypi", address(n)] })),
    });
    expect((await apply(`take_peer ${uuid(3)}`)).status).toBe(0);
    expect(told(host)).toEqual([`peer detach ${address(3)} force`]);
  });

  it("take_peer parts no brick of a peer that has none", async () => {
    glusterdKnows(host, { ...pool(TWO), peers: [2, 3].map((n) => ({ uuid: uuid(n), names: [address(n)] })) });
    expect((await apply(`take_peer ${uuid(3)}`)).status).toBe(0);
    expect(told(host)).toEqual([`peer detach ${address(3)} force`]);
  });

  it("take_brick parts the arbiter first, and lets the copy that is left serve alone", async () => {
    glusterdKnows(host, pool(WITH_ARBITER));
    expect((await apply(`take_brick ${uuid(2)}`)).output).toBe("");
    expect(told(host)).toEqual([
      `volume remove-brick gv0 replica 2 ${name(3)} force`,
      "volume set gv0 cluster.quorum-type none",
      `volume remove-brick gv0 replica 1 ${name(2)} force`,
    ]);
  });

  describe("refill_brick", () => {
    beforeEach(() => {
      glusterdKnows(host, pool(TWO));
      silent(1);
      note(2, process(2));
    });
    const ANEW = [
      `volume reset-brick gv0 ${name(1)} start`,
      `volume reset-brick gv0 ${name(1)} ${name(1)} commit force`,
    ];

    it("makes this Pi's copy anew, and keeps what lay there", async () => {
      const { status, output } = await apply("refill_brick");
      expect(status, output).toBe(0);
      expect(told(host)).toEqual(ANEW);
      const [folder, aside = ""] = readdirSync(host.at(dirname(BRICK)));
      expect(folder).toBe("gv0");
      expect(aside).toMatch(/^gv0\.\d{8}T\d{6}Z$/);
      expect(output).toContain(`the old copy lies in ${dirname(BRICK)}/${aside} on pi1`);
      expect(host.read(`${dirname(BRICK)}/${aside}/index.html`)).toBe("content");
      expect(host.list(BRICK)).toEqual([]);
    });

    it("ends what serves the folder before it moves it", async () => {
      expect((await apply(`${SERVED}refill_brick`)).output).toContain("is being served");
      expect(inTheFolder()).toEqual(["gv0", "gv0/index.html"]);
      host.write("/run/then-told", "rm -f /run/served");
      const { status, output } = await apply(`${SERVED}refill_brick`);
      expect(status, output).toBe(0);
      expect(host.list(BRICK)).toEqual([]);
    });

    it("asks again when its own process has ended, and has it serve again where the other one has, too", async () => {
      host.write("/run/then-told", "touch /run/silent-2");
      host.command("systemctl", "echo $@ >>/run/systemctl");
      const { status, output } = await apply("full_wait=1 start_wait=1; refill_brick");
      expect(output).toContain(KEPT);
      expect(status).toBe(65);
      expect(told(host)).toEqual(ANEW.slice(0, 1));
      expect(inTheFolder()).toEqual(["gv0", "gv0/index.html"]);
      expect(host.read("/run/systemctl")).toContain("restart glusterd.service");
    });

    it("ends nothing where the other copy is known to be full by this one alone", async () => {
      rmSync(host.at("/run/silent-1"));
      note(2, "1002 1");
      const { status, output } = await apply("refill_brick");
      expect(output).toContain(`${name(1)} is about to be stopped, and may have what ${name(2)} lacks`);
      expect(status).toBe(65);
      expect(told(host)).toEqual([]);
    });

    it("ends nothing where this copy has more, whatever the other one noted", async () => {
      rmSync(host.at("/run/silent-1"));
      heals({ 1: ["/www/a"] }, 2);
      accuses(1, "/www/a", 2);
      const { output } = await apply("refill_brick");
      expect(output).toContain(`${name(1)} has what ${name(2)} lacks`);
      expect(told(host)).toEqual([]);
    });

    it("ends nothing where of three one is away: the other one alone would serve nothing", async () => {
      rmSync(host.at("/run/silent-1"));
      glusterdKnows(host, pool(THREE, [3]));
      const { status, output } = await apply("refill_brick");
      expect(output).toContain(KEPT);
      expect(status).toBe(65);
      expect(told(host)).toEqual([]);
    });

    it("moves no empty folder aside, and makes a missing one", async () => {
      rmSync(host.at(BRICK), { recursive: true });
      expect((await apply("refill_brick")).status).toBe(0);
      expect(inTheFolder()).toEqual(["gv0"]);
      expect((await apply("refill_brick")).status).toBe(0);
      expect(inTheFolder()).toEqual(["gv0"]);
      expect(told(host)).toEqual([...ANEW, ...ANEW]);
    });
  });

  it.each([
    ["by a process that no client finds", "echo 999999999 glusterfsd --brick-name $brick -l x >/run/old; "],
    ["by the one that clients find", SERVED],
  ])("move_aside leaves a folder that is being served %s where it is", async (_, first) => {
    glusterdKnows(host, pool(TWO));
    const before = inTheFolder();
    const { status, output } = await apply(`${first}move_aside`);
    expect(output).toContain(`the brick ${BRICK} is being served, so it is not moved aside`);
    expect(status).toBe(65);
    untouched(before);
  });

  it("does not take another brick's process for one of this brick's", async () => {
    glusterdKnows(host, pool(TWO));
    host.write("/run/old", `999999999 /usr/sbin/glusterfsd --brick-name ${BRICK}2 -l /var/log/x.log\n`);
    expect((await apply("move_aside")).status).toBe(0);
  });

  describe("drop_old_copy", () => {
    const OTHERS: Pool = { ...pool([brick(2), brick(3)]), uuid: uuid(2), peers: [] };
    const drop = (): Promise<Run> => apply(`drop_old_copy ${address(2)}`, { address: address(1) });
    beforeEach(() => {
      glusterdKnows(host, { uuid: uuid(1) });
      glusterdKnows(host, OTHERS, address(2));
      mark();
    });

    it("moves the folder aside where the volume that it is a copy of is served", async () => {
      const { status, output } = await drop();
      expect(status, output).toBe(0);
      const [aside = "", ...rest] = readdirSync(host.at(dirname(BRICK)));
      expect(rest).toEqual([]);
      expect(host.read(`${dirname(BRICK)}/${aside}/index.html`)).toBe("content");
    });

    it.each<[string, () => void, string]>([
      ["another volume is served", () => mark(uuid(9)), "does not carry the mark of the volume"],
      [
        "no copy is served",
        () =>
          glusterdKnows(
            host,
            { ...OTHERS, volume: { id: ID, bricks: [{ uuid: uuid(2), name: name(2) }] } },
            address(2),
          ),
        "no copy of volume gv0 is served",
      ],
      [
        "the volume there counts on it, by the UUID that this Pi's glusterd has",
        () => glusterdKnows(host, { ...OTHERS, volume: pool(TWO).volume }, address(2)),
        `counts on ${BRICK}`,
      ],
      [
        "the volume there counts on it, by another UUID",
        () => {
          glusterdKnows(host, { uuid: uuid(8) });
          const peers = [{ uuid: uuid(1), names: [address(1)] }];
          glusterdKnows(host, { ...OTHERS, peers, volume: pool(TWO).volume }, address(2));
        },
        `counts on ${BRICK}`,
      ],
      [
        "the other Pi does not say which peers it has",
        () => host.delete(`/run/pool/${address(2)}/peers`),
        "does not say which peers it has",
      ],
      [
        "the other Pi does not answer, and the folder has no mark",
        () => {
          rmSync(host.at(`/run/pool/${address(2)}`), { recursive: true });
          rmSync(host.at(`${BRICK}/.attributes`), { recursive: true });
        },
        "does not carry the mark of the volume",
      ],
    ])("does nothing where %s", async (_, change, why) => {
      change();
      const before = inTheFolder();
      const { status, output } = await drop();
      expect(output).toContain(why);
      expect(status).toBe(65);
      untouched(before);
    });
  });

  describe("unmark", () => {
    beforeEach(() => mark());

    it("takes the mark off a folder whose volume is gone", async () => {
      glusterdKnows(host, { uuid: uuid(1) });
      expect((await apply("unmark")).status).toBe(0);
      expect(told(host)).toEqual([
        `setfattr -n trusted.afr.twopir-given-up -v ${ID} ${BRICK}`,
        `setfattr -x ${MARK} ${BRICK}`,
      ]);
    });

    it.each([true, false])("leaves it while the volume is there (glusterd runs: %s)", async (runs) => {
      host.write("/var/lib/glusterd/vols/gv0/info", "type=2\n");
      if (runs) glusterdKnows(host, pool(TWO));
      const before = inTheFolder();
      const { status, output } = await apply("unmark");
      expect(output).toContain(`the volume gv0 is still there, so the mark on ${BRICK} stays`);
      expect(status).toBe(65);
      untouched(before);
    });
  });

  describe("stop_volume and delete_volume", () => {
    it("leave what nobody knows to be full, also by the user's word for a copy that does not answer", async () => {
      glusterdKnows(host, pool(TWO, [2]));
      silent(2);
      const { status, output } = await apply("full_wait=1; stop_volume", { accept: address(2) });
      expect(output).toContain("the volume gv0 stays");
      expect(status).toBe(65);
      expect(told(host)).toEqual([]);
    });

    it("stop what has a full copy, and delete what is stopped", async () => {
      glusterdKnows(host, pool(TWO));
      expect((await apply("stop_volume")).status).toBe(0);
      expect((await apply("delete_volume")).output).toContain(
        "the volume gv0 is started, so it is not deleted",
      );
      expect(told(host)).toEqual(["volume stop gv0"]);
      glusterdKnows(host, pool(TWO, [], { status: "Stopped" }));
      expect((await apply("stop_volume; delete_volume")).status).toBe(0);
      expect(told(host)).toEqual(["volume stop gv0", "volume delete gv0"]);
    });

    it("leave what is not healed, but by the user's word", async () => {
      glusterdKnows(host, pool(TWO));
      accuses(1, "/www/a", 2);
      heals({ 1: ["/www/a"] }, 2);
      const { status, output } = await apply("heal_wait=1; stop_volume");
      expect(output).toContain("the volume gv0 stays, since one that answers is not known to be full");
      expect(status).toBe(65);
      expect(told(host)).toEqual([]);
      expect((await apply("stop_volume", { accept: address(1) })).status).toBe(0);
      expect(told(host)).toEqual(["volume stop gv0"]);
    });

    it("part what is away first, whose card keeps its copy", async () => {
      glusterdKnows(host, pool(TWO, [2]));
      heals({ 2: "-" }, 2);
      silent(2);
      note(1, process(1));
      expect((await apply("stop_volume")).status).toBe(0);
      expect(told(host)).toEqual([
        `volume remove-brick gv0 replica 1 ${name(2)} force`,
        `peer detach ${address(2)} force`,
        "volume stop gv0",
      ]);
    });
  });
});

describe("nothing goes past the gate", () => {
  /** The commands of a script: no comments, and not what a user is told to do. */
  const commands = (file: string): string =>
    readFileSync(join(PI, file), "utf8")
      .split("\n")
      .filter((line) => !/^\s*#|\bsudo\b/.test(line))
      .join("\n");

  it.each([
    /\bremove-brick\b/,
    /\breset-brick\b/,
    /\bpeer detach\b/,
    /\bvolume stop\b/,
    /\bvolume delete\b/,
    /\bsetfattr -x trusted\.glusterfs\.volume-id\b/,
    /\b(mv|rm|rmdir|find)\b[^\n|]*\$\{?brick\b(?!\/\.glusterfs)/,
  ])("%s is in gate.sh alone", (command) => {
    const files = readdirSync(PI, { recursive: true, encoding: "utf8" });
    const having = files.filter((file) => statSync(join(PI, file)).isFile() && command.test(commands(file)));
    expect(having).toEqual(["library/gate.sh"]);
  });
});
