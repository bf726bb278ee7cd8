import { packSite } from "../operator/pack";
import { look, reach, type Look, type PiAddress, type Reached, type Ssh } from "../remote/look";
import type { State } from "../remote/state";
import type { ClusterArgs, Pi } from "./args";
import { clusterParts, statesOf } from "./cluster";
import { knowledge } from "./knowledge";
import type { Part } from "./part";

/** A cluster as it is to be, and as it is now. */
export interface Now {
  readonly parts: readonly Part[];
  readonly reached: ReadonlyMap<string, Reached>;
  readonly seen: Look;
  /** Names of the Pis that are drained or did not answer. */
  readonly unreached: readonly string[];
}

/** What a cluster is to be, and how to log in to it. */
export interface ReachableCluster extends ClusterArgs {
  readonly pis: readonly (Pi & PiAddress)[];
  readonly ssh: Ssh;
  /** The folder that is published. Default: none, the content is the user's own. */
  readonly site?: string;
}

/**
 * Looks at all of a cluster, and changes nothing.
 *
 * @param besides States that are looked at, too. Default: none.
 * @example const { parts, reached, seen } = await lookNow(config);
 * @throws pulumi.RunError where its site cannot be published.
 */
export async function lookNow(config: ReachableCluster, besides: readonly State[] = []): Promise<Now> {
  const release = await packSite(config);
  const reached = await reach(config.pis, config.ssh);
  const reachable = new Set([...reached].filter(([, { client }]) => client).map(([name]) => name));
  const parts = clusterParts({ ...config, release }, reachable, await knowledge(config, reached));
  const seen = await look([...statesOf(parts), ...besides], reached);
  return { parts, reached, seen, unreached: [...reached.keys()].filter((name) => !reachable.has(name)) };
}
