import * as pulumi from "@pulumi/pulumi";
import { isState, type State } from "../remote/state";
import type { Resources } from "../remote/resources";
import { aRecordsPart } from "./a-records";
import type { ClusterArgs, Pi } from "./args";
import { firewallPart } from "./firewall";
import { floatingAddressPart } from "./floating-address";
import { fullCopyPart } from "./full-copy";
import { ipv6Part } from "./ipv6";
import type { Knowledge } from "./knowledge";
import { mountPart } from "./mount";
import { hasFullCopy, names, type InTurn, type Part } from "./part";
import { piPart } from "./pi";
import { programPart } from "./program";
import { releasesPart, sitePart } from "./site";
import { updatesPart } from "./updates";
import { volumePart } from "./volume";
import { webServerPart } from "./web-server";

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
  { knowing, peers }: Pick<Knowledge, "knowing" | "peers"> = { knowing: new Set(), peers: new Set() },
): Part[] {
  const { pis, volume } = args;
  const [first] = pis;
  if (first === undefined) throw new Error("a cluster needs Pis");
  const living = pis.filter((pi) => reachable.has(pi.name));
  const asked = living.find((pi) => knowing.has(pi.name)) ?? living[0] ?? first;
  const leader = living.find((pi) => pi === asked || peers.has(pi.address)) ?? asked;
  const turn = (pi: Pi): InTurn => {
    const before = living[living.indexOf(pi) - 1];
    return before === undefined ? {} : { turnAfter: before };
  };
  // What is in split brain cannot be written to before the user's choice is carried out; without one it stays so, and what
  // it is about is no reason to leave the rest of the site as it is.
  const settled = args.splitBrain === "report" ? [] : [names.noSplitBrain(volume.name)];
  const onEach = (part: (pi: Pi) => Part): Part[] => pis.map(part);
  const parts = [
    ...onEach((pi) => programPart({ ...args, pi })),
    ...onEach((pi) => firewallPart({ ...args, pi })),
    ...onEach((pi) => piPart({ ...args, pi, reachable: reachable.has(pi.name) })),
    volumePart({ ...args, leader }),
    ...onEach((pi) => mountPart({ ...args, pi, ...turn(pi) })),
    ...pis.filter(hasFullCopy).map((pi) => fullCopyPart({ ...args, pi })),
    sitePart({ ...args, leader, living, after: settled }),
    ...onEach((pi) => webServerPart({ ...args, pi, ...turn(pi) })),
    ...(args.release === undefined
      ? []
      : [releasesPart({ ...args, release: args.release, leader, serving: living.map(names.nginx) })]),
    ...(args.updates === "off" ? [] : onEach((pi) => updatesPart({ ...args, pi }))),
    ...(args.floatingAddresses.length === 0
      ? []
      : onEach((pi) => floatingAddressPart({ ...args, pi, ...turn(pi) }))),
    ...pis.flatMap((pi) =>
      pi.address6 === undefined ? [] : ipv6Part({ ...args, pi, address6: pi.address6 }),
    ),
    aRecordsPart({ ...args, leader, living }),
  ];
  if (leader === asked) return parts;
  const askedThere = (state: Part["states"][number]) =>
    isState(state) && state.anywhere ? { ...state, asked: asked.name } : state;
  return parts.map((part) => ({ ...part, states: part.states.map(askedThere) }));
}

/** What of a cluster can be looked at. */
export const statesOf = (parts: readonly Part[]): State[] =>
  parts.flatMap((part) => part.states.filter(isState));

/** A component whose children are the resources of one part. */
class Group extends pulumi.ComponentResource {
  constructor({ type, name, states }: Part, resources: Resources, parent: pulumi.Resource) {
    super(`twopir:${type}`, name, {}, { parent });
    for (const state of states) resources.declare(state, this);
    this.registerOutputs();
  }
}

/**
 * A fault-tolerant web cluster of Raspberry Pis.
 *
 * @example
 * const parts = clusterParts(config, new Set(["pi1", "pi2"]));
 * new Cluster("twopir", { parts, resources: new Resources(reached, await look(statesOf(parts), reached)) });
 */
export class Cluster extends pulumi.ComponentResource {
  constructor(name: string, args: { readonly parts: readonly Part[]; readonly resources: Resources }) {
    super("twopir:Cluster", name, {});
    const made = new Map<string, pulumi.Resource>();
    for (const part of args.parts)
      made.set(part.name, new Group(part, args.resources, made.get(part.inside ?? "") ?? this));
    this.registerOutputs();
  }
}
