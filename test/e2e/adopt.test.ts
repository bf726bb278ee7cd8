import { afterAll, describe, expect, it } from "vitest";
import { ADOPTED, type Before, BRICK, CLIENT, FILES, HAND, REFUSED } from "./adoptions";
import { address, endsWell, get, inside, until } from "../../lab/drive/lab";
import { differences, snapshot } from "./snapshot";
import { Cluster } from "../../lab/drive/stack";
import { loaded, succeeded } from "./states";
import { cell, writeTable } from "./table";

const ALL = ["pi1", "pi2", "pi3"] as const;
const PIS = ["pi1", "pi2"] as const;

/** Updates take a package and a minute more, and have no part in this. */
const settingsOf = (more: Readonly<Record<string, unknown>> = {}) => ({ "twopir:updates": "off", ...more });

async function begin({ made, settings }: Before): Promise<Cluster> {
  await loaded("gluster");
  for (const [name, line] of made) await inside(name, line);
  return Cluster.create(settingsOf(settings));
}

const everywhere = (line: string): Promise<string[]> => Promise.all(ALL.map((name) => inside(name, line)));

/** A checksum of the files on each brick, and whatever else lies beside the bricks. */
async function copies(bricks: readonly string[] = [BRICK]): Promise<string> {
  const sum = (brick: string): string =>
    `if cd ${brick} 2>/dev/null && [ -n "$(ls -d ${FILES})" ]; then find ${FILES} -type f | sort | xargs -r sha256sum | sha256sum | cut -c1-8; fi`;
  const line = `{ ${bricks.map(sum).join("; ")}; ls -d /data/brick1/*.2*; } 2>/dev/null | xargs`;
  const found = await everywhere(line);
  return ALL.flatMap((name, i) => (found[i] === "" ? [] : [`${name} ${found[i] ?? ""}`])).join(", ");
}

/** All that gluster says of the volumes; its options are in no order. */
const volumes = async (): Promise<string> =>
  (await inside("pi1", "gluster volume info 2>&1")).split("\n").sort().join("\n").trim();
const bricksIn = (info: string): string[] => info.split("\n").filter((line) => /^Brick\d+: /.test(line));
/** What belongs to the Pi, not to twopir. */
const hostFacts = (): Promise<string[]> =>
  everywhere(
    "systemctl is-enabled glusterd; systemctl is-active glusterd; dpkg-query -W; cat /etc/fstab; findmnt -n -t fuse.glusterfs -o TARGET; nft list tables; gluster peer status | grep -cE '^Uuid' || true",
  );
/** Commands to gluster that take something away, on any Pi until now; each logs its own. */
const taken = async (): Promise<string> =>
  (
    await everywhere(
      "grep -hE ': volume (remove-brick|add-brick|replace-brick|reset-brick|stop|delete) |: peer detach' /var/log/glusterfs/cmd_history.log || true",
    )
  ).join("\n");

/** Everything on a Pi's card and in its memory that an up could change. */
async function picture(name: string): Promise<Map<string, string>> {
  const asked = [
    "dpkg-query -W",
    "nft list ruleset 2>&1",
    "gluster peer status",
    "gluster volume info",
    "findmnt -n -t fuse.glusterfs",
  ];
  const seen = await snapshot(name);
  for (const line of asked) seen.set(line, await inside(name, `${line} || true`));
  return seen;
}

const rows: { what: string; happens: string; words: string[]; before: string; after: string }[] = [];

afterAll(() => {
  if (rows.length !== ADOPTED.length + REFUSED.length + 1) return;
  const intro = [
    "Written by `test/e2e/adopt.test.ts`, which makes each by hand on Pis with blank cards, and runs `pulumi up` for the",
    "first time. Adopted: under the names that it has, and nothing is taken away; both Pis serve the page, the next preview",
    "is empty, and `pulumi destroy` leaves the volume, its options and glusterd as they were. Refused: `up` fails, and",
    "nothing on any Pi differs. A checksum is that of all files that were on the volume, read from the brick.",
  ];
  const columns = [
    "what was there",
    "what happens",
    "copies and checksums before",
    "after `up`, and `destroy`",
  ];
  writeTable(
    "adoption",
    "What was there before twopir",
    intro,
    columns,
    rows.map(({ what, happens, words, before, after }) => [
      what,
      `**${happens}** ${cell(words)}`,
      before || "none",
      after || "none",
    ]),
  );
});

const refusalsIn = (said: string, part: string): string[] => [
  ...new Set(
    said.split("\n").flatMap((line) => (line.includes(part) && line.startsWith("- ") ? [line.slice(2)] : [])),
  ),
];

describe("what was there before the first pulumi up", () => {
  it.each(ADOPTED)("is taken over: $what", async ({ what, made, settings = {}, shown, stays, bricks }) => {
    const cluster = await begin({ what, made, settings });
    const info = await volumes();
    const facts = await hostFacts();
    const before = await copies(bricks);
    const history = await taken();
    const wasVolume = info.includes("Volume Name: gv0");

    const preview = await cluster.preview();
    expect(preview.failed).toBe(false);
    const words = preview.said.split("\n").filter((line) => (shown ?? /^gv0-(volume|started): /).test(line));
    expect(words.join("\n")).toContain(
      wasVolume || !shown ? (wasVolume ? "it is taken over as it is" : "volume gv0 is missing") : "",
    );
    succeeded(await cluster.up());
    if (wasVolume) expect(bricksIn(await volumes())).toEqual(bricksIn(info));
    expect(await copies(bricks)).toBe(before);
    expect(await taken()).toBe(history);
    if (stays !== undefined) expect(await endsWell("pi1", stays)).toBe(true);
    for (const name of PIS) expect((await get(address(name))).status).toBe(200);
    const again = await cluster.preview();
    expect(again.said).toBe("");
    expect(again.changed).toEqual({});

    succeeded(await cluster.destroy());
    expect((await volumes()).replace(/^user\.twopir: left$/m, "").trim()).toBe(info); // gluster never takes it away
    expect(await hostFacts()).toEqual(facts);
    const after = await copies(bricks);
    expect(after).toBe(before);
    rows.push({ what, happens: wasVolume ? "adopted" : "made", words, before, after });
  });

  it.each(REFUSED)("is refused: $what", async ({ what, made, settings = {}, said, bricks }) => {
    const cluster = await begin({ what, made, settings });
    const before = await copies(bricks);
    const pictures = await Promise.all(ALL.map(picture));
    const preview = await cluster.preview();
    expect(preview.said).toContain(said);
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toContain("Nothing was changed:");
    expect(outcome.changed).toEqual({});
    const words = refusalsIn(outcome.said, said);
    expect(words.length).toBeGreaterThan(0);
    const now = await Promise.all(ALL.map(picture));
    ALL.forEach((_, i) => {
      expect(differences(pictures[i], now[i])).toEqual([]);
    });
    rows.push({ what, happens: "refused", words, before, after: await copies(bricks) });
  });

  it(`stops before it cuts somebody off: ${CLIENT.what}`, async () => {
    const cluster = await begin(CLIENT);
    const before = await copies();
    const cutOff = `${address("pi3")} is connected to a brick of`;
    const refused = async (): Promise<string[]> => {
      const outcome = await cluster.up();
      expect(outcome.failed).toBe(true);
      expect(outcome.changed).toEqual({});
      return refusalsIn(outcome.said, cutOff);
    };
    const preview = await cluster.preview();
    for (const name of PIS) expect(preview.said).toContain(`${cutOff} ${name}`);
    const pictures = await Promise.all(ALL.map(picture));
    const words = await refused();
    const now = await Promise.all(ALL.map(picture));
    ALL.forEach((_, i) => {
      expect(differences(pictures[i], now[i])).toEqual([]);
    });

    const reads = `timeout 20 cat ${HAND}/note`;
    const mounts = `umount -l ${HAND}; timeout 20 mount -t glusterfs ${address("pi1")}:/gv0 ${HAND} && ${reads}`;
    await cluster.configure(settingsOf({ "twopir:volume": { clients: [address("pi3")] } }));
    succeeded(await cluster.up());
    expect(await inside("pi3", reads)).toBe("by hand");
    expect(await inside("pi3", mounts)).toBe("by hand");
    await until("both bricks are reached", 30, () =>
      endsWell(
        "pi3",
        `[ "$(cat ${HAND}/.meta/graphs/active/gv0-client-*/private | grep -c '^connected = 1')" = 2 ]`,
      ),
    );
    await cluster.configure(settingsOf());
    await refused();
    await cluster.configure(settingsOf({ "twopir:volume": { disconnect: true } }));
    succeeded(await cluster.up());
    expect(await endsWell("pi3", mounts)).toBe(false);
    expect((await cluster.preview()).changed).toEqual({});
    rows.push({
      what: CLIENT.what,
      happens: "refused, until it is listed",
      words,
      before,
      after: await copies(),
    });
  });
});
