import { describe, expect, it, vi } from "vitest";
import { knowledge } from "../../../components/knowledge";
import type { Look } from "../../../remote/look";
import type { State } from "../../../remote/state";
import { cluster } from "./cluster";

const asked = vi.hoisted((): { of: State[]; answers: Record<string, string> } => ({ of: [], answers: {} }));
vi.mock("../../../remote/look", () => ({
  ask: (states: State[]): Promise<Look> => {
    asked.of = states;
    const findings = states.flatMap(({ name, on }) => {
      const details = asked.answers[on];
      return details === undefined ? [] : [[name, { reasons: [], disturbs: false, details }] as const];
    });
    return Promise.resolve({ findings: new Map(findings), problems: [] });
  },
}));

const who = async (answers: Record<string, string>): Promise<string[]> => {
  asked.answers = answers;
  return [...(await knowledge(cluster(3), new Map())).knowing];
};

describe("knowing", () => {
  it("names the Pis that say that they have the volume", async () => {
    expect(await who({ pi1: "knows=no", pi2: "knows=yes", pi3: "knows=yes" })).toEqual(["pi2", "pi3"]);
  });

  it("guesses nothing of those that do not answer", async () => {
    expect(await who({ pi2: "knows=yes" })).toEqual(["pi2"]);
    expect(await who({})).toEqual([]);
  });

  it("says whom they have as peers", async () => {
    asked.answers = { pi2: "knows=yes\npeers=192.168.0.121 pi3.lan", pi3: "knows=yes\npeers=192.168.0.122" };
    const { peers } = await knowledge(cluster(3), new Map());
    expect([...peers].sort()).toEqual(["192.168.0.121", "192.168.0.122", "pi3.lan"]);
  });

  it("says by which id they know it, two where they do not agree", async () => {
    asked.answers = { pi1: "knows=no", pi2: "knows=yes\nvolume=a", pi3: "knows=yes\nvolume=b" };
    expect([...(await knowledge(cluster(3), new Map())).volumes]).toEqual(["a", "b"]);
  });

  it("says what the glusterd of each calls itself", async () => {
    asked.answers = { pi1: "knows=no\nuuid=", pi2: "knows=no\nuuid=1", pi3: "knows=yes\nuuid=2" };
    const { uuids } = await knowledge(cluster(3), new Map());
    expect(Object.fromEntries(uuids)).toEqual({ pi1: "", pi2: "1", pi3: "2" });
  });

  it("asks each Pi about this volume, by names that are nobody else's", async () => {
    await who({});
    expect(asked.of.map(({ on }) => on)).toEqual(["pi1", "pi2", "pi3"]);
    expect(new Set(asked.of.map(({ name }) => name)).size).toBe(3);
    expect(asked.of.map(({ parameters }) => parameters)).toEqual(
      [121, 122, 123].map((n) => ({ volume: "gv0", address: `192.168.0.${n}` })),
    );
  });
});
