import { HostProblem } from "../remote/ssh";
import type { ClusterArgs } from "./args";

/**
 * What the config says that was meant for a while, or for one `up`, and what that goes on doing unasked.
 *
 * @example exceptionsSet(config) // [HostProblem("twopir:dns.fewRecords is set: when no up needs it any more, ...")]
 */
export function exceptionsSet({
  pis,
  volume,
  dns,
  splitBrain,
  backTo,
}: Pick<ClusterArgs, "pis" | "volume" | "dns" | "splitBrain"> & { readonly backTo?: string }): HostProblem[] {
  const { acceptCopy, disconnect } = volume;
  const set = [
    acceptCopy !== undefined && ["volume.acceptCopy", `counts the copy of ${acceptCopy} as full again`],
    disconnect && ["volume.disconnect", "cuts off whoever else has mounted the volume"],
    pis.some(({ name }) => name === splitBrain) && [
      "splitBrain",
      `takes the file of ${splitBrain} in any split brain`,
    ],
    dns.fewRecords === true && ["dns.fewRecords", "withdraws most of the A records"],
  ].filter((one) => one !== false);
  return [
    ...set.map(
      ([key, does]) =>
        `twopir:${key} is set: when no up needs it any more, take it out (pulumi config rm --path twopir:${key}), or one that ` +
        `comes later ${does}, unasked.`,
    ),
    ...(backTo === undefined
      ? []
      : [
          `twopir:release is set (${backTo}): that release is served, and neither the folder nor twopir:web is read. To publish ` +
            `the folder again, take it out (pulumi config rm twopir:release).`,
        ]),
    ...pis
      .filter(({ drained }) => drained)
      .map(
        ({ name }) =>
          `${name} is drained: it serves nobody, and its copy may lack what is written meanwhile. When the work on it is done, ` +
          `take "drained" out of the config and run pulumi up.`,
      ),
  ].map((message) => new HostProblem(message, "hint"));
}
