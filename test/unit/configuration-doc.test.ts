import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { CONFIG_SCHEMA, parseConfig } from "../../config";

/** Comes with Pulumi's SDK, without types. */
const yaml = createRequire(__filename)("js-yaml") as { load: (text: string) => unknown };

type Raw = Readonly<Record<string, unknown>>;

/** A setting with its way to it; in a list, of its first item. Of dns the provider is a step, too. */
interface Setting {
  readonly key: string;
  readonly value: unknown;
}

const text = readFileSync(join(__dirname, "..", "..", "docs", "configuration.yaml"), "utf8");

/** With the examples, which have no space after their "#", as what it says in words has. */
const withExamples = text.replace(/^( *)#(?! \S|$)/gm, "$1");

/** The document's settings, each by itself, since there is one dns for each provider. */
const blocks = (of: string): (readonly [key: string, value: unknown])[] =>
  of
    .split(/^(?= {2}[a-z])/m)
    .slice(1)
    .flatMap((block) => Object.entries(yaml.load(block) as Raw))
    .flatMap(([key, value]) => (key.startsWith("twopir:") ? [[key.slice("twopir:".length), value]] : []));

const providerOf = (dns: unknown): unknown => (dns as Raw).provider;
const DNS = blocks(withExamples).flatMap(([key, value]) => (key === "dns" ? [value as Raw] : []));

const isObject = (value: unknown): value is Raw => typeof value === "object" && value !== null;
const isSecret = (value: unknown): boolean => isObject(value) && "secure" in value;
const secretOf = (key: string): string => Buffer.from(`the secret of ${key}`).toString("base64");

/** As the program is given it: each secret is another text. */
function decrypted(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item: unknown, i) => decrypted(item, `${key}[${i}]`));
  if (isSecret(value)) return secretOf(key);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, decrypted(one, `${key}.${name}`)]),
  );
}

/** All that there is beside one provider. */
const configWith = (dns: Raw): Raw => decrypted({ ...Object.fromEntries(blocks(withExamples)), dns }) as Raw;

function settings(value: unknown, key: string): Setting[] {
  if (Array.isArray(value) && typeof value[0] === "object") return settings(value[0], `${key}[0]`);
  if (Array.isArray(value) || !isObject(value) || isSecret(value)) return [{ key, value }];
  const under = key === "dns" ? `dns.${String(providerOf(value))}` : key;
  return Object.entries(value).flatMap(([name, inner]) => settings(inner, `${under}.${name}`));
}
const documented = (of: string): Setting[] => blocks(of).flatMap(([key, value]) => settings(value, key));

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly const?: unknown;
  readonly default?: unknown;
}

/** The settings of config.ts, with their defaults where these are there without looking at others. */
function accepted({ properties, items, oneOf, ...schema }: Schema, key: string): Setting[] {
  if (oneOf)
    return oneOf.flatMap((one) => accepted(one, `${key}.${String(one.properties?.provider?.const)}`));
  if (items?.properties) return accepted(items, `${key}[0]`);
  if (!properties) return [{ key, value: schema.default }];
  const under = key === "" ? "" : `${key}.`;
  return Object.entries(properties).flatMap(([name, inner]) => accepted(inner, `${under}${name}`));
}
const schema = accepted(CONFIG_SCHEMA as Schema, "");

/** A copy without one setting. */
function without(value: unknown, [step, ...steps]: readonly string[]): unknown {
  if (step === undefined) return undefined;
  if (Array.isArray(value))
    return value.map((item: unknown, i) => (i === Number(step) ? without(item, steps) : item));
  return Object.fromEntries(
    Object.entries(value as Raw).flatMap(([key, inner]) => {
      const left = key === step ? without(inner, steps) : inner;
      return left === undefined ? [] : [[key, left]];
    }),
  );
}

/** But for `users`, which says that a Pi has none. */
const parsed = (raw: unknown): unknown => ({ ...parseConfig(raw as Raw, "/project"), users: undefined });

/** What becomes of the config, with the provider that the setting is about, when it is left out. */
function leftOut(key: string): "same" | "another" | "none" {
  const provider = /^dns\.([a-z0-9]+)/.exec(key)?.[1] ?? "rfc2136";
  const raw = configWith(DNS.find((dns) => dns.provider === provider) ?? {});
  const steps = key
    .replace(/^dns\.[a-z0-9]+/, "dns")
    .replace("[0]", ".0")
    .split(".");
  try {
    return isDeepStrictEqual(parsed(without(raw, steps)), parsed(raw)) ? "same" : "another";
  } catch {
    return "none";
  }
}

const keysOf = (all: readonly Setting[]): string[] => all.map(({ key }) => key).sort();
const byKey = (all: readonly Setting[]) => Object.fromEntries(all.map(({ key, value }) => [key, value]));

describe("docs/configuration.yaml", () => {
  const all = documented(withExamples);
  const counting = keysOf(documented(text));

  it("has each setting of config.ts once, and no others", () => {
    expect(keysOf(all)).toEqual(keysOf(schema));
  });

  it("is a config, as it stands and with all examples, for each provider", () => {
    expect(parsed(Object.fromEntries(blocks(text)))).toBeDefined();
    expect(DNS).toHaveLength(3);
    for (const dns of DNS) expect(parsed(configWith(dns))).toBeDefined();
  });

  it("shows the defaults of config.ts", () => {
    const defaults = schema.filter(({ value }) => value !== undefined);
    expect(byKey(all.filter(({ key }) => keysOf(defaults).includes(key)))).toEqual(byKey(defaults));
  });

  it("has nothing but defaults, and what is required, outside of comments", () => {
    expect(counting.filter((key) => leftOut(key) === "another")).toEqual([]);
  });

  it("comments out what has no default, and nothing else, but within an example", () => {
    const within = /^dns\.|^ssh\.jumpHost\./;
    const others = keysOf(all).filter((key) => !counting.includes(key) && !within.test(key));
    expect(others.filter((key) => leftOut(key) === "same")).toEqual([]);
  });
});
