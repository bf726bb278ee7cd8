import { HostProblem } from "../remote/ssh";
import type { ClusterArgs } from "./args";

/**
 * What the config allows that was meant for one `up`, and what it does in a later one, which nobody asked.
 *
 * @example exceptionsSet(config) // [HostProblem("twopir:dns.fewRecords is set: when no up needs it any more, ...")]
 */
export function exceptionsSet({ volume, dns }: Pick<ClusterArgs, "volume" | "dns">): HostProblem[] {
  const { acceptCopy, disconnect } = volume;
  const set = [
    acceptCopy !== undefined && ["volume.acceptCopy", `counts the copy of ${acceptCopy} as full again`],
    disconnect && ["volume.disconnect", "cuts off whoever else has mounted the volume"],
    dns.fewRecords === true && ["dns.fewRecords", "withdraws most of the A records"],
  ].filter((one) => one !== false);
  return set.map(
    ([key, does]) =>
      new HostProblem(
        `twopir:${key} is set: when no up needs it any more, take it out (pulumi config rm --path twopir:${key}), or one that ` +
          `comes later ${does}, unasked.`,
        "hint",
      ),
  );
}
