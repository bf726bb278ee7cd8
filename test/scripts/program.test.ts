import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packProgram, PI, type Program } from "../../operator/program";
import { given, type State } from "../../remote/state";
import { canIsolate, Host, type Run } from "./host";

const HOME = "/var/lib/home";
const LIB = "/usr/local/lib/twopir";
const COMMAND = "/usr/local/sbin/twopir";

describe.skipIf(!canIsolate)("the program", () => {
  let host: Host;
  let folder: string;
  let first: Program;
  let second: Program;

  beforeEach(() => {
    host = new Host();
    rmSync(host.at(COMMAND));
    mkdirSync(host.at(HOME));
    host.command("getent", `echo root:x:0:0:root:${HOME}:/bin/bash`);
    host.command("systemctl", '[ "$1" != is-active ] || exit 1; echo "$*" >>/run/systemctl');
    folder = mkdtempSync(join(tmpdir(), "twopir-program-"));
    first = version("first");
    second = version("second");
  });
  afterEach(() => {
    host.remove();
    rmSync(folder, { recursive: true });
  });

  /** A version of its own: one comment more. */
  function version(name: string): Program {
    cpSync(PI, join(folder, name), { recursive: true });
    appendFileSync(join(folder, name, "library/common.sh"), `# ${name}\n`);
    return packProgram(join(folder, name), join(folder, `${name}.tgz`));
  }

  const state = ({ version }: Program, user = "root"): State => ({
    name: "pi1-twopir",
    on: "pi1",
    script: "program",
    parameters: {
      version,
      user,
      volume: "gv0",
      brick: "",
      mount_point: "/mnt/gluster1",
      address: "192.168.0.121",
      host: "twopir.example.com",
    },
    after: [],
    brings: true,
  });
  const sent = (program: Program): void =>
    copyFileSync(program.archive, host.at(`${HOME}/twopir-program.tgz`));
  const install = (program: Program): Promise<Run> => {
    sent(program);
    return host.run("apply", state(program));
  };
  /** What the program of that version says itself. */
  const check = async (program: Program): Promise<readonly string[]> => {
    const name = program === first ? "first" : "second";
    const one = `exec bash ${join(folder, name, "twopir")} given "$@"\n${given(state(program))}`;
    return (await host.run("check", one)).changes;
  };
  const versions = (): string[] => host.list(`${LIB}/versions`).filter((path) => !path.includes("/"));
  const twopir = (...words: string[]): Promise<Run> => host.run("", `exec ${COMMAND} ${words.join(" ")}\n`);

  it("comes along with its state, whole and for root, and has nothing more to do then", async () => {
    expect(await check(first)).toEqual(["twopir is not on this Pi"]);
    expect(await install(first)).toMatchObject({ status: 0, changes: ["twopir is not on this Pi"] });
    expect(await check(first)).toEqual([]);
    expect(versions()).toEqual([first.version]);
    expect(host.list(HOME)).toEqual([]);
    expect(statSync(host.at(`${LIB}/versions/${first.version}/twopir`)).mode & 0o777).toBe(0o755);
    expect(statSync(host.at("/var/lib/twopir/states/pi1-twopir")).mode & 0o777).toBe(0o600);
    expect((await host.run("apply", state(first))).changes).toEqual([]); // it is asked itself, without an archive
  });

  it("makes way for another version, and keeps the one before it, which may be running", async () => {
    await install(first);
    expect(await check(second)).toEqual([
      expect.stringMatching(/^the program on this Pi is another one, installed 20/),
    ]);
    await install(second);
    expect(await check(second)).toEqual([]);
    expect(versions().sort()).toEqual([first.version, second.version].sort());
    const third = version("third");
    expect((await install(third)).status).toBe(0);
    expect(versions().sort()).toEqual([second.version, third.version].sort());
  });

  it("says where the checkout is the older one", async () => {
    await install(first);
    host.write("/var/lib/twopir/program", `2026-01-01T00:00:00Z ${first.version}\n`);
    await install(second);
    expect(await check(first)).toEqual([
      expect.stringMatching(/^this Pi has a newer program .* at 2026-01-01T.*git pull/),
    ]);
    expect((await install(first)).status).toBe(0);
    expect(await check(first)).toEqual([]);
  });

  it.each<[string, () => void]>([
    [
      "a file altered",
      () => appendFileSync(host.at(`${LIB}/versions/${first.version}/library/gate.sh`), "#\n"),
    ],
    ["a file gone", () => rmSync(host.at(`${LIB}/versions/${first.version}/states/link.sh`))],
    ["a file more", () => host.write(`${LIB}/versions/${first.version}/library/more.sh`, "")],
    ["the command gone", () => rmSync(host.at(COMMAND))],
    [
      "another command in its place",
      () => {
        rmSync(host.at(COMMAND));
        host.write(COMMAND, "#!/bin/bash\n", 0o755);
      },
    ],
    ["all of it gone", () => rmSync(host.at(LIB), { recursive: true })],
  ])("is given back with %s", async (_, breaks) => {
    await install(first);
    breaks();
    expect(await check(first)).toHaveLength(1);
    expect((await install(first)).status).toBe(0);
    expect(await check(first)).toEqual([]);
    expect(host.list(`${LIB}/versions/${first.version}`)).not.toContain("library/more.sh");
  });

  it("stays as it was where the archive is damaged, another one, or did not arrive", async () => {
    await install(first);
    const archive = host.at(`${HOME}/twopir-program.tgz`);
    writeFileSync(archive, second.bytes.subarray(0, second.bytes.length / 2));
    expect((await host.run("apply", state(second))).output).toContain("arrived damaged: run pulumi up again");
    sent(first);
    expect((await host.run("apply", state(second))).output).toContain("did not arrive, or arrived damaged");
    expect((await host.run("apply", state(second))).output).toContain("did not arrive, or arrived damaged");
    expect(await check(first)).toEqual([]);
  });

  it.each(["cp", "chmod", "sync", "mv", "ln"])("gets over a run that was killed at %s", async (command) => {
    await install(first);
    host.command(command, "kill -KILL $PPID; sleep 1");
    expect((await install(second)).status).not.toBe(0);
    rmSync(host.at(`/usr/local/sbin/${command}`));
    expect((await twopir("check")).output).not.toContain("No such file"); // one of them is there, whole
    expect((await install(second)).status).toBe(0);
    expect(await check(second)).toEqual([]);
    expect(versions().filter((name) => name.includes("."))).toEqual([]);
  });

  describe("has a rule of sudo's", () => {
    const RULE = "/etc/sudoers.d/zz-twopir";
    const apply = (user = "pi"): Promise<Run> => {
      sent(first);
      return host.run("apply", state(first, user));
    };
    const checked = async (user = "pi"): Promise<readonly string[]> => {
      const one = `exec ${COMMAND} given "$@"\n${given(state(first, user))}`;
      return (await host.run("check", one)).changes;
    };

    beforeEach(async () => {
      host.command(
        "runuser",
        "[ ! -e /run/asks ] && [ -e /etc/sudoers.d/zz-twopir ] && [ -x /usr/local/sbin/twopir ]",
      );
      host.command("visudo", 'stat -c "%a $*" "$3" >>/run/visudo; grep -q NOPASSWD "$3"');
      expect(await apply()).toMatchObject({
        status: 0,
        changes: ["twopir is not on this Pi", `${RULE} is missing`],
      });
    });

    it("that lets the user who logs in run it, and was looked at before it was put there", async () => {
      expect(host.read(RULE).split("\n").slice(1)).toEqual([
        "pi ALL=(root) NOPASSWD: /usr/local/sbin/twopir",
        "",
      ]);
      expect(statSync(host.at(RULE)).mode & 0o777).toBe(0o440);
      expect(host.read("/run/visudo")).toBe(`440 -c -f ${RULE}.twopir\n`);
      expect(host.list("etc/sudoers.d")).toEqual(["zz-twopir"]);
      expect(await checked()).toEqual([]);
    });

    it.each<[string, () => void, string]>([
      ["gone", () => host.delete(RULE), `${RULE} is missing`],
      ["altered", () => host.write(RULE, "pi ALL=(ALL) NOPASSWD: ALL\n", 0o440), `${RULE} differs`],
      [
        "of another mode",
        () => chmodSync(host.at(RULE), 0o644),
        `${RULE} has another mode than 440, or owner`,
      ],
      [
        "that somebody else can use",
        () => chmodSync(host.at(`${LIB}/versions`), 0o775),
        `somebody who is not root may write to ${LIB}/versions`,
      ],
    ])("that is put right where it is %s", async (_, breaks, reason) => {
      breaks();
      expect(await checked()).toEqual([reason]);
      expect((await apply()).status).toBe(0);
      expect(await checked()).toEqual([]);
    });

    it("that stays away where sudo would not read it", async () => {
      host.delete(RULE);
      host.command("visudo", "echo syntax error; exit 1");
      const { status, output } = await apply();
      expect(status).not.toBe(0);
      expect(output).toContain(`visudo refuses ${RULE}, so it stays as it was: syntax error`);
      expect(host.list("etc/sudoers.d")).toEqual([]);
    });

    it("that is named where sudo asks in spite of it", async () => {
      host.write("/run/asks", "");
      const named = expect.stringMatching(
        new RegExp(`sudo asks user pi for a password in spite of ${RULE}: .* comes after it\\?`),
      ) as string;
      expect(await checked()).toEqual([named]);
      const { status, output } = await apply();
      expect(status).not.toBe(0);
      expect(output).toEqual(named);
      host.delete(RULE);
      expect(await checked()).toEqual([`${RULE} is missing`]);
    });

    it("that goes with it, and where root logs in", async () => {
      expect(await checked("root")).toContain(`${RULE} is there, and root logs in`);
      await apply("root");
      expect(existsSync(host.at(RULE))).toBe(false);
      expect(await checked("root")).toEqual([]);
      await apply();
      expect(await host.run("remove", state(first))).toMatchObject({ status: 0 });
      expect(existsSync(host.at(RULE))).toBe(false);
    });
  });

  it("takes itself back without a trace", async () => {
    await install(first);
    expect(await host.run("remove", state(first))).toMatchObject({ status: 0 });
    expect(existsSync(host.at(COMMAND))).toBe(false);
    expect(host.list("usr/local/lib")).toEqual([]);
    expect(host.list("var/lib")).toEqual(["home"]);
    expect(await host.run("remove", state(first))).toMatchObject({
      status: 0,
      output: "twopir is not on this Pi\n",
    });
  });

  it("stays where the Pi has another name by now", async () => {
    await install(first);
    await host.run("apply", { ...state(first), name: "pia-twopir", on: "pia" });
    expect(await host.run("remove", state(first))).toMatchObject({ status: 0 });
    expect(await twopir("check")).toMatchObject({ status: 0, output: "" });
    expect(host.list("var/lib/twopir/states")).toEqual(["pia-twopir"]);
  });

  describe("by the states that are noted", () => {
    const FILE = "/etc/nginx/sites-enabled/default";
    const absent: State = {
      name: "pi1-absent",
      on: "pi1",
      script: "absent",
      parameters: { path: FILE },
      after: [],
    };
    beforeEach(async () => {
      await install(first);
      await host.run("apply", absent);
    });

    it("checks all of them, or one, without anybody else", async () => {
      expect(await twopir("check")).toMatchObject({ status: 0, output: "" });
      host.write(FILE, "theirs\n");
      const said = `pi1-absent: change: ${FILE} is there\n`;
      expect(await twopir("check")).toMatchObject({ status: 1, output: said });
      expect(await twopir("check", "pi1-absent")).toMatchObject({ status: 1, output: said });
      expect(await twopir("check", "pi1-twopir")).toMatchObject({ status: 0, output: "" });
      expect(host.read(FILE)).toBe("theirs\n");
    });

    it("tells the differences also where a fact cannot be found out", async () => {
      host.write(FILE, "theirs\n");
      host.command("systemctl", "exit 3");
      host.command("tr", "exit 1");
      const { status, output } = await twopir("status");
      expect(status).toBe(1);
      expect(output).toContain("failed with exit status 1");
      expect(output).toContain(`pi1-absent: change: ${FILE} is there\n`);
    });

    it("applies one, and takes one back", async () => {
      host.write(FILE, "theirs\n");
      expect(await twopir("apply", "pi1-absent")).toMatchObject({ status: 0, changes: [`${FILE} is there`] });
      expect(await twopir("check")).toMatchObject({ status: 0, output: "" });
      expect(await twopir("remove", "pi1-absent")).toMatchObject({ status: 0 });
      expect(host.read(FILE)).toBe("theirs\n");
      expect(host.list("var/lib/twopir/states")).toEqual(["pi1-twopir"]);
    });

    it("says which there are, where there is no such one", async () => {
      const { status, output } = await twopir("check", "pi1-nginx");
      expect(status).toBe(1);
      expect(output).toContain("no such state is noted on this Pi. There are: pi1-absent pi1-twopir");
    });

    it("looks for one that is not noted, as on a Pi that comes from an earlier version", async () => {
      rmSync(host.at("/var/lib/twopir/states/pi1-absent"));
      const text = `exec ${COMMAND} given "$@"\n${given(absent)}`;
      expect((await host.run("check", text)).changes).toEqual(["its parameters are not noted on this Pi"]);
      await host.run("apply", text);
      expect((await host.run("check", text)).changes).toEqual([]);
    });

    it("looks for one that is noted with other parameters", async () => {
      const one = { ...absent, parameters: { path: `${FILE}.other` } };
      const text = `exec ${COMMAND} given "$@"\n${given(one)}`;
      expect((await host.run("check", text)).changes).toEqual(["its parameters are not noted on this Pi"]);
    });

    it("forgets what it was called before", async () => {
      const renamed = { ...state(first), name: "pia-twopir", on: "pia" };
      const text = `exec ${COMMAND} given "$@"\n${given(renamed)}`;
      const left = "states of another name of this Pi are noted: pi1-absent pi1-twopir";
      expect((await host.run("check", text)).changes).toEqual([left]);
      const { status, output } = await host.run("apply", text);
      expect(status, output).toBe(0);
      expect(host.list("var/lib/twopir/states")).toEqual(["pia-twopir"]);
    });

    it("takes nothing for taken back where its program is gone", async () => {
      rmSync(host.at(COMMAND));
      expect((await host.run("remove", absent)).status).not.toBe(0);
    });

    it("says how it is used", async () => {
      const { status, output } = await twopir("help");
      expect(status).toBe(64);
      expect(output).toMatch(/^twopir status +what/);
    });
  });
});
