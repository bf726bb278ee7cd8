import * as pulumi from "@pulumi/pulumi";
import type { Hosts } from "../remote/hosts";
import type { State } from "../remote/state";

/** A Pi, as every component knows it. */
export interface Pi {
  /** Short and unique; the names of its resources begin with it. */
  readonly name: string;
  /** IPv4 address: the A record points at it, the other Pis reach its brick at it. */
  readonly address: string;
  /** False for a Pi that serves but holds no brick. */
  readonly storage: boolean;
  /** True for a Pi whose brick has the names and times of all files, but none of their content. */
  readonly arbiter: boolean;
  /** True for a Pi that has no A record and is left alone, so that it can be switched off or worked on. */
  readonly drained: boolean;
}

/** The names of the resources that other components come after. */
export const names = {
  program: (pi: Pi) => `${pi.name}-twopir`,
  firewall: (pi: Pi) => `${pi.name}-firewall-kept`,
  glusterPackage: (pi: Pi) => `${pi.name}-gluster-package`,
  nginxUnit: (pi: Pi) => `${pi.name}-nginx-unit`,
  nginxPackage: (pi: Pi) => `${pi.name}-nginx-package`,
  glusterd: (pi: Pi) => `${pi.name}-glusterd`,
  brick: (pi: Pi) => `${pi.name}-brick`,
  volumeStarted: (volume: string) => `${volume}-started`,
  noSplitBrain: (volume: string) => `${volume}-no-split-brain`,
  mount: (pi: Pi) => `${pi.name}-gluster-mount`,
  siteConfig: "site-config",
  siteContent: "site-content",
  nginx: (pi: Pi) => `${pi.name}-nginx`,
  keepalived: (pi: Pi) => `${pi.name}-keepalived`,
} as const;

/**
 * Debian packages on a Pi.
 *
 * @example packageState("pi1-nginx-package", pi1, ["nginx"], [names.firewall(pi1)])
 */
export const packageState = (name: string, pi: Pi, packages: readonly string[], after: string[]): State => ({
  name,
  on: pi.name,
  script: "package",
  parameters: { packages },
  after,
});

/** What turn.sh asks: the others that serve while a Pi is interrupted, and the volume that must be healed. */
export const turnParameters = (args: {
  readonly pi: Pi;
  readonly pis: readonly Pi[];
  readonly volume: string;
  readonly mountPoint: string;
}) => ({
  address: args.pi.address,
  others: args.pis.filter((other) => other !== args.pi && !other.drained).map((other) => other.address),
  volume: args.volume,
  mount_point: args.mountPoint,
});

/** A component to be: its states are plain data, which are looked at before any resource is registered. */
export interface Part {
  readonly name: string;
  /** The component that it lies in; default: the cluster. */
  readonly inside?: string;
  readonly states: readonly State[];
  readonly make: (hosts: Hosts, options: pulumi.ComponentResourceOptions) => pulumi.ComponentResource;
}

class StateGroup extends pulumi.ComponentResource {
  constructor(
    type: string,
    name: string,
    states: readonly State[],
    hosts: Hosts,
    options: pulumi.ComponentResourceOptions,
  ) {
    super(type, name, {}, options);
    for (const state of states) hosts.declare(state, this);
    this.registerOutputs();
  }
}

/**
 * A component whose children are desired states: one type for each noun of the cluster.
 *
 * @param inside The component that it lies in; default: the cluster.
 * @example statesPart("Mount", "pi1-mount", mountStates({ pi: pi1, ... }), "pi1") // a twopir:Mount
 */
export const statesPart = (type: string, name: string, states: readonly State[], inside?: string): Part => ({
  name,
  ...(inside !== undefined && { inside }),
  states,
  make: (hosts, options) => new StateGroup(`twopir:${type}`, name, states, hosts, options),
});
