import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { toldElsewhere } from "../../../operator/records";

/**
 * A stand-in for dig: a file for each server, "resolver" for the one that this machine asks, has lines "TYPE NAME ANSWER";
 * a server without a file does not answer.
 */
const DIG = `#!/bin/bash
server=resolver
for word; do
  case $word in @*) server=\${word#@} ;; esac
done
name=\${*: -2:1} type=\${*: -1}
[ -e "$ANSWERS/$server" ] || { echo ";; no servers could be reached"; exit 9; }
sed -n "s/^$type \${name%.} //p" "$ANSWERS/$server"
`;
const ZONE = { provider: "rfc2136", server: "192.168.0.53", zone: "example.com" };
const NAME = "www.example.com";
const SOA = "SOA example.com ns1.example.com. root.example.com. 7 3600 600 86400 60";
const RECORDS = [`A ${NAME} 192.168.0.122`, `A ${NAME} 192.168.0.121`];
const SERVERS = ["NS example.com ns1.example.com.", "A ns1.example.com 192.168.0.53"];

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
    (await toldElsewhere(NAME, ZONE)).map(({ message, hereOnly }) => [message.split(":")[0] ?? "", hereOnly]);

  it("is nothing where nobody else is there to ask, or nothing is known", async () => {
    expect(await told()).toEqual([]);
    expect(await toldElsewhere(NAME, { provider: "cloudflare" })).toEqual([]);
    answers(ZONE.server, SOA, ...SERVERS);
    expect(await told()).toEqual([]);
    rmSync(join(folder, ZONE.server));
    expect(await told()).toEqual([]);
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
      [`ns.example.net (192.0.2.53), a name server of example.com, does not answer, ${right}`, true],
    ]);
    answers("192.168.0.54");
    answers("192.0.2.53", ...RECORDS);
    expect(await told()).toEqual([[expect.stringContaining(`has no A record for ${NAME}`), false]]);
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

  it("says nothing of a name server that has another zone of that name", async () => {
    answers("resolver", SOA.replaceAll("ns1", "ns9"));
    expect(await told()).toEqual([]);
  });
});
