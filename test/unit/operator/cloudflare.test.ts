import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { accessOf } from "../../../config";
import { storedHeaders, type CloudflareAccess } from "../../../operator/cloudflare";
import {
  checkZone,
  presentRecords,
  recordsNow,
  requireHalfOfRecords,
  toldElsewhere,
} from "../../../operator/records";
import { CloudflareApi, no, TOKEN, ZONE } from "../../cloudflare-api";

const NAME = "www.example.com";
const WANTED = { A: ["192.168.0.121", "192.168.0.122"], AAAA: [] };

describe("the zone at Cloudflare", () => {
  let api: CloudflareApi;
  let baseUrl: string;
  let access: CloudflareAccess;
  const warnings: string[] = [];

  beforeEach(async () => {
    warnings.length = 0;
    vi.spyOn(pulumi.log, "warn").mockImplementation((text) => {
      warnings.push(text);
      return Promise.resolve();
    });
    api = new CloudflareApi();
    baseUrl = await api.start();
    for (const address of WANTED.A) api.add(address);
    access = accessTo();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    api.stop();
  });

  const accessTo = (texts: Readonly<Record<string, string>> = { "cloudflare:apiToken": TOKEN }) =>
    accessOf({ ...texts, "cloudflare:baseUrl": `${baseUrl}/` }, {});
  const dns = () => ({ provider: "cloudflare", zoneId: ZONE, access });
  const check = (name = NAME): Promise<void> => checkZone(name, dns());

  it("says which records there are, of a type, whoever made them, and is asked once in a run", async () => {
    api.add("192.0.2.1");
    api.add("2001:db8::121");
    api.add("192.0.2.2", { name: "other.example.com" });
    expect(await presentRecords(NAME, "A", dns())).toEqual(["192.0.2.1", ...WANTED.A]);
    expect(await presentRecords(NAME, "AAAA", dns())).toEqual(["2001:db8::121"]);
    expect((await recordsNow(NAME, dns(), () => Promise.resolve(new Map())))?.there.length).toBe(4);
    expect(api.headers.length).toBe(1);
    expect(warnings).toEqual([]);
  });

  it.each(["pending", "moved"])("is found by nobody while it is %s", async (status) => {
    const found = toldElsewhere(NAME, WANTED, dns());
    expect((await found).filter(({ hereOnly }) => !hereOnly)).toEqual([]);
    const name_servers = ["a.ns.cloudflare.com", "b.ns.cloudflare.com"];
    const result = { id: ZONE, name: "example.com", status, name_servers };
    api.instead = (_, path) =>
      path.endsWith(ZONE) ? [200, { success: true, errors: [], messages: [], result }] : undefined;
    access = accessTo();
    const [one] = await toldElsewhere(NAME, WANTED, dns());
    expect(one).toMatchObject({
      message: expect.stringContaining(`${status}, so visitors do not find`) as string,
      hereOnly: false,
    });
    expect(one?.message).toContain("a.ns.cloudflare.com and b.ns.cloudflare.com");
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
      "cloudflare:apiToken is not a token",
    ],
    [
      "the zone is not there",
      () => (api.instead = () => [404, no(7003, "Could not route to that zone")]),
      "Could not route to that zone (7003). Is cloudflare:apiToken",
    ],
    ["the name is in another zone", () => undefined, "is www.example.org, and the zone", "www.example.org"],
    ["the name only ends like the zone", () => undefined, "is notexample.com, and", "notexample.com"],
    [
      "the name is an alias",
      () => void (api.records = [{ ...api.add("a.example.net"), type: "CNAME" }]),
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
    ["has too many questions", () => (api.instead = () => [429, "slower"]), /HTTP status 429/],
    ["is out of order", () => (api.instead = () => [503, "<html>"]), /HTTP status 503/],
    [
      "answers what it should not",
      () => (api.instead = () => [200, { success: true, result: "x" }]),
      /\(its answer cannot be read\)/,
    ],
    [
      "is not there",
      () => {
        api.stop();
      },
      /ECONNREFUSED/,
    ],
  ])("is a warning where the API %s: the Pis have nothing to do with it", async (_, happen, why) => {
    happen();
    await check();
    expect(warnings).toEqual([expect.stringMatching(why)]);
    expect(warnings.join()).not.toContain(TOKEN);
    expect(await presentRecords(NAME, "A", dns())).toBeUndefined();
    const half = (...names: string[]): Promise<void> =>
      requireHalfOfRecords(NAME, dns(), WANTED, () => Promise.resolve(names));
    await half("all-a-records");
    // Those that there are elsewhere would go, and none come.
    await expect(half("no-other-a-records")).rejects.toThrow(
      /provider is cloudflare now, and it does not answer .* at rfc2136 would be withdrawn/,
    );
    expect(warnings.slice(1)).toEqual([expect.stringContaining("cannot find out which A records")]);
  });

  it("may have an international name", async () => {
    api.instead = (_, path) =>
      path.endsWith(ZONE) ? [200, { success: true, result: { name: "m\u00fcller.example" } }] : undefined;
    await check("www.xn--mller-kva.example");
  });

  it("may be hidden from a token for its records alone", async () => {
    api.instead = (_, path) =>
      path.endsWith(ZONE) ? [403, no(9109, "Unauthorized to access requested resource")] : undefined;
    await check();
    expect(warnings).toEqual([]);
  });

  it("is asked by a key of another kind, too", async () => {
    access = accessTo({ "cloudflare:apiKey": TOKEN, "cloudflare:email": "a@example.com" });
    await check();
    expect(warnings).toEqual([]);
    expect(api.headers.at(-1)).toMatchObject({ "x-auth-email": "a@example.com", "x-auth-key": TOKEN });
  });

  it("loses at most half of the records that there are", async () => {
    for (const n of [1, 2]) api.add(`192.0.2.${n}`);
    await requireHalfOfRecords(NAME, dns(), WANTED);
    access = accessTo();
    api.add("192.0.2.3");
    await expect(requireHalfOfRecords(NAME, dns(), WANTED)).rejects.toThrow("has 5 A records");
    await requireHalfOfRecords(NAME, { ...dns(), fewRecords: true }, WANTED);
  });
});

it("takes the provider's own settings, those of the stack first, which alone may be in its state", () => {
  const api = "https://api.cloudflare.com/client/v4";
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  const other = { CLOUDFLARE_API_TOKEN: "b" };
  expect(accessOf({}, {})).toEqual({ headers: {}, stored: false, api });
  expect(accessOf({}, other)).toEqual({ headers: bearer("b"), stored: false, api });
  expect(accessOf({ "cloudflare:apiToken": "a" }, other)).toMatchObject({
    headers: bearer("a"),
    stored: true,
  });
  // A key of the config's, of whichever kind, comes before the environment's.
  const key = { "cloudflare:apiKey": "k", "cloudflare:email": "e" };
  expect(accessOf(key, other)).toMatchObject({ headers: { "X-Auth-Key": "k" }, stored: true });
  expect(accessOf({ "cloudflare:email": "e" }, { CLOUDFLARE_API_KEY: "k" })).toMatchObject({
    headers: { "X-Auth-Key": "k", "X-Auth-Email": "e" },
    stored: false,
    email: "e",
  });
  expect(accessOf({}, { CLOUDFLARE_API_USER_SERVICE_KEY: "k" }).headers).toEqual({
    "X-Auth-User-Service-Key": "k",
  });
  expect(storedHeaders(accessOf({}, other))).toBe("");
  expect(storedHeaders(accessOf({ "cloudflare:apiKey": "k", "cloudflare:email": "e" }, {}))).toBe(
    "X-Auth-Key: k\nX-Auth-Email: e",
  );
});
