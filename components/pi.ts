import type { State } from "../remote/state";
import { names, packageState, statesPart, type Part, type Pi } from "./part";

export interface PiArgs {
  readonly pi: Pi;
  readonly pis: readonly Pi[];
  /** False where it cannot be reached now. */
  readonly reachable: boolean;
  readonly volume: string;
}

/**
 * What a Pi needs before it can join, behind its firewall: both packages, how nginx starts, and glusterd.
 *
 * @example hostStates({ pi: pi1, pis: [pi1, pi2], reachable: true, volume: "gv0" })
 */
function hostStates({ pi, pis, reachable, volume }: PiArgs): State[] {
  const addresses = pis.map((one) => one.address);
  const gluster = names.glusterPackage(pi);
  // All others wait for these: they must not, for a firewall that cannot be changed now, since the Pi is off.
  const after = reachable ? [names.firewall(pi)] : [];
  return [
    packageState(gluster, pi, ["glusterfs-server", "glusterfs-client"], after),
    {
      name: names.nginxUnit(pi),
      on: pi.name,
      script: "nginx-unit",
      parameters: {},
      after,
    },
    packageState(names.nginxPackage(pi), pi, ["nginx"], [names.nginxUnit(pi)]),
    {
      name: names.glusterd(pi),
      on: pi.name,
      script: "glusterd",
      parameters: {
        volume,
        address: pi.address,
        others: addresses.filter((address) => address !== pi.address),
        earlier: addresses.slice(0, pis.indexOf(pi)),
      },
      after: [gluster],
      disturbedBy: [gluster],
    },
  ];
}

/** @returns the component of one Pi: packages, units; its mount and its web server lie inside it. */
export const piPart = (args: PiArgs): Part => statesPart("Pi", args.pi.name, hostStates(args));
