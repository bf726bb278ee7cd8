import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { noteWanted, presentRecords, requireHalfOfRecords, toldElsewhere } from "../../../operator/records";

vi.mock("../../../operator/names", () => ({
  resolve: () => Promise.resolve(["192.168.0.7", "192.168.0.8", "192.168.0.9"]),
}));

/**
 * A stand-in for dig: a file for each server, "resolver" for the one that this machine asks, has lines "TYPE NAME ANSWER",
 * or the status of an answer without any; a server without a file does not answer. Of its own records the resolver tells the TTL; what it keeps has less of that
 * from second to second.
 */
const DIG = `#!/bin/bash
# A server that knows its own zones alone says so of others.
if [[ " $* " == *" +norecurse "* && \${*: -2:1} != *example.com. ]]; then
  echo ";; ->>HEADER<<- opcode: QUERY, status: REFUSED, id: 7" && exit
fi
server=resolver
for word; do
  case $word in @*) server=\${word#@} ;; esac
done
name=\${*: -2:1} type=\${*: -1}
[ -e "$ANSWERS/$server" ] || { echo ";; no servers could be reached"; exit 9; }
if [ -e "$ANSWERS/own" ]; then ttl=30; else ttl=$(date +%s%N); fi
read -r status <"$ANSWERS/$server"
case $status in [A-Z]*' '* | '') status=NOERROR ;; esac
echo ";; ->>HEADER<<- opcode: QUERY, status: $status, id: 7"
sed -n "s/^$type \${name%.} /$name $ttl IN $type /p" "$ANSWERS/$server"
`;
const ZONE = { provider: "rfc2136", server: "192.168.0.53", zone: "example.com" };
const NAME = "www.example.com";
const SOA = "SOA example.com ns1.example.com. root.example.com. 7 3600 600 86400 60";
const RECORDS = [`A ${NAME} 192.168.0.122`, `A ${NAME} 192.168.0.121`];
const SERVERS = ["NS example.com ns1.example.com.", "A ns1.example.com 192.168.0.53"];

it("records that the user keeps are what this machine finds, and none of them is in the way of an update", async () => {
  const none = { provider: "none" };
  expect(await presentRecords(NAME, "A", none)).toEqual(["192.168.0.7", "192.168.0.8", "192.168.0.9"]);
  await requireHalfOfRecords(NAME, none, { A: ["192.168.0.121"], AAAA: [] });
});

it("what an update wants is written down, where there is what says in the end that nothing is", async () => {
  await pulumi.runtime.setMocks(
    { newResource: () => ({ id: "", state: {} }), call: () => ({}) },
    "x",
    "unit-test",
  );
  const zone = { ...ZONE, zone: "unit-test.invalid" };
  const folder = join(__dirname, "../../../.twopir/records");
  const written = async (...names: string[]): Promise<Record<string, string>> => {
    const wanted = { A: ["192.168.0.121", "192.168.0.122"], AAAA: ["2001:db8::121"] };
    await noteWanted(NAME, zone, wanted, () => Promise.resolve(names));
    const files = readdirSync(folder).filter((file) => /^(unit-test|former)\./.test(file));
    return Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), "utf8")]));
  };
  const of = (address: string): string => `unit-test.invalid ${NAME} ${address}\n`;
  const A = { "unit-test.A": of("192.168.0.121") + of("192.168.0.122") };
  expect(await written("pi1-a-record", "no-other-a-records")).toEqual(A);
  writeFileSync(join(folder, "former.A"), of("192.168.0.123")); // its stack has another name now
  expect(await written("no-other-a-records", "no-other-aaaa-records")).toEqual({
    ...A,
    "unit-test.AAAA": of("2001:db8::121"),
  });
  // Of two operators at once each takes away what the other one has noted, and so is about to read what is gone by then.
  const gone = join(folder, "gone.A");
  rmSync(gone, { force: true });
  symlinkSync("nowhere", gone);
  expect(await written("no-other-a-records")).toEqual(A);
  rmSync(gone);
  expect(await written("pi1-a-record", "all-a-records")).toEqual({});
});

describe("what others are told of the name", () => {
  const folder = mkdtempSync(join(tmpdir(), "twopir-dig-"));
  const path = process.env.PATH;
  const answers = (server: string, ...lines: string[]): void =>
    writeFileSync(join(folder, server), lines.map((line) => `${line}\n`).join(""));

  beforeAll(() => {
    writeFileSync(join(folder, "dig"), DIG);
    chmodSync(join(folder, "dig"), 0o755);
    process.env.PATH = `${folder}:${path ?? ""}`;
    process.env.ANSWERS = folder;
  });
  afterAll(() => {
    process.env.PATH = path;
    delete process.env.ANSWERS;
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    answers(ZONE.server, SOA, ...SERVERS, ...RECORDS);
    answers("resolver");
  });

  const told = async (): Promise<[string, boolean][]> =>
    (await toldElsewhere(NAME, { A: (await presentRecords(NAME, "A", ZONE)) ?? [] }, ZONE)).map(
      ({ message, hereOnly }) => [message.split(":")[0] ?? "", hereOnly],
    );

  it("is nothing where nobody else is there to ask, or nothing is known", async () => {
    expect(await told()).toEqual([]);
    answers(ZONE.server, SOA, ...SERVERS);
    expect(await told()).toEqual([]);
    rmSync(join(folder, ZONE.server));
    expect(await told()).toEqual([]);
  });

  it("is nothing that this machine finds, where the zone's own name servers are not asked", async () => {
    const cloudflare = { provider: "cloudflare" };
    const hidden = async (): Promise<string[]> =>
      (await toldElsewhere(NAME, { A: ["192.168.0.121"] }, cloudflare)).map(({ message }) => message);
    answers("resolver", ...RECORDS);
    expect(await hidden()).toEqual([]);
    answers("resolver");
    expect(await hidden()).toEqual([expect.stringMatching(/gives no A record of .* rebind/)]);
  });

  it("is what DNS has, where this machine finds the records that the user keeps otherwise", async () => {
    const by = async (name: string): Promise<string[]> =>
      (await toldElsewhere(name, { A: ["192.168.0.121"] }, { provider: "none" })).map(
        ({ message }) => message,
      );
    expect(await by(NAME)).toEqual([
      expect.stringMatching(/^this machine finds 192.168.0.121 for .* has no A record of it: .*\/etc\/hosts/),
    ]);
    answers("resolver", RECORDS[0] ?? "");
    expect(await by(NAME)).toEqual([
      expect.stringContaining("the name server that it asks has 192.168.0.122"),
    ]);
    answers("resolver", RECORDS[1] ?? "");
    expect(await by(NAME)).toEqual([]);
    expect(await by("pi.local")).toEqual([]);
  });

  it("is nothing where the name server that this machine asks finds the zone's signatures wrong", async () => {
    const dead = [[expect.stringContaining(`asks answers SERVFAIL for ${NAME}`), true]];
    answers("resolver", "SERVFAIL");
    expect(await told()).toEqual(dead);
    const cloudflare = { provider: "cloudflare" };
    const all = await toldElsewhere(NAME, { A: ["192.168.0.121"] }, cloudflare);
    expect(all.map(({ message, hereOnly }) => [message, hereOnly])).toEqual(dead);
    answers("resolver", "REFUSED");
    expect(await told()).toEqual([]);
    answers(ZONE.server, "SERVFAIL");
    expect(await presentRecords(NAME, "A", ZONE)).toBeUndefined();
  });

  it("is what the zone's other name servers have, in the zone or out of it", async () => {
    const other = ["NS example.com ns2.example.com.", "A ns2.example.com 192.168.0.54"];
    answers(ZONE.server, SOA, ...SERVERS, ...other, "NS example.com ns.example.net.", ...RECORDS);
    answers("resolver", "A ns.example.net 192.0.2.53");
    answers("192.168.0.54", ...[...RECORDS].reverse());
    answers("192.0.2.53", ...RECORDS);
    expect(await told()).toEqual([]);
    answers("192.168.0.54", `A ${NAME} 192.168.0.121`);
    rmSync(join(folder, "192.0.2.53"));
    const right = "and the primary 192.168.0.53 has 192.168.0.121, 192.168.0.122";
    expect(await told()).toEqual([
      [
        `ns2.example.com (192.168.0.54), a name server of example.com, has 192.168.0.121 for ${NAME}, ${right}`,
        false,
      ],
      [
        `ns.example.net (192.0.2.53), a name server of example.com, does not answer, or has no such zone`,
        true,
      ],
    ]);
    answers("192.168.0.54");
    answers("192.0.2.53", ...RECORDS);
    expect(await told()).toEqual([[expect.stringContaining(`has no A record for ${NAME}`), false]]);
  });

  it("is told of each type, and once of a server that does not answer", async () => {
    const other = ["NS example.com ns2.example.com.", "A ns2.example.com 192.168.0.54"];
    const both = { A: ["192.168.0.121", "192.168.0.122"], AAAA: ["2001:db8::121"] };
    answers(ZONE.server, SOA, ...SERVERS, ...other, ...RECORDS, `AAAA ${NAME} 2001:db8::121`);
    answers("192.168.0.54", ...RECORDS, `AAAA ${NAME} 2001:db8::7`);
    const messages = async (): Promise<string[]> =>
      (await toldElsewhere(NAME, both, ZONE)).map(({ message }) => message);
    expect(await messages()).toEqual([
      expect.stringContaining(`has 2001:db8::7 for ${NAME}, and the primary 192.168.0.53 has 2001:db8::121`),
    ]);
    rmSync(join(folder, "192.168.0.54"));
    expect(await messages()).toEqual([
      expect.stringContaining("(192.168.0.54), a name server of example.com, does not answer"),
    ]);
  });

  it("is nothing at a name server that hides private addresses, and knows the zone", async () => {
    const hides = `the name server that this machine asks knows example.com, and gives no A record of ${NAME}`;
    answers("resolver", SOA);
    expect(await told()).toEqual([[hides, true]]);
    answers("resolver", SOA, `A ${NAME} 0.0.0.0`);
    expect(await told()).toEqual([[hides, true]]);
    for (const kept of [RECORDS[0] ?? "", `A ${NAME} 192.168.0.7`]) {
      answers("resolver", SOA, kept); // perhaps for the rest of the TTL
      expect(await told()).toEqual([]);
    }
  });

  it("is what the name server that this machine asks has of its own, as of a former site", async () => {
    const own = [
      [
        `the name server that this machine asks has a record of its own of ${NAME}, 192.168.0.121, where the zone has 192.168.0.121, 192.168.0.122`,
        true,
      ],
    ];
    answers("own");
    answers("resolver", SOA, RECORDS[1] ?? "");
    expect(await told()).toEqual(own);
    const cloudflare = { provider: "cloudflare" };
    const all = { A: ["192.168.0.121", "192.168.0.122"] };
    expect((await toldElsewhere(NAME, all, cloudflare)).map(({ message }) => message.split(":")[0])).toEqual([
      own[0]?.[0],
    ]);
    rmSync(join(folder, "own"));
    expect(await toldElsewhere(NAME, all, cloudflare)).toEqual([]);
  });

  it("is what the name server that this machine asks has of another zone, where it has the name", async () => {
    const other = SOA.replaceAll("ns1", "ns9");
    for (const rest of [[], [...RECORDS].reverse()]) {
      answers("resolver", other, ...rest);
      expect(await told()).toEqual([]);
    }
    for (const parked of [[`A ${NAME} 203.0.113.7`], [other, `A ${NAME} 203.0.113.7`]]) {
      answers("resolver", ...parked);
      expect(await told()).toEqual([
        [
          `the name server that this machine asks has 203.0.113.7 for ${NAME}, of another zone example.com than the ` +
            `primary 192.168.0.53, which has 192.168.0.121, 192.168.0.122`,
          true,
        ],
      ]);
    }
  });
});
