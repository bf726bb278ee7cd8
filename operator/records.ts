import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import {
  checkCloudflare,
  cloudflareRecords,
  notInUse,
  type CloudflareAccess,
  type CloudflareFound,
} from "./cloudflare";
import { declaredNames, declaredRecords, type DeclaredRecord } from "./engine";
import { resolve } from "./names";
import { refuse } from "./refuse";

/** Seconds until a name server is asked again that may not have had the zone's last change yet. */
const AGAIN = 2;

/** Seconds: a name server of the same network answers in a few thousandths. */
const PATIENCE = 3;

/** The records by which a name has addresses. */
export type RecordType = "A" | "AAAA";
export const TYPES: readonly RecordType[] = ["A", "AAAA"];
export type Addresses = Readonly<Record<RecordType, readonly string[]>>;

/** Where the records of a name are, and what may be done with them. */
export interface Zone {
  readonly provider: string;
  /** At Cloudflare. */
  readonly zoneId?: string;
  /** Default: Cloudflare's API is not asked. */
  readonly access?: CloudflareAccess;
  readonly server?: string;
  readonly zone?: string;
  readonly fewRecords?: boolean;
}

/**
 * The addresses that a name has now: from the primary server itself where the config names one, by TCP as in the
 * scripts, or from Cloudflare's API. Where the user keeps them, wherever that may be, it is what a browser on this
 * machine finds.
 *
 * @returns undefined where nobody answers.
 * @example await presentRecords("twopir.example.com", "A", { provider: "rfc2136", server: "192.168.0.53" })
 */
export async function presentRecords(
  name: string,
  type: RecordType,
  zone: Zone,
): Promise<string[] | undefined> {
  const { provider, server } = zone;
  if (provider === "none") return resolve(name, type === "A" ? 4 : 6);
  try {
    if (server !== undefined) return await asked(name, type, server);
    if (!zone.zoneId || !zone.access) return undefined;
    const there = await cloudflareRecords(name, zone.zoneId, zone.access);
    return there.flatMap((one) => (one.type === type ? [one.content] : [])).sort();
  } catch {
    return undefined;
  }
}

/** Whether two lists have the same addresses, in any order. */
export const areSame = (some: readonly string[], others: readonly string[]): boolean =>
  [...some].sort().join() === [...others].sort().join();

/** What visitors are told of a name, where that is not what its primary server says. */
export interface Elsewhere {
  readonly message: string;
  /** True where it may be so for this machine alone. */
  readonly hereOnly: boolean;
}

/**
 * Asks the zone's other name servers, and the one that this machine asks, for what the primary server has; where the config
 * names no server, as for Cloudflare, the latter alone. Nothing where there is no record.
 *
 * @param records What the primary has, of the types that are looked at; where the user keeps them, what any program here
 *   finds.
 * @param here Whether to ask what this machine finds. Default: yes.
 * @example await toldElsewhere("twopir.example.com", { A: ["192.168.0.121"] }, { provider: "rfc2136", server: "192.168.0.53", zone: "example.com" })
 */
export async function toldElsewhere(
  name: string,
  records: Partial<Addresses>,
  { provider, server, zone, zoneId, access }: Zone,
  here = true,
): Promise<Elsewhere[]> {
  const right = TYPES.flatMap((type) => {
    const all = [...(records[type] ?? [])].sort();
    return all.length === 0 ? [] : { type, all };
  });
  if (right.length === 0) return [];
  if (provider === "none") return here ? byHosts(name, right) : [];
  if (server === undefined || zone === undefined) {
    const message = zoneId && access && (await notInUse(zoneId, access).catch(() => undefined));
    if (message) return [{ message, hereOnly: false }];
    return here ? hiddenHere(name, right) : [];
  }
  const [others, own] = await Promise.all([
    otherServers(zone, server).catch(() => []),
    here ? toldHere(name, right, zone, server).catch((error: unknown) => deadHere(name, error)) : [],
  ]);
  const answers = await Promise.all(
    others.map(async ({ host, address }) => {
      const who = `${host} (${address}), a name server of ${zone}`;
      const told = right.map(async ({ type, all }): Promise<Elsewhere | undefined> => {
        const ask = (): Promise<string[]> => asked(name, type, address);
        let has = await ask();
        if (!areSame(has, all)) {
          await sleep(AGAIN * 1000);
          has = await ask();
        }
        if (areSame(has, all)) return undefined;
        const message =
          `${who}, has ${has.join(", ") || `no ${type} record`} for ${name}, and the primary ${server} has ${all.join(", ")}: ` +
          `does it run, and does the zone come there (zone transfer, NOTIFY)?`;
        return { message, hereOnly: false };
      });
      return Promise.all(told).catch(() => [
        {
          message: `${who}, does not answer, or has no such zone: does it run, can it be reached from here?`,
          hereOnly: true,
        },
      ]);
    }),
  );
  const found = answers.flat().filter((one) => one !== undefined);
  return [...found, ...own.map((message) => ({ message, hereOnly: true }))];
}

/** Where the name server that this machine asks finds no answer, so that others which ask for it may find none, either. */
const deadHere = (name: string, error: unknown): string[] =>
  error instanceof NoAnswer && error.message === "SERVFAIL"
    ? [
        `the name server that this machine asks answers SERVFAIL for ${name}, so its visitors get nothing: do the name servers ` +
          `that the registrar has for the zone answer, and is the DS record there of the key that signs the zone now (DNSSEC)?`,
      ]
    : [];

/** What this machine finds otherwise than by DNS; a name under .local is found by mDNS everywhere. */
async function byHosts(name: string, right: readonly Right[]): Promise<Elsewhere[]> {
  if (name.endsWith(".local")) return [];
  const told = right.map(async ({ type, all }) => {
    const has = await asked(name, type).catch(() => all);
    const message =
      `this machine finds ${all.join(", ")} for ${name}, and the name server that it asks has ` +
      `${has.join(", ") || `no ${type} record of it`}: is the name in its /etc/hosts? Visitors go by DNS.`;
    return areSame(has, all) ? [] : { message, hereOnly: true };
  });
  return (await Promise.all(told)).flat();
}

/** The records of one type that a name is to have. */
interface Right {
  readonly type: RecordType;
  readonly all: readonly string[];
}

/** What this machine finds none of, or something else for good, at a provider whose name servers are not asked. */
async function hiddenHere(name: string, right: readonly Right[]): Promise<Elsewhere[]> {
  let dead: string[] = [];
  const found = await Promise.all(
    right.map(({ type }) =>
      asked(name, type).catch((error: unknown) => {
        dead = deadHere(name, error);
        return undefined;
      }),
    ),
  );
  if (dead.length > 0) return dead.map((message) => ({ message, hereOnly: true }));
  const own = await Promise.all(right.map((one, i) => ownHere(name, one, found[i] ?? [])));
  return right.flatMap(({ type }, i) => {
    const others = own[i];
    if (others !== undefined) return { message: others, hereOnly: true };
    if (found[i]?.length !== 0) return [];
    const message =
      `the name server that this machine asks gives no ${type} record of ${name}. Perhaps it hides private addresses, as ` +
      `routers do (DNS rebind protection), so visitors of this network get none: exempt ${name} there. Or the registrar has ` +
      `other name servers for the zone than its provider's. Or it has cached that there was none.`;
    return { message, hereOnly: true };
  });
}

/**
 * What is wrong with the records that the name server has which this machine asks: they are its own, as of a former site.
 * Of what it keeps for a while it counts down the seconds.
 */
async function ownHere(
  name: string,
  { type, all }: Right,
  has: readonly string[],
): Promise<string | undefined> {
  if (has.length === 0 || areSame(has, all)) return undefined;
  const lines = async (): Promise<string> => (await answerTo(name, type)).sort().join("\n");
  const first = await lines().catch(() => undefined);
  await sleep(AGAIN * 1000);
  if (first === undefined || first !== (await lines().catch(() => ""))) return undefined;
  return (
    `the name server that this machine asks has a record of its own of ${name}, ${has.join(", ")}, where the zone has ` +
    `${all.join(", ")}: visitors in this network get that alone, without failover. Take it out there (the router's host ` +
    `names, the local DNS records of a Pi-hole).`
  );
}

/** The zone's name servers, without the primary that is asked. */
async function otherServers(zone: string, server: string): Promise<{ host: string; address: string }[]> {
  const primary = isIP(server) === 0 ? await asked(server, "A").catch(() => []) : [server];
  const hosts = (await dig(zone, "NS", server)).map((host) => host.replace(/\.$/, ""));
  const found = await Promise.all(
    hosts.map(async (host) => {
      const inZone = await asked(host, "A", server).catch(() => []); // REFUSED: it is in another zone
      const addresses = inZone.length > 0 ? inZone : await asked(host, "A").catch(() => []);
      return addresses.map((address) => ({ host, address }));
    }),
  );
  return found.flat().filter(({ address }) => !primary.includes(address));
}

/**
 * What the name server that this machine asks says, where that keeps visitors away. One that knows the zone as the primary
 * does may have former records for the rest of their TTL, and one that does not and has no records is common: the zone may
 * be a private one.
 */
async function toldHere(
  name: string,
  right: readonly Right[],
  zone: string,
  server: string,
): Promise<string[]> {
  const [[here], [there], found] = await Promise.all([
    dig(zone, "SOA"),
    dig(zone, "SOA", server),
    Promise.all(right.map(({ type }) => asked(name, type))),
  ]);
  const primaryOf = (soa: string | undefined): string | undefined => soa?.split(" ")[0]?.toLowerCase();
  const knowsZone = here !== undefined && primaryOf(here) === primaryOf(there);
  const own = knowsZone ? await Promise.all(right.map((one, i) => ownHere(name, one, found[i] ?? []))) : [];
  return right.flatMap(({ type, all }, i) => {
    const others = own[i];
    const has = (found[i] ?? []).filter((address) => !/^(0\.|127\.|::1?$)/.test(address));
    if (has.length > 0 && others !== undefined) return others;
    if (knowsZone && has.length === 0)
      return (
        `the name server that this machine asks knows ${zone}, and gives no ${type} record of ${name}: routers hide private ` +
        `addresses (DNS rebind protection), so visitors of this network get none. Exempt ${name} there. Or it has ` +
        `cached that there was none.`
      );
    if (!knowsZone && has.length > 0 && !areSame(has, all))
      return (
        `the name server that this machine asks has ${has.join(", ")} for ${name}, of another zone ${zone} than the ` +
        `primary ${server}, which has ${all.join(", ")}: do the name servers that the registrar has for ${zone} lead to ` +
        `yours, and is it still registered?`
      );
    return [];
  });
}

/** The addresses that a name has, sorted. An alias is a line, too. */
const asked = async (name: string, type: RecordType, server?: string): Promise<string[]> =>
  (await dig(name, type, server)).filter((line) => isIP(line) !== 0).sort();

/** What a server answers itself, a value each; without one, what the name server says that this machine asks. */
async function dig(name: string, type: string, server?: string): Promise<string[]> {
  const lines = await answerTo(name, type, server);
  return lines.map((line) => line.split(/\s+/).slice(4).join(" "));
}

/** A name server answers, and does not say what there is: it has no such zone, or finds its signatures wrong. */
class NoAnswer extends Error {}

/**
 * The same as dig shows it, "www.example.com. 60 IN A 192.168.0.121" each.
 *
 * @throws NoAnswer by its status, as SERVFAIL; another error where nothing answers.
 */
async function answerTo(name: string, type: string, server?: string): Promise<string[]> {
  const from = server === undefined ? [] : ["+tcp", "+norecurse", `@${server}`];
  const words = [
    `+time=${PATIENCE}`,
    "+tries=1",
    "+noall",
    "+comments",
    "+answer",
    ...from,
    `${name}.`,
    type,
  ];
  const { stdout } = await promisify(execFile)("dig", words);
  const status = / status: ([A-Z]+),/.exec(stdout)?.[1] ?? "";
  if (!["NOERROR", "NXDOMAIN"].includes(status)) throw new NoAnswer(status);
  return stdout.split("\n").filter((line) => line !== "" && !line.startsWith(";"));
}

/**
 * Whether the records of a name can be made, asked before any Pi is touched, where that is not found out there anyway.
 *
 * @example await checkZone("www.example.com", config.dns)
 * @throws pulumi.RunError where none could.
 */
export async function checkZone(name: string, { zoneId, access }: Zone): Promise<void> {
  if (zoneId && access) await checkCloudflare(name, zoneId, access);
}

/**
 * Whoever has a name in a cache goes on asking for what it had, so it loses at most half of its records of a type at a
 * time, but for a type that nobody is to go by any more.
 *
 * @param wanted The addresses that it is to have.
 * @example await requireHalfOfRecords("twopir.example.com", config.dns, { A: ["192.168.0.121"], AAAA: [] })
 * @param names Of the stack's resources. Default: asked of the engine.
 * @throws pulumi.RunError where these are fewer than half of those that it has now, unless `fewRecords` is set; and where
 *   those are at another provider, and this one does not answer.
 */
export async function requireHalfOfRecords(
  name: string,
  zone: Zone,
  wanted: Addresses,
  names: () => Promise<Iterable<string>> = declaredNames,
): Promise<void> {
  if (zone.provider === "none" || zone.fewRecords) return;
  for (const type of TYPES.filter((one) => wanted[one].length > 0)) {
    const present = await presentRecords(name, type, zone);
    const former = present === undefined && (await formerProvider(zone, names));
    if (former)
      refuse(
        `twopir:dns.provider is ${zone.provider} now, and it does not answer which records ${name} has: those at ` +
          `${former} would be withdrawn, and perhaps not replaced. Nothing was changed: try it again when it answers.`,
      );
    if (present === undefined)
      void pulumi.log.warn(
        `cannot find out which ${type} records ${name} has now, so this run may remove more than half of them.`,
      );
    else if (wanted[type].length * 2 < present.length)
      refuse(
        `${name} has ${present.length} ${type} records (${present.sort().join(", ")}), and this config leaves ` +
          `${wanted[type].length} (${wanted[type].join(", ")}): fewer than half, so nothing was changed. Take fewer out at ` +
          `a time, or say that this is right, with twopir:dns.fewRecords: true (docs/operations.md#the-name).`,
      );
  }
}

/** How the name of the state begins that says that there are no other records, by the provider. */
export const ONLY = { rfc2136: "no-other", cloudflare: "all" } as const;

/** The provider that kept the records in the last update, where it is another one. */
async function formerProvider(
  { provider }: Zone,
  names: () => Promise<Iterable<string>>,
): Promise<string | undefined> {
  const all = [...(await names())];
  const former = Object.entries(ONLY).find(
    ([one, only]) => one !== provider && TYPES.some((type) => all.includes(onlyName(only, type))),
  );
  return former?.[0];
}

/** The name of that state, for one type of record. */
export const onlyName = (only: string, type: RecordType): string => `${only}-${type.toLowerCase()}-records`;

/** A file for each stack and type, read by pi/library/wanted.sh when a record is to be taken away. */
const WANTED = join(__dirname, "..", ".twopir", "records");

/**
 * Writes down which records an update wants, since one that was interrupted before may have left some of these to be taken
 * away. In a preview nothing is; and none of those whose {@link ONLY} is not there yet, which says in the end that no
 * record is wanted any more.
 *
 * @param names Of the stack's resources. Default: asked of the engine.
 * @example await noteWanted("twopir.example.com", config.dns, { A: ["192.168.0.121"], AAAA: [] })
 */
export async function noteWanted(
  name: string,
  { provider, zone = "", zoneId = zone }: Zone,
  addresses: Addresses,
  names: () => Promise<Iterable<string>> = declaredNames,
): Promise<void> {
  if (pulumi.runtime.isDryRun()) return;
  const all = [...(await names())];
  const begin = `${zoneId} ${name} `;
  await mkdir(WANTED, { recursive: true });
  // Also those of a stack that was called something else.
  for (const file of await readdir(WANTED)) {
    const path = join(WANTED, file);
    const noted = await readFile(path, "utf8").catch(() => ""); // another run may have taken it away
    if (file.startsWith(`${pulumi.getStack()}.`) || noted.startsWith(begin)) await rm(path, { force: true });
  }
  if (provider === "none") return;
  for (const type of TYPES.filter((one) => all.includes(onlyName(ONLY[provider as keyof typeof ONLY], one))))
    await writeFile(
      join(WANTED, `${pulumi.getStack()}.${type}`),
      addresses[type].map((address) => `${begin}${address}\n`).join(""),
    );
}

/** Cloudflare's records of a name before a run. */
export interface RecordsNow {
  /** What its API has. */
  readonly there: readonly CloudflareFound[];
  /** What the engine has in its state, by the names of their resources. */
  readonly declared: ReadonlyMap<string, DeclaredRecord>;
}

/**
 * Asks for Cloudflare's records of a name before a run.
 *
 * @returns undefined where the zone is kept elsewhere, or nobody answers.
 * @example await recordsNow("www.example.com", config.dns) // { there: [{ id, type: "A", content: "192.168.0.121" }], declared }
 */
export async function recordsNow(
  name: string,
  { zoneId, access }: Zone,
  declared = declaredRecords,
): Promise<RecordsNow | undefined> {
  if (!zoneId || !access) return undefined;
  const there = await cloudflareRecords(name, zoneId, access).catch(() => undefined);
  return there && { there, declared: await declared() };
}
