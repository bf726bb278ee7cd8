import { isIPv4 } from "node:net";
import { resolve, type Names } from "./names";
import type { LastOrder } from "./order";
import { jumpOf, noWay, saidOf, type Ask, type Jump, type Said } from "./ssh-config";

/**
 * Whose key it is that logs in, and by which way, is no change of the cluster: each operator has his own. Where the
 * environment has TWOPIR_RENEW_KEYS, those of today go into the stack's state.
 */
export const RENEW = Boolean(process.env.TWOPIR_RENEW_KEYS);

/** What the config of a stack leaves open of how its Pis are reached. */
export interface Open {
  /** The names and addresses that it has the Pis by. */
  readonly hosts: readonly string[];
  /** Those of them that it has no user for. */
  readonly withoutUser: readonly string[];
  /** True where it has no jump host. */
  readonly anyWay: boolean;
}

/** What counted in the last update, by host; outputs of the stack. */
export interface Last extends LastOrder {
  readonly names?: Names;
  readonly users?: Names;
  /** True where the stack's state may have a port or a jump host that one operator alone has. */
  readonly ownWay?: boolean;
}

/** What counts of a host where the config says nothing. */
export interface Host {
  /** IPv4 address of a name. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  /** Name that its host key stands by in known_hosts. */
  readonly knownAs?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** By host, and the one to go through. */
export interface Found {
  readonly hosts: ReadonlyMap<string, Host>;
  readonly jumpHost?: Jump;
}

/**
 * Fills in what the config leaves open. What the Pis are told, so that it is the cluster's, is what it was in the last
 * update, and else what `~/.ssh/config` says: a name's address, and the user. How one gets there is each operator's own:
 * his file's port, jump host and key.
 *
 * A Pi with cable and Wi-Fi, or with a floating address, has several addresses, and mDNS gives now this one, now that: a
 * Pi that moved with each answer would give up its copy each time.
 *
 * @param last Of the last update.
 * @param ask Default: the ssh program.
 * @example
 * await findHosts({ hosts: ["pi1.local"], withoutUser: [], anyWay: true }, lastHosts)
 * // { hosts: Map { "pi1.local" => { address: "192.168.0.121" } } }
 * @throws pulumi.RunError where ssh goes a way that twopir cannot go.
 */
export async function findHosts(
  { hosts, withoutUser, anyWay }: Open,
  last: () => Promise<Last>,
  ask?: Ask,
): Promise<Found> {
  const asksLast = withoutUser.length > 0 || hosts.some((host) => !isIPv4(host));
  const { names = {}, users = {} } = asksLast ? await last() : {};
  const said = await Promise.all(hosts.map(async (host) => ({ host, ...(await saidOf(host, ask)) })));
  const found = said.map(async ({ host, hostName, port, user, hostKeyAlias, keyFile }) => {
    const here = { port, user: users[host] ?? user, knownAs: hostKeyAlias, keyFile };
    if (isIPv4(host)) return [host, here] as const;
    const address = names[host] ?? (await resolve(hostName ?? host))[0];
    return [host, { ...here, address, knownAs: hostKeyAlias ?? hostName }] as const;
  });
  const jumpHost = anyWay ? await oneJump(said, ask) : undefined;
  return { hosts: new Map(await Promise.all(found)), ...(jumpHost && { jumpHost }) };
}

/** The host that all are behind. */
async function oneJump(
  said: readonly (Said & { readonly host: string })[],
  ask?: Ask,
): Promise<Jump | undefined> {
  const ways = await Promise.all(said.map((one) => jumpOf(one.host, one, ask)));
  const [first] = ways;
  const other = ways.findIndex((way) => JSON.stringify(way) !== JSON.stringify(first));
  if (other === -1) return first;
  const words = (way: Jump | undefined): string => (way ? `through ${way.address}` : "directly");
  return noWay(said[0]?.host ?? "", `${words(first)}, and ${said[other]?.host ?? ""} ${words(ways[other])}`);
}
