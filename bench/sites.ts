import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { address, inside, lab, NAME, run } from "../lab/drive/lab";
import { Cluster } from "../lab/drive/stack";
import { median, seconds } from "./figures";

const FILES = [100, 20_000] as const;
/** Bytes of a page, in folders of a hundred: of every size from the one to the other, as pages are. */
const [LEAST, MOST] = [500, 1499];
const PUBLISHED = 3;
const ROUNDS = 5;
/** How many pages of the large site are asked for at random. */
const ASKED = 5000;
const SERVED = ["release", "card", "volume"] as const;

/** How sites of two sizes are published, and how fast the large one is served. */
export interface Sites {
  /** Seconds of an `up` with one page that is another one, every time, by the number of files. */
  readonly publish: readonly {
    readonly files: number;
    readonly changed: readonly number[];
    readonly same: readonly number[];
  }[];
  /** Requests a second, every time: of one page, and of many at random, by where nginx has them. */
  readonly requests: Readonly<
    Record<"hot" | "random", Readonly<Record<(typeof SERVED)[number], readonly number[]>>>
  >;
}

const pathOf = (i: number): string => `${Math.floor(i / 100)}/${i}.html`;

/** Two Pis; wrk asks the first from this machine. */
export async function measureSites(): Promise<Sites> {
  console.log("==> two Pis, and sites that are published");
  await lab("down");
  await lab("up", "2");
  const folder = mkdtempSync(join(tmpdir(), "twopir-sites-"));
  try {
    const cluster = await Cluster.create({ "twopir:site": folder });
    const publish = [];
    for (const files of FILES) publish.push({ files, ...(await publishing(cluster, folder, files)) });
    return { publish, requests: await serving() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function publishing(cluster: Cluster, folder: string, files: number) {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const up = async (): Promise<number> => {
    const outcome = await cluster.up();
    if (outcome.failed) throw new Error(outcome.said);
    return outcome.seconds;
  };
  for (let i = 1; i < files; i += 1)
    write(pathOf(i), `page ${i} `.padEnd(LEAST + (i % (MOST - LEAST + 1)), "x"));
  write("index.html", "first");
  await up();
  const [changed, same]: [number[], number[]] = [[], []];
  for (let i = 1; i <= PUBLISHED; i += 1) {
    console.log(`==> ${files} files, round ${i} of ${PUBLISHED}`);
    same.push(await up());
    write("index.html", `changed ${i}`);
    changed.push(await up());
  }
  return { changed, same };
}

/** The same pages by the same nginx: of the release, from a plain folder on the card, and from one on the volume. */
async function serving(): Promise<Sites["requests"]> {
  const release = await inside("pi1", "tail -n 1 /mnt/gluster1/releases/history | cut -d' ' -f2");
  const ports = { release: 80, card: 8080, volume: 8081 };
  const folders = { card: "/var/lib/bench", volume: "/mnt/gluster1/www/bench" };
  for (const where of ["card", "volume"] as const) {
    // Through gluster each file takes milliseconds to write, so there are only those that are asked for.
    const some =
      where === "card"
        ? "."
        : `$(seq -f %g 1 ${ASKED} | while read -r i; do echo $((i / 100))/$i.html; done)`;
    await inside(
      "pi1",
      `mkdir -p ${folders[where]} && cd /var/lib/twopir-releases/${release} && tar -c ${some} | tar -x -C ${folders[where]}`,
    );
    await inside(
      "pi1",
      `sed -e 's#root .*#root ${folders[where]}; listen ${ports[where]};#' -e '/^map /,/^}/d' -e '/twopir_cache/d' /mnt/gluster1/cluster \
        >/etc/nginx/conf.d/bench-${where}.conf`,
    );
  }
  await inside("pi1", "nginx -t -q && systemctl reload nginx");
  const script = join(tmpdir(), `twopir-random-${process.pid}.lua`);
  writeFileSync(
    script,
    `request = function() local i = math.random(1, ${ASKED}); return wrk.format("GET", "/" .. math.floor(i / 100) .. "/" .. i .. ".html") end`,
  );
  const ask = async (port: number, more: readonly string[]): Promise<number> => {
    const said = await run("wrk", [
      "-t2",
      "-c16",
      "-d5s",
      "-H",
      `Host: ${NAME}`,
      ...more,
      `http://${address("pi1")}:${port}/1/100.html`,
    ]);
    const [, found] = /Requests\/sec: +([0-9.]+)/.exec(said) ?? [];
    if (found === undefined || said.includes("Non-2xx")) throw new Error(said);
    return Number(found);
  };
  const none = () => ({ release: [] as number[], card: [] as number[], volume: [] as number[] });
  const requests = { hot: none(), random: none() };
  for (let i = 1; i <= ROUNDS; i += 1) {
    console.log(`==> requests a second, round ${i} of ${ROUNDS}`);
    for (const where of SERVED) {
      requests.hot[where].push(await ask(ports[where], []));
      requests.random[where].push(await ask(ports[where], ["-s", script]));
    }
  }
  rmSync(script);
  return requests;
}

/** As lines of Markdown. */
export function sitesReport({ publish, requests }: Sites): string[] {
  const count = (figures: readonly number[]): string => Math.round(median(figures)).toString();
  return [
    "## Sites",
    "",
    `The wall time of \`pulumi up\` with one page that is another one, less that of the same \`up\` with nothing to do; files of ${LEAST}`,
    `to ${MOST} bytes, ${PUBLISHED} times each, medians.`,
    "",
    "| files | publish | nothing to do | the difference |",
    "| --- | --- | --- | --- |",
    ...publish.map(
      ({ files, changed, same }) =>
        `| ${files} | ${seconds(median(changed))} | ${seconds(median(same))} | ${seconds(median(changed) - median(same))} |`,
    ),
    "",
    `Requests a second that one Pi's nginx answers (wrk, 16 connections, 5 s, in turns, ${ROUNDS} times each, medians): of the release,`,
    "of the same pages in a plain folder on the card, and of those on the volume, as what is copied by hand is served.",
    "",
    "| asked for | the release | the card | release / card | the volume |",
    "| --- | --- | --- | --- | --- |",
    ...(["hot", "random"] as const).map((kind) => {
      const { release, card, volume } = requests[kind];
      return `| ${kind === "hot" ? "one page" : `${ASKED} pages at random`} | ${count(release)} | ${count(card)} | ${(median(release) / median(card)).toFixed(2)} | ${count(volume)} |`;
    }),
    "",
  ];
}
