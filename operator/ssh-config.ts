import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { promisify } from "node:util";
import { refuse } from "./refuse";

/** What `~/.ssh/config` and the machine's own ssh_config say of a host; what ssh takes by itself is not said. */
export interface Said {
  /** The address or the other name that the host's name stands for. */
  readonly hostName?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  /** Name that its host key stands by in known_hosts. */
  readonly hostKeyAlias?: string | undefined;
  /** Path of the first private key that can be read. */
  readonly keyFile?: string | undefined;
  readonly proxyJump?: string | undefined;
  readonly proxyCommand?: string | undefined;
}

/** A host to go through, all of it as ssh has it. */
export interface Jump {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly knownAs?: string;
  readonly keyFile?: string;
}

/** Asks `ssh -G` with these words after it. */
export type Ask = (words: readonly string[]) => Promise<string>;

const askSsh: Ask = async (words) => {
  try {
    return (await promisify(execFile)("ssh", ["-G", ...words])).stdout;
  } catch (error) {
    const { code, stderr = "" } = error as { readonly code?: unknown; readonly stderr?: string };
    if (code === "ENOENT") return ""; // no ssh, nothing said
    return refuse(`ssh -G ${words.at(-1) ?? ""} failed, so no Pi was contacted: ${stderr.trim()}`);
  }
};

/** What ssh would do for a host, by key: all of it, and what of it is said in a file. */
async function answer(host: string, ask: Ask) {
  const [withFiles, without] = await Promise.all([ask(["--", host]), ask(["-F", "none", "--", host])]);
  const of = (text: string, key: string): string[] =>
    text.split("\n").flatMap((line) => (line.startsWith(`${key} `) ? [line.slice(key.length + 1)] : []));
  const all = (key: string): string[] => of(withFiles, key);
  const said = (key: string): string[] =>
    all(key).join("\n") === of(without, key).join("\n") ? [] : all(key);
  return { all, said };
}

/**
 * What is said of a host, as `ssh -G` answers, so that Host, Match and Include mean what they mean to ssh. It prints its
 * own defaults, too: said is what it prints otherwise without any file.
 *
 * @param ask Default: the ssh program; where there is none, nothing is said.
 * @example await saidOf("pi1") // { hostName: "192.168.0.121", port: 2222, ... }
 * @throws pulumi.RunError where ssh cannot read its files.
 */
export async function saidOf(host: string, ask = askSsh): Promise<Said> {
  const { said } = await answer(host, ask);
  const [port] = said("port");
  return {
    hostName: said("hostname")[0],
    port: port === undefined ? undefined : Number(port),
    user: said("user")[0],
    hostKeyAlias: said("hostkeyalias")[0],
    keyFile: keyFileOf(said("identityfile")),
    proxyJump: said("proxyjump")[0],
    proxyCommand: said("proxycommand")[0],
  };
}

/** The first that can be read; a public half stands for a key that the agent has. */
const keyFileOf = (files: readonly string[]): string | undefined =>
  files
    .map((file) => file.replace(/^~(?=\/)/, homedir()))
    .find((file) => !file.endsWith(".pub") && isReadable(file));

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The host that ProxyJump leads through.
 *
 * @param to The host behind it.
 * @param said Of that host.
 * @param ask As that of {@link saidOf}.
 * @returns undefined where the way is open.
 * @throws pulumi.RunError where it is no single host: Pulumi's command plugin goes through one, and runs no command.
 */
export async function jumpOf(to: string, said: Said, ask = askSsh): Promise<Jump | undefined> {
  const { proxyJump, proxyCommand } = said;
  if (proxyCommand !== undefined) return noWay(to, "by a ProxyCommand");
  if (proxyJump === undefined) return undefined;
  const [, user, host = "", port] = /^(?:(.*)@)?(.*?)(?::([0-9]+))?$/.exec(proxyJump) ?? [];
  if (host.includes(",")) return noWay(to, `through several hosts (${proxyJump})`);
  const gate = await answer(host, ask);
  const [behind] = [...gate.said("proxyjump"), ...gate.said("proxycommand")];
  if (behind !== undefined) return noWay(to, `through ${host}, and there by ${behind}`);
  const [alias] = gate.said("hostkeyalias");
  const keyFile = keyFileOf(gate.said("identityfile"));
  return {
    address: gate.all("hostname")[0] ?? host,
    port: Number(port ?? gate.all("port")[0]),
    user: user ?? gate.all("user")[0] ?? "",
    ...(alias !== undefined && { knownAs: alias }),
    ...(keyFile !== undefined && { keyFile }),
  };
}

/** Refuses a way that ssh has and twopir has not. */
export const noWay = (to: string, way: string): never =>
  refuse(
    `~/.ssh/config reaches ${to} ${way}; twopir reaches all Pis directly or through one jump host, so no Pi was ` +
      `contacted. Name that host in twopir:ssh.jumpHost, or in ~/.ssh/config (ProxyJump).`,
  );
