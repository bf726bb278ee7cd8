import { packSite } from "../operator/pack";
import { visit, type Visit } from "../operator/visitors";
import { look, reach, type Look, type PiAddress, type Reached, type Ssh } from "../remote/look";
import { HostProblem } from "../remote/ssh";
import type { State } from "../remote/state";
import { recordTargets } from "./a-records";
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
  const known = await knowledge(config, reached);
  const parts = clusterParts({ ...config, release }, reachable, known);
  const states = statesOf(parts);
  // Behind a jump host this machine is in another network.
  const asked = config.ssh.jumpHost ? [] : recordTargets(config).filter(({ pi }) => reachable.has(pi.name));
  const ask = (address: string): Promise<Visit> => visit(address, config.hostname, known.volumes);
  const [seen, visits] = await Promise.all([
    look([...states, ...besides], reached),
    // Twice, for an answer that was lost on the way.
    Promise.all(
      asked.map(async ({ address }) => {
        const first = await ask(address);
        return first.why === undefined ? first : ask(address);
      }),
    ),
  ]);
  return {
    parts,
    reached,
    seen: {
      ...seen,
      problems: [...seen.problems, ...missedByVisitors(config.hostname, states, seen, visits)],
    },
    unreached: [...reached.keys()].filter((name) => !reachable.has(name)),
  };
}

/**
 * What a visitor does not get from here, where all of the cluster is as it should be: nothing else would say so. Otherwise
 * it may be the cause, and when that is mended this is asked again.
 */
export function missedByVisitors(
  hostname: string,
  states: readonly State[],
  { findings, problems }: Look,
  visits: readonly Visit[],
): HostProblem[] {
  const well =
    problems.every(({ kind }) => kind === "silent") &&
    states.every(({ name }) => (findings.get(name)?.reasons.length ?? 0) === 0);
  const missed = visits.filter(({ why }) => why !== undefined);
  if (!well || missed.length === 0) return [];
  if (visits.every(({ silent }) => silent))
    return [
      new HostProblem(
        `this machine gets an answer on port 80 from none of the Pis, which serve the page as they see it themselves: a firewall ` +
          `that is not twopir's, on them or on the way, keeps visitors away, or this machine alone (${missed[0]?.why ?? ""}).`,
        "unseen",
      ),
    ];
  return missed.map(
    ({ address, why = "" }) =>
      new HostProblem(
        `http://${hostname}/ is not to be had at ${address} from this machine (${why}), while the Pis serve it as they see it ` +
          `themselves: look for a firewall that is not twopir's, and for another machine with that address.`,
      ),
  );
}
