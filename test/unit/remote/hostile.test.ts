import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { ConfigError, parseConfig } from "../../../config";
import { clusterParts, statesOf } from "../../../components/cluster";
import { PI } from "../../../operator/program";
import { look, reach, type Look } from "../../../remote/look";
import { command, harmless, parseFindings, printable, given, type State } from "../../../remote/state";
import { publicKey, startSshd, type Sshd } from "./sshd";

/** The program dials port 22; here that is led to the test's own sshd, and nothing else is altered. */
const port22 = vi.hoisted(() => ({ is: 0 }));
vi.mock("ssh2", async (original) =>
  (await import("./redirected.js")).redirected(await original(), (host) => ({ host, port: port22.is })),
);

/** Texts that a shell, a terminal or a parser might take for something else, and any others, up to 64 KiB. */
const nasty = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.constantFrom(
    "",
    " ",
    "-n",
    "--",
    "-rf /",
    "'",
    '"',
    "\\",
    "`id`",
    "$(id)",
    "${HOME}",
    "$'\\n'",
    "a\nb",
    "a\r\nb",
    "\n",
    "\t",
    "*",
    "?",
    "[a-z]",
    "{1,2}",
    "~",
    "!",
    "#",
    "&",
    "|",
    ";",
    "<",
    ">",
    "%s%n",
    "\u001b[2J",
    "\u202e",
    "\ud83e\udd67",
    "e\u0301",
    "\u0007",
    "x".repeat(65_536),
    "'".repeat(65_536),
  ),
);
const withoutNul = nasty.map((text) => text.replaceAll("\0", ""));

const folder = mkdtempSync(join(tmpdir(), "twopir-hostile-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** That these are what a script gets which takes them. */
async function expectToArrive(parameters: State["parameters"]): Promise<void> {
  const all = Object.entries(parameters);
  const takes = all.map(([name, value]) => (typeof value === "object" ? `'${name}[]'` : name));
  const prints = all.map(
    ([name, value]) => `printf '%s\\0' "\${${name}${typeof value === "object" ? "[@]" : ""}}"`,
  );
  const path = join(folder, "prints");
  writeFileSync(`${path}.sh`, `takes ${takes.join(" ")}\nwant() {\n:\n${prints.join("\n")}\n}\n`);
  const state: State = {
    name: "pi1-x",
    on: "pi1",
    anywhere: true,
    script: relative(join(PI, "states"), path),
    parameters,
    after: [],
  };
  const child = spawn("bash", [join(PI, "twopir"), "given", "check", "pi1"]);
  child.stdin.end(given(state));
  const stdout = await buffer(child.stdout);
  const sent = Object.values(parameters).flatMap((one) =>
    typeof one === "object" ? (one.length > 0 ? one : [""]) : [String(one)],
  );
  expect(stdout.equals(Buffer.from(sent.map((one) => `${one}\0`).join("")))).toBe(true);
}

describe("any text", () => {
  it("arrives in a script byte for byte, as a variable and in an array", async () => {
    await fc.assert(
      fc.asyncProperty(withoutNul, fc.array(withoutNul, { maxLength: 3 }), (text, list) =>
        expectToArrive({ text, list }),
      ),
      { numRuns: 100 },
    );
  });

  it("is one printable line as a reason, and a comment to the shell", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        expect(printable(text)).toMatch(/^[\x20-\x7e]{0,200}$/);
        expect(command("apply", "pi1", text)).toMatch(/^bash -s apply pi1( # [\x20-\x7e]*)?$/);
      }),
    );
  });

  it("from a host moves no cursor and hides nothing", () => {
    fc.assert(
      fc.property(nasty, (text) => {
        expect(harmless(text)).toMatch(/^[^\0-\x08\x0b-\x1f\x7f-\x9f]*$/);
        expect(harmless(text)).toHaveLength(text.length);
      }),
    );
  });

  it("from a host is no finding, and breaks none", () => {
    const nonce = "0123456789abcdef0123456789abcdef";
    fc.assert(
      fc.property(nasty, nasty, (before, inside) => {
        const found = parseFindings(
          `${before}\n${nonce} begin one\n${inside}\n${nonce} end 0\n${nonce} begin two\nchange: real\n${nonce} end 0\n`,
          nonce,
        );
        expect([...found.keys()]).toEqual(["one", "two"]);
        expect(found.get("two")?.reasons).toEqual(["real"]);
      }),
    );
  });
});

describe("any text in the config", () => {
  const good = {
    hostname: "twopir.example.com",
    serverNames: ["twopir"],
    pis: [
      { name: "pi1", address: "192.168.0.121", user: "pi", hostKey: "ssh-ed25519 AAAA" },
      { name: "pi2", address: "192.168.0.122", user: "pi", hostKey: "ssh-ed25519 AAAA" },
    ],
    volume: { name: "gv0", mount: "/mnt/gluster1", brick: "/data/brick1/gv0", clients: ["192.168.0.10"] },
    floatingAddresses: ["192.168.0.221", "192.168.0.222"],
    splitBrain: "report",
    updates: "security",
    dns: { provider: "rfc2136", server: "192.168.0.53", zone: "example.com", keyName: "twopir" },
    tsigSecret: "dGhpcyBrZXkgaXMgYSBzZWNyZXQ=",
    ssh: { keyFile: "~/.ssh/id_ed25519", knownHosts: "~/.ssh/known_hosts" },
  };
  /** Which key the rules about several keys name, where it is not the one that was altered. */
  const RULES: Readonly<Record<string, string>> = { hostname: "dns", pis: "floatingAddresses" };
  type Tree = { [key: string]: Tree } | string;

  /** The path of every text in it. */
  const leaves = (tree: Tree, path: string[] = []): string[][] =>
    typeof tree === "string"
      ? [path]
      : Object.entries(tree).flatMap(([key, one]) => leaves(one, [...path, key]));

  function replaced(path: readonly string[], text: string): Record<string, unknown> {
    const copy = structuredClone(good) as unknown as Tree;
    let at = copy;
    for (const key of path.slice(0, -1)) at = (at as Record<string, Tree>)[key] ?? "";
    (at as Record<string, Tree>)[path.at(-1) ?? ""] = text;
    return copy as unknown as Record<string, unknown>;
  }

  const states = (raw: Record<string, unknown>): State[] =>
    statesOf(clusterParts(parseConfig(raw, "/project"), new Set(["pi1", "pi2"])));

  const path = fc.constantFrom(...leaves(good as unknown as Tree));
  // What is nearly right is refused less often.
  const near = fc.constantFrom(
    "pi",
    "a",
    "1",
    "/x",
    ".",
    "-",
    "_",
    "192.168.0.",
    "é",
    "\n",
    "'",
    "$(id)",
    ":",
    " ",
  );
  const text = fc.oneof(
    nasty,
    fc.array(near, { maxLength: 4 }).map((parts) => parts.join("")),
  );

  it("is refused by name, or arrives in every script byte for byte", async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(path, text, async (where, value) => {
        let all: State[];
        try {
          all = states(replaced(where, value));
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          const key =
            where
              .join(".")
              .replaceAll(/\.(\d+)/g, "[$1]")
              .split(/[.[]/)[0] ?? "";
          expect(error.message).toMatch(new RegExp(`- twopir:(${key}|${RULES[key] ?? key})\\b`));
          return;
        }
        accepted += 1;
        const state = all[accepted % all.length];
        if (state === undefined) return;
        await expectToArrive({ ...state.parameters, ...state.secrets });
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});

// As another user the look goes through sudo, which a test cannot rely on.
describe.skipIf(process.getuid?.() !== 0)("a host that is not what it seems", () => {
  let sshd: Sshd | undefined;
  afterEach(async () => {
    await sshd?.stop();
    sshd = undefined;
  });

  const state: State = {
    name: "pi1-x",
    on: "pi1",
    anywhere: true,
    script: "absent",
    parameters: { path: "/no/such/file" },
    after: [],
  };

  /** What a look sees of an sshd with these options. */
  const seen = (...options: readonly string[]): Promise<Look> => seenOf(state, ...options);
  async function seenOf(one: State, ...options: readonly string[]): Promise<Look> {
    sshd = await startSshd(...options);
    port22.is = sshd.port;
    const pi = {
      name: "pi1",
      address: "127.0.0.1",
      user: sshd.user,
      hostKey: publicKey(sshd.hostKeys.ed25519),
    };
    return look([one], await reach([pi], { keyFile: sshd.userKey, knownHosts: "/dev/null" }));
  }
  const well = { reasons: [], disturbs: false, details: "" };

  it("a banner before the login changes nothing", async () => {
    const { findings, problems } = await seen("Banner=/etc/debian_version");
    expect(problems).toEqual([]);
    expect(findings.get("pi1-x")).toEqual(well);
  });

  const printing = `ForceCommand=printf '\\033[2Jwelcome to\\nmy pi\\n'; echo oops >&2; eval "$SSH_ORIGINAL_COMMAND"`;

  it("a login shell that prints, in the way of everything, changes nothing", async () => {
    const { findings, problems } = await seen(printing);
    expect(problems).toEqual([]);
    expect(findings.get("pi1-x")).toEqual(well);
  });

  it("but is refused where a file must be sent, which sftp would not do", async () => {
    const upload = { from: "/no/such", as: "file", bytes: 1 };
    const { problems } = await seenOf({ ...state, parameters: { path: "/etc" }, upload }, printing);
    expect(problems.map(({ kind }) => kind)).toEqual(["refused"]);
    expect(problems[0]?.message).toContain(
      'pi1: the login shell of user root prints "[2Jwelcome to my pi", which breaks sftp',
    );
  });

  it("is refused where a file must be sent and there is no sftp", async () => {
    const sends = {
      ...state,
      parameters: { path: "/etc" },
      upload: { from: "/no/such", as: "file", bytes: 1 },
    };
    const { problems } = await seenOf(sends);
    expect(problems.map(({ kind }) => kind)).toEqual(["refused"]);
    expect(problems[0]?.message).toContain("pi1: its ssh server offers no sftp, by which files are sent");
    await sshd?.stop();
    expect((await seenOf(sends, "Subsystem=sftp internal-sftp")).problems).toEqual([]);
  });

  it.each([
    ["output that never ends", "yes", /printed more than 1 MiB/],
    ["megabytes on one line", "head -c 3000000 /dev/zero | tr '\\0' x", /printed more than 1 MiB/],
    [
      "escapes in its last words",
      "printf '\\033]0;owned\\007\\033[31mred\\n' >&2; exit 3",
      /ended with status 3: \?\]0;owned\?\?\[31mred$/,
    ],
    ["a shell that is none", "exit 0", /^pi1: 1 of 1 checks gave no answer, pi1-x first/],
  ])("%s", async (_, forced, says) => {
    const { findings, problems } = await seen(`ForceCommand=${forced}`);
    expect(findings.get("pi1-x")).toBeUndefined();
    expect(problems.map((problem) => problem.message).join()).toMatch(says);
  });
});
