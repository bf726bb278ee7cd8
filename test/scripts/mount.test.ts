import { existsSync, realpathSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canIsolate, Host, state } from "./host";

const LINE = "192.168.0.121:/gv0 /mnt/gluster1 glusterfs defaults,_netdev,nofail 0 0";
const NEW_LINE = `${LINE.slice(0, -4)},backup-volfile-servers=192.168.0.123 0 0`;
const BENEATH = "what is written to /mnt/gluster1 while the volume is away would land on the card";
const OTHERS =
  "# /mnt/gluster1 is the volume\nUUID=1 / ext4 defaults 0 1\nUUID=2 /mnt/gluster10 ext4 defaults 0 2\n";

const mount = (line = LINE, failover = 1) => ({
  ...state(
    "mount",
    {
      mount_point: "/mnt/gluster1",
      fstab_line: line,
      failover,
      address: "127.0.0.1",
      others: ["127.0.0.2"],
      volume: "gv0",
    },
    "pi1-gluster-mount",
  ),
});

describe.skipIf(!canIsolate)("mount.sh", () => {
  let host: Host;

  // What a Pi has and this machine may lack. A file stands for the mounted volume; another one makes it silent.
  beforeEach(() => {
    host = new Host();
    host.write("/etc/fstab", OTHERS);
    host.command("mount.glusterfs", "");
    host.command(
      "findmnt",
      `[ -e /run/mounted ] || exit 0
case $* in
  *TARGET) echo /mnt/gluster1 ;;
  *SOURCE*) cat /run/source ;;
  *) echo rw,nosuid,nodev,noexec,relatime ;;
esac`,
    );
    host.command("systemd-escape", "echo mnt-gluster1.mount");
    host.command("lsattr", 'echo "--$([ ! -e /run/immutable ] || echo i)-- $2"');
    host.command("chattr", "if [ $1 = +i ]; then touch /run/immutable; else rm -f /run/immutable; fi");
    host.command("umount", "rm -f /run/mounted /run/silent");
    host.command("stat", '[ ! -e /run/silent ] && exec /usr/bin/stat "$@"');
    host.command(
      "systemctl",
      `[ "$1" = show ] || echo "$*" >>/run/systemctl
case $1 in
  start) [ ! -e /run/broken ] && touch /run/mounted && awk '/glusterfs/ { print $1 }' /etc/fstab >/run/source ;;
  stop) rm /run/mounted ;;
  is-active) [ -e /run/mounted ] ;;
esac`,
    );
  });
  afterEach(() => host.remove());

  const fstab = (): string => host.read("/etc/fstab");

  it("adds its line after what is there, mounts, and has nothing more to do then", async () => {
    expect((await host.check(mount())).changes).toEqual([
      "/etc/fstab has no line for /mnt/gluster1",
      "/mnt/gluster1 is missing",
      "/mnt/gluster1 is not mounted",
    ]); // once the folder is there, nothing may land in it
    expect(await host.run("apply", mount())).toMatchObject({ status: 0 });
    expect(fstab()).toBe(`${OTHERS}${LINE}\n`);
    expect(host.read("/run/systemctl")).toMatch(/daemon-reload\n(.*\n)*start mnt-gluster1\.mount\n/);
    expect(await host.check(mount())).toEqual({ status: 0, changes: [], output: "" });
    expect(host.list("etc")).toEqual(["fstab"]);
  });

  it("mounts again where it was mounted from another address", async () => {
    await host.run("apply", mount());
    host.write("/run/source", "localhost:/gv0\n");
    const why = [
      "/mnt/gluster1 is mounted from localhost:/gv0, and loses its glusterd when that starts again",
    ];
    expect((await host.check(mount())).changes).toEqual(why);
    expect(await host.run("apply", mount())).toMatchObject({ status: 0, changes: why });
    expect(await host.check(mount())).toEqual({ status: 0, changes: [], output: "" });
  });

  it("fails where something else than its line mounts it again", async () => {
    await host.run("apply", mount());
    host.write("/run/source", "localhost:/gv0\n");
    host.command(
      "systemctl",
      "[ $1 != start ] || touch /run/mounted; [ $1 != is-active ] || [ -e /run/mounted ]",
    );
    const { status, output } = await host.run("apply", mount());
    expect(status).toBe(65);
    expect(output).toContain("/mnt/gluster1 is mounted from localhost:/gv0 again: what else mounts it");
  });

  it.each(["mnt-gluster1.mount", "mnt-gluster1.mount.d/own.conf"])(
    "names a unit file of the user's own, which counts instead of its line: %s",
    async (name) => {
      const file = `/etc/systemd/system/${name}`;
      const why = `${file} says how /mnt/gluster1 is mounted`;
      host.write(file, "[Mount]\nWhat=localhost:/gv0\n");
      expect((await host.check(mount())).output).toContain(`refuse: ${why}`);
      host.write(file, "[Unit]\nAfter=glusterd.service\n"); // in what order, it may say
      await host.run("apply", mount());
      expect((await host.check(mount())).changes).toEqual([]);
      host.write("/var/lib/twopir/states/pi1-gluster-mount", "");
      host.write(file, "[Mount]\nWhat=localhost:/gv0\n");
      expect((await host.check(mount())).changes).toEqual([expect.stringContaining(why)]);
      expect((await host.run("apply", mount())).output).toContain(why);
    },
  );

  it("takes a line for the same folder, with a slash at its end, for its own former one", async () => {
    const former = "localhost:/gv0 /mnt/gluster1/ glusterfs defaults,_netdev 0 0\n";
    host.write("/etc/fstab", OTHERS + former);
    await host.run("apply", mount());
    expect(fstab()).toBe(`${OTHERS}${LINE}\n`);
    await host.run("remove", mount());
    expect(fstab()).toBe(OTHERS + former);
  });

  it("mounts again where the time-out of its connections is another one, which a Pi that does not serve may do at once", async () => {
    await host.run("apply", mount());
    const slower = mount(LINE, 3);
    const why = ["/mnt/gluster1 was mounted with another failover time"];
    expect((await host.check(slower)).changes).toEqual(why);
    expect(await host.run("apply", slower)).toMatchObject({ status: 0, changes: why });
    expect(await host.check(slower)).toEqual({ status: 0, changes: [], output: "" });
    expect((await host.run("remove", slower)).status).toBe(0);
    expect(existsSync(host.at("/var/lib/twopir"))).toBe(false); // nothing noted is left
  });

  it("does not take a site that cannot be read for none, and mounts nothing again", async () => {
    host.command("lsattr", "exit 1"); // here the volume's own files look like those beneath it
    await host.run("apply", mount());
    host.command("stat", "");
    host.command("umount", "touch /run/unmounted");
    const slower = mount(LINE, 3);
    host.write("/mnt/gluster1/cluster", "server_name twopir;\n");
    host.command(
      "awk",
      `case \${*: -1} in */cluster) exit 2 ;; *) exec ${realpathSync("/usr/bin/awk")} "$@" ;; esac`,
    );
    expect((await host.run("apply", slower)).output).toContain(
      "cluster cannot be read, so nobody knows who serves",
    );
    host.delete("/mnt/gluster1/cluster");
    host.cannotRead("/mnt/gluster1/cluster");
    expect((await host.run("apply", slower)).output).toContain("cluster cannot be read (Input/output error)");
    expect(host.list("run")).not.toContain("unmounted");
  });

  it.each([
    ["is without a newline at its end", OTHERS.trimEnd()],
    ["is empty", ""],
    ["has only comments", "# nothing\n# UUID=3 /mnt/gluster1 ext4\n"],
  ])("adds a line of its own to an fstab that %s", async (_, text) => {
    host.write("/etc/fstab", text);
    await host.run("apply", mount());
    expect(fstab()).toBe(`${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${LINE}\n`);
  });

  it("lets nothing land in the folder while the volume is away", async () => {
    expect((await host.run("apply", mount())).changes).toContain(BENEATH);
    host.delete("/run/immutable");
    expect((await host.check(mount())).changes).toEqual([BENEATH]);
    expect((await host.run("apply", mount())).status).toBe(0);
    expect((await host.check(mount())).changes).toEqual([]);
    await host.run("remove", mount());
    expect(existsSync(host.at("/run/immutable"))).toBe(false);
  });

  it("names what lies in the folder already, and moves it aside whole", async () => {
    for (const name of ["a.html", "b.html", "c d.html", "e.html"]) host.write(`/mnt/gluster1/${name}`, name);
    expect((await host.check(mount())).changes).toContain(
      "files lie in /mnt/gluster1 beneath the volume, hidden: a.html b.html c d.html",
    );
    const { status, output } = await host.run("apply", mount());
    expect(status).toBe(0);
    const [aside = ""] = host.list("mnt").filter((path) => /^gluster1\.\d{8}T\d{6}Z$/.test(path));
    expect(output).toContain(`is now in /mnt/${aside} on pi1`);
    expect(host.read(`/mnt/${aside}/c d.html`)).toBe("c d.html");
    expect((await host.check(mount())).changes).toEqual([]);
  });

  it("wants no such flag of a file system that has none", async () => {
    host.command("lsattr", "exit 1");
    await host.run("apply", mount());
    expect(await host.check(mount())).toEqual({ status: 0, changes: [], output: "" });
  });

  it("takes away everything that it made", async () => {
    await host.run("apply", mount());
    expect(await host.run("remove", mount())).toMatchObject({ status: 0, output: "" });
    expect(fstab()).toBe(OTHERS);
    expect(existsSync(host.at("/run/mounted"))).toBe(false);
    expect(host.list("mnt")).toEqual([]);
    expect(host.list("var/lib")).toEqual([]);
    expect(host.list("etc")).toEqual(["fstab"]);
  });

  it("replaces a line that the user had for that folder, and puts it back", async () => {
    const users = "UUID=9\t/mnt/gluster1  ext4\tdefaults 0 2\n";
    host.write("/etc/fstab", `${users}${OTHERS}`);
    expect((await host.check(mount())).changes[0]).toBe("/etc/fstab has another line for /mnt/gluster1");
    await host.run("apply", mount());
    expect(fstab()).toBe(`${OTHERS}${LINE}\n`);
    await host.run("remove", mount());
    expect(fstab()).toBe(`${OTHERS}${users}`);
  });

  it("puts back no line of its own, when that has changed since", async () => {
    await host.run("apply", mount());
    await host.run("apply", mount(NEW_LINE));
    expect(fstab()).toBe(`${OTHERS}${NEW_LINE}\n`);
    await host.run("remove", mount(NEW_LINE));
    expect(fstab()).toBe(OTHERS);
  });

  it("writes its line once, where it stood twice", async () => {
    host.write("/etc/fstab", `${LINE}\n${OTHERS}${LINE}\n`);
    await host.run("apply", mount());
    expect(fstab()).toBe(`${OTHERS}${LINE}\n`);
  });

  it("leaves no candidate of a killed run behind", async () => {
    host.command("sync", "kill -KILL $PPID");
    expect((await host.run("apply", mount())).status).not.toBe(0);
    expect(fstab()).toBe(OTHERS);
    host.command("sync", "");
    await host.run("apply", mount());
    expect(host.list("etc")).toEqual(["fstab"]);
  });

  it("mounts again what was unmounted", async () => {
    await host.run("apply", mount());
    host.delete("/run/mounted");
    expect((await host.check(mount())).changes).toEqual(["/mnt/gluster1 is not mounted"]);
    await host.run("apply", mount());
    expect((await host.check(mount())).changes).toEqual([]);
  });

  it("unmounts and mounts again what does not answer", async () => {
    await host.run("apply", mount());
    host.write("/run/silent", "");
    expect((await host.check(mount())).changes).toEqual(["the mount at /mnt/gluster1 does not answer"]);
    expect((await host.run("apply", mount())).status).toBe(0);
    expect((await host.check(mount())).changes).toEqual([]);
  });

  it("says what the log says when the volume cannot be mounted", async () => {
    host.write("/run/broken", "");
    const { status, output } = await host.run("apply", mount());
    expect(status).toBe(65);
    expect(output).toMatch(/pi1: pi1-gluster-mount: cannot mount \/mnt\/gluster1: /);
  });

  it("writes the line, then fails, where the client is not installed; a check says not yet", async () => {
    host.delete("/usr/local/sbin/mount.glusterfs");
    expect((await host.check(mount())).changes).toContain("not yet: glusterfs-client is not installed");
    expect((await host.run("apply", mount())).output).toContain("needs the command mount.glusterfs");
  });
});
