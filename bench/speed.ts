import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { root } from "../lab/drive/lab";
import { measurePreviews, previewsReport } from "./previews";
import { measureSites, sitesReport } from "./sites";
import { measureUps, upsReport } from "./ups";

/** What is compared with each other is measured in one run. */
const SECTIONS = {
  previews: async () => previewsReport([await measurePreviews(2), await measurePreviews(8)]),
  ups: async () => upsReport(await measureUps()),
  sites: async () => sitesReport(await measureSites()),
} as const;

const DOC = join(root, "docs", "bench.md");
const HEAD = `# How long it takes

Written by \`npm run bench\` (bench/speed.ts), each section in one run.

`;

/** The sections that the document has, by their headings. */
function written(): Map<string, string> {
  const sections = readFileSync(DOC, "utf8")
    .split(/^(?=## )/m)
    .slice(1);
  return new Map(sections.map((text) => [text.split("\n", 1)[0] ?? "", text.trimEnd()]));
}

/**
 * `npm run bench [-- previews|ups|sites ...]`: previews of two and of eight Pis, and what `pulumi up` takes, and sites;
 * writes docs/bench.md, anew what was measured.
 */
async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !(name in SECTIONS));
  if (unknown.length > 0)
    throw new Error(
      `nothing to measure is called ${unknown.join(", ")}: ${Object.keys(SECTIONS).join(", ")}`,
    );
  const all = written();
  for (const [name, measure] of Object.entries(SECTIONS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const lines = await measure();
    const load = `The load of the machine was ${loadavg()[0]?.toFixed(1) ?? ""} on ${cpus().length} processors, the Pis' own included.`;
    const text = [...lines, load].join("\n");
    all.set(lines[0] ?? "", text);
    console.log(`\n${text}`);
    writeFileSync(DOC, HEAD + [...all.values()].join("\n\n") + "\n");
  }
}

void main();
