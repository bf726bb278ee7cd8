import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  checkAll,
  command,
  file,
  OPERATOR,
  parseFindings,
  printable,
  propagate,
  quote,
  stdin,
  type Finding,
  type State,
} from "../../../remote/state";

const nonce = "0123456789abcdef0123456789abcdef";
const scripts = join(__dirname, "../../../scripts");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "twopir-state-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const bash = (text: string, ...args: string[]) =>
  spawnSync("bash", ["-s", ...args], { input: text, encoding: "utf8" });

let made = 0;

/** A state whose script is this text; its want() is what the tests of checkAll are about. */
function state(name: string, want: string, more: Partial<State> = {}): State {
  const path = join(folder, `${(made += 1)}.sh`);
  writeFileSync(path, `want() {\n${want}\n}\nmain "$@"\n`);
  return { name, on: "pi1", scripts: [relative(scripts, path)], parameters: {}, after: [], ...more };
}

/** What a look finds in these states, by way of a real bash. */
function find(...states: State[]): Map<string, Finding> {
  const { status, stdout, stderr } = bash(checkAll(states, nonce), "check", "pi1");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return parseFindings(stdout, nonce);
}

describe("quote", () => {
  const every = Array.from({ length: 0x250 }, (_, i) => String.fromCodePoint(i + 1)).join("");
  const odd = [
    "",
    " ",
    "it's!",
    "''",
    "'; touch /tmp/owned; '",
    "$(touch /tmp/owned) `id` ${HOME} $'\\n' \\ \\\\",
    "ends in a newline\n",
    "\n\n",
    "a\r\nb\tc\u001b[31m\u007f",
    "*?[a-z]{1,2}~ #!&|<>;()",
    "-n",
    "Grüße, 世界, \u{1f967}",
    every,
    "x".repeat(100_000),
  ];

  it.each(odd.map((text) => [JSON.stringify(text).slice(0, 60), text] as const))(
    "%s arrives byte by byte",
    (_, text) => {
      const { stdout } = spawnSync("bash", ["-s"], { input: `a=${quote(text)}\nprintf %s "$a"` });
      expect(stdout.equals(Buffer.from(text))).toBe(true);
    },
  );

  it("refuses a NUL byte, which no shell variable holds", () => {
    expect(() => quote("a\0b")).toThrow("NUL");
  });
});

describe("stdin", () => {
  it("hands parameters over as variables and arrays, the state's name with them", () => {
    const list = ["two words", "", "it's", "*"];
    const one = state(
      "pi1-x",
      `printf '%s|' "$state" "$pi" "$text" "$number" "$secret" "\${list[@]}" "\${#none[@]}"`,
      {
        parameters: { text: "$HOME\n", number: 60, list, none: [] },
        secrets: { secret: "s3cr3t" },
      },
    );
    expect(bash(stdin(one), "check", "pi1").stdout).toBe(
      ["pi1-x", "pi1", "$HOME\n", "60", "s3cr3t", ...list, "0", ""].join("|"),
    );
  });

  it("runs nothing when it is cut off anywhere", () => {
    const flag = join(folder, "ran");
    const text = stdin(state("x", `echo ran >>${quote(flag)}`));
    const whole = bash(text, "check", "pi1");
    expect({ status: whole.status, ran: bash(`cat ${quote(flag)}`).stdout }).toEqual({
      status: 0,
      ran: "ran\n",
    });
    rmSync(flag);
    const end = text.lastIndexOf("main");
    for (const cut of [0.1, 0.3, 0.5, 0.7, 0.9].map((part) => Math.floor(end * part)).concat(end, end + 3))
      bash(text.slice(0, cut), "check", "pi1");
    expect(bash(`cat ${quote(flag)}`).status).toBe(1);
  });

  it("reads what lands on a Pi from files/", () => {
    expect(file("/etc/systemd/system/nginx.service.d/twopir.conf")).toContain("[Service]");
  });
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
      state("one", "leak=1; trap 'echo leaked' EXIT; cd /", { parameters: { own: "1" } }),
      state("two", 'change "own=${own-none} leak=${leak-none}" false'),
    );
    expect(found.get("two")).toEqual({ reasons: ["own=none leak=none"], disturbs: true, details: "" });
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

  it("tells of a check that was killed, without its text", () => {
    const found = find(state("killed", "kill -9 $BASHPID", { secrets: { secret: "s3cr3t" } }));
    expect(found.get("killed")?.reasons).toEqual(["cannot be checked: exit status 137"]);
  });

  it("has no finding for a check that was cut off", () => {
    const { stdout } = bash(
      checkAll([state("done", ":"), state("half", 'change "x" false')], nonce),
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
    ["check", "pi", "pi1", "", "sudo -n bash -s check pi1"],
    ["apply", "root", "pi1", "", "bash -s apply pi1"],
    ["remove", "", OPERATOR, "", "bash -s remove"],
    ["apply", "pi", "pi1", "x is\nmissing", "sudo -n bash -s apply pi1 # x is missing"],
    ["apply", "pi", OPERATOR, "no record", "bash -s apply # no record"],
  ] as const)("%s as %j on %s, reason %j", (mode, user, on, reason, line) => {
    expect(command(mode, { user, on }, reason)).toBe(line);
  });

  it("keeps a reason from running, whatever it says", () => {
    const flag = join(folder, "owned");
    const line = command(
      "check",
      { user: "root", on: "pi1" },
      `x\ntouch ${flag}\r\u2028; touch ${flag} $(touch ${flag})`,
    );
    spawnSync("bash", ["-c", line], { input: "" });
    expect(bash(`[ ! -e ${quote(flag)} ]`).status).toBe(0);
  });
});

describe("propagate", () => {
  const plain = (name: string, disturbedBy: string[] = []): State => ({
    name,
    on: "pi1",
    scripts: [],
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
      b: ["after a"],
      c: ["after b"],
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
    expect(all.get("c")?.reasons).toEqual(["after a, b"]);
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
