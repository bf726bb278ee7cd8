import { expect, it } from "vitest";
import {
  addressesByName,
  LAYOUT,
  refuseDrainedBefore,
  refuseFirstToLeave,
  refuseMoves,
  refuseOtherFloating,
  refuseOtherName,
  refuseOtherVolume,
  refuseSilence,
  refuseToGiveUp,
  refuseToWithdraw,
} from "../../../operator/edits";

it("a drained Pi gets no program, so a stack of before the program has none", async () => {
  const pis = [
    { name: "pi1", drained: false },
    { name: "pi2", drained: true },
  ];
  const url = "http://x/";
  const refusing = (outputs: unknown, listed = pis): Promise<void> =>
    refuseDrainedBefore(listed, () => Promise.resolve(outputs));
  await expect(refusing({ url })).rejects.toThrow(
    /program on each Pi, and pi2 is drained, so nothing was changed/,
  );
  await refusing({ url }, pis.slice(0, 1));
  await refusing({ url, layout: LAYOUT });
  await refusing({});
  await refusing(undefined);
});

it("another name, brick or mount point is refused for a volume that is in use, and not for the first", async () => {
  const volume = { name: "gv0", brick: "/data/brick1/gv0", mount: "/mnt/gluster1" };
  const refusing = (
    changed: Partial<typeof volume>,
    outputs: unknown = { volume },
    names: readonly string[] = ["gv0-volume"],
  ): Promise<void> =>
    refuseOtherVolume(
      { ...volume, ...changed },
      () => Promise.resolve(outputs),
      () => Promise.resolve(names),
    );
  await expect(refusing({ mount: "/srv/www" })).rejects.toThrow(
    /^twopir:volume\.mount is \/srv\/www, and was \/mnt\/gluster1\. Nothing was changed/,
  );
  await expect(refusing({ name: "gv1", brick: "/data/brick1/gv1" })).rejects.toThrow(
    /^twopir:volume\.name is gv1, and was gv0; twopir:volume\.brick is /,
  );
  await refusing({});
  await refusing({ mount: "/srv/www" }, { url: "http://x/" });
  await refusing({ mount: "/srv/www" }, { volume }, ["pi1-twopir"]); // the first up failed before it was made
});

it("the first Pi is taken out only when it is drained or off: no Pi takes its own copy out", async () => {
  const refusing = (listed: readonly string[], outputs: unknown): Promise<void> =>
    refuseFirstToLeave(
      listed.map((name) => ({ name })),
      () => Promise.resolve(outputs),
    );
  const order = ["pi1", "pi2", "pi3"];
  await expect(refusing(["pi2", "pi3"], { order })).rejects.toThrow(
    /^pi1 is not in twopir:pis any more, .*drained: true/,
  );
  await expect(refusing(["pi2", "pi3"], { order, unreached: ["pi1"] })).rejects.toThrow(/drained: true/);
  await refusing(["pi2", "pi3"], { order, drained: ["pi1"] });
  await refusing(["pi1", "pi3"], { order });
  await refusing(["pi2", "pi3"], {});
});

it("a Pi that has another address does not get another name, too", async () => {
  const refusing = (called: readonly string[], pis = ["pi1", "pib"]): Promise<void> =>
    refuseOtherName(
      pis.map((name) => ({ name, address: "" })),
      new Map([["pib", called]]),
      () => Promise.resolve({ pis: { pi1: "192.168.0.121", pi2: "192.168.0.122" } }),
    );
  await expect(refusing(["pi2"])).rejects.toThrow(/^pib is the machine that was pi2 in the last pulumi up/);
  await refusing([]);
  await refusing(["pib"]);
  await refusing(["pi7"]); // of another stack
  await refusing(["pi2"], ["pi1", "pi2", "pib"]); // a machine is listed once, which is asked elsewhere
});

it("nothing is done to Pis of which none answers, and no record withdrawn", async () => {
  const refusing = (
    drained: readonly string[],
    unreached: readonly string[],
    { names = ["pi1-a-record", "pi2-a-record"], dryRun = true } = {},
  ): Promise<void> =>
    refuseSilence(
      {
        hostname: "x.example.com",
        pis: ["pi1", "pi2"].map((name) => ({ name, address: "", drained: drained.includes(name) })),
      },
      unreached,
      dryRun,
      () => Promise.resolve(names),
    );
  await expect(refusing(["pi2"], ["pi1", "pi2"])).rejects.toThrow(
    /^pi1 does not answer, and the A record of pi2 would be withdrawn, so that x\.example\.com would lead to nobody/,
  );
  await refusing([], ["pi1", "pi2"]);
  await expect(refusing([], ["pi1", "pi2"], { dryRun: false })).rejects.toThrow(/^none of pi1, pi2 answers/);
  await refusing(["pi2"], ["pi2"], { dryRun: false });
  await refusing(["pi2"], ["pi1", "pi2"], { names: ["pi1-a-record"] });
});

it("a Pi keeps its floating address, or has none any more", async () => {
  const [one, two, three] = ["192.168.0.221", "192.168.0.222", "192.168.0.223"] as const;
  const refusing = (
    names: readonly string[],
    floatingAddresses: string[],
    outputs?: unknown,
    addresses6: string[] = [],
  ): Promise<void> =>
    refuseOtherFloating(
      { pis: names.map((name) => ({ name })), floatingAddresses, floatingAddresses6: addresses6 },
      () =>
        Promise.resolve(outputs ?? { floating: { pi1: one, pi2: two, pi3: three }, floating6: { pi1: "A" } }),
    );
  await expect(refusing(["pi1", "pi3"], [one, two])).rejects.toThrow(
    /pi3: 192\.168\.0\.222 in place of 192\.168\.0\.223/,
  );
  await refusing(["pi1", "pi3"], [one, three]);
  await refusing(["pi1", "pi2", "pi4"], [one, two, "192.168.0.224"]);
  await refusing(["pi1", "pi2"], []);
  await refusing(["pi1", "pi2"], [two, one], {});
  await expect(refusing(["pi1", "pi2"], [one, two], undefined, ["B", "A"])).rejects.toThrow(
    /pi1: B in place of A/,
  );
  await refusing(["pi1", "pi2"], [one, two], undefined, ["A", "B"]);
});

it("floating addresses are given up only when the name does not lead there, where the user keeps its records", async () => {
  const [one, two] = ["192.168.0.221", "192.168.0.222"] as const;
  const refusing = (
    found: readonly string[],
    provider = "none",
    kept: readonly string[] = [],
  ): Promise<void> =>
    refuseToGiveUp(
      { hostname: "x.example.com", floatingAddresses: kept, floatingAddresses6: [], dns: { provider } },
      () => Promise.resolve({ floating: { pi1: one, pi2: two }, floating6: {} }),
      (family) => Promise.resolve(family === 4 ? found : []),
    );
  await expect(refusing([one, "192.168.0.122"])).rejects.toThrow(
    /^the Pis would give up 192\.168\.0\.221, and x\.example\.com leads there still/,
  );
  await refusing(["192.168.0.121", "192.168.0.122"]);
  await refusing([one, two], "rfc2136");
  await refusing([one, two], "none", [one, two]);
});

it("records that an update made are not withdrawn for want of a provider, unless the config says so", async () => {
  const refusing = (dns: Parameters<typeof refuseToWithdraw>[1], ...names: string[]): Promise<void> =>
    refuseToWithdraw("www.example.com", dns, () => Promise.resolve(names));
  for (const name of ["pi1-a-record", "pi2-aaaa-record"])
    await expect(refusing({ provider: "none" }, "pi1-nginx", name)).rejects.toThrow(
      /provider is none now, .* records for www\.example\.com, which would be withdrawn/,
    );
  await refusing({ provider: "none" }, "pi1-nginx", "gv0-healed");
  await refusing({ provider: "none", fewRecords: true }, "pi1-a-record");
  await refusing({ provider: "rfc2136" }, "pi1-a-record");
});

it("a Pi that gets another name at the same address is refused, since what the old name had is removed from it", async () => {
  const [pi1, pi2] = [
    { name: "pi1", address: "192.168.0.121" },
    { name: "pi2", address: "192.168.0.122" },
  ];
  const refusing = (listed: readonly { name: string; address: string }[], outputs: unknown): Promise<void> =>
    refuseMoves(listed, () => Promise.resolve(outputs));
  const last = { pis: addressesByName([pi1, pi2]) };
  await expect(refusing([pi1, { ...pi2, name: "pib" }], last)).rejects.toThrow(
    /^pib has the address 192\.168\.0\.122, which was that of pi2, so nothing was changed/,
  );
  await expect(refusing([{ ...pi2, name: "pi1" }], last)).rejects.toThrow(/that of pi2/); // pi2 is called pi1, pi1 is gone
  await refusing([pi1, pi2], last);
  await refusing([pi1], last);
  await refusing([pi1, { ...pi2, address: "192.168.0.123" }], last);
  await refusing([pi1, pi2, { name: "pi3", address: "192.168.0.123" }], last);
  await refusing([{ ...pi2, name: "pib" }], undefined);
});

it("two Pis that have moved since the last update are refused: each leaves its copy behind", async () => {
  const last = { pis: { pi1: "192.168.0.121", pi2: "192.168.0.122" } };
  const refusing = (pi1: string, pi2: string): Promise<void> =>
    refuseMoves(
      [
        { name: "pi1", address: pi1 },
        { name: "pi2", address: pi2 },
      ],
      () => Promise.resolve(last),
    );
  await expect(refusing("192.168.0.131", "192.168.0.132")).rejects.toThrow(
    /^pi1 and pi2 have other addresses .* sudo ip address add 192\.168\.0\.121\/24/,
  );
  await expect(refusing("192.168.0.122", "192.168.0.121")).rejects.toThrow(/one new address at a time/);
  await refusing("192.168.0.131", "192.168.0.122");
});
