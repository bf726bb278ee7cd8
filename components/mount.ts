import { names, turnParameters, type InTurn, type OnPi, type Part } from "./part";

type MountArgs = OnPi<"pis" | "volume" | "failover"> & InTurn;

/**
 * The line of /etc/fstab. It names the Pi's own glusterd first, so that a Pi which boots alone mounts without
 * waiting for another, and the others as a fall-back. From then on gluster's client goes to the next whenever one
 * refuses, as each does while it starts again, and stays with the last; so that is its own once more. It binds all its
 * connections to the address from which it made the first one: from that of localhost it would reach no other Pi's
 * ("connect: Invalid argument"), and a mount that has lost its glusterd learns of no new brick and no new option.
 *
 * @example fstabLine({ ... }) // "192.168.0.121:/gv0 /mnt/gluster1 glusterfs defaults,_netdev,nofail,... 0 0"
 */
function fstabLine({ pi, pis, volume }: MountArgs): string {
  const others = pis.filter((other) => other.name !== pi.name).map((other) => other.address);
  const servers = [...others, "127.0.0.1"];
  const options = [
    "defaults",
    "_netdev",
    "nodev,nosuid,noexec", // the volume is for pages, whoever writes to it
    "nofail", // a Pi without its volume still boots, so that one can log in
    `backup-volfile-servers=${servers.join(":")}`,
    "x-systemd.after=glusterd.service", // not "requires": whenever glusterd stops, systemd would unmount the volume
    // nginx wants the mount and comes after it: each of nginx's attempts to start is one to mount, too.
    "x-systemd.wanted-by=nginx.service",
    "x-systemd.before=nginx.service",
  ];
  return `${pi.address}:/${volume.name} ${volume.mount} glusterfs ${options.join(",")} 0 0`;
}

/** The volume mounted on one Pi, now and after each boot, and connected to every brick; mounts go Pi by Pi. */
export function mountPart(args: MountArgs): Part {
  const { pi, pis, volume, failover, turnAfter } = args;
  const stores = pis.filter(({ storage }) => storage);
  const bricks = [
    ...stores.map(names.brick),
    ...stores.map(names.brickProcess),
    names.volumeStarted(volume.name),
  ];
  return {
    type: "Mount",
    name: `${pi.name}-mount`,
    inside: pi.name,
    states: [
      {
        name: names.mount(pi),
        on: pi.name,
        script: "mount",
        parameters: { ...turnParameters(args), fstab_line: fstabLine(args), failover },
        after: [names.volumeStarted(volume.name), ...(turnAfter ? [names.mount(turnAfter)] : [])],
      },
      // Nothing waits for it: a brick that one Pi does not reach is no reason to leave the rest as it is.
      {
        name: names.connections(pi),
        on: pi.name,
        script: "connections",
        parameters: turnParameters(args),
        after: [names.mount(pi), ...bricks, ...(turnAfter ? [names.connections(turnAfter)] : [])],
        disturbedBy: bricks,
      },
    ],
  };
}
