import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import type { ClusterStatus } from "../../components/status";
import {
  address,
  addresses,
  get,
  healed,
  inside,
  lab,
  LAB,
  labFile,
  NAME,
  notesFull,
  root,
  servesAgain,
  SUBNET,
  until,
  whileFetching,
} from "../../lab/drive/lab";
import { begin, nothingToDo, succeeded } from "./states";
import { type Cluster, pi, type Outcome } from "../../lab/drive/stack";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await begin("converged");
  await lab("on", "pi3");
});

/** An up that nobody who asks by name notices. */
async function upUnnoticed(): Promise<Outcome> {
  let outcome: Outcome | undefined;
  const seen = await whileFetching(async () => {
    outcome = await cluster.up();
  });
  expect(seen.why).toEqual([]);
  if (outcome === undefined) throw new Error("nothing happened");
  succeeded(outcome);
  return outcome;
}

const bricks = (): Promise<string> =>
  inside("pi1", "gluster volume info gv0 | sed -n 's/^Number of Bricks: //p'");

describe("a drained Pi", () => {
  it("has no A record, can be switched off, and nothing waits for it", async () => {
    await cluster.configure({ "twopir:pis": [pi("pi1"), pi("pi2", { drained: true })] });
    const outcome = await upUnnoticed();
    expect(outcome.changed).toEqual({
      "gv0-healed": "update",
      "gv0-peer-pi2": "update",
      "gv0-volume": "update", // it is told that this copy may be away
      "no-other-a-records": "update",
      "pi1-gluster-mount": "update", // it is told who is left to serve meanwhile, and finds nothing to do
      "pi1-brick-connections": "update", // the same
      "pi1-nginx": "update", // the same
      "pi1-updates": "update",
      "pi2-a-record": "delete",
    });
    expect(await addresses()).toEqual([address("pi1")]);
    expect((await get(address("pi2"))).status).toBe(200); // for whoever has its address still

    await lab("off", "pi2");
    await nothingToDo(cluster, /^pi2 is drained: [^\n]*\s*$/);
    await inside("pi1", "rm /etc/nginx/sites-enabled/cluster && echo written >/mnt/gluster1/www/written");
    const repaired = await cluster.up();
    succeeded(repaired);
    expect(Object.keys(repaired.changed).sort()).toEqual(["pi1-nginx", "pi1-sites-enabled-link"]);
  });

  it("comes back healed, its record last", async () => {
    await lab("on", "pi2");
    await cluster.configure({});
    const outcome = await upUnnoticed();
    expect(Object.keys(outcome.changed).at(-2)).toBe("pi2-a-record");
    expect((await addresses()).sort()).toEqual([address("pi1"), address("pi2")]);
    expect(await inside("pi2", "cat /data/brick1/gv0/www/written")).toBe("written");
    expect((await cluster.preview()).changed).toEqual({});
  });
});

describe("npm run status", () => {
  it("says that all is well, and exits with 0", () => {
    const { code, out } = cluster.status();
    expect(out).toMatch(/^pi2 +192[.\d]+ +yes +active +active +yes +yes +0 +0 +yes +current +yes$/m);
    expect(out).toContain(`all is well: http://${NAME}/`);
    expect(code).toBe(0);
  });

  it("says it again and again, and so what has changed meanwhile", async () => {
    const watching = spawn("npx", ["tsx", "status.ts", "--stack", LAB, "--watch"], {
      cwd: root,
      env: { ...process.env, ...cluster.environment },
      detached: true,
    });
    let out = "";
    watching.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    try {
      await until("status has looked", 60, () => Promise.resolve(/all is well:[^]*again in 10 s/.test(out)));
      await inside("pi1", "systemctl stop nginx");
      await until("status has seen it", 60, () =>
        Promise.resolve(out.includes("not well: pi1: nginx is inactive")),
      );
      await inside("pi1", "systemctl start nginx");
      const before = out.length;
      await until("status is content", 60, () => Promise.resolve(out.slice(before).includes("all is well:")));
    } finally {
      process.kill(-(watching.pid ?? 0), "SIGINT");
    }
  });

  it("says what is not, as JSON too, and exits with 1", async () => {
    await inside("pi1", "systemctl stop nginx");
    await lab("cut", "pi2");
    const { code, out } = cluster.status("--json");
    await lab("restore", "pi2");
    await inside("pi1", "systemctl start nginx");
    const said = JSON.parse(out) as ClusterStatus;
    expect(code).toBe(1);
    expect(said.well).toBe(false);
    expect(said.pis[0]).toMatchObject({ reachable: true, nginx: "inactive", pageServed: false });
    expect(said.pis[1]).toMatchObject({ name: "pi2", reachable: false });
    expect(said.drift).toContain("pi1-nginx: nginx.service is not running");
    expect(said.problems[0]).toContain("does not answer on port 22");
    await healed("pi1");
  });
});

describe("another address", () => {
  it("of a Pi is taken over by up, the site served throughout", async () => {
    const other = `${SUBNET}.142`;
    const move = (to: string): Promise<string> =>
      inside("pi2", `ip route replace ${SUBNET}.0/24 dev eth0 proto kernel scope link src ${to}`);
    await inside("pi2", `ip address add ${other}/24 dev eth0`);
    await move(other);
    const hostKey = readFileSync(labFile("known_hosts"), "utf8")
      .split("\n")
      .find((line) => line.startsWith(`${address("pi2")} ssh-ed25519`))
      ?.split(" ")
      .slice(1)
      .join(" ");
    await cluster.configure({ "twopir:pis": [pi("pi1"), pi("pi2", { address: other, hostKey })] });
    await upUnnoticed();
    expect((await addresses()).sort()).toEqual([address("pi1"), other]);
    expect(await inside("pi1", "gluster volume info gv0 | grep ^Brick2:")).toContain(other);
    expect(await inside("pi2", "cat /data/brick1/gv0/www/written")).toBe("written");
    expect((await cluster.preview()).changed).toEqual({});
    await cluster.configure({});
    expect((await cluster.preview()).said).toContain(
      `this Pi reaches the others from ${other}, but they will only let in ${address("pi2")}`,
    );
    await move(address("pi2"));
    await upUnnoticed();
    expect((await addresses()).sort()).toEqual([address("pi1"), address("pi2")]);
  });
});

describe("a third Pi", () => {
  it("joins with a full copy, the site served throughout", async () => {
    await cluster.configure({ "twopir:pis": [pi("pi1"), pi("pi2"), pi("pi3")] });
    await upUnnoticed();
    expect(await bricks()).toBe("1 x 3 = 3");
    await servesAgain("pi3");
    await healed("pi1");
    expect(await inside("pi3", "cat /data/brick1/gv0/www/written")).toBe("written");
    expect((await addresses()).length).toBe(3);
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("that was off in the last up is not left behind in silence where it is taken out", async () => {
    await lab("off", "pi3");
    await cluster.up();
    await lab("on", "pi3");
    await cluster.configure({});
    expect((await cluster.preview()).said).toMatch(/pi3 was drained or did not answer .* stays there/);
    await cluster.configure({ "twopir:pis": [pi("pi1"), pi("pi2"), pi("pi3")] });
    succeeded(await cluster.up());
    await cluster.configure({});
    expect((await cluster.preview()).said).not.toContain("stays there");
  });

  it("that is dead for good is drained, taken out of the list, and comes back by a new card", async () => {
    const three = (more = {}) => ({ "twopir:pis": [pi("pi1"), pi("pi2"), pi("pi3", more)] });
    await cluster.configure(three());
    succeeded(await cluster.up());
    await healed("pi1");
    await lab("off", "pi3");
    await cluster.configure(three({ drained: true }));
    await upUnnoticed();
    await inside("pi1", "echo alone >/mnt/gluster1/www/alone");
    await cluster.configure({});
    await upUnnoticed();
    expect(await bricks()).toBe("1 x 2 = 2");
    expect(await inside("pi1", "gluster volume get gv0 cluster.quorum-type | tail -n 1 | xargs")).toBe(
      "cluster.quorum-type none",
    );
    expect((await cluster.preview()).changed).toEqual({});
    await lab("blank", "pi3", "--trust");
    await cluster.configure(three());
    await upUnnoticed();
    await healed("pi1");
    expect(await inside("pi3", "cat /data/brick1/gv0/www/alone")).toBe("alone");
  });

  it("that is taken out of the list gives back its record, then the rest, but no data", async () => {
    await cluster.configure({});
    const outcome = await upUnnoticed();
    expect(outcome.changed["pi3-a-record"]).toBe("delete");
    expect((await addresses()).sort()).toEqual([address("pi1"), address("pi2")]);
    expect(await bricks()).toBe("1 x 2 = 2");
    expect(await inside("pi1", "gluster pool list | grep -c Connected")).toBe("2");
    expect(
      await inside(
        "pi3",
        "dpkg-query -W -f='${db:Status-Status} ${Package}\\n' | grep -cE '^installed (nginx|glusterfs)' || true",
      ),
    ).toBe("0");
    expect(await inside("pi3", "cat /data/brick1/gv0/www/written")).toBe("written");
    expect((await cluster.preview()).changed).toEqual({});
  });
});

describe("a Pi that is dead for good", () => {
  const what = "what twopir put on it stays there, the copy of the volume too";
  const noPackageOn = async (pi: string): Promise<void> => {
    const count =
      "dpkg-query -W -f='${db:Status-Status} ${Package}\\n' | grep -cE '^installed (nginx|glusterfs)'";
    expect(await inside(pi, `${count} || true`)).toBe("0");
  };

  it("is left out by destroy, which takes back the rest and says what stays", async () => {
    await notesFull("pi1");
    await lab("off", "pi2");
    const outcome = await cluster.destroy();
    expect(outcome.failed).toBe(false);
    expect(outcome.said).toContain(`pi2 (${address("pi2")}) does not answer on port 22`);
    expect(outcome.said).toContain(`${address("pi2")} does not answer: ${what}`);
    await noPackageOn("pi1");
    expect(await inside("pi1", "cat /data/brick1/gv0/www/written")).toBe("written");
    await lab("blank", "pi2", "--trust");
    succeeded(await cluster.up());
    await inside("pi2", "cat /mnt/gluster1/www/written");
    await healed("pi2");
  });

  it("first of the list, drained: destroy takes back the rest and says what stays", async () => {
    await notesFull("pi2");
    await lab("off", "pi1");
    await cluster.configure({ "twopir:pis": [pi("pi1", { drained: true }), pi("pi2")] });
    succeeded(await cluster.up());
    const outcome = await cluster.destroy();
    succeeded(outcome);
    expect(outcome.said).toContain(`${address("pi1")} does not answer: ${what}`);
    await noPackageOn("pi2");
    expect(await inside("pi2", "cat /data/brick1/gv0/www/written")).toBe("written");
    await lab("on", "pi1");
    expect(await inside("pi1", "cat /data/brick1/gv0/www/written")).toBe("written");
  });
});

describe("a copy that is lost for good", () => {
  const volume = (): Promise<string> =>
    inside("pi1", "gluster volume info gv0 | grep -E '^(Number|Brick[0-9])'");
  const connectedPeers = (): Promise<string> =>
    inside("pi1", "gluster pool list | tail -n +2 | grep -v localhost");

  beforeAll(async () => {
    cluster = await begin("converged");
    await lab("on", "pi3");
    await inside("pi1", "echo written >/mnt/gluster1/www/written");
  });

  it("gives its place to that of a new Pi, and its Pi is taken out then", async () => {
    const drained = pi("pi2", { drained: true });
    await notesFull("pi1");
    await lab("off", "pi2");
    await cluster.configure({ "twopir:pis": [pi("pi1"), drained] });
    await upUnnoticed();
    await cluster.configure({ "twopir:pis": [pi("pi1"), drained, pi("pi3")] });
    await upUnnoticed();
    expect(await volume()).toContain("1 x 2 = 2");
    expect(await volume()).not.toContain(address("pi2"));
    await healed("pi1");
    expect(await inside("pi3", "cat /data/brick1/gv0/www/written")).toBe("written");
    expect((await cluster.preview()).changed).toEqual({});
    await cluster.configure({ "twopir:pis": [pi("pi1"), pi("pi3")] });
    await upUnnoticed();
    expect(await connectedPeers()).toMatch(new RegExp(`^\\S+\\s+${address("pi3")}\\s+Connected *$`));
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("is made anew by another machine at another address, under the name of the dead one", async () => {
    await notesFull("pi1");
    await lab("off", "pi3");
    await lab("blank", "pi2", "--trust");
    await cluster.configure({ "twopir:pis": [pi("pi1"), pi("pi3", { address: address("pi2") })] });
    await upUnnoticed();
    expect(await volume()).toContain("1 x 2 = 2");
    expect(await volume()).toContain(address("pi2"));
    expect(await connectedPeers()).toMatch(new RegExp(`^\\S+\\s+${address("pi2")}\\s+Connected *$`));
    await healed("pi1");
    expect(await inside("pi2", "cat /data/brick1/gv0/www/written")).toBe("written");
    expect((await addresses()).sort()).toEqual([address("pi1"), address("pi2")]);
    expect((await cluster.preview()).changed).toEqual({});
  });

  it("is no reason to change anything where no Pi answers", async () => {
    for (const name of ["pi1", "pi2"]) await lab("off", name);
    const preview = await cluster.preview();
    expect(preview.failed).toBe(false);
    expect(preview.changed).toEqual({});
    const up = await cluster.up();
    expect(up.failed).toBe(true);
    expect(up.said).toContain("none of pi1, pi3 answers, so nothing was changed");
  });
});
