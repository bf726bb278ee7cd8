import * as pulumi from "@pulumi/pulumi";
import { declaredNames, lastOutputs } from "./engine";
import { leadsTo, type Names } from "./names";

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
          `take it out then (docs/operations.md#a-pi-that-is-dead-for-good).`,
      );
}

/**
 * Warns of what a Pi still does that nobody wants there any more, and that the engine does not know of: it was dropped
 * while the Pi was drained or did not answer, and forgotten.
 *
 * @param unwanted Names of states by the name of the Pi.
 * @param names Of the stack's resources, which the engine will remove itself. Default: asked of the engine.
 * @example await tellOfForgotten(new Map([["pi2", ["pi2-updates"]]]))
 */
export async function tellOfForgotten(
  unwanted: ReadonlyMap<string, readonly string[]>,
  names: () => Promise<Iterable<string>> = declaredNames,
): Promise<void> {
  const declared = new Set(await names());
  for (const [pi, states] of unwanted) {
    // A package after what it is for.
    // What a Pi has under a former name stands for what it has now.
    const left = states
      .filter((name) => name.startsWith(`${pi}-`) && !declared.has(name))
      .sort((one, other) => Number(one.endsWith("-package")) - Number(other.endsWith("-package")));
    if (left.length > 0)
      void pulumi.log.warn(
        `${left.join(", ")} should have been removed from ${pi} while it was drained or did not answer, and is still there. Remove ` +
          `it on ${pi}: for state in ${left.join(" ")}; do sudo twopir remove $state; done ` +
          `(docs/operations.md#a-pi-that-cannot-be-reached)`,
      );
  }
}

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
          `new address into twopir:pis and run pulumi up; if not, have your router give it a fixed one ` +
          `(docs/operations.md#another-address).`,
      );
  }
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
    `from this pulumi up on, the site is at ${urlOf(hostname)}, and ${url} stops working.`,
  );
}

/** What comes next where nothing is published, as the output `next`: without it nginx's own page reads like a failure. */
export const nextStep = (site: string | undefined, mount: string): string | undefined =>
  site === undefined
    ? `until you publish a folder (pulumi config set twopir:site ./site), or copy pages to ${mount}/www on either Pi, the ` +
      `page is nginx's own`
    : undefined;

/** Where visitors find the site, as the output `url`. */
export const urlOf = (hostname: string): string => `http://${hostname}/`;
