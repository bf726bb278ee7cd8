import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { lookNow } from "./components/now";
import { clusterStatus, statusStates, type ClusterStatus, type PiStatus } from "./components/status";
import { shortId, type StoredRelease } from "./components/releases";
import { ConfigError, openOf, stackConfig, type Config } from "./config";
import { findHosts, type Last } from "./operator/hosts";
import { inLastOrder } from "./operator/order";

/** Seconds from one look to the next, of which each is a login to every Pi. */
const WATCH_EVERY = 10;

/**
 * `npm run status -- [--stack NAME] [--json] [--watch]`: the same look as preview's, as a table; exit status 0 if all is
 * well. With --watch again and again, until it is interrupted.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: "boolean" }, stack: { type: "string", short: "s" }, watch: { type: "boolean" } },
  });
  const config = await configOf(values.stack);
  const show = async (): Promise<void> => {
    const { reached, seen, records, foundHere } = await lookNow(config, statusStates(config), true);
    const status = clusterStatus(config, reached, seen, records, foundHere);
    if (values.watch) console.clear(); // where it is a terminal
    console.log(values.json ? JSON.stringify(status, undefined, 2) : statusText(status));
    process.exitCode = status.well ? 0 : 1;
  };
  await show();
  while (values.watch) {
    console.log(
      `seen at ${new Date().toTimeString().slice(0, 8)}, again in ${WATCH_EVERY} s; Ctrl-C ends it`,
    );
    await sleep(WATCH_EVERY * 1000);
    await show();
  }
}

async function configOf(stack: string | undefined): Promise<Config> {
  const command = [
    "toolchain/pulumi.sh",
    "config",
    "--json",
    "--show-secrets",
    ...(stack ? ["--stack", stack] : []),
  ];
  const { stdout } = await promisify(execFile)("bash", command);
  const values = JSON.parse(stdout) as Record<string, { value: string }>;
  const texts = Object.fromEntries(Object.entries(values).map(([key, { value }]) => [key, value] as const));
  const last = async (): Promise<Last> => {
    const words = ["toolchain/pulumi.sh", "stack", "output", "--json", ...(stack ? ["--stack", stack] : [])];
    return JSON.parse((await promisify(execFile)("bash", words)).stdout) as Last;
  };
  const config = stackConfig(texts, process.cwd(), await findHosts(openOf(texts), last));
  return inLastOrder(config, await last());
}

const COLUMNS: readonly [string, (pi: PiStatus) => string | number | boolean | undefined][] = [
  ["PI", (pi) => pi.name],
  ["ADDRESS", (pi) => pi.address],
  ["REACHABLE", (pi) => (pi.drained ? "drained" : pi.reachable)],
  ["NGINX", (pi) => pi.nginx],
  ["GLUSTERD", (pi) => pi.glusterd],
  ["BRICK", (pi) => pi.brickServed],
  ["MOUNT", (pi) => pi.mounted],
  ["HEALS WAITING", (pi) => pi.healsWaiting],
  ["SPLIT BRAIN", (pi) => pi.splitBrain],
  ["PAGE", (pi) => pi.pageServed],
  ["UPDATES", (pi) => pi.updates],
  ["A RECORD", (pi) => pi.aRecord],
];
/** Where the cluster has some. */
const AAAA: (typeof COLUMNS)[number] = ["AAAA RECORD", (pi) => pi.aaaaRecord];

/** The status as a table, what is wrong below it. */
function statusText(status: ClusterStatus): string {
  const { hostname, well, unseen, pis, releases, notWell, drift, problems } = status;
  const word = (value: string | number | boolean | undefined): string =>
    value === undefined ? "-" : value === true ? "yes" : value === false ? "NO" : String(value);
  const columns = pis.some(({ aaaaRecord }) => aaaaRecord !== undefined) ? [...COLUMNS, AAAA] : COLUMNS;
  return [
    ...table([columns.map(([title]) => title), ...pis.map((pi) => columns.map(([, of]) => word(of(pi))))]),
    ...(releases.length === 0
      ? []
      : table([["RELEASE", "LIVE", "SINCE", "SIZE"], ...releases.map(releaseRow)])),
    ...problems.map((problem) => `warning: ${problem}`),
    ...notWell.map((what) => `not well: ${what}`),
    ...drift.map((reason) => `drift: ${reason}`),
    !well
      ? "not all is well"
      : unseen
        ? "all is well as far as this machine can see: read the warnings"
        : `all is well: http://${hostname}/`,
  ].join("\n");
}

const releaseRow = ({ id, live, since, bytes }: StoredRelease): string[] => [
  shortId(id),
  live ? "yes" : "-",
  since ?? "-",
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`,
];

/** Lines, with each column as wide as its longest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const width = (i: number): number => Math.max(...rows.map((row) => row[i]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(width(i)))
      .join("  ")
      .trimEnd(),
  );
}

main().catch((error: unknown) => {
  console.error(
    error instanceof ConfigError
      ? error.message
      : `twopir: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 2;
});
