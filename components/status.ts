import { TYPES, type Addresses, type RecordType } from "../operator/records";
import type { Look, Reached } from "../remote/look";
import { factsOf, type State } from "../remote/state";
import { recordAddress, recordTargets } from "./a-records";
import type { ClusterArgs, Pi } from "./args";
import { healthStates } from "./health";
import { statusParameters } from "./program";
import { releasesStates, storedReleases, type StoredRelease } from "./releases";

/** What is known of one Pi; undefined where nobody could be asked. */
export interface PiStatus {
  readonly name: string;
  readonly address: string;
  readonly reachable: boolean;
  /** Left alone by the user's word, so nothing is asked of it. */
  readonly drained: boolean;
  readonly nginx?: string;
  readonly glusterd?: string;
  readonly mounted?: boolean;
  readonly pageServed?: boolean;
  /** "current", "reboot waits" or "wait for the window", "off", "held back: ..." or "failed: ...". */
  readonly updates?: string;
  /** Its own copy; undefined also where it holds none. */
  readonly brickServed?: boolean;
  /** Files that its copy has still to give to the others. */
  readonly healsWaiting?: number;
  readonly splitBrain?: number;
  readonly aRecord: boolean;
  /** Undefined where it is to have none. */
  readonly aaaaRecord?: boolean;
}

export interface ClusterStatus {
  readonly hostname: string;
  readonly well: boolean;
  /** Whether something that visitors get could not be seen from this machine; one of the problems says what. */
  readonly unseen: boolean;
  readonly pis: readonly PiStatus[];
  /** Those of a published site, the one that went live last first. */
  readonly releases: readonly StoredRelease[];
  /** What is not as it should be, "pi1: nginx is inactive"; none of it where all is well. */
  readonly notWell: readonly string[];
  /** What pulumi preview would name, "resource: reason". */
  readonly drift: readonly string[];
  /** Why something could not be looked at. */
  readonly problems: readonly string[];
}

const stateName = (pi: Pi): string => `${pi.name}-status`;

/** States that want nothing: their checks print facts. */
export const statusStates = (args: ClusterArgs & { readonly site?: string }): State[] => [
  ...args.pis.map((pi) => ({
    name: stateName(pi),
    on: pi.name,
    facts: true,
    script: "status",
    parameters: statusParameters({ ...args, pi }),
    after: [],
  })),
  ...(args.site === undefined ? [] : releasesStates(args)),
];

/**
 * Puts the facts together.
 *
 * @param records The addresses that DNS gives for the name, by their type; none of a type where nobody answers.
 * @param foundHere What this machine finds instead, where others may find what is right. Default: nothing.
 */
export function clusterStatus(
  args: ClusterArgs,
  reached: ReadonlyMap<string, Reached>,
  seen: Look,
  records: Partial<Addresses>,
  foundHere: readonly string[] = [],
): ClusterStatus {
  const leads = (pi: Pi, type: RecordType): boolean | undefined => {
    const address = recordAddress(args, pi, type);
    return address === undefined ? undefined : records[type]?.includes(address) === true;
  };
  const unknown = TYPES.filter((type) => records[type] === undefined && recordTargets(args, type).length > 0);
  const pis = args.pis.map((pi): PiStatus => {
    const facts = new Map(factsOf(seen.findings.get(stateName(pi))));
    const yes = (name: string): boolean | undefined =>
      facts.has(name) ? facts.get(name) === "yes" : undefined;
    const count = (name: string): number | undefined =>
      facts.has(name) ? Number(facts.get(name)) : undefined;
    return {
      name: pi.name,
      address: pi.address,
      reachable: reached.get(pi.name)?.client !== undefined,
      drained: pi.drained,
      ...given({
        nginx: facts.get("nginx"),
        glusterd: facts.get("glusterd"),
        mounted: yes("mount"),
        pageServed: yes("page"),
        updates: facts.get("updates"),
        brickServed: yes("brick"),
        healsWaiting: count("heals"),
        splitBrain: count("split_brain"),
        aaaaRecord: leads(pi, "AAAA"),
      }),
      aRecord: leads(pi, "A") === true,
    };
  });
  const warned = new Set(healthStates(args).map(({ name }) => name)); // theirs are among the problems
  const drift = [...seen.findings].flatMap(([name, { reasons }]) =>
    warned.has(name) ? [] : reasons.map((reason) => `${name}: ${reason}`),
  );
  const problems = [
    ...seen.problems.map((problem) => problem.message),
    ...foundHere,
    ...unknown.map((type) => `which ${type} records ${args.hostname} has is unknown`),
  ];
  const notWell = pis.flatMap((pi) => faults(pi).map((fault) => `${pi.name}: ${fault}`));
  const well =
    drift.length === 0 &&
    unknown.length === 0 &&
    seen.problems.every(({ kind }) => kind === "unseen" || kind === "hint") &&
    notWell.length === 0;
  const unseen = seen.problems.some(({ kind }) => kind === "unseen") || foundHere.length > 0;
  const releases = storedReleases(seen, args.pis);
  return { hostname: args.hostname, well, unseen, pis, releases, notWell, drift, problems };
}

/** Only the values that are known. */
const given = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;

/** What is not as it should be, of what the table shows. */
function faults(pi: PiStatus): string[] {
  if (pi.drained) return [];
  if (!pi.reachable) return ["it cannot be reached"];
  const rules: readonly [boolean, string][] = [
    [pi.nginx !== "active", `nginx is ${pi.nginx ?? UNKNOWN}`],
    [pi.glusterd !== "active", `glusterd is ${pi.glusterd ?? UNKNOWN}`],
    [pi.brickServed === false, "no process serves its brick"],
    [pi.mounted !== true, "the volume is not mounted"],
    [(pi.healsWaiting ?? 0) > 0, `files that wait to be healed: ${pi.healsWaiting ?? UNKNOWN}`],
    [(pi.splitBrain ?? 0) > 0, `files in split brain: ${pi.splitBrain ?? UNKNOWN}`],
    [pi.pageServed !== true, "it does not serve the page"],
    [/^(held back|failed)/.test(pi.updates ?? ""), `updates: ${pi.updates ?? UNKNOWN}`],
    [!pi.aRecord, "no A record leads to it"],
    [pi.aaaaRecord === false, "no AAAA record leads to it"],
  ];
  return rules.flatMap(([is, what]) => (is ? what : []));
}

const UNKNOWN = "unknown";
