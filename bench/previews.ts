import { spawn } from "node:child_process";
import { join } from "node:path";
import { LAB, lab, root } from "../lab/drive/lab";
import { Cluster, configFile, pi } from "../lab/drive/stack";
import { median, seconds, took } from "./figures";

/** Each measured so often, in turns, so that what else the machine does meets all alike. */
const REPEATS = 11;

/** The seconds that each kind of preview of a cluster took, every time. */
export interface Previews {
  readonly pis: number;
  /** Of the same stack by a program that contacts no Pi (bench/bare). */
  readonly bare: readonly number[];
  /** By `npm run pulumi`, without npm. */
  readonly wrapped: readonly number[];
  /** By `pulumi`, as who has it installed types it. */
  readonly plain: readonly number[];
  /** Bytes that `pulumi stack export` prints. */
  readonly state: number;
}

/** What a user's shell has not, where it is not set in it: all that pulumi.sh sets, but what finds CLI, plugin and stack. */
const NEEDED = /^PULUMI_(HOME|BACKEND_URL|CONFIG_PASSPHRASE|STACK|SKIP_UPDATE_CHECK)$/;

/** No other Pis are on meanwhile: all share the processors of this machine, and an idle cluster takes some of it. */
export async function measurePreviews(pis: number): Promise<Previews> {
  console.log(`==> ${pis} Pis, and pulumi up`);
  await lab("down");
  await lab("up", pis.toString());
  const all = Array.from({ length: pis }, (_, i) => pi(`pi${i + 1}`, { storage: i < 3 }));
  const cluster = await Cluster.create({ "twopir:pis": all });
  const made = await cluster.up();
  if (made.failed) throw new Error(made.said);
  const wrapper = { ...process.env, ...cluster.environment };
  const user = Object.fromEntries(
    Object.entries(wrapper).filter(([name]) => !name.startsWith("PULUMI_") || NEEDED.test(name)),
  );
  const preview = ["preview", "--expect-no-changes", "--non-interactive", "--stack", LAB];
  const bareProgram = ["--cwd", join(root, "bench", "bare"), "--config-file", configFile(LAB)];
  const kinds = {
    bare: () => timed("pulumi", [...preview, ...bareProgram], user),
    wrapped: () => timed("bash", ["toolchain/pulumi.sh", ...preview], wrapper),
    plain: () => timed("pulumi", preview, user),
  };
  const previews = { bare: [] as number[], wrapped: [] as number[], plain: [] as number[] };
  for (let i = 0; i < REPEATS; i += 1) {
    console.log(`==> previews, round ${i + 1} of ${REPEATS}`);
    for (const kind of ["bare", "wrapped", "plain"] as const) previews[kind].push(await kinds[kind]());
  }
  const state = (await printedBy("pulumi", ["stack", "export", "--stack", LAB], wrapper)).length;
  return { pis, ...previews, state };
}

const timed = (file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> =>
  took(() => printedBy(file, args, env));

/** What a command prints that ends well. */
function printedBy(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let printed = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
    child.once("error", reject).once("close", (status) => {
      if (status === 0) resolve(printed);
      else reject(new Error(`${file} ${args.join(" ")} failed:\n${printed}`));
    });
  });
}

/** As lines of Markdown. */
export function previewsReport(measured: readonly Previews[]): string[] {
  const rows = measured.map(({ pis, bare, wrapped, plain, state }) => {
    const [without, all, typed] = [median(bare), median(wrapped), median(plain)];
    const fastest = [bare, wrapped, plain].map((each) => seconds(Math.min(...each))).join(" / ");
    return (
      `| ${pis} | ${seconds(without)} | ${seconds(all)} | ${seconds(typed)} | ${(typed / all).toFixed(2)} | ` +
      `${seconds(all - without)} | ${fastest} | ${Math.round(state / 1000)} kB |`
    );
  });
  const times = (figure: (one: Previews) => number): string => {
    const [two = NaN, eight = NaN] = measured.map(figure);
    return (eight / two).toFixed(2);
  };
  return [
    "## A preview with nothing to do",
    "",
    "The wall time of `pulumi preview` by the wrapper (`npm run pulumi`) and as typed by who has Pulumi installed, and that of",
    `the same stack by a program that contacts no Pi (bench/bare): in turns, ${REPEATS} times each, medians. All Pis share the`,
    "processors of one machine; real ones have their own. The state is what `pulumi stack export` prints.",
    "",
    "| Pis | without the look | by the wrapper | plain | plain / wrapper | the look | the fastest of each | state |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    `Eight Pis take ${times(({ wrapped }) => median(wrapped))} times as long as two, the engine alone ` +
      `${times(({ bare }) => median(bare))} times.`,
    "",
  ];
}
