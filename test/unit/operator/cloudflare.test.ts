import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { accessOf } from "../../../config";
import type { CloudflareAccess } from "../../../operator/cloudflare";
import { checkZone, presentRecords, requireHalfOfRecords } from "../../../operator/records";

const ZONE = "0123456789abcdef0123456789abcdef";
const NAME = "www.example.com";
const TOKEN = "not-to-be-told";
const WANTED = { A: ["192.168.0.121", "192.168.0.122"], AAAA: [] };

interface Made {
  readonly type: string;
  readonly content: string;
  readonly comment?: string;
}
const ours = (content: string, type = "A"): Made => ({ type, content, comment: "twopir: pi1" });

describe("the zone at Cloudflare", () => {
  let server: Server;
  let access: CloudflareAccess;
  let found: Made[];
  // What the API answers instead, by the path that is asked.
  let instead: (path: string) => [status: number, body: unknown] | undefined;
  const warnings: string[] = [];
  const no = (code: number, message: string) => ({
    success: false,
    errors: [{ code, message }],
    result: null,
  });

  beforeEach(async () => {
    found = [ours("192.168.0.121"), ours("192.168.0.122")];
    instead = () => undefined;
    warnings.length = 0;
    vi.spyOn(pulumi.log, "warn").mockImplementation((text) => {
      warnings.push(text);
      return Promise.resolve();
    });
    server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
      const right = request.headers.authorization === `Bearer ${TOKEN}`;
      const answers: Record<string, unknown> = {
        [`/v4/zones/${ZONE}`]: { id: ZONE, name: "example.com" },
        [`/v4/zones/${ZONE}/dns_records`]: searchParams.get("name") === NAME ? found : [],
      };
      const [status, body] =
        instead(pathname) ??
        (!right ? [403, no(10_000, "Authentication error")] : undefined) ??
        (pathname in answers
          ? [200, { success: true, errors: [], result: answers[pathname] }]
          : [404, no(7003, "Could not route to that zone")]);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    access = accessTo();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await new Promise((resolve) => server.close(resolve));
  });

  const accessTo = (texts: Readonly<Record<string, string>> = { "cloudflare:apiToken": TOKEN }) =>
    accessOf(
      { ...texts, "cloudflare:baseUrl": `http://127.0.0.1:${(server.address() as AddressInfo).port}/v4/` },
      {},
    );
  const dns = () => ({ provider: "cloudflare", zoneId: ZONE, access });
  const check = (name = NAME): Promise<void> => checkZone(name, dns(), WANTED);

  it("says which records there are, of a type, whoever made them", async () => {
    found.push({ type: "A", content: "192.0.2.1" }, ours("2001:db8::121", "AAAA"));
    expect(await presentRecords(NAME, "A", dns())).toEqual(["192.0.2.1", ...WANTED.A]);
    expect(await presentRecords(NAME, "AAAA", dns())).toEqual(["2001:db8::121"]);
    await check();
    expect(warnings).toEqual([expect.stringContaining("A record 192.0.2.1 that is not twopir's")]);
  });

  it("is as it should be", async () => {
    await check();
    await requireHalfOfRecords(NAME, dns(), WANTED);
    expect(warnings).toEqual([]);
  });

  it.each<[string, () => void, string, string?]>([
    ["there is no token", () => (access = accessTo({})), "there is no token for it"],
    [
      "the token is a wrong one",
      () => (access = accessTo({ "cloudflare:apiToken": "x" })),
      "Authentication error (10000)",
    ],
    [
      "the token is none",
      () => (access = accessTo({ "cloudflare:apiToken": `${TOKEN}\n` })),
      "cloudflare:apiToken is no token",
    ],
    [
      "the zone is not there",
      () => (instead = () => [404, no(7003, "Could not route to that zone")]),
      "Could not route to that zone (7003). Is cloudflare:apiToken",
    ],
    ["the name is in another zone", () => undefined, "is www.example.org, and the zone", "www.example.org"],
    ["the name only ends like the zone", () => undefined, "is notexample.com, and", "notexample.com"],
    [
      "the name is an alias",
      () => (found = [{ type: "CNAME", content: "a.example.net" }]),
      "has a CNAME record (a.example.net)",
    ],
  ])("is refused before any Pi is touched where %s", async (_, happen, why, name) => {
    happen();
    const refusal: unknown = await check(name).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(pulumi.RunError);
    expect(String(refusal)).toContain(why);
    expect(String(refusal)).not.toContain(TOKEN);
  });

  it.each<[string, () => void, RegExp]>([
    ["has too many questions", () => (instead = () => [429, "slower"]), /HTTP status 429/],
    ["is out of order", () => (instead = () => [503, "<html>"]), /HTTP status 503/],
    [
      "answers what it should not",
      () => (instead = () => [200, { success: true, result: "x" }]),
      /\(its answer cannot be read\)/,
    ],
    ["is not there", () => void server.close(), /ECONNREFUSED/],
  ])("is a warning where the API %s: the Pis have nothing to do with it", async (_, happen, why) => {
    happen();
    await check();
    expect(warnings).toEqual([expect.stringMatching(why)]);
    expect(warnings.join()).not.toContain(TOKEN);
    expect(await presentRecords(NAME, "A", dns())).toBeUndefined();
    await requireHalfOfRecords(NAME, dns(), WANTED);
    expect(warnings.slice(1)).toEqual([expect.stringContaining("cannot find out which A records")]);
  });

  it("may be hidden from a token for its records alone", async () => {
    instead = (path) =>
      path.endsWith(ZONE) ? [403, no(9109, "Unauthorized to access requested resource")] : undefined;
    await check();
    expect(warnings).toEqual([]);
  });

  it("is left alone where the provider has a key of another kind", async () => {
    access = accessTo({ "cloudflare:apiKey": "k", "cloudflare:email": "a@example.com" });
    await check();
    expect(warnings).toEqual([]);
  });

  it("loses at most half of what twopir has there, and what others have does not count", async () => {
    for (const n of [1, 2, 3, 4, 5, 6]) found.push({ type: "A", content: `192.0.2.${n}` });
    await requireHalfOfRecords(NAME, dns(), WANTED);
    found.push(ours("192.168.0.123"), ours("192.168.0.124"), ours("192.168.0.125"));
    await expect(requireHalfOfRecords(NAME, dns(), WANTED)).rejects.toThrow("has 5 A records");
    await requireHalfOfRecords(NAME, { ...dns(), fewRecords: true }, WANTED);
  });
});

it("takes the provider's own settings, those of the stack first", () => {
  const api = "https://api.cloudflare.com/client/v4";
  expect(accessOf({}, {})).toEqual({ otherKey: false, api });
  expect(accessOf({}, { CLOUDFLARE_API_TOKEN: "b" })).toEqual({ token: "b", otherKey: false, api });
  expect(accessOf({ "cloudflare:apiToken": "a" }, { CLOUDFLARE_API_TOKEN: "b" }).token).toBe("a");
  expect(accessOf({}, { CLOUDFLARE_API_KEY: "k" }).otherKey).toBe(true);
});
