import { beforeEach, expect, it, vi } from "vitest";
import { findHosts, type Found, type Last, type Open } from "../../../operator/hosts";

const known = vi.hoisted((): { by: Record<string, string> } => ({ by: {} }));
vi.mock("node:dns/promises", () => ({
  lookup: (name: string): Promise<{ address: string }[]> => {
    const address = known.by[name] ?? (/^[\d.]+$/.test(name) ? name : undefined);
    return address === undefined ? Promise.reject(new Error("ENOTFOUND")) : Promise.resolve([{ address }]);
  },
}));
beforeEach(() => {
  known.by = {};
});

/** What `ssh -G` says for hosts, and of those that no file knows. */
const ssh =
  (files: Readonly<Record<string, Readonly<Record<string, string | number>>>> = {}) =>
  (words: readonly string[]): Promise<string> => {
    const host = words.at(-1) ?? "";
    const said = words.includes("-F") ? {} : files[host];
    const all = { user: "anna", hostname: host, port: 22, ...said };
    return Promise.resolve(
      Object.entries(all)
        .map(([key, value]) => `${key} ${value}\n`)
        .join(""),
    );
  };
const last = vi.fn((): Promise<Last> => Promise.resolve({}));
const find = (open: Partial<Open>, files?: Parameters<typeof ssh>[0], before: Last = {}): Promise<Found> => {
  last.mockReset().mockResolvedValue(before);
  return findHosts({ hosts: ["pi1", "pi2"], withoutUser: [], anyWay: true, ...open }, last, ssh(files));
};

it("nothing is said of a host that no file knows, and the last update is not asked for an address", async () => {
  expect(await find({ hosts: ["192.168.0.121"] })).toEqual({ hosts: new Map([["192.168.0.121", {}]]) });
  expect(last).not.toHaveBeenCalled();
});

it("a name stands for its HostName, or for what that is resolved to", async () => {
  known.by = { "pi1.local": "192.168.0.131", pi2: "192.168.0.22" };
  const { hosts } = await find({}, { pi1: { hostname: "pi1.local" } });
  expect(hosts.get("pi1")).toEqual({ address: "192.168.0.131", knownAs: "pi1.local" });
  expect(hosts.get("pi2")).toEqual({ address: "192.168.0.22" });
  const named = await find({ hosts: ["pi1"] }, { pi1: { hostname: "192.168.0.121", hostkeyalias: "one" } });
  expect(named.hosts.get("pi1")).toEqual({ address: "192.168.0.121", knownAs: "one" });
});

it("an address is an address, whatever HostName says", async () => {
  const { hosts } = await find(
    { hosts: ["192.168.0.121"] },
    { "192.168.0.121": { hostname: "10.0.0.1", port: 23 } },
  );
  expect(hosts.get("192.168.0.121")).toEqual({ port: 23 });
});

it("address and user are those of the last update, the port is the file's", async () => {
  known.by = { pi1: "192.168.0.131" };
  const files = { pi1: { hostname: "10.0.0.1", user: "bob", port: 2222 } };
  const before = { names: { pi1: "192.168.0.121" }, users: { pi1: "pi" } };
  const hosts = ["pi1"];
  expect((await find({ hosts, withoutUser: hosts }, files, before)).hosts.get("pi1")).toMatchObject({
    address: "192.168.0.121",
    user: "pi",
    port: 2222,
  });
  expect((await find({ hosts, withoutUser: hosts }, files)).hosts.get("pi1")).toMatchObject({
    address: "10.0.0.1",
    user: "bob",
  });
});

it("a name that nobody knows has the address of the last update, or none", async () => {
  expect((await find({ hosts: ["pi1"] }, {}, { names: { pi1: "192.168.0.121" } })).hosts.get("pi1")).toEqual({
    address: "192.168.0.121",
  });
  expect((await find({ hosts: ["pi1"] })).hosts.get("pi1")).toEqual({});
});

const gate = { pi1: { proxyjump: "gate" }, pi2: { proxyjump: "gate" } };

it("ProxyJump is one host for all, whose own port, user and name ssh knows", async () => {
  const known = { hostname: "gate.example.com", port: 2200, user: "bob", hostkeyalias: "door" };
  const way = { address: "gate.example.com", port: 2200, user: "bob", knownAs: "door" };
  expect((await find({}, { ...gate, gate: known })).jumpHost).toEqual(way);
  expect((await find({}, gate)).jumpHost).toEqual({ address: "gate", port: 22, user: "anna" });
  const words = { proxyjump: "carl@gate:23" };
  expect((await find({}, { pi1: words, pi2: words, gate: known })).jumpHost).toEqual({
    ...way,
    port: 23,
    user: "carl",
  });
});

it.each<[string, Parameters<typeof ssh>[0], RegExp]>([
  [
    "a command",
    { pi1: { proxycommand: "nc %h %p" } },
    /config reaches pi1 by a ProxyCommand; .* twopir:ssh\.jumpHost, /,
  ],
  ["two hops", { pi1: { proxyjump: "a,b" } }, /config reaches pi1 through several hosts \(a,b\)/],
  ["a hop behind another", { ...gate, gate: { proxyjump: "b" } }, /through gate, and there by b/],
  ["a hop behind a command", { ...gate, gate: { proxycommand: "nc" } }, /through gate, and there by nc/],
  ["two ways", { pi2: gate.pi2 }, /config reaches pi1 directly, and pi2 through gate; /],
])("%s is refused, unless the config has a jump host", async (_, files, words) => {
  await expect(find({}, files)).rejects.toThrow(words);
  expect((await find({ anyWay: false }, files)).jumpHost).toBeUndefined();
});
