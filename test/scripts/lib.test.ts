import { existsSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canIsolate, finished, Host } from "./host";

const PATH = "/etc/app/app.conf";

describe.skipIf(!canIsolate)("library/common.sh and files.sh", () => {
  let host: Host;
  beforeEach(() => {
    host = new Host();
  });
  afterEach(() => host.remove());

  const until = async (what: () => boolean): Promise<void> => {
    for (let tries = 0; !what(); tries += 1) {
      if (tries > 200) throw new Error("waited for 5 s in vain");
      await sleep(25);
    }
  };

  describe("main", () => {
    it.each([
      ["", /check, apply or remove/],
      ["destroy", /^pi1: pi1-x: no mode called destroy$/m],
    ])("refuses the mode %j", async (mode, why) => {
      const run = await host.run(
        mode,
        host.script("want() { touch /etc/ran; }\nunwant() { touch /etc/ran; }"),
      );
      expect(run.status).not.toBe(0);
      expect(run.output).toMatch(why);
      expect(host.list("etc")).toEqual([]);
    });

    it("calls the same functions to check and to apply, and changes nothing in a check", async () => {
      const one = host.script('want() { change "no file" touch "/etc/a file"; }');
      expect(await host.check(one)).toEqual({ status: 0, changes: ["no file"], output: "change: no file\n" });
      expect(await host.run("apply", one)).toMatchObject({ status: 0, changes: ["no file"] });
      expect(host.list("etc")).toEqual(["a file"]);
    });

    it.each(["apply", "remove"])(
      "lets mounts go on that were stopped, before %s changes anything",
      async (mode) => {
        host.command("pkill", 'echo "pkill $*" >>/run/told');
        const changes = "{ echo changes >>/run/told; }";
        await host.run(mode, host.script(`want() ${changes}\nunwant() ${changes}`));
        expect(host.read("/run/told").split("\n")).toEqual([
          "pkill -CONT -f ^/usr/sbin/glusterfs .*--process-name fuse ",
          "changes",
          "",
        ]);
      },
    );

    it("leaves no empty folder of notes behind", async () => {
      host.write("/var/lib/twopir/before/etc/deep/file", "");
      await host.run("remove", host.script("unwant() { put_back /etc/deep/file; }"));
      expect(host.list("var/lib")).toEqual([]);
      expect(host.list("etc")).toEqual(["deep", "deep/file"]);
    });

    it("keeps notes that are still needed", async () => {
      host.write("/var/lib/twopir/before/etc/file", "");
      await host.run("remove", host.script("unwant() { :; }"));
      expect(existsSync(host.at("/var/lib/twopir/before/etc/file"))).toBe(true);
    });
  });

  describe("what apply and remove print", () => {
    const prints = async (text: string): Promise<string> => {
      const { status, output } = await host.run("apply", host.script(`want() { ${text}; }`));
      expect(status).toBe(0);
      return output;
    };
    it.each([
      ["plain text", "printf 'a  b\\t\\nc\\n'", "a  b\t\nc\n"],
      ["a name in another script", "printf '\\303\\274 \\346\\227\\245\\n'", "ü 日\n"],
      ["what is not UTF-8", "printf 'a\\377\\303b\\n'", "a??b\n"],
      ["what moves a cursor", "printf 'a\\033[2Jb\\rc\\302\\233d\\000\\n'", "a?[2Jb?c?d?\n"],
      ["an error", "printf 'a\\377\\n' >&2", "a?\n"],
    ])("bears %s", async (_, text, printed) => {
      expect(await prints(text)).toBe(printed);
    });
    it("has lines of at most 2 kB, which end with a whole letter", async () => {
      const [line, ...rest] = (await prints("printf 'ü%.0s' {1..40000}; echo")).split("\n");
      expect(line).toBe(`${"ü".repeat(999)} ...`);
      expect(rest).toEqual([""]);
    });
    it("has an end", async () => {
      const text = await prints("seq 100000; touch /etc/ran");
      expect(text.length).toBeLessThan(300_000);
      expect(text).toMatch(/\d\n\.\.\. and more\n$/);
      expect(existsSync(host.at("/etc/ran"))).toBe(true); // nobody is killed for it
    });
    it("ends though a daemon that was started goes on", async () => {
      const begun = Date.now();
      expect(await prints("sleep 60 >/dev/null 2>&1 9>&- & disown; say done")).toBe("done\n");
      expect(Date.now() - begun).toBeLessThan(30_000);
    });
    it("comes at once, not when all is done", async () => {
      const run = host.start(
        "apply",
        host.script("want() { echo first; until [ -e /etc/go ]; do sleep 0.1; done; echo second; }"),
      );
      let printed = "";
      run.stdout?.on("data", (text: Buffer) => (printed += text.toString()));
      await until(() => printed === "first\n");
      host.write("/etc/go", "");
      await finished(run);
      expect(printed).toBe("first\nsecond\n");
    });
  });

  describe("fail and unexpected", () => {
    it("say what is wrong, where, and stop", async () => {
      const one = host.script('want() { fail "the disk is full: free some"; touch /etc/ran; }');
      expect(await host.run("apply", one)).toEqual({
        status: 65,
        changes: [],
        output: "pi1: pi1-x: the disk is full: free some\n",
      });
      expect((await host.check(one)).output).toBe("the disk is full: free some\n");
      expect(host.list("etc")).toEqual([]);
    });

    it("say it once, however deep it was said", async () => {
      const one = host.script(`inner() { local a; a=$(fail "said once"); echo "$a"; }
want() { local b; b=$(inner); touch "/etc/$b"; }`);
      expect(await host.run("apply", one)).toEqual({
        status: 65,
        changes: [],
        output: "pi1: pi1-x: said once\n",
      });
      expect(host.list("etc")).toEqual([]);
    });

    it.each([
      ["the words of a loop", 'for word in $(all); do touch "/etc/$word"; done'],
      ["a comparison", 'if [ -z "$(all)" ]; then touch /etc/empty; else touch /etc/full; fi'],
      ["a pipe in a comparison", "[[ $(all | cat) == *zzz* ]] || touch /etc/other"],
      ["what may fail", "local got; got=$(all) || true; touch /etc/done"],
      [
        "a condition that is asked again",
        'asked() { [ -n "$(all)" ]; }; until_true 9 asked; touch /etc/done',
      ],
    ])("stop inside $(...) as well, in %s", async (_, text) => {
      const one = host.script(`all() { echo one; fail "nobody answers"; }\nwant() { ${text}; }`);
      expect(await host.run("apply", one)).toEqual({
        status: 65,
        changes: [],
        output: "pi1: pi1-x: nobody answers\n",
      });
      expect(host.list("etc")).toEqual([]);
    });

    it.each([
      ["a command", 'false; touch "/etc/ran"', '"false" failed with exit status 1'],
      ["one in $(...)", "local a; a=$(exit 9); touch /etc/ran", '"a=$(exit 9)" failed with exit status 9'],
      ["one in a pipe", "exit_5() { return 5; }; exit_5 | cat; touch /etc/ran", "failed with exit status 5"],
    ])("stop at %s that nobody foresaw", async (_, want, why) => {
      const run = await host.run("apply", host.script(`want() { ${want}; }`));
      expect(run.status).toBe(65);
      expect(run.output).toContain(why);
      expect(run.output.match(/failed with/g)).toHaveLength(1);
      expect(host.list("etc")).toEqual([]);
    });

    it("keep the value of a variable out of the message", async () => {
      const run = await host.run(
        "apply",
        host.script('want() { grep -q "$key" /dev/null; }', { key: "hunter2" }),
      );
      expect(run.output).toBe('pi1: pi1-x: "grep -q "$key" /dev/null" failed with exit status 1\n');
    });
  });

  describe("refuse", () => {
    const one = (): ReturnType<Host["script"]> =>
      host.script(
        'want() { change "no file" touch /etc/file; refuse "not ours: look at it"; touch /etc/ran; }\n' +
          'unwant() { refuse "not ours: look at it"; touch /etc/ran; }',
      );

    it("tells in a check what stops everything, and ends it without an error", async () => {
      expect(await host.check(one())).toEqual({
        status: 0,
        changes: ["no file"],
        output: "change: no file\nrefuse: not ours: look at it\n",
      });
    });

    it.each(["apply", "remove"])("fails in %s", async (mode) => {
      const { status, output } = await host.run(mode, one());
      expect(status).toBe(65);
      expect(output).toMatch(/^pi1: pi1-x: not ours: look at it$/m);
      expect(output).not.toContain("refuse: ");
      expect(existsSync(host.at("/etc/ran"))).toBe(false);
    });
  });

  describe("need", () => {
    const one = (): ReturnType<Host["script"]> =>
      host.script(
        `want() { need zfrobnicate frob; touch /etc/ran; }\nunwant() { need zfrobnicate frob; touch /etc/ran; }`,
      );

    it.each([
      ["check", 0, "change: not yet: frob is not installed\n"],
      ["apply", 65, "pi1: pi1-x: needs the command zfrobnicate (package frob), which is not installed\n"],
      ["remove", 0, ""],
    ])("in %s, without the command", async (mode, status, output) => {
      expect(await host.run(mode, one())).toMatchObject({ status, output });
      expect(host.list("etc")).toEqual([]);
    });

    it("goes on with the command", async () => {
      host.command("zfrobnicate", "");
      expect(await host.run("apply", one())).toMatchObject({ status: 0, output: "" });
      expect(host.list("etc")).toEqual(["ran"]);
    });
  });

  describe("until_true", () => {
    it("asks until the answer is yes", async () => {
      const one = host.script(`tried=0
third() { tried=$((tried + 1)); [ "$tried" -ge 3 ]; }
want() { until_true 5 third; echo "$tried"; }`);
      expect(await host.run("apply", one)).toMatchObject({ status: 0, output: "3\n" });
    });

    it("hands arguments on, and is false when the time is over", async () => {
      const start = Date.now();
      const one = host.script(`want() { until_true 1 test "a b" = "a c" || echo "no longer"; }`);
      expect((await host.run("apply", one)).output).toBe("no longer\n");
      expect(Date.now() - start).toBeGreaterThan(400);
      expect(Date.now() - start).toBeLessThan(4000);
    });
  });

  describe("lock", () => {
    const slow = (): ReturnType<Host["script"]> =>
      host.script("want() { touch /etc/started; until_true 10 test -e /etc/go; touch /etc/first; }");

    it("lets one script at a time apply, and names the one that is waited for long", async () => {
      host.hurry(/lock_quiet/);
      const first = host.start("apply", slow());
      await until(() => existsSync(host.at("/etc/started")));
      const second = host.run(
        "apply",
        host.script('want() { [ -e /etc/first ] && echo "after the first"; }'),
      );
      await sleep(3000); // on a busy machine bash takes its time to start
      host.write("/etc/go", "");
      expect((await finished(first)).status).toBe(0);
      const { status, output } = await second;
      expect(status).toBe(0);
      expect(output).toMatch(
        /^waiting until this is done: pi1-x, process \d+ of root, since \d{4}-.*Z\nafter the first\n$/,
      );
    });

    it("gives up in the end, and says who holds it", async () => {
      host.hurry(/lock_quiet/);
      const first = host.start("apply", slow());
      await until(() => existsSync(host.at("/etc/started")));
      const { status, output } = await host.run("remove", host.script("unwant() { :; }", { lock_wait: 1 }));
      host.write("/etc/go", "");
      await finished(first);
      expect(status).toBe(65);
      expect(output).toMatch(
        /still locked after 1 s by pi1-x, process \d+ of root, since .*: wait for it, or end that/,
      );
    });

    it("keeps no check waiting", async () => {
      const first = host.start("apply", slow());
      await until(() => existsSync(host.at("/etc/started")));
      expect(await host.run("check", host.script("want() { :; }"))).toMatchObject({ status: 0, output: "" });
      host.write("/etc/go", "");
      await finished(first);
    });

    it("is gone with a script that was killed", async () => {
      const killed = host.start("apply", host.script("want() { kill -KILL $BASHPID; }"));
      await finished(killed);
      expect(await host.run("apply", host.script("want() { :; }"))).toMatchObject({ status: 0, output: "" });
    });
  });

  describe("keep and put_back", () => {
    const both = (): ReturnType<Host["script"]> =>
      host.script(`want() { change "keep it" keep ${PATH}; }\nunwant() { put_back ${PATH}; }`);

    it("bear that there was nothing", async () => {
      expect((await host.run("apply", both())).status).toBe(0);
      expect((await host.run("remove", both())).status).toBe(0);
      expect(host.list("etc")).toEqual([]);
    });

    it("bring back content and mode, into a folder that went meanwhile", async () => {
      host.write(PATH, "mine\n", 0o600);
      await host.run("apply", both());
      expect(host.list("etc")).toEqual(["app"]);
      host.command("gone", "");
      await host.run("remove", host.script(`unwant() { rmdir /etc/app; put_back ${PATH}; }`));
      expect(host.read(PATH)).toBe("mine\n");
      expect(statSync(host.at(PATH)).mode & 0o777).toBe(0o600);
    });
  });

  describe("want_file", () => {
    const CONTENT = "one\n  two 'quoted' $x\n";
    /** @param validator The body of a function that gets the candidate as "$1"; none: no validator. */
    const file = (validator = ""): ReturnType<Host["script"]> =>
      host.script(
        `validate() { ${validator || ":"}; }
want() { want_file ${PATH} "$content" ${validator && "validate"}; }`,
        { content: CONTENT },
      );

    it("writes a missing file and its folder, byte by byte", async () => {
      expect((await host.check(file())).changes).toEqual([`${PATH} is missing`]);
      await host.run("apply", file());
      expect(host.read(PATH)).toBe(CONTENT);
      expect(statSync(host.at(PATH)).mode & 0o777).toBe(0o644);
      expect(await host.check(file())).toEqual({ status: 0, changes: [], output: "" });
      expect(host.list("etc/app")).toEqual(["app.conf"]);
    });

    it.each([
      ["other content", "three\n"],
      ["no newline at its end", CONTENT.trimEnd()],
      ["more at its end", `${CONTENT}\n`],
    ])("replaces a file with %s, and shows the difference", async (_, text) => {
      host.write(PATH, text);
      const { changes, output } = await host.check(file());
      expect(changes).toEqual([`${PATH} differs`]);
      expect(output).toContain(`--- ${PATH} on pi1\n+++ ${PATH} wanted\n`);
      await host.run("apply", file());
      expect(host.read(PATH)).toBe(CONTENT);
    });

    it("corrects the mode alone", async () => {
      host.write(PATH, CONTENT, 0o600);
      const { ino } = statSync(host.at(PATH));
      expect((await host.check(file())).changes).toEqual([`${PATH} has mode 600 instead of 644`]);
      await host.run("apply", file());
      expect(statSync(host.at(PATH))).toMatchObject({ ino, mode: 0o100644 });
    });

    it("replaces a link and not what it points to", async () => {
      host.write("/etc/other", "theirs\n");
      mkdirSync(host.at("/etc/app"));
      symlinkSync("/etc/other", host.at(PATH));
      expect((await host.check(file())).changes).toEqual([`${PATH} is a link`]);
      await host.run("apply", file());
      expect(host.read("/etc/other")).toBe("theirs\n");
      expect(host.read(PATH)).toBe(CONTENT);
    });

    it("does not guess what to do with a folder", async () => {
      mkdirSync(host.at(PATH), { recursive: true });
      const { status, output } = await host.run("apply", file());
      expect(status).toBe(65);
      expect(output).toContain(`${PATH} is not a plain file: move it away, then run pulumi up again`);
    });

    it("shows the candidate to the validator, and takes it when that agrees", async () => {
      await host.run("apply", file('cp "$1" /etc/seen'));
      expect(host.read("/etc/seen")).toBe(CONTENT);
      expect(host.list("etc/app")).toEqual(["app.conf"]);
    });

    it("leaves the old file, and nothing else, when the validator refuses", async () => {
      host.write(PATH, "old\n");
      const { status } = await host.run("apply", file("false"));
      expect(status).toBe(65);
      expect(host.read(PATH)).toBe("old\n");
      expect(host.list("etc/app")).toEqual(["app.conf"]);
    });

    it("leaves the old file when it is killed half-way, and nothing after the next run", async () => {
      host.write(PATH, "old\n");
      expect(await host.run("apply", file("kill -KILL $BASHPID"))).toMatchObject({
        changes: [`${PATH} differs`],
      });
      expect(host.read(PATH)).toBe("old\n");
      await host.run("apply", file());
      expect(host.read(PATH)).toBe(CONTENT);
      expect(host.list("etc/app")).toEqual(["app.conf"]);
    });

    it("calls no validator in a check", async () => {
      expect((await host.check(file("touch /etc/validated"))).changes).toEqual([`${PATH} is missing`]);
    });
  });
});
