import { linkSync, mkdirSync, symlinkSync, utimesSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pi } from "../../components/args";
import { statesOf } from "../../components/cluster";
import { volumePart } from "../../components/volume";
import type { State } from "../../remote/state";
import { canIsolate, Host, type Run } from "./host";
import { glusterdKnows, glusterStandIn, singleBricks } from "./pool";

const pi = (n: number): Pi => ({
  name: `pi${n.toString()}`,
  address: `192.168.0.12${n.toString()}`,
  user: "pi",
  storage: true,
  arbiter: false,
  drained: false,
});

const uuid = (n: number): string => `0000000${n.toString()}-781a-4e04-8f67-8eba9a201867`;

const state = (splitBrain: string): State => {
  const part = volumePart({
    volume: { name: "gv0", mount: "/mnt/gluster1", brick: "/mnt/own", clients: [], disconnect: false },
    pis: [pi(1), pi(2), pi(3)],
    leader: pi(1),
    failover: 1,
    splitBrain,
  });
  const found = statesOf([part]).find(({ name }) => name === "gv0-no-split-brain");
  if (found === undefined) throw new Error("no such state");
  return found;
};

describe.skipIf(!canIsolate)("split-brain.sh", () => {
  let host: Host;

  // Three folders stand for the bricks: one thing on two of them is a file with two names. The mount cannot read what is
  // another thing on another brick, and what is made there is made in each brick.
  beforeEach(() => {
    host = new Host();
    host.command("findmnt", "echo /mnt/gluster1");
    host.command("systemctl", "");
    host.command("getfattr", "");
    glusterStandIn(host);
    bricksAt((n) => pi(n).address);
    host.command("ip", `echo '2: eth0    inet ${pi(1).address}/24 brd 192.168.0.255 scope global eth0'`);
    singleBricks(host);
    host.command(
      "stat",
      `case \${*: -1} in
  /mnt/gluster1/*) [ "$(cd /mnt/bricks && find [123]"\${1#/mnt/gluster1}" -maxdepth 0 -printf '%i\\n' 2>/dev/null | sort -u | wc -l)" = 1 ] ;;
  *) exec /usr/bin/stat "$@" ;;
esac`,
    );
    host.command(
      "mkdir",
      `case \${*: -1} in
  /mnt/gluster1/*) cd /mnt/bricks && for n in 1 2 3; do /usr/bin/mkdir -p "$n\${2#/mnt/gluster1}"; done ;;
  *) exec /usr/bin/mkdir "$@" ;;
esac`,
    );
    mkdirSync(host.at("/mnt/gluster1/www"), { recursive: true });
    mkdirSync(host.at("/mnt/own/.glusterfs/indices/xattrop"), { recursive: true });
    for (const n of [1, 2, 3]) mkdirSync(host.at(`/mnt/bricks/${n.toString()}/www`), { recursive: true });
    host.write("/mnt/own/.glusterfs/indices/xattrop/a-file", "");
    host.write("/run/heal", "Brick 192.168.0.121:/mnt/own\n/www\nStatus: Connected\n\n");
  });
  afterEach(() => host.remove());

  /** What the volume calls the Pis that its bricks are on. */
  function bricksAt(called: (n: number) => string): void {
    glusterdKnows(host, {
      uuid: uuid(1),
      peers: [2, 3].map((n) => ({ uuid: uuid(n), names: [called(n), pi(n).address] })),
      volume: {
        id: uuid(9),
        bricks: [1, 2, 3].map((n) => ({ uuid: uuid(n), name: `${called(n)}:/mnt/own` })),
      },
    });
  }

  /** What each of the three bricks has at a path below www; "same": what the one before it has; "": nothing. */
  function bricks(name: string, ...kinds: readonly string[]): void {
    kinds.forEach((kind, i) => {
      const path = `/mnt/bricks/${(i + 1).toString()}/www/${name}`;
      mkdirSync(dirname(host.at(path)), { recursive: true });
      if (kind === "file") host.write(path, `of pi${(i + 1).toString()}\n`);
      if (kind === "folder") host.write(`${path}/inner`, `of pi${(i + 1).toString()}\n`);
      if (kind === "link") symlinkSync("nowhere", host.at(path));
      if (kind === "same") linkSync(host.at(`/mnt/bricks/${i.toString()}/www/${name}`), host.at(path));
    });
  }

  const apply = async (choice: string): Promise<Run> => {
    const run = await host.run("apply", state(choice));
    expect(host.list("run/twopir")).toEqual([]); // no brick stays mounted
    return run;
  };

  it("asks gluster nothing where nothing waits to be healed", async () => {
    host.delete("/mnt/own/.glusterfs/indices/xattrop/a-file");
    host.write("/mnt/own/.glusterfs/indices/xattrop/xattrop-0", "");
    bricks("name", "file", "file");
    expect(await host.check(state("report"))).toEqual({ status: 0, changes: [], output: "" });
  });

  it("names what each Pi has, and passes over what is one thing or is there once", async () => {
    bricks("a", "file", "folder", "link");
    bricks("b c", "file", "same", "file");
    bricks("d\ne", "folder", "folder");
    bricks("fine", "file", "same", "same");
    bricks("healing", "", "file");
    const before = host.list("mnt");
    const { status, changes } = await host.run("check", state("pi1"));
    expect(status).toBe(0);
    expect(changes).toEqual([
      "/www/a is in split brain: a file on pi1, a folder on pi2, a link on pi3",
      "/www/b c is in split brain: a file on pi1, the same on pi2, another file on pi3",
      "/www/d?e is in split brain: a folder on pi1, another folder on pi2",
    ]);
    expect(host.list("mnt")).toEqual(before);
    expect(host.list("run/twopir")).toEqual([]);
  });

  it("does not choose", async () => {
    bricks("a", "file", "folder");
    const { status, output } = await apply("report");
    expect(status).toBe(65);
    expect(output).toContain("compare them (/mnt/own/www/a on each Pi), then set twopir:splitBrain");
    expect(host.list("mnt/bricks/2/www/a")).toEqual(["inner"]);
  });

  it("lets the named Pi keep the name, and moves the other things aside, each once", async () => {
    bricks("a", "folder", "folder");
    bricks("b", "file", "file", "same");
    const { status, output } = await apply("pi1");
    expect(status, output).toBe(0);
    expect(host.read("/mnt/bricks/1/www/a/inner")).toBe("of pi1\n");
    expect(host.read("/mnt/bricks/1/www/b")).toBe("of pi1\n");
    const aside =
      /\/www\/a of pi2 goes to \/mnt\/gluster1(\/aside-\w+)\/pi2\/www\/a:/.exec(output)?.[1] ?? "";
    expect(host.read(`/mnt/bricks/2${aside}/pi2/www/a/inner`)).toBe("of pi2\n");
    for (const n of [2, 3])
      expect(host.read(`/mnt/bricks/${n.toString()}${aside}/pi2/www/b`)).toBe("of pi2\n"); // one thing, one place
    expect(host.read("/run/told")).toContain("volume heal gv0");
    expect((await host.run("check", state("report"))).changes).toEqual([]);
  });

  it("knows a Pi by its address where the volume has its brick under another name", async () => {
    bricksAt((n) => `raspberry12${n.toString()}`);
    host.command("getent", "exit 2");
    bricks("a", "folder", "file", "same");
    const { status, output } = await apply("pi2");
    expect(status, output).toBe(0);
    expect(output).toMatch(/\/www\/a of pi1 goes to /);
    expect(host.read("/mnt/bricks/2/www/a")).toBe("of pi2\n");
    expect(host.list("mnt/bricks/1/www")).toEqual([]);
  });

  it("lets what was changed last keep the name, of a folder whatever is in it", async () => {
    bricks("a", "folder", "file");
    await new Promise((resolve) => setTimeout(resolve, 20));
    utimesSync(host.at("/mnt/bricks/1/www/a/inner"), 0, 0); // the time of change is now
    expect((await apply("newest")).status).toBe(0);
    expect(host.list("mnt/bricks/1/www/a")).toEqual(["inner"]);
    expect(host.list("mnt/bricks/2/www")).toEqual([]);
  });

  it("changes nothing where the named Pi has nothing there, or does not answer", async () => {
    bricks("a", "file", "folder");
    expect((await apply("pi3")).output).toContain("pi3 has nothing at /www/a");
    host.write("/run/silent-3", "");
    expect((await apply("pi3")).output).toContain("the brick of pi3 does not answer");
    expect(host.list("mnt/bricks/2/www")).toEqual(["a", "a/inner"]);
  });

  it("does not pass over a folder that it cannot compare", async () => {
    bricks("a", "file", "folder");
    for (const n of ["2", "3"]) host.write(`/run/silent-${n}`, "");
    const { status, output } = await host.run("check", state("report"));
    expect(status).toBe(65);
    expect(output).toContain("nobody can tell which names in /www are in split brain");
  });

  it("clears away what a killed run left mounted, and empties no brick", async () => {
    bricks("a", "file", "folder");
    mkdirSync(host.at("/run/twopir/bricks-999999999/0"), { recursive: true });
    host.command("umount", "exit 1");
    await host.run("check", state("report"));
    expect(host.read("/mnt/bricks/2/www/a/inner")).toBe("of pi2\n");
    host.delete("/usr/local/sbin/umount");
    await host.run("check", state("report"));
    expect(host.list("run/twopir").filter((path) => path.startsWith("bricks-999999999"))).toEqual([]);
  });
});
