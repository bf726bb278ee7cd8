import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pi } from "../../components/args";
import { statesOf } from "../../components/cluster";
import { releasesPart, sitePart } from "../../components/site";
import { stdin, type State } from "../../remote/state";
import { pack, type Release } from "../../operator/pack";
import { canIsolate, finished, Host } from "./host";
import { cluster } from "../unit/components/cluster";

const { volume, hostname, pis } = cluster(1);
const leader = pis[0] as Pi;
const RELEASES = "/mnt/gluster1/releases";
const HOME = "/var/lib/home";
const short = ({ id }: Release): string => id.slice(0, 12);

describe.skipIf(!canIsolate)("the site's releases on the volume", () => {
  let host: Host;
  let folder: string;
  let one: Release;

  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const packed = (): Promise<Release> => pack(join(folder, "site"), join(folder, "site.tar"));
  const states = (release: Release, keepReleases = 3): [release: State, config: State, history: State] =>
    statesOf([
      sitePart({ volume, hostname, serverNames: ["twopir"], leader, after: [], release }),
      releasesPart({ volume, release, keepReleases, leader, serving: [] }),
    ]) as [State, State, State];
  const arrive = (release: Release): void => {
    mkdirSync(host.at(HOME), { recursive: true });
    writeFileSync(host.at(`${HOME}/twopir-site.tar`), readFileSync(release.archive));
  };
  const unpack = (release: Release) => {
    arrive(release);
    return host.run("apply", states(release)[0]);
  };
  const publish = async (text: string): Promise<Release> => {
    write("site/index.html", text);
    const release = await packed();
    expect((await unpack(release)).status).toBe(0);
    expect((await host.run("apply", states(release)[2])).status).toBe(0);
    return release;
  };
  const at = (release: Release, name = ""): string => host.at(`${RELEASES}/${release.id}/${name}`);

  beforeEach(async () => {
    delete process.env.SUDO_USER; // the script asks for the home of the user who logged in
    host = new Host();
    host.command("findmnt", "[ ! -e /mnt/gluster1/mounted ] || echo /mnt/gluster1");
    host.write("/mnt/gluster1/mounted", "");
    host.write("/etc/passwd", `root:x:0:0::${HOME}:/bin/bash\n`);
    host.write("/etc/nsswitch.conf", "passwd: files\n");
    folder = mkdtempSync(join(tmpdir(), "twopir-release-"));
    write("site/index.html", "one\n");
    write("site/a b/-rf $(x).html", "odd\n");
    write('site/ünï "code"', "odd\n");
    symlinkSync("index.html", join(folder, "site/link.html"));
    one = await packed();
  });
  afterEach(() => {
    host.remove();
    rmSync(folder, { recursive: true });
  });

  describe("site-release.sh", () => {
    it("unpacks the archive, takes it away, and has nothing more to do then", async () => {
      const [release] = states(one);
      expect((await host.check(release)).changes).toEqual([
        `release ${short(one)} is not on the volume yet; it is the first`,
      ]);
      expect((await unpack(one)).status).toBe(0);
      expect(await host.check(release)).toEqual({ status: 0, changes: [], output: "" });
      expect(host.list(RELEASES)).toEqual(
        [
          "",
          "/contents",
          "/unpacked.conf",
          "/www",
          "/www/a b",
          "/www/a b/-rf $(x).html",
          "/www/index.html",
          "/www/link.html",
          '/www/ünï "code"',
        ].map((path) => `${one.id}${path}`),
      );
      expect(host.list(HOME)).toEqual([]);
      for (const entry of host.tree().filter((path) => path.includes("/www")))
        expect(entry).toMatch(/ (40755|100644|120777) /);
    });

    it("says which one is live, and since when", async () => {
      await publish("one\n");
      write("site/index.html", "two\n");
      const two = await packed();
      const [change] = (await host.check(states(two)[0])).changes;
      expect(change).toMatch(
        new RegExp(`^release ${short(two)} is not on the volume yet; live is ${short(one)} since 20.*Z$`),
      );
    });

    it("asks for room on the volume and in the user's home, before anything is sent", async () => {
      const [release] = states(one);
      host.command("df", "echo Avail; case $3 in /mnt/*) echo 49MB ;; *) echo 900MB ;; esac");
      mkdirSync(host.at(HOME), { recursive: true });
      expect((await host.check(release)).output).toContain(
        `refuse: release ${short(one)} needs 50 MB in /mnt/gluster1, and 49 MB are free there: make room, publish less`,
      );
      host.command("df", "echo Avail; case $3 in /mnt/*) echo 900MB ;; *) echo 49MB ;; esac");
      expect((await host.check(release)).output).toContain(`needs 50 MB in ${HOME}, and 49 MB`);
      host.command("df", "echo Avail; echo 50MB");
      expect((await host.check(release)).changes).toHaveLength(1);
      host.command("df", "exit 1"); // who cannot tell does not stand in the way
      expect((await host.check(release)).changes).toHaveLength(1);
    });

    it("leaves nothing where the card is full", async () => {
      host.command(
        "tar",
        'mkdir -p "$5" && echo half >"$5/half"; echo "tar: No space left on device" >&2; exit 2',
      );
      const { status, output } = await unpack(one);
      expect({ status, output }).toMatchObject({
        status: 65,
        output: expect.stringContaining("the release cannot be unpacked, so nothing was changed") as string,
      });
      expect(host.list(RELEASES)).toEqual([]);
    });

    it("gives a file of the same size another time, by which browsers see that it is another", async () => {
      const begin = Math.floor(Date.now() / 1000);
      await unpack(one);
      for (const name of ["www/index.html", "www/a b/-rf $(x).html"]) {
        const time = statSync(at(one, name)).mtimeMs / 1000;
        expect(time).toBeGreaterThanOrEqual(begin);
        expect(time).toBe(Math.floor(time)); // one time for all of them
      }
      utimesSync(at(one, "www/index.html"), 1, 1);
      expect((await host.check(states(one)[0])).changes).toEqual([
        `release ${short(one)} was altered by hand: index.html`,
      ]);
    });

    it.each<[string, (www: string) => void, string]>([
      ["another content", (www) => writeFileSync(`${www}/index.html`, "other\n"), "index.html"],
      ["a file less", (www) => rmSync(`${www}/a b/-rf $(x).html`), "a b/-rf $(x).html"],
      ["a file more", (www) => writeFileSync(`${www}/a b/more`, ""), "a b/more"],
      ["an empty folder more", (www) => mkdirSync(`${www}/more`), "more"],
      ["a folder less", (www) => rmSync(`${www}/a b`, { recursive: true }), "a b a b/-rf $(x).html"],
      ["nothing at all", (www) => rmSync(www, { recursive: true }), " a b a b/-rf $(x).html"],
    ])("finds %s, and puts it right with another archive", async (_, alter, names) => {
      const [release] = states(one);
      await unpack(one);
      alter(at(one, "www"));
      expect((await host.check(release)).changes).toEqual([
        `release ${short(one)} was altered by hand: ${names}`,
      ]);
      expect((await unpack(one)).status).toBe(0);
      expect((await host.check(release)).changes).toEqual([]);
      expect(host.list(RELEASES).filter((path) => !path.includes("/"))).toEqual([one.id]);
    });

    it.each<[string, (archive: string) => void, string]>([
      ["no archive", (archive) => rmSync(archive), "has not arrived"],
      [
        "half an archive",
        (archive) => writeFileSync(archive, readFileSync(archive).subarray(0, 2048)),
        "damaged",
      ],
      ["another one", (archive) => writeFileSync(archive, "x"), "arrived damaged, so nothing was changed"],
    ])("refuses %s, and leaves everything as it was", async (_, spoil, says) => {
      await publish("one\n");
      const before = host.list("mnt/gluster1");
      write("site/index.html", "two\n");
      const two = await packed();
      arrive(two);
      spoil(host.at(`${HOME}/twopir-site.tar`));
      const { status, output } = await host.run("apply", states(two)[0]);
      expect(status).toBe(65);
      expect(output).toContain(says);
      expect(output).toContain("run pulumi up again");
      expect(host.list("mnt/gluster1")).toEqual(before);
    });

    it.each(["sha256sum", "tar", "find", "sync", "mv"])(
      "leaves what is live as it was, killed at %s, and does it again",
      async (command) => {
        await publish("one\n");
        write("site/index.html", "two\n");
        const two = await packed();
        arrive(two);
        host.command(command, "kill -KILL $PPID; sleep 1");
        const { status } = await finished(host.start("apply", stdin(states(two)[0])));
        expect(status).not.toBe(0);
        expect(readFileSync(at(one, "www/index.html"), "utf8")).toBe("one\n");
        expect(host.list(RELEASES)).not.toContain(two.id);
        rmSync(host.at(`/usr/local/sbin/${command}`));
        expect((await host.run("apply", states(two)[0])).status).toBe(0);
        expect((await host.check(states(two)[0])).changes).toEqual([]);
      },
    );

    it("is not taken for altered, nor for missing, where it cannot be read", async () => {
      await publish("one\n");
      const before = host.list("mnt/gluster1");
      arrive(one);
      host.command("find", "/usr/bin/find \"$@\"; echo 'find: x: Input/output error' >&2; exit 1");
      const { status, changes, output } = await host.run("apply", states(one)[0]);
      expect({ status, changes }).toEqual({ status: 65, changes: [] });
      expect(output).toContain("cannot be read whole, so it stays as it is");
      rmSync(host.at("/usr/local/sbin/find"));
      write("site/index.html", "two\n");
      const two = await packed();
      arrive(two);
      host.cannotRead(`${RELEASES}/${two.id}`);
      expect(await host.run("apply", states(two)[0])).toMatchObject({ status: 65, changes: [] });
      expect(host.list("mnt/gluster1")).toEqual(before);
    });

    it("clears away an archive that nobody needs any more", async () => {
      await unpack(one);
      arrive(one);
      expect((await host.check(states(one)[0])).output).toContain(
        "mend: an archive is left that nobody needs",
      );
      await host.run("apply", states(one)[0]);
      expect(host.list(HOME)).toEqual([]);
      expect((await host.check(states(one)[0])).changes).toEqual([]);
    });
  });

  describe("site-history.sh", () => {
    it("keeps the live one and the three before it, in the order in which they were live", async () => {
      const two = await publish("two\n");
      const three = await publish("three\n");
      await publish("two\n");
      const four = await publish("four\n");
      const five = await publish("five\n");
      expect(host.list(RELEASES).filter((path) => !path.includes("/"))).toEqual(
        [two, three, four, five]
          .map(({ id }) => id)
          .concat("history")
          .sort(),
      );
      const lines = host.read(`${RELEASES}/history`).trim().split("\n");
      expect(lines.map((line) => line.split(" ")[1])).toEqual(
        [two, three, two, four, five].map(({ id }) => id),
      );
      expect((await host.check(states(five)[2])).changes).toEqual([]);
    });

    it("keeps as many as are asked for, or the live one alone", async () => {
      for (const text of ["one\n", "two\n", "three\n"]) await publish(text);
      const left = (): number => host.list(RELEASES).filter((path) => /^[0-9a-f]{64}$/.test(path)).length;
      for (const keep of [1, 0]) {
        const four = await packed();
        expect((await host.run("apply", states(four, keep)[2])).status).toBe(0);
        expect(left()).toBe(keep + 1);
      }
      expect(host.read(at(await packed(), "www/index.html").slice(host.at("/").length - 1))).toBe("three\n");
    });

    it("does not take a history that cannot be read for none, and a release with it away", async () => {
      await publish("one\n");
      const [, , history] = states(await publish("two\n"));
      const before = host.list("mnt/gluster1");
      host.command("cat", 'echo "cat: $1: Input/output error" >&2; exit 1');
      expect(await host.run("apply", history)).toMatchObject({ status: 65, changes: [] });
      rmSync(host.at("/usr/local/sbin/cat"));
      const text = host.read(`${RELEASES}/history`);
      rmSync(host.at(`${RELEASES}/history`));
      host.cannotRead(`${RELEASES}/history`);
      expect(await host.run("apply", history)).toMatchObject({ status: 65, changes: [] });
      host.write(`${RELEASES}/history`, text);
      expect(host.list("mnt/gluster1")).toEqual(before);
    });

    it("removes what a killed run left, and nothing that is not a release", async () => {
      await publish("one\n");
      const dead = "0123456789abcdef".repeat(4);
      for (const name of [`${dead}.new`, `${dead}.old`, "mine", `${dead}x`, `${dead}.new.d`, "a b", "-rf"])
        host.write(`${RELEASES}/${name}/file`, "");
      host.write(`${RELEASES}/${dead}`, "a file");
      symlinkSync("/mnt/gluster1/mounted", host.at(`${RELEASES}/${dead.replace("0", "f")}`));
      const [, , history] = states(one);
      expect((await host.check(history)).changes).toEqual(
        ["new", "old"].map((end) => `release 0123456789ab.${end} is superfluous`),
      );
      await host.run("apply", history);
      expect(host.list(RELEASES).filter((path) => !path.includes("/"))).toEqual(
        [
          "-rf",
          "a b",
          dead,
          `${dead}.new.d`,
          `${dead}x`,
          dead.replace("0", "f"),
          "history",
          "mine",
          one.id,
        ].sort(),
      );
    });
  });

  it("are not touched where their folder is a link to another place", async () => {
    host.write(`/mnt/else/${"0".repeat(64)}.new/file`, "");
    symlinkSync("/mnt/else", host.at(RELEASES));
    const before = host.list("mnt/else");
    for (const state of [states(one)[0], states(one)[2]]) {
      arrive(one);
      const { status, output } = await host.run("apply", state);
      expect(status).toBe(65);
      expect(output).toContain(`${RELEASES} is a link: move it away`);
    }
    expect(host.list("mnt/else")).toEqual(before);
  });

  it("stay on the volume, like the user's own content", async () => {
    host.write("/mnt/gluster1/www/index.html", "mine\n");
    const release = await publish("one\n");
    const before = host.list("mnt/gluster1");
    for (const state of [states(release)[0], states(release)[2]])
      expect((await host.run("remove", state)).output).toContain("stay on the volume");
    expect(host.list("mnt/gluster1")).toEqual(before);
    expect(host.read("/mnt/gluster1/www/index.html")).toBe("mine\n");
  });

  it("are not written under the mount point without the mount", async () => {
    host.delete("/mnt/gluster1/mounted");
    for (const state of [states(one)[0], states(one)[2]]) {
      arrive(one);
      expect((await host.check(state)).changes).toEqual(["not yet: /mnt/gluster1 is not mounted"]);
      expect((await host.run("apply", state)).output).toContain("/mnt/gluster1 is not mounted");
    }
    expect(host.list("mnt/gluster1")).toEqual([]);
  });
});
