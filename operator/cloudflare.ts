import { domainToASCII } from "node:url";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { refuse } from "./refuse";

/** Seconds; Cloudflare answers in half of one. */
const PATIENCE = 10;

/** How Cloudflare's API is asked: by the same settings as those of the provider that makes the records. */
export interface CloudflareAccess {
  /** HTTP headers by name, that carry the token, or the key of another kind that the provider has; none: there is none. */
  readonly headers: Readonly<Record<string, string>>;
  /** True where these are of the stack's config, and so may be in its state. */
  readonly stored: boolean;
  /** Of the config, beside a key that may be in the environment. */
  readonly email?: string | undefined;
  /** URL of the API, without a slash at the end. */
  readonly api: string;
}

/** A record at Cloudflare. */
export interface CloudflareFound {
  readonly id: string;
  /** "A", "AAAA", "CNAME" and so on. */
  readonly type: string;
  readonly content: string;
  readonly created_on?: string | undefined;
}

/** The headers that may be in the stack's state, a line each; "" where whoever runs it has them in the environment. */
export const storedHeaders = ({ headers, stored }: CloudflareAccess): string =>
  stored
    ? Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}`)
        .join("\n")
    : "";

/** Cloudflare says no: the token, or the zone, is not the right one. */
class CloudflareRefusal extends Error {}

const answer = z.object({
  success: z.boolean(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).default([]),
  result: z.unknown(),
});
const records = z.array(
  z.object({ id: z.string(), type: z.string(), content: z.string(), created_on: z.string().optional() }),
);

/**
 * All records of a name, of every type.
 *
 * @throws CloudflareRefusal where the token or the zone is not the right one; another error where nobody answers.
 */
export async function cloudflareRecords(
  name: string,
  zoneId: string,
  access: CloudflareAccess,
): Promise<readonly CloudflareFound[]> {
  return records.parse(
    await ask(access, `/zones/${zoneId}/dns_records?name=${encodeURIComponent(name)}&per_page=100`),
  );
}

const zone = z.object({
  // The API has an international name as its letters, the config as DNS has it.
  name: z.string().transform((name) => domainToASCII(name)),
  status: z.string().optional(),
  name_servers: z.array(z.string()).default([]),
});

/** The zone; undefined where the token may not read it, as one for its records alone. */
async function zoneOf(zoneId: string, access: CloudflareAccess): Promise<z.infer<typeof zone> | undefined> {
  try {
    return zone.parse(await ask(access, `/zones/${zoneId}`));
  } catch (error) {
    if (error instanceof CloudflareRefusal) return undefined;
    throw error;
  }
}

/**
 * Why nobody is sent to Cloudflare for the zone's records: that is so until its registrar has Cloudflare's name servers
 * ("pending"), and again when it has others ("moved").
 *
 * @returns undefined where it is in use, or the token may not read it.
 */
export async function notInUse(zoneId: string, access: CloudflareAccess): Promise<string | undefined> {
  const { name, status, name_servers: servers = [] } = (await zoneOf(zoneId, access)) ?? {};
  if (name === undefined || status === undefined || status === "active") return undefined;
  return (
    `Cloudflare says of the zone ${name} that it is ${status}, so visitors do not find the records that it has there: set ` +
    `its name servers at your registrar to ${servers.join(" and ") || "those that Cloudflare shows on the zone's overview page"}.`
  );
}

/** Answers, by the path that was asked. */
const answers = new WeakMap<CloudflareAccess, Map<string, Promise<unknown>>>();

/** Each question is asked once for one config, in which a run has one access. */
function ask(access: CloudflareAccess, path: string): Promise<unknown> {
  const known = answers.get(access) ?? new Map<string, Promise<unknown>>();
  answers.set(access, known);
  const answer = known.get(path) ?? get(access, path);
  known.set(path, answer);
  return answer;
}

async function get({ api, headers }: CloudflareAccess, path: string): Promise<unknown> {
  const response = await fetch(`${api}${path}`, {
    headers,
    signal: AbortSignal.timeout(PATIENCE * 1000),
  });
  const { status } = response;
  // 429: too many questions.
  if (status === 429 || status >= 500) throw new Error(`HTTP status ${status.toString()}`);
  const { success, errors, result } = answer.parse(await response.json());
  if (success) return result;
  throw new CloudflareRefusal(
    errors.map(({ code, message }) => `${message} (${code.toString()})`).join("; ") ||
      `HTTP status ${status.toString()}`,
  );
}

/**
 * Asks before any Pi is touched what the provider would find out at the records, when all else is done. Where the API does
 * not answer that is a warning: the Pis have nothing to do with it.
 *
 * @param hostname The name that is to have the records.
 * @example await checkCloudflare("www.example.com", zoneId, accessOf(texts, process.env))
 * @throws pulumi.RunError where no record could be made there.
 */
export async function checkCloudflare(
  hostname: string,
  zoneId: string,
  access: CloudflareAccess,
): Promise<void> {
  if (Object.keys(access.headers).length === 0)
    refuse(
      "twopir:dns is at Cloudflare, and there is no token for it. Make one for that zone (Zone / DNS / Edit), and give it to " +
        "the stack: pulumi config set --secret cloudflare:apiToken",
    );
  // Node would tell the whole of a header that it does not send.
  if (!Object.values(access.headers).every((value) => /^(Bearer )?[\x21-\x7e]+$/.test(value)))
    refuse(
      "cloudflare:apiToken is not a token: it has spaces, or characters that tokens never have. Set it anew.",
    );
  try {
    const [zoneName, found] = await Promise.all([
      zoneOf(zoneId, access).then((one) => one?.name),
      cloudflareRecords(hostname, zoneId, access),
    ]);
    if (zoneName !== undefined && hostname !== zoneName && !hostname.endsWith(`.${zoneName}`))
      refuse(
        `twopir:hostname is ${hostname}, and the zone of twopir:dns.zoneId is ${zoneName}: set the id of the zone that ` +
          `${hostname} is in, as its overview page at Cloudflare shows it.`,
      );
    const alias = found.find(({ type }) => type === "CNAME");
    if (alias)
      refuse(
        `${hostname} has a CNAME record (${alias.content}), beside which there can be no other: delete it at Cloudflare, ` +
          `or set twopir:hostname to another name.`,
      );
  } catch (error) {
    if (error instanceof CloudflareRefusal)
      refuse(
        `Cloudflare refuses to list the records of ${hostname}: ${error.message}. Is cloudflare:apiToken a token ` +
          `for that zone (Zone / DNS / Edit), and twopir:dns.zoneId the zone's id?`,
      );
    if (error instanceof pulumi.RunError) throw error;
    void pulumi.log.warn(
      `Cloudflare's API does not answer (${reasonOf(error)}), so the records of ${hostname} are unknown, and any ` +
        `change to them fails.`,
    );
  }
}

/** Node says of a question that reached nobody "fetch failed", and why in the cause. */
function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError || error instanceof SyntaxError) return "its answer cannot be read";
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
