import { execFile, type ExecFileException } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { request, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const root = join(__dirname, "..", "..");

/** The tests' own lab, beside the one that `npm start` makes; with another name and network, one beside it. */
export const LAB = process.env.TWOPIR_TEST_LAB ?? "e2e";
export const SUBNET = process.env.TWOPIR_TEST_SUBNET ?? "192.168.77";
export const NAME = "twopir.example.com";
const OF_LAB = { TWOPIR_LAB: LAB, TWOPIR_LAB_SUBNET: SUBNET };

/** A file of the lab, e.g. "known_hosts". */
export const labFile = (...path: readonly string[]): string => join(root, ".twopir", "lab", LAB, ...path);

export const address = (pi: string): string => `${SUBNET}.${(120 + Number(pi.slice(2))).toString()}`;

/** The floating address that a Pi is preferred for, where there are any. */
export const floatingAddress = (pi: string): string => `${SUBNET}.${(220 + Number(pi.slice(2))).toString()}`;

/** The same by IPv6, as the lab's network has it. */
export const address6 = (pi: string): string => toIpv6(address(pi));
export const floatingAddress6 = (pi: string): string => toIpv6(floatingAddress(pi));
const toIpv6 = (ipv4: string): string =>
  `fd00:${SUBNET.replaceAll(".", ":")}::${ipv4.split(".").at(-1) ?? ""}`;

/** A program that failed: its exit status and what it printed. */
export class LabError extends Error {
  constructor(
    message: string,
    readonly status: number | undefined,
  ) {
    super(message);
  }
}

/** Runs a program, which may read that text; rejects with a {@link LabError} where it fails. */
export const run = (file: string, args: readonly string[], stdin?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      { env: { ...process.env, ...OF_LAB }, cwd: root, maxBuffer: 1 << 26 },
      (error: ExecFileException | null, out, err) => {
        const status = typeof error?.code === "number" ? error.code : undefined;
        if (error) reject(new LabError(`${file} ${args.join(" ")}: ${error.message}\n${out}${err}`, status));
        else resolve(out);
      },
    );
    if (stdin !== undefined) child.stdin?.end(stdin);
  });

/** A command of the lab. */
export const lab = (...args: readonly string[]): Promise<string> => run("bash", ["lab/lab.sh", ...args]);

/** From now on sudo asks pi there for this password. */
export const sudoAsks = (name: string, password: string): Promise<string> =>
  run("bash", ["lab/lab.sh", "password", name], password);

/** A line of shell as root in a Pi, not by way of its network: works also while it is cut off. */
export const inside = async (pi: string, line: string): Promise<string> =>
  (await lab("exec", pi, "bash", "-c", line)).trimEnd();

/** Whether a line of shell in a Pi ends well. */
export const endsWell = (pi: string, line: string): Promise<boolean> =>
  inside(pi, line).then(
    () => true,
    () => false,
  );

/** The addresses that the lab's name server gives, in its order; by IPv6, none where there are none. */
export async function addresses(family: 4 | 6 = 4): Promise<string[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([`${SUBNET}.53`]);
  return family === 4 ? resolver.resolve4(NAME) : resolver.resolve6(NAME).catch(() => []);
}

/** The status, the headers and the body that a Pi answers with, on a new connection; by default for the page of the cluster. */
export const get = (
  host: string,
  path = "/",
  timeout = 3000,
  { port = 80, name = NAME } = {},
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> =>
  new Promise((resolve, reject) => {
    const asked = request(
      { host, port, path, headers: { Host: name }, agent: false, timeout },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => (body += text));
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
        response.on("error", reject);
      },
    );
    asked.on("timeout", () =>
      asked.destroy(new Error(`no answer from ${host} within ${timeout.toString()} ms`)),
    );
    asked.on("error", reject).end();
  });

/** Whether somebody outside of the Pis can connect there. */
export const isOpen = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 });
    const end = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.on("connect", end(true)).on("error", end(false)).on("timeout", end(false));
  });

/** The page by name as a browser gets it: the first address that answers. */
export async function getByName(
  path = "/",
  family: 4 | 6 = 4,
): Promise<{ status: number; body: string; from: string }> {
  let last: unknown;
  for (const host of await addresses(family))
    try {
      return { ...(await get(host, path)), from: host };
    } catch (error) {
      last = error;
    }
  throw last;
}

/** Fetches the page by name every 100 ms while something happens. */
export async function whileFetching(
  happening: () => Promise<void>,
  family: 4 | 6 = 4,
): Promise<{ requests: number; from: Set<string>; why: string[] }> {
  const seen = { requests: 0, from: new Set<string>(), why: [] as string[] };
  const fail = (why: string): void => {
    seen.why.push(`${new Date().toISOString()} ${why}`);
  };
  const state = { over: false };
  const client = (async () => {
    while (!state.over) {
      seen.requests += 1;
      try {
        const page = await getByName("/", family);
        if (page.status !== 200) fail(`${page.from}: status ${page.status}`);
        seen.from.add(page.from);
      } catch (error) {
        fail(String(error));
      }
      await sleep(100);
    }
  })();
  try {
    await happening();
  } finally {
    state.over = true;
    await client;
  }
  return seen;
}

/** Asks every fifth of a second until it is so, and waits no longer for an answer; the last one is in the error. */
export async function until(what: string, seconds: number, ask: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + seconds * 1000;
  const over = new AbortController();
  let last: unknown;
  const late = sleep(seconds * 1000, new Error("the last question has no answer yet"), {
    signal: over.signal,
  });
  try {
    while (Date.now() < end) {
      try {
        const answer = await Promise.race([ask(), late]);
        if (answer === true) return;
        last = answer === false ? last : answer;
      } catch (error) {
        last = error;
      }
      await sleep(200);
    }
  } finally {
    late.catch(() => undefined);
    over.abort();
  }
  throw new Error(
    `not within ${seconds.toString()} s: ${what}${last instanceof Error ? ` (${last.message})` : ""}`,
  );
}

export const servesAgain = (pi: string): Promise<void> =>
  until(`${pi} serves the page`, 60, async () => (await get(address(pi))).status === 200);

/** Each of so many Pis has its mount connected to the bricks of all of them, and pi1 is told of as many. */
export const connected = (pis: number): Promise<void> =>
  until(`${pis} bricks are connected`, 90, async () => {
    const told = await inside("pi1", "gluster volume heal gv0 info");
    const mounted = "grep -H '^connected' /mnt/gluster1/.meta/graphs/active/gv0-client-*/private";
    const seen = await Promise.all(Array.from({ length: pis }, (_, i) => inside(`pi${i + 1}`, mounted)));
    const all =
      told.match(/^Status: Connected/gm)?.length === pis &&
      seen.every((answer) => answer.match(/connected = 1$/gm)?.length === pis);
    if (!all) throw new Error([told, ...seen].join("\n"));
    return true;
  });

/** A Pi has noted that its copy is full, as it has in a cluster of two copies that is a minute old. */
export const notesFull = (pi: string): Promise<void> =>
  until(`${pi} notes that its copy is full`, 90, () =>
    endsWell(
      pi,
      `read -r pid port < <(getfattr --only-values -n trusted.afr.twopir-full /data/brick1/gv0; echo) &&
       ss -Hltnp "sport = :$port" | grep -F "pid=$pid,"`,
    ),
  );

/** For find in a brick: all but gluster's own folder and the lists by which the copies are compared. */
export const CONTENT_ALONE = "\\( -path ./.glusterfs -o -path ./.copies \\) -prune -o";

/** Nothing left to copy from one brick to the other; gluster tries by itself once a minute, and here at once. */
export async function healed(pi: string): Promise<void> {
  await inside(pi, "gluster volume heal gv0 || true");
  await until("everything is healed", 120, async () => {
    const info = await inside(pi, "gluster volume heal gv0 info");
    const counts = [...info.matchAll(/^Number of entries: (.*)$/gm)].map((match) => match[1]);
    return counts.length >= 2 && counts.every((count) => count === "0");
  });
}
