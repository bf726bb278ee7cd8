import { ask, type Reached } from "../remote/look";
import { factsOf, type State } from "../remote/state";
import type { Pi } from "./args";

const stateName = (pi: Pi): string => `${pi.name}-knows`;

/** What the Pis themselves say of the volume before the look. */
export interface Knowledge {
  /** Names of the Pis that have it, so that they can give commands to gluster; a new card has not. */
  readonly knowing: ReadonlySet<string>;
  /** Names and addresses of those that they have as peers. */
  readonly peers: ReadonlySet<string>;
  /** Its id, by the word of those that have it; more than one where they do not agree. */
  readonly volumes: ReadonlySet<string>;
  /** Names that each Pi has in the states that are noted on it, by the one that it has now. */
  readonly called: ReadonlyMap<string, readonly string[]>;
  /** The states that are noted on each Pi, by its name. */
  readonly noted: ReadonlyMap<string, readonly string[]>;
  /** What the glusterd of each Pi that has one calls itself, by the Pi's name. */
  readonly uuids: ReadonlyMap<string, string>;
}

/** States that want nothing: their checks print facts. */
export const knowledgeStates = (pis: readonly Pi[], volume: string): State[] =>
  pis.map((pi) => ({
    name: stateName(pi),
    on: pi.name,
    facts: true,
    script: "knows",
    parameters: { volume, address: pi.address },
    after: [],
  }));

/**
 * Asked before the look, since it decides where that asks.
 *
 * @example await knowledge(config, reached) // { knowing: Set { "pi1", "pi2" }, peers: Set { "192.168.0.121", ... } }
 */
export async function knowledge(
  { pis, volume }: { readonly pis: readonly Pi[]; readonly volume: { readonly name: string } },
  reached: ReadonlyMap<string, Reached>,
): Promise<Knowledge> {
  const { findings } = await ask(knowledgeStates(pis, volume.name), reached);
  const facts = pis.flatMap((pi) =>
    factsOf(findings.get(stateName(pi))).map(([name, value]) => ({ pi, name, value })),
  );
  const named = (name: string): Set<string> =>
    new Set(facts.flatMap((fact) => (fact.name === name ? fact.value.split(" ") : [])));
  const listed = (which: string): Map<string, string[]> =>
    new Map(
      facts.flatMap(({ pi, name, value }) =>
        name === which ? [[pi.name, value.split(" ").filter(Boolean)]] : [],
      ),
    );
  return {
    knowing: new Set(
      facts.filter(({ name, value }) => name === "knows" && value === "yes").map(({ pi }) => pi.name),
    ),
    peers: named("peers"),
    volumes: named("volume"),
    called: listed("called"),
    noted: listed("noted"),
    uuids: new Map(facts.flatMap(({ pi, name, value }) => (name === "uuid" ? [[pi.name, value]] : []))),
  };
}
