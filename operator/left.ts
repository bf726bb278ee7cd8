import * as pulumi from "@pulumi/pulumi";
import type { Last } from "./hosts";
import { leadsTo, type Names } from "./names";
import { refuse } from "./refuse";

/** An output of the stack. 2: each Pi has a program; before it had this output, each state brought its scripts along. */
export const LAYOUT = 2;

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

let last: Promise<unknown> | undefined;
/** Asked once in each run. */
const lastOutputs = (): Promise<unknown> => (last ??= readOutputs());

/** The engine's own function, behind pulumi.StackReference, which would be one more resource of the stack. */
async function readOutputs(): Promise<unknown> {
  const name = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", { name })) as {
    readonly outputs?: unknown;
  };
  return outputs;
}
