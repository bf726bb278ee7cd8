import { existsSync, mkdirSync, readlinkSync, symlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stdin } from "../../remote/state";
import { canIsolate, Host, state } from "./host";

const LINK = "/etc/nginx/sites-enabled/cluster";
const TARGET = "/etc/nginx/sites-available/cluster";
const DEFAULT = "/etc/nginx/sites-enabled/default";
const KEPT = "/var/lib/twopir/before";

describe.skipIf(!canIsolate)("on a scratch host", () => {
  let host: Host;
  beforeEach(() => {
    host = new Host();
  });
  afterEach(() => host.remove());

  describe("link.sh", () => {
    const link = state("link", { link: LINK, target: TARGET });
    const target = (): string => readlinkSync(host.at(LINK));

    it("makes a missing link and its folder, and has nothing more to do then", async () => {
      const { changes } = await host.check(link);
      expect(changes).toEqual([`${LINK} is missing, it must point to ${TARGET}`]);
      expect(await host.run("apply", link)).toMatchObject({ status: 0, changes });
      expect(target()).toBe(TARGET);
      expect(await host.check(link)).toEqual({ status: 0, changes: [], output: "" });
      expect(host.list("etc/nginx/sites-enabled")).toEqual(["cluster"]);
    });

    it("takes it away again", async () => {
      await host.run("apply", link);
      expect(await host.run("remove", link)).toEqual({ status: 0, changes: [], output: "" });
      expect(host.list("etc/nginx/sites-enabled")).toEqual([]);
      expect(await host.run("remove", link)).toMatchObject({ status: 0 });
    });

    it("turns a link that points elsewhere", async () => {
      mkdirSync(host.at("etc/nginx/sites-enabled"), { recursive: true });
      symlinkSync("/elsewhere", host.at(LINK));
      const { changes } = await host.check(link);
      expect(changes).toEqual([`${LINK} points to /elsewhere, it must point to ${TARGET}`]);
      await host.run("apply", link);
      expect(target()).toBe(TARGET);
    });

    it.each([
      ["a file", () => host.write(LINK, "the user's own\n", 0o600), "cluster"],
      ["a folder", () => host.write(`${LINK}/inside`, "the user's own\n"), "cluster/inside"],
    ])("keeps %s that was there, and puts it back", async (_, make, path) => {
      make();
      const before = host.list("etc");
      expect((await host.check(link)).changes).toEqual([`${LINK} is not a link, it must point to ${TARGET}`]);
      await host.run("apply", link);
      expect(target()).toBe(TARGET);
      expect(host.read(`${KEPT}/etc/nginx/sites-enabled/${path}`)).toBe("the user's own\n");
      await host.run("remove", link);
      expect(host.list("etc")).toEqual(before);
      expect(host.read(`/etc/nginx/sites-enabled/${path}`)).toBe("the user's own\n");
    });

    it.each([TARGET, "/elsewhere"])("puts a link to %s back that was there before", async (before) => {
      mkdirSync(host.at("etc/nginx/sites-enabled"), { recursive: true });
      symlinkSync(before, host.at(LINK));
      await host.check(link);
      for (let run = 0; run < 2; run += 1) await host.run("apply", link);
      expect(target()).toBe(TARGET);
      await host.run("remove", link);
      expect(target()).toBe(before);
      expect(existsSync(host.at("/var/lib/twopir/made-link"))).toBe(false);
    });

    it("takes one away that a killed run made", async () => {
      await host.run("apply", link);
      await host.run("apply", link);
      await host.run("remove", link);
      expect(host.list("etc/nginx/sites-enabled")).toEqual([]);
    });

    it("leaves a link alone that the user has turned meanwhile", async () => {
      mkdirSync(host.at("etc/nginx/sites-enabled"), { recursive: true });
      symlinkSync("/elsewhere", host.at(LINK));
      await host.run("remove", link);
      expect(target()).toBe("/elsewhere");
    });

    it("gets over what a killed run left behind", async () => {
      mkdirSync(host.at("etc/nginx/sites-enabled"), { recursive: true });
      symlinkSync("/half", host.at(`${LINK}.twopir`));
      await host.run("apply", link);
      expect(target()).toBe(TARGET);
      expect(host.list("etc/nginx/sites-enabled")).toEqual(["cluster"]);
    });

    it("does nothing when its text is cut off, wherever that is", async () => {
      const text = stdin(link);
      const last = text.trimEnd().length - 1; // without the closing quote: a syntax error
      const cuts = [0, 1, 4, 9, 10].map((n) => last - n);
      for (let i = 0; i < 25; i += 1) cuts.push(Math.floor(Math.random() * last));
      const before = host.tree();
      for (const cut of cuts) {
        await host.run("apply", text.slice(0, cut));
        expect(host.tree(), `cut after ${cut} of ${text.length} bytes`).toEqual(before);
      }
      await host.run("apply", text);
      expect(target()).toBe(TARGET);
    });
  });

  describe("package.sh", () => {
    const nginx = state("package", { packages: ["nginx"] });
    const PROGRAM = "/usr/local/sbin/nginx";
    beforeEach(() => {
      host.command("dpkg-query", "echo nginx installed");
      host.command("dpkg", ""); // nothing was cut off
      host.write("/var/lib/dpkg/info/nginx.list", "/.\n/etc\n/etc/nginx\n/etc/nginx/gone.conf\n");
      host.write("/var/lib/dpkg/info/nginx-common.list", "/usr/sbin\n/usr/sbin/mkfs\n/usr/lib/nginx.so\n");
      host.write("/var/lib/dpkg/info/other.list", "/usr/sbin/other\n");
    });

    it("has a program come anew that is missing or empty", async () => {
      expect((await host.check(nginx)).changes).toEqual(["missing or empty: /usr/lib/nginx.so"]);
      host.write(PROGRAM, "");
      host.write(
        "/var/lib/dpkg/info/libnginx-x:amd64.list",
        "/usr/bin/gone\n/usr/bin/env\n/usr/bin/lost\n/bin/none\n",
      );
      expect((await host.check(nginx)).changes).toEqual([
        "missing or empty: /bin/none /usr/bin/gone /usr/bin/lost",
      ]);
      host.command(
        "apt-get",
        'echo "$*" >>/run/apt; rm /var/lib/dpkg/info/libnginx* /var/lib/dpkg/info/nginx-common.list',
      );
      host.write("/run/twopir-apt-lists", "");
      expect((await host.run("apply", nginx)).status).toBe(0);
      expect(host.read("/run/apt")).toMatch(
        / install -y --reinstall --no-install-recommends libnginx-x:amd64 nginx-common\n/,
      );
      expect((await host.check(nginx)).changes).toEqual([]);
    });

    it("has the config come anew without which glusterd does not start, and keeps any other one", async () => {
      const gluster = state("package", { packages: ["glusterfs-server"] });
      host.command("dpkg-query", "echo glusterfs-server installed");
      host.write(
        "/var/lib/dpkg/info/glusterfs-server.list",
        "/etc/glusterfs/glusterd.vol\n/etc/glusterfs/other.conf\n",
      );
      host.write("/etc/glusterfs/glusterd.vol", "");
      expect((await host.check(gluster)).changes).toEqual(["missing or empty: /etc/glusterfs/glusterd.vol"]);
      // As dpkg does: what is there stays.
      host.command(
        "apt-get",
        `[[ $* == *--force-confmiss*" install "* ]] && set -C && echo volume >/etc/glusterfs/glusterd.vol`,
      );
      host.write("/run/twopir-apt-lists", "");
      expect((await host.run("apply", gluster)).status).toBe(0);
      expect(host.read("/etc/glusterfs/glusterd.vol")).toBe("volume\n");
      expect((await host.check(gluster)).changes).toEqual([]);
    });

    it("fails where that brings nothing", async () => {
      host.command("apt-get", "");
      host.write("/run/twopir-apt-lists", "");
      const { status, output } = await host.run("apply", nginx);
      expect(status).toBe(65);
      expect(output).toContain(
        "still missing or empty after nginx-common came anew: nginx-common /usr/lib/nginx.so",
      );
    });
  });

  describe("absent.sh", () => {
    const absent = state("absent", { path: DEFAULT });

    it("has nothing to do where nothing is", async () => {
      expect(await host.check(absent)).toEqual({ status: 0, changes: [], output: "" });
      expect(await host.run("remove", absent)).toMatchObject({ status: 0, output: "" });
    });

    it("moves a file away, and puts it back", async () => {
      host.write(DEFAULT, "default\n", 0o640);
      const before = host.list("etc");
      expect((await host.check(absent)).changes).toEqual([`${DEFAULT} is there`]);
      expect(await host.run("apply", absent)).toMatchObject({ status: 0, changes: [`${DEFAULT} is there`] });
      expect(existsSync(host.at(DEFAULT))).toBe(false);
      expect((await host.check(absent)).changes).toEqual([]);
      await host.run("remove", absent);
      expect(host.list("etc")).toEqual(before);
      expect(host.read(DEFAULT)).toBe("default\n");
      expect(host.list("var/lib")).toEqual([]);
    });

    it("sees a link into nowhere, as Debian's default site after its package went", async () => {
      mkdirSync(host.at("etc/nginx/sites-enabled"), { recursive: true });
      symlinkSync("/etc/nginx/sites-available/default", host.at(DEFAULT));
      await host.run("apply", absent);
      expect(host.list("etc/nginx/sites-enabled")).toEqual([]);
      await host.run("remove", absent);
      expect(readlinkSync(host.at(DEFAULT))).toBe("/etc/nginx/sites-available/default");
    });

    it("puts back the first one, where a package brought it a second time", async () => {
      host.write(DEFAULT, "the user's\n");
      await host.run("apply", absent);
      host.write(DEFAULT, "the package's\n");
      await host.run("apply", absent);
      expect(existsSync(host.at(DEFAULT))).toBe(false);
      await host.run("remove", absent);
      expect(host.read(DEFAULT)).toBe("the user's\n");
    });
  });
});
