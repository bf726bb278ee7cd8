import type { Reached } from "../remote/look";
import { HostProblem } from "../remote/ssh";

/**
 * Pis that cannot be told apart: one machine under two names, by cable and by Wi-Fi, or one whose card is a copy of another
 * one's. Its copy of the volume would count as two.
 *
 * @param uuids What the glusterd of each Pi calls itself, by the Pi's name; "" or nothing where it has none yet.
 * @returns Nothing, or why no `up` may go on.
 * @example oneMachine(reached, new Map([["pi1", "0d6e..."], ["pi2", "0d6e..."]]))
 */
export function oneMachine(
  reached: ReadonlyMap<string, Reached>,
  uuids: ReadonlyMap<string, string>,
): HostProblem[] {
  // The key that a Pi should show proves nothing before it did.
  const shown = [...reached].map(
    ([name, { login, drained, problem }]) => [name, drained || problem ? "" : login.hostKey] as const,
  );
  const byKey = alike(shown).map((names) => say(names, ...KEY));
  return byKey.length > 0 ? byKey : alike([...uuids]).map((names) => say(names, ...UUID));
}

const KEY = [
  "host key",
  "sudo rm /etc/ssh/ssh_host_*_key* && sudo ssh-keygen -A && sudo systemctl restart ssh, then put its new key into known_hosts",
] as const;
const UUID = [
  "glusterd UUID (/var/lib/glusterd/glusterd.info)",
  "sudo systemctl stop glusterd && sudo mv /var/lib/glusterd /root/, while its copy of the volume stays where it is",
] as const;

const say = (names: readonly string[], what: string, remedy: string): HostProblem =>
  new HostProblem(
    `${names.join(" and ")} have the same ${what}: they are one machine, or the card of one was copied from the other's. List ` +
      `each machine once. To give a copied card an identity of its own, run on that Pi: ${remedy}.`,
    "refused",
  );

/** Names that have the same value, which is not "". */
function alike(all: readonly (readonly [name: string, value: string])[]): string[][] {
  const names = new Map<string, string[]>();
  for (const [name, value] of all) if (value) names.set(value, [...(names.get(value) ?? []), name]);
  return [...names.values()].filter(({ length }) => length > 1);
}
