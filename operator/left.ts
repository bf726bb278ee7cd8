import * as pulumi from "@pulumi/pulumi";
import type { Last } from "./hosts";
import { leadsTo, type Names } from "./names";
import { refuse } from "./refuse";

/** An output of the stack. 2: each Pi has a program; before it had this output, each state brought its scripts along. */
export const LAYOUT = 2;

/** The parts of a config that {@link refuseEdits} reads. */
interface Edited {
  readonly hostname: string;
  readonly pis: readonly (Placed & { readonly drained: boolean })[];
  readonly floatingAddresses: readonly string[];
  readonly volume: VolumePaths;
  readonly dns: { readonly provider: string; readonly fewRecords?: boolean };
}

/**
 * Refuses what has become of the config since the last update and cannot be done, or not without taking something away.
 *
 * @param config Its Pis in the order of the last update.
 * @example await refuseEdits(inLastOrder(config, await lastHosts()))
 * @throws pulumi.RunError that names it, before anything is changed.
 */
export async function refuseEdits(config: Edited): Promise<void> {
  await refuseDrainedBefore(config.pis);
  await refuseMoves(config.pis);
  await refuseFirstToLeave(config.pis);
  await refuseOtherFloating(config);
  await refuseOtherVolume(config.volume);
  await refuseToWithdraw(config.hostname, config.dns);
}

/**
 * Warns of each Pi that is not in the config any more and had no answer, or was drained, in the last update: the engine
 * goes by that and only forgets what it has of the Pi (`retainOnDelete` in the stack's state), though it may be back.
 *
 * @param pis Those of the config.
 * @param outputs Of the last update, in which `unreached` names those Pis. Default: asked of the engine.
 * @example await tellOfLeft([{ name: "pi1" }])
 */
export async function tellOfLeft(
  pis: readonly { readonly name: string }[],
  outputs: () => Promise<unknown> = lastOutputs,
): Promise<void> {
  const last = (await outputs()) as { readonly unreached?: readonly string[] } | undefined;
  for (const name of last?.unreached ?? [])
    if (!pis.some((pi) => pi.name === name))
      void pulumi.log.warn(
        `${name} was drained or did not answer in the last pulumi up, so what twopir put on it stays there, the copy ` +
          `of the volume too. If it is back and should be cleared: list it again in twopir:pis, run pulumi up, and ` +
          `take it out then.`,
      );
}

/**
 * Refuses to bring the program to a Pi that is drained, and so neither contacted nor changed: a stack of a version that
 * had no program on the Pis would fail for it half-way.
 *
 * @param pis Those of the config.
 * @param outputs Of the last update, in which `layout` says since this version that each Pi has a program. Default: asked
 *   of the engine.
 * @throws pulumi.RunError where there was an update, without it, and a Pi is drained.
 */
export async function refuseDrainedBefore(
  pis: readonly { readonly name: string; readonly drained: boolean }[],
  outputs: () => Promise<unknown> = lastOutputs,
): Promise<void> {
  const last = (await outputs()) as { readonly url?: string; readonly layout?: number } | undefined;
  const drained = pis.filter((pi) => pi.drained).map((pi) => pi.name);
  if (last?.url === undefined || last.layout !== undefined || drained.length === 0) return;
  refuse(
    `This version of twopir puts a program on each Pi, and ${drained.join(", ")} is drained, so nothing was changed. Take ` +
      `drained away in twopir:pis and run pulumi up, or, if the Pi is dead for good, take it out with the version before.`,
  );
}

/**
 * Refuses another name for a Pi at the same address, and other addresses for more than one Pi. Of a new name the engine
 * makes all first, and then removes what the old one had: from the same Pi, its copy and its peer too. And a Pi that moves
 * leaves its copy behind, so another one must be where the volume knows it.
 *
 * @param pis Those of the config.
 * @param outputs Of the last update, in which `pis` has the addresses by name. Default: asked of the engine.
 * @example await refuseMoves([{ name: "pib", address: "192.168.0.122" }]) // where that was pi2
 * @throws pulumi.RunError that names them.
 */
export async function refuseMoves(
  pis: readonly Placed[],
  outputs: () => Promise<unknown> = lastOutputs,
): Promise<void> {
  const last = ((await outputs()) as { readonly pis?: Places } | undefined)?.pis ?? {};
  for (const [name, address] of Object.entries(last)) {
    const renamed = pis.find((pi) => pi.address === address);
    if (renamed === undefined || pis.some((pi) => pi.name === name)) continue;
    refuse(
      `${renamed.name} has the address ${address}, which was that of ${name}, so nothing was changed: what is taken out ` +
        `of twopir:pis is removed from its Pi, here from ${renamed.name} itself. A Pi keeps its name: call it ${name} ` +
        `again. If it is another machine, take ${name} out first, by a pulumi up of its own, and then list ${renamed.name}.`,
    );
  }
  const moved = pis.filter(({ name, address }) => (last[name] ?? address) !== address);
  if (moved.length > 1)
    refuse(
      `${moved.map(({ name }) => name).join(" and ")} have other addresses than in the last pulumi up, so nothing was ` +
        `changed: a Pi that moves leaves its copy behind, and gets it anew from one that did not. Write one new address ` +
        `at a time into twopir:pis, with a pulumi up each. A Pi that has lost its former address meanwhile gets it back ` +
        `besides the new one until the next boot, e.g.: sudo ip address add ${last[moved[0]?.name ?? ""] ?? ""}/24 dev eth0`,
    );
}

/**
 * Refuses to take the first Pi out, unless it is drained or off: the commands to gluster are bound to it in the engine's
 * state, that by which it leaves too, and no Pi can take its own copy out.
 *
 * @param pis Those of the config.
 * @param outputs Of the last update, with `order` and `unreached`. Default: asked of the engine.
 * @throws pulumi.RunError that names it.
 */
export async function refuseFirstToLeave(
  pis: readonly { readonly name: string }[],
  outputs: () => Promise<unknown> = lastOutputs,
): Promise<void> {
  const { order = [], unreached = [] } = ((await outputs()) as LeftOrder | undefined) ?? {};
  const [first] = order;
  if (first === undefined || unreached.includes(first) || pis.some(({ name }) => name === first)) return;
  refuse(
    `${first} is not in twopir:pis any more, and it is the Pi that gives the commands to gluster, so nothing was changed. List ` +
      `it again with drained: true and run pulumi up, then take it out.`,
  );
}

interface LeftOrder {
  readonly order?: readonly string[];
  readonly unreached?: readonly string[];
}

/**
 * Refuses another floating address for a Pi that has one: it would give up the former one while its record still names
 * that, and with the one of a Pi that leaves it would lose its record together with that Pi's.
 *
 * @param config Its Pis with the floating addresses that they are preferred for, in the same order.
 * @param outputs Of the last update, in which `floating` has the former ones. Default: asked of the engine.
 * @throws pulumi.RunError that names them.
 */
export async function refuseOtherFloating(
  {
    pis,
    floatingAddresses,
  }: { readonly pis: readonly { readonly name: string }[]; readonly floatingAddresses: readonly string[] },
  outputs: () => Promise<unknown> = lastOutputs,
): Promise<void> {
  const { floating = {} } = ((await outputs()) as { readonly floating?: Names } | undefined) ?? {};
  const others = pis.flatMap(({ name }, i) => {
    const [was, is] = [floating[name], floatingAddresses[i]];
    return was === undefined || is === undefined || was === is ? [] : [`${name}: ${is} in place of ${was}`];
  });
  if (others.length === 0) return;
  refuse(
    `twopir:floatingAddresses would give Pis that serve other addresses (${others.join("; ")}), and visitors who know the ` +
      `former ones would find nobody, so nothing was changed. Where a Pi leaves, take its own out of the list; for new ` +
      `addresses, set the list to [] and run pulumi up, then set the new ones.`,
  );
}

/**
 * Refuses another name, brick or mount point for the volume. gluster renames no volume and moves no brick, so `up` would
 * make an empty one and withdraw what visitors see; and a mount point is in each Pi's links and config, while what serves
 * now is under the former one.
 *
 * @param volume That of the config.
 * @param outputs Of the last update, in which `volume` has the former ones. Default: asked of the engine.
 * @param names Of the stack's resources. Default: asked of the engine.
 * @example await refuseOtherVolume({ name: "gv0", brick: "/data/brick1/gv0", mount: "/mnt/gluster1" })
 * @throws pulumi.RunError that names the key.
 */
export async function refuseOtherVolume(
  volume: VolumePaths,
  outputs: () => Promise<unknown> = lastOutputs,
  names: () => Promise<Iterable<string>> = declaredNames,
): Promise<void> {
  const last = ((await outputs()) as { readonly volume?: VolumePaths } | undefined)?.volume ?? volume;
  // Outputs are those of an update that failed, too.
  if (![...(await names())].includes(`${last.name}-volume`)) return;
  const changed = VOLUME_KEYS.filter((key) => last[key] !== volume[key]);
  if (changed.length === 0) return;
  const was = changed.map((key) => `twopir:volume.${key} is ${volume[key]}, and was ${last[key]}`);
  refuse(
    `${was.join("; ")}. Nothing was changed: on a cluster that serves, that cannot be done without an interruption. For another mount ` +
      `point, set the former one again and run pulumi destroy, which keeps the content, then set the new one and run pulumi up. ` +
      `Another name or brick is another volume, an empty one: do the same, and copy the content into it from the former bricks.`,
  );
}

const VOLUME_KEYS = ["name", "brick", "mount"] as const;

/** What cannot be changed of a volume that is in use. */
type VolumePaths = Readonly<Record<(typeof VOLUME_KEYS)[number], string>>;

/** What {@link refuseOtherVolume} goes by at the next update, as the output `volume`. */
export const pathsOf = ({ name, brick, mount }: VolumePaths): VolumePaths => ({ name, brick, mount });

interface Placed {
  readonly name: string;
  readonly address: string;
}

/** IPv4 addresses by the names of the Pis. */
type Places = Readonly<Record<string, string>>;

/** The addresses of a config's Pis by name, as the output `pis`. */
export const addressesByName = (pis: readonly Placed[]): Places =>
  Object.fromEntries(pis.map(({ name, address }) => [name, address]));

/** What counted in the last update where the config says nothing. */
export const lastHosts = async (outputs: () => Promise<unknown> = lastOutputs): Promise<Last> =>
  ((await outputs()) as Last | undefined) ?? {};

/**
 * Warns of each Pi whose name leads elsewhere now than to the address that it stands for: a move is made by the word of the
 * config alone.
 *
 * @param names Undefined where the config has none.
 * @param floating Addresses that a Pi may have besides.
 * @param lead Finds where a name leads. Default: by `~/.ssh/config` and this machine's resolver.
 */
export async function tellOfMoved(
  names: Names | undefined,
  floating: readonly string[],
  lead = leadsTo,
): Promise<void> {
  for (const [name, address] of Object.entries(names ?? {})) {
    const now = (await lead(name)).filter((one) => !floating.includes(one));
    if (now.length > 0 && !now.includes(address))
      void pulumi.log.warn(
        `${name} leads to ${now.join(", ")} now, and the cluster goes on with that Pi at ${address}. If the Pi has moved, write its ` +
          `new address into twopir:pis and run pulumi up; if not, have your router give it a fixed one.`,
      );
  }
}

/**
 * Refuses to withdraw all of a name's records, with which the site would be gone, where the config says no more who keeps
 * them.
 *
 * @param dns What of the config is about records.
 * @param names Of the stack's resources. Default: asked of the engine.
 * @example await refuseToWithdraw("www.example.com", { provider: "none" })
 * @throws pulumi.RunError where there are some, unless `fewRecords` is set.
 */
export async function refuseToWithdraw(
  hostname: string,
  { provider, fewRecords }: { readonly provider: string; readonly fewRecords?: boolean },
  names: () => Promise<Iterable<string>> = declaredNames,
): Promise<void> {
  if (provider !== "none" || fewRecords) return;
  if (![...(await names())].some((name) => /-(a|aaaa)-record$/.test(name))) return;
  refuse(
    `twopir:dns.provider is none now, and the last pulumi up made records for ${hostname}, which would be withdrawn: its ` +
      `name would lead nowhere, so nothing was changed. Where somebody else keeps them by now, elsewhere, say that this is ` +
      `right, with twopir:dns: { provider: none, fewRecords: true }.`,
  );
}

/**
 * Warns where the site gets another name: the records of the former one go.
 *
 * @param hostname That of the config.
 * @param outputs Of the last update, in which `url` has the former one. Default: asked of the engine.
 */
export async function tellOfFormerName(
  hostname: string,
  outputs: () => Promise<unknown> = lastOutputs,
): Promise<void> {
  const { url } = ((await outputs()) as { readonly url?: string } | undefined) ?? {};
  if (url === undefined || url === urlOf(hostname)) return;
  void pulumi.log.warn(
    `the site is ${urlOf(hostname)} from this pulumi up on: who asks for ${url} finds nothing there any more.`,
  );
}

/** Where visitors find the site, as the output `url`. */
export const urlOf = (hostname: string): string => `http://${hostname}/`;

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
  const records = [...all].filter(([, { type }]) => type === "cloudflare:index/dnsRecord:DnsRecord");
  return new Map(
    records.map(([name, one]) => [name, { ...one.outputs, hasKeeper: all.has(`${name}-keeper`) }]),
  );
}

const declaredNames = async (): Promise<Iterable<string>> => (await declaredResources()).keys();

/**
 * By which values each resource is what it is, by its name: of some {@link declaredResources} the `triggers`.
 *
 * @example (await declaredTriggers()).get("pi1-a-record") // ["example.com", "www.example.com", "192.168.0.121"]
 */
export async function declaredTriggers(): Promise<ReadonlyMap<string, readonly string[]>> {
  const all = await declaredResources();
  return new Map([...all].map(([name, { outputs }]) => [name, outputs.triggers ?? []]));
}

let declared: Promise<ReadonlyMap<string, Declared>> | undefined;
/** What the engine has in its state, by the names of the resources; asked once in each run. */
const declaredResources = (): Promise<ReadonlyMap<string, Declared>> => (declared ??= readResources());

async function readResources(): Promise<ReadonlyMap<string, Declared>> {
  const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {
    stackName: thisStack(),
  })) as { readonly outputs: Readonly<Record<string, Declared>> };
  return new Map(Object.entries(outputs).map(([urn, one]) => [urn.split("::").at(-1) ?? "", one]));
}

interface Declared {
  readonly type: string;
  readonly outputs: Omit<DeclaredRecord, "hasKeeper"> & { readonly triggers?: readonly string[] };
}

const thisStack = (): string => `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;

let last: Promise<unknown> | undefined;
/** Asked once in each run. */
const lastOutputs = (): Promise<unknown> => (last ??= readOutputs());

/** The engine's own function, behind pulumi.StackReference, which would be one more resource of the stack. */
async function readOutputs(): Promise<unknown> {
  const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {
    name: thisStack(),
  })) as {
    readonly outputs?: unknown;
  };
  return outputs;
}
