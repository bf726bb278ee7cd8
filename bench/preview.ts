import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { LAB, lab, root } from "../lab/drive/lab";
import { Cluster, configFile, pi } from "../lab/drive/stack";

/** Each measured so often, in turns, so that what else the machine does meets all alike. */
const REPEATS = 11;

/** The seconds that the previews of a cluster took. */
interface Measured {
  readonly pis: number;
  readonly bare: number[];
  readonly looking: number[];
}

/** No other Pis are on meanwhile: all share the processors of this machine, and an idle cluster takes some of it. */
async function measure(pis: number): Promise<Measured> {
  console.log(`==> ${pis} Pis, and pulumi up`);
  await lab("down");
  await lab("up", pis.toString());
  const all = Array.from({ length: pis }, (_, i) => pi(`pi${i + 1}`, { storage: i < 3 }));
  const cluster = await Cluster.create({ "twopir:pis": all });
  const made = await cluster.up();
  if (made.failed) throw new Error(made.said);
  const bare: number[] = [];
  const looking: number[] = [];
  for (let i = 0; i < REPEATS; i += 1) {
    console.log(`==> previews, round ${i + 1} of ${REPEATS}`);
    bare.push(await preview(cluster, "--cwd", join(root, "bench", "bare"), "--config-file", configFile(LAB)));
    looking.push(await preview(cluster));
  }
  return { pis, bare, looking };
}

/** Wall time in seconds of a preview that finds nothing to do, as its user waits for it. */
async function preview(cluster: Cluster, ...words: readonly string[]): Promise<number> {
  const begin = performance.now();
  const child = cluster.start("preview", "--expect-no-changes", ...words);
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const status = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  );
  if (status !== 0) throw new Error(`this preview is not empty:\n${printed}`);
  return (performance.now() - begin) / 1000;
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

function report(measured: readonly Measured[]): string {
  const rows = measured.map(({ pis, bare, looking }) => {
    const [without, all] = [median(bare), median(looking)];
    const fastest = [bare, looking].map((seconds) => `${Math.min(...seconds).toFixed(2)} s`).join(" / ");
    return `| ${pis} | ${without.toFixed(2)} s | ${all.toFixed(2)} s | ${(all - without).toFixed(2)} s | ${(all / without).toFixed(2)} | ${fastest} |`;
  });
  const times = (figure: (one: Measured) => number): string => {
    const [two = NaN, eight = NaN] = measured.map(figure);
    return (eight / two).toFixed(2);
  };
  return [
    "# What the look costs",
    "",
    "Written by `npm run bench` (bench/preview.ts), which makes each cluster in the lab and measures the wall time of",
    "`pulumi preview` with nothing to do, and that of the same stack by a program that contacts no Pi (bench/bare): in",
    `turns, ${REPEATS} times each, medians. All Pis share the processors of one machine; real ones have their own.`,
    "",
    "| Pis | without the look | `pulumi preview` | more | ratio | the fastest of each |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    `Eight Pis take ${times(({ looking }) => median(looking))} times as long as two, the engine alone ` +
      `${times(({ bare }) => median(bare))} times.`,
    "",
    `The load of the machine was ${loadavg()[0]?.toFixed(1) ?? ""} on ${cpus().length} processors, the Pis' own included.`,
    "",
  ].join("\n");
}

/** `npm run bench`: what the look adds to a preview, on two Pis and on eight. */
async function main(): Promise<void> {
  const measured = [await measure(2), await measure(8)];
  const text = report(measured);
  writeFileSync(join(root, "docs", "bench.md"), text);
  console.log(`\n${text}`);
}

void main();
