import { execFile } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { refuse } from "./refuse";

/** Seconds until a name server is asked again that may not have had the zone's last change yet. */
const AGAIN = 2;

/** Seconds: a name server of the same network answers in a few thousandths. */
const PATIENCE = 3;

/** Where the records of a name are, and what may be done with them. */
export interface Zone {
  readonly provider: string;
  readonly server?: string;
  readonly zone?: string;
  readonly fewRecords?: boolean;
}

/**
 * The A records that a name has now: from the primary server itself where the config names one, by TCP as in the
 * scripts, and otherwise as this machine's resolver knows them.
 *
 * @returns undefined where nobody answers.
 * @example await presentRecords("twopir.example.com", { provider: "rfc2136", server: "192.168.0.53" })
 */
export async function presentRecords(
  name: string,
  { provider, server }: Zone,
): Promise<string[] | undefined> {
  if (provider === "none") return [];
  try {
    return server === undefined ? await resolved(name) : await asked(name, "A", server);
  } catch {
    return undefined;
  }
}

/**
 * The IPv6 addresses that a name has at its primary server; none where the config names no server, or nobody answers.
 *
 * @example await ipv6Records("twopir.example.com", { provider: "rfc2136", server: "192.168.0.53" })
 */
export const ipv6Records = async (name: string, { server }: Zone): Promise<string[]> =>
  server === undefined ? [] : asked(name, "AAAA", server).catch(() => []);

/** What visitors are told of a name, where that is not what its primary server says. */
export interface Elsewhere {
  readonly message: string;
  /** True where it may be so for this machine alone. */
  readonly hereOnly: boolean;
}

/**
 * Asks the zone's other name servers, and the one that this machine asks, for what the primary server has; nothing where
 * the config names no server, or that does not answer or has no record.
 *
 * @example await toldElsewhere("twopir.example.com", { provider: "rfc2136", server: "192.168.0.53", zone: "example.com" })
 */
export async function toldElsewhere(name: string, { server, zone }: Zone): Promise<Elsewhere[]> {
  if (server === undefined || zone === undefined) return [];
  const right = (await asked(name, "A", server).catch(() => [])).sort();
  if (right.length === 0) return [];
  const isOther = (has: string[] | undefined): boolean =>
    has !== undefined && has.sort().join() !== right.join();
  const [others, hidden] = await Promise.all([
    otherServers(zone, server).catch(() => []),
    isHidden(name, zone, server).catch(() => false),
  ]);
  const answers = await Promise.all(
    others.map(async ({ host, address }) => {
      const ask = (): Promise<string[] | undefined> => asked(name, "A", address).catch(() => undefined);
      let has = await ask();
      if (isOther(has)) {
        await sleep(AGAIN * 1000);
        has = await ask();
      }
      if (has !== undefined && !isOther(has)) return [];
      const says =
        has === undefined ? "does not answer" : `has ${has.join(", ") || "no A record"} for ${name}`;
      return {
        message:
          `${host} (${address}), a name server of ${zone}, ${says}, and the primary ${server} has ${right.join(", ")}: ` +
          `does it run, and does the zone come there (zone transfer, NOTIFY)?`,
        hereOnly: has === undefined,
      };
    }),
  );
  const hides = {
    message:
      `the name server that this machine asks knows ${zone}, and gives no A record of ${name}: routers hide private ` +
      `addresses (DNS rebind protection), so visitors of this network get none. Exempt ${name} there; or it keeps for a ` +
      `while that there was none.`,
    hereOnly: true,
  };
  return [...answers.flat(), ...(hidden ? [hides] : [])];
}

/** The zone's name servers, without the primary that is asked. */
async function otherServers(zone: string, server: string): Promise<{ host: string; address: string }[]> {
  const primary = isIP(server) === 0 ? await asked(server, "A") : [server];
  const hosts = (await dig(zone, "NS", server)).map((host) => host.replace(/\.$/, ""));
  const found = await Promise.all(
    hosts.map(async (host) => {
      const inZone = await asked(host, "A", server);
      const addresses = inZone.length > 0 ? inZone : await asked(host, "A").catch(() => []);
      return addresses.map((address) => ({ host, address }));
    }),
  );
  return found.flat().filter(({ address }) => !primary.includes(address));
}

/** Whether the name server that this machine asks knows the zone as the primary does, and nothing of use of the name. */
async function isHidden(name: string, zone: string, server: string): Promise<boolean> {
  const [[here], [there]] = await Promise.all([dig(zone, "SOA"), dig(zone, "SOA", server)]);
  const primaryOf = (soa: string | undefined): string | undefined => soa?.split(" ")[0]?.toLowerCase();
  if (here === undefined || primaryOf(here) !== primaryOf(there)) return false;
  return (await asked(name, "A")).every((address) => /^(0|127)\./.test(address));
}

/** The addresses that a name has. An alias is a line, too. */
const asked = async (name: string, type: "A" | "AAAA", server?: string): Promise<string[]> =>
  (await dig(name, type, server)).filter((line) => isIP(line) !== 0);

/** What a server answers itself, a line each; without one, what the name server says that this machine asks. */
async function dig(name: string, type: string, server?: string): Promise<string[]> {
  const from = server === undefined ? [] : ["+tcp", "+norecurse", `@${server}`];
  const words = ["+short", `+time=${PATIENCE}`, "+tries=1", ...from, `${name}.`, type];
  const { stdout } = await promisify(execFile)("dig", words);
  return stdout.split("\n").filter((line) => line !== "" && !line.startsWith(";"));
}

const resolved = (name: string): Promise<string[]> =>
  new Resolver({ timeout: PATIENCE * 1000, tries: 1 }).resolve4(name).catch((error: unknown) => {
    if (/ENOTFOUND|ENODATA/.test(String(error))) return [];
    throw error;
  });

/**
 * Whoever has a name in a cache goes on asking for what it had, so it loses at most half of its records at a time.
 *
 * @param wanted The addresses that it is to have.
 * @example await requireHalfOfRecords("twopir.example.com", config.dns, ["192.168.0.121"])
 * @throws pulumi.RunError where these are fewer than half of those that it has now, unless `fewRecords` is set.
 */
export async function requireHalfOfRecords(
  name: string,
  zone: Zone,
  wanted: readonly string[],
): Promise<void> {
  if (zone.fewRecords) return;
  const present = await presentRecords(name, zone);
  if (present === undefined) {
    void pulumi.log.warn(
      `cannot find out which A records ${name} has now, so this run may remove more than half of them.`,
    );
    return;
  }
  if (wanted.length * 2 >= present.length) return;
  refuse(
    `${name} has ${present.length} A records (${present.sort().join(", ")}), and this config leaves ${wanted.length} ` +
      `(${wanted.join(", ")}): fewer than half, so nothing was changed. Take fewer out at a time, or say that this is ` +
      `right, with twopir:dns.fewRecords: true.`,
  );
}
