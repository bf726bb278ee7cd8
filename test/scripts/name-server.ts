import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RecordType } from "../../operator/records";
import { stdin, type State } from "../../remote/state";
import { finished, type Run } from "./host";

export const KEY_NAME = "twopir";
/** A key with the same secret, by which the server lets nobody change anything. */
export const READER = "reader";
export const SECRET = "dGhpcyBpcyB0aGUgcmlnaHQga2V5LCAzMiBieXRlcyE=";

/** True where a name server of the test's own can have port 53: that takes root and BIND. */
export const canServe =
  spawnSync("unshare", ["--net", "named", "-v"]).status === 0 && spawnSync("nsupdate", ["-V"]).status === 0;
if (!canServe)
  console.warn("not root, or no bind9 and bind9-dnsutils: the tests of the A records are skipped");

/**
 * BIND on 127.0.0.1:53, in a network namespace of its own, so that it meets no other server; the scripts run in
 * there, too. It holds example.com, and takes updates of it with the key.
 */
export class NameServer {
  #folder = "";
  #named: ChildProcess | undefined;

  async start(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), "twopir-named-"));
    const zone = join(this.#folder, "example.com");
    writeFileSync(
      zone,
      `$TTL 300
@ SOA ns1 root.example.com. 1 3600 600 86400 60
@ NS ns1
ns1 A 192.168.0.53
other A 192.168.0.99
`,
    );
    const config = join(this.#folder, "named.conf");
    writeFileSync(
      config,
      `options {
  directory "${this.#folder}";
  listen-on port 53 { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  dnssec-validation no;
  pid-file none;
  session-keyfile none;
};
controls { };
key ${KEY_NAME} { algorithm hmac-sha256; secret "${SECRET}"; };
key ${READER} { algorithm hmac-sha256; secret "${SECRET}"; };
zone example.com { type primary; file "${zone}"; allow-update { key ${KEY_NAME}; }; };
`,
    );
    const inside = 'ip link set lo up && exec named -f -n 1 -c "$0"';
    this.#named = spawn("unshare", ["--net", "bash", "-c", inside, config], { stdio: "inherit" });
    for (let tries = 0; this.records("ns1.example.com").length === 0; tries += 1) {
      if (tries > 100 || this.#named.exitCode !== null) throw new Error("the name server does not start");
      await sleep(50);
    }
  }

  /** Ends it. The namespace goes with it. */
  async stop(): Promise<void> {
    const named = this.#named;
    if (named?.exitCode === null) {
      const exit = new Promise((resolve) => named.once("exit", resolve));
      named.kill();
      await exit;
    }
    rmSync(this.#folder, { recursive: true });
  }

  /** The records of a name, sorted: "ADDRESS TTL". */
  records(name: string, type: RecordType = "A"): string[] {
    const dig = ["dig", "+noall", "+answer", "+time=1", "+tries=1", "@127.0.0.1", name, type];
    const { stdout } = spawnSync("nsenter", [...this.#enter(), ...dig], { encoding: "utf8" });
    return stdout
      .split("\n")
      .map((line) => line.split(/\s+/))
      .flatMap(([, ttl, , has, address]) => (has === type ? [`${address ?? ""} ${ttl ?? ""}`] : []))
      .sort();
  }

  /** A change by somebody else, e.g. "update add twopir.example.com. 60 A 192.168.0.7". */
  change(...lines: string[]): void {
    execFileSync("nsenter", [...this.#enter(), "nsupdate", "-y", `hmac-sha256:${KEY_NAME}:${SECRET}`], {
      input: ["server 127.0.0.1", ...lines, "send", ""].join("\n"),
    });
  }

  /** Runs a state as on the operator's machine: without a Pi's name. */
  async run(mode: string, state: State): Promise<Run> {
    const child = spawn("nsenter", [...this.#enter(), "bash", "-s", mode]);
    child.stdin.end(stdin(state));
    return finished(child);
  }

  #enter(): string[] {
    return ["--net", "--target", String(this.#named?.pid)];
  }
}
