import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aRecordsPart } from "../../components/a-records";
import { statesOf } from "../../components/cluster";
import { accessOf } from "../../config";
import { stdin, type State } from "../../remote/state";
import { CloudflareApi, no, TOKEN, ZONE } from "../cloudflare-api";
import { finished, type Run } from "./host";

const NAME = "www.example.com";
const [FIRST, SECOND] = ["192.168.0.121", "192.168.0.122"];
const ROOT = join(__dirname, "..", "..");

describe("a record at Cloudflare", () => {
  let api: CloudflareApi;
  let baseUrl: string;
  let keeper: State;
  let only: State;

  /** The states of the records as the program makes them. */
  function states(texts: Readonly<Record<string, string>> = { "cloudflare:apiToken": TOKEN }): void {
    const pis = [FIRST, SECOND].map((address, i) => ({
      ...{ name: `pi${i + 1}`, address, user: "pi" },
      ...{ storage: true, arbiter: false, drained: false },
    }));
    const [leader] = pis;
    if (leader === undefined) throw new Error("two Pis are expected");
    const access = accessOf({ ...texts, "cloudflare:baseUrl": baseUrl }, process.env);
    const all = statesOf([
      aRecordsPart({
        ...{ pis, leader, living: pis, hostname: NAME, floatingAddresses: [], floatingAddresses6: [] },
        volume: { name: "gv0", mount: "/mnt/gluster1", brick: "/mnt/own", clients: [], disconnect: false },
        dns: { provider: "cloudflare", zoneId: ZONE, access, ttl: 1, fewRecords: false },
      }),
    ]);
    const named = (name: string): State => {
      const one = all.find((state) => state.name === name);
      if (one === undefined) throw new Error(`there is no ${name}`);
      return one;
    };
    [keeper, only] = [named("pi1-a-record-keeper"), named("all-a-records")];
  }

  /** Runs a state as on the operator's machine, and sees that no word of the token is told. */
  async function run(mode: string, state: State, environment: NodeJS.ProcessEnv = {}): Promise<Run> {
    const child = spawn("bash", ["-s", mode], { cwd: ROOT, env: { ...process.env, ...environment } });
    child.stdin.end(stdin(state));
    const answer = await finished(child);
    expect(answer.output).not.toContain(TOKEN);
    return answer;
  }
  const checked = async (state: State): Promise<readonly string[]> => (await run("check", state)).changes;
  const PROXIED = "is proxied, so that browsers get no Pi's address";

  beforeEach(async () => {
    api = new CloudflareApi();
    baseUrl = await api.start();
    states();
    for (const [i, address] of [FIRST, SECOND].entries()) api.add(address, { comment: `twopir: pi${i + 1}` });
  });
  afterEach(() => {
    api.stop();
  });

  it("is as it was made, also where it was made again", async () => {
    expect(await run("check", keeper)).toEqual({ status: 0, changes: [], output: "" });
    Object.assign(api.records[0] ?? {}, { comment: "twopir: pi1, again 2026-01-01 00:00:00" });
    expect(await checked(keeper)).toEqual([]);
    expect(await checked(only)).toEqual([]);
    expect(api.told).toEqual([]);
  });

  it.each([
    ["TTL", { ttl: 300 }, "has TTL 300 instead of 1"],
    ["proxied", { proxied: true }, PROXIED],
    ["comment", { comment: null }, 'has the comment "" instead of "twopir: pi1"'],
    ["comment, by another's", { comment: `it's "mine"\t$(x)` }, /has the comment "it's "mine".*" instead of/],
    ["all", { ttl: 60, proxied: true, comment: "x" }, /TTL 60 .* and is proxied.* and has the comment "x"/],
  ])("is put right where somebody changed its %s", async (_, change, named) => {
    Object.assign(api.records[0] ?? {}, change);
    const reason = expect.stringMatching(
      named instanceof RegExp ? named : `^the A record ${FIRST} of ${NAME} ${named}$`,
    ) as unknown;
    expect(await checked(keeper)).toEqual([reason]);
    expect(api.told).toEqual([]); // a check changes nothing
    expect((await run("apply", keeper)).status).toBe(0);
    expect(api.told).toEqual([`PATCH A ${FIRST}`]);
    expect(api.summary[0]).toBe(`A ${FIRST} 1 (twopir: pi1)`);
    expect(await checked(keeper)).toEqual([]);
  });

  it("is missed where it is gone or leads elsewhere, which fails where its resource has not made it again", async () => {
    Object.assign(api.records[0] ?? {}, { content: "192.0.2.1" });
    expect((await checked(only))[0]).toBe(`${NAME} has no A record ${FIRST}`);
    expect(await run("apply", keeper)).toEqual({ status: 0, changes: [], output: "" });
    const { status, output } = await run("apply", only);
    expect(status).not.toBe(0);
    expect(output).toContain(`${NAME} still has no A record ${FIRST}: run pulumi up again`);
    expect(api.told).toEqual([]);
  });

  it("stays where it is another Pi's by now", async () => {
    for (const comment of ["twopir: pi2", "twopir: pi10", "twopir: pi2, again 2026-01-01 00:00:00"]) {
      Object.assign(api.records[0] ?? {}, { comment });
      expect((await run("remove", keeper)).status).toBe(0);
      expect(api.told).toEqual([]);
    }
  });

  it("is the only one beside those of the other Pis", async () => {
    api.add("192.0.2.1");
    api.add("192.0.2.1", { name: "other.example.com" });
    api.add("2001:db8::1");
    expect(await checked(only)).toEqual([`${NAME} has an A record 192.0.2.1 that is none of the Pis'`]);
    expect((await run("apply", only)).status).toBe(0);
    expect(api.told).toEqual(["DELETE A 192.0.2.1"]);
    expect(api.records.length).toBe(4);
  });

  it("is taken away, its TTL is waited for, and that it is gone already is no error", async () => {
    const { status, output } = await run("remove", keeper);
    expect(status).toBe(0);
    expect(output).toContain("waiting until the TTL of 1 s is over");
    expect(api.told).toEqual([`DELETE A ${FIRST}`]);
    expect((await run("remove", keeper)).status).toBe(0);
    expect(api.told.length).toBe(1);
  });

  it("is not waited for where it was the last one", async () => {
    api.records = api.records.slice(0, 1);
    expect((await run("remove", keeper)).output).not.toContain("waiting");
  });

  it("is taken away with the token of the environment where that of the last update was withdrawn", async () => {
    states({ "cloudflare:apiToken": "withdrawn" });
    const { status, output } = await run("remove", keeper);
    expect(status).not.toBe(0);
    expect(output).toContain("set CLOUDFLARE_API_TOKEN to one for that zone");
    expect(output).toContain("pulumi state delete the URN of pi1-a-record-keeper");
    expect((await run("remove", keeper, { CLOUDFLARE_API_TOKEN: TOKEN })).status).toBe(0);
    expect(api.told).toEqual([`DELETE A ${FIRST}`]);
  });

  it("is asked for with the token of the environment, which is in no state", async () => {
    states({});
    expect(stdin(keeper)).not.toContain(TOKEN);
    const environment = { CLOUDFLARE_API_TOKEN: TOKEN };
    expect(await run("check", keeper, environment)).toEqual({ status: 0, changes: [], output: "" });
    const key = { CLOUDFLARE_API_KEY: TOKEN, CLOUDFLARE_EMAIL: "a@example.com" };
    expect((await run("check", keeper, key)).status).toBe(0);
    expect(api.headers.at(-1)).toMatchObject({ "x-auth-email": "a@example.com" });
    states({ "cloudflare:email": "b@example.com" });
    expect((await run("check", keeper, { CLOUDFLARE_API_KEY: TOKEN })).status).toBe(0);
    expect(api.headers.at(-1)).toMatchObject({ "x-auth-email": "b@example.com" });
  });

  it.each<[string, () => void, RegExp]>([
    [
      "refuses the token",
      () => {
        states({ "cloudflare:apiToken": 'x"\\" url = "file:///etc/passwd' });
      },
      /refuses what is asked .*: Authentication error \(10000\)/,
    ],
    [
      "is out of order",
      () => {
        api.instead = () => [502, "<html>"];
      },
      /its answer cannot be read/,
    ],
    [
      "does not know the record any more",
      () => {
        api.instead = (method) =>
          method === "GET" ? undefined : [404, no(81_044, "Record does not exist.")];
      },
      /Record does not exist. \(81044\)/,
    ],
    [
      "is not there",
      () => {
        api.stop();
      },
      /Cloudflare's API does not answer: .*[Cc]onnect/,
    ],
  ])("stays as it is where the API %s, which is said", async (_, happen, why) => {
    happen();
    const { status, output } = await run("remove", keeper);
    expect(status).not.toBe(0);
    expect(output).toMatch(why);
    expect(api.records.length).toBe(2);
  });

  it("shows its token to nobody who lists processes", async () => {
    api.delay = 1500;
    const asking = run("check", keeper);
    const seen = new Set<string>();
    for (let i = 0; i < 10; i += 1) {
      await sleep(100);
      for (const pid of readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)))
        for (const file of ["cmdline", "environ"])
          try {
            seen.add(readFileSync(`/proc/${pid}/${file}`, "utf8"));
          } catch {
            // It has just ended.
          }
    }
    await asking;
    expect([...seen].join("\n")).toContain("/dns_records?name=");
    expect([...seen].join("\n")).not.toContain(TOKEN);
  });
});
