import { setTimeout as sleep } from "node:timers/promises";
import { look, type Look, type Reached } from "../remote/look";
import { HostProblem } from "../remote/ssh";
import { factsOf, type State } from "../remote/state";
import type { ClusterArgs, Pi } from "./args";

/** Seconds that a clock may be off: ssh bears more, and of two copies of a file the newer one may count. */
const CLOCK_OFF = 5;

/** Seconds until it is asked once more whether two Pis hold an address. */
const AGAIN = 1;

const stateName = (pi: Pi): string => `${pi.name}-health`;

/** States that want nothing: their checks print facts of what is not twopir's to change. */
export const healthStates = ({ pis, volume }: Pick<ClusterArgs, "pis" | "volume">): State[] =>
  pis.map((pi) => ({
    name: stateName(pi),
    on: pi.name,
    facts: true,
    script: "health",
    parameters: { brick: pi.storage ? volume.brick : "", address: pi.address },
    after: [],
  }));

/**
 * What a Pi's owner should see to: of its clock, card, power and network, and of what its next restart brings.
 *
 * @param began When the look began by this machine's clock, in ms since 1970; a Pi's own is between the two.
 * @param ended When it had ended.
 * @example healthProblems(config.pis, seen, began, Date.now()) // [HostProblem("pi1: the file system of / is 92 % full.")]
 */
export function healthProblems(
  pis: readonly Pi[],
  seen: Pick<Look, "findings">,
  began: number,
  ended: number,
): HostProblem[] {
  const leads = (pi: Pi): boolean =>
    factsOf(seen.findings.get(stateName(pi))).some(([fact, value]) => fact === "gateway" && value === "yes");
  const leading = pis.filter(leads).map(({ name }) => name);
  return pis.flatMap((pi) => {
    const found = seen.findings.get(stateName(pi));
    const unknown = (found?.reasons ?? []).map((why) => new HostProblem(`${pi.name}: its health ${why}.`));
    const said = factsOf(found).flatMap(([fact, value]) => {
      if (fact === "warning") return new HostProblem(`${pi.name}: ${value}.`);
      if (fact === "gateway" && value === "no" && leading.length > 0)
        return new HostProblem(
          `${pi.name}: it has no default route, so visitors from other networks get no answer from it, and no update comes: ` +
            `give it the gateway that ${leading.join(" and ")} has (ip route).`,
        );
      if (fact === "hint") return new HostProblem(`${pi.name}: ${value}.`, "hint");
      const off = fact === "clock" ? secondsOff(Number(value), began / 1000, ended / 1000) : 0;
      if (Math.abs(off) <= CLOCK_OFF) return [];
      return new HostProblem(
        `${pi.name}: its clock is ${Math.round(Math.abs(off)).toString()} s ${off > 0 ? "ahead of" : "behind"} this ` +
          `machine's. Compare both (timedatectl); a Pi's is set by the network: sudo timedatectl set-ntp true.`,
      );
    });
    return [...unknown, ...said];
  });
}

type Floating = Pick<ClusterArgs, "pis" | "floatingAddresses" | "floatingAddresses6">;

/**
 * The floating addresses that more than one Pi holds, with the names of these; while an address goes from one to another
 * that may be so for a moment.
 *
 * @example heldTwice(config, seen) // Map { "192.168.0.221" => ["pi1", "pi2"] }
 */
export function heldTwice(
  { pis, floatingAddresses, floatingAddresses6 }: Floating,
  seen: Pick<Look, "findings">,
): Map<string, string[]> {
  const holds = (pi: Pi, address: string): boolean =>
    factsOf(seen.findings.get(stateName(pi))).some(
      ([fact, value]) => fact === "addresses" && value.split(" ").includes(address),
    );
  const holders = [...floatingAddresses, ...floatingAddresses6].map((address): [string, string[]] => [
    address,
    pis.filter((pi) => holds(pi, address)).map(({ name }) => name),
  ]);
  return new Map(holders.filter(([, names]) => names.length > 1));
}

/** What visitors get of an address that two Pis hold. */
export const bothHold = (address: string, names: readonly string[]): HostProblem =>
  new HostProblem(
    `${names.join(" and ")} hold the floating address ${address} at the same time, so visitors change over between them, and ` +
      `what they are loading breaks off. Where nothing else is named, VRRP (IP protocol 112) does not get from one to the other: ` +
      `look for a firewall other than twopir's on them or between them.`,
  );

/**
 * What visitors get of the floating addresses that two Pis hold, and still do when these are asked once more.
 *
 * @param reached With open connections.
 */
export async function stillHeldTwice(
  config: Floating & Pick<ClusterArgs, "volume">,
  reached: ReadonlyMap<string, Reached>,
  seen: Look,
): Promise<HostProblem[]> {
  const twice = heldTwice(config, seen);
  if (twice.size === 0) return [];
  await sleep(AGAIN * 1000);
  const later = await look(healthStates(config), reached);
  return [...heldTwice(config, later)].flatMap(([address, names]) =>
    twice.has(address) ? bothHold(address, names) : [],
  );
}

/** How far a time is before (less than 0) or after a span. */
const secondsOff = (time: number, begin: number, end: number): number =>
  time < begin ? time - begin : time > end ? time - end : 0;
