import { lookup, Resolver } from "node:dns/promises";
import { isIPv4 } from "node:net";
import { refuse } from "./refuse";

/** Milliseconds: a name server of the same network answers in a few; without an answer nothing is refused. */
const PATIENCE = 2000;

/** Where the records of a name are, and what may be done with them. */
export interface Zone {
  readonly provider: string;
  readonly server?: string;
  readonly fewRecords?: boolean;
}

/**
 * The A records that a name has now: from the primary server itself where the config names one, and otherwise as this
 * machine's resolver knows them.
 *
 * @returns none where it has none, or nobody answers.
 * @example await presentRecords("twopir.example.com", { provider: "rfc2136", server: "192.168.0.53" })
 */
export async function presentRecords(name: string, { provider, server }: Zone): Promise<string[]> {
  if (provider === "none") return [];
  const resolver = new Resolver({ timeout: PATIENCE, tries: 1 });
  try {
    if (server !== undefined)
      resolver.setServers([isIPv4(server) ? server : (await lookup(server, 4)).address]);
    return await resolver.resolve4(name);
  } catch {
    return [];
  }
}

/**
 * Whoever has a name in a cache goes on asking for what it had, so it loses at most half of its records at a time.
 *
 * @param wanted The addresses that it is to have.
 * @example await requireHalf("twopir.example.com", config.dns, ["192.168.0.121"])
 * @throws pulumi.RunError where these are fewer than half of those that it has now, unless `fewRecords` is set.
 */
export async function requireHalf(name: string, zone: Zone, wanted: readonly string[]): Promise<void> {
  if (zone.fewRecords) return;
  const present = await presentRecords(name, zone);
  if (wanted.length * 2 >= present.length) return;
  refuse(
    `${name} has ${present.length} A records (${present.sort().join(", ")}), and this config leaves ${wanted.length} ` +
      `(${wanted.join(", ")}): fewer than half, so no Pi was contacted. Take fewer out at a time, or say that this is ` +
      `right, with twopir:dns.fewRecords: true.`,
  );
}
