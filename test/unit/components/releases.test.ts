import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { changedFiles, keptRelease, noteOf, storedReleases } from "../../../components/releases";
import type { Look, Reached } from "../../../remote/look";
import { HostProblem } from "../../../remote/ssh";
import type { State } from "../../../remote/state";
import { cluster } from "./cluster";

const asked = vi.hoisted((): { answers: Record<string, string> } => ({ answers: {} }));
vi.mock("../../../remote/look", () => ({
  ask: (states: State[]): Promise<Look> => Promise.resolve({ findings: found(states), problems: [] }),
}));
function found(states: readonly State[]): Look["findings"] {
  return new Map(
    states.flatMap(({ name, on }) => {
      const details = asked.answers[on];
      return details === undefined ? [] : [[name, { reasons: [], disturbs: false, details }] as const];
    }),
  );
}

const [A, B] = ["a", "b"].map((digit) => digit.repeat(64)) as [string, string];
const web = {
  redirects: [{ from: "/old", to: "/new", status: 301 as const, force: true }],
  headers: [{ path: "/*", name: "X-A", value: '"b"' }],
  fallback: "/index.html",
};
const packed = (text: string): string => `published=${gzipSync(text).toString("base64")}`;
const noted = noteOf({ id: A, bytes: 10_240, web });
const published = packed(noted);
const stored = [`stored=${A} 4096`, `stored=${B} 8192`];
const served = `served=${B}`;
const old = ["known=1", `live=${A} 2026-11-01T00:00:00Z`, ...stored];
const all = [
  "known=2",
  `live=${A} 2026-11-01T00:00:00Z`,
  `live=${B} 2026-11-02T00:00:00Z`,
  served,
  ...stored,
];

const kept = (answers: Record<string, string[]>, reached: ReadonlyMap<string, Reached> = new Map()) => {
  asked.answers = Object.fromEntries(Object.entries(answers).map(([pi, lines]) => [pi, lines.join("\n")]));
  return keptRelease("previous", cluster(2), reached);
};

describe("a release that is gone back to", () => {
  it("is the one that a Pi names, served as it was, and has no archive", async () => {
    expect(await kept({ pi2: [...all, `chosen=${A}`, published] })).toEqual({ id: A, bytes: 10_240, web });
  });

  it("is told by the Pi that knows of most, whichever that is", async () => {
    const [stale, latest] = [
      [...old, `chosen=${B}`, published],
      [...all, `chosen=${A}`, published],
    ];
    for (const answers of [
      { pi1: stale, pi2: latest },
      { pi1: latest, pi2: stale },
    ])
      expect((await kept(answers)).id).toBe(A);
  });

  it("is refused where there is none, with all that there are, and who does not answer", async () => {
    const login = { name: "pi1", address: "", user: "", hostKey: "" };
    const silent = new Map([["pi1", { login, problem: new HostProblem("pi1 does not answer", "silent") }]]);
    await expect(kept({ pi2: all }, silent)).rejects.toThrow(
      [
        "twopir:release is previous, and there is no one release of that name on the volume. Nothing was changed. Take the " +
          "key out, or name one of these (docs/operations.md#content-and-releases):",
        "- bbbbbbbbbbbb, live since 2026-11-02T00:00:00Z",
        "- aaaaaaaaaaaa, which went live at 2026-11-01T00:00:00Z",
        "- pi1 does not answer",
      ].join("\n"),
    );
    await expect(kept({})).rejects.toThrow("- none, as far as the Pis that answer can tell");
  });

  it.each(["../../../etc/x; } http", `${A}0`, "previous"])(
    "is refused where a Pi says that it is %s",
    async (id) => {
      await expect(kept({ pi1: [...all, `chosen=${id}`, published] })).rejects.toThrow(
        "no one release of that name",
      );
    },
  );

  it("is told by a Pi that has no history yet, too", async () => {
    expect((await kept({ pi1: [], pi2: [...stored, `chosen=${A}`, published] })).id).toBe(A);
  });

  it.each<[string, string[], string]>([
    ["nothing says how it was served", [], "did not note how it is served"],
    ["that cannot be read", ["published={"], "cannot be read from the volume"],
    ["that is half of it", [packed("{")], "cannot be read from the volume"],
    ["that is something else", [packed(noted.replace("301", "305"))], "cannot be read from the volume"],
  ])("is refused where %s", async (_, lines, says) => {
    await expect(kept({ pi1: [...all, `chosen=${A}`, ...lines] })).rejects.toThrow(says);
  });
});

describe("the releases on the volume", () => {
  const list = (...details: string[]) =>
    storedReleases(
      {
        findings: new Map([["pi1-releases", { reasons: [], disturbs: false, details: details.join("\n") }]]),
        problems: [],
      },
      cluster(1).pis,
    );

  it("come the latest first, with size and time; one that never went live comes last", () => {
    const never = "c".repeat(64);
    expect(list(...all, `stored=${never} 1`)).toEqual([
      { id: B, bytes: 8192, since: "2026-11-02T00:00:00Z", live: true },
      { id: A, bytes: 4096, since: "2026-11-01T00:00:00Z", live: false },
      { id: never, bytes: 1, live: false },
    ]);
  });

  it("are none of them live where the server block names none", () => {
    expect(list(...all.filter((line) => line !== served)).map(({ live }) => live)).toEqual([false, false]);
  });

  it("are none where nothing is published, and where nobody can tell", () => {
    expect(list()).toEqual([]);
    expect(storedReleases({ findings: new Map(), problems: [] }, cluster(2).pis)).toEqual([]);
  });
});

it("what a release changes is counted, with a few names", async () => {
  const { volume } = cluster(1);
  const release = { id: A, bytes: 1, archive: "a.tar", web, files: {}, doubts: [] };
  const one = (count: number, ...names: string[]) => ({ count, names });
  asked.answers = {
    pi1: `changes=${JSON.stringify({ new: one(4, "a", "\u001b[2Jb", "c"), changed: one(1, "d"), gone: one(0) })}`,
  };
  expect(await changedFiles(release, volume, "pi1", new Map())).toBe(
    "beside the live release: 4 new (a, ?[2Jb, c, ...), 1 changed (d), none gone",
  );
  asked.answers = {};
  expect(await changedFiles(release, volume, "pi1", new Map())).toBeUndefined();
});
