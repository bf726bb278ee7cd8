import { setTimeout as sleep } from "node:timers/promises";
import type { RecordType } from "../operator/records";
import { answersByHttps, hasIpv6, isHttpsOnly, isNeighbour, visit, type Visit } from "../operator/visitors";
import type { Look, Reached } from "../remote/look";
import { forward, type HostProblem } from "../remote/ssh";
import { recordAddresses, recordTargets } from "./a-records";
import type { ClusterArgs } from "./args";
import { names } from "./part";
import { ledAway, missedByVisitors, noHttps, noIpv6From } from "./visits";

type Visited = Pick<ClusterArgs, "hostname" | "pis" | "floatingAddresses" | "floatingAddresses6"> & {
  readonly ssh: { readonly jumpHost?: unknown };
};

/** Seconds until an address is asked once more, for an answer that was lost on the way. */
const AGAIN = 1;

/**
 * Asks for the page as visitors do, at each address that the records lead to, and says what they do not get. Behind a jump
 * host this machine is in another network, so the visitor is there.
 *
 * @param reached With open connections.
 * @param seen Where all that the page stands on is as it should be.
 * @param volumes As of {@link visit}.
 * @param leading The addresses that the name's AAAA records have now.
 */
export async function askAsVisitors(
  config: Visited,
  reached: ReadonlyMap<string, Reached>,
  seen: Look,
  volumes: ReadonlySet<string>,
  leading: readonly string[],
): Promise<HostProblem[]> {
  const { hostname } = config;
  const { jumpHost } = config.ssh;
  const wanted = recordAddresses(config).AAAA;
  const via = [...reached.values()].find((one) => one.via)?.via;
  const way = via ? { dial: (address: string, port: number) => forward(via, { address, port }) } : {};
  const ask = async (address: string): Promise<Visit> => {
    const first = await visit(address, hostname, volumes, way);
    if (first.why === undefined) return first;
    await sleep(AGAIN * 1000);
    return visit(address, hostname, volumes, way);
  };
  const ipv6 = hasIpv6() && !jumpHost; // a jump host may have none, and does not say so
  const targets = [
    ...targetsOf(config, reached, "A"),
    ...(ipv6 ? targetsOf(config, reached, "AAAA").filter(servesByIpv6(seen)) : []),
  ];
  const [visits, visitsAway, opens] = await Promise.all([
    Promise.all(targets.map(async (target) => ({ ...target, ...(await ask(target.address)) }))),
    Promise.all(leading.filter((address) => !wanted.includes(address)).map(ask)),
    !isHttpsOnly(hostname) || answersByHttps(hostname),
  ]);
  const near = !via && targets.some(({ address }) => isNeighbour(address));
  return [
    ...missedByVisitors(hostname, visits, via ? "the jump host" : "this machine", near),
    ...(!ipv6 && wanted.length > 0 ? [noIpv6From(jumpHost !== undefined)] : []),
    ...ledAway(hostname, visitsAway),
    ...(opens ? [] : [noHttps(hostname)]),
  ];
}

interface Target {
  readonly address: string;
  /** Name of the Pi whose address it is. Default: that is away, and another one has taken over its floating one. */
  readonly pi?: string;
}

const targetsOf = (config: Visited, reached: ReadonlyMap<string, Reached>, type: RecordType): Target[] => {
  const floats = (type === "A" ? config.floatingAddresses : config.floatingAddresses6).length > 0;
  return recordTargets(config, type).flatMap(({ pi, address }) =>
    reached.get(pi.name)?.client ? { address, pi: pi.name } : floats ? { address } : [],
  );
};

/** Of a Pi that does not serve by IPv6 its own state tells. */
const servesByIpv6 =
  ({ findings }: Look) =>
  ({ pi = "" }: Target): boolean =>
    !findings.get(names.ipv6({ name: pi }))?.reasons.length;
