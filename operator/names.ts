import { lookup } from "node:dns/promises";
import { saidOf, type Ask } from "./ssh-config";

/** IPv4 addresses by the names that the config has instead of them; an output of the stack. */
export type Names = Readonly<Record<string, string>>;

/**
 * The addresses that this machine resolves a name to, as any program here does: by DNS, /etc/hosts, and mDNS where that is
 * set up. One of this machine itself (127.0.1.1 in its /etc/hosts) is of no use to the other Pis.
 *
 * @param family Of IP. Default: 4, by which the Pis reach each other.
 * @returns None where nobody knows the name: a Pi that is off answers no mDNS.
 */
export const resolve = async (name: string, family: 4 | 6 = 4): Promise<string[]> => {
  const answers = await lookup(name, { family, all: true }).catch(() => []);
  return answers.map(({ address }) => address).filter((address) => !/^(127\.|::1$)/.test(address));
};

/** The same where `~/.ssh/config` may say what to resolve in its place. */
export const leadsTo = async (name: string, ask?: Ask): Promise<string[]> =>
  resolve((await saidOf(name, ask)).hostName ?? name);

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
