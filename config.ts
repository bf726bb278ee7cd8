import { homedir } from "node:os";
import { isIPv4, isIPv6 } from "node:net";
import { resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";
import type { Pi } from "./components/args";
import type { ReachableCluster } from "./components/now";
import type { CloudflareAccess } from "./operator/cloudflare";
import type { Found, Host, Open } from "./operator/hosts";
import type { Names } from "./operator/names";
import { refuse } from "./operator/refuse";

/** What a stack's config says, checked and complete. */
export interface Config extends ReachableCluster {
  /** The users of the Pis that the config has none for, by its names and addresses; undefined where it has all. */
  readonly users?: Names;
  /** True where a port or the jump host is not the config's, but the operator's own. */
  readonly ownWay: boolean;
}

type Raw = Readonly<Record<string, unknown>>;

const LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const SECONDS_PER_DAY = 86_400;

const matching = (pattern: RegExp, right: string) =>
  z.string({ error: right }).regex(pattern, { error: right });
const label = matching(new RegExp(`^${LABEL}$`), 'a short name of letters, digits and dashes, e.g. "pi1"');
// The last label is never a number: what looks like an address is one, perhaps a mistyped one.
const DOMAIN_NAME = new RegExp(`^(?=.{1,253}$)(?!.*\\.[0-9]+$)${LABEL}(\\.${LABEL})+$`);
const domainName = matching(
  DOMAIN_NAME,
  'a full name in lower case without a dot at the end, e.g. "twopir.example.com"',
);
const anyName = matching(
  new RegExp(`^(?=.{1,253}$)${LABEL}(\\.${LABEL})*$`),
  'a host name in lower case, e.g. "twopir"',
);
const ipv4 = z
  .string({ error: "an IPv4 address" })
  .refine(isIPv4, { error: 'an IPv4 address, e.g. "192.168.0.121"' });
const IPV6 =
  'an IPv6 address that visitors can reach, e.g. "2001:db8::121" (not fe80:..., which is known on its own link alone)';
/** As RFC 5952 has it, and as a name server shows it: two texts of one address are equal then. */
const canonical = (address: string): string => new URL(`http://[${address}]/`).hostname.slice(1, -1);
// Without those that are no machine's, or no other one's: ::, ::1, link-local, multicast, IPv4 in disguise.
const ipv6 = z.string({ error: IPV6 }).transform((text, context) => {
  const address = isIPv6(text) && !/[%.]/.test(text) ? canonical(text) : "::";
  if (!/^(::|fe[89a-f]|ff)/.test(address)) return address;
  context.addIssue({ code: "custom", message: IPV6 });
  return z.NEVER;
});
const PI_ADDRESS =
  'an IPv4 address, e.g. "192.168.0.121", or a name in lower case that this machine can look up, e.g. "pi1.local"';
const piAddress = z.string({ error: PI_ADDRESS }).refine(isIPv4, { error: PI_ADDRESS });
const nameServer = z
  .string({ error: "a name server" })
  .refine((server) => isIPv4(server) || DOMAIN_NAME.test(server), {
    error: 'the primary name server, e.g. "192.168.0.53" or "ns1.example.com"',
  });
// No spaces, quotes or colons: the path becomes part of /etc/fstab and of gluster's own syntax.
const path = matching(
  /^\/[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/,
  'an absolute path of letters, digits and ._-, e.g. "/mnt/gluster1"',
).refine((p) => !p.split("/").includes(".."), { error: "a path without .." });
const hostKey = matching(
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*$/,
  'a public host key as in /etc/ssh/ssh_host_ed25519_key.pub, e.g. "ssh-ed25519 AAAAC3..."',
);
const ttl = z
  .int({ error: "a whole number of seconds" })
  .min(1, { error: "at least 1 second" })
  .max(SECONDS_PER_DAY, { error: "at most a day (86400)" })
  .default(60);

const fewRecords = z.boolean({ error: "true or false" }).default(false);

/** An object with these keys and no others. */
const only = <T extends z.core.$ZodLooseShape>(shape: T, right: string) =>
  z.strictObject(shape, { error: complain(right) });

const complain =
  (right: string): z.core.$ZodErrorMap =>
  (issue) =>
    issue.code === "unrecognized_keys" ? undefined : right;

const user = matching(/^[a-z_][a-z0-9_-]*$/, 'a user of that Pi who may use sudo, e.g. "pi"');
const PORT = "a port from 1 to 65535";
const port = z.int({ error: PORT }).min(1, { error: PORT }).max(65_535, { error: PORT }).default(22);
// What ends a line for sudo ends it too early.
const sudoPassword = matching(
  /^[^\p{Cc}]+$/u,
  "sudo's password, one line; set it with: pulumi config set --secret twopir:sudoPassword",
).optional();

const pi = only(
  {
    name: label,
    address: piAddress,
    address6: ipv6.optional(),
    port,
    user: user.default("pi"),
    sudoPassword,
    hostKey: hostKey.optional(),
    storage: z.boolean({ error: "true or false" }).default(true),
    arbiter: z.boolean({ error: "true or false" }).default(false),
    drained: z.boolean({ error: "true or false" }).default(false),
  },
  "a Pi: { name: pi1, address: 192.168.0.121, user: pi }",
);

const dns = z.discriminatedUnion(
  "provider",
  [
    only({ provider: z.literal("none"), fewRecords }, ""),
    only(
      {
        provider: z.literal("cloudflare"),
        zoneId: matching(
          /^[0-9a-f]{32}$/,
          "the zone's id, 32 hexadecimal digits on the zone's overview page",
        ),
        ttl: ttl.refine((seconds) => seconds >= 60, {
          error: "at least 60 seconds, Cloudflare's own minimum",
        }),
        fewRecords,
      },
      "",
    ),
    only(
      {
        provider: z.literal("rfc2136"),
        server: nameServer,
        zone: domainName,
        ttl,
        keyName: anyName,
        fewRecords,
      },
      "",
    ),
  ],
  {
    error: ({ path }) =>
      path?.at(-1) === "provider"
        ? "rfc2136, cloudflare or none"
        : "{ provider: rfc2136, ... }, { provider: cloudflare, ... } or { provider: none }",
  },
);

const SPLIT_BRAIN = "report, newest, or the name of a Pi that has a full copy";
const SITE = 'a folder to publish, relative to the project, e.g. "./site"';
const JUMP = "an IPv4 address or a full name";
const MAX_FAILOVER = 30;
const MAX_RELEASES = 100;
const RELEASE = "previous, or the beginning of an id that npm run status shows, 8 digits or more";
const MOUNT = "/mnt/gluster1";
const schema = only(
  {
    hostname: domainName,
    serverNames: z.array(anyName, { error: "a list of host names" }).optional(),
    pis: z.array(pi, { error: "a list of two or more Pis" }).min(2, { error: "two or more Pis" }),
    volume: only(
      {
        name: matching(
          /^[A-Za-z0-9][A-Za-z0-9_-]*$/,
          'a volume name of letters, digits, _ and -, e.g. "gv0"',
        ).default("gv0"),
        mount: path.default(MOUNT),
        brick: path.optional(),
        clients: z
          .array(ipv4, { error: "a list of IPv4 addresses of machines that may mount it" })
          .default([]),
        disconnect: z.boolean({ error: "true or false" }).default(false),
        acceptCopy: label.optional(),
      },
      "{ name: gv0, mount: /mnt/gluster1, brick: /data/brick1/gv0, clients: [] }",
    ).prefault({}),
    failover: z
      .int({ error: "a whole number of seconds" })
      .min(1, { error: "at least 1 second: what a busy Pi may be silent for" })
      .max(MAX_FAILOVER, { error: `at most ${MAX_FAILOVER} seconds: no visitor waits longer` })
      .default(1),
    floatingAddresses: z.array(ipv4, { error: "a list of IPv4 addresses, one for each Pi" }).default([]),
    floatingAddresses6: z.array(ipv6, { error: "a list of IPv6 addresses, one for each Pi" }).default([]),
    updates: z.enum(["security", "all", "off"], { error: "security, all or off" }).default("security"),
    splitBrain: z.string({ error: SPLIT_BRAIN }).default("report"),
    dns,
    tsigSecret: matching(
      /^[A-Za-z0-9+/]{16,}={0,2}$/,
      "the key in base64, as tsig-keygen prints it; set it with: pulumi config set --secret twopir:tsigSecret",
    ).optional(),
    sshPassphrase: z.string({ error: "a text" }).optional(),
    sudoPassword,
    site: z.string({ error: SITE }).min(1, { error: SITE }).optional(),
    release: z
      .string({ error: RELEASE })
      .regex(/^(previous|[0-9a-f]{8,64})$/, { error: RELEASE })
      .optional(),
    keepReleases: z
      .int({ error: "a whole number" })
      .min(0, { error: "at least 0: none to go back to" })
      .max(MAX_RELEASES, { error: `at most ${MAX_RELEASES}` })
      .default(3),
    web: only(
      {
        fallback: matching(/^\/\S*$/, 'a page of the site, e.g. "/index.html"').optional(),
        redirects: z.string({ error: "lines as in a file _redirects" }).optional(),
        headers: z.string({ error: "lines as in a file _headers" }).optional(),
      },
      "{ fallback: /index.html, redirects: ..., headers: ... }",
    ).optional(),
    ssh: only(
      {
        keyFile: z.string({ error: "a path" }).optional(),
        knownHosts: z.string({ error: "a path" }).default("~/.ssh/known_hosts"),
        agent: z.boolean({ error: "true or false" }).default(false),
        jumpHost: only(
          {
            address: z.string({ error: JUMP }).refine((host) => isIPv4(host) || DOMAIN_NAME.test(host), JUMP),
            port,
            user: user.default("pi"),
            hostKey: hostKey.optional(),
          },
          "a host to go through: { address: gate.example.com, port: 22, user: pi }",
        ).optional(),
      },
      "{ keyFile: ~/.ssh/id_ed25519, knownHosts: ~/.ssh/known_hosts }",
    ).prefault({}),
  },
  "",
).superRefine(crossRules, { when: () => true });

/** What {@link crossRules} may rely on: nothing, as they also run where a single key is wrong. */
interface Unchecked {
  readonly hostname?: unknown;
  readonly pis?: unknown;
  readonly floatingAddresses?: unknown;
  readonly floatingAddresses6?: unknown;
  readonly splitBrain?: unknown;
  readonly volume?: { readonly acceptCopy?: unknown; readonly clients?: unknown } | null;
  readonly dns?: { readonly provider?: unknown; readonly server?: unknown; readonly zone?: unknown } | null;
  readonly site?: unknown;
  readonly web?: unknown;
  readonly release?: unknown;
  readonly tsigSecret?: unknown;
  readonly sshPassphrase?: unknown;
  readonly ssh?: { readonly agent?: unknown; readonly keyFile?: unknown } | null;
}

/** The rules about several keys. They judge what they can, so that all mistakes come out at once. */
function crossRules(config: Unchecked, context: z.core.$RefinementCtx): void {
  const wrong = (where: (string | number)[], message: string): void =>
    context.addIssue({ code: "custom", path: where, message });
  const pis: readonly (Partial<Pi> | null)[] = Array.isArray(config.pis) ? config.pis : [];
  for (const [key, own] of [
    ["name", "a name"],
    ["address", "an address"],
    ["address6", "an address"],
  ] as const)
    pis.forEach((one, i) => {
      const same = pis.findIndex((other) => other?.[key] === one?.[key]);
      if (one?.[key] !== undefined && same < i)
        wrong(["pis", i, key], `${own} of its own; pis[${same}] has it already`);
    });
  const copies = pis.filter((one) => one?.storage !== false && one?.arbiter !== true);
  const choices = copies.flatMap((one) => one?.name ?? []);
  const { splitBrain = "report" } = config;
  if (typeof splitBrain === "string" && !["report", "newest", ...choices].includes(splitBrain))
    wrong(["splitBrain"], SPLIT_BRAIN);
  const accepted = config.volume?.acceptCopy;
  if (typeof accepted === "string" && !choices.includes(accepted))
    wrong(["volume", "acceptCopy"], "the name of a Pi that has a full copy");
  const clients: readonly unknown[] = Array.isArray(config.volume?.clients) ? config.volume.clients : [];
  const others = [config.dns?.server, ...clients];
  floatingRules(pis, config.floatingAddresses, "floatingAddresses", others, wrong);
  floatingRules(pis, config.floatingAddresses6, "floatingAddresses6", others, wrong);
  familyRules(pis, config.floatingAddresses, config.floatingAddresses6, wrong);
  if (pis.length > 0) copyRules(pis, copies.length, wrong);
  if (pis.length > 0 && pis.every((one) => one?.drained === true))
    wrong(["pis"], "at least one Pi that is not drained, or nobody serves the site");
  const bricks = pis.filter((one) => one?.storage !== false);
  if (bricks.length > 2 && bricks.filter((one) => one?.drained === true).length > 1)
    wrong(
      ["pis"],
      "at most one drained Pi of three that store: where two are off, the third one serves nothing",
    );
  if (config.release !== undefined && config.site === undefined)
    wrong(["release"], "no value without twopir:site: it is served instead of that folder");
  if (config.web !== undefined && config.site === undefined)
    wrong(["web"], "no value without twopir:site: it is how a published folder is served");
  if (config.ssh?.agent === true && config.ssh.keyFile !== undefined)
    wrong(["ssh", "keyFile"], "no value, since ssh.agent: true reads no key");
  if (config.ssh?.agent === true && config.sshPassphrase !== undefined)
    wrong(["sshPassphrase"], "no value, since ssh.agent: true reads no key");
  if (config.dns?.provider !== "rfc2136") return;
  if (config.tsigSecret === undefined)
    wrong(["tsigSecret"], "needed for rfc2136; set it with: pulumi config set --secret twopir:tsigSecret");
  const hostname = domainName.safeParse(config.hostname).data;
  const zone = domainName.safeParse(config.dns.zone).data;
  if (hostname !== undefined && zone !== undefined && hostname !== zone && !hostname.endsWith(`.${zone}`))
    wrong(["dns", "zone"], `the zone that ${hostname} lies in`);
}

/** Two or three full copies, or two and an arbiter. */
function copyRules(
  pis: readonly (Partial<Pi> | null)[],
  copies: number,
  wrong: (where: (string | number)[], message: string) => void,
): void {
  const arbiters = pis.flatMap((one, i) => (one?.arbiter === true ? [i] : []));
  for (const i of arbiters) {
    const where = ["pis", i, "arbiter"];
    if (pis[i]?.storage === false)
      wrong(where, "false: with storage: false a Pi has no brick, and an arbiter needs one");
    if (i !== arbiters[0]) wrong(where, `false: pis[${arbiters[0]}] is the arbiter, and one is enough`);
  }
  if (arbiters.length > 0 && copies !== 2)
    wrong(["pis"], `two Pis with a full copy beside the arbiter; there are ${copies}`);
  if (arbiters.length === 0 && (copies < 2 || copies > 3))
    wrong(
      ["pis"],
      `two or three Pis that store, each a full copy; ${copies} do (mark the others with storage: false)`,
    );
}

/** One floating address for each Pi, each in the first Pi's network and nobody else's. */
function floatingRules(
  pis: readonly (Partial<Pi> | null)[],
  floating: unknown,
  key: "floatingAddresses" | "floatingAddresses6",
  others: readonly unknown[],
  wrong: (where: (string | number)[], message: string) => void,
): void {
  if (!Array.isArray(floating) || floating.length === 0) return;
  const { own, kind, networkOf, shown } = FAMILIES[key];
  if (floating.length !== pis.length) wrong([key], `one ${kind} for each of the ${pis.length} Pis`);
  const first = pis[0]?.[own];
  // What is no address has a line of its own already.
  const network = typeof first === "string" ? networkOf(first) : undefined;
  floating.forEach((address: unknown, i) => {
    if (pis.some((one) => one?.[own] === address)) wrong([key, i], "an address that no Pi has as its own");
    if (floating.indexOf(address) < i) wrong([key, i], "an address that is not in the list already");
    if (others.includes(address)) wrong([key, i], "an address that nothing else in this config has");
    if (network !== undefined && networkOf(String(address)) !== network)
      wrong([key, i], `an address in the Pis' own network, ${shown(network)}`);
  });
}

const FAMILIES = {
  floatingAddresses: {
    own: "address",
    kind: "floating address",
    networkOf: (address: string) => address.replace(/[^.]*$/, ""),
    shown: (network: string) => `${network}x`,
  },
  floatingAddresses6: {
    own: "address6",
    kind: "floating IPv6 address",
    networkOf: network6,
    shown: (network: string) => `${canonical(`${network}::`)}/64`,
  },
} as const;

/**
 * Floating IPv6 addresses travel with the IPv4 addresses beside them, so there are both; and where A records are floating,
 * an AAAA record of a Pi's own would keep a dead Pi's visitors waiting.
 */
function familyRules(
  pis: readonly (Partial<Pi> | null)[],
  floating: unknown,
  floating6: unknown,
  wrong: (where: (string | number)[], message: string) => void,
): void {
  const has = (list: unknown): boolean => Array.isArray(list) && list.length > 0;
  const lacking = pis.findIndex((one) => one?.address6 === undefined);
  if (has(floating6) && !has(floating))
    wrong(["floatingAddresses6"], "none without floatingAddresses, beside which they travel");
  if (has(floating6) && lacking >= 0)
    wrong(["pis", lacking, "address6"], "the IPv6 address of each Pi, since there are floatingAddresses6");
  if (has(floating) && !has(floating6) && pis.some((one) => one?.address6 !== undefined))
    wrong(
      ["floatingAddresses6"],
      `one floating IPv6 address for each of the ${pis.length} Pis, since they have address6`,
    );
}

/** The first half of an IPv6 address, e.g. "2001:db8:0:0"; what is none, as it is. */
function network6(address: string): string {
  if (!isIPv6(address)) return address;
  const [before = "", after] = address.split("::");
  const groups = (text = ""): string[] => (text === "" ? [] : text.split(":"));
  const zeros =
    after === undefined ? [] : Array<string>(8 - groups(before).length - groups(after).length).fill("0");
  return [...groups(before), ...zeros, ...groups(after)].slice(0, 4).join(":");
}

const SECRETS = ["tsigSecret", "sshPassphrase", "sudoPassword"];
/** The beginning of an id may have digits alone. */
const AS_TEXT = [...SECRETS, "release"];

/** All that is wrong with a stack's config, one line each: key, value, what would be right. */
export class ConfigError extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(
      [
        "the config of this stack has mistakes, so no Pi was contacted:",
        ...mistakes.map((m) => `- ${m}`),
      ].join("\n"),
    );
  }
}

const absolutePath = (file: string, folder: string): string =>
  resolve(folder, file.startsWith("~/") ? `${homedir()}/${file.slice(2)}` : file);

const pisOf = (raw: Raw): readonly unknown[] => (Array.isArray(raw.pis) ? (raw.pis as unknown[]) : []);

/** The name or the address that a Pi of a config has; undefined where it is neither. */
function hostOf(one: unknown): string | undefined {
  const { address } = (one ?? {}) as { readonly address?: unknown };
  return typeof address === "string" && (isIPv4(address) || HOST_NAME.test(address)) ? address : undefined;
}
// What ends in a number is an address, perhaps a mistyped one.
const HOST_NAME = new RegExp(`^(?=.{1,253}$)(?!(.*\\.)?[0-9]+$)${LABEL}(\\.${LABEL})*$`);

/** Whether the config of a Pi has no word on this. */
const lacks = (one: unknown, key: "port" | "user"): boolean => (one as Raw | null)?.[key] === undefined;

/**
 * What a stack's config leaves open.
 *
 * @param texts As those of {@link stackConfig}.
 */
export function openOf(texts: Readonly<Record<string, string>>): Open {
  const raw = rawOf(texts);
  const hosts = pisOf(raw).flatMap((one) => hostOf(one) ?? []);
  const withoutUser = pisOf(raw).flatMap((one) => (lacks(one, "user") ? (hostOf(one) ?? []) : []));
  return { hosts, withoutUser, anyWay: (raw.ssh as Raw | null | undefined)?.jumpHost === undefined };
}

/**
 * Checks and completes a stack's config.
 *
 * @param raw The values by their keys without "twopir:".
 * @param folder Relative paths start here: the project's folder.
 * @param found What counts where it says nothing. Default: nothing is known.
 * @param access How Cloudflare's API is asked. Default: there is no token.
 * @example
 * parseConfig({ hostname: "twopir.example.com", pis: [{ name: "pi1", ... }, ...], dns: { provider: "none" } }, ".")
 * @throws ConfigError with every mistake at once.
 */
export function parseConfig(
  raw: Raw,
  folder: string,
  found: Found = { hosts: new Map() },
  access: CloudflareAccess = accessOf({}, {}),
): Config {
  const hosts = pisOf(raw).map(hostOf);
  const open = hosts.map((host) => (host === undefined ? undefined : found.hosts.get(host)) ?? {});
  const pis = pisOf(raw).map((one, i) => {
    if (hosts[i] === undefined) return one;
    const { address, port, user } = open[i] ?? {};
    return { ...(port && { port }), ...(user && { user }), ...(one as Raw), ...(address && { address }) };
  });
  const parsed = schema.safeParse(pis.length === 0 ? raw : { ...raw, pis });
  if (!parsed.success) throw new ConfigError(mistakes(raw, parsed.error.issues));
  const { tsigSecret, sshPassphrase, sudoPassword: ofAll, ...others } = parsed.data;
  const { dns: zone, volume, ssh, serverNames, site, web, release, ...rest } = others;
  const anyKey = !ssh.agent && ssh.keyFile === undefined;
  const own = ({ knownAs, keyFile }: Host) => ({ knownAs, keyFile: anyKey ? keyFile : undefined });
  const ownJump = found.jumpHost && { ...found.jumpHost, ...own(found.jumpHost) };
  const jumpHost = ssh.jumpHost ? withoutUndefinedKey(ssh.jumpHost) : ownJump;
  const users = rest.pis.flatMap((one, i) => (lacks(pisOf(raw)[i], "user") ? [[hosts[i], one.user]] : []));
  return {
    ...rest,
    ...(site === undefined ? {} : { site: absolutePath(site, folder) }),
    ...(web && { web }),
    ...(release && { backTo: release }),
    pis: rest.pis.map(({ sudoPassword = ofAll, ...one }, i) => ({
      ...withoutUndefinedKey(one),
      ...(hosts[i] !== undefined && !isIPv4(hosts[i]) && { hostName: hosts[i] }),
      ...own(open[i] ?? {}),
      ...(sudoPassword === undefined || one.user === "root" ? {} : { sudoPassword }),
    })),
    serverNames: serverNames ?? [rest.hostname.split(".")[0] ?? rest.hostname],
    volume: { ...volume, brick: volume.brick ?? `/data/brick1/${volume.name}` },
    dns:
      zone.provider === "rfc2136"
        ? { ...zone, keySecret: tsigSecret ?? "" }
        : zone.provider === "cloudflare"
          ? { ...zone, access }
          : zone,
    ssh: {
      ...(ssh.agent ? {} : { keyFile: absolutePath(ssh.keyFile ?? "~/.ssh/id_ed25519", folder) }),
      knownHosts: absolutePath(ssh.knownHosts, folder),
      ...(jumpHost && { jumpHost }),
      ...(sshPassphrase === undefined ? {} : { passphrase: sshPassphrase }),
    },
    ...(users.length > 0 && { users: Object.fromEntries(users) as Names }),
    ownWay:
      ownJump !== undefined || open.some(({ port }, i) => port !== undefined && lacks(pisOf(raw)[i], "port")),
  };
}

/** Without a host key that is not there, as the types want it. */
const withoutUndefinedKey = <T extends { hostKey?: string | undefined }>({ hostKey: key, ...host }: T) => ({
  ...host,
  ...(key === undefined ? {} : { hostKey: key }),
});

/** One line for each key that is wrong: what is wrong with it first says enough. */
function mistakes(raw: unknown, issues: readonly z.core.$ZodIssue[]): string[] {
  const lines = new Map<string, string>();
  for (const issue of issues)
    for (const [key, line] of mistake(raw, issue)) if (!lines.has(key)) lines.set(key, line);
  return [...lines].map(([key, line]) => `${key} ${line}`);
}

function mistake(raw: unknown, issue: z.core.$ZodIssue): (readonly [key: string, line: string])[] {
  const key = (steps: readonly PropertyKey[]): string =>
    steps
      .reduce<string>(
        (text, step) => text + (typeof step === "number" ? `[${step.toString()}]` : `.${String(step)}`),
        "",
      )
      .replace(/^\./, "twopir:");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((unknown) => [
      key([...issue.path, unknown]),
      `is not a setting${meant(unknown)}; see docs/configuration.yaml`,
    ]);
  const value = issue.path.reduce<unknown>(
    (at, step) => (at as Record<PropertyKey, unknown> | undefined)?.[step],
    raw,
  );
  const secret = issue.path.some((step) => SECRETS.includes(String(step)));
  // A list of Pis that is no JSON, sudo's password in it.
  const unread = issue.path[0] === "pis" && issue.path.length <= 2 && typeof value === "string";
  const shown = secret ? "[secret]" : unread ? "a text" : show(value);
  const is =
    value === undefined ? "is missing" : `is ${shown.length > 80 ? `${shown.slice(0, 80)}...` : shown}`;
  return [[key(issue.path), `${is}; expected: ${issue.message}`]];
}

/** What a key that there is not may stand for. */
function meant(unknown: string): string {
  // "pulumi config set" has made one key of it.
  if (/[.[]/.test(unknown))
    return `: set it with pulumi config set --path, and take this one out (pulumi config rm 'twopir:${unknown}')`;
  const near = closest(unknown, [...SETTINGS]);
  const typed = distance(unknown, near); // 0: it is one, elsewhere
  return typed > 0 && typed <= unknown.length / 3 ? ` (did you mean ${near}?)` : "";
}

/** All settings as JSON Schema, which docs/configuration.yaml is held against. */
export const CONFIG_SCHEMA: unknown = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });

/** The names of all settings, at whatever depth. */
const SETTINGS = new Set(settingsIn(CONFIG_SCHEMA));
function settingsIn(part: unknown): string[] {
  if (typeof part !== "object" || part === null) return [];
  const own = "properties" in part ? Object.keys(part.properties as object) : [];
  return [...own, ...Object.values(part).flatMap(settingsIn)];
}

/** Lists and objects by their kind only: a secret may have strayed into one. */
function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : JSON.stringify(value);
}

/**
 * The config of a stack, from the texts that Pulumi keeps it as.
 *
 * @param texts By full key: { "twopir:hostname": "twopir.example.com", "twopir:pis": "[{...}, {...}]", ... }.
 * @param folder Relative paths start here: the project's folder.
 * @param found What counts where it says nothing. Default: nothing is known.
 * @throws ConfigError with every mistake at once.
 */
export function stackConfig(texts: Readonly<Record<string, string>>, folder: string, found?: Found): Config {
  return parseConfig(rawOf(texts), folder, found, accessOf(texts, process.env));
}

/**
 * How Cloudflare is asked: by the settings of the provider that makes the records.
 *
 * @param texts A stack's config by full key.
 * @param environment Of this process.
 * @example accessOf({ "cloudflare:apiToken": "..." }, process.env) // { headers: { Authorization: "Bearer ..." }, ... }
 */
export function accessOf(
  texts: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
): CloudflareAccess {
  const of = (key: string): string | undefined => texts[`cloudflare:${key}`];
  const email = of("email");
  const own = headersOf(
    of("apiToken"),
    of("apiKey"),
    email ?? environment.CLOUDFLARE_EMAIL,
    of("apiUserServiceKey"),
  );
  const others = headersOf(
    environment.CLOUDFLARE_API_TOKEN,
    environment.CLOUDFLARE_API_KEY,
    environment.CLOUDFLARE_EMAIL ?? email,
    environment.CLOUDFLARE_API_USER_SERVICE_KEY,
  );
  const stored = Object.keys(own).length > 0;
  const api = of("baseUrl") ?? environment.CLOUDFLARE_BASE_URL ?? "https://api.cloudflare.com/client/v4";
  return { headers: stored ? own : others, stored, email, api: api.replace(/\/$/, "") };
}

function headersOf(
  token?: string,
  key?: string,
  email?: string,
  serviceKey?: string,
): Record<string, string> {
  if (token) return { Authorization: `Bearer ${token}` };
  if (key && email) return { "X-Auth-Key": key, "X-Auth-Email": email };
  return serviceKey ? { "X-Auth-User-Service-Key": serviceKey } : {};
}

/** The values by their keys without "twopir:". */
function rawOf(texts: Readonly<Record<string, string>>): Raw {
  const prefix = "twopir:";
  const own = Object.entries(texts)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, text]): [string, string] => [key.slice(prefix.length), text]);
  return Object.fromEntries(
    own.map(([key, text]) => [key, AS_TEXT.includes(key) ? text : structure(text)] as const),
  );
}

/**
 * The config of the current stack.
 *
 * @param find Finds what counts where the config says nothing.
 * @throws pulumi.RunError with every mistake at once, before any Pi is contacted.
 */
export async function readConfig(find: (open: Open) => Promise<Found>): Promise<Config> {
  const texts = pulumi.runtime.allConfig();
  try {
    return stackConfig(texts, process.cwd(), await find(openOf(texts)));
  } catch (error) {
    if (error instanceof ConfigError) refuse(error.message);
    throw error;
  }
}

/** Pulumi hands lists and objects over as JSON text, and everything else as it is. */
function structure(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
