import { spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ask, close, look, reach, type PiAddress, type Reached } from "../../../remote/look";
import { HostProblem, type ProblemKind } from "../../../remote/ssh";
import { OPERATOR, type State } from "../../../remote/state";
import { freePort, newKey, publicKey, startAgent, startSshd, type Sshd } from "./sshd";

/** The program dials port 22; here that is led to the test's own sshd, but for addresses where a Pi is off. */
const port22 = vi.hoisted(() => ({ is: 0, closed: 0 }));
vi.mock("ssh2", async (original) =>
  (await import("./redirected.js")).redirected(await original(), (host) => ({
    host: "127.0.0.1",
    port: host === "127.0.0.9" ? port22.closed : port22.is,
  })),
);

let sshd: Sshd;
let hostKey: string;
let folder: string;
const text = (path: string): string => join(folder, path);

beforeAll(async () => {
  sshd = await startSshd();
  folder = mkdtempSync(join(tmpdir(), "twopir-look-"));
  hostKey = publicKey(sshd.hostKeys.ed25519);
  port22.is = sshd.port;
  port22.closed = await freePort();
  writeFileSync(text("known_hosts"), `127.0.0.1 ${hostKey}\n`);
});
afterAll(async () => {
  await sshd.stop();
  rmSync(folder, { recursive: true });
});

const pi = (name: string, more: Partial<PiAddress> = {}): PiAddress => ({
  name,
  address: "127.0.0.1",
  user: sshd.user,
  ...more,
});
const ssh = () => ({ keyFile: sshd.userKey, knownHosts: text("known_hosts") });
describe("reach", () => {
  it("connects by known_hosts, or by the pinned key without it", async () => {
    const reached = await reach([pi("pi1"), pi("pi2", { address: "127.0.0.2", hostKey })], ssh());
    close(reached);
    expect(
      [...reached].map(([name, one]) => [name, one.login.hostKey, one.problem, one.client !== undefined]),
    ).toEqual([
      ["pi1", hostKey, undefined, true],
      ["pi2", hostKey, undefined, true],
    ]);
  });

  it("has a passphrase for a key that has one alone: others may have keys without", async () => {
    const locked = text("locked");
    writeFileSync(locked, readFileSync(sshd.userKey), { mode: 0o600 });
    spawnSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "open sesame", "-f", locked]);
    const reached = await reach([pi("pi1"), pi("pi2", { keyFile: locked })], {
      ...ssh(),
      passphrase: "open sesame",
    });
    close(reached);
    expect(
      [...reached.values()].map(({ login, client }) => [login.passphrase, client !== undefined]),
    ).toEqual([
      [undefined, true],
      ["open sesame", true],
    ]);
  });

  it("takes the pinned key's word against known_hosts", async () => {
    const other = publicKey(newKey(text("other")));
    const reached = await reach([pi("pi1", { hostKey: other })], ssh());
    expect(reached.get("pi1")?.problem?.message).toContain("shows another host key");
  });

  it("contacts nobody whose host key is not known, and says what to do", async () => {
    const { client, problem } = (await reach([pi("pi1", { address: "127.0.0.3" })], ssh())).get("pi1") ?? {};
    expect(client).toBeUndefined();
    expect(problem?.kind).toBe("refused");
    expect(problem?.message).toBe(
      `pi1 (127.0.0.3): its host key is not in ${text("known_hosts")}. Log in once and compare the fingerprint ` +
        `(ssh ${sshd.user}@127.0.0.3), or pin it as hostKey of pi1 in twopir:pis.`,
    );
  });

  it("says which key file cannot be read", async () => {
    const { client, problem } =
      (await reach([pi("pi1")], { ...ssh(), keyFile: "/no/such/key" })).get("pi1") ?? {};
    expect(client).toBeUndefined();
    expect(problem?.kind).toBe("refused");
    expect(problem?.message).toMatch(
      /^pi1: the key file \/no\/such\/key cannot be read\. Set twopir:ssh\.keyFile/,
    );
  });

  it("makes a problem of a key file that holds no key", async () => {
    writeFileSync(text("no_key"), "not a key");
    const { problem } = (await reach([pi("pi1")], { ...ssh(), keyFile: text("no_key") })).get("pi1") ?? {};
    expect(problem).toBeInstanceOf(HostProblem);
    expect(problem?.message).not.toContain("not a key");
  });

  it("refuses a key that no Pi takes, and bears one that some Pi takes", async () => {
    const wrong = { ...ssh(), keyFile: newKey(text("wrong")) };
    const problems = async (pis: PiAddress[]): Promise<(ProblemKind | undefined)[]> =>
      [...(await reach(pis, wrong)).values()].map(({ problem }) => problem?.kind);
    const off = pi("pi2", { address: "127.0.0.9", hostKey });
    expect(await problems([pi("pi1"), pi("pi2", { drained: true })])).toEqual(["refused", undefined]);
    expect(await problems([pi("pi1"), off])).toEqual(["login", "other"]);
  });

  it("reaches the others where one is off", async () => {
    const reached = await reach([pi("pi1", { address: "127.0.0.9", hostKey }), pi("pi2")], ssh());
    close(reached);
    expect(reached.get("pi1")?.problem?.message).toContain("nothing listens on port 22");
    expect(reached.get("pi1")?.problem?.kind).toBe("other");
    expect(reached.get("pi2")?.client).toBeDefined();
  });
});

describe("an ssh agent", () => {
  const socket = (): string => text("agent");
  const keyless = () => ({ knownHosts: text("known_hosts") });
  let agent: ChildProcess;

  beforeAll(async () => {
    agent = await startAgent(socket());
  });
  afterAll(() => void agent.kill());
  afterEach(() => vi.unstubAllEnvs());

  it("answers instead of a key, which nobody reads", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", socket());
    const refused = (await reach([pi("pi1")], keyless())).get("pi1")?.problem;
    expect(refused?.message).toContain("refuses every key of the ssh agent");
    spawnSync("ssh-add", ["-q", sshd.userKey], { env: { ...process.env, SSH_AUTH_SOCK: socket() } });
    const reached = await reach([pi("pi1")], keyless());
    close(reached);
    expect(reached.get("pi1")?.problem).toBeUndefined();
    expect(reached.get("pi1")?.login).not.toHaveProperty("privateKey");
  });

  it("must answer where SSH_AUTH_SOCK names it, also beside a key file", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", text("gone"));
    const reached = await reach([pi("pi1"), pi("pi2")], ssh());
    for (const { client, problem } of reached.values()) {
      expect(client).toBeUndefined();
      expect(problem?.kind).toBe("refused");
      expect(problem?.message).toContain(`SSH_AUTH_SOCK names ${text("gone")}, where no ssh agent answers`);
    }
    expect((await look([], reached)).problems).toHaveLength(1);
  });

  it("must be there", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", undefined);
    const { problem } = (await reach([pi("pi1")], keyless())).get("pi1") ?? {};
    expect(problem?.kind).toBe("refused");
    expect(problem?.message).toMatch(/^pi1: twopir:ssh.agent is true, and no ssh agent runs here/);
  });
});

it("refuses a Pi of which only an ssh-rsa host key is known", async () => {
  const { problem } =
    (await reach([pi("pi1", { hostKey: publicKey(sshd.hostKeys.rsa) })], ssh())).get("pi1") ?? {};
  expect(problem?.kind).toBe("refused");
  expect(problem?.message).toContain("ssh-keyscan -t ed25519 127.0.0.1");
});

describe("another port", () => {
  const port = 2222;

  it("has a host key of its own in known_hosts", async () => {
    const knownHosts = text("known_ports");
    const other = publicKey(newKey(text("of_port_22")));
    writeFileSync(knownHosts, `127.0.0.1 ${other}\n[127.0.0.1]:2222 ${hostKey}\n`);
    const reached = await reach([pi("pi1", { port })], { ...ssh(), knownHosts });
    close(reached);
    expect(reached.get("pi1")?.problem).toBeUndefined();
    expect(reached.get("pi1")?.login).toMatchObject({ port, hostKey });
  });

  it("may stand in known_hosts by the Pi's name, before its address", async () => {
    const knownHosts = text("known_names");
    const other = publicKey(newKey(text("of_the_address")));
    writeFileSync(knownHosts, `[127.0.0.1]:2222 ${other}\n[pi1.local]:2222 ${hostKey}\n`);
    const asked = (hostName: string) => reach([pi("pi1", { port, hostName })], { ...ssh(), knownHosts });
    const right = await asked("pi1.local");
    close(right);
    expect(right.get("pi1")?.problem).toBeUndefined();
    writeFileSync(knownHosts, `[pi1.local]:2222 ${other}\n`);
    const wrong = await asked("pi1.local");
    expect(wrong.get("pi1")?.problem?.message).toContain("(ssh-keygen -R '[pi1.local]:2222')");
  });

  it("may stand in known_hosts by another name, as by HostKeyAlias", async () => {
    const knownHosts = text("known_aliases");
    writeFileSync(knownHosts, `one ${hostKey}\n[pi1.local]:2222 ${publicKey(newKey(text("of_the_name")))}\n`);
    const named = pi("pi1", { port, hostName: "pi1.local", knownAs: "one" });
    const reached = await reach([named], { ...ssh(), knownHosts });
    close(reached);
    expect(reached.get("pi1")?.problem).toBeUndefined();
  });

  it.each<[string, () => Partial<PiAddress>, string]>([
    ["unknown", () => ({ address: "127.0.0.3" }), "(ssh -p 2222 USER@127.0.0.3)"],
    ["changed", () => ({ hostKey: publicKey(newKey(text("now"))) }), "(ssh-keygen -R '[127.0.0.1]:2222')"],
    [
      "only RSA",
      () => ({ hostKey: publicKey(sshd.hostKeys.rsa) }),
      "ssh-keyscan -t ed25519 -p 2222 127.0.0.1",
    ],
    ["closed", () => ({ address: "127.0.0.9", hostKey }), "nothing listens on port 2222"],
  ])("is named where the Pi is %s", async (_, how, words) => {
    const reached = await reach([pi("pi1", { port, ...how() })], ssh());
    expect(reached.get("pi1")?.problem?.message).toContain(words.replace("USER", sshd.user));
  });
});

describe("a jump host", () => {
  const jumpHost = (more = {}) => ({ address: "127.0.0.1", port: 22, user: sshd.user, ...more });
  const through = async (more = {}, target: Partial<PiAddress> = {}): Promise<Reached | undefined> => {
    const reached = await reach([pi("pi1", target)], { ...ssh(), jumpHost: jumpHost(more) });
    close(reached);
    return reached.get("pi1");
  };

  it("carries the connection to each Pi, whose own host key is checked", async () => {
    const { client, via, problem } = (await through()) ?? {};
    expect(problem).toBeUndefined();
    expect(client).toBeDefined();
    expect(via).toBeDefined();
    const other = publicKey(newKey(text("another")));
    expect((await through({}, { hostKey: other }))?.problem?.message).toMatch(
      /^pi1 .*shows another host key/,
    );
  });

  it("may have a name of its own in known_hosts, and each host a key of its own", async () => {
    const knownHosts = text("known_gate");
    writeFileSync(knownHosts, `gate ${hostKey}\n127.0.0.1 ${hostKey}\n`);
    const other = newKey(text("of_others"));
    const [keyFile, address] = [sshd.userKey, "127.0.0.2"];
    const behind = async (gate: object, target: Partial<PiAddress>): Promise<HostProblem | undefined> => {
      const way = { keyFile: other, knownHosts, jumpHost: jumpHost({ address, knownAs: "gate", ...gate }) };
      const reached = await reach([pi("pi1", target)], way);
      close(reached);
      return reached.get("pi1")?.problem;
    };
    expect(await behind({ keyFile }, { keyFile })).toBeUndefined();
    expect((await behind({}, { keyFile }))?.message).toMatch(/^the jump host .* refuses the key/);
    expect((await behind({ keyFile }, {}))?.message).toMatch(/^pi1 .* refuses the key/);
  });

  it("is what is wrong where it cannot be reached or trusted, and says nothing of the Pis", async () => {
    const off = (await through({ address: "127.0.0.9", hostKey }))?.problem;
    expect(off?.message).toMatch(/^the jump host \(127\.0\.0\.9\) is on, but nothing listens/);
    expect(off?.kind).toBe("refused");
    expect((await through({ address: "127.0.0.3" }))?.problem?.message).toMatch(
      /^the jump host .*pin it as hostKey of the jump host in twopir:ssh\.jumpHost\.$/,
    );
  });

  it("says of a Pi behind it what is wrong there", async () => {
    expect((await through({}, { address: "127.0.0.9", hostKey }))?.problem?.message).toMatch(
      /^pi1 \(127\.0\.0\.9\) is on, but nothing listens on port 22/,
    );
  });
});

// As another user the look goes through sudo, which a test cannot rely on.
describe.skipIf(process.getuid?.() !== 0)("look", () => {
  let made = 0;

  function state(name: string, on: string, want: string, more: Partial<State> = {}): State {
    const path = text(`${(made += 1)}.sh`);
    writeFileSync(path, `want() {\n${want}\n}\n`);
    // From wherever the program is unpacked.
    const script = `${"../".repeat(20)}${path.replace(/\.sh$/, "")}`;
    return { name, on, anywhere: true, script, parameters: {}, after: [], ...more };
  }

  afterEach(() => vi.useRealTimers());

  it("runs every check where it belongs, in check mode, and the connections are closed by who asked", async () => {
    const reached = await reach([pi("pi1"), pi("pi2")], ssh());
    const closed = [...reached.values()].map(
      ({ client }) => new Promise((resolve) => client?.once("end", () => resolve(true))),
    );
    const where = 'change "$mode on ${pi:-this machine}" touch /nonexistent/file';
    const { findings, problems } = await look(
      [
        state("a", "pi1", where),
        state("b", "pi2", where),
        state("c", OPERATOR, where),
        state("d", "pi1", ":"),
      ],
      reached,
    );
    expect(problems).toEqual([]);
    expect(Object.fromEntries([...findings].map(([name, { reasons }]) => [name, reasons]))).toEqual({
      a: ["check on pi1"],
      b: ["check on pi2"],
      c: ["check on this machine"],
      d: [],
    });
    close(reached);
    expect(await Promise.all(closed)).toEqual([true, true]);
  });

  it("loses no other's answer to a check that hangs", async () => {
    const reached = await reach([pi("pi1")], ssh());
    const { findings, problems } = await look(
      [
        state("hangs", "pi1", "tell mend wrong; sleep 60"),
        state("well", "pi1", ":"),
        state("here", OPERATOR, "sleep 60"),
      ],
      reached,
    );
    expect(problems).toEqual([]);
    const late = "cannot be checked: its check did not end within 20 s: something hangs";
    expect(findings.get("hangs")?.reasons).toEqual(["wrong", late]);
    expect(findings.get("here")?.reasons).toEqual([late]);
    expect(findings.get("well")?.reasons).toEqual([]);
  });

  it("makes a problem of a refusal, once for all that say it", async () => {
    const reached = await reach([pi("pi1"), pi("pi2")], ssh());
    const { findings, problems } = await look(
      [
        state("a", "pi1", 'refuse "the volume is not ours"'),
        state("b", "pi2", 'refuse "the volume is not ours"'),
        state("c", "pi2", 'change "gone" false; refuse "nor is this"'),
      ],
      reached,
    );
    expect(problems.map(({ message, kind }) => [message, kind])).toEqual([
      ["the volume is not ours", "refused"],
      ["nor is this", "refused"],
    ]);
    expect(findings.get("c")?.reasons).toEqual(["gone"]);
  });

  it("asks first without closing the connections", async () => {
    const reached = await reach([pi("pi1")], ssh());
    const { findings } = await ask([state("a", "pi1", "say knows=yes")], reached);
    expect(findings.get("a")?.details).toBe("knows=yes");
    expect((await ask([state("b", "pi1", "say again")], reached)).findings.get("b")?.details).toBe("again");
    close(reached);
  });

  it("hands drift on across places", async () => {
    const reached = await reach([pi("pi1")], ssh());
    const { findings } = await look(
      [
        state("cause", OPERATOR, 'change "gone" false'),
        state("victim", "pi1", ":", { after: ["cause"], disturbedBy: ["cause"] }),
      ],
      reached,
    );
    expect(findings.get("victim")?.reasons).toEqual(["runs again after the change to cause"]);
  });

  it("guesses nothing about a Pi that cannot be reached, and says why", async () => {
    const reached = await reach([pi("pi1", { address: "127.0.0.9", hostKey }), pi("pi2")], ssh());
    const { findings, problems } = await look([state("a", "pi1", ":"), state("b", "pi2", ":")], reached);
    expect([...findings.keys()]).toEqual(["b"]);
    expect(problems.map((problem) => problem.message)).toEqual([
      expect.stringMatching(/^pi1 .*nothing listens/),
    ]);
  });

  it("makes a problem of one Pi's look that breaks off, and goes on with the others", async () => {
    const reached = await reach([pi("pi1"), pi("pi2")], ssh());
    const { findings, problems } = await look(
      [
        state("before", "pi1", "say fine"),
        state("breaks", "pi1", 'kill -KILL "$PPID"; kill -KILL $$'),
        state("b", "pi2", ":"),
        state("c", OPERATOR, ":"),
      ],
      reached,
    );
    expect([...findings.keys()].sort()).toEqual(["b", "c"]);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(/^pi1 \(127\.0\.0\.1\)/);
  });

  it("says what was wrong with a connection at first, where more is asked of it", async () => {
    const reached = await reach([pi("pi1")], ssh());
    await ask([state("breaks", "pi1", 'kill -KILL "$PPID"; kill -KILL $$')], reached);
    const then = await ask([state("b", "pi1", ":")], reached);
    const last = await look([state("c", "pi1", ":")], reached);
    expect(then.problems).toHaveLength(1);
    expect(last.problems).toEqual(then.problems);
    expect(last.findings.size).toBe(0);
  });

  it("ends what takes too long on this machine, with all that it started", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const pid = text("pid");
    const looking = look([state("slow", OPERATOR, `bash -c 'echo $$ >${pid}; sleep 300; :'`)], new Map());
    while (!existsSync(pid) || readFileSync(pid, "utf8") === "") await sleep(20);
    vi.advanceTimersByTime(26_000);
    const { findings, problems } = await looking;
    vi.useRealTimers();
    expect(findings.size).toBe(0);
    expect(problems.map((problem) => problem.message)).toEqual([
      "the checks on this machine were not done after 25 s.",
    ]);
    // Whoever inherits a dead process may take a while to collect it.
    const left = (): string =>
      spawnSync("ps", ["-o", "stat=", "-p", readFileSync(pid, "utf8")], { encoding: "utf8" }).stdout;
    await expect.poll(left, { timeout: 3000 }).toMatch(/^(Z.*)?\s*$/);
  });

  it("says so when the checks on this machine break off", async () => {
    const { problems } = await look([state("dies", OPERATOR, "kill -KILL $$")], new Map());
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(/^the checks on this machine /);
  });
});
