import * as pulumi from "@pulumi/pulumi";
import type { Last } from "./hosts";

// What the engine has of the last update, asked before the resources are declared.

/** What counted in the last update where the config says nothing. */
export const lastHosts = async (outputs: () => Promise<unknown> = lastOutputs): Promise<Last> =>
  ((await outputs()) as Last | undefined) ?? {};

/** A record of Cloudflare's as the engine has it in its state. */
export interface DeclaredRecord {
  readonly zoneId?: string;
  readonly name?: string;
  readonly content?: string;
  /** When Cloudflare made it, as a text. */
  readonly createdOn?: string;
  /** True where the state that looks after it is there, too. */
  readonly hasKeeper: boolean;
}

/** Cloudflare's records by the names of their resources: also those that an update made which did not end well. */
export async function declaredRecords(): Promise<ReadonlyMap<string, DeclaredRecord>> {
  const all = await declaredResources();
  const records = all.filter(({ type }) => type === "cloudflare:index/dnsRecord:DnsRecord");
  return new Map(
    records.map(({ name, outputs }) => [
      name,
      { ...outputs, hasKeeper: all.some((one) => one.name === `${name}-keeper`) },
    ]),
  );
}

/** The names of the stack's resources. */
export const declaredNames = async (): Promise<Iterable<string>> =>
  (await declaredResources()).map(({ name }) => name);

/**
 * By which values each resource is what it is, by its name: of some {@link declaredResources} the `triggers`.
 *
 * @example (await declaredTriggers()).get("pi1-a-record") // ["example.com", "www.example.com", "192.168.0.121"]
 */
export async function declaredTriggers(): Promise<ReadonlyMap<string, readonly string[]>> {
  const all = await declaredResources();
  const having = all.filter(({ outputs }) => outputs.triggers !== undefined);
  return new Map([...all, ...having].map(({ name, outputs }) => [name, outputs.triggers ?? []]));
}

let declared: Promise<readonly Declared[]> | undefined;
/**
 * What the engine has in its state; asked once in each run. Two may have one name: a record that another provider has now,
 * where the former one could not be removed.
 */
const declaredResources = (): Promise<readonly Declared[]> => (declared ??= readResources());

async function readResources(): Promise<readonly Declared[]> {
  const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {
    stackName: thisStack(),
  })) as { readonly outputs: Readonly<Record<string, Omit<Declared, "name">>> };
  return Object.entries(outputs).map(([urn, one]) => ({ ...one, name: urn.split("::").at(-1) ?? "" }));
}

interface Declared {
  readonly name: string;
  readonly type: string;
  readonly outputs: Omit<DeclaredRecord, "hasKeeper"> & { readonly triggers?: readonly string[] };
}

const thisStack = (): string => `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;

let last: Promise<unknown> | undefined;
/** Asked once in each run. */
export const lastOutputs = (): Promise<unknown> => (last ??= readOutputs());

/** The engine's own function, behind pulumi.StackReference, which would be one more resource of the stack. */
async function readOutputs(): Promise<unknown> {
  const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {
    name: thisStack(),
  })) as {
    readonly outputs?: unknown;
  };
  return outputs;
}
