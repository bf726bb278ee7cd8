import * as pulumi from "@pulumi/pulumi";
import type { Hosts } from "../remote/hosts";
import type { State } from "../remote/state";
import { aRecordsPart, type Dns } from "./a-records";
import { firewallPart } from "./firewall";
import { floatingAddressPart } from "./floating-address";
import { fullCopyPart } from "./full-copy";
import type { Knowledge } from "./knowledge";
import type { Release } from "../remote/pack";
import { mountPart } from "./mount";
import { names, type Part, type Pi } from "./part";
import { piPart } from "./pi";
import { programPart } from "./program";
import { sitePart } from "./site";
import { updatesPart, type Updates } from "./updates";
import { volumePart, type SplitBrain } from "./volume";
import { webServerPart } from "./web-server";

export interface ClusterArgs {
  /** Two or more. */
  readonly pis: readonly Pi[];
  readonly hostname: string;
  /** Further names of the server block. */
  readonly serverNames: readonly string[];
  readonly volume: {
    readonly name: string;
    /** Where it is mounted, e.g. "/mnt/gluster1". */
    readonly mount: string;
    readonly brick: string;
    /** IPv4 addresses of other machines that may mount it. */
    readonly clients: readonly string[];
    /** True where others that have mounted it now may be cut off. */
    readonly disconnect: boolean;
    /** Name of the Pi whose copy counts as full also where nobody can tell. Default: none. */
    readonly acceptCopy?: string | undefined;
  };
  /** Seconds until a silent Pi is given up. */
  readonly failover: number;
  /** One for each Pi, in their order; none: the A records are the Pis' own addresses. */
  readonly floatingAddresses: readonly string[];
  readonly splitBrain: SplitBrain;
  readonly updates: Updates;
  readonly dns: Dns;
  /** What is published. Default: the content is the user's own. */
  readonly release?: Release | undefined;
}

type Addresses = Pick<ClusterArgs, "pis" | "floatingAddresses">;

/** Where a Pi's A record points: at its floating address, or at its own where there are none. */
export const recordAddress = ({ pis, floatingAddresses }: Addresses, pi: Pi): string =>
  floatingAddresses[pis.indexOf(pi)] ?? pi.address;

/** The Pis that have an A record, all but the drained ones, and where it points. */
export const recordTargets = (args: Addresses): { readonly pi: Pi; readonly address: string }[] =>
  args.pis.filter((pi) => !pi.drained).map((pi) => ({ pi, address: recordAddress(args, pi) }));

/**
 * The whole cluster as plain data, in the order in which it is built.
 *
 * @param reachable Names of the Pis that can be reached now. What goes Pi by Pi waits for these only, so that a dead Pi
 *   holds up nobody.
 * @param known Who has the volume. The first such Pi gives the commands to gluster and writes to the volume, or one before
 *   it that they have as a peer: what that one lost it is given back before; then a knowing one is asked for it in the
 *   look. Where none has it, the first that can be reached gives the commands. Default: nobody.
 */
export function clusterParts(
  args: ClusterArgs,
  reachable: ReadonlySet<string>,
  { knowing, peers }: Knowledge = { knowing: new Set(), peers: new Set() },
): Part[] {
  const { pis, hostname, volume, failover, floatingAddresses, dns, release } = args;
  const { mount: mountPoint, brick, clients, disconnect, acceptCopy } = volume;
  const [first] = pis;
  if (first === undefined) throw new Error("a cluster needs Pis");
  const floating = floatingAddresses.length > 0;
  const living = pis.filter((pi) => reachable.has(pi.name));
  const asked = living.find((pi) => knowing.has(pi.name)) ?? living[0] ?? first;
  const leader = living.find((pi) => pi === asked || peers.has(pi.address)) ?? asked;
  const turn = (pi: Pi): { turnAfter?: Pi } => {
    const before = living[living.indexOf(pi) - 1];
    return before === undefined ? {} : { turnAfter: before };
  };
  // What is in split brain cannot be written to before the user's choice is carried out; without one it stays so, and what
  // it is about is no reason to leave the rest of the site as it is.
  const settled = args.splitBrain === "report" ? [] : [names.noSplitBrain(volume.name)];
  const parts = [
    ...pis.map((pi) => programPart({ pi, hostname, volume: volume.name, brick, mountPoint })),
    ...pis.map((pi) => firewallPart({ pi, pis, clients, disconnect })),
    ...pis.map((pi) => piPart({ pi, pis, reachable: reachable.has(pi.name), volume: volume.name })),
    volumePart({
      volume: volume.name,
      brick,
      pis,
      clients,
      leader,
      failover,
      mountPoint,
      splitBrain: args.splitBrain,
      acceptCopy,
    }),
    ...pis.map((pi) => mountPart({ pi, pis, volume: volume.name, mountPoint, failover, ...turn(pi) })),
    ...pis
      .filter((pi) => pi.storage && !pi.arbiter)
      .map((pi) => fullCopyPart({ pi, volume: volume.name, brick, mountPoint })),
    sitePart({
      mountPoint,
      serverNames: [...new Set([...args.serverNames, hostname])],
      leader,
      after: settled,
      release,
    }),
    ...pis.map((pi) =>
      webServerPart({ pi, mountPoint, hostname, floating, published: release !== undefined, ...turn(pi) }),
    ),
    ...(args.updates === "off" ? [] : pis).map((pi) =>
      updatesPart({ pi, pis, updates: args.updates, volume: volume.name, mountPoint }),
    ),
    ...(floating ? pis : []).map((pi) =>
      floatingAddressPart({ pi, pis, floatingAddresses, hostname, failover, ...turn(pi) }),
    ),
    aRecordsPart({
      hostname,
      targets: recordTargets(args),
      floating,
      dns,
      volume: volume.name,
      leader,
      living,
    }),
  ];
  const askedOn = (state: State): State => (state.anywhere ? { ...state, asked: asked.name } : state);
  return leader === asked ? parts : parts.map((part) => ({ ...part, states: part.states.map(askedOn) }));
}

/**
 * A fault-tolerant web cluster of Raspberry Pis.
 *
 * @example
 * const parts = clusterParts(config, new Set(["pi1", "pi2"]));
 * new Cluster("twopir", { parts, hosts: new Hosts(reached, await look(parts.flatMap((p) => p.states), reached)) });
 */
export class Cluster extends pulumi.ComponentResource {
  constructor(name: string, args: { readonly parts: readonly Part[]; readonly hosts: Hosts }) {
    super("twopir:Cluster", name, {});
    const made = new Map<string, pulumi.ComponentResource>();
    for (const part of args.parts) {
      const parent = made.get(part.inside ?? "") ?? this;
      made.set(part.name, part.make(args.hosts, { parent }));
    }
    this.registerOutputs();
  }
}
