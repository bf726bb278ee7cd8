import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  LocalWorkspace,
  PulumiCommand,
  Stack,
  type EngineEvent,
  type OutputMap,
} from "@pulumi/pulumi/automation";
import { address, LAB, labFile, NAME, root, run, SUBNET } from "./lab";

/** Seconds; short, since a Pi that leaves serves until they are over. */
export const TTL = 5;

/** What one command of Pulumi did, as a reader of its output sees it. */
export interface Outcome {
  readonly failed: boolean;
  /** Resources by what is or would be done with them; those that stay the same are not here. */
  readonly changed: Readonly<Record<string, string>>;
  /** All diagnostics, warnings and errors, as text. */
  readonly said: string;
  readonly seconds: number;
}

/** The lab's name server, as the config names it. */
export const DNS = {
  provider: "rfc2136",
  server: `${SUBNET}.53`,
  zone: "example.com",
  keyName: "twopir",
  ttl: TTL,
} as const;

type PiSettings = Readonly<Record<string, unknown>> & { readonly name: string; readonly address: string };

/** The settings of a Pi of the lab. */
export const pi = (name: string, more: Readonly<Record<string, unknown>> = {}): PiSettings => ({
  name,
  address: address(name),
  user: "pi",
  ...more,
});

/** The tests' own stack: its state in a folder of its own, its config a file that git ignores. */
export class Cluster {
  private constructor(
    private readonly stack: Stack,
    /** What a command of Pulumi's needs to find the stack. */
    readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** Starts from nothing: no state, config for the Pis of the lab. Each cluster of a lab has a name of its own. */
  static async create(settings: Readonly<Record<string, unknown>> = {}, name = LAB): Promise<Cluster> {
    rmSync(stateFolder(name), { recursive: true, force: true });
    return Cluster.open(settings, name);
  }

  /** Goes on with the state that is there. */
  static async open(settings: Readonly<Record<string, unknown>> = {}, name = LAB): Promise<Cluster> {
    mkdirSync(stateFolder(name), { recursive: true });
    writeConfig(name, settings);
    const printed = await run("bash", ["toolchain/pulumi.sh", "--env"]);
    const envVars = Object.fromEntries(
      printed
        .trim()
        .split("\n")
        .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
    );
    Object.assign(envVars, { PULUMI_BACKEND_URL: `file://${stateFolder(name)}`, PULUMI_STACK: name });
    process.env.PATH = envVars.PATH;
    const workspace = await LocalWorkspace.create({
      workDir: root,
      envVars,
      pulumiCommand: await PulumiCommand.get({ skipVersionCheck: true }),
    });
    const stack = await Stack.createOrSelect(name, workspace);
    // Three commands more, of half a second each, with which an up or a destroy ends, and of which no test reads a word.
    stack.outputs = () => Promise.resolve({});
    stack.info = () => Promise.resolve(undefined);
    const cluster = new Cluster(stack, envVars);
    await cluster.secret("twopir:tsigSecret", await published("LAB_TSIG_SECRET"));
    return cluster;
  }

  /** Other settings from now on, beside the key that is set already. */
  async configure(settings: Readonly<Record<string, unknown>>): Promise<void> {
    writeConfig(this.stack.name, settings);
    await this.secret("twopir:tsigSecret", await published("LAB_TSIG_SECRET"));
  }

  /**
   * Sets a key, or one inside it ("twopir:pis[0].sudoPassword"), that is encrypted in the stack's file. On stdin, since a
   * test looks for secrets on command lines.
   */
  async secret(key: string, value: string): Promise<void> {
    const setting = this.start("config", "set", "--secret", "--path", key);
    setting.stdin?.end(value);
    const [status] = (await once(setting, "close")) as [number | null];
    if (status !== 0) throw new Error(`cannot set ${key}: pulumi ended with status ${status ?? "none"}`);
  }

  preview = (): Promise<Outcome> => this.#outcome((onEvent) => this.stack.preview({ onEvent }));
  up = (): Promise<Outcome> => this.#outcome((onEvent) => this.stack.up({ onEvent }));
  destroy = (): Promise<Outcome> =>
    this.#outcome((onEvent) => this.stack.destroy({ onEvent, runProgram: true }));
  /** What the program says of the cluster, as `pulumi stack output`. */
  outputs = (): Promise<OutputMap> => this.stack.workspace.stackOutputs(this.stack.name);

  /** `pulumi cancel`: takes away the lock that a killed command left. */
  cancel = (): Promise<void> => this.stack.cancel();

  /** `npm run status`: how it ended, and what it printed. */
  status(...args: readonly string[]): { code: number | null; out: string } {
    const { status: code, stdout } = spawnSync(
      "npx",
      ["tsx", "status.ts", "--stack", this.stack.name, ...args],
      {
        cwd: root,
        env: { ...process.env, ...this.environment },
        encoding: "utf8",
      },
    );
    return { code, out: stdout };
  }

  /**
   * Starts a command of the Pulumi CLI as its user does, in a session of its own, so that it can be killed with all
   * that it started. It may write its events to a file (--event-log), as it does for the Automation API.
   */
  start(...words: readonly string[]): ChildProcess {
    return spawn("pulumi", [...words, "--stack", this.stack.name, "--non-interactive"], {
      cwd: root,
      env: { ...process.env, ...this.environment, PULUMI_DEBUG_COMMANDS: "true" },
      detached: true,
      stdio: "pipe",
    });
  }

  async #outcome(command: (onEvent: (event: EngineEvent) => void) => Promise<unknown>): Promise<Outcome> {
    const events: EngineEvent[] = [];
    const begin = Date.now();
    let failure: string[] = [];
    try {
      await command((event) => events.push(event));
    } catch (error) {
      failure = [String(error)];
    }
    const failed = failure.length > 0;
    // An engine that cannot send them ends as well as one that can, and would seem to have nothing to do or to say.
    if (!failed && !events.some(({ summaryEvent }) => summaryEvent))
      throw new Error("the engine's events have not all arrived");
    const changed: Record<string, string> = {};
    const said: string[] = [];
    for (const { resourcePreEvent, diagnosticEvent } of events) {
      const step = resourcePreEvent?.metadata;
      if (step && step.op !== "same" && /^(command|cloudflare):/.test(step.type))
        changed[step.urn.split("::").at(-1) ?? ""] = step.op;
      if (diagnosticEvent && (diagnosticEvent.severity as string) !== "debug")
        said.push(diagnosticEvent.message);
    }
    const seconds = (Date.now() - begin) / 1000;
    return { failed, changed, said: [...said, ...failure].join("\n"), seconds };
  }
}

export const published = async (name: string): Promise<string> => {
  const lines = (await run("bash", ["lab/lab.sh", "env"])).split("\n");
  return lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
};

/** Where Pulumi keeps what it knows of a stack. */
export const stateFolder = (stack = LAB): string => join(root, ".twopir", "test", "stacks", stack);

/** The file with the settings of a stack. */
export const configFile = (stack: string): string => join(root, `Pulumi.${stack}.yaml`);

/** Every YAML reader reads JSON. */
function writeConfig(stack: string, settings: Readonly<Record<string, unknown>>): void {
  const config = {
    "twopir:hostname": NAME,
    "twopir:pis": [pi("pi1"), pi("pi2")],
    "twopir:dns": DNS,
    "twopir:ssh": { keyFile: labFile("id_ed25519"), knownHosts: labFile("known_hosts") },
    ...settings,
  };
  writeFileSync(configFile(stack), JSON.stringify({ config }));
}
