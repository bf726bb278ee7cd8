import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A new key pair. @returns the path of the private key. */
export function newKey(path: string, type: "ed25519" | "ecdsa" | "rsa" = "ed25519"): string {
  const bits = type === "rsa" ? ["-b", "2048"] : []; // more only takes longer
  execFileSync("ssh-keygen", ["-q", "-t", type, ...bits, "-N", "", "-C", "", "-f", path]);
  return path;
}

/** "ssh-ed25519 AAAA..." of a private key's public half. */
export const publicKey = (path: string): string =>
  readFileSync(`${path}.pub`, "utf8").trim().split(" ").slice(0, 2).join(" ");

/** An sshd of the test's own, on a high port of 127.0.0.1, for the user who runs the test. */
export interface Sshd {
  readonly folder: string;
  readonly port: number;
  readonly user: string;
  /** Paths of private keys: what it shows, and what it accepts. */
  readonly hostKeys: { readonly ed25519: string; readonly ecdsa: string; readonly rsa: string };
  readonly userKey: string;
  readonly stop: () => Promise<void>;
}

/** Starts an sshd, with these options beside its own, e.g. "Banner=/etc/issue", and waits until it listens. */
export async function startSshd(...more: readonly string[]): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), "twopir-sshd-"));
  chmodSync(folder, 0o755); // sshd reads the authorized keys as that user
  const at = (name: string): string => join(folder, name);
  const hostKeys = {
    ed25519: newKey(at("host_ed25519")),
    ecdsa: newKey(at("host_ecdsa"), "ecdsa"),
    rsa: newKey(at("host_rsa"), "rsa"),
  };
  const userKey = newKey(at("user"));
  writeFileSync(at("authorized_keys"), `${publicKey(userKey)}\n`);
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true }); // root's sshd insists on it
  const port = await freePort();
  const options = [
    ...Object.values(hostKeys).map((key) => `HostKey=${key}`),
    `ListenAddress=127.0.0.1:${port}`,
    `AuthorizedKeysFile=${at("authorized_keys")}`,
    "PidFile=none",
    "StrictModes=no",
    "UsePAM=no",
    "PasswordAuthentication=no",
    "PermitRootLogin=prohibit-password",
    "LogLevel=QUIET",
    ...more,
  ];
  const child = spawn(
    "/usr/sbin/sshd",
    ["-D", "-e", "-f", "/dev/null", ...options.flatMap((o) => ["-o", o])],
    {
      stdio: "inherit",
    },
  );
  await listening(port, child);
  return {
    folder,
    port,
    user: userInfo().username,
    hostKeys,
    userKey,
    stop: async () => {
      await ended(child);
      rmSync(folder, { recursive: true });
    },
  };
}

/** An ssh agent without a key, on this socket. It is ended by its process. */
export async function startAgent(socket: string): Promise<ChildProcess> {
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  for (let tries = 0; !existsSync(socket); tries += 1) {
    if (tries > 100 || agent.exitCode !== null) throw new Error("the ssh agent does not start");
    await sleep(50);
  }
  return agent;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await exit;
}

/** A port of 127.0.0.1 where nothing listens. */
export async function freePort(): Promise<number> {
  const { port, close } = await listen(() => undefined);
  await close();
  return port;
}

/** A server that does with its visitors what it is told to, e.g. nothing at all. */
export async function listen(
  visit: (socket: Socket) => void,
): Promise<{ port: number; close: () => Promise<void> }> {
  const visitors: Socket[] = [];
  const server: Server = createServer((socket) => {
    visitors.push(socket.on("error", () => undefined));
    visit(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of visitors) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (child.exitCode !== null) throw new Error(`sshd ended with status ${child.exitCode}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1")
        .on("connect", () => {
          socket.destroy();
          resolve(true);
        })
        .on("error", () => resolve(false));
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error(`sshd does not listen on port ${port}`);
}
