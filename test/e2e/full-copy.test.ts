import { describe, expect, it } from "vitest";
import { CONTENT_ALONE, endsWell, healed, inside, lab, servesAgain, until } from "../../lab/drive/lab";
import { BRICK, full, noted, powerCycle, unnoticed, write } from "./losses";
import { begin, settingsOf, succeeded } from "./states";
import { type Cluster } from "../../lab/drive/stack";

/** All that can be seen of a copy. */
const copyOf = (name: string): Promise<string> =>
  inside(
    name,
    `cd ${BRICK} && find . ${CONTENT_ALONE} -printf '%p %y %m %s %T@ %i\\n' | sort && getfattr -R -h -d -m trusted.gfid -e hex www 2>/dev/null`,
  );

describe("a disk of the brick that is not mounted", () => {
  it("is named, and nothing is made on the card in its place", async () => {
    const cluster = await begin("converged");
    const moved = `systemctl stop glusterd && kill -KILL $(pgrep -x glusterfsd); mount -t tmpfs tmpfs /mnt &&
      tar --xattrs --xattrs-include='*' -C /data/brick1 -c . | tar --xattrs --xattrs-include='*' -C /mnt -x &&
      rm -rf ${BRICK} && mount --bind /mnt /data/brick1 && umount /mnt &&
      echo '/root/unplugged /data/brick1 ext4 loop,nofail 0 0' >>/etc/fstab && systemctl daemon-reload && systemctl start glusterd`;
    await inside("pi1", moved);
    succeeded(await cluster.up());
    await full(cluster, "converged");
    await powerCycle("pi1");
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toMatch(/gv0 belongs on the file system tmpfs, which is not mounted/);
    expect(await inside("pi1", "ls -A /data/brick1")).toBe("");
    await inside("pi1", "mount -t tmpfs tmpfs /data/brick1"); // a new disk
    await unnoticed(cluster);
    await full(cluster, "converged");
  });
});

describe("a disk of before, put back in the place of today's", () => {
  it("gives nothing back of what was changed or deleted since", async () => {
    const cluster = await begin("converged");
    await noted("converged");
    const tar = "tar --xattrs --xattrs-include='*'";
    const www = "/mnt/gluster1/www";
    await inside("pi1", `seq 1000 >${www}/changed && touch ${www}/deleted && sync`);
    await inside("pi1", `${tar} -C /data/brick1 -cf /root/before.tar .`);
    await inside("pi1", `echo new >${www}/changed && rm ${www}/deleted`);
    await inside(
      "pi1",
      `systemctl stop glusterd && kill -KILL $(pgrep -x glusterfsd); mount -t tmpfs tmpfs /data/brick1 &&
       ${tar} -C /data/brick1 -xf /root/before.tar && echo '/root/disk /data/brick1 ext4 loop,nofail 0 0' >>/etc/fstab &&
       systemctl daemon-reload && systemctl start glusterd`,
    );
    await servesAgain("pi1");
    expect((await cluster.preview()).said).toMatch(/lies on another file system than before \(the card\)/);
    await unnoticed(cluster);
    await full(cluster, "converged");
    for (const name of ["pi1", "pi2"]) {
      expect(await inside(name, `cat ${BRICK}/www/changed`)).toBe("new");
      expect(await endsWell(name, `test -e ${BRICK}/www/deleted`)).toBe(false);
    }
    expect(await inside("pi1", `ls ${BRICK}.2*/www`)).toContain("deleted"); // moved aside with the rest
  });
});

describe("copies that differ, of which gluster knows nothing", () => {
  const www = "/mnt/gluster1/www";
  const isKnown = (name: string): Promise<void> =>
    until(`${name} knows that its copy differs`, 90, () =>
      endsWell(name, `getfattr -n trusted.afr.twopir-differs ${BRICK}`),
    );
  const compare = async (): Promise<void> => {
    for (const name of ["pi1", "pi2"]) await inside(name, "systemctl restart twopir-full-copy");
  };

  it("by a card image of before: named, and made anew from the copy that the user says is right", async () => {
    const cluster = await begin("converged");
    await noted("converged");
    const tar = "tar --xattrs --xattrs-include='*' -C /data/brick1";
    await inside("pi1", `seq 1000 >${www}/changed && touch ${www}/deleted && sync`);
    await inside("pi2", `${tar} -cf /root/image.tar gv0`);
    await inside("pi1", `echo new >${www}/changed && rm ${www}/deleted && echo new >${www}/added`);
    await inside(
      "pi2",
      `systemctl stop glusterd && kill -KILL $(pgrep -x glusterfsd); rm -rf ${BRICK} && ${tar} -xf /root/image.tar && systemctl start glusterd`,
    );
    await servesAgain("pi2");
    for (const name of ["pi1", "pi2"]) await isKnown(name);
    expect((await cluster.preview()).said).toMatch(/this copy and \S+ differ, as in \/www\/added/);
    const before = await copyOf("pi2");
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toContain("Look which of the two is right, set twopir:volume.acceptCopy to its Pi");
    expect(await copyOf("pi2")).toBe(before);
    await cluster.configure({ "twopir:volume": { acceptCopy: "pi1" } });
    expect(await unnoticed(cluster)).toMatch(
      /differ, and that one counts as full, by twopir:volume.acceptCopy/,
    );
    await healed("pi2");
    await cluster.configure({});
    succeeded(await cluster.up());
    await full(cluster, "converged");
    for (const name of ["pi1", "pi2"]) {
      expect(await inside(name, `cat ${BRICK}/www/{changed,added}`)).toBe("new\nnew");
      expect(await endsWell(name, `test -e ${BRICK}/www/deleted`)).toBe(false);
    }
    expect(await inside("pi2", `ls ${BRICK}.2*/www`)).toContain("deleted"); // moved aside with the rest
  });

  it.each([
    { how: "edited", edit: 'echo "another page" >page.html' },
    { how: "replaced", edit: "echo 'another page' >new && mv new page.html" }, // as most editors do
  ])("by a file that was $how in a brick: named, until it is written to the volume", async ({ edit }) => {
    const cluster = await begin("converged");
    await inside("pi1", `echo page >${www}/page.html`);
    await inside("pi2", `cd ${BRICK}/www && ${edit}`);
    await compare();
    await isKnown("pi2");
    expect((await cluster.preview()).said).toContain("differ, as in /www/page.html");
    await inside("pi1", `echo right >${www}/new && mv ${www}/new ${www}/page.html`);
    succeeded(await cluster.up());
    await full(cluster, "converged");
  });

  it("by what fsck took away on one of three Pis: named, and the copies of the other two go on", async () => {
    const cluster = await begin("three");
    await inside("pi1", `seq 1000 >${www}/numbers`);
    await inside("pi3", `rm ${BRICK}/www/numbers`);
    for (const name of ["pi1", "pi2", "pi3"]) await inside(name, "systemctl restart twopir-full-copy");
    for (const name of ["pi2", "pi3"]) await isKnown(name); // each compares its own with the next one's
    expect((await cluster.preview()).said).toContain("differ, as in /www/numbers");
    await cluster.configure({ ...settingsOf("three"), "twopir:volume": { acceptCopy: "pi2" } });
    await unnoticed(cluster);
    await healed("pi1");
    await cluster.configure(settingsOf("three"));
    succeeded(await cluster.up());
    await full(cluster, "three");
    expect(await inside("pi3", `tail -n 1 ${BRICK}/www/numbers`)).toBe("1000");
  });
});

describe("a root without a time of change, which gluster's own heal may leave", () => {
  const times = `getfattr -e hex -n trusted.glusterfs.mdata ${BRICK} 2>/dev/null | sed -n 's/^trusted.glusterfs.mdata=//p'`;
  const timeless = `times=$(${times}); [ "\${times:20:16}" = 0000000000000000 ]`;

  it("is given one by its Pi, so that visitors are let in again", async () => {
    const cluster = await begin("converged");
    for (const each of ["pi1", "pi2"]) {
      await inside(
        each,
        `times=$(${times}); setfattr -n trusted.glusterfs.mdata -v "\${times:0:20}0000000000000000\${times:36}" ${BRICK} && ${timeless} &&
         kill -KILL $(pgrep -x glusterfsd) && systemctl restart glusterd`,
      );
      await until(`the brick of ${each} is served`, 30, () => endsWell(each, "pgrep -x glusterfsd"));
    }
    for (const each of ["pi1", "pi2"])
      await until(`${each} has one again`, 60, async () => !(await endsWell(each, timeless)));
    for (const each of ["pi1", "pi2"]) await servesAgain(each);
    // After such a restart gluster's new self-heal daemon may end at once, where the former one's socket is still there.
    await unnoticed(cluster);
    await full(cluster, "converged");
  });
});

describe("where the Pi that is left", () => {
  const accepted = { "twopir:volume": { acceptCopy: "pi2" } };
  /** Nobody can say that pi2's copy is full: it is left as it is until the user says that it counts. */
  const stopsUntilAccepted = async (cluster: Cluster): Promise<void> => {
    const before = await copyOf("pi2");
    const outcome = await cluster.up();
    expect(outcome.failed).toBe(true);
    expect(outcome.said).toMatch(/\.121:\S+ does not answer, and may have what \S+\.122:\S+ lacks/);
    expect(outcome.said).toContain("twopir:volume.acceptCopy");
    expect(await copyOf("pi2")).toBe(before);
    await cluster.configure(accepted);
    expect(await unnoticed(cluster)).toMatch(/\.122:\S+ counts as full, by twopir:volume.acceptCopy/);
    await healed("pi2");
    expect((await cluster.preview()).said).toContain("twopir:volume.acceptCopy is set: when no up needs it");
    await cluster.configure({});
    succeeded(await cluster.up());
    await full(cluster, "converged");
  };
  const fullNote = "getfattr --only-values -n trusted.afr.twopir-full /data/brick1/gv0";
  const aloneNote = "getfattr --only-values -n trusted.afr.twopir-alone /data/brick1/gv0";

  it("was off while the other one was written to, it is not taken for a full copy", async () => {
    const cluster = await begin("converged");
    await noted("converged");
    await lab("off", "pi2");
    await write("pi1", "newer");
    await lab("off", "pi1");
    await lab("on", "pi2");
    await servesAgain("pi2");
    await lab("blank", "pi1", "--trust");
    await stopsUntilAccepted(cluster);
  });

  it("was cut off while the other one was written to, it is not taken for a full copy", async () => {
    const cluster = await begin("converged");
    await noted("converged");
    await lab("cut", "pi2");
    await write("pi1", "newer");
    await until("pi2 sees that it is cut off", 60, async () => !(await endsWell("pi2", fullNote)));
    await lab("off", "pi1");
    await lab("restore", "pi2");
    await servesAgain("pi2");
    await lab("blank", "pi1", "--trust");
    await stopsUntilAccepted(cluster);
  });

  it("was full, it may be changed much meanwhile", async () => {
    const cluster = await begin("converged");
    await noted("converged");
    await lab("off", "pi1");
    await inside(
      "pi2",
      "cd /mnt/gluster1/www && for i in $(seq 200); do echo $i >many-$i; done && rm index.html; cp many-1 index.html",
    );
    await lab("blank", "pi1", "--trust");
    await unnoticed(cluster);
    await full(cluster, "converged");
  });

  it.each([
    { away: "a minute", shift: 0 },
    { away: "an hour", shift: 3600 },
  ])("was alone and full, and then off for $away", async ({ shift }) => {
    const cluster = await begin("converged");
    await noted("converged");
    await lab("off", "pi1");
    // The lab's Pis have this machine's clock, which needs no time server.
    const right = "mkdir -p /run/systemd/timesync && touch /run/systemd/timesync/synchronized";
    await inside("pi2", right);
    await until("pi2 notes that it is alone", 60, async () => (await inside("pi2", aloneNote)) !== "");
    await lab("off", "pi2");
    await lab("on", "pi2");
    await inside(
      "pi2",
      `setfattr -n trusted.afr.twopir-alone -v $(($(${aloneNote}) - ${shift.toString()})) ${BRICK}; ${right}`,
    );
    await servesAgain("pi2");
    await write("pi2", "meanwhile");
    await lab("blank", "pi1", "--trust");
    if (shift === 0) {
      await unnoticed(cluster);
      await full(cluster, "converged");
    } else await stopsUntilAccepted(cluster);
  });
});
