import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { address, inside, NAME } from "../../lab/drive/lab";
import { NGINX_LINK } from "../../lab/drive/drifts";
import { pi, type Cluster, type Outcome } from "../../lab/drive/stack";
import { CloudflareApi, TOKEN, ZONE } from "../cloudflare-api";
import { begin, nothingToDo, reasonsIn, succeeded } from "./states";
import { cell, writeTable } from "./table";

const TTL = 60; // Cloudflare's shortest
const [FIRST, SECOND] = [address("pi1"), address("pi2")];
const api = new CloudflareApi();
let cluster: Cluster;
let settings: Readonly<Record<string, unknown>>;

/** What the records are as twopir makes them. */
const record = (name: string): string => `A ${address(name)} ${TTL} (twopir: ${name})`;
const both = ["pi1", "pi2"].map(record);
const first = (): object => api.records.find(({ content }) => content === FIRST) ?? {};
const where = { name: NAME, ttl: TTL };

beforeAll(async () => {
  cluster = await begin("converged");
  settings = {
    "twopir:dns": { provider: "cloudflare", zoneId: ZONE, ttl: TTL },
    "cloudflare:baseUrl": await api.start(),
  };
});
afterAll(() => {
  api.stop();
});
afterEach(() => {
  api.instead = () => undefined;
  api.told.length = 0;
});

async function configure(more: Readonly<Record<string, unknown>> = {}): Promise<void> {
  await cluster.configure({ ...settings, ...more });
  await cluster.secret("cloudflare:apiToken", TOKEN);
}

/** Nothing to do, and no word of it. */
const rows: string[][] = [];
/** A row of the table: what happened, what preview says, and what up tells Cloudflare. */
const row = (what: string, preview: Outcome): void => {
  const reasons = reasonsIn(preview);
  if (reasons.length === 0)
    reasons.push(...Object.entries(preview.changed).map(([name, op]) => `${name}: ${op}`));
  rows.push([what, cell(reasons), cell(api.told)]);
};
afterAll(() => {
  if (rows.length < DRIFTS.length + 1) return;
  const intro = [
    "Written by `test/e2e/cloudflare.test.ts`: what happens to a record there by hand, what `pulumi preview` says, and what",
    "`pulumi up` tells Cloudflare's API, after which the next preview is empty. By the real engine, with stand-ins of the",
    "provider (toolchain/) and of the API.",
  ];
  const columns = ["by hand", "what `pulumi preview` prints", "what `pulumi up` tells the API"];
  writeTable("cloudflare", "Records at Cloudflare", intro, columns, rows);
});

interface Drift {
  readonly what: string;
  readonly happen: () => void;
  readonly reason: string;
  readonly changed: readonly string[];
}
const KEEPER = "pi1-a-record-keeper";
const DRIFTS: readonly Drift[] = [
  {
    what: "the record is deleted",
    happen: () => {
      api.records.splice(api.records.indexOf(first() as never), 1);
    },
    reason: `${NAME} has no A record ${FIRST}`,
    changed: ["all-a-records", "pi1-a-record"],
  },
  {
    what: "it leads elsewhere",
    happen: () => Object.assign(first(), { content: "192.0.2.1" }),
    reason: `${NAME} has an A record 192.0.2.1 that is none of the Pis'`,
    changed: ["all-a-records", "pi1-a-record"],
  },
  {
    what: "its TTL is another",
    happen: () => Object.assign(first(), { ttl: 1 }),
    reason: `has TTL 1 instead of ${TTL}`,
    changed: [KEEPER],
  },
  {
    what: "it is proxied",
    happen: () => Object.assign(first(), { proxied: true, ttl: 1 }),
    reason: "is proxied, so that browsers get no Pi's address",
    changed: [KEEPER],
  },
  {
    what: "its comment is another",
    happen: () => Object.assign(first(), { comment: "mine" }),
    reason: 'has the comment "mine" instead of "twopir: pi1"',
    changed: [KEEPER],
  },
  {
    what: "somebody adds one",
    happen: () => void api.add("192.0.2.9", where),
    reason: `${NAME} has an A record 192.0.2.9 that is none of the Pis'`,
    changed: ["all-a-records"],
  },
];

/** The records, but for when one was made again. */
const summary = (): string[] => api.summary.map((line) => line.replace(/, again [0-9: -]+/, "")).sort();

describe("records at Cloudflare", () => {
  it("are made, and those of the former provider are taken away", async () => {
    await configure();
    succeeded(await cluster.up());
    expect(summary()).toEqual(both);
    expect(api.told.filter((line) => !line.startsWith("POST"))).toEqual([]);
    await nothingToDo(cluster);
  });

  it.each(DRIFTS)("are named by preview and put right by up where $what", async (drift) => {
    drift.happen();
    const before = [...api.summary];
    const preview = await cluster.preview();
    expect(preview.said).toContain(drift.reason);
    expect(Object.keys(preview.changed).sort()).toEqual([...drift.changed].sort());
    expect(api.summary).toEqual(before); // a preview changes nothing
    succeeded(await cluster.up());
    expect(summary()).toEqual(both);
    row(drift.what, preview);
    await nothingToDo(cluster);
  });

  it("are adopted where they are there already, as when the answer to our own question was lost", async () => {
    await cluster.configure({});
    succeeded(await cluster.up());
    expect(api.records).toEqual([]); // taken away with the provider
    api.add(SECOND, { ...where, ttl: 300, comment: "by hand" });
    await configure();
    api.instead = (method) => {
      if (method !== "POST") return undefined;
      api.instead = () => undefined;
      api.add(FIRST, { ...where, comment: "twopir: pi1" });
      return [500, "lost"];
    };
    const cut = await cluster.up();
    expect(cut.failed).toBe(true);
    const preview = await cluster.preview();
    api.told.length = 0;
    succeeded(await cluster.up());
    expect(api.told.filter((line) => line.startsWith("POST"))).toEqual([]);
    row("the record is there, and not in the state", preview);
    expect(summary()).toEqual(both);
    await nothingToDo(cluster);
  });

  it("stay as they are while the API is out of order, and the Pis get what they lack", async () => {
    await inside("pi1", `rm ${NGINX_LINK}`);
    api.instead = () => [503, "<html>"];
    const preview = await cluster.preview();
    expect(preview.said).toMatch(/Cloudflare's API does not answer \(HTTP status 503\)/);
    const up = await cluster.up();
    expect(up.failed).toBe(true);
    expect(up.said).toMatch(/pi1-a-record-keeper: .*its answer cannot be read/);
    expect(await inside("pi1", `readlink ${NGINX_LINK}`)).not.toBe("");
    api.instead = () => undefined;
    await cluster.up();
    expect(api.told).toEqual([]);
    await nothingToDo(cluster);
  });

  it("of another name are made before those of the former one go", async () => {
    await configure({ "twopir:hostname": `www.${NAME}` });
    succeeded(await cluster.up());
    expect(api.told.map((line) => line.split(" ")[0])).toEqual(["POST", "POST", "DELETE", "DELETE"]);
    expect([...new Set(api.records.map(({ name }) => name))]).toEqual([`www.${NAME}`]);
    await nothingToDo(cluster);
    await configure();
    succeeded(await cluster.up());
    expect(summary()).toEqual(both);
  });

  it("of a Pi that is drained goes, and its TTL passes, while it serves on", async () => {
    await configure({ "twopir:pis": [pi("pi1"), pi("pi2", { drained: true })] });
    const up = succeeded(await cluster.up());
    expect(up.seconds).toBeGreaterThan(TTL);
    expect(api.told).toEqual([`DELETE A ${SECOND}`]);
    expect(summary()).toEqual([record("pi1")]);
    await configure();
    succeeded(await cluster.up());
    expect(summary()).toEqual(both);
    await nothingToDo(cluster);
  });

  it("go with the cluster, and those of others stay", async () => {
    const other = api.add("192.0.2.7", { name: "other.example.com" });
    const destroyed = succeeded(await cluster.destroy());
    expect(destroyed.said).not.toContain(TOKEN);
    expect(api.records).toEqual([other]);
  });
});
