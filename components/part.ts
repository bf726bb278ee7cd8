import type { CloudflareRecord, State } from "../remote/state";
import type { ClusterArgs, Pi } from "./args";

/** Of the group of those who copy content: Debian gives none of this number by itself but to a 27,081st user. */
export const CONTENT_GID = 28080;

/** The names of the resources that other components come after. */
export const names = {
  program: (pi: Pi) => `${pi.name}-twopir`,
  firewall: (pi: Pi) => `${pi.name}-firewall-kept`,
  glusterPackage: (pi: Pi) => `${pi.name}-gluster-package`,
  nginxUnit: (pi: Pi) => `${pi.name}-nginx-unit`,
  nginxPackage: (pi: Pi) => `${pi.name}-nginx-package`,
  glusterd: (pi: Pi) => `${pi.name}-glusterd`,
  brick: (pi: Pi) => `${pi.name}-brick`,
  brickProcess: (pi: Pi) => `${pi.name}-brick-process`,
  volumeStarted: (volume: string) => `${volume}-started`,
  healed: (volume: string) => `${volume}-healed`,
  noSplitBrain: (volume: string) => `${volume}-no-split-brain`,
  mount: (pi: Pi) => `${pi.name}-gluster-mount`,
  connections: (pi: Pi) => `${pi.name}-brick-connections`,
  contentGroup: (pi: Pi) => `${pi.name}-content-group`,
  release: (pi: Pi) => `${pi.name}-release`,
  siteConfig: "site-config",
  siteContent: "site-content",
  nginx: (pi: Pi) => `${pi.name}-nginx`,
  ipv6: (pi: Pick<Pi, "name">) => `${pi.name}-ipv6`,
  keepalived: (pi: Pi) => `${pi.name}-keepalived`,
} as const;

/** A component to be, as plain data: one type for each noun of the cluster, and what lies in it. */
export interface Part {
  /** Without its "twopir:", e.g. "Mount". */
  readonly type: string;
  readonly name: string;
  /** Name of the component that it lies in. Default: the cluster. */
  readonly inside?: string;
  /** In order: each after those that it names. */
  readonly states: readonly (State | CloudflareRecord)[];
}

/** One Pi of a cluster, as the components see it that every Pi has. */
export type OnPi<K extends keyof ClusterArgs> = Pick<ClusterArgs, K> & { readonly pi: Pi };

/** Whether a Pi holds a full copy: names, times and content of all files. */
export const hasFullCopy = (pi: Pi): boolean => pi.storage && !pi.arbiter;

/** What goes Pi by Pi: a change that breaks one must not reach the next. */
export interface InTurn {
  /** The Pi whose turn is before this one's. Default: this one is the first. */
  readonly turnAfter?: Pi;
}

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

/** After these a Pi serves at the address that its A record leads to. */
export const serving = ({ pi, floatingAddresses }: OnPi<"floatingAddresses">): string[] => [
  names.nginx(pi),
  ...(floatingAddresses.length > 0 ? [names.keepalived(pi)] : []),
];

/** What pi/library/turn.sh asks: the others that serve while a Pi is interrupted, and the volume that must be healed. */
export const turnParameters = ({ pi, pis, volume }: OnPi<"pis" | "volume">) => ({
  address: pi.address,
  others: pis.filter((other) => other !== pi && !other.drained).map((other) => other.address),
  volume: volume.name,
  mount_point: volume.mount,
});
