import { readFileSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { address, get, inside, LAB, labFile, run } from "../../lab/drive/lab";
import { Cluster } from "../../lab/drive/stack";
import { loaded, succeeded } from "./states";

// Two machines with a state each, that know nothing of each other, and the same bare Pis.
let one: Cluster;
let other: Cluster;

beforeAll(async () => {
  await loaded("packages");
  one = await Cluster.create();
  other = await Cluster.create({}, `${LAB}2`);
});

/** An apt of somebody who is logged in on pi1, for half a minute; what it installs needs nothing else. */
const ownApt = (): Promise<string> =>
  inside(
    "pi1",
    "systemd-run -q --unit=own-apt -E DEBIAN_FRONTEND=noninteractive sh -c 'apt-get -qq update && apt-get -qq -o DPkg::Pre-Invoke::=\"sleep 30\" install -y tree' && " +
      "for _ in $(seq 100); do pgrep -x sleep >/dev/null && exit 0; sleep 0.3; done; exit 1",
  );

it("two at once, beside somebody's apt, wait for each other and say for whom", async () => {
  await ownApt();
  const [first, second] = await Promise.all([one.up(), other.up()]);
  succeeded(first);
  succeeded(second);
  const said = first.said + second.said;
  expect(said).toMatch(/waiting until this is done: apt-get, process \d+ of root, since .* \d\d:\d\d:\d\d/);
  expect(said).toMatch(
    /waiting until this is done: pi[12]-[a-z-]+, process \d+ of pi, since \d{4}-\d\d-\d\dT/,
  );
  expect(
    await inside("pi1", "systemctl show -P Result own-apt; dpkg-query -W -f='${db:Status-Status}' tree"),
  ).toBe("success\ninstalled");
  for (const cluster of [one, other]) expect((await cluster.preview()).changed).toEqual({});
  for (const name of ["pi1", "pi2"]) expect((await get(address(name))).status).toBe(200);
  expect(await inside("pi1", "dpkg --audit; gluster volume info gv0 | grep -c '^Brick[0-9]'")).toBe("2");
});

it("another one's key is no change, and takes the place of a withdrawn one when it is asked for", async () => {
  const keyFile = labFile("id_other");
  const knownHosts = labFile("known_hosts");
  await run("rm", ["-f", keyFile, `${keyFile}.pub`]);
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyFile]);
  const own = readFileSync(labFile("id_ed25519.pub"), "utf8").trim();
  const others = readFileSync(`${keyFile}.pub`, "utf8").trim();
  const authorized = "/home/pi/.ssh/authorized_keys";
  for (const name of ["pi1", "pi2"]) await inside(name, `echo '${others}' >>${authorized}`);
  await one.configure({ "twopir:ssh": { keyFile, knownHosts } });
  const preview = await one.preview();
  expect(preview.said).toBe("");
  expect(preview.changed).toEqual({});
  for (const name of ["pi1", "pi2"])
    await inside(
      name,
      `grep -vF '${own.split(" ")[1] ?? ""}' ${authorized} | tee ${authorized}.new >/dev/null; cat ${authorized}.new >${authorized}`,
    );
  process.env.TWOPIR_RENEW_KEYS = "true";
  succeeded(await one.up());
  delete process.env.TWOPIR_RENEW_KEYS;
  expect((await one.preview()).changed).toEqual({});
  await one.configure({ "twopir:ssh": { keyFile, knownHosts }, "twopir:failover": 2 });
  succeeded(await one.up());
});
