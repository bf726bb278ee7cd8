import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { PI } from "../../operator/program";
import { stdin, type State } from "../../remote/state";

/** Folders of a host that a test gets for itself; the rest of the system shows through. */
const OWN = [
  "etc",
  "var/lib",
  "var/log",
  "run",
  "mnt",
  "boot",
  "var/spool",
  "usr/local/sbin",
  "usr/local/lib",
];

/** True where a mount namespace can be had, which takes root; the tests that need one are skipped elsewhere. */
export const canIsolate = spawnSync("unshare", ["--mount", "true"]).status === 0;
if (!canIsolate) console.warn("not root: the tests that run scripts against a scratch root are skipped");

/** How one run of a script ended. */
export interface Run {
  readonly status: number | null;
  /** The reasons that it gave. */
  readonly changes: readonly string[];
  /** All that it printed on both, line by line as it came. */
  readonly output: string;
}

/** A state as the tests write it: the script, its parameters. It leaves no note of itself on the host. */
export const state = (script: string, parameters: State["parameters"] = {}, name = "pi1-x"): State => ({
  name,
  on: "pi1",
  anywhere: true,
  script,
  parameters,
  after: [],
});

/**
 * A scratch host: real scripts in a real bash as on a Pi, in a mount namespace in which /etc, /var/lib, /var/log, /run, /mnt, /boot,
 * /var/spool, /usr/local/lib and /usr/local/sbin are folders of the test's own. Stand-ins for a Pi's commands go to the last, the
 * first on the scripts' PATH, where the program of this checkout is, too.
 */
export class Host {
  readonly root = mkdtempSync(join(tmpdir(), "twopir-host-"));

  constructor() {
    for (const folder of [...OWN, "run/lock", "var/lib/twopir", "var/log/nginx", "var/log/glusterfs/bricks"])
      mkdirSync(this.at(folder), { recursive: true });
    // Debian's awk is a link through /etc/alternatives, which is hidden.
    symlinkSync(realpathSync("/usr/bin/awk"), this.at("/usr/local/sbin/awk"));
    symlinkSync(join(PI, "twopir"), this.at("/usr/local/sbin/twopir"));
  }

  /** From now on the program has other constants: those that match, e.g. /\\w*wait/, have this value. */
  hurry(names: RegExp, value = 1): void {
    this.set(new RegExp(`^(${names.source})=\\d+`, "gm"), value.toString());
  }

  /** With another path in a constant. */
  lead(name: string, path: string): void {
    this.set(new RegExp(`^(${name})=/\\S+`, "gm"), path);
  }

  private set(constant: RegExp, value: string): void {
    if (!existsSync(join(this.root, "pi"))) cpSync(PI, join(this.root, "pi"), { recursive: true });
    for (const entry of readdirSync(PI, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".sh")) continue;
      const path = join(this.root, "pi", relative(PI, join(entry.parentPath, entry.name)));
      writeFileSync(path, readFileSync(path, "utf8").replaceAll(constant, `$1=${value}`));
    }
    rmSync(this.at("/usr/local/sbin/twopir"));
    symlinkSync(join(this.root, "pi/twopir"), this.at("/usr/local/sbin/twopir"));
  }

  /** Where a path of the host lies on this machine. */
  at(path: string): string {
    return join(this.root, path);
  }

  write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), text);
    chmodSync(this.at(path), mode);
  }

  read(path: string): string {
    return readFileSync(this.at(path), "utf8");
  }

  delete(path: string): void {
    rmSync(this.at(path));
  }

  /** A stand-in for a command: the text of a bash script. It takes the place of a link, such as awk's to the real one. */
  command(name: string, text: string): void {
    rmSync(this.at(`/usr/local/sbin/${name}`), { force: true });
    this.write(`/usr/local/sbin/${name}`, `#!/bin/bash\n${text}\n`, 0o755);
  }

  /** From now on a path is what two Pis gave a name to: it cannot be read, and is not said to be missing. */
  cannotRead(path: string): void {
    this.command(
      "stat",
      `[ "\${*: -1}" != '${path}' ] || { echo "stat: cannot statx '${path}': Input/output error" >&2; exit 1; }
exec /usr/bin/stat "$@"`,
    );
  }

  /** A state whose script is this text, behind what it takes, instead of a file of pi/states/. */
  script(text: string, parameters: State["parameters"] = {}): State {
    const takes = Object.entries(parameters).map(([name, value]) =>
      typeof value === "object" ? `'${name}[]'` : name,
    );
    writeFileSync(
      join(this.root, "script.sh"),
      `use files services network\ntakes ${takes.join(" ")}\n${text}\n`,
    );
    return state(relative(join(PI, "states"), join(this.root, "script")), parameters);
  }

  /** Starts a script without waiting for its end; `text` instead of the state's own to cut it short. */
  start(mode: string, one: State | string): ChildProcess {
    const inside =
      OWN.map((folder) => `mount -n --bind "$root/${folder}" /${folder}`).join(" && ") +
      ' && exec bash -s "$@" 2>&1';
    // No process of this machine, perhaps of a lab, is within its reach.
    const apart = ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child"];
    // Node's pipes are sockets, of which bash -c thinks that sshd has started it: it would read ~/.bashrc.
    const child = spawn("unshare", [...apart, "bash", "--norc", "-c", inside, "bash", mode, "pi1"], {
      env: { ...process.env, root: this.root },
    });
    child.stdin.on("error", () => undefined); // a script may end before it has read everything
    child.stdin.end(typeof one === "string" ? one : stdin(one));
    return child;
  }

  run(mode: string, one: State | string): Promise<Run> {
    return finished(this.start(mode, one));
  }

  /** Runs `check`, and proves that it left everything as it was. */
  async check(one: State): Promise<Run> {
    const before = this.tree();
    const run = await this.run("check", one);
    const after = this.tree();
    if (JSON.stringify(after) !== JSON.stringify(before))
      throw new Error(`the check changed something: ${JSON.stringify({ before, after }, undefined, 2)}`);
    return run;
  }

  /** Everything that there is but the lock and logs: paths with mode, time of change, and content or target. */
  tree(): string[] {
    const entries = readdirSync(this.root, { recursive: true, encoding: "utf8" }).sort();
    return entries
      .filter((path) => path !== "run/lock/twopir" && path !== "script.sh" && !/^(pi|var\/log)\//.test(path))
      .map((path) => {
        const { mode, ctimeMs } = lstatSync(this.at(path));
        const kind = mode & 0o170000;
        const what =
          kind === 0o120000
            ? `-> ${readlinkSync(this.at(path))}`
            : kind === 0o100000
              ? JSON.stringify(this.read(path))
              : "";
        return `${path} ${mode.toString(8)} ${ctimeMs} ${what}`;
      });
  }

  /** The paths under a folder, e.g. to see that nothing was left behind. */
  list(folder: string): string[] {
    return readdirSync(this.at(folder), { recursive: true, encoding: "utf8" }).sort();
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }
}

/** Waits for the end of a script. */
export async function finished(child: ChildProcess): Promise<Run> {
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const changes = output
    .split("\n")
    .filter((line) => /^(change|mend|note): /.test(line))
    .map((line) => line.slice(line.indexOf(": ") + 2));
  return { status, changes, output };
}
