import { beforeEach, expect, it, vi } from "vitest";
import { addressesOf, namesOf } from "../../../operator/names";

const known = vi.hoisted((): { by: Record<string, string> } => ({ by: {} }));
vi.mock("node:dns/promises", () => ({
  lookup: (name: string, { family }: { family: number }): Promise<{ address: string }> => {
    const address = known.by[name];
    return address === undefined || family !== 4
      ? Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`))
      : Promise.resolve({ address });
  },
}));

const last = vi.fn(() => Promise.resolve({ "pi1.local": "192.168.0.7", "pi2.local": "192.168.0.122" }));
beforeEach(() => {
  last.mockClear();
  known.by = { "pi1.local": "192.168.0.121" };
});

it("names lead where this machine resolves them to, and nobody else is asked", async () => {
  expect(await addressesOf(["pi1.local"], last)).toEqual(new Map([["pi1.local", "192.168.0.121"]]));
  expect(await addressesOf([], last)).toEqual(new Map());
  expect(last).not.toHaveBeenCalled();
});

it("one that is not resolved, or to this machine itself, leads where it did in the last update", async () => {
  known.by["pi2.local"] = "127.0.1.1";
  expect(await addressesOf(["pi1.local", "pi2.local", "pi3.local"], last)).toEqual(
    new Map([
      ["pi1.local", "192.168.0.121"],
      ["pi2.local", "192.168.0.122"],
    ]),
  );
});

it("the stack keeps the addresses of names, and nothing where there are none", () => {
  expect(
    namesOf([{ address: "192.168.0.121", hostName: "pi1.local" }, { address: "192.168.0.122" }]),
  ).toEqual({
    "pi1.local": "192.168.0.121",
  });
  expect(namesOf([{ address: "192.168.0.121" }])).toBeUndefined();
});
