import { declaredNames, lastOutputs } from "./engine";
import type { Names } from "./names";
import type { LastOrder } from "./order";
import { refuse } from "./refuse";
import { isThere } from "./visitors";

/** The parts of a config that {@link refuseDepartures} reads. */
interface Listed {
  readonly pis: readonly {
    readonly name: string;
    readonly address: string;
    readonly storage: boolean;
    readonly arbiter: boolean;
    readonly drained: boolean;
  }[];
  readonly ssh: { readonly jumpHost?: unknown };
}

/** Outputs of the last update. */
interface Last extends LastOrder {
  /** Addresses by the names of the Pis. */
  readonly pis?: Names;
  /** Names of the Pis that were drained or did not answer. */
  readonly unreached?: readonly string[];
}

type Answers = (address: string) => Promise<boolean | undefined>;

/**
 * Refuses what would be done to a Pi that leaves, moves or is new, where that ends half-way or takes something from those
 * that stay.
 *
 * @param unreached Names of the Pis that are drained or did not answer now.
 * @param answers Whether there is a machine at an address; undefined where nobody can tell. Default: it is asked from here,
 *   but for a jump host, behind which this machine is in another network.
 * @param outputs Default: asked of the engine.
 * @param names Of the stack's resources. Default: asked of the engine.
 * @example await refuseDepartures(config, ["pi2"])
 * @throws pulumi.RunError that names it, before anything is changed.
 */
export async function refuseDepartures(
  { pis, ssh }: Listed,
  unreached: readonly string[],
  answers: Answers = async (address) => (ssh.jumpHost ? undefined : isThere(address)),
  outputs: () => Promise<unknown> = lastOutputs,
  names: () => Promise<Iterable<string>> = declaredNames,
): Promise<void> {
  const last = ((await outputs()) as Last | undefined) ?? {};
  if (last.pis === undefined) return;
  refuseNewDrained(pis, last.pis);
  refuseBlindMove(pis, last.pis, unreached);
  refuseLastCopy(pis, last, unreached, [...(await names())]);
  await refuseSpeaker(pis, last, answers);
}

/** Nothing could be made there, nor what the others need of it. */
function refuseNewDrained(pis: Listed["pis"], last: Names): void {
  const added = pis.filter(({ name, drained }) => drained && last[name] === undefined);
  if (added.length > 0)
    refuse(
      `${added.map(({ name }) => name).join(" and ")} is new in twopir:pis and drained, so nothing was changed: list it without ` +
        `"drained", run pulumi up, and drain it then.`,
    );
}

/** The others would let in the new address in place of the former one, where the Pi may still be, and serve. */
function refuseBlindMove(pis: Listed["pis"], last: Names, unreached: readonly string[]): void {
  for (const { name, address } of pis) {
    const was = last[name] ?? address;
    if (was !== address && unreached.includes(name))
      refuse(
        `${name} has the new address ${address} in twopir:pis, and cannot be asked there; it was at ${was}. The others would ` +
          `shut it out where it is, so nothing was changed. Is the address right, is the Pi there and not drained ` +
          `(docs/operations.md#another-address)?`,
      );
  }
}

/** It would have given back all but its brick by the time that gluster says no. */
function refuseLastCopy(
  pis: Listed["pis"],
  last: Last,
  unreached: readonly string[],
  declared: readonly string[],
): void {
  const leaving = Object.keys(last.pis ?? {}).find(
    (name) =>
      declared.includes(`${name}-full-copy`) &&
      !last.unreached?.includes(name) &&
      !pis.some((pi) => pi.name === name),
  );
  const copies = pis.filter(({ storage, arbiter }) => storage && !arbiter).map(({ name }) => name);
  const off = copies.filter((name) => unreached.includes(name));
  if (leaving === undefined || off.length === 0 || copies.length - off.length >= 2) return;
  refuse(
    `${leaving} is not in twopir:pis any more, and ${off.join(" and ")}, which should then have one of the two copies that are ` +
      `left, cannot be asked now. Nothing was changed: get ${off.join(" and ")} to run first, or list ${leaving} ` +
      `again (docs/operations.md#one-pi-more-or-less).`,
  );
}

/**
 * Those that stay listen to its VRRP no more, and it goes on holding addresses: its own, and soon all of them, since it
 * does not hear the others, either.
 */
async function refuseSpeaker(
  pis: Listed["pis"],
  { pis: places = {}, floating = {}, unreached = [] }: Last,
  answers: Answers,
): Promise<void> {
  for (const [name, address] of Object.entries(places)) {
    const now = pis.find((pi) => pi.name === name);
    if (floating[name] === undefined || now?.address === address) continue;
    if (!((await answers(address)) ?? !unreached.includes(name))) continue;
    const what = `${name} has the floating address ${floating[name]}, and would take the others' too`;
    if (now !== undefined)
      refuse(
        `${what} while it moves from ${address}, where there is a machine, to ${now.address}, so nothing was changed. Set ` +
          `twopir:floatingAddresses to [] and run pulumi up, move it and run pulumi up, then set them again ` +
          `(docs/operations.md#one-pi-more-or-less).`,
      );
    if (unreached.includes(name))
      refuse(
        `${what}: it was drained, or did not answer, in the last pulumi up, so it is taken out without being contacted, and ` +
          `there is a machine at ${address}. Nothing was changed: switch it off, then run pulumi up again ` +
          `(docs/operations.md#one-pi-more-or-less).`,
      );
    refuse(
      `${what} while it leaves, so nothing was changed. Set twopir:floatingAddresses to [] and run pulumi up, take ${name} out ` +
        `and run pulumi up, then set those of the Pis that stay again (docs/operations.md#one-pi-more-or-less).`,
    );
  }
}
