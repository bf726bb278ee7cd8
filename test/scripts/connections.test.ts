import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { given } from "../../remote/state";
import { canIsolate, Host, state } from "./host";
import { address, brick, BRICK, glusterdKnows, glusterStandIn, healInfo, name, told, uuid } from "./pool";

const MOUNT = "/mnt/gluster1";
const STUCK = `${MOUNT} is not connected to the brick ${name(2)}, which answers`;

describe.skipIf(!canIsolate)("connections.sh", () => {
  let host: Host;

  // Files stand for what the mount says of itself, and for the ports that can be reached.
  beforeEach(() => {
    host = new Host();
    glusterStandIn(host);
    peer(true);
    host.command("findmnt", `echo ${MOUNT}`);
    host.command("systemd-escape", "echo mnt-gluster1.mount");
    host.command("umount", "touch /run/unmounted");
    host.command(
      "systemctl",
      `[ "$1" != is-active ] || exit 3
[ "$1" != start ] || [ ! -e /run/then ] || . /run/then`,
    );
    host.command("timeout", '[ "$2" != bash ] || exec test -e "/run/open/$5:$6"; exec /usr/bin/timeout "$@"');
    mkdirSync(host.at(`${MOUNT}/.meta/graphs`), { recursive: true });
    symlinkSync("gv0-1", host.at(`${MOUNT}/.meta/graphs/active`)); // as gluster has it
    for (const n of [1, 2]) {
      host.write(client(n, "options/remote-host"), `${address(n)}\n`);
      host.write(client(n, "options/remote-subvolume"), `${BRICK}\n`);
      connected(n, 1);
    }
    port(2, 49152);
    for (const open of [49152, 24007, 80]) host.write(`/run/open/${address(2)}:${open}`, "");
    host.command("ping", "! [ -e /run/cut ]");
    host.command(
      "pgrep",
      // The first one is of a mount that was let go, and has lost its glusterd long ago.
      `[[ $* == *fuse* ]] && printf '%s /usr/sbin/glusterfs --process-name fuse --volfile-id=/gv0 ${MOUNT}\\n' 41 42`,
    );
    host.command("ss", "cat /run/ss");
    hasGlusterd(true);
    host.hurry(/(heal_)?patience|settle|arp_wait/, 1);
  });
  afterEach(() => host.remove());

  const client = (n: number, file: string): string =>
    `${MOUNT}/.meta/graphs/gv0-1/gv0-client-${(n - 1).toString()}/${file}`;
  const connected = (n: number, is: 0 | 1): void =>
    host.write(client(n, "private"), `fd.0.remote_fd = 3\nconnected = ${is}\nping_timeout = 10\n`);
  const hasGlusterd = (is: boolean): void =>
    host.write(
      "/run/ss",
      [
        `0 0 ${address(1)}:24007 ${address(2)}:49151 users:(("glusterd",pid=7,fd=1))`,
        `0 0 ${address(1)}:49150 ${address(2)}:49152 users:(("glusterfs",pid=42,fd=10))`,
        ...(is ? [`0 0 ${address(1)}:49151 ${address(1)}:24007 users:(("glusterfs",pid=42,fd=9))`] : []),
      ].join("\n"),
    );
  const peer = (there: boolean): void =>
    glusterdKnows(host, {
      uuid: uuid(1),
      peers: [{ uuid: uuid(2), names: [address(2)], connected: there }],
      volume: { id: uuid(9), bricks: [brick(1), brick(2)] },
    });
  const port = (n: number, number: number | ""): void =>
    host.write(`/run/pool/${address(n)}/port`, number.toString());
  const connections = () =>
    state(
      "connections",
      { mount_point: MOUNT, volume: "gv0", address: address(1), others: [address(2)] },
      "pi1-brick-connections",
    );
  const check = async () => (await host.check(connections())).changes;

  it("wants nothing where all are connected, nor where the volume is not mounted", async () => {
    expect(await check()).toEqual([]);
    connected(2, 0);
    host.command("findmnt", "");
    expect(await check()).toEqual([]);
  });

  it("leaves a brick that nobody serves to its own Pi's states", async () => {
    connected(2, 0);
    port(2, "");
    expect(await check()).toEqual([]);
    port(2, 49152);
    peer(false);
    expect(await check()).toEqual([]);
  });

  it("names a brick that answers and that the mount is not connected to, and mounts again", async () => {
    connected(2, 0);
    expect(await check()).toEqual([STUCK]);
    host.write("/run/then", `sed -i s/connected.*/connected\\ =\\ 1/ ${client(2, "private")}`);
    expect(await host.run("apply", connections())).toMatchObject({ status: 0, changes: [STUCK] });
    expect(host.list("run")).toContain("unmounted");
    expect(await check()).toEqual([]);
  });

  it("names a brick that answers and that the mount has never heard of, and mounts again", async () => {
    rmSync(host.at(`${MOUNT}/.meta/graphs/gv0-1/gv0-client-1`), { recursive: true });
    expect(await check()).toEqual([STUCK]);
    const dir = client(2, "options");
    host.write(
      "/run/then",
      `mkdir -p ${dir}; echo ${address(2)} >${dir}/remote-host; echo ${BRICK} >${dir}/remote-subvolume; echo connected = 1 >${client(2, "private")}`,
    );
    expect(await host.run("apply", connections())).toMatchObject({ status: 0, changes: [STUCK] });
    expect(await check()).toEqual([]);
  });

  it("mounts again where the mount has lost its glusterd, while there is one", async () => {
    const lost = [`${MOUNT} has lost its connection to glusterd, so it would miss new bricks`];
    hasGlusterd(false);
    expect(await check()).toEqual([]); // glusterd's own state says that it does not run
    host.command(
      "systemctl",
      `[[ "$*" != is-active*mount ]] || exit 3
[ "$1" != start ] || sed -i '$a 0 0 ${address(1)}:49151 ${address(1)}:24007 users:(("glusterfs",pid=42,fd=9))' /run/ss`,
    );
    expect(await check()).toEqual(lost);
    expect(await host.run("apply", connections())).toMatchObject({ status: 0, changes: lost });
    expect(host.list("run")).toContain("unmounted");
    expect(await check()).toEqual([]);
  });

  it("has healed what was written meanwhile", async () => {
    host.write("/run/heal", healInfo({ [name(1)]: ["/turn"], [name(2)]: [] }));
    const { output } = await host.run("apply", connections());
    expect(told(host)).toEqual(["volume heal gv0"]);
    expect(output).toContain("files that still wait: 1; gluster goes on with them");
    host.write("/run/heal", healInfo({ [name(1)]: [], [name(2)]: [] }));
    expect(await host.run("apply", connections())).toMatchObject({ status: 0, output: "" });
    expect(told(host)).toEqual(["volume heal gv0"]);
  });

  it("mounts it twice where the first new mount was told a port that nobody has any more", async () => {
    connected(2, 0);
    host.write(
      "/run/then",
      `[ ! -e /run/once ] || sed -i s/connected.*/connected\\ =\\ 1/ ${client(2, "private")}; touch /run/once`,
    );
    expect(await host.run("apply", connections())).toMatchObject({ status: 0, changes: [STUCK] });
    expect(await check()).toEqual([]);
  });

  it("fails where a new mount is no better", async () => {
    connected(2, 0);
    const { status, output } = await host.run("apply", connections());
    expect(status).toBe(65);
    expect(output).toContain(`is still not connected to the brick ${name(2)}: see /var/log/glusterfs/`);
  });

  it("names a port that cannot be reached, and mounts nothing again for it", async () => {
    connected(2, 0);
    host.delete(`/run/open/${address(2)}:49152`);
    const closed = `${MOUNT} is not connected to the brick ${name(2)}, whose port cannot be reached from pi1`;
    expect(await check()).toEqual([closed]);
    const { status, output } = await host.run("apply", connections());
    expect(status).toBe(65);
    expect(output).toContain("something closes the port of a brick");
    expect(host.list("run")).not.toContain("unmounted");
    // A Pi that has gone just now, while glusterd still counts it as connected.
    host.write("/run/cut", "");
    expect(await check()).toEqual([]);
  });

  it("asks anew where what a look had asked before was of the moment in which the peer was lost", async () => {
    connected(2, 0);
    host.delete(`/run/open/${address(2)}:49152`);
    const closed = await check();
    host.command(
      "timeout",
      `[ "$2" != bash ] || { [ ! -e /run/peers ] || mv /run/peers /run/pool/here/peers; exec test -e "/run/open/$5:$6"; }
exec /usr/bin/timeout "$@"`,
    );
    host.write("/run/peers", readFileSync(host.at("/run/pool/here/peers"), "utf8"));
    peer(false);
    const look = `exec /usr/local/sbin/twopir look nonce pi1\n${given(connections())}`;
    expect((await host.run("check", look)).output).toContain(closed[0]);
  });

  const SHUT = `glusterd at ${address(2)} refuses new connections from this Pi: a restart of either would cut them off`;

  it("names a glusterd that takes no new connection, unless the Pi is off or its glusterd is", async () => {
    host.delete(`/run/open/${address(2)}:24007`);
    expect(await check()).toEqual([SHUT]);
    const { status, output } = await host.run("apply", connections());
    expect(status).toBe(65);
    expect(output).toContain("perhaps a firewall other than twopir's");
    host.write("/run/cut", "");
    expect(await check()).toEqual([]);
    host.delete("/run/cut");
    peer(false);
    expect(await check()).toEqual([]);
    glusterdKnows(host, { uuid: uuid(1) });
    expect(await check()).toEqual([]);
  });

  it("names a brick that takes no new connection, unless nobody serves it or it is that of a Pi that is off", async () => {
    host.delete(`/run/open/${address(2)}:49152`);
    const shut = `the brick ${name(2)} refuses new connections from this Pi: a restart of either would cut them off`;
    expect(await check()).toEqual([shut]);
    const { status, output } = await host.run("apply", connections());
    expect(status).toBe(65);
    expect(output).toContain("between the Pis: TCP 24007, 24008 and 49152 to 60999");
    host.write("/run/cut", "");
    expect(await check()).toEqual([]);
    host.delete("/run/cut");
    port(2, "");
    expect(await check()).toEqual([]);
  });

  it("asks a Pi that has no brick for none", async () => {
    glusterdKnows(host, {
      uuid: uuid(1),
      peers: [{ uuid: uuid(2), names: [address(2)] }],
      volume: { id: uuid(9), bricks: [brick(1)] },
    });
    host.write("/run/pool/port", "49152"); // what would be said of a brick without a name
    connected(1, 0);
    connected(2, 0);
    expect(await check()).toEqual([
      `${MOUNT} is not connected to the brick ${name(1)}, whose port cannot be reached from pi1`,
    ]);
  });

  it("names a port 80 that answers nothing, and not one that refuses", async () => {
    host.delete(`/run/open/${address(2)}:80`);
    expect(await check()).toEqual([]);
    host.command(
      "timeout",
      '[ "$2$6" != bash80 ] || exit 124; [ "$2" != bash ] || exit 0; exec /usr/bin/timeout "$@"',
    );
    const dropped = `no answer from port 80 of ${address(2)}, where this Pi asks whether that one serves`;
    expect(await check()).toEqual([dropped]);
    expect(await host.run("apply", connections())).toMatchObject({ status: 0, changes: [dropped] });
  });

  it("waits for a client that is about to connect", async () => {
    connected(2, 0);
    host.hurry(/patience/, 5);
    host.command("sleep", `sed -i s/connected.*/connected\\ =\\ 1/ ${client(2, "private")}`);
    expect(await host.run("apply", connections())).toMatchObject({ status: 0, changes: [] });
    expect(host.list("run")).not.toContain("unmounted");
  });
});
