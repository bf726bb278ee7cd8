import { beforeEach, expect, it, vi } from "vitest";
import * as pulumi from "@pulumi/pulumi";
import { tellOfMoved } from "../../../operator/left";
import { leadsTo, namesOf, resolve } from "../../../operator/names";

const known = vi.hoisted((): { by: Record<string, string[]> } => ({ by: {} }));
vi.mock("node:dns/promises", () => ({
  lookup: (name: string, options: object): Promise<{ address: string }[]> => {
    expect(options).toEqual({ family: 4, all: true });
    const addresses = known.by[name];
    return addresses === undefined
      ? Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`))
      : Promise.resolve(addresses.map((address) => ({ address })));
  },
}));

beforeEach(() => {
  known.by = {};
});

it("a name leads to what this machine resolves it to, but this machine itself", async () => {
  known.by = { "pi3.local": ["127.0.1.1", "192.168.0.123"], "pi4.local": ["127.0.1.1"] };
  expect(await resolve("pi3.local")).toEqual(["192.168.0.123"]);
  expect(await resolve("pi4.local")).toEqual([]);
  expect(await resolve("pi5.local")).toEqual([]);
});

it("a name leads to what its HostName is resolved to", async () => {
  known.by = { pi1: ["192.168.0.121"], "pi1.local": ["192.168.0.131"] };
  const ask = ([first]: readonly string[]) => Promise.resolve(first === "-F" ? "" : "hostname pi1.local\n");
  expect(await leadsTo("pi1", ask)).toEqual(["192.168.0.131"]);
  expect(await leadsTo("pi1", () => Promise.resolve(""))).toEqual(["192.168.0.121"]);
});

it("a name that leads elsewhere now is named, and how the Pi is moved", async () => {
  const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
  const told = async (...addresses: string[]): Promise<string[]> => {
    warn.mockClear();
    known.by = { "pi1.local": addresses };
    await tellOfMoved(
      { "pi1.local": "192.168.0.121", "pi2.local": "192.168.0.122" },
      ["192.168.0.221"],
      (name) => resolve(name),
    );
    return warn.mock.calls.map(([text]) => text);
  };
  expect(await told("192.168.0.131", "192.168.0.121")).toEqual([]);
  expect(await told("192.168.0.221")).toEqual([]);
  expect(await told("192.168.0.131", "192.168.0.221")).toEqual([
    expect.stringMatching(
      /^pi1.local leads to 192.168.0.131 now, .* at 192.168.0.121. If the Pi has moved, /,
    ),
  ]);
  await tellOfMoved(undefined, []);
  expect(warn).toHaveBeenCalledTimes(1);
  warn.mockRestore();
});

it("the stack keeps the addresses of names, and nothing where there are none", () => {
  expect(
    namesOf([{ address: "192.168.0.121", hostName: "pi1.local" }, { address: "192.168.0.122" }]),
  ).toEqual({
    "pi1.local": "192.168.0.121",
  });
  expect(namesOf([{ address: "192.168.0.121" }])).toBeUndefined();
});
