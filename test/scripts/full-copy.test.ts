import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { statesOf } from "../../components/cluster";
import { fullCopyPart } from "../../components/full-copy";
import type { Part } from "../../components/part";
import { given } from "../../remote/state";
import { canIsolate, Host } from "./host";
import {
  address,
  attributeStandIns,
  BRICK,
  brick,
  glusterdKnows,
  glusterStandIn,
  healInfo,
  name,
  servingStandIn,
  setAttribute,
  told,
  uuid,
} from "./pool";

const NOTE = "trusted.afr.twopir-full";

describe.skipIf(!canIsolate)("programs/full-copy.sh", () => {
  let host: Host;

  // The stand-in for sleep ends the service after so many beats, and changes the world before some of them.
  beforeEach(() => {
    host = new Host();
    glusterStandIn(host);
    attributeStandIns(host);
    host.command(
      "sleep",
      `n=$(($(cat /run/beat) + 1))
echo "$n" >/run/beat
[ ! -e "/run/before-$n" ] || . "/run/before-$n"
[ "$n" -le "$(cat /run/beats)" ]`,
    );
    host.write("/run/link", "2: eth0@if7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500");
    host.write("/run/route", "");
    host.write("/run/neighbour", "");
    host.command(
      "ip",
      `case $* in
  "-4 -o address") echo '2: eth0    inet ${address(1)}/24 brd 192.168.0.255 scope global eth0' ;;
  "link show dev eth0") cat /run/link ;;
  "-4 route show default") cat /run/route ;;
  "-4 neighbour show 192.168.0.1") cat /run/neighbour ;;
esac`,
    );
    servingStandIn(host);
    mkdirSync(host.at(BRICK), { recursive: true });
    glusterdKnows(host, {
      uuid: uuid(1),
      peers: [{ uuid: uuid(2), names: [address(2)] }],
      volume: { id: uuid(9), bricks: [1, 2].map((n) => ({ uuid: uuid(n), name: name(n), port: 49150 + n })) },
    });
    mkdirSync(host.at("/mnt/gluster1/.meta/graphs"), { recursive: true });
    symlinkSync("gv0-1", host.at("/mnt/gluster1/.meta/graphs/active")); // as gluster has it
    for (const n of [1, 2]) connected(n);
    heals({});
  });
  afterEach(() => host.remove());

  /** Both bricks, with their processes. */
  const knows = (): void =>
    glusterdKnows(host, {
      uuid: uuid(1),
      peers: [{ uuid: uuid(2), names: [address(2)] }],
      volume: { id: uuid(9), bricks: [brick(1), brick(2)] },
    });
  const client = (n: number, file = "private"): string =>
    `/mnt/gluster1/.meta/graphs/gv0-1/gv0-client-${(n - 1).toString()}/${file}`;
  const connected = (n: number): void => {
    host.write(client(n, "options/remote-host"), `${address(n)}\n`);
    host.write(client(n, "options/remote-subvolume"), `${BRICK}\n`);
    host.write(client(n), "connected = 1\n");
  };
  const listed = (entries: Readonly<Record<number, readonly string[] | "-">>): string =>
    healInfo(Object.fromEntries([1, 2].map((n) => [name(n), entries[n] ?? []])));
  const heals = (entries: Readonly<Record<number, readonly string[] | "-">>): void =>
    host.write("/run/heal", listed(entries));

  /** Before which beat what changes. */
  const before = (beat: number, ...changes: readonly string[]): void =>
    host.write(`/run/before-${beat.toString()}`, changes.join("\n"));
  const away = `echo 'connected = 0' >${client(2)}`;
  const back = `echo 'connected = 1' >${client(2)}`;
  const waiting = (entries: Readonly<Record<number, readonly string[] | "-">>): string =>
    `printf '${listed(entries).replaceAll("\n", "\\n")}' >/run/heal`;

  const part = (): Part =>
    fullCopyPart({
      pi: { name: "pi1", address: address(1), user: "pi", storage: true, arbiter: false, drained: false },
      volume: { name: "gv0", mount: "/mnt/gluster1", brick: BRICK, clients: [], disconnect: false },
    });

  /** What was noted in so many beats: the note's text, or "gone". The service stands for the brick's process itself. */
  async function watch(beats: number): Promise<string[]> {
    const [state] = statesOf([part()]);
    if (state === undefined) throw new Error("no state");
    host.hurry(/again|late/, 0);
    host.write(`/var/lib/twopir/states/${state.name}`, given(state));
    host.write("/run/beat", "0");
    host.write("/run/beats", beats.toString());
    const start = `PATH=/usr/local/sbin:$PATH; exec 7<${BRICK}; echo $$ >/run/served\n`;
    const { output } = await host.run("apply", `${start}exec twopir run full-copy\n`);
    expect(output).toBe("");
    const self = host.read("/run/served").trim();
    return told(host)
      .filter((line) => !line.includes("trusted.afr.twopir-alone")) // what a boot is judged by goes with the note
      .map((line) =>
        line
          .replace(`setfattr -x ${NOTE} ${BRICK}`, "gone")
          .replace(`setfattr -n ${NOTE} -v ${self} 49151 ${BRICK}`, "noted"),
      );
  }

  it("goes where this brick answers nobody and the other one does, as while its disk hangs", async () => {
    before(3, `echo 'connected = 0' >${client(1)}`);
    expect(await watch(4)).toEqual(["gone", "noted", "gone", "gone"]);
  });

  it("stays where glusterd says nothing for a moment", async () => {
    before(3, away, "cp /run/pool/here/info /run/info && : >/run/pool/here/info");
    before(5, "cp /run/info /run/pool/here/info");
    expect(await watch(6)).toEqual(["gone", "noted"]);
  });

  it("notes once that all is healed, after a former note is gone", async () => {
    setAttribute(host, BRICK, NOTE, "1 49151");
    expect(await watch(4)).toEqual(["gone", "noted"]);
  });

  it("notes nothing while the other brick lists something that this one may lack", async () => {
    heals({ 2: ["/www/a"] });
    expect(await watch(5)).not.toContain("noted");
    heals({ 2: ["<gfid:5b1f6a8e-2c43-4f6a-8f5b-6a1e0c9d7b42>"] });
    expect(await watch(5)).not.toContain("noted");
  });

  it("notes it while the other brick is what lacks something", async () => {
    heals({ 1: ["/www/a"] });
    expect((await watch(2)).at(-1)).toBe("noted");
  });

  it.each<[string, () => void]>([
    ["gluster does not say what waits", () => host.delete("/run/heal")],
    ["gluster says that the other brick is off", () => heals({ 2: "-" })],
    ["gluster says it of one brick alone", () => host.write("/run/heal", healInfo({ [name(1)]: [] }))],
    ["glusterd does not answer", () => rmSync(host.at("/run/pool/here"), { recursive: true })],
    ["the mount is connected to nothing", () => [1, 2].forEach((n) => host.delete(client(n)))],
    ["the mount is not connected to the other brick", () => host.write(client(2), "connected = 0\n")],
    ["no process serves the brick", () => host.command("ss", "")],
  ])("notes nothing where %s", async (_, change) => {
    change();
    expect(await watch(5)).not.toContain("noted");
  });

  it("keeps the note while the other one is away", async () => {
    before(3, away);
    expect(await watch(8)).toEqual(["gone", "noted"]);
  });

  it("forgets it when they meet again", async () => {
    before(3, away);
    before(5, back, waiting({ 2: ["/www/a"] }));
    expect(await watch(6)).toEqual(["gone", "noted", "gone"]);
  });

  it("notes it again when all is healed after that", async () => {
    before(3, away);
    before(5, back, waiting({ 2: ["/www/a"] }));
    before(7, waiting({}));
    expect(await watch(7)).toEqual(["gone", "noted", "gone", "noted"]);
  });

  it.each([
    ["has no link", "echo '2: eth0@if7: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500' >/run/link"],
    [
      "does not find its router",
      `echo 'default via 192.168.0.1 dev eth0' >/run/route; echo '192.168.0.1 dev eth0 FAILED' >/run/neighbour`,
    ],
  ])("forgets when this Pi %s, since the other one may be written to then", async (_, cut) => {
    before(3, `${away}; ${cut}`);
    expect((await watch(7)).slice(0, 3)).toEqual(["gone", "noted", "gone"]);
  });

  it("keeps the note while the other one is away and the router is there", async () => {
    host.write("/run/route", "default via 192.168.0.1 dev eth0");
    host.write("/run/neighbour", "192.168.0.1 dev eth0 lladdr 02:00:00:00:00:01 STALE");
    before(3, away);
    expect(await watch(7)).toEqual(["gone", "noted"]);
  });

  it("forgets at once when they meet again, even if all seems healed", async () => {
    before(3, away);
    before(5, back);
    expect(await watch(6)).toEqual(["gone", "noted", "gone", "noted"]);
  });

  it("bears what waits for a moment, as a file does that is being written", async () => {
    before(3, waiting({ 2: ["/www/a"] }));
    before(5, waiting({}));
    expect(await watch(8)).toEqual(["gone", "noted"]);
  });

  it("forgets where something waits for longer", async () => {
    before(3, waiting({ 2: ["/www/a"] }));
    expect((await watch(5)).slice(0, 3)).toEqual(["gone", "noted", "gone"]);
  });

  it("has no note of three copies", async () => {
    connected(3);
    setAttribute(host, BRICK, NOTE, "1 49151");
    expect([...new Set(await watch(5))]).toEqual(["gone"]);
    rmSync(dirname(host.at(client(3))), { recursive: true });
    expect((await watch(5)).at(-1)).toBe("noted");
  });

  describe("a time of change", () => {
    const TIMES = "trusted.glusterfs.mdata";
    /** Version, flags, then seconds and nanoseconds of ctime, mtime and atime. */
    const times = (seconds: string): string =>
      `0x010000000000000000${seconds}00000000${"0000000065a1b2c312345678".repeat(2)}`;
    const given = async (): Promise<string[]> => {
      host.command("chmod", 'echo "chmod $*" >>/run/chmod');
      await watch(2);
      return existsSync(host.at("/run/chmod"))
        ? host
            .read("/run/chmod")
            .trimEnd()
            .replace(/\/\.(?=\/|$)/gm, "")
            .split("\n")
        : [];
    };
    beforeEach(() => {
      for (const at of [BRICK, "/mnt/gluster1"])
        mkdirSync(host.at(`${at}/www`), { recursive: true, mode: 0o755 });
    });

    it("is given to what has none, the root or what lies in it", async () => {
      setAttribute(host, BRICK, TIMES, times("0000000000000000"));
      setAttribute(host, `${BRICK}/www`, TIMES, times("0000000000000000"));
      expect([...new Set(await given())].sort()).toEqual([
        "chmod 755 /mnt/gluster1",
        "chmod 755 /mnt/gluster1/www",
      ]);
    });
    it("is given to a folder deeper down when the copies are compared, whatever its name", async () => {
      const path = "www/a/b c\\d";
      for (const at of [BRICK, "/mnt/gluster1"]) mkdirSync(host.at(`${at}/${path}`), { recursive: true });
      chmodSync(host.at(`/mnt/gluster1/${path}`), 0o750);
      setAttribute(host, `${BRICK}/${path}`, TIMES, times("0000000000000000"));
      expect([...new Set(await given())]).toEqual([`chmod 750 /mnt/gluster1/${path}`]);
    });
    it("is left as it is where there is one", async () => {
      setAttribute(host, BRICK, TIMES, times("0000000065a1b2c3"));
      expect(await given()).toEqual([]);
    });
    it("is not given while the bricks are parted, which would make a split brain of it", async () => {
      setAttribute(host, BRICK, TIMES, times("0000000000000000"));
      host.write(client(2), "connected = 0\n");
      expect(await given()).toEqual([]);
    });
  });

  it("tells of a copy that is known to differ, and ends an up that finds it so", async () => {
    const [state] = statesOf([part()]);
    if (state === undefined) throw new Error("there is no state");
    host.command("systemctl", "");
    const differs = `this copy and ${name(2)} differ, as in /www/a b, and gluster knows of nothing to heal`;
    const note = (port: string): void =>
      setAttribute(host, BRICK, "trusted.afr.twopir-differs", `49151 ${uuid(2)} ${port} /www/a b`);
    expect((await host.check(state)).output).not.toContain("differ,");
    knows();
    note("49152");
    expect((await host.check(state)).output).toContain(`symptom: ${differs}\n`);
    const { status, output } = await host.run("apply", state);
    expect(output).toContain(
      `${differs}. Look which of the two is right, set twopir:volume.acceptCopy to its Pi`,
    );
    expect(status).toBe(65);
    note("4711"); // the other one was made anew since
    expect((await host.check(state)).output).not.toContain("differ,");
  });

  it("tells that the copies have not been compared for days", async () => {
    const [state] = statesOf([part()]);
    if (state === undefined) throw new Error("there is no state");
    host.command("systemctl", "");
    const said = /since \d{4}-\d\d-\d\d nobody could compare this copy with the next one/;
    const of = async (days: number): Promise<boolean> => {
      const then = Date.now() / 1000 - days * 86_400;
      utimesSync(host.at("/run/twopir-compared"), then, then);
      return said.test((await host.check(state)).output);
    };
    await watch(2);
    expect(await of(0)).toBe(false);
    expect(await of(2.9)).toBe(false);
    expect(await of(3.1)).toBe(true);
    host.write(client(2), "connected = 0\n"); // with the other Pi off there is nothing to compare
    await watch(2);
    expect(existsSync(host.at("/run/twopir-compared"))).toBe(false);
  });

  it("leaves the note when it goes: the gate needs it until the volume is stopped", async () => {
    const [state] = statesOf([part()]);
    if (state === undefined) throw new Error("there is no state");
    host.command("systemctl", "");
    setAttribute(host, BRICK, NOTE, "1 49151");
    const { status, output } = await host.run("remove", state);
    expect({ status, output }).toEqual({ status: 0, output: "" });
    expect(told(host)).toEqual([]);
  });
});
