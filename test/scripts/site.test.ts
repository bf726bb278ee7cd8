import { chmodSync, chownSync, existsSync, mkdirSync, statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pi } from "../../components/args";
import { statesOf } from "../../components/cluster";
import { CONTENT_GID } from "../../components/part";
import { sitePart } from "../../components/site";
import type { State } from "../../remote/state";
import { canIsolate, Host } from "./host";
import { cluster } from "../unit/components/cluster";

const { volume, hostname, pis } = cluster(1);
const leader = pis[0] as Pi;
const siteOf = (...serverNames: string[]): [config: State, content: State] => {
  const [config, content] = statesOf([
    sitePart({ pis, volume, hostname, serverNames, leader, living: pis, after: [] }),
  ]);
  if (config === undefined || content === undefined) throw new Error("two states are expected");
  return [config, content];
};

describe.skipIf(!canIsolate)("what lies on the volume", () => {
  const CONFIG = "/mnt/gluster1/cluster";
  const [config, content] = siteOf("twopir", "twopir.example.com");
  let host: Host;

  // An nginx that refuses what contains "bad", and a file that stands for the mounted volume.
  beforeEach(() => {
    host = new Host();
    host.command("findmnt", "[ ! -e /mnt/gluster1/mounted ] || echo /mnt/gluster1");
    host.command(
      "nginx",
      `config=$(sed -n 's:.*include \\(/mnt/[^;]*\\);.*:\\1:p' "\${@: -1}")
[ -f "$config" ] || { echo "no config in \${*: -1}" >&2; exit 1; }
! line=$(grep -n bad "$config") || { echo "nginx: [emerg] bad server name in $config:\${line%%:*}" >&2; exit 1; }`,
    );
    host.write("/mnt/gluster1/mounted", "");
    host.write("/etc/group", `root:x:0:\ntwopir-content:x:${CONTENT_GID}:\n`);
  });
  afterEach(() => host.remove());

  const openRoot = (mode = 0o2775, gid = CONTENT_GID): void => {
    mkdirSync(host.at("/mnt/gluster1/www"), { recursive: true });
    chownSync(host.at("/mnt/gluster1/www"), 0, gid);
    chmodSync(host.at("/mnt/gluster1/www"), mode);
  };

  describe("site-config.sh", () => {
    it("writes the server block, and has nothing more to do then", async () => {
      expect((await host.check(config)).changes).toEqual([`${CONFIG} is missing`]);
      expect(await host.run("apply", config)).toMatchObject({ status: 0 });
      expect(host.read(CONFIG)).toBe(config.parameters.content);
      expect(await host.check(config)).toEqual({ status: 0, changes: [], output: "" });
      expect(host.list("mnt/gluster1")).toEqual(["cluster", "mounted"]);
    });

    it("keeps the old one, and says why, when nginx refuses the new one", async () => {
      await host.run("apply", config);
      const { status, output } = await host.run("apply", siteOf("bad.example.com")[0]);
      expect(status).toBe(65);
      expect(output).toContain(
        `nginx refuses the server block, so it stays as it was: nginx: [emerg] bad server name in ${CONFIG}.twopir:4`,
      );
      expect(host.read(CONFIG)).toBe(config.parameters.content);
      expect(host.list("mnt/gluster1")).toEqual(["cluster", "mounted"]);
    });

    it("keeps the one that somebody made by hand, and puts it back", async () => {
      host.write(CONFIG, "server { location /mine {} }\n");
      expect((await host.run("apply", config)).output).toContain(`is in ${CONFIG}.before-twopir`);
      expect(host.read(CONFIG)).toBe(config.parameters.content);
      expect(await host.check(config)).toEqual({ status: 0, changes: [], output: "" });
      host.write(CONFIG, `${host.read(CONFIG)}# an edit\n`);
      expect((await host.run("apply", config)).output).not.toContain("before-twopir");
      await host.run("remove", config);
      expect(host.read(CONFIG)).toBe("server { location /mine {} }\n");
      expect(host.list("mnt/gluster1")).toEqual(["cluster", "mounted"]);
    });

    it("goes away, and leaves the rest", async () => {
      await host.run("apply", config);
      expect(await host.run("remove", config)).toMatchObject({ status: 0 });
      expect(host.list("mnt/gluster1")).toEqual(["mounted"]);
    });
  });

  describe("site-content.sh", () => {
    beforeEach(() => {
      // nginx's own page lies in a folder that the scratch host shares with this machine, so it may be missing.
      host.command("install", 'echo "$1 $2 $3 $4" >"\${@: -1}"');
    });

    it("puts nginx's page there once", async () => {
      expect((await host.check(content)).changes).toEqual([
        "/mnt/gluster1/www is missing",
        "/mnt/gluster1/www has no index.html",
      ]);
      expect((await host.run("apply", content)).status).toBe(0);
      expect(host.read("/mnt/gluster1/www/index.html")).toBe(`-m 664 -g ${CONTENT_GID}\n`);
      expect((await host.check(content)).changes).toEqual([]);
    });

    it.each([
      [0o755, 0, "is not set up for the group twopir-content to write to (mode 755, group root)"],
      [0o2775, 0, "is not set up for the group twopir-content to write to (mode 2775, group root)"],
      [
        0o775,
        CONTENT_GID,
        "is not set up for the group twopir-content to write to (mode 775, group twopir-content)",
      ],
      [0o2700, CONTENT_GID, "has mode 2700: nginx cannot read it"],
    ])("opens the folder, of mode %o and group %i, to its group and to nginx", async (mode, gid, why) => {
      host.write("/mnt/gluster1/www/index.html", "mine\n");
      openRoot(mode, gid);
      expect((await host.check(content)).changes).toEqual([`/mnt/gluster1/www ${why}`]);
      expect((await host.run("apply", content)).status).toBe(0);
      expect(statSync(host.at("/mnt/gluster1/www"))).toMatchObject({ gid: CONTENT_GID, mode: 0o42775 });
      expect((await host.check(content)).output).toBe("");
    });

    it("leaves the folder to a group that the user has given it", async () => {
      host.write("/mnt/gluster1/www/index.html", "mine\n");
      openRoot(0o2750, 1234);
      await host.run("apply", content);
      expect(statSync(host.at("/mnt/gluster1/www"))).toMatchObject({ gid: 1234, mode: 0o42755 });
      expect((await host.check(content)).output).toBe("");
    });

    it.each(["index.html", "index.htm"])(
      "leaves the user's %s alone, and keeps it in the end",
      async (page) => {
        host.write(`/mnt/gluster1/www/${page}`, "mine\n");
        const told = (await host.check(content)).changes;
        expect(told).toEqual([expect.stringContaining("is not set up for the group twopir-content")]);
        await host.run("apply", content);
        await host.run("remove", content);
        expect(host.list("mnt/gluster1/www")).toEqual([page]);
        expect(host.read(`/mnt/gluster1/www/${page}`)).toBe("mine\n");
      },
    );
  });

  describe.each([
    ["site-config.sh", config, CONFIG],
    ["site-content.sh", content, "/mnt/gluster1/www"],
    ["site-content.sh", content, "/mnt/gluster1/www/index.html"],
  ])("%s", (_, state, path) => {
    it(`makes no ${path} where the name is there and cannot be read`, async () => {
      if (path.includes("www/")) openRoot();
      host.cannotRead(path);
      const before = host.list("mnt");
      for (const mode of ["check", "apply"]) {
        const { status, changes, output } = await host.run(mode, state);
        expect({ status, changes }).toEqual({ status: 65, changes: [] });
        expect(output).toContain(
          `${path} cannot be read (Input/output error), so nothing is put in its place`,
        );
      }
      expect(host.list("mnt")).toEqual(before);
    });
  });

  it("replaces no server block whose content cannot be read", async () => {
    host.write(CONFIG, "one side of a split brain\n");
    host.command("cat", 'echo "cat: $2: Input/output error" >&2; exit 1');
    for (const mode of ["check", "apply"])
      expect(await host.run(mode, config)).toMatchObject({ status: 65, changes: [] });
    expect(host.read(CONFIG)).toBe("one side of a split brain\n");
  });

  describe.each([
    ["site-config.sh", config],
    ["site-content.sh", content],
  ])("%s without the mount", (_, state) => {
    beforeEach(() => host.delete("/mnt/gluster1/mounted"));

    it("writes nothing under the mount point", async () => {
      expect((await host.check(state)).changes).toEqual(["not yet: /mnt/gluster1 is not mounted"]);
      const { status, output } = await host.run("apply", state);
      expect(status).toBe(65);
      expect(output).toContain("/mnt/gluster1 is not mounted");
      expect((await host.run("remove", state)).status).toBe(0);
      expect(host.list("mnt/gluster1")).toEqual([]);
      expect(existsSync(host.at(CONFIG))).toBe(false);
    });
  });
});
