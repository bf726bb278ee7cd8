import { areSame, type RecordType } from "../operator/records";
import type { Visit } from "../operator/visitors";
import { HostProblem } from "../remote/ssh";

/**
 * What a visitor does not get from here, where all of the cluster is well: nothing else would say so. Otherwise that may
 * be the cause, and when it is mended this is asked again.
 *
 * @param visits Each with the Pi whose address it is; without one where that is away, and any other one may answer.
 * @param visitor Who asked: "this machine" or "the jump host".
 * @param near Whether that is in the Pis' own network: then nothing on the way can be what keeps it alone away.
 */
export function missedByVisitors(
  hostname: string,
  visits: readonly (Visit & { readonly pi?: string })[],
  visitor: string,
  near: boolean,
): HostProblem[] {
  const missed = visits.filter(({ why }) => why !== undefined);
  if (missed.length > 0 && visits.every(({ silent }) => silent))
    return [
      new HostProblem(
        `no Pi answers ${visitor} on port 80, although the Pis see themselves serving the page: a firewall other ` +
          `than twopir's, on the Pis or in between, is in the way of visitors${near ? "" : `, or of ${visitor} alone`}` +
          ` (${missed[0]?.why ?? ""}).`,
        near ? "other" : "unseen",
      ),
    ];
  return visits.flatMap(({ address, pi, from, why }) =>
    why !== undefined
      ? new HostProblem(
          `${visitor} cannot get http://${hostname}/ at ${address} (${why}), although the Pis see themselves serving ` +
            `it: look for a firewall other than twopir's, and for another machine with that address.`,
        )
      : pi === undefined || from === undefined || from === pi
        ? []
        : new HostProblem(
            `${address} is answered by ${from}, while ${pi}, whose address it is, serves: does keepalived run and answer there ` +
              `(systemctl restart keepalived), or has somebody given that address to ${from}?`,
          ),
  );
}

/**
 * What is wrong with records that the user keeps: the Pis may all be well, and nobody finds them.
 *
 * @param wanted Where they should lead.
 * @param found The addresses that this machine finds for the name.
 */
export function foundElsewhere(
  hostname: string,
  type: RecordType,
  wanted: readonly string[],
  found: readonly string[],
): HostProblem[] {
  if (areSame(wanted, found)) return [];
  return [
    new HostProblem(
      `${hostname} should resolve to ${wanted.join(", ")}, but this machine finds ${found.join(", ") || "no address"}. ` +
        `You keep its ${type} records (twopir:dns): set them for everybody who is to see the site.` +
        (found.length > 0
          ? ""
          : ` If they are right already, the name server that this machine asks hides private addresses, as routers do (DNS ` +
            `rebind protection): exempt ${hostname} there.`),
      "unseen",
    ),
  ];
}

/** AAAA records that lead to something else than this cluster: whoever has IPv6 goes there first. */
export const ledAway = (hostname: string, visits: readonly Visit[]): HostProblem[] =>
  visits.flatMap(({ address, why, silent }) =>
    why === undefined
      ? []
      : new HostProblem(
          `${hostname} has an AAAA record ${address}, and this cluster does not answer there (${why}): visitors with IPv6 ` +
            `try it first. Remove it, or point it at this cluster.`,
          silent ? "unseen" : "other",
        ),
  );

/** Where browsers ask for the site in a way that it does not answer. */
export const noHttps = (hostname: string): HostProblem =>
  new HostProblem(
    `browsers open names under .${hostname.split(".").at(-1) ?? ""} by https alone, and nothing answers https://${hostname}/ with a ` +
      `certificate that this machine trusts; the Pis speak http. Put something before them that speaks https, or take ` +
      `another name (twopir:hostname).`,
    "unseen",
  );

/** Where this machine cannot ask for what visitors by IPv6 get. */
export const noIpv6From = (behindJumpHost: boolean): HostProblem =>
  new HostProblem(
    `${behindJumpHost ? "behind the jump host there may be no IPv6" : "this machine has no IPv6 address"}, so the Pis' IPv6 ` +
      `addresses were not tested from here.`,
    "unseen",
  );
