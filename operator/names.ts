import { lookup } from "node:dns/promises";

/** IPv4 addresses by the names that the config has instead of them; an output of the stack. */
export type Names = Readonly<Record<string, string>>;

/**
 * The IPv4 addresses that this machine resolves a name to, as any program here does: by DNS, /etc/hosts, and mDNS where
 * that is set up. One of this machine itself (127.0.1.1 in its /etc/hosts) is of no use to the other Pis.
 *
 * @returns None where nobody knows the name: a Pi that is off answers no mDNS.
 */
export const resolve = async (name: string): Promise<string[]> => {
  const answers = await lookup(name, { family: 4, all: true }).catch(() => []);
  return answers.map(({ address }) => address).filter((address) => !address.startsWith("127."));
};

/**
 * The address that each name stands for: the one that it had in the last update, and else what it leads to now. A Pi
 * with cable and Wi-Fi, or with a floating address, has several, and mDNS gives now this one, now that: a Pi that moved
 * with each answer would give up its copy each time.
 *
 * @param last Those of the last update.
 * @returns Without the names that nobody knows.
 * @example await addressesOf(["pi1.local"], lastNames) // Map { "pi1.local" => "192.168.0.121" }
 */
export async function addressesOf(
  names: readonly string[],
  last: () => Promise<Names>,
): Promise<Map<string, string>> {
  if (names.length === 0) return new Map();
  const former = await last();
  const found = await Promise.all(
    names.map(async (name) => [name, former[name] ?? (await resolve(name))[0]] as const),
  );
  return new Map(found.flatMap(([name, address]) => (address === undefined ? [] : [[name, address]])));
}

/** A Pi of a config that has a name for its address. */
interface Named {
  readonly address: string;
  /** Default: the config has the address itself. */
  readonly hostName?: string;
}

/** As {@link Names}: those of a config's Pis; undefined where they have none. */
export const namesOf = (pis: readonly Named[]): Names | undefined => {
  const named = pis.flatMap(({ hostName, address }) => (hostName === undefined ? [] : [[hostName, address]]));
  return named.length === 0 ? undefined : (Object.fromEntries(named) as Names);
};
