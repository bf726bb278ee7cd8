import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "ssh2";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { connect, DIAL_SECONDS, HostProblem, knownHostKey, run, type Login } from "../../../remote/ssh";
import { freePort, listen, newKey, publicKey, startSshd, type Sshd } from "./sshd";

/** The program dials port 22; here that is led to the test's own sshd, and nothing else is altered. */
const port22 = vi.hoisted(() => ({ is: 0 }));
vi.mock("ssh2", async (original) =>
  (await import("./redirected.js")).redirected(await original(), (host) => ({ host, port: port22.is })),
);

describe("knownHostKey", () => {
  const ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVkMjU1MTkgZWQyNTUxOSBlZDI1NTE5IGVkMjU1";
  const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG90aGVyIG90aGVyIG90aGVyIG90aGVyIG90aGVy";
  let folder: string;
  let rsa: string;
  let ecdsa: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "twopir-known-"));
    rsa = publicKey(newKey(join(folder, "rsa"), "rsa"));
    ecdsa = publicKey(newKey(join(folder, "ecdsa"), "ecdsa"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function knownHosts(...lines: string[]): string {
    const path = join(folder, "known_hosts");
    writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
    return path;
  }

  it("finds a plain entry, alone or in a list of names, and no other host's", async () => {
    const path = knownHosts(
      `192.168.0.12 ${other}`,
      `192.168.0.1210 ${other}`,
      `pi1,192.168.0.121 ${ed25519} pi@home`,
    );
    expect(await knownHostKey("192.168.0.121", path)).toBe(ed25519);
    expect(await knownHostKey("192.168.0.122", path)).toBeUndefined();
  });

  it("knows of a port what is known of the address, where nothing is known of the port", async () => {
    const path = knownHosts(`192.168.0.121 ${ed25519}`, `[192.168.0.121]:2222 ${other}`);
    expect(await knownHostKey("192.168.0.121", path, 2222)).toBe(other);
    expect(await knownHostKey("192.168.0.121", path, 2223)).toBe(ed25519);
    expect(await knownHostKey("192.168.0.122", path, 2222)).toBeUndefined();
  });

  it("finds a hashed entry", async () => {
    const path = knownHosts(`192.168.0.121 ${ed25519}`, `192.168.0.122 ${other}`);
    execFileSync("ssh-keygen", ["-q", "-H", "-f", path], { stdio: "ignore" });
    expect(readFileSync(path, "utf8")).not.toContain("192.168");
    expect(await knownHostKey("192.168.0.121", path)).toBe(ed25519);
    expect(await knownHostKey("192.168.0.122", path)).toBe(other);
  });

  it("takes the strongest of several types, whatever their order", async () => {
    const lines = [rsa, ecdsa, ed25519].map((key) => `192.168.0.121 ${key}`);
    expect(await knownHostKey("192.168.0.121", knownHosts(...lines))).toBe(ed25519);
    expect(await knownHostKey("192.168.0.121", knownHosts(...lines.slice(0, 2)))).toBe(ecdsa);
    expect(await knownHostKey("192.168.0.121", knownHosts(...lines.slice(0, 1)))).toBe(rsa);
  });

  it("takes no certificate authority for a host key, and no revoked key", async () => {
    const path = knownHosts(`@cert-authority 192.168.0.* ${other}`, `192.168.0.121 ${ed25519}`);
    expect(await knownHostKey("192.168.0.121", path)).toBe(ed25519);
    expect(await knownHostKey("192.168.0.122", path)).toBeUndefined();
    const revoked = knownHosts(`192.168.0.121 ${ed25519}`, `192.168.0.121 ${rsa}`, `@revoked * ${ed25519}`);
    expect(await knownHostKey("192.168.0.121", revoked)).toBe(rsa);
  });

  it("knows nobody without a file", async () => {
    expect(await knownHostKey("192.168.0.121", join(folder, "missing"))).toBeUndefined();
    expect(await knownHostKey("192.168.0.121", knownHosts("", "# a comment", "garbage"))).toBeUndefined();
  });
});

describe("with a real sshd", () => {
  let sshd: Sshd;
  let login: Login;

  beforeAll(async () => {
    sshd = await startSshd();
    login = {
      name: "pi1",
      address: "127.0.0.1",
      user: sshd.user,
      hostKey: publicKey(sshd.hostKeys.ed25519),
      privateKey: readFileSync(sshd.userKey, "utf8"),
    };
  });
  afterAll(() => sshd.stop());
  beforeEach(() => {
    port22.is = sshd.port;
  });

  const problem = async (promise: Promise<unknown>): Promise<HostProblem> => {
    const error = await promise.then(
      () => undefined,
      (why: unknown) => why,
    );
    expect(error).toBeInstanceOf(HostProblem);
    return error as HostProblem;
  };

  describe("connect", () => {
    it.each(["ed25519", "ecdsa", "rsa"] as const)("takes the known %s host key", async (type) => {
      const client = await connect({ ...login, hostKey: publicKey(sshd.hostKeys[type]) });
      client.end();
    });

    it("refuses another host key of the same type, and says how to go on", async () => {
      const impostor = publicKey(newKey(join(sshd.folder, "impostor")));
      const { message, kind } = await problem(connect({ ...login, hostKey: impostor }));
      expect(message).toMatch(/^pi1 \(127\.0\.0\.1\) shows another host key than the known one\./);
      expect(message).toContain("ssh-keygen -R 127.0.0.1");
      expect(kind).toBe("refused");
    });

    it("refuses a host that has no key of the known type any more", async () => {
      const { kind, message } = await problem(connect({ ...login, hostKey: "ecdsa-sha2-nistp521 AAAA" }));
      expect(message).toContain("another host key");
      expect(kind).toBe("refused");
    });

    it("names user and remedy when the Pi does not take the key", async () => {
      const stranger = readFileSync(newKey(join(sshd.folder, "stranger")), "utf8");
      const { message, kind } = await problem(connect({ ...login, privateKey: stranger }));
      expect(message).toContain(
        `refuses the key for user ${sshd.user}. Put the public key there with: ssh-copy-id`,
      );
      expect(kind).toBe("login");
    });

    it("asks for the passphrase of a key that has one, and uses it", async () => {
      const path = join(sshd.folder, "locked");
      writeFileSync(path, login.privateKey ?? "", { mode: 0o600 });
      execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "open sesame", "-f", path]);
      const locked = { ...login, privateKey: readFileSync(path, "utf8") };
      expect((await problem(connect(locked))).message).toContain(
        "pulumi config set --secret twopir:sshPassphrase",
      );
      expect((await problem(connect({ ...locked, passphrase: "wrong" }))).message).toContain("sshPassphrase");
      (await connect({ ...locked, passphrase: "open sesame" })).end();
    });

    it("says that nothing listens", async () => {
      port22.is = await freePort();
      const { message, kind } = await problem(connect(login));
      expect(message).toBe(
        "pi1 (127.0.0.1) is on, but nothing listens on port 22. Enable ssh on it (sudo systemctl enable --now ssh), or name the port that its sshd has in the config.",
      );
      expect(kind).toBe("other");
    });

    it("gives up on a host that never speaks, in time", async () => {
      const silent = await listen(() => undefined);
      port22.is = silent.port;
      const start = Date.now();
      const { message, kind } = await problem(connect(login));
      await silent.close();
      expect(kind).toBe("silent");
      expect(message).toContain(`does not answer on port 22 within ${DIAL_SECONDS} s. Is it switched on`);
      expect((Date.now() - start) / 1000).toBeLessThan(DIAL_SECONDS + 2);
    });

    it.each([
      ["hangs up", ""],
      ["speaks something else", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ])("gives up at once on a host that %s", async (_, words) => {
      const odd = await listen((socket) => socket.end(words));
      port22.is = odd.port;
      const { message, kind } = await problem(connect(login));
      await odd.close();
      expect(message).toContain("pi1 (127.0.0.1) closes the connection at once, as sshd does for a while");
      expect(kind).toBe("other");
    });
  });

  describe("run", () => {
    let client: Client;
    beforeEach(async () => {
      client = await connect(login);
    });
    afterEach(() => client.destroy());

    const running = (command: string, stdin = "", seconds = 10): Promise<string> =>
      run(client, login, command, stdin, seconds);

    it("hands stdin over and gives stdout back, whole and in UTF-8", async () => {
      const text = "Grüße, 世界 \u{1f967}\n".repeat(20_000);
      expect(await running("cat; echo noise >&2", text)).toBe(text);
    });

    it("says with which status a command ended, and its last words", async () => {
      const { message } = await problem(running("echo first >&2; echo last >&2; exit 7"));
      expect(message).toBe(
        'pi1 (127.0.0.1): "echo first >&2; echo last >&2; exit 7" ended with status 7: last',
      );
    });

    it("stops at the time limit", async () => {
      const start = Date.now();
      const { message } = await problem(running("sleep 30", "", 0.5));
      expect(message).toBe(
        'pi1 (127.0.0.1): "sleep 30" did not end within 0.5 s. Is the Pi overloaded, or does a command hang there?',
      );
      expect(Date.now() - start).toBeLessThan(3000);
    });

    it.each(["yes", "yes >&2"])("stops at the output limit: %s", async (flood) => {
      const start = Date.now();
      expect((await problem(running(flood))).message).toBe(
        `pi1 (127.0.0.1): "${flood}" printed more than 1 MiB.`,
      );
      expect(Date.now() - start).toBeLessThan(9000);
    });

    it("takes output just below the limit", async () => {
      expect(await running("head -c 1000000 /dev/zero | tr '\\0' x")).toHaveLength(1_000_000);
    });

    it("hands on what sudo.sh says where sudo lets nobody in", async () => {
      const { message, kind } = await problem(running("echo noise >&2; echo 'user pi may not' >&2; exit 77"));
      expect(message).toBe("pi1 (127.0.0.1): user pi may not");
      expect(kind).toBe("barred");
    });

    it("says that the connection broke while a command ran", async () => {
      const { message } = await problem(running("kill -KILL $PPID; sleep 5"));
      expect(message).toBe('pi1 (127.0.0.1): the connection broke during "kill -KILL $PPID; sleep 5".');
    });

    it("says which signal ended a command", async () => {
      const { message } = await problem(running("echo words >&2; kill -KILL $$"));
      expect(message).toBe(
        'pi1 (127.0.0.1): "echo words >&2; kill -KILL $$" ended with signal SIGKILL: words',
      );
    });

    it("says that the connection was gone before, and leaves no timer behind", async () => {
      client.destroy();
      const timers = (): number => process.getActiveResourcesInfo().filter((r) => r === "Timeout").length;
      const before = timers();
      expect((await problem(running("true"))).message).toBe(
        'pi1 (127.0.0.1): the connection broke during "true".',
      );
      expect(timers()).toBe(before);
    });
  });
});
