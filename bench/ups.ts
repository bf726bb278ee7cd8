import { inside, lab, run } from "../lab/drive/lab";
import { Cluster } from "../lab/drive/stack";
import { median, seconds, took } from "./figures";

const REPEATS = 5;
const PIS = ["pi1", "pi2"];

/** The seconds that each took from bare Pis, every time. */
export interface Ups {
  /** The packages that `pulumi up` installs, by apt alone, on both Pis at once. */
  readonly floor: readonly number[];
  /** bench/article.sh */
  readonly article: readonly number[];
  readonly up: readonly number[];
}

/** Two blank Pis that have apt's lists and the archives of all packages: the network's speed is no part of it. */
export async function measureUps(): Promise<Ups> {
  console.log("==> two bare Pis that have all packages in apt's cache");
  await lab("down");
  await lab("up", "2");
  const before = await installed();
  await up();
  const packages = (await installed()).filter((name) => !before.includes(name));
  await lab("down");
  await lab("up", "2");
  const apt = (more: string): string =>
    `DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends ${more} ${packages.join(" ")} >/dev/null 2>&1`;
  await onBoth(`apt-get -qq update && ${apt("--download-only")}`);
  await lab("save", "bare-with-packages");
  const kinds = {
    floor: () => took(() => onBoth(apt(""))),
    article: () => took(() => run("bash", ["bench/article.sh"])),
    up,
  };
  const measured = { floor: [] as number[], article: [] as number[], up: [] as number[] };
  try {
    for (let i = 0; i < REPEATS; i += 1) {
      console.log(`==> from bare Pis, round ${i + 1} of ${REPEATS}`);
      for (const kind of ["floor", "article", "up"] as const) {
        await lab("load", "bare-with-packages");
        measured[kind].push(await kinds[kind]());
      }
    }
  } finally {
    await lab("forget", "bare-with-packages");
  }
  return measured;
}

const onBoth = (line: string): Promise<unknown> => Promise.all(PIS.map((name) => inside(name, line)));

const installed = async (): Promise<string[]> =>
  (await inside("pi1", "dpkg-query -W -f '${Package}\\n'")).split("\n");

/** Without a preview before it. */
async function up(): Promise<number> {
  const cluster = await Cluster.create();
  const made = await cluster.up();
  if (made.failed) throw new Error(made.said);
  return made.seconds;
}

/** As lines of Markdown. */
export function upsReport({ floor, article, up }: Ups): string[] {
  const [least, byHand, ours] = [median(floor), median(article), median(up)];
  return [
    "## From bare Pis",
    "",
    "The wall time of `pulumi up` on two blank Pis, of the article's steps by ssh on both at once (bench/article.sh), and of apt",
    `alone with the packages that \`pulumi up\` installs: in turns, ${REPEATS} times each, medians. apt has its lists and the`,
    "packages already. `pulumi up` does what the article does not: firewall, updates, the program on the Pi, and seeing that",
    "each step came true.",
    "",
    "| apt alone | the article by ssh | `pulumi up` | up / apt | up / article | the fastest of each |",
    "| --- | --- | --- | --- | --- | --- |",
    `| ${seconds(least)} | ${seconds(byHand)} | ${seconds(ours)} | ${(ours / least).toFixed(2)} | ${(ours / byHand).toFixed(2)} | ` +
      `${[floor, article, up].map((each) => seconds(Math.min(...each))).join(" / ")} |`,
    "",
  ];
}
