import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packedProgram, PI } from "../../../operator/program";
import {
  checkAll,
  command,
  explain,
  withoutNotes,
  OPERATOR,
  parseFindings,
  printable,
  propagate,
  given,
  stdin,
  type Finding,
  type State,
} from "../../../remote/state";

const nonce = "0123456789abcdef0123456789abcdef";
const program = packedProgram();
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "twopir-state-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const bash = (text: string | Buffer, ...args: string[]) =>
  spawnSync("bash", ["-s", ...args], { input: text, encoding: "utf8" });
const quote = (text: string): string => `'${text}'`;

let made = 0;

/** A state whose script is this text; its want() is what the tests of checkAll are about. */
function state(name: string, want: string, more: Partial<State> = {}): State {
  const path = join(folder, (made += 1).toString());
  const all = Object.entries({ ...more.parameters, ...more.secrets });
  const takes = all.map(([key, value]) => (typeof value === "object" ? `'${key}[]'` : key)).join(" ");
  writeFileSync(`${path}.sh`, `takes ${takes}\nwant() {\n${want}\n}\n`);
  // From wherever the program is unpacked.
  const script = `${"../".repeat(20)}${path}`;
  return { name, on: "pi1", anywhere: true, script, parameters: {}, after: [], ...more };
}

/** What a look finds in these states, by way of a real bash. */
function find(...states: State[]): Map<string, Finding> {
  const { status, stdout, stderr } = bash(checkAll(states, nonce, program.bytes), "check", "pi1");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return parseFindings(stdout, nonce);
}

/** What the program in this checkout does with a state. */
const twopir = (text: string, mode = "check") =>
  spawnSync("bash", [join(PI, "twopir"), "given", mode, "pi1"], { input: text, encoding: "utf8" });

describe("given", () => {
  it("is a line for each parameter, and whose own it is", () => {
    const one: State = {
      name: "pi1-x",
      on: "pi1",
      script: "x",
      parameters: { text: "a\n|b\n", number: 60, list: ["c", "d"], none: [] },
      secrets: { key: "s3cr3t" },
      after: [],
    };
    const lines = "text=a\n||b\n|\nnumber=60\nlist[]=c\nlist[]=d\nnone[]\nkey=s3cr3t\nend\n";
    expect(given(one)).toBe(`state=pi1-x\nscript=x\npi=pi1\n${lines}`);
    for (const nobodys of [{ anywhere: true }, { facts: true }])
      expect(given({ ...one, ...nobodys })).toBe(`state=pi1-x\nscript=x\n${lines}`);
    expect(given({ ...one, on: OPERATOR })).toBe(`state=pi1-x\nscript=x\n${lines}`);
  });

  it("hands parameters over as variables and arrays, the state's name with them", () => {
    const list = ["two words", "", "it's", "*", "a\nb", "end", "|"];
    const one = state(
      "pi1-x",
      `printf '%s|' "$state" "$pi" "$text" "$number" "$secret" "\${list[@]}" "\${#none[@]}"`,
      {
        parameters: { text: "$HOME\nend\n", number: 60, list, none: [] },
        secrets: { secret: "s3cr3t" },
      },
    );
    expect(twopir(given(one)).stdout).toBe(
      ["pi1-x", "pi1", "$HOME\nend\n", "60", "s3cr3t", ...list, "0", ""].join("|"),
    );
  });

  it("refuses a NUL byte, which no shell variable holds", () => {
    expect(() => given(state("x", ":", { parameters: { text: "a\0b" } }))).toThrow("NUL");
  });

  it("runs nothing when it is cut off anywhere", () => {
    const flag = join(folder, "ran");
    const text = given(state("x", `echo "$long" >>${quote(flag)}`, { parameters: { long: "a\nb\nc" } }));
    const { status } = twopir(text);
    expect({ status, ran: existsSync(flag) }).toEqual({ status: 0, ran: true });
    rmSync(flag);
    for (let cut = 0; cut < text.length - "\n".length; cut += 5) {
      const { status, stderr } = twopir(text.slice(0, cut));
      expect({ status, stderr }).toEqual({
        status: 65,
        stderr: expect.stringMatching(/did not arrive whole/) as string,
      });
    }
    expect(existsSync(flag)).toBe(false);
  });

  it.each([
    ["one that it does not take", { parameters: { list: [], more: "" } }, /takes no parameter more$/m],
    ["text for a list", { parameters: { list: "a" } }, /lacks its parameter list\[\]$/m],
    ["none", { parameters: {} }, /lacks its parameter list\[\]$/m],
  ])("is refused with %s", (_, { parameters }, why) => {
    const one = state("x", ":", { parameters: { list: [] } });
    expect(twopir(given({ ...one, parameters }))).toMatchObject({
      status: 65,
      stderr: expect.stringMatching(why) as string,
    });
  });
});

describe("stdin", () => {
  const mine = (name: string): State => ({
    name: "pi1-x",
    on: "pi1",
    script: "absent",
    parameters: { path: `/no/such/${name}` },
    after: [],
  });

  it("gives the rest to the program, whatever the command was", () => {
    expect(stdin(mine("file"))).toBe(
      'if [ "$1" = remove ] && [ ! -e /usr/local/sbin/twopir ] && [ ! -e /var/lib/twopir ]; then\n' +
        '  echo "twopir is not on this Pi" && exit\nfi\n' +
        'if [ "$(id -u)" = 0 ]; then\n  exec /usr/local/sbin/twopir given "$@"\n' +
        'else\n  sudo -n /usr/local/sbin/twopir given "$@" || {\n    status=$?\n' +
        `    [ $status != 1 ] || echo "sudo says no: pulumi up puts back the program and sudo's rule for it" >&2\n` +
        "    exit $status\n  }\n  exit\nfi\n" +
        "state=pi1-x\nscript=absent\npi=pi1\npath=/no/such/file\nend\n",
    );
    const { status, stdout } = bash(stdin({ ...mine("file"), on: OPERATOR }), "apply");
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });

  it("has nothing to take back where there is no program, and fails to apply", () => {
    if (existsSync("/usr/local/sbin/twopir")) return;
    expect(bash(stdin(mine("file")), "remove", "pi1")).toMatchObject({
      status: 0,
      stdout: "twopir is not on this Pi\n",
    });
    expect(bash(stdin(mine("$(touch /tmp/owned)")), "apply", "pi1").status).not.toBe(0);
  });
});

describe("sudo's password", () => {
  const passwords = [
    "",
    "touch owned",
    `it's "a" $(touch owned) \\ ünï`,
    " a ",
    "`touch owned`",
    "-n",
    "世界 🥧",
  ];

  // Under sudo: test/scripts/sudo.test.ts.
  const isRoot = process.getuid?.() === 0;
  it.runIf(isRoot).each(passwords)(
    "%j is no line of what root's bash reads, where nobody asks",
    (password) => {
      const text = checkAll([state("fine", "say $PWD")], nonce, program.bytes, password);
      const { status, stdout, stderr } = spawnSync("bash", ["-s", "check", "pi1"], {
        input: text,
        encoding: "utf8",
        cwd: folder,
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(parseFindings(stdout, nonce).get("fine")?.details).toBe(folder);
      expect(existsSync(join(folder, "owned"))).toBe(false);
    },
  );
});

describe("checkAll and parseFindings", () => {
  it("finds reasons and details apart, state by state", () => {
    const found = find(
      state("fine", ":"),
      state("talks", "say all is well"),
      state("drifted", 'change "a is missing" false; say "-a"; say "+b"; change "b differs" false'),
    );
    expect([...found]).toEqual([
      ["fine", { reasons: [], disturbs: false, details: "" }],
      ["talks", { reasons: [], disturbs: false, details: "all is well" }],
      ["drifted", { reasons: ["a is missing", "b differs"], disturbs: true, details: "-a\n+b" }],
    ]);
  });

  it("goes on after a check that fails, and says why it did", () => {
    const found = find(
      state("fails", 'change "seen before" false; fail "the disk is gone"; change "never" false'),
      state("unforeseen", "ls /nonexistent/folder"),
      state("silent", "exit 3"),
      state("unset", 'echo "$no_such_variable"'),
      state("after", 'change "still looked at" false'),
    );
    expect(found.get("fails")?.reasons).toEqual(["seen before", "cannot be checked: the disk is gone"]);
    expect(found.get("unforeseen")?.reasons).toEqual([
      'cannot be checked: "ls /nonexistent/folder" failed with exit status 2',
    ]);
    expect(found.get("unforeseen")?.details).toMatch(/No such file/);
    expect(found.get("silent")?.reasons).toEqual(["cannot be checked: exit status 3"]);
    expect(found.get("unset")?.reasons.join()).toMatch(
      /^cannot be checked: .*no_such_variable: unbound variable/,
    );
    expect(found.get("after")?.reasons).toEqual(["still looked at"]);
  });

  it("bears output without a newline, and a check that reads its stdin", () => {
    const found = find(
      state("no newline", "printf 'change: cut short'"),
      state("reads", "cat"),
      state("last", 'change "looked at" false'),
    );
    expect(found.get("no newline")).toEqual({ reasons: ["cut short"], disturbs: true, details: "" });
    expect(found.get("reads")).toEqual({ reasons: [], disturbs: false, details: "" });
    expect(found.get("last")?.reasons).toEqual(["looked at"]);
  });

  it("tells a change that disturbs others from one that does not", () => {
    const found = find(
      state("quiet", `mend "peer away" false`),
      state("loud", `mend "a" false; change "b" false`),
    );
    expect(found.get("quiet")).toEqual({ reasons: ["peer away"], disturbs: false, details: "" });
    expect(found.get("loud")).toEqual({ reasons: ["a", "b"], disturbs: true, details: "" });
  });

  it("tells refusals from reasons and from details", () => {
    const found = find(
      state("refuses", 'say fact=1; change "seen before" false; refuse "not ours"; change "never" false'),
      state("talks", "say 'it would refuse: nothing'"),
    );
    expect(found.get("refuses")).toEqual({
      reasons: ["seen before"],
      disturbs: true,
      refusals: ["not ours"],
      details: "fact=1",
    });
    expect(found.get("talks")).toEqual({ reasons: [], disturbs: false, details: "it would refuse: nothing" });
  });

  it("takes no frame from a script that prints one", () => {
    const forged = `${nonce.replace("0", "1")} end 0`;
    const found = find(
      state(
        "forger",
        `echo; echo ${quote(forged)}; echo '${"f".repeat(32)} begin other'; change "real" false`,
      ),
      state("other", ":"),
    );
    expect(found.get("forger")).toEqual({
      reasons: ["real"],
      disturbs: true,
      details: `${forged}\n${"f".repeat(32)} begin other`,
    });
    expect(found.get("other")?.reasons).toEqual([]);
  });

  it("keeps parameters, variables and traps of one state from the next", () => {
    const found = find(
      state("one", "leak=1; trap 'echo leaked' EXIT; cd /", { parameters: { mine: "1" } }),
      state("two", 'change "mine=${mine-none} leak=${leak-none}" false'),
    );
    expect(found.get("two")).toEqual({ reasons: ["mine=none leak=none"], disturbs: true, details: "" });
  });

  it("knows names with blanks and quotes", () => {
    expect([...find(state("it's a  name", ":")).keys()]).toEqual(["it's a  name"]);
  });

  it("runs them all at once, and tells of them in order", () => {
    const flag = quote(join(folder, "told"));
    const found = find(
      state("waits", `until_true 5 test -e ${flag} || fail "nobody came"; change "second" false`),
      state("comes", `change "first" false; touch ${flag}`),
    );
    expect([...found].map(([name, { reasons }]) => [name, ...reasons])).toEqual([
      ["waits", "second"],
      ["comes", "first"],
    ]);
  });

  it("asks what they have in common once, and tells each the answer and the status", () => {
    const log = quote(join(folder, "asked"));
    const ask = `ask() { echo x >>${log}; sleep 0.2; echo "the answer / $1"; return "$1"; }`;
    const asks = (status: number): string =>
      `${ask}; answer=$(once ask ${status}) || change "status $?" false; say "$answer"`;
    const found = find(...[0, 0, 7, 7].map((status, i) => state(`asks-${i}`, asks(status))));
    expect([...found.values()].map(({ reasons, details }) => [...reasons, details])).toEqual([
      ["the answer / 0"],
      ["the answer / 0"],
      ["status 7", "the answer / 7"],
      ["status 7", "the answer / 7"],
    ]);
    expect(bash(`wc -l <${log}`).stdout.trim()).toBe("2");
  });

  it("ends a check that never ends to print, and goes on", () => {
    const found = find(state("yes", "yes"), state("after", 'change "still looked at" false'));
    expect(found.get("yes")?.reasons).toEqual(["cannot be checked: it printed more than 256 KiB"]);
    expect(found.get("after")?.reasons).toEqual(["still looked at"]);
  });

  it("bears more in what they ask in common, as nginx's config of thousands of redirects", () => {
    const asks = `ask() { head -c 1000000 /dev/zero | tr '\\0' x; }; answer=$(once ask); say \${#answer}`;
    const found = find(state("asks", asks), state("too", asks));
    expect([...found.values()].map(({ details }) => details)).toEqual(["1000000", "1000000"]);
  });

  it("tells of a check that was killed, without its text", () => {
    const found = find(state("killed", "kill -9 $BASHPID", { secrets: { secret: "s3cr3t" } }));
    expect(found.get("killed")?.reasons).toEqual(["cannot be checked: exit status 137"]);
  });

  it("has no finding for a check that was cut off", () => {
    const { stdout } = bash(
      checkAll([state("done", ":"), state("half", 'change "x" false')], nonce, program.bytes),
      "check",
      "pi1",
    );
    const cut = stdout.slice(0, stdout.lastIndexOf(`${nonce} end`));
    expect([...parseFindings(cut, nonce).keys()]).toEqual(["done"]);
  });
});

describe("printable", () => {
  it.each([
    ["plain text; with 'quotes' and $(things)", "plain text; with 'quotes' and $(things)"],
    ["one\ntouch /tmp/owned", "one touch /tmp/owned"],
    ["\u001b[31mred\u001b[0m\r\n", "[31mred [0m"],
    ["a\0\u007f\u2028b", "a b"],
    ["x".repeat(200), "x".repeat(200)],
    ["x".repeat(201), `${"x".repeat(199)}~`],
  ])("%j", (text, line) => {
    expect(printable(text)).toBe(line);
  });
});

describe("command", () => {
  it.each([
    ["check", "pi1", "", "bash -s check pi1"],
    ["remove", OPERATOR, "", "bash -s remove"],
    ["apply", "pi1", "x is\nmissing", "bash -s apply pi1 # x is missing"],
    ["apply", OPERATOR, "no record", "bash -s apply # no record"],
  ] as const)("%s on %s, reason %j", (mode, on, reason, line) => {
    expect(command(mode, on, reason)).toBe(line);
  });

  it("keeps a reason from running, whatever it says", () => {
    const flag = join(folder, "owned");
    const line = command("check", "pi1", `x\ntouch ${flag}\r\u2028; touch ${flag} $(touch ${flag})`);
    spawnSync("bash", ["-c", line], { input: "" });
    expect(bash(`[ ! -e ${quote(flag)} ]`).status).toBe(0);
  });
});

describe("propagate", () => {
  const plain = (name: string, disturbedBy: string[] = []): State => ({
    name,
    on: "pi1",
    script: name,
    parameters: {},
    after: disturbedBy,
    disturbedBy,
  });
  const none: Finding = { reasons: [], disturbs: false, details: "" };
  const bad: Finding = { reasons: ["gone"], disturbs: true, details: "" };
  const chain = [plain("a"), plain("b", ["a"]), plain("c", ["b"]), plain("d")];

  it("reaches everything that a drifted state disturbs, and nothing else", () => {
    const all = propagate(
      chain,
      new Map([
        ["a", bad],
        ["b", none],
        ["c", none],
        ["d", none],
      ]),
    );
    expect(Object.fromEntries([...all].map(([name, { reasons }]) => [name, reasons]))).toEqual({
      a: ["gone"],
      b: ["runs again after the change to a"],
      c: ["runs again after the change to b"],
      d: [],
    });
  });

  it("leaves a state's own reason, and one that nobody could look at", () => {
    const all = propagate(
      chain,
      new Map([
        ["a", bad],
        ["b", { reasons: ["own"], disturbs: true, details: "x" }],
      ]),
    );
    expect(all.get("b")).toEqual({ reasons: ["own"], disturbs: true, details: "x" });
    expect(all.has("c")).toBe(false);
  });

  it("names all causes, and not mere order", () => {
    const states = [plain("a"), plain("b"), plain("c", ["a", "b"]), { ...plain("d"), after: ["a"] }];
    const all = propagate(
      states,
      new Map([
        ["a", bad],
        ["b", bad],
        ["c", none],
        ["d", none],
      ]),
    );
    expect(all.get("c")?.reasons).toEqual(["runs again after the change to a, b"]);
    expect(all.get("d")?.reasons).toEqual([]);
  });

  it("does not touch what it was given", () => {
    const found = new Map([
      ["a", bad],
      ["b", none],
    ]);
    propagate(chain, found);
    expect(found.get("b")).toBe(none);
  });
});

describe("explain", () => {
  const on = (pi: string, name: string, more: Partial<State> = {}): State => ({
    name,
    on: pi,
    script: "x",
    parameters: {},
    after: [],
    ...more,
  });
  const states = [
    on("pi1", "link"),
    on("pi1", "nginx"),
    on("pi2", "other"),
    on("pi1", "volume", { anywhere: true }),
    on("pi1", "health", { facts: true }),
    on("pi1", "updates", { aside: true }),
  ];
  const reasonsOf = (cause: string, more: Partial<Finding> = {}): readonly string[] => {
    const well: Finding = { reasons: [], disturbs: false, details: "" };
    const found = new Map<string, Finding>(states.map(({ name }) => [name, well]));
    found.set("nginx", { ...well, symptoms: ["no page"] });
    if (cause !== "") found.set(cause, { ...well, reasons: ["is missing"], ...more });
    return explain(states, found).get("nginx")?.reasons ?? [];
  };

  it("makes a reason of a symptom where no other state of the Pi or of the volume has one", () => {
    expect(reasonsOf("")).toEqual(["no page"]);
    expect(reasonsOf("other")).toEqual(["no page"]);
    expect(reasonsOf("link")).toEqual([]);
    expect(reasonsOf("volume")).toEqual([]);
    expect(reasonsOf("health")).toEqual(["no page"]); // it could not be asked for its facts
    expect(reasonsOf("updates")).toEqual(["no page"]); // no page stands on it
  });

  it("does not take a note for the cause", () => {
    expect(reasonsOf("link", { notes: ["is missing"] })).toEqual(["no page"]);
    expect(reasonsOf("volume", { reasons: ["a", "is missing"], notes: ["is missing"] })).toEqual([]);
    const { notes, reasons, disturbs } = find(state("a", "note 'files wait' false")).get("a") ?? {};
    expect({ notes, reasons, disturbs }).toEqual({
      notes: ["files wait"],
      reasons: ["files wait"],
      disturbs: false,
    });
  });

  it("goes without the notes of a state that are not wanted", () => {
    const found = new Map<string, Finding>([
      ["a", { reasons: ["gone", "wait", "full"], notes: ["wait", "full"], disturbs: true, details: "" }],
      ["b", { reasons: ["wait"], notes: ["wait"], disturbs: false, details: "" }],
    ]);
    const left = withoutNotes([on("pi1", "a", { unnoted: /^wait/ }), on("pi1", "b")], found);
    expect([left.get("a")?.reasons, left.get("b")?.reasons]).toEqual([["gone", "full"], ["wait"]]);
    expect(left.get("a")?.notes).toEqual(["full"]);
  });

  it("is what a check tells as a symptom", () => {
    const { symptoms, reasons, details } = find(state("a", "tell symptom 'no page'")).get("a") ?? {};
    expect({ symptoms, reasons, details }).toEqual({ symptoms: ["no page"], reasons: [], details: "" });
  });
});
