import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { root } from "../lab/drive/lab";
import { measurePreviews, previewsReport } from "./previews";
import { measureSites, sitesReport } from "./sites";
import { measureUps, upsReport } from "./ups";

/** `npm run bench`: previews of two and of eight Pis, and what `pulumi up` takes, and sites; writes docs/bench.md. */
async function main(): Promise<void> {
  const previews = [await measurePreviews(2), await measurePreviews(8)];
  const ups = await measureUps();
  const sites = await measureSites();
  const text = [
    "# How long it takes",
    "",
    "Written by `npm run bench` (bench/speed.ts), all in one run. The load of the machine was " +
      `${loadavg()[0]?.toFixed(1) ?? ""} on ${cpus().length} processors, the Pis' own included.`,
    "",
    ...previewsReport(previews),
    ...upsReport(ups),
    ...sitesReport(sites),
  ].join("\n");
  writeFileSync(join(root, "docs", "bench.md"), text);
  console.log(`\n${text}`);
}

void main();
