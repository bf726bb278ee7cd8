import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canIsolate, Host } from "./host";
import {
  address,
  BRICK,
  brick,
  glusterdKnows,
  glusterStandIn,
  healInfo,
  name,
  servingStandIn,
  singleBricks,
  type Brick,
  uuid,
} from "./pool";

const DIFFERS = "trusted.afr.twopir-differs";
const VOLUME = "/mnt/gluster1";
const SECOND = "/mnt/bricks/2";

/** Two bricks of this Pi stand for those of two Pis, with the attributes that gluster gives what is in them. */
describe.skipIf(!canIsolate)("compare.sh", () => {
  let host: Host;

  const attribute = (path: string, key: string, value: string): void =>
    void execFileSync("setfattr", ["-h", "-n", key, "-v", value, host.at(path)]);
  const noAttribute = (path: string, key: string): void =>
    void execFileSync("setfattr", ["-h", "-x", key, host.at(path)]);
  const knows = (...bricks: readonly Brick[]): void =>
    glusterdKnows(host, {
      uuid: uuid(1),
      peers: [2, 3].map((n) => ({ uuid: uuid(n), names: [address(n)] })),
      volume: { id: uuid(9), bricks },
    });
  const heals = (listed: Readonly<Record<number, readonly string[] | "-">>): void =>
    host.write("/run/heal", healInfo(Object.fromEntries([1, 2].map((n) => [name(n), listed[n] ?? []]))));
  const mtime = (seconds: string): string =>
    `0x0100000000000000000000000065a1b2c312345678${seconds}123456780000000065a1b2c312345678`;
  /** What a brick has by gluster's doing, the same on both. */
  function given(at: string): void {
    for (const path of readdirSync(host.at(at), { recursive: true, encoding: "utf8" })) {
      attribute(join(at, path), "trusted.gfid", `0x${createHash("md5").update(path).digest("hex")}`);
      if (!path.endsWith("link"))
        attribute(join(at, path), "trusted.glusterfs.mdata", mtime("0000000065a1b2c3"));
    }
  }

  beforeEach(() => {
    host = new Host();
    glusterStandIn(host);
    servingStandIn(host);
    singleBricks(host);
    host.command("sleep", "[ ! -e /run/meanwhile ] || . /run/meanwhile");
    mkdirSync(host.at(VOLUME), { recursive: true });
    mkdirSync(host.at("/mnt/bricks/1"), { recursive: true }); // who walks there would give a gfid to what has none
    for (const at of [BRICK, SECOND]) {
      host.write(`${at}/www/a`, "same");
      host.write(`${at}/www/sub/b c`, "same");
      host.write(`${at}/www/sub/M\u00e4rz\n\\1`, "same");
      symlinkSync("a", host.at(`${at}/www/link`));
      given(at);
      host.write(`${at}/.glusterfs/indices/own`, at);
      host.write(`${at}/turn`, at);
    }
    knows(brick(1), brick(2));
    heals({});
  });
  afterEach(() => host.remove());

  const second = (path: string): string => host.at(`${SECOND}${path}`);
  const LIST_OF_SECOND = `(my_uuid() { echo ${uuid(2)}; }; brick=${SECOND}; write_list)`;
  const parameters = { volume: "gv0", brick: BRICK, mount_point: VOLUME };

  /** The test's script stands for the process that serves this Pi's brick. */
  async function compared(lists = `${LIST_OF_SECOND}; write_list`): Promise<string> {
    const run = `${lists}; status=0; compare_copies || status=$?; say $status`;
    const { status, output } = await host.run(
      "apply",
      host.script(`use compare\nwant() { exec 7<"$brick"; echo $BASHPID >/run/served; ${run}; }`, parameters),
    );
    expect(status, output).toBe(0);
    return output;
  }
  const noted = (): string =>
    existsSync(host.at(BRICK))
      ? execFileSync("bash", [
          "-c",
          `getfattr --only-values -n ${DIFFERS} "$0" 2>/dev/null || true`,
          host.at(BRICK),
        ])
          .toString()
          .replace(`49151 ${uuid(2)} 49152 `, "")
      : "";

  it("finds nothing where all is the same but times", async () => {
    utimesSync(second("/www/a"), 1, 1);
    utimesSync(second("/www/sub"), 1, 1);
    lutimesSync(second("/www/link"), 1, 1);
    attribute(`${SECOND}/www/a`, "trusted.glusterfs.mdata", mtime("0000000065a1b2c4"));
    attribute(`${SECOND}/www/sub`, "trusted.glusterfs.mdata", mtime("0000000065a1b2c4"));
    expect([await compared(), noted()]).toEqual(["0\n", ""]);
  });

  it.each<[string, string, () => void]>([
    [
      "another content of the same length",
      "/www/a",
      () => {
        host.write(`${SECOND}/www/a`, "sane");
        attribute(`${SECOND}/www/a`, "trusted.glusterfs.mdata", mtime("0000000065a1b2c4"));
      },
    ],
    ["another length", "/www/a", () => host.write(`${SECOND}/www/a`, "")],
    ["a file that is missing there", "/www/sub/b c", () => rmSync(second("/www/sub/b c"))],
    ["a file with an odd name", "/www/sub/M\u00e4rz", () => rmSync(second("/www/sub/M\u00e4rz\n\\1"))],
    [
      "a file that is missing here",
      "/www/new",
      () => {
        host.write(`${SECOND}/www/new`, "");
        given(SECOND);
      },
    ],
    ["a file here that gluster has never seen", "/www/new", () => host.write(`${BRICK}/www/new`, "")],
    ["one in the place of another here", "/www/a", () => noAttribute(`${BRICK}/www/a`, "trusted.gfid")],
    ["a folder that is missing", "/www/sub", () => rmSync(second("/www/sub"), { recursive: true })],
    ["another mode", "/www/a", () => chmodSync(second("/www/a"), 0o600)],
    ["another mode of a folder", "/www/sub", () => chmodSync(second("/www/sub"), 0o700)],
    ["another owner", "/www/a", () => chownSync(second("/www/a"), 33, 0)],
    ["another group", "/www/a", () => chownSync(second("/www/a"), 0, 33)],
    [
      "a link that leads elsewhere",
      "/www/link",
      () => {
        rmSync(second("/www/link"));
        symlinkSync("b", second("/www/link"));
        attribute(`${SECOND}/www/link`, "trusted.gfid", "0x11111111111111111111111111111111");
      },
    ],
    [
      "a file in the place of a folder",
      "/www/sub",
      () => {
        rmSync(second("/www/sub"), { recursive: true });
        host.write(`${SECOND}/www/sub`, "");
        given(SECOND);
      },
    ],
  ])("notes %s", async (_, path, change) => {
    change();
    expect(await compared()).toBe("1\n");
    expect(noted().split("\n")[0]).toBe(path);
  });

  it("leaves what was put into the other brick by hand to its own Pi, and never asks for it there", async () => {
    host.write(`${SECOND}/www/mine/page`, "");
    expect([await compared(), noted()]).toEqual(["0\n", ""]);
  });

  it("forgets what differs no more", async () => {
    attribute(BRICK, DIFFERS, "something");
    expect([await compared(), noted()]).toEqual(["0\n", ""]);
  });

  it("finds nothing in what differs for a moment, and does not know of what is still being written", async () => {
    const whole = "cp -p --preserve=all /mnt/brick/gv0/www/a /mnt/bricks/2/www/a";
    host.write(`${SECOND}/www/a`, "being written");
    host.write("/run/meanwhile", whole);
    expect([await compared(), noted()]).toEqual(["0\n", ""]);
    host.write(`${SECOND}/www/a`, "being written");
    host.write("/run/meanwhile", "echo more >>/mnt/bricks/2/www/a");
    attribute(BRICK, DIFFERS, "something");
    expect([await compared(), noted()]).toEqual(["1\n", "something"]);
  });

  it("does not take the first twenty for all", async () => {
    for (let n = 10; n < 31; n += 1) host.write(`${SECOND}/www/${n}`, "");
    given(SECOND);
    host.write("/run/meanwhile", "rm /mnt/bricks/2/www/1? /mnt/bricks/2/www/2?");
    attribute(BRICK, DIFFERS, "something");
    expect([await compared(), noted()]).toEqual(["1\n", "something"]);
  });

  it.each<[string, () => void]>([
    ["the other brick does not answer", () => host.write("/run/silent-2", "")],
    ["something waits to be healed", () => heals({ 1: ["/www/a"] })],
    ["gluster says that a brick is off", () => heals({ 2: "-" })],
    ["gluster does not say what waits", () => host.delete("/run/heal")],
    [
      "something begins to be healed meanwhile",
      () =>
        host.write(
          "/run/meanwhile",
          `printf '${healInfo({ [name(1)]: ["/a"], [name(2)]: [] }).replaceAll("\n", "\\n")}' >/run/heal`,
        ),
    ],
    [
      "the other one's process is replaced meanwhile",
      () => host.write("/run/meanwhile", `echo 4711 >/run/pool/${address(2)}/port`),
    ],
    ["the other copy is an arbiter's", () => knows(brick(1), { ...brick(2), arbiter: true })],
  ])("does not know where %s, and leaves what is noted", async (_, change) => {
    host.write(`${SECOND}/www/a`, "another");
    attribute(BRICK, DIFFERS, "something");
    change();
    expect([await compared(), noted()]).toEqual(["1\n", "something"]);
  });

  it("does not know where not all can be listed", async () => {
    host.command("find", '/usr/bin/find "$@"; [[ $* != *.trashcan* ]]');
    expect(await compared("write_list && say listed || say no")).toBe("no\n1\n");
  });

  it.each<[string, string]>([
    ["there is none", "write_list"],
    [
      "it was made before this Pi's process was started",
      `echo 4711 >/run/pool/${address(1)}/port; ${LIST_OF_SECOND}; echo 49151 >/run/pool/${address(1)}/port; write_list`,
    ],
    [
      "it was made by a former process of that one",
      `echo 4711 >/run/pool/${address(2)}/port; ${LIST_OF_SECOND}; echo 49152 >/run/pool/${address(2)}/port; write_list`,
    ],
    ["it is cut short", `${LIST_OF_SECOND}; truncate -s 40 ${VOLUME}/.copies/${uuid(2)}; write_list`],
  ])("does not know before the other one's list is there: %s", async (_, lists) => {
    expect(await compared(lists)).toBe("1\n");
  });
});
