import { packSite, type PackedRelease, type Release, type WebSettings } from "../operator/pack";
import { presentRecords, toldElsewhere, TYPES, type Addresses } from "../operator/records";
import { close, look, reach, type Look, type PiAddress, type Reached, type Ssh } from "../remote/look";
import { HostProblem } from "../remote/ssh";
import { explains, type State } from "../remote/state";
import { recordAddresses } from "./a-records";
import type { ClusterArgs, Pi } from "./args";
import { askAsVisitors } from "./asked";
import { clusterParts, statesOf } from "./cluster";
import { exceptionsSet } from "./exceptions";
import { healthProblems, healthStates, stillHeldTwice } from "./health";
import { oneMachine } from "./identity";
import { knowledge } from "./knowledge";
import { names, type Part } from "./part";
import { changedFiles, keptRelease } from "./releases";
import { foundElsewhere } from "./visits";

/** A cluster as it is to be, and as it is now. */
export interface Now {
  readonly parts: readonly Part[];
  readonly reached: ReadonlyMap<string, Reached>;
  readonly seen: Look;
  /** See {@link Knowledge}. */
  readonly called: ReadonlyMap<string, readonly string[]>;
  /** States that are noted on a Pi, by its name, and are not wanted there. */
  readonly unwanted: ReadonlyMap<string, readonly string[]>;
  /** Names of the Pis that are drained or did not answer. */
  readonly unreached: readonly string[];
  /** The addresses that the name has, of the types that it is to have; none of a type where nobody answers. */
  readonly records: Partial<Addresses>;
  /** What this machine finds for the name instead, where others may find what is right. */
  readonly foundHere: readonly string[];
}

/** What a cluster is to be, and how to log in to it. */
export interface ReachableCluster extends ClusterArgs {
  readonly pis: readonly (Pi & PiAddress)[];
  readonly ssh: Ssh;
  /** The folder that is published. Default: none, the content is the user's own. */
  readonly site?: string;
  /** How it is served. Default: as web servers do. */
  readonly web?: WebSettings;
  /** The release that is served instead, see {@link keptRelease}. Default: the folder's. */
  readonly backTo?: string;
}

/**
 * Looks at all of a cluster, and changes nothing.
 *
 * @param besides States that are looked at, too. Default: none.
 * @param asksHere Whether to ask what this machine finds for the name. Default: no.
 * @example const { parts, reached, seen } = await lookNow(config);
 * @throws pulumi.RunError where its site cannot be published, or a former release is not there.
 */
export async function lookNow(
  config: ReachableCluster,
  besides: readonly State[] = [],
  asksHere = false,
): Promise<Now> {
  const { backTo } = config;
  const packed = backTo === undefined ? await packSite(config) : undefined;
  const reached = await reach(config.pis, config.ssh);
  try {
    const release = backTo === undefined ? packed : await keptRelease(backTo, config, reached);
    const now = await lookBy(reached, { ...config, release }, besides, asksHere);
    return packed === undefined ? now : await withChanges(packed, config, now);
  } finally {
    close(reached);
  }
}

/** With a word on what goes live that is new. */
async function withChanges(release: PackedRelease, { volume }: ReachableCluster, now: Now): Promise<Now> {
  const { reached, seen, parts } = now;
  const config = statesOf(parts).find(({ name }) => name === names.siteConfig);
  const found = seen.findings.get(names.siteConfig);
  const problems = [...seen.problems, ...release.doubts.map((doubt) => new HostProblem(doubt, "hint"))];
  const on = found?.disturbs ? (config?.asked ?? config?.on) : undefined;
  const changes = on === undefined ? undefined : await changedFiles(release, volume, on, reached);
  if (found === undefined || changes === undefined) return { ...now, seen: { ...seen, problems } };
  const details = [changes, found.details].filter(Boolean).join("\n");
  const findings = new Map([...seen.findings, [names.siteConfig, { ...found, details }]]);
  return { ...now, seen: { findings, problems } };
}

async function lookBy(
  reached: ReadonlyMap<string, Reached>,
  config: ReachableCluster & { readonly release: Release | undefined },
  besides: readonly State[],
  asksHere: boolean,
): Promise<Now> {
  const reachable = new Set([...reached].filter(([, { client }]) => client).map(([name]) => name));
  const known = await knowledge(config, reached);
  const parts = clusterParts(config, reachable, known);
  const states = statesOf(parts);
  const lookTimed = async (): Promise<{ seen: Look; health: HostProblem[] }> => {
    const began = Date.now();
    const seen = await look([...states, ...healthStates(config), ...besides], reached);
    return { seen, health: healthProblems(config.pis, seen, began, Date.now()) };
  };
  const wanted = recordAddresses(config);
  const types = TYPES.filter((type) => wanted[type].length > 0);
  const lookUp = async () => {
    const found = await Promise.all(
      TYPES.map(async (type) => [type, await presentRecords(config.hostname, type, config.dns)] as const),
    );
    const all = Object.fromEntries(found) as Partial<Addresses>;
    const records = Object.fromEntries(
      found.filter(([type, addresses]) => types.includes(type) && addresses !== undefined),
    ) as Partial<Addresses>;
    const elsewhere = await toldElsewhere(config.hostname, records, config.dns, asksHere);
    return { records, leading: config.ssh.jumpHost ? [] : (all.AAAA ?? []), elsewhere };
  };
  const [{ seen, health }, { records, leading, elsewhere }] = await Promise.all([lookTimed(), lookUp()]);
  const doubled = await stillHeldTwice(config, reached, seen);
  // After the look, which waits until floating addresses are where they should be, and where all is well: then each nginx
  // has read its mark.
  const well = isWell(states, seen);
  const missed = well ? await askAsVisitors(config, reached, seen, known.volumes, leading) : [];
  return {
    parts,
    reached,
    called: known.called,
    unwanted: unwantedOf(known.noted, states),
    seen: {
      ...seen,
      problems: [
        ...seen.problems,
        ...oneMachine(reached, known.uuids),
        ...health,
        ...doubled,
        ...missed,
        ...(config.dns.provider === "none" ? types : []).flatMap((type) =>
          foundElsewhere(config.hostname, type, wanted[type], records[type] ?? []),
        ),
        ...elsewhere.flatMap(({ message, hereOnly }) => (hereOnly ? [] : new HostProblem(message))),
        // Where something is not well, an exception may be what mends it.
        ...(well ? exceptionsSet(config) : []),
      ],
    },
    records,
    foundHere: elsewhere.flatMap(({ message, hereOnly }) => (hereOnly ? message : [])),
    unreached: [...reached.keys()].filter((name) => !reachable.has(name)),
  };
}

/** The states that are noted on a Pi and not among its own. */
const unwantedOf = (
  noted: ReadonlyMap<string, readonly string[]>,
  states: readonly State[],
): Map<string, string[]> =>
  new Map(
    [...noted].map(([pi, names]) => [
      pi,
      names.filter((one) => !states.some(({ name, on }) => name === one && on === pi)),
    ]),
  );

/** Whether all that the page stands on is as it should be, as far as the Pis that answer see it themselves. */
export const isWell = (states: readonly State[], { findings, problems }: Look): boolean =>
  problems.every(({ kind }) => kind === "silent") && !states.some((state) => explains(state, findings));
