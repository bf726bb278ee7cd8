import { describe, expect, it } from "vitest";
import { oneMachine } from "../../../components/identity";
import type { Reached } from "../../../remote/look";
import { HostProblem } from "../../../remote/ssh";

const reached = (keys: Record<string, string>, ...away: readonly string[]): Map<string, Reached> =>
  new Map(
    Object.entries(keys).map(([name, hostKey]) => {
      const login = { name, address: "192.168.0.121", user: "pi", hostKey };
      return [name, { login, ...(away.includes(name) && { problem: new HostProblem("no answer") }) }];
    }),
  );
const OWN = reached({ pi1: "ssh-ed25519 A", pi2: "ssh-ed25519 B", pi3: "ssh-ed25519 C" });

describe("oneMachine", () => {
  it("finds nothing where each Pi has its own host key and glusterd, or none yet", () => {
    const uuids = new Map([
      ["pi1", "1"],
      ["pi2", ""],
      ["pi3", ""],
    ]);
    expect(oneMachine(OWN, uuids)).toEqual([]);
    const away = reached({ pi1: "ssh-ed25519 A", pi2: "ssh-ed25519 A" }, "pi2");
    expect(oneMachine(away, new Map())).toEqual([]);
  });

  it("refuses two of one host key, and says so once", () => {
    const same = reached({ pi1: "ssh-ed25519 A", pi2: "ssh-ed25519 B", pi3: "ssh-ed25519 A" });
    const uuids = new Map([
      ["pi1", "1"],
      ["pi3", "1"],
    ]);
    expect(oneMachine(same, uuids)).toMatchObject([
      { kind: "refused", message: expect.stringMatching(/^pi1 and pi3 have the same host key: /) as string },
    ]);
  });

  it("refuses two of one glusterd", () => {
    const uuids = new Map([
      ["pi1", "1"],
      ["pi2", "2"],
      ["pi3", "2"],
    ]);
    expect(oneMachine(OWN, uuids)).toMatchObject([
      {
        kind: "refused",
        message: expect.stringMatching(/^pi2 and pi3 have the same glusterd UUID /) as string,
      },
    ]);
  });
});
