import type { State } from "../remote/state";
import { names, statesPart, turnParameters, type Part, type Pi } from "./part";

export interface MountArgs {
  readonly pi: Pi;
  readonly pis: readonly Pi[];
  readonly volume: string;
  /** Where the volume is mounted, e.g. "/mnt/gluster1". */
  readonly mountPoint: string;
  /** Seconds until a silent Pi is given up. */
  readonly failover: number;
  /** The Pi whose mount is made before this one; mounts go Pi by Pi. */
  readonly turnAfter?: Pi;
}

/**
 * The line of /etc/fstab. It names the Pi's own glusterd first, so that a Pi which boots alone mounts without
 * waiting for another, and the others as a fall-back.
 *
 * @example fstabLine({ ... }) // "localhost:/gv0 /mnt/gluster1 glusterfs defaults,_netdev,nofail,... 0 0"
 */
function fstabLine({ pi, pis, volume, mountPoint }: MountArgs): string {
  const others = pis.filter((other) => other.name !== pi.name).map((other) => other.address);
  const options = [
    "defaults",
    "_netdev",
    "nodev,nosuid,noexec", // the volume is for pages, whoever writes to it
    "nofail", // a Pi without its volume still boots, so that one can log in
    `backup-volfile-servers=${others.join(":")}`,
    "x-systemd.after=glusterd.service", // not "requires": whenever glusterd stops, systemd would unmount the volume
    // nginx wants the mount and comes after it: each of nginx's attempts to start is one to mount, too.
    "x-systemd.wanted-by=nginx.service",
    "x-systemd.before=nginx.service",
  ];
  return `localhost:/${volume} ${mountPoint} glusterfs ${options.join(",")} 0 0`;
}

/** The volume mounted on one Pi, now and after each boot. */
function mountStates(args: MountArgs): State[] {
  const { pi, volume, failover, turnAfter } = args;
  return [
    {
      name: names.mount(pi),
      on: pi.name,
      script: "mount",
      parameters: {
        ...turnParameters(args),
        fstab_line: fstabLine(args),
        failover,
      },
      after: [names.volumeStarted(volume), ...(turnAfter ? [names.mount(turnAfter)] : [])],
    },
  ];
}

/** @returns the component of one Pi's mount, inside that Pi's; see {@link mountStates}. */
export const mountPart = (args: MountArgs): Part =>
  statesPart("Mount", `${args.pi.name}-mount`, mountStates(args), args.pi.name);
