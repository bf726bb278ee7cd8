import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import type { Client } from "ssh2";
import {
  atPort,
  connect,
  destination,
  HostProblem,
  isLocked,
  knownHostKey,
  run,
  takesFiles,
  type Login,
} from "./ssh";
import { packedProgram, PI } from "../operator/program";
import {
  beforeFindings,
  checkAll,
  command,
  explain,
  given,
  OPERATOR,
  parseFindings,
  printable,
  propagate,
  withoutNotes,
  type Finding,
  type State,
} from "./state";

/** Seconds that all checks of one Pi may take; under one in the lab, a few on an old Pi. */
const LOOK_SECONDS = 25;

/** A Pi as the config names it. */
export interface PiAddress {
  readonly name: string;
  /** IPv4 address by which the operator and the other Pis reach it. */
  readonly address: string;
  /** By which the operator knows it, and perhaps known_hosts. Default: by the address alone. */
  readonly hostName?: string;
  /** By which known_hosts has its host key. Default: by hostName. */
  readonly knownAs?: string;
  /** Path of the private key. Default: that of all. */
  readonly keyFile?: string;
  /** Port of its sshd, 1 to 65535. Default: 22. */
  readonly port?: number;
  /** A user who may use sudo, or root. */
  readonly user: string;
  /** What sudo asks that user for, one line. Default: it does not ask. */
  readonly sudoPassword?: string;
  /** "ssh-ed25519 AAAA..."; default: the one in known_hosts. */
  readonly hostKey?: string;
  /** True: it is neither contacted nor waited for. Default: false. */
  readonly drained?: boolean;
}

/** How to log in to all of them. */
export interface Ssh {
  /** Path of the private key. Default: the ssh agent of this machine answers. */
  readonly keyFile?: string;
  readonly knownHosts: string;
  /** Of the private key; default: it has none. */
  readonly passphrase?: string;
  /** The host that all are reached through. Default: none. */
  readonly jumpHost?: JumpHost;
}

interface JumpHost {
  /** IPv4 address or name. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** By which known_hosts has its host key. Default: by the address. */
  readonly knownAs?: string;
  /** Path of the private key. Default: that of all. */
  readonly keyFile?: string;
  /** Default: the one in known_hosts. */
  readonly hostKey?: string;
}

/** A Pi, with an open connection or the reason why there is none. */
export interface Reached {
  readonly login: Login;
  readonly client?: Client;
  /** The connection to the jump host that carries it. */
  readonly via?: Client;
  readonly problem?: HostProblem;
  readonly drained?: boolean;
}

/**
 * Connects to every Pi at once; a Pi that cannot be reached costs {@link DIAL_SECONDS} and stops nobody. A key that
 * not one of them takes is refused: each resource would fail to log in again, until their sshd shut us out.
 */
export async function reach(pis: readonly PiAddress[], ssh: Ssh): Promise<Map<string, Reached>> {
  const { knownHosts, passphrase, jumpHost } = ssh;
  const login = async (to: PiAddress | JumpHost, name: string, jump?: Login): Promise<Login> => {
    const { address, port, user } = to;
    const { keyFile = ssh.keyFile } = to;
    const privateKey = keyFile === undefined ? undefined : await readFile(keyFile, "utf8").catch(() => "");
    const key = privateKey !== undefined && {
      privateKey,
      ...(passphrase !== undefined && isLocked(privateKey) && { passphrase }),
    };
    const knownAs = to.knownAs ?? ("hostName" in to ? to.hostName : undefined);
    const byName = knownAs && (await knownHostKey(knownAs, knownHosts, port));
    const hostKey = to.hostKey ?? byName ?? (await knownHostKey(address, knownHosts, port)) ?? UNKNOWN;
    const known = byName === undefined ? {} : { knownAs };
    const sudo = "sudoPassword" in to ? { sudoPassword: to.sudoPassword } : {};
    return {
      name,
      address,
      ...known,
      ...(port && { port }),
      user,
      hostKey,
      ...key,
      ...sudo,
      ...(jump && { jump }),
    };
  };
  const jump = jumpHost && (await login(jumpHost, JUMP));
  const hosts = await Promise.all(pis.map(async (pi) => ({ pi, to: await login(pi, pi.name, jump) })));
  const asked = pis.some((pi) => !pi.drained);
  const stale = asked ? await staleAgent() : undefined;
  if (stale !== undefined)
    return new Map(
      hosts.map(({ pi, to: login }) => [pi.name, { login, problem: new HostProblem(stale, "refused") }]),
    );
  const via = jump && asked ? await dial(jump, ssh) : undefined;
  const reached = await Promise.all(
    hosts.map(async ({ pi, to }): Promise<Reached> => {
      if (pi.drained) return { login: to, drained: true };
      // That nobody answers there says nothing of the Pi.
      if (via?.problem) return { login: to, problem: new HostProblem(via.problem.message, "refused") };
      return { ...(await dial(to, ssh, via?.client)), ...(via?.client && { via: via.client }) };
    }),
  );
  const wrong = reached.every(({ drained, problem }) => drained === true || problem?.kind === "login");
  return new Map(
    reached.map(({ problem, ...rest }) => [
      rest.login.name,
      { ...rest, ...(problem && { problem: wrong ? new HostProblem(problem.message, "refused") : problem }) },
    ]),
  );
}

/** What is wrong where the ssh agent does not answer, without which the command plugin fails, also beside a key file. */
async function staleAgent(): Promise<string | undefined> {
  const path = process.env.SSH_AUTH_SOCK;
  if (!path) return undefined;
  const answers = await new Promise<boolean>((resolve) => {
    const socket = createConnection(path);
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.end();
      resolve(true);
    });
  });
  if (answers) return undefined;
  return (
    `SSH_AUTH_SOCK names ${path}, where no ssh agent answers. Take it away (unset SSH_AUTH_SOCK), or start an agent: ` +
    `eval "$(ssh-agent)" && ssh-add`
  );
}

const JUMP = "the jump host";
/** Stands for the host key of a host that nobody knows. */
const UNKNOWN = "unknown";

/** An open connection, or the reason why there is none. */
async function dial(login: Login, ssh: Ssh, via?: Client): Promise<Reached> {
  const { name, address, hostKey } = login;
  const refused = (message: string): Reached => ({ login, problem: new HostProblem(message, "refused") });
  if (login.privateKey === "")
    return refused(
      `${name}: the key file ${ssh.keyFile ?? ""} cannot be read. Set twopir:ssh.keyFile, make a key with ssh-keygen, or ` +
        `let the ssh agent answer (twopir:ssh.agent: true).`,
    );
  if (login.privateKey === undefined && process.env.SSH_AUTH_SOCK === undefined)
    return refused(
      `${name}: twopir:ssh.agent is true, and no ssh agent runs here (SSH_AUTH_SOCK is not set). Start one with: ` +
        `eval "$(ssh-agent)" && ssh-add`,
    );
  if (hostKey === UNKNOWN)
    return refused(
      `${name} (${address}): its host key is not in ${ssh.knownHosts}. Log in once and compare the fingerprint ` +
        `(ssh ${destination(login)}), or pin it as hostKey of ${name} in ${name === JUMP ? "twopir:ssh.jumpHost" : "twopir:pis"}.`,
    );
  if (hostKey.startsWith("ssh-rsa "))
    return refused(
      `${name} (${address}): the only host key that is known of it is an ssh-rsa one, which Pulumi's command plugin cannot ` +
        `check. Add its ed25519 one (ssh-keyscan -t ed25519 ${atPort(login)} >>${ssh.knownHosts}), and compare the fingerprint ` +
        `with what the Pi says (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub).`,
    );
  try {
    return { login, client: await connect(login, via) };
  } catch (error) {
    return { login, problem: asProblem(error) };
  }
}

const asProblem = (error: unknown): HostProblem =>
  error instanceof HostProblem
    ? error
    : new HostProblem(error instanceof Error ? error.message : String(error));

/** What was found in each state that could be looked at, and why the others could not. */
export interface Look {
  readonly findings: ReadonlyMap<string, Finding>;
  readonly problems: readonly HostProblem[];
}

/** Connections that failed once, and why: what is asked there next would only say that it is broken. */
const broken = new WeakMap<Client, HostProblem>();

const placeOf = ({ on, asked = on }: State): string => asked;

/**
 * Runs the check of every state, each place's in one go and all places at once. Nothing is changed anywhere, and the
 * connections stay open.
 */
export async function ask(states: readonly State[], reached: ReadonlyMap<string, Reached>): Promise<Look> {
  const problems: HostProblem[] = [];
  const places = [...new Set(states.map(placeOf))];
  const found = await Promise.all(
    places.map(async (place): Promise<Map<string, Finding>> => {
      const here = states.filter((state) => placeOf(state) === place);
      const pi = reached.get(place);
      if (place !== OPERATOR && pi?.client === undefined) return new Map();
      const former = pi?.client && broken.get(pi.client);
      if (former !== undefined) {
        problems.push(former);
        return new Map();
      }
      const nonce = randomBytes(16).toString("hex");
      try {
        const answer = pi?.client
          ? await run(
              pi.client,
              pi.login,
              command("check", place),
              checkAll(here, nonce, packedProgram().bytes, pi.login.sudoPassword),
              LOOK_SECONDS,
            )
          : await runHere(nonce, here.map(given).join(""), LOOK_SECONDS);
        // A host speaks for itself alone.
        const answered = new Map(
          [...parseFindings(answer, nonce)].filter(([name]) => here.some((state) => state.name === name)),
        );
        const greeting = beforeFindings(answer, nonce);
        const sends = here.some(({ name, upload }) => upload?.from && answered.get(name)?.disturbs);
        if (pi?.client && sends && !(await takesFiles(pi.client)))
          problems.push(
            new HostProblem(
              greeting === ""
                ? `${place}: its ssh server offers no sftp, by which files are sent. Give /etc/ssh/sshd_config there the line ` +
                    `"Subsystem sftp internal-sftp", then: sudo systemctl restart ssh`
                : `${place}: the login shell of user ${pi.login.user} prints "${printable(greeting)}", which breaks sftp, by ` +
                    `which files are sent. Let it print in a terminal only, e.g. by this line at the top of its ~/.bashrc: ` +
                    `[[ $- == *i* ]] || return`,
              "refused",
            ),
          );
        const missing = here.filter(({ name }) => !answered.has(name));
        if (missing[0])
          problems.push(
            new HostProblem(
              `${place}: ${missing.length} of ${here.length} checks gave no answer, ${missing[0].name} first. Does the login ` +
                `shell there run what it is given?`,
            ),
          );
        return answered;
      } catch (error) {
        const problem = asProblem(error);
        if (pi?.client) broken.set(pi.client, problem);
        problems.push(problem);
        return new Map();
      }
    }),
  );
  const findings = new Map(found.flatMap((f) => [...f]));
  for (const { refusals = [] } of findings.values())
    for (const refusal of refusals) problems.push(new HostProblem(refusal, "refused"));
  return { findings, problems };
}

/** Closes all connections. */
export function close(reached: ReadonlyMap<string, Reached>): void {
  for (const { client, via } of reached.values()) {
    client?.end();
    via?.end();
  }
}

/**
 * The last question: the checks of all states, with what their repairs disturb.
 *
 * @param states In order: each after those that it names.
 */
export async function look(states: readonly State[], reached: ReadonlyMap<string, Reached>): Promise<Look> {
  const unreached = [...reached.values()].flatMap((r) => (r.problem ? [r.problem] : []));
  const { findings: found, problems } = await ask(states, reached);
  const findings = new Map(found);
  for (const { name, concerns } of states)
    if (concerns !== undefined && !reached.get(concerns)?.client) findings.delete(name);
  // What several say is said once: a jump host's problem, a refusal of the volume's.
  const all = new Map([...unreached, ...problems].map((problem) => [problem.message, problem]));
  return {
    findings: explain(states, propagate(states, withoutNotes(states, findings))),
    problems: [...all.values()],
  };
}

/** The same on this machine, from this checkout. */
async function runHere(nonce: string, stdin: string, seconds: number): Promise<string> {
  return new Promise((resolve, reject) => {
    // A process group of its own, so that nothing of it outlives the time limit and holds the pipe open.
    const child = spawn("bash", [join(PI, "twopir"), "look", nonce], {
      detached: true,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const end = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    };
    const timer = setTimeout(end, seconds * 1000);
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.on("error", reject);
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      if (status === 0) resolve(out);
      else if (signal !== null)
        reject(new HostProblem(`the checks on this machine were not done after ${seconds} s.`));
      else reject(new HostProblem(`the checks on this machine ended with status ${String(status)}.`));
    });
    child.stdin.on("error", () => undefined); // its end says what is wrong
    child.stdin.end(stdin);
  });
}
