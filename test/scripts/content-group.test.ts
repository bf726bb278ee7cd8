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
      "there is no group twopir-content",
      "pi is not in the group twopir-content, so cannot copy content",
    ]);
    expect((await host.run("apply", group)).status).toBe(0);
    expect(host.read("/etc/group")).toContain(`twopir-content:x:${GID.toString()}:pi\n`);
    expect((await host.check(group)).output).toBe("");
    expect((await host.run("remove", group)).status).toBe(0);
    expect(host.read("/etc/group")).not.toContain("twopir");
    expect(host.list("var/lib")).toEqual([]);
  });

  it("keeps who else is in it, and a group that was there before", async () => {
    groups("twopir-content:x:28080:anna");
    expect((await host.run("apply", group)).status).toBe(0);
    expect(host.read("/etc/group")).toContain("twopir-content:x:28080:anna,pi\n");
    expect((await host.run("remove", group)).status).toBe(0);
    expect(host.read("/etc/group")).toContain("twopir-content:x:28080:anna\n");
  });

  it("takes out whom it has put there, where another user logs in now, and nobody else", async () => {
    host.write("/etc/passwd", `${PASSWD}anna:x:1001:1000::/home/anna:/bin/bash\n`);
    groups("twopir-content:x:28080:eve");
    await host.run("apply", group);
    const ofAnna = state("content-group", { user: "anna", gid: GID });
    expect((await host.check(ofAnna)).changes).toEqual([
      "anna is not in the group twopir-content, so cannot copy content",
      "pi, who logged in before, is in the group twopir-content",
    ]);
    expect((await host.run("apply", ofAnna)).status).toBe(0);
    expect(host.read("/etc/group")).toContain("twopir-content:x:28080:eve,anna\n");
    expect((await host.check(ofAnna)).output).toBe("");
    groups("twopir-content:x:28080:eve,anna,pi");
    expect((await host.check(ofAnna)).output).toBe("");
  });

  it("needs no member where root logs in", async () => {
    const ofRoot = state("content-group", { user: "root", gid: GID });
    expect((await host.check(ofRoot)).changes).toEqual(["there is no group twopir-content"]);
  });

  it.each([
    ["twopir-content:x:1001:", "there is a group twopir-content on pi1 already, with the number 1001"],
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
