import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { aRecordsPart } from "../../components/a-records";
import { statesOf } from "../../components/cluster";
import type { State } from "../../remote/state";
import type { Run } from "./host";
import { canServe, KEY_NAME, NameServer, READER, SECRET } from "./name-server";

const NAME = "twopir.example.com";
const WRONG_SECRET = "YW5vdGhlciBrZXkgb2YgdGhlIHNhbWUgbGVuZ3RoISE=";
const dns = { server: "127.0.0.1", zone: "example.com", keyName: KEY_NAME, keySecret: SECRET, ttl: 60 };

/** The states of the A records as the program makes them, so that the test notices when their parameters change. */
function states(more: Partial<typeof dns> = {}): [pi1: State, pi2: State, only: State, ...aaaa: State[]] {
  const pis = [1, 2].map((n) => ({
    name: `pi${n}`,
    address: `192.168.0.${120 + n}`,
    address6: `2001:db8::${120 + n}`,
    user: "pi",
    storage: true,
    arbiter: false,
    drained: false,
  }));
  const [first] = pis;
  if (first === undefined) throw new Error("two Pis are expected");
  const [, pi1, pi2, only, ...aaaa] = statesOf([
    aRecordsPart({
      pis,
      hostname: NAME,
      floatingAddresses: [],
      floatingAddresses6: [],
      volume: { name: "gv0", mount: "/mnt/gluster1", brick: "/mnt/own", clients: [], disconnect: false },
      leader: first,
      living: pis,
      dns: { provider: "rfc2136", fewRecords: false, ...dns, ...more },
    }),
  ]);
  if (pi1 === undefined || pi2 === undefined || only === undefined)
    throw new Error("three states are expected");
  return [pi1, pi2, only, ...aaaa];
}

describe.skipIf(!canServe)("the A records, at a real name server", () => {
  const server = new NameServer();
  const [pi1, pi2, only, ...aaaa] = states();
  const fine: Run = { status: 0, changes: [], output: "" };

  beforeAll(() => server.start());
  afterAll(() => server.stop());
  afterEach(() => server.change(`update delete ${NAME}. A`, `update delete ${NAME}. AAAA`));

  it("cannot be told where the server has no such zone, which is no answer", async () => {
    const one = { ...pi1, parameters: { ...pi1.parameters, name: "twopir.example.org" } };
    const { output } = await server.run("apply", one);
    expect(output).toContain(
      "the name server 127.0.0.1 answers REFUSED for twopir.example.org: has it loaded",
    );
  });

  it("come, one by one, and there is nothing more to do then", async () => {
    expect((await server.run("check", pi1)).changes).toEqual([`${NAME} has no A record 192.168.0.121`]);
    expect(server.records(NAME)).toEqual([]); // a check changes nothing
    expect(await server.run("apply", pi1)).toMatchObject({
      status: 0,
      changes: [`${NAME} has no A record 192.168.0.121`],
    });
    expect(server.records(NAME)).toEqual(["192.168.0.121 60"]);
    await server.run("apply", pi2);
    expect(server.records(NAME)).toEqual(["192.168.0.121 60", "192.168.0.122 60"]);
    for (const state of [pi1, pi2, only]) expect(await server.run("check", state)).toEqual(fine);
    expect(await server.run("apply", pi1)).toEqual(fine);
  });

  it("get another TTL", async () => {
    await server.run("apply", pi1);
    const [slower] = states({ ttl: 300 });
    const why = [`the A record 192.168.0.121 of ${NAME} has TTL 60 instead of 300`];
    expect((await server.run("check", slower)).changes).toEqual(why);
    expect(await server.run("apply", slower)).toMatchObject({ status: 0, changes: why });
    expect(server.records(NAME)).toEqual(["192.168.0.121 300"]);
    expect(await server.run("check", slower)).toEqual(fine);
  });

  it("go, each its own only, and the Pi serves on until nobody can have its address in a cache", async () => {
    const [brief] = states({ ttl: 2 });
    await server.run("apply", pi1);
    await server.run("apply", pi2);
    const begin = Date.now();
    expect(await server.run("remove", brief)).toEqual({
      ...fine,
      output: "waiting until the TTL of 2 s is over\n",
    });
    expect(Date.now() - begin).toBeGreaterThan(2000);
    expect(server.records(NAME)).toEqual(["192.168.0.122 60"]);
    expect(await server.run("remove", pi2)).toEqual(fine); // the last one: nobody to wait for
    expect(await server.run("remove", pi1)).toEqual(fine); // gone already
    expect(await server.run("remove", only)).toEqual(fine);
    expect(server.records(NAME)).toEqual([]);
  });

  it("have no others beside them, and leave other names and types alone", async () => {
    await server.run("apply", pi1);
    await server.run("apply", pi2);
    const strangers = ["192.168.0.12", "192.168.0.7"]; // the first begins as a Pi's address does
    server.change(
      ...strangers.map((address) => `update add ${NAME}. 60 A ${address}`),
      `update add ${NAME}. 60 TXT "mine"`,
    );
    const why = strangers.map((address) => `${NAME} has an A record ${address} that is none of the Pis'`);
    expect([...(await server.run("check", only)).changes].sort()).toEqual(why);
    expect(server.records(NAME)).toHaveLength(4);
    expect((await server.run("apply", only)).status).toBe(0);
    expect(server.records(NAME)).toEqual(["192.168.0.121 60", "192.168.0.122 60"]);
    expect(await server.run("check", only)).toEqual(fine);
    expect(server.records("other.example.com")).toEqual(["192.168.0.99 300"]);
    expect(() => server.change(`prereq yxrrset ${NAME}. TXT "mine"`)).not.toThrow();
    server.change(`update delete ${NAME}. TXT`);
  });

  it("are there by IPv6, too, and neither type is in the way of the other", async () => {
    const [first, second, onlyThese] = aaaa;
    if (!first || !second || !onlyThese) throw new Error("three states are expected");
    server.change(`update add ${NAME}. 60 AAAA 2001:db8::7`);
    for (const state of [pi1, pi2, only]) await server.run("apply", state);
    expect(server.records(NAME, "AAAA")).toEqual(["2001:db8::7 60"]);
    expect((await server.run("check", first)).changes).toEqual([`${NAME} has no AAAA record 2001:db8::121`]);
    for (const state of [first, second]) expect((await server.run("apply", state)).status).toBe(0);
    const why = [`${NAME} has an AAAA record 2001:db8::7 that is none of the Pis'`];
    expect((await server.run("check", onlyThese)).changes).toEqual(why);
    expect(await server.run("apply", onlyThese)).toMatchObject({ status: 0, changes: why });
    expect(server.records(NAME, "AAAA")).toEqual(["2001:db8::121 60", "2001:db8::122 60"]);
    expect(server.records(NAME)).toEqual(["192.168.0.121 60", "192.168.0.122 60"]);
    for (const state of states()) expect(await server.run("check", state)).toEqual(fine);
    const [, , , gone, last] = states({ ttl: 1 });
    expect((await server.run("remove", gone ?? first)).output).toBe("waiting until the TTL of 1 s is over\n");
    expect(await server.run("remove", last ?? second)).toEqual(fine);
    expect(server.records(NAME, "AAAA")).toEqual([]);
    expect(server.records(NAME)).toEqual(["192.168.0.121 60", "192.168.0.122 60"]);
  });

  it("stay where the config wants them by now, until the others' own state goes", async () => {
    const folder = join(__dirname, "../../.twopir/records");
    const list = join(folder, "scripts-test.A");
    mkdirSync(folder, { recursive: true });
    try {
      for (const state of [pi1, pi2, only]) await server.run("apply", state);
      writeFileSync(list, `example.com ${NAME} 192.168.0.121\n`);
      const { output } = await server.run("remove", pi1);
      expect(output).toBe(`the config wants the A record 192.168.0.121 of ${NAME} again, so it stays\n`);
      expect(server.records(NAME)).toEqual(["192.168.0.121 60", "192.168.0.122 60"]);
      await server.run("remove", only);
      expect(existsSync(list)).toBe(false);
      const [, last] = states({ ttl: 1 });
      await server.run("remove", last);
      await server.run("remove", pi1);
      expect(server.records(NAME)).toEqual([]);
    } finally {
      rmSync(list, { force: true });
    }
  });

  it("go without an update where they are gone already, by a key that may be withdrawn", async () => {
    const [first] = states({ keySecret: WRONG_SECRET });
    server.change(`update add ${NAME}. 60 A 192.168.0.122`);
    const one = { ...first, parameters: { ...first.parameters, ttl: 1 } };
    expect(await server.run("remove", one)).toEqual({
      ...fine,
      output: "waiting until the TTL of 1 s is over\n",
    });
  });

  it("are refused beside an alias, which stays", async () => {
    server.change(`update add ${NAME}. 60 CNAME other.example.com.`);
    for (const state of [pi1, pi2, only]) {
      const seen = await server.run("check", state);
      expect(seen.output).toContain(
        `refuse: ${NAME} is an alias (CNAME) of other.example.com, and so cannot have`,
      );
      expect(await server.run("apply", state)).toMatchObject({ status: 65, changes: [] });
    }
    expect(server.records("other.example.com")).toEqual(["192.168.0.99 300"]);
    expect(() => server.change(`prereq yxrrset ${NAME}. CNAME`)).not.toThrow();
    server.change(`update delete ${NAME}. CNAME`);
  });

  it("come also where every name is an alias, which gives way", async () => {
    server.change("update add *.example.com. 60 CNAME other.example.com.");
    const { changes, status } = await server.run("apply", pi1);
    const then = await server.run("check", pi1);
    server.change("update delete *.example.com. CNAME");
    expect({ changes, status }).toEqual({ changes: [`${NAME} has no A record 192.168.0.121`], status: 0 });
    expect(then).toEqual(fine);
  });

  it("fail where the server takes them and does not give them: the name is a zone of its own", async () => {
    server.change(`update add ${NAME}. 60 NS ns1.example.com.`);
    const { status, output } = await server.run("apply", pi1);
    server.change(`update delete ${NAME}.`);
    expect(status).toBe(65);
    expect(output).toContain(
      "accepted the A record 192.168.0.121 of twopir.example.com, but returns no such record:",
    );
  });

  it.each<[string, Partial<typeof dns>, string]>([
    ["a wrong secret", { keySecret: WRONG_SECRET }, "BADSIG"],
    ["an unknown key", { keyName: "nobody" }, "BADKEY"],
    ["a key that may not change the zone", { keyName: READER }, "REFUSED"],
    ["another zone", { zone: "example.org" }, "NOTAUTH"],
  ])("are refused with %s, in words that do not tell the secret", async (_, more, why) => {
    const [refused, , only] = states(more);
    for (const state of states()) await server.run("apply", state);
    const look = await server.run("check", only);
    expect(look.output).toContain("refuse: the name server 127.0.0.1 takes no update of the zone");
    expect(look.output).toContain(why);
    expect(look.output).not.toContain(WRONG_SECRET);
    server.change(`update delete ${NAME}. A`);
    const { status, output } = await server.run("apply", refused);
    expect(status).toBe(65);
    expect(output).toContain(
      `this machine: pi1-a-record: the name server 127.0.0.1 refused the update of ${NAME}: `,
    );
    expect(output).toContain(why);
    expect(output).toContain("Are twopir:dns.keyName, twopir:tsigSecret and twopir:dns.zone right");
    expect(output).not.toContain(SECRET);
    expect(output).not.toContain(WRONG_SECRET);
    expect(server.records(NAME)).toEqual([]);
  });

  it.each(["check", "apply", "remove"])(
    "say in %s that the name server does not answer, soon",
    async (mode) => {
      const start = Date.now();
      const { status, output } = await server.run(mode, states({ server: "127.0.0.53" })[0]);
      expect(status).toBe(65);
      expect(output).toContain("127.0.0.53");
      expect(output).not.toContain(SECRET);
      if (mode === "remove") expect(output).toContain("pulumi state delete the URN of pi1-a-record");
      else expect(output).toContain("does not answer: is the address right, is port 53 open from here?");
      expect(Date.now() - start).toBeLessThan(10_000);
    },
  );
});
