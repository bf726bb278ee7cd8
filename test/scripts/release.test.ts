import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Pi } from "../../components/args";
import { statesOf } from "../../components/cluster";
import { changedFiles, releasesStates, storedReleases } from "../../components/releases";
import { releasesPart, sitePart } from "../../components/site";
import type { Look } from "../../remote/look";
import { stdin, type State } from "../../remote/state";
import { pack, type PackedRelease as Release } from "../../operator/pack";
import { canIsolate, finished, Host } from "./host";
import { cluster } from "../unit/components/cluster";

/** The scratch host that a look asks. */
const asked = vi.hoisted((): { host?: Host } => ({}));
vi.mock("../../remote/look", () => ({
  ask: async ([state]: [State]): Promise<Look> => {
    const details = (await asked.host?.check(state))?.output ?? "";
    return { findings: new Map([[state.name, { reasons: [], disturbs: false, details }]]), problems: [] };
  },
}));

const { volume, hostname, pis } = cluster(1);
const leader = pis[0] as Pi;
const RELEASES = "/mnt/gluster1/releases";
const HOME = "/var/lib/home";
/** What lies on the volume of a release. */
const IN_ALL = ["files.gz", "image", "made", "published"];
const ALL = ["", ...IN_ALL.map((name) => `/${name}`)];
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
  const states = (release: Release, keepReleases = 3) => {
    const all = statesOf([
      sitePart({ pis, volume, hostname, serverNames: ["twopir"], leader, living: pis, after: [], release }),
      releasesPart({ volume, release, keepReleases, leader, serving: [] }),
    ]);
    return ["site-release", "site-config", "site-history", "release"].map((script) =>
      all.find((state) => state.script === script),
    ) as [release: State, config: State, history: State, here: State];
  };
  /** What is in an image: mode and owner, and time in seconds, by path. */
  const listed = (release: Release): Record<string, { mode: string; time: number }> =>
    Object.fromEntries(
      execFileSync("unsquashfs", ["-lln", at(release, "image")], {
        encoding: "utf8",
        env: { ...process.env, TZ: "UTC" },
      })
        .trim()
        .split("\n")
        .map((line) => {
          const [, mode = "", day = "", hour = "", path = ""] =
            /^(\S+ \S+) +\d+ (\S+) (\S+) squashfs-root\/?(.*)$/.exec(line) ?? [];
          return [path, { mode, time: Date.parse(`${day}T${hour}:00Z`) / 1000 }];
        }),
    );
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
    for (const state of [states(release)[1], states(release)[2]])
      expect((await host.run("apply", state)).status).toBe(0);
    return release;
  };
  const at = (release: Release, name = ""): string => host.at(`${RELEASES}/${release.id}/${name}`);

  beforeEach(async () => {
    delete process.env.SUDO_USER; // the script asks for the home of the user who logged in
    host = new Host();
    host.command("findmnt", "[ ! -e /mnt/gluster1/mounted ] || echo /mnt/gluster1");
    host.command("nginx", "exit 0"); // takes any server block
    host.command("sleep", "exit 0");
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
    it("makes an image of the archive, takes that away, and has nothing more to do then", async () => {
      const [release] = states(one);
      expect((await host.check(release)).changes).toEqual([
        `release ${short(one)} is not on the volume yet; none is live yet`,
      ]);
      expect((await unpack(one)).status).toBe(0);
      expect(await host.check(release)).toEqual({ status: 0, changes: [], output: "" });
      expect(host.list(RELEASES)).toEqual(ALL.map((path) => `${one.id}${path}`));
      expect(host.list(HOME)).toEqual([]);
      const all = listed(one);
      expect(Object.keys(all)).toEqual([
        "",
        "a b",
        "a b/-rf $(x).html",
        "index.html",
        "link.html",
        'ünï "code"',
      ]);
      for (const [path, { mode }] of Object.entries(all))
        expect(mode).toBe(path === "" || path === "a b" ? "drwxr-xr-x 0/0" : "-rw-r--r-- 0/0");
    });

    it("says which one is live, and since when", async () => {
      await publish("one\n");
      write("site/index.html", "two\n");
      const two = await packed();
      const [change] = (await host.check(states(two)[0])).changes;
      expect(change).toMatch(
        new RegExp(`^release ${short(two)} is not on the volume yet; live since 20.*Z: ${short(one)}$`),
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
        "sqfstar",
        'echo half >"${*: -1}"; cat >/dev/null; echo "Write failed because No space left on device" >&2; exit 1',
      );
      expect(await unpack(one)).toMatchObject({
        status: 65,
        output: expect.stringContaining(
          "cannot be made, so nothing was changed: Write failed because No space left on device",
        ) as string,
      });
      expect(host.list(RELEASES)).toEqual([]);
    });

    it("gives what is new the time of now, and lets what is not keep its time, here or from a former version", async () => {
      const begin = Math.floor(Date.now() / 1000);
      await publish("one\n");
      for (const { mode, time } of Object.values(listed(one)))
        if (mode.startsWith("-")) expect(time).toBeGreaterThanOrEqual(begin - 60);
      for (const former of [`/var/lib/twopir-releases/${one.id}`, `${RELEASES}/${one.id}/www`]) {
        host.write(`${former}/index.html`, "one\n");
        host.write(`${former}/a b/-rf $(x).html`, "ODD\n"); // as long, and another one
        host.write(`${former}/ünï "code"`, "odd\n");
        for (const name of ["index.html", "a b/-rf $(x).html", 'ünï "code"'])
          utimesSync(host.at(`${former}/${name}`), 86400, 86400);
        write("site/index.html", `two ${former}\n`);
        const two = await packed();
        expect((await unpack(two)).status).toBe(0);
        const times = listed(two);
        expect(times['ünï "code"']?.time).toBe(86400);
        for (const name of ["index.html", "a b/-rf $(x).html", "link.html"])
          expect(times[name]?.time).toBeGreaterThanOrEqual(begin - 60);
        rmSync(host.at(former), { recursive: true });
      }
    });

    it.each<[string, (release: string) => void, string]>([
      ["another content", (release) => appendFileSync(`${release}/image`, "x"), "was altered by hand"],
      ["another time", (release) => utimesSync(`${release}/image`, 1, 1), "was altered by hand"],
      ["no image", (release) => rmSync(`${release}/image`), "was altered by hand"],
      [
        "what a Pi found damaged",
        (release) => writeFileSync(`${release}/damaged`, "pi2\n"),
        "is damaged, as pi2 found",
      ],
    ])("finds %s, and puts it right with another archive", async (_, alter, says) => {
      const [release] = states(one);
      await unpack(one);
      alter(at(one));
      expect((await host.check(release)).changes).toEqual([`the image of release ${short(one)} ${says}`]);
      expect((await unpack(one)).status).toBe(0);
      expect((await host.check(release)).changes).toEqual([]);
      expect(host.list(RELEASES)).toEqual(ALL.map((path) => `${one.id}${path}`));
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

    it.each(["sha256sum", "sqfstar", "stat", "sync", "mv"])(
      "leaves what is live as it was, killed at %s, and does it again",
      async (command) => {
        await publish("one\n");
        const before = readFileSync(at(one, "image"));
        write("site/index.html", "two\n");
        const two = await packed();
        arrive(two);
        host.command(command, "kill -KILL $PPID; sleep 1");
        const { status } = await finished(host.start("apply", stdin(states(two)[0])));
        expect(status).not.toBe(0);
        expect(readFileSync(at(one, "image"))).toEqual(before);
        expect(host.list(RELEASES)).not.toContain(`${two.id}/made`);
        rmSync(host.at(`/usr/local/sbin/${command}`));
        expect((await host.run("apply", states(two)[0])).status).toBe(0);
        expect((await host.check(states(two)[0])).changes).toEqual([]);
        expect(host.list(`${RELEASES}/${two.id}`)).toEqual(IN_ALL);
      },
    );

    it("is not taken for missing where it cannot be read", async () => {
      await publish("one\n");
      const before = host.list("mnt/gluster1");
      write("site/index.html", "two\n");
      const two = await packed();
      arrive(two);
      host.cannotRead(`${RELEASES}/${two.id}/made`);
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

  describe("release.sh", () => {
    const CARD = "/var/lib/twopir-releases";
    const here = (release: Release): State => states(release)[3];
    const onCard = (): string[] => host.list(CARD).filter((path) => path !== "lock");
    const images = (): string[] => onCard().filter((path) => /^[^/]+\.image$/.test(path));

    beforeEach(() => {
      // A mount lasts as long as its namespace, and each run has one of its own: these are as good as mounted.
      host.command(
        "mount",
        'image=${*: -2:1}; dir=${*: -1}; cmp -s "$image" "$dir/.image" || cp "$image" "$dir/.image"',
      );
      host.command("umount", 'rm -f "${*: -1}/.image"');
      host.command("mountpoint", '[ -e "${*: -1}/.image" ]');
      host.command(
        "findmnt",
        `case $* in
*squashfs*) [ ! -e "\${*: -1}/.image" ] || echo /dev/loop0 ro,nosuid,nodev,noexec,relatime ;;
*) [ ! -e /mnt/gluster1/mounted ] || echo /mnt/gluster1 ;;
esac`,
      );
      host.command("unshare", 'shift 3; while [ "$1" != /mnt/gluster1 ]; do shift; done; shift; "$@"');
      for (const command of ["chattr", "systemctl"]) host.command(command, "exit 0");
      host.command(
        "systemctl",
        `case $1 in
show) printf 'Id=twopir-release.%s\\nNeedDaemonReload=no\\nUnitFileState=enabled\\nActiveState=active\\n%b\\n' timer '\\n' service "$(cat /run/result)" ;;
esac`,
      );
      host.write("/run/result", "Result=success");
    });
    const taken = async (release: Release): Promise<void> => {
      expect(await host.run("apply", here(release))).toMatchObject({ status: 0 });
    };

    it("is named where this Pi's own look for it goes on failing", async () => {
      await publish("one\n");
      await taken(one);
      host.write("/run/result", "Result=exit-code\\nNRestarts=3"); // the volume comes late
      expect((await host.check(here(one))).changes).toEqual([]);
      host.write("/run/result", "Result=exit-code\\nNRestarts=4");
      expect((await host.check(here(one))).changes).toEqual([
        "the release on the card of pi1 could not be looked through, or put right: journalctl -u twopir-release",
      ]);
    });

    it("takes a copy, opens it, and has nothing more to do then", async () => {
      await publish("one\n");
      expect((await host.check(here(one))).changes).toContain(
        `release ${short(one)} is not on the card of this Pi yet`,
      );
      await taken(one);
      expect(onCard()).toEqual([one.id, `${one.id}.image`, `${one.id}.made`, `${one.id}/.image`]);
      expect(readFileSync(host.at(`${CARD}/${one.id}.image`))).toEqual(readFileSync(at(one, "image")));
      expect(readlinkSync(host.at("/mnt/gluster1/cluster"))).toBe(`${CARD}/cluster`);
      expect((await host.check(here(one))).changes).toEqual([]);
    });

    it.each<[string, () => void, string]>([
      [
        "a byte more",
        () => appendFileSync(host.at(`${CARD}/${one.id}.image`), "x"),
        "is not what was written there",
      ],
      ["no image", () => rmSync(host.at(`${CARD}/${one.id}.image`)), "is not what was written there"],
      ["no note", () => rmSync(host.at(`${CARD}/${one.id}.made`)), "is not on the card of this Pi yet"],
      [
        "no mount",
        () => rmSync(host.at(`${CARD}/${one.id}/.image`)),
        "is not mounted from the card of this Pi",
      ],
      [
        "another image than the volume's",
        () =>
          writeFileSync(
            host.at(`${CARD}/${one.id}.made`),
            host.read(`${CARD}/${one.id}.made`).replace(/^./, "_"),
          ),
        "is another one than the volume's",
      ],
    ])("finds %s, and puts it right", async (_, spoil, says) => {
      await publish("one\n");
      await taken(one);
      spoil();
      const { changes } = await host.check(here(one));
      expect(changes).toHaveLength(1);
      expect(changes[0]).toContain(says);
      await taken(one);
      expect((await host.check(here(one))).changes).toEqual([]);
      expect(readFileSync(host.at(`${CARD}/${one.id}.image`))).toEqual(readFileSync(at(one, "image")));
    });

    it("wants nothing more of a volume that is away, and opens what the card has", async () => {
      await publish("one\n");
      await taken(one);
      host.delete("/mnt/gluster1/mounted");
      rmSync(host.at(RELEASES), { recursive: true });
      expect((await host.check(here(one))).changes).toEqual([]);
      rmSync(host.at(`${CARD}/${one.id}/.image`));
      expect((await host.check(here(one))).changes).toHaveLength(1);
    });

    it("says which image is damaged on the volume, and leaves the card as it was", async () => {
      await publish("one\n");
      const two = await publish("two\n");
      await taken(one);
      const before = onCard();
      appendFileSync(at(two, "image"), "x");
      const { status, output } = await host.run("apply", here(two));
      expect(status).toBe(65);
      expect(output).toContain(`the image of release ${short(two)} on the volume is not what was made`);
      expect(onCard()).toEqual(before);
      expect(readFileSync(at(two, "damaged"), "utf8")).toBe("pi1\n");
    });

    it("unpacks it where it cannot be mounted, and says why", async () => {
      host.command("mount", "echo 'mount: unknown filesystem type squashfs.' >&2; exit 32");
      await publish("one\n");
      const { status, output } = await host.run("apply", here(one));
      expect(status).toBe(0);
      expect(output).toContain(
        "cannot be mounted on pi1, so the release is unpacked on its card: unknown filesystem",
      );
      expect(host.read(`${CARD}/${one.id}/index.html`)).toBe("one\n");
      expect((await host.check(here(one))).changes).toEqual([]);
    });

    it("keeps what is live, what the server block names and what nginx serves, and nothing else", async () => {
      const [live, named, running, old] = [
        await publish("a\n"),
        await publish("b\n"),
        await publish("c\n"),
        await publish("d\n"),
      ] as const;
      const next = await publish("e\n");
      for (const release of [live, named, running, old])
        for (const end of ["image", "made"]) host.write(`${CARD}/${release.id}.${end}`, "");
      host.write("/mnt/gluster1/cluster", `server {\n  root ${CARD}/${named.id};\n}\n`);
      host.write("/run/twopir-releases", `${running.id}\n`);
      host.write(`${RELEASES}/history`, `2026-01-01T00:00:00Z ${live.id}\n`);
      await taken(next);
      expect(images()).toEqual([live, named, running, next].map(({ id }) => `${id}.image`).sort());
    });

    it("asks for room on the card", async () => {
      await publish("one\n");
      host.command("df", "echo Avail; echo 49MB");
      expect((await host.check(here(one))).output).toContain(
        `refuse: release ${short(one)} needs 50 MB on the card of this Pi (/var/lib), and 49 MB are free there`,
      );
    });

    it("takes all of it back, also what is open without its image", async () => {
      await publish("one\n");
      await taken(one);
      rmSync(host.at(`${CARD}/${one.id}.image`));
      // A mount that is left would keep rm from its folder.
      const mounted = `[[ $* != *--one-file-system* || ! -e ${CARD}/${one.id}/.image ]] || exit 1`;
      host.command("rm", `${mounted}; exec /bin/rm "$@"`);
      expect((await host.run("remove", here(one))).status).toBe(0);
      for (const path of [CARD, "/etc/systemd/system/twopir-release.timer", "/mnt/gluster1/cluster"])
        expect(existsSync(host.at(path))).toBe(false);
      expect(host.list(RELEASES)).toContain(`${one.id}/image`);
    });
  });

  describe("going back", () => {
    const COPY = "/mnt/copy"; // /data is not the scratch host's own
    const chosen = async (which: string): Promise<Record<string, string>> => {
      const [state] = releasesStates({ pis: [leader], volume: { ...volume, brick: COPY } }, which) as [State];
      const { output } = await host.check(state);
      return Object.fromEntries(output.split("\n").map((line) => line.split(/=(.*)/s) as [string, string]));
    };
    const back = async ({ id, bytes, web }: Release): Promise<void> => {
      for (const state of states({ id, bytes, web } as Release).slice(0, 3))
        expect((await host.run("apply", state)).status).toBe(0);
    };

    it("needs no archive, and stays where it went however often it is asked for", async () => {
      const two = await publish("two\n");
      const three = await publish("three\n");
      expect((await chosen("previous")).chosen).toBe(two.id);
      await back(two);
      expect(host.read(`${RELEASES}/history`)).toMatch(new RegExp(` ${two.id} back\n$`));
      expect((await chosen("previous")).chosen).toBe(two.id);
      await back(two);
      const four = await publish("four\n");
      expect((await chosen("previous")).chosen).toBe(two.id);
      await publish("five\n");
      expect((await chosen("previous")).chosen).toBe(four.id);
      expect((await chosen(three.id.slice(0, 8))).chosen).toBe(three.id);
    });

    it("has nothing to go back to where there was none before, or the release is gone", async () => {
      expect((await chosen("previous")).chosen).toBeUndefined();
      await publish("one\n");
      expect((await chosen("previous")).chosen).toBeUndefined();
      expect((await chosen("01234567")).chosen).toBeUndefined();
    });

    it("does not choose between two that begin in the same way", async () => {
      for (const end of ["a", "b"]) host.write(`${RELEASES}/${"0".repeat(63)}${end}/made`, "x 1 1\n");
      expect((await chosen("0".repeat(9))).chosen).toBeUndefined();
      expect((await chosen(`${"0".repeat(63)}a`)).chosen).toBe(`${"0".repeat(63)}a`);
    });

    it("says how the release is served, with the rules that it had", async () => {
      write("site/_redirects", "/old /new\n");
      const release = await publish("one\n");
      const { published } = await chosen(release.id.slice(0, 8));
      const text = gunzipSync(Buffer.from(published ?? "", "base64")).toString();
      expect(JSON.parse(text)).toEqual({ bytes: release.bytes, web: release.web });
      rmSync(at(release, "published"));
      expect((await host.check(states(release)[0])).output).toContain("mend: it is not noted how release");
      expect((await host.run("apply", states(release)[0])).status).toBe(0);
      expect((await chosen(release.id.slice(0, 8))).published).toBe(published);
    });

    it("is told of a history of years by its last lines, and of how long that is", async () => {
      const two = await publish("two\n");
      await publish("three\n");
      const line = `2026-11-01T00:00:00Z ${"0".repeat(64)}\n`;
      host.write(`${RELEASES}/history`, line.repeat(5000) + host.read(`${RELEASES}/history`));
      const { known, chosen: found } = await chosen("previous");
      expect({ known, found }).toEqual({ known: "5002", found: two.id });
    });

    it("goes by this Pi's own copy where the volume is not mounted", async () => {
      const two = await publish("two\n");
      await publish("three\n");
      host.write(`${COPY}/releases/history`, host.read(`${RELEASES}/history`));
      host.write(`${COPY}/releases/${two.id}/made`, host.read(`${RELEASES}/${two.id}/made`));
      host.delete("/mnt/gluster1/mounted");
      expect((await chosen("previous")).chosen).toBe(two.id);
    });

    it("goes back from what is not served by all yet, and names what goes with that", async () => {
      const two = await publish("two\n");
      write("site/index.html", "three\n");
      const three = await packed();
      await unpack(three);
      const { output } = await host.run("apply", states(three)[1]);
      expect(output).toContain(`mend: release ${short(three)} goes live\n`);
      expect((await chosen("previous")).chosen).toBe(two.id);
      await back(two);
      expect((await host.check(states(three)[1])).output).toMatch(
        new RegExp(
          `release ${short(three)} goes live, and ${short(two)}, gone back to at 20\\S+Z, is served no more\n`,
        ),
      );
    });

    it("is not what is live, however often that stands in the history", async () => {
      const two = await publish("two\n");
      const three = await publish("three\n");
      const last = host.read(`${RELEASES}/history`).trim().split("\n").at(-1) ?? "";
      appendFileSync(host.at(`${RELEASES}/history`), `${last} back\n${last}\n`); // as a former version did
      expect(last).toContain(three.id);
      expect((await chosen("previous")).chosen).toBe(two.id);
    });

    it("puts back an image that is damaged on the volume, of the card of this Pi", async () => {
      const two = await publish("two\n");
      const image = readFileSync(at(two, "image"));
      const [hash = ""] = readFileSync(at(two, "made"), "utf8").split(" ");
      const onCard = `/var/lib/twopir-releases/${two.id}`;
      host.write(`${onCard}.image`, "");
      writeFileSync(host.at(`${onCard}.image`), image);
      const { size, mtimeMs } = statSync(host.at(`${onCard}.image`));
      host.write(`${onCard}.made`, `${hash} ${size} ${Math.floor(mtimeMs / 1000)}\n`);
      appendFileSync(at(two, "image"), "x");
      const { id, bytes, web } = two;
      const [release] = states({ id, bytes, web } as Release);
      expect((await host.check(release)).changes).toEqual([
        `the image of release ${short(two)} was altered by hand; the card of pi1 has it`,
      ]);
      expect((await host.run("apply", release)).status).toBe(0);
      expect((await host.check(release)).changes).toEqual([]);
      expect(readFileSync(at(two, "image"))).toEqual(image);
      expect(host.list(`${RELEASES}/${two.id}`)).toEqual(IN_ALL);
    });

    it("is refused where the image is damaged, and the card has none, either", async () => {
      const two = await publish("two\n");
      await publish("three\n");
      writeFileSync(at(two, "damaged"), "pi2\n");
      const { id, bytes, web } = two;
      const [release] = states({ id, bytes, web } as Release);
      const { changes } = await host.check(release);
      expect(changes).toEqual([
        `the image of release ${short(two)} is damaged, as pi2 found: take twopir:release out of the config, and publish ` +
          "the folder of that release",
      ]);
      expect((await host.run("apply", release)).status).toBe(65);
      expect(existsSync(at(two, "image"))).toBe(true);
    });

    it("can be chosen from a list of what there is", async () => {
      const two = await publish("two\n");
      const three = await publish("three\n");
      await back(two);
      const [state] = releasesStates({ pis: [leader], volume }) as [State];
      const { output } = await host.check(state);
      const finding = { reasons: [], disturbs: false, details: output };
      const all = storedReleases({ findings: new Map([["pi1-releases", finding]]), problems: [] }, [leader]);
      expect(all.map(({ id, live }) => [id, live])).toEqual([
        [two.id, true],
        [three.id, false],
      ]);
      for (const { id, bytes, since } of all) {
        expect(bytes).toBe(readFileSync(host.at(`${RELEASES}/${id}/image`)).length);
        expect(since).toMatch(/^20.*Z$/);
      }
    });
  });

  it("are compared by the names and contents of their files", async () => {
    write("site/gone.html", "x\n");
    await publish("one\n");
    rmSync(join(folder, "site/gone.html"));
    write("site/index.html", "two\n");
    for (const name of ["é.html", "b.html", "c.html", "d.html"]) write(`site/${name}`, "x\n");
    asked.host = host;
    expect(await changedFiles(await packed(), volume, "pi1", new Map())).toBe(
      "beside the live release: 4 new (b.html, c.html, d.html, ...), 2 changed (index.html, link.html), 1 gone (gone.html)",
    );
    const live = await publish("three\n");
    expect(await changedFiles(live, volume, "pi1", new Map())).toBeUndefined();
    writeFileSync(at(live, "files.gz"), readFileSync(at(live, "files.gz")).subarray(0, 20));
    expect(await changedFiles(one, volume, "pi1", new Map())).toBeUndefined();
    rmSync(host.at(RELEASES), { recursive: true });
    expect(await changedFiles(one, volume, "pi1", new Map())).toBeUndefined();
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
      expect(existsSync(at(await packed(), "image"))).toBe(true);
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

    it("removes the files of a former version, of a release that has an image by now", async () => {
      const two = await publish("two\n");
      await publish("one\n");
      const [, , history] = states(one);
      for (const release of [one, two]) host.write(`${RELEASES}/${release.id}/www/index.html`, "x");
      host.write(`${RELEASES}/${one.id}/contents`, "x");
      rmSync(at(two, "made"));
      expect((await host.check(history)).changes).toEqual([
        `release ${short(one)} lies on the volume file by file, too, as a former version had it`,
      ]);
      await host.run("apply", history);
      expect(host.list(`${RELEASES}/${one.id}`)).toEqual(IN_ALL);
      expect(existsSync(at(two, "www/index.html"))).toBe(true);
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
        ["new", "old"].map((end) => `release 0123456789ab.${end} is no longer kept`),
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
