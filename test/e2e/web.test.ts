import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { address, inside, NAME, run } from "../../lab/drive/lab";
import type { Cluster } from "../../lab/drive/stack";
import { SITES, type Visit } from "./sites";
import { begin, nothingToDo, succeeded } from "./states";
import { writeTable } from "./table";

const KEEP = "public, max-age=31536000, immutable";

const folder = mkdtempSync(join(tmpdir(), "twopir-web-"));
const rows: string[][] = [];
let cluster: Cluster;

beforeAll(async () => {
  cluster = await begin("converged");
});

afterAll(() => {
  rmSync(folder, { recursive: true });
  writeTable(
    "web",
    "What a visitor gets of a published site",
    [
      "Written by `test/e2e/web.test.ts`, which publishes a small folder of each kind (test/e2e/sites.ts) and asks a Pi's",
      "nginx. *ask*: the browser asks each time whether its copy is still right; *keep*: it need not for a year.",
    ],
    ["site", "asked for", "status", "type", "packed", "browser's copy", "leads to, or other headers"],
    rows,
  );
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** As it is written: a browser would take out the dots of a path. */
const ask = (pi: string, { path, method = "GET", sends = {} }: Pick<Visit, "path" | "method" | "sends">) =>
  new Promise<Answer>((resolve, reject) => {
    const headers = { Host: NAME, ...sends };
    const asked = request(
      { host: address(pi), path, method, headers, agent: false, timeout: 5000 },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece)).on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(pieces),
          }),
        );
      },
    );
    asked
      .on("timeout", () => asked.destroy(new Error("no answer within 5 s")))
      .on("error", reject)
      .end();
  });

/** What was wanted, and the same of what came. */
function judged(visit: Visit, { status, headers, body }: Answer): { wanted: object; got: object } {
  const wanted: Record<string, unknown> = { status: visit.status };
  const got: Record<string, unknown> = { status };
  const judge = (name: string, want: unknown, is: unknown): void => {
    if (want === undefined) return;
    wanted[name] = want;
    got[name] = is;
  };
  judge("type", visit.type, headers["content-type"]);
  judge("leads", visit.leads, headers.location);
  judge("encoding", visit.encoding, headers["content-encoding"]);
  judge("cache", visit.cache && { ask: "no-cache", keep: KEEP }[visit.cache], headers["cache-control"]);
  const text = (headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString();
  judge("body", visit.body, text.slice(0, visit.body?.length));
  for (const [name, value] of Object.entries(visit.has ?? {})) judge(name, value, headers[name]);
  return { wanted, got };
}

/**
 * What gixy finds in a Pi's config, each with the locations that it names.
 *
 * @param change Of the config, before gixy reads it.
 */
async function found(pi: string, change = (config: string): string => config): Promise<string[]> {
  const config = change(await inside(pi, "nginx -T 2>/dev/null"));
  const findings = JSON.parse(await run("bash", ["test/gixy.sh"], config)) as {
    plugin: string;
    config: string;
  }[];
  return findings.map(({ plugin, config: lines }) =>
    [plugin, ...[...lines.matchAll(/location [^{]*(?= {)/g)].map(([location]) => location)].join(", "),
  );
}

/**
 * What gixy is right about, and is meant: the mark has a header of its own, so that it gets none that a user's rules make
 * long; what answers 416 has all headers already; and how many files a worker may have open, its unit says (LimitNOFILE).
 */
const MEANT = [
  "add_header_redefinition, location @beyond, location = /.well-known/twopir",
  "worker_rlimit_nofile_vs_connections",
];

const code = (text: string): string => `\`${text}\``;

const row = (site: string, visit: Visit, { status, headers }: Answer): string[] => {
  const cache = headers["cache-control"] ?? "";
  const sends = Object.entries(visit.sends ?? {}).map(([name, value]) => `, ${code(`${name}: ${value}`)}`);
  return [
    site,
    (visit.method === undefined ? "" : `${visit.method} `) + code(visit.path) + sends.join(""),
    status.toString(),
    headers["content-type"] ?? "",
    headers["content-encoding"] ?? "",
    cache === KEEP ? "keep" : cache === "no-cache" ? "ask" : code(cache),
    [
      ...(headers.location === undefined ? [] : [code(headers.location)]),
      ...Object.keys(visit.has ?? {}).map((name) => code(`${name}: ${String(headers[name])}`)),
    ].join("<br>"),
  ];
};

describe.each(SITES)("a $name site", ({ name, files, web, visits }) => {
  beforeAll(async () => {
    const site = join(folder, name);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(site, path)), { recursive: true });
      writeFileSync(join(site, path), content);
    }
    await cluster.configure({ "twopir:site": site, ...(web && { "twopir:web": web }) });
    succeeded(await cluster.up());
  });

  it.each(visits)("$method $path $sends", async (visit) => {
    const answer = await ask("pi1", visit);
    rows.push(row(name, visit, answer));
    const { wanted, got } = judged(visit, answer);
    expect(got).toEqual(wanted);
  });

  it("is the same on the other Pi", async () => {
    for (const visit of visits) {
      const { wanted, got } = judged(visit, await ask("pi2", visit));
      expect(got, visit.path).toEqual(wanted);
    }
  });

  it("has nothing of what gixy knows as mistakes", async () => {
    expect(await found("pi1")).toEqual(MEANT);
  });

  it("is asked for again without a page being sent, where nothing has changed", async () => {
    const { headers } = await ask("pi1", { path: "/" });
    const etag = headers.etag ?? "";
    const { status, body } = await ask("pi1", { path: "/", sends: { "If-None-Match": etag } });
    expect({ status, body: body.length }).toEqual({ status: 304, body: 0 });
    expect((await ask("pi2", { path: "/" })).headers.etag).toBe(etag);
  });
});

it("is packed by brotli where a Pi has the module, as docs/operations.md says", async () => {
  await inside(
    "pi1",
    `export DEBIAN_FRONTEND=noninteractive
     { apt-get -qq update && apt-get -qq install -y --no-install-recommends libnginx-mod-http-brotli-filter; } >/dev/null 2>&1
     printf 'brotli on;\\nbrotli_types text/css application/javascript image/svg+xml;\\n' >/etc/nginx/conf.d/brotli.conf
     systemctl reload nginx`,
  );
  for (const [accepted, encoding] of [
    ["gzip, deflate, br", "br"],
    ["gzip", "gzip"],
  ] as const) {
    const sends = { "Accept-Encoding": accepted };
    const { headers } = await ask("pi1", { path: "/assets/index-DiwrgTd4.js", sends });
    expect(headers).toMatchObject({ "content-encoding": encoding, vary: "Accept-Encoding" });
  }
});

it("is served so for good: a second preview has nothing to do", () => nothingToDo(cluster));

it("is in a config that gixy can read: it finds a mistake that is put in", async () => {
  const mistake = "location /mistake { return 302 https://example.com$uri; }";
  const config = (text: string): string => text.replace("location @beyond", `${mistake}\n$&`);
  expect(await found("pi1", config)).toContainEqual(expect.stringContaining("http_splitting"));
});

it("keeps no rule where nothing is published any more", async () => {
  await cluster.configure({});
  succeeded(await cluster.up());
  const { status, headers } = await ask("pi1", { path: "/nothing" });
  expect({ status, cache: headers["cache-control"] }).toEqual({ status: 200, cache: "no-cache" }); // the article's
  const beyond = await ask("pi1", { path: "/index.html", sends: { Range: "bytes=9999999-" } });
  expect({ status: beyond.status, cache: beyond.headers["cache-control"] }).toEqual({
    status: 416,
    cache: "no-cache",
  });
  expect(await found("pi1")).toEqual(MEANT);
});
