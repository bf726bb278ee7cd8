import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Client, utils, type ClientChannel } from "ssh2";
import { harmless } from "./state";

/** Seconds for one attempt to connect: a Pi on a home network answers in well under one. */
export const DIAL_SECONDS = 5;

const SSH_PORT = 22;

/** The exit status of pi/sudo.sh where sudo does not let us in. */
const NOT_LET_IN = 77;

/** Bytes of output of one look that are read; a healthy one is a few KiB. */
const OUTPUT_LIMIT = 1 << 20;

/** Whether a private key has a passphrase. One for a key that has none is refused by the plugin, and ignored here. */
export const isLocked = (privateKey: string): boolean => utils.parseKey(privateKey) instanceof Error;

/** How to log in to a Pi, everything resolved. */
export interface Login {
  readonly name: string;
  readonly address: string;
  /** The name that its host key stands by in known_hosts. Default: the address. */
  readonly knownAs?: string;
  /** Default: 22. */
  readonly port?: number;
  readonly user: string;
  /** The Pi's host key, "ssh-ed25519 AAAA...". */
  readonly hostKey: string;
  /** OpenSSH or PEM text. Default: the ssh agent of this machine answers, and no key is ever read. */
  readonly privateKey?: string;
  readonly passphrase?: string;
  /** What sudo asks the user for. Default: it does not ask. */
  readonly sudoPassword?: string;
  /** Who takes us there. Default: nobody, the way is open. */
  readonly jump?: Login;
}

/**
 * - refused: going on would be unsafe or senseless whatever there is to do: an unknown or changed host key, a key file
 *   that is not there.
 * - barred: sudo lets the user do nothing there, so there is no plan, either. Asking it again may lock the user out
 *   (pam_faillock counts two failures of a wrong password, and locks at three).
 * - login: the Pi does not take the key.
 * - silent: nobody answers there.
 * - hint: nothing is wrong now.
 * - unseen: what this machine does not see from where it is; it says nothing against the cluster.
 */
export type ProblemKind = "refused" | "barred" | "login" | "silent" | "hint" | "unseen" | "other";

/** Why a Pi cannot be looked at, and what to do about it, in words. */
export class HostProblem extends Error {
  constructor(
    message: string,
    readonly kind: ProblemKind = "other",
  ) {
    super(harmless(message));
  }
}

const HOST_KEY_TYPES = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
];

/**
 * The host key that a known_hosts file has for an address, plain and hashed entries alike, as OpenSSH's own
 * ssh-keygen finds it; the strongest type first.
 *
 * @returns undefined where there is none.
 */
export async function knownHostKey(
  address: string,
  knownHosts: string,
  port = SSH_PORT,
): Promise<string | undefined> {
  const name = port === SSH_PORT ? address : `[${address}]:${port}`;
  const found = await promisify(execFile)("ssh-keygen", ["-F", name, "-f", knownHosts]).catch(
    () => undefined,
  );
  const lines = (found?.stdout ?? "").split("\n").map((line) => line.trim().split(/\s+/));
  const revoked = lines.flatMap(([marker, , , key]) => (marker === "@revoked" ? [key] : []));
  const keys = lines.flatMap(([host = "", type = "", key = ""]) =>
    /^([#@]|$)/.test(host) || revoked.includes(key) ? [] : [{ type, key }],
  );
  const best = HOST_KEY_TYPES.flatMap((type) => keys.filter((k) => k.type === type))[0];
  if (best === undefined && port !== SSH_PORT) return knownHostKey(address, knownHosts); // as OpenSSH does
  return best && `${best.type} ${best.key}`;
}

/**
 * Connects, or says in words why it cannot: the Pi, the cause, the remedy.
 *
 * @param via The open connection to the jump host. Default: none, the Pi is dialled itself.
 */
export async function connect(login: Login, via?: Client): Promise<Client> {
  const client = new Client();
  const [type = "", key = ""] = login.hostKey.split(/\s+/);
  let changed = false;
  try {
    const sock = via && (await forward(via, login));
    await new Promise<void>((resolve, reject) => {
      client.once("ready", resolve).on("error", reject);
      client.connect({
        ...(sock ? { sock } : { host: login.address, port: login.port ?? SSH_PORT }),
        username: login.user,
        ...(login.privateKey === undefined ? agent() : { privateKey: login.privateKey }),
        ...(login.passphrase === undefined ? {} : { passphrase: login.passphrase }),
        readyTimeout: DIAL_SECONDS * 1000,
        algorithms: {
          serverHostKey: type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [type as "ssh-ed25519"],
        },
        hostVerifier: (offered: Buffer) => {
          changed = offered.toString("base64") !== key;
          return !changed;
        },
      });
      // Nagle's algorithm holds each small packet until the Pi's delayed ACK, 40 ms: a login took 0.21 s instead of 0.04.
      client.setNoDelay(true);
    });
    return client;
  } catch (error) {
    client.destroy();
    throw explain(login, error as Error & { level?: string; code?: string }, changed);
  }
}

const agent = (socket = process.env.SSH_AUTH_SOCK) => (socket === undefined ? {} : { agent: socket });

/** What sshd says of a host that it cannot reach for us, by the code that the same has here. */
const CODES = { "timed out": "ETIMEDOUT", "No route": "EHOSTUNREACH", refused: "ECONNREFUSED" };

/** A way through the jump host, to the port of its sshd unless another one is given. */
export function forward(
  via: Client,
  { address, port = SSH_PORT }: Pick<Login, "address" | "port">,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const fail = (message: string): void => {
      const [, code] = Object.entries(CODES).find(([text]) => message.includes(text)) ?? [];
      reject(Object.assign(new Error(`the jump host says: ${message}`), { code }));
    };
    const timer = setTimeout(() => fail("timed out"), DIAL_SECONDS * 1000);
    via.forwardOut("127.0.0.1", 0, address, port, (error, channel) => {
      clearTimeout(timer);
      if (error) fail(error.message);
      else resolve(channel);
    });
  });
}

function explain(
  login: Login,
  error: Error & { level?: string; code?: string },
  changed: boolean,
): HostProblem {
  const who = `${login.name} (${login.address})`;
  const { address, port = SSH_PORT, knownAs = address } = login;
  if (changed || error.message.includes("no matching host key"))
    return new HostProblem(
      `${who} shows another host key than the known one. If its card or system was replaced, forget the old key ` +
        `(ssh-keygen -R ${port === SSH_PORT ? knownAs : `'[${knownAs}]:${port}'`}) and accept the new one after comparing it on the Pi itself; otherwise ` +
        `somebody may be in between (docs/operations.md#a-dead-card).`,
      "refused",
    );
  const kind = error.level === "client-authentication" ? "login" : silent(error) ? "silent" : "other";
  return new HostProblem(`${who} ${unreachable(login, error)}`, kind);
}

/** The words for ssh and ssh-copy-id that lead there. */
export const destination = (login: Login): string => {
  const { user, address, jump } = login;
  const way = jump ? `-o ProxyJump=${jump.user}@${jump.address}:${jump.port ?? SSH_PORT} ` : "";
  return way + atPort(login, `${user}@${address}`);
};

/** The words for a command of OpenSSH that name a host, by its address unless another name is given. */
export const atPort = ({ address, port = SSH_PORT }: Login, name = address): string =>
  port === SSH_PORT ? name : `-p ${port} ${name}`;

const silent = (error: Error & { level?: string; code?: string }): boolean =>
  error.level === "client-timeout" || error.code === "EHOSTUNREACH" || error.code === "ETIMEDOUT";

function unreachable(login: Login, error: Error & { level?: string; code?: string }): string {
  if (error.level === "client-authentication" && login.privateKey === undefined)
    return `refuses every key of the ssh agent for user ${login.user}. See which it has (ssh-add -l), add one (ssh-add), and put its public half there with: ssh-copy-id ${destination(login)}`;
  if (error.level === "client-authentication")
    return `refuses the key for user ${login.user}. Put the public key there with: ssh-copy-id ${destination(login)}`;
  if (/passphrase/i.test(error.message))
    return `cannot be logged in to: the key file has a passphrase, and the one that is set is missing or wrong. Set it with: pulumi config set --secret twopir:sshPassphrase`;
  if (silent(error))
    return `does not answer on port ${login.port ?? SSH_PORT} within ${DIAL_SECONDS.toString()} s. Is it switched on, on the network, and at this address?`;
  if (error.code === "ECONNREFUSED")
    return `is on, but nothing listens on port ${login.port ?? SSH_PORT}. Enable ssh on it (sudo systemctl enable --now ssh), or name the port that its sshd has in the config.`;
  // From OpenSSH 9.8 on, PerSourcePenalties: three failed logins close the door for 15 s, more for up to 10 min.
  if (error.code === "ECONNRESET" || error.message.includes("before handshake"))
    return `closes the connection at once, as sshd does for a while after several failed logins. Wait a minute and try again; its log says why (journalctl -u ssh).`;
  return `cannot be reached by ssh: ${error.message}.`;
}

/** Whether files can be sent there: where the login shell prints, sftp's first words are not its own. */
export const takesFiles = (client: Client): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), DIAL_SECONDS * 1000);
    client.sftp((error, sftp) => {
      clearTimeout(timer);
      resolve(error === undefined);
      if (error === undefined) sftp.end();
    });
  });

/**
 * Runs one command with that text on stdin and returns its stdout, within the time and size limits.
 *
 * @throws HostProblem when it takes longer than `seconds`, prints more than 1 MiB, exits with another status than
 *   0 (with the last line of stderr), or when the connection breaks.
 */
export async function run(
  client: Client,
  login: Login,
  command: string,
  stdin: string | Buffer,
  seconds: number,
): Promise<string> {
  const who = `${login.name} (${login.address})`;
  return new Promise((resolve, reject) => {
    const giveUp = (why: string, kind?: ProblemKind): void => {
      clearTimeout(timer);
      client.destroy();
      reject(new HostProblem(`${who}: ${why}`, kind));
    };
    const timer = setTimeout(() => {
      giveUp(
        `"${command}" did not end within ${seconds.toString()} s. Is the Pi overloaded, or does a command hang there?`,
      );
    }, seconds * 1000);
    const broke = `the connection broke during "${command}".`;
    const started = (error: Error | undefined, channel: ClientChannel): void => {
      if (error) {
        giveUp(error.message);
        return;
      }
      let out = "";
      let err = "";
      const limit = (): void => {
        if (out.length + err.length > OUTPUT_LIMIT) giveUp(`"${command}" printed more than 1 MiB.`);
      };
      channel.setEncoding("utf8").on("data", (text: string) => {
        out += text;
        limit();
      });
      channel.stderr.setEncoding("utf8").on("data", (text: string) => {
        err += text;
        limit();
      });
      channel.on("close", (status?: number | null, signal?: string) => {
        clearTimeout(timer);
        if (status === 0) resolve(out);
        else if (status === undefined) giveUp(broke);
        else if (status === NOT_LET_IN) giveUp(err.trim().split("\n").at(-1) ?? "", "barred");
        else
          giveUp(
            `"${command}" ended with ${status === null ? `signal ${signal ?? ""}` : `status ${status}`}: ` +
              (err.trim().split("\n").at(-1) ?? ""),
          );
      });
      channel.end(stdin);
    };
    try {
      client.exec(command, started);
    } catch {
      giveUp(broke); // ssh2 throws where it is gone already
    }
  });
}
