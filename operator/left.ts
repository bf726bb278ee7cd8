import * as pulumi from "@pulumi/pulumi";

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

/** The engine's own function, behind pulumi.StackReference, which would be one more resource of the stack. */
async function lastOutputs(): Promise<unknown> {
  const name = `${pulumi.getOrganization()}/${pulumi.getProject()}/${pulumi.getStack()}`;
  const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", { name })) as {
    readonly outputs?: unknown;
  };
  return outputs;
}
