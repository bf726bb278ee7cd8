import { expect, it } from "vitest";
import { refuseDepartures } from "../../../operator/departures";

const at = (n: number): string => `192.168.0.${(120 + n).toString()}`;
const pi = (n: number, more: Partial<Parameters<typeof refuseDepartures>[0]["pis"][number]> = {}) => ({
  name: `pi${n.toString()}`,
  address: at(n),
  storage: true,
  arbiter: false,
  drained: false,
  ...more,
});
const THREE = { pis: { pi1: at(1), pi2: at(2), pi3: at(3) } };
const FLOATING = { ...THREE, floating: { pi1: "192.168.0.221", pi2: "192.168.0.222", pi3: "192.168.0.223" } };
const COPIES = ["pi1-full-copy", "pi2-full-copy", "pi3-full-copy"];

const refusing = (
  pis: ReturnType<typeof pi>[],
  {
    last = THREE,
    unreached = [],
    there = [],
    names = COPIES,
  }: {
    last?: unknown;
    unreached?: readonly string[];
    there?: readonly string[];
    names?: readonly string[];
  } = {},
): Promise<void> =>
  refuseDepartures(
    { pis, ssh: {} },
    unreached,
    (address) => Promise.resolve(there.includes(address)),
    () => Promise.resolve(last),
    () => Promise.resolve(names),
  );

it("a new Pi is not drained, and one that was there may be", async () => {
  const drained = { drained: true };
  await expect(refusing([pi(1), pi(2), pi(3), pi(4, drained)])).rejects.toThrow(
    /^pi4 is new in twopir:pis and drained/,
  );
  await refusing([pi(1), pi(2), pi(3, drained)], { unreached: ["pi3"] });
  await refusing([pi(1), pi(2, drained)], { last: undefined });
});

it("a Pi moves to where it answers", async () => {
  const moved = [pi(1), pi(2, { address: at(22) }), pi(3)];
  await expect(refusing(moved, { unreached: ["pi2"] })).rejects.toThrow(
    /^pi2 has the new address 192\.168\.0\.142 in twopir:pis, and cannot be asked there; it was at 192\.168\.0\.122/,
  );
  await refusing(moved);
  await refusing([pi(1), pi(2), pi(3)], { unreached: ["pi2"] });
});

it("a full copy leaves only where two others answer", async () => {
  const left = [pi(1), pi(2)];
  await expect(refusing(left, { unreached: ["pi2"] })).rejects.toThrow(
    /^pi3 is not in twopir:pis any more, and pi2, .* cannot be asked now/,
  );
  await refusing(left);
  await refusing(left, { unreached: ["pi2"], names: COPIES.slice(0, 2) }); // it has no copy
  await refusing(left, { unreached: ["pi2"], last: { ...THREE, unreached: ["pi3"] } }); // it is dead itself
  await refusing([...left, pi(4)], { unreached: ["pi2"] });
  const arbiter = pi(4, { arbiter: true });
  await expect(refusing([...left, arbiter], { unreached: ["pi2"] })).rejects.toThrow(/^pi3 is not in/);
});

it("a Pi that speaks VRRP does not leave, or move, while the others stop listening", async () => {
  const there = [at(3)];
  await expect(refusing([pi(1), pi(2)], { last: FLOATING, there })).rejects.toThrow(
    /^pi3 has the floating address 192\.168\.0\.223, .* while it leaves, .*floatingAddresses to \[\]/,
  );
  await expect(
    refusing([pi(1), pi(2)], { last: { ...FLOATING, unreached: ["pi3"] }, there }),
  ).rejects.toThrow(
    /taken out without being contacted, and there is a machine at 192\.168\.0\.123.* switch it off/,
  );
  await expect(
    refusing([pi(1), pi(2), pi(3, { address: at(23) })], { last: FLOATING, there }),
  ).rejects.toThrow(/while it moves from 192\.168\.0\.123, .*, to 192\.168\.0\.143/);
  await refusing([pi(1), pi(2)], { last: FLOATING });
  // Where nobody can tell, who answered in the last update is taken for there.
  const untold = (last: object) =>
    refuseDepartures(
      { pis: [pi(1), pi(2)], ssh: { jumpHost: {} } },
      [],
      undefined,
      () => Promise.resolve(last),
      () => Promise.resolve([]),
    );
  await expect(untold(FLOATING)).rejects.toThrow(/while it leaves/);
  await untold({ ...FLOATING, unreached: ["pi3"] });
  await refusing([pi(1), pi(2)], { there });
  await refusing([pi(1), pi(2), pi(3)], { last: FLOATING, there });
});
