import { afterAll, describe, expect, it } from "vitest";
import {
  CONTENT_ALONE,
  connected,
  endsWell,
  healed,
  inside,
  lab,
  labFile,
  notesFull,
  run,
  servesAgain,
  until,
  whileFetching,
} from "../../lab/drive/lab";
import { begin, reasonsIn, succeeded } from "./states";
import { cell, writeTable } from "./table";
import type { Cluster } from "../../lab/drive/stack";

export const BRICK = "/data/brick1/gv0";
const FILES = "/var/lib/glusterd";

/** How one Pi loses what it needs for its copy. */
interface Loss {
  readonly what: string;
  readonly lose: (name: string) => Promise<unknown>;
  /** What preview says of it. */
  readonly reason: string;
  /** Shell that finds on one of the Pis what was moved aside: where two do not agree, the later one gives in. */
  readonly aside?: string;
}

const shell =
  (line: string) =>
  (name: string): Promise<string> =>
    inside(name, line);
export const powerCycle = async (name: string): Promise<void> => {
  await lab("off", name);
  await lab("on", name);
};
/** A file that a power cut left empty; glusterd writes its checksums anew when it starts, so of these nothing is said. */
const emptied = (file: string): Loss => ({
  what: `power cut that left ${file} empty`,
  lose: async (name) => {
    await inside(name, `for file in ${FILES}/${file}; do test -s "$file" && : >"$file"; done && sync`);
    await powerCycle(name);
  },
  ...(file.endsWith("cksum")
    ? { reason: "" }
    : { reason: "so it is given back what", aside: "ls -d /var/lib/twopir/glusterd-*" }),
});
/** A new card, to which the disk with the copy is moved. */
const oldDisk = async (name: string): Promise<void> => {
  const kept = labFile(`${name}-disk.tar`);
  const tar = `bash lab/lab.sh exec ${name} tar --xattrs --xattrs-include='*' -C /`;
  await run("bash", ["-c", `${tar} -c data >${kept}`]);
  await lab("blank", name, "--trust");
  await run("bash", ["-c", `${tar} -x <${kept}; rm ${kept}`]);
};
const oldCopy = `cat ${BRICK}.2*/www/before`;
const oldFiles = "cat /var/lib/twopir/glusterd-*/glusterd.info";

const card: Loss = {
  what: "card",
  lose: (name) => lab("blank", name, "--trust"),
  reason: "not installed: glusterfs-server",
};
const allFiles: Loss = {
  what: `all of ${FILES}, glusterd restarted`,
  lose: shell(`systemctl stop glusterd && rm -rf ${FILES}/* && systemctl start glusterd`),
  reason: "so it is given back what",
  aside: oldFiles,
};
const folderReplaced: Loss = {
  what: "folder of the brick, an empty one in its place, while its process runs",
  lose: shell(`mv ${BRICK} /data/gone && mkdir ${BRICK}`),
  reason: `${BRICK} does not carry a volume's mark`,
};
const LOSSES: readonly Loss[] = [
  card,
  {
    what: "card, the disk with the copy kept",
    lose: oldDisk,
    reason: "not installed: glusterfs-server",
  },
  {
    what: "disk: the folder of the brick is empty and nothing serves it",
    lose: shell(
      `kill -KILL $(pgrep -x glusterfsd); find ${BRICK} -mindepth 1 -delete; setfattr -x trusted.glusterfs.volume-id ${BRICK}`,
    ),
    reason: `${BRICK} does not carry a volume's mark`,
  },
  folderReplaced,
  allFiles,
  {
    what: `all of ${FILES}, while glusterd runs`,
    lose: shell(`rm -rf ${FILES}/*`),
    reason: "/glusterd.info is missing, so it is given back what",
  },
  ...["glusterd.info", "peers/*", "vols/gv0/info", "vols/gv0/cksum", "vols/gv0/bricks/*"].map(emptied),
  {
    what: "peer rejected: it has another value of an option",
    lose: shell(
      `systemctl stop glusterd && sed -i s/^network.ping-timeout=.*/network.ping-timeout=77/ ${FILES}/vols/gv0/info && systemctl start glusterd`,
    ),
    reason: "do not agree about the volume",
    aside: "grep network.ping-timeout= /var/lib/twopir/glusterd-*/vols/gv0/info",
  },
  {
    what: "folder of the brick, moved aside and still served by the process of a former glusterd",
    lose: shell(
      `systemctl stop glusterd && mv ${BRICK} /data/gone && rm -rf ${FILES}/* && systemctl start glusterd && pgrep -x glusterfsd`,
    ),
    reason: "so it is given back what",
  },
  {
    what: "mark of the volume on the folder of the brick",
    lose: shell(`setfattr -x trusted.glusterfs.volume-id ${BRICK}`),
    reason: `${BRICK} does not carry a volume's mark`,
    aside: oldCopy,
  },
  {
    what: ".glusterfs/indices of the brick",
    // While its process runs, it makes it anew.
    lose: shell(`kill -KILL $(pgrep -x glusterfsd); rm -rf ${BRICK}/.glusterfs/indices`),
    reason: `${BRICK} has no .glusterfs/indices`,
    aside: oldCopy,
  },
];

const CLUSTERS = {
  converged: {
    is: "two Pis",
    pis: ["pi1", "pi2"],
    copies: ["pi1", "pi2"],
    lose: ["pi1", "pi2"],
    losses: LOSSES,
  },
  three: {
    is: "three Pis",
    pis: ["pi1", "pi2", "pi3"],
    copies: ["pi1", "pi2", "pi3"],
    lose: ["pi1", "pi3"],
    losses: [card, allFiles, folderReplaced],
  },
  arbiter: {
    is: "two Pis and an arbiter",
    pis: ["pi1", "pi2", "pi3"],
    copies: ["pi1", "pi2"],
    lose: ["pi1", "pi3"],
    losses: [card, allFiles, folderReplaced],
  },
} as const;
type Kind = keyof typeof CLUSTERS;

/** The cluster that the last case left whole; after one that failed there is none. */
let whole: { readonly kind: Kind; readonly cluster: Cluster } | undefined;
async function wholeCluster(kind: Kind): Promise<Cluster> {
  const cluster = whole?.kind === kind ? whole.cluster : await begin(kind);
  whole = undefined;
  return cluster;
}

/** Of two copies each has noted by now that it is full, as it has in a cluster that is some minutes old. */
export async function noted(kind: Kind): Promise<void> {
  if (kind !== "converged") return;
  for (const each of ["pi1", "pi2"]) await notesFull(each);
}

/** All files of a brick: path and checksum. An arbiter's have no content. */
const filesOf = (name: string, sum: string): Promise<string> =>
  inside(name, `cd ${BRICK} && find . ${CONTENT_ALONE} -type f -print0 | sort -z | xargs -0 ${sum}`);
export const write = (on: string, file: string): Promise<string> =>
  inside(on, `head -c 1M /dev/urandom >/mnt/gluster1/www/${file}`);

/** Every copy is full, and pulumi finds nothing to do. */
export async function full(cluster: Cluster, kind: Kind): Promise<void> {
  const { pis, copies } = CLUSTERS[kind];
  for (const each of pis) await servesAgain(each);
  await connected(pis.length);
  await healed("pi1");
  await until("all copies are the same", 60, async () => {
    const sums = await Promise.all(copies.map((each) => filesOf(each, "md5sum")));
    const names = await Promise.all(pis.map((each) => filesOf(each, "ls")));
    return new Set(sums).size === 1 && new Set(names).size === 1;
  });
  const again = await cluster.preview();
  expect(again.said).toBe("");
  expect(again.changed).toEqual({});
}

export async function unnoticed(cluster: Cluster): Promise<string> {
  let said = "";
  const seen = await whileFetching(async () => {
    ({ said } = succeeded(await cluster.up()));
  });
  expect(seen.why).toEqual([]);
  return said;
}

/**
 * A case for each of these clusters, for each Pi that loses something, and for each thing that it loses.
 *
 * @param table Name of the file in docs/ that is written where all of them pass.
 */
export function bringsBack(kinds: readonly Kind[], table: string): void {
  const all = kinds.flatMap((kind) => {
    const { is, pis, lose, losses } = CLUSTERS[kind];
    return losses.flatMap((loss) => lose.map((name) => ({ kind, is, pis, name, ...loss })));
  });
  const seen: { name: string; is: string; what: string; reasons: string[] }[] = [];

  describe("one pulumi up brings back all copies", () => {
    it.each(all)("$is, $name loses: $what", async ({ kind, is, pis, name, what, lose, reason, aside }) => {
      const cluster = await wholeCluster(kind);
      const other = pis.find((each) => each !== name) ?? name;
      await inside(name, "rm -rf /data/gone /data/brick1/gv0.2* /var/lib/twopir/glusterd-*");
      await write(other, "before");
      await noted(kind);
      await lose(name);
      await write(other, "meanwhile");
      const preview = await cluster.preview();
      const reasons = reasonsIn(preview);
      seen.push({ name, is, what, reasons });
      expect(reasons.join("\n")).toContain(reason);
      const said = await unnoticed(cluster);
      await full(cluster, kind);
      if (aside !== undefined) {
        expect((await Promise.all(pis.map((each) => endsWell(each, aside)))).includes(true)).toBe(true);
        expect(said).toMatch(/what glusterd had is in|the old copy lies in/);
      }
      whole = { kind, cluster };
    });
  });

  afterAll(() => {
    if (seen.length < all.length || whole === undefined) return;
    const intro = [
      `Written by \`test/e2e/${table}.test.ts\`, which takes each from a running cluster, writes a file meanwhile, and sees one`,
      "`pulumi up` bring back all copies while the site is served, delete nothing, and the next preview empty.",
    ];
    const rows = seen.map(({ name, is, what, reasons }) => [what, `${name} of ${is}`, cell(reasons)]);
    writeTable(table, "What one Pi may lose", intro, ["lost", "on", "what `pulumi preview` prints"], rows);
  });
}
