import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canIsolate, Host, state } from "./host";

const GID = 28080;
const group = state("content-group", { user: "pi", gid: GID });
const PASSWD = "root:x:0:0:root:/root:/bin/bash\npi:x:1000:1000::/home/pi:/bin/bash\n";

describe.skipIf(!canIsolate)("content-group.sh", () => {
  let host: Host;

  const groups = (...more: string[]): void =>
    host.write("/etc/group", ["root:x:0:", "pi:x:1000:", ...more, ""].join("\n"));
  beforeEach(() => {
    host = new Host();
    host.write("/etc/passwd", PASSWD);
    host.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\n");
    groups();
  });
  afterEach(() => host.remove());

  it("makes the group, with the user in it, and takes both back", async () => {
    expect((await host.check(group)).changes).toEqual([
      "there is no group twopir",
      "pi is not in the group twopir, so may copy no content",
    ]);
    expect((await host.run("apply", group)).status).toBe(0);
    expect(host.read("/etc/group")).toContain(`twopir:x:${GID.toString()}:pi\n`);
    expect((await host.check(group)).output).toBe("");
    expect((await host.run("remove", group)).status).toBe(0);
    expect(host.read("/etc/group")).not.toContain("twopir");
    expect(host.list("var/lib")).toEqual([]);
  });

  it("keeps who else is in it, and a group that was there before", async () => {
    groups("twopir:x:28080:anna");
    expect((await host.run("apply", group)).status).toBe(0);
    expect(host.read("/etc/group")).toContain("twopir:x:28080:anna,pi\n");
    expect((await host.run("remove", group)).status).toBe(0);
    expect(host.read("/etc/group")).toContain("twopir:x:28080:anna,pi\n");
  });

  it("needs no member where root logs in", async () => {
    const ofRoot = state("content-group", { user: "root", gid: GID });
    expect((await host.check(ofRoot)).changes).toEqual(["there is no group twopir"]);
  });

  it.each([
    ["twopir:x:1001:", "there is a group twopir on pi1 already, with the number 1001"],
    ["games:x:28080:", "the group games on pi1 has the number 28080"],
  ])("refuses what is there: %s", async (line, why) => {
    groups(line);
    expect((await host.run("check", group)).output).toMatch(new RegExp(`^refuse: ${why}`));
    const { status, output } = await host.run("apply", group);
    expect(status).toBe(65);
    expect(output).toContain(why);
    expect(host.read("/etc/group")).toContain(`${line}\n`);
  });
});
