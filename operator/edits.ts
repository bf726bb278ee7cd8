import * as pulumi from "@pulumi/pulumi";
import { declaredNames, lastOutputs } from "./engine";
import { resolve, type Names } from "./names";
import type { LastOrder } from "./order";
import { refuse } from "./refuse";

/** An output of the stack. 2: each Pi has a program; before it had this output, each state brought its scripts along. */
export const LAYOUT = 2;

/** The parts of a config that {@link refuseEdits} reads. */
interface Edited {
  readonly hostname: string;
  readonly pis: readonly (Placed & { readonly drained: boolean })[];
  readonly floatingAddresses: readonly string[];
  readonly floatingAddresses6: readonly string[];
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
  await refuseToGiveUp(config);
  await refuseOtherVolume(config.volume);
  await refuseToWithdraw(config.hostname, config.dns);
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
      `${renamed.name} has the address ${address}, which was that of ${name}, ${keepsName(name)}. If it is ` +
        `another machine, take ${name} out first, by a pulumi up of its own, and then list ${renamed.name} ` +
        `(docs/operations.md#another-name).`,
    );
  }
  const moved = pis.filter(({ name, address }) => (last[name] ?? address) !== address);
  if (moved.length > 1)
    refuse(
      `${moved.map(({ name }) => name).join(" and ")} have other addresses than in the last pulumi up, so nothing was ` +
        `changed: a Pi that moves leaves its copy behind, and gets it anew from one that did not. Write one new address ` +
        `at a time into twopir:pis, with a pulumi up each. A Pi that has lost its former address meanwhile gets it back ` +
        `besides the new one until the next boot, e.g.: sudo ip address add ${last[moved[0]?.name ?? ""] ?? ""}/24 dev ` +
        `eth0 (docs/operations.md#another-address)`,
    );
}

/**
 * Refuses another name for a Pi that has another address as well, known by the states that are noted on it. As in
 * {@link refuseMoves}, what the former name had would be removed from the same Pi.
 *
 * @param called Names by which states are noted on each Pi, by its name in the config.
 * @param outputs Of the last update, in which `pis` has the addresses by name. Default: asked of the engine.
 * @example await refuseOtherName([{ name: "pib", address: "192.168.0.142" }], new Map([["pib", ["pi2"]]]))
 * @throws pulumi.RunError that names both.
 */
export async function refuseOtherName(
  pis: readonly Placed[],
  called: ReadonlyMap<string, readonly string[]>,
  outputs: () => Promise<unknown> = lastOutputs,
): Promise<void> {
  const last = ((await outputs()) as { readonly pis?: Places } | undefined)?.pis ?? {};
  for (const { name } of pis)
    for (const was of called.get(name) ?? [])
      if (last[was] !== undefined && !pis.some((pi) => pi.name === was))
        refuse(
          `${name} is the machine that was ${was} in the last pulumi up, ${keepsName(was)}, with its new address ` +
            `(docs/operations.md#another-name).`,
        );
}

const keepsName = (was: string): string =>
  `so nothing was changed: taking ${was} out of twopir:pis would remove twopir from this same machine. A Pi keeps ` +
  `its name: call it ${was} again`;

/**
 * Refuses to take the first Pi out, unless it was drained: the commands to gluster are bound to it in the engine's state,
 * that by which it leaves too, and no Pi can take its own copy out.
 *
 * @param pis Those of the config.
 * @param outputs Of the last update, with `order` and `drained`. Default: asked of the engine.
 * @throws pulumi.RunError that names it.
 */
export async function refuseFirstToLeave(
  pis: readonly { readonly name: string }[],
  outputs: () => Promise<unknown> = lastOutputs,
): Promise<void> {
  const { order = [], drained = [] } = ((await outputs()) as LastOrder | undefined) ?? {};
  const [first] = order;
  if (first === undefined || drained.includes(first) || pis.some(({ name }) => name === first)) return;
  refuse(
    `${first} is not in twopir:pis any more, and it is the Pi that gives the commands to gluster, so nothing was changed. List ` +
      `it again with drained: true and run pulumi up, then take it out (docs/operations.md#a-pi-that-is-dead-for-good).`,
  );
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
    floatingAddresses6,
  }: { readonly pis: readonly { readonly name: string }[] } & Pick<
    Edited,
    "floatingAddresses" | "floatingAddresses6"
  >,
  outputs: () => Promise<unknown> = lastOutputs,
): Promise<void> {
  const { floating = {}, floating6 = {} } = ((await outputs()) as LastOrder | undefined) ?? {};
  const othersOf = (former: Names, addresses: readonly string[]): string[] =>
    pis.flatMap(({ name }, i) => {
      const [was, is] = [former[name], addresses[i]];
      return was === undefined || is === undefined || was === is ? [] : [`${name}: ${is} in place of ${was}`];
    });
  const others = [...othersOf(floating, floatingAddresses), ...othersOf(floating6, floatingAddresses6)];
  if (others.length === 0) return;
  refuse(
    `this would change the floating addresses of Pis in service (${others.join("; ")}), and visitors who still know ` +
      `the old ones would reach nobody, so nothing was changed. Where a Pi leaves, take its own out of the list; for ` +
      `new addresses, set the list to [] and run pulumi up, then set the new ones ` +
      `(docs/operations.md#when-a-plug-is-pulled).`,
  );
}

/**
 * Refuses to give up floating addresses that the site's name leads to, where the user keeps its records: no state of ours
 * comes between the two.
 *
 * @param outputs Of the last update, in which `floating` has the former ones. Default: asked of the engine.
 * @param find Where the name leads. Default: what this machine finds.
 * @throws pulumi.RunError that names them.
 */
export async function refuseToGiveUp(
  { hostname, floatingAddresses, floatingAddresses6, dns }: Omit<Edited, "pis" | "volume">,
  outputs: () => Promise<unknown> = lastOutputs,
  find: (family: 4 | 6) => Promise<readonly string[]> = (family) => resolve(hostname, family),
): Promise<void> {
  if (dns.provider !== "none") return;
  const { floating = {}, floating6 = {} } = ((await outputs()) as LastOrder | undefined) ?? {};
  const kept = [...floatingAddresses, ...floatingAddresses6];
  const gone = [...Object.values(floating), ...Object.values(floating6)].filter((one) => !kept.includes(one));
  if (gone.length === 0) return;
  const found = [...(await find(4)), ...(await find(6))].filter((one) => gone.includes(one));
  if (found.length === 0) return;
  refuse(
    `the Pis would give up ${found.join(" and ")}, and ${hostname} leads there still: you keep its records (twopir:dns). Nothing ` +
      `was changed: set them to where the site will be first, wait until their TTL is over, then run pulumi up.`,
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
      `Another name or brick is another volume, an empty one: do the same, and copy the content into it from the former ` +
      `bricks (docs/operations.md#another-name).`,
  );
}

/**
 * Refuses what nobody answers to. An update would withdraw the records of those that are drained or taken out, so that the
 * name leads to nobody; and it would end well, and have the engine take every Pi for a dead one, whose copy and peer are
 * then forgotten when it is taken out, and not removed.
 *
 * @param unreached Names of the Pis that are drained or did not answer.
 * @param dryRun True for a preview, which says what does not answer anyway. Default: asked of the engine.
 * @param names Of the stack's resources. Default: asked of the engine.
 * @example await refuseSilence(config, ["pi1", "pi2"]) // where pi2 is drained
 * @throws pulumi.RunError that names them; in a preview only where records would be withdrawn.
 */
export async function refuseSilence(
  { hostname, pis }: Pick<Edited, "hostname" | "pis">,
  unreached: readonly string[],
  dryRun: boolean = pulumi.runtime.isDryRun(),
  names: () => Promise<Iterable<string>> = declaredNames,
): Promise<void> {
  const asked = pis.filter(({ drained }) => !drained).map(({ name }) => name);
  if (asked.some((name) => !unreached.includes(name))) return;
  const having = [...(await names())].flatMap((name) => /^(.*)-a-record$/.exec(name)?.[1] ?? []);
  const losing = having.filter((name) => !asked.includes(name));
  const none = asked.length > 1 ? `none of ${asked.join(", ")} answers` : `${asked.join("")} does not answer`;
  if (losing.length > 0)
    refuse(
      `${none}, and the A record of ${losing.join(" and ")} would be withdrawn, so that ${hostname} would lead to nobody. Nothing ` +
        `was changed: get ${asked.join(" or ")} to run first.`,
    );
  if (!dryRun) refuse(`${none}, so nothing was changed (docs/operations.md#a-pi-that-cannot-be-reached).`);
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
      `right, with twopir:dns: { provider: none, fewRecords: true } (docs/operations.md#the-name).`,
  );
}
