import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../lab/drive/lab";
import { blocksOf, ELSEWHERE, isAt, PLAYED, RUNBOOK, sectionsOf } from "../e2e/runbook";

const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
    .replaceAll(" ", "-");

const headings = sectionsOf(RUNBOOK).map(({ heading }) => anchorOf(heading));

/** All files in these places. */
const filesIn = (...places: readonly string[]): string[] =>
  places.flatMap((place) =>
    statSync(join(root, place)).isFile()
      ? [place]
      : readdirSync(join(root, place), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
  );

const PROGRAM = ["components", "operator", "remote", "pi", "config.ts", "index.ts", "status.ts"];

describe("a link into docs/operations.md", () => {
  it("leads to a heading, of which there are no two alike", () => {
    expect(new Set(headings).size).toBe(headings.length);
    const links = filesIn(...PROGRAM, "README.md").flatMap((file) =>
      [...read(file).matchAll(/operations\.md#([^\s)`"']*)/g)].map(([, anchor = ""]) => ({ file, anchor })),
    );
    const own = [...RUNBOOK.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor = ""]) => ({
      file: "docs/operations.md",
      anchor,
    }));
    expect(links.some(({ file }) => file.startsWith("pi/"))).toBe(true);
    expect(own.length).toBeGreaterThan(0);
    expect([...links, ...own].filter(({ anchor }) => !headings.includes(anchor))).toEqual([]);
  });

  it("has one form in all that the program says", () => {
    const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
    const others = filesIn(...PROGRAM).filter((file) => {
      const text = read(file);
      return count(text, /operations\.md/g) > count(text, /\(docs\/operations\.md#[a-z0-9-]+\)/g);
    });
    expect(others).toEqual([]);
  });
});

describe("a block of docs/operations.md", () => {
  const blocks = blocksOf(RUNBOOK);
  const places = [...Object.values(PLAYED), ...ELSEWHERE];

  it("is found, also where it has a blank line, and a list is none", () => {
    const document = "# A\n\n    one\n\n    two\n\ntext\n\n- a list\n    and more\n\n## B\n\n    three\n";
    expect(blocksOf(document)).toEqual([
      { under: "A", text: "one\n\ntwo" },
      { under: "B", text: "three" },
    ]);
  });

  it("is played by a case of test/e2e/runbook.test.ts, or by another file", () => {
    expect(blocks.filter((block) => !places.some((place) => isAt(place)(block)))).toEqual([]);
    for (const place of places) expect(blocks.filter(isAt(place)), place.join(": ")).toHaveLength(1);
  });

  it("that is said to be played is", () => {
    const cases = read("test/e2e/runbook.test.ts");
    expect(Object.keys(PLAYED).filter((name) => !cases.includes(`"${name}"`))).toEqual([]);
    for (const [, , file] of ELSEWHERE) expect(existsSync(join(root, file)), file).toBe(true);
  });
});
