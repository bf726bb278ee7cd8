import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineEvent } from "@pulumi/pulumi/automation";
import { labFile } from "../lab/drive/lab";
import type { Cluster } from "../lab/drive/stack";

/** A `pulumi up` in processes of its own: watched by the engine's log of events, and ended in any way. */
export class StartedUp {
  /** Its exit status, once it has ended; undefined where a signal ended it. */
  readonly ended: Promise<number | undefined>;
  /** All that it printed so far. */
  printed = "";
  readonly #child: ChildProcess;
  readonly #events = labFile("events.jsonl");
  readonly #begin = Date.now();
  #over = false;

  constructor(cluster: Cluster) {
    rmSync(this.#events, { force: true });
    this.#child = cluster.start("up", "--yes", "--skip-preview", "--event-log", this.#events);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (this.printed += text));
    const killAll = (): void => this.signal("SIGKILL", "all");
    process.once("exit", killAll);
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject).once("exit", (status) => {
        this.#over = true;
        process.off("exit", killAll);
        resolve(status ?? undefined);
      });
    });
  }

  get seconds(): number {
    return (Date.now() - this.#begin) / 1000;
  }

  /** Waits until these resources have begun to change and `ask` says yes, or all is over. */
  async until(ask: (begun: readonly string[]) => boolean): Promise<void> {
    while (!this.#over && !ask(this.#steps().begun)) await sleep(50);
  }

  /** The resources that are being changed now. */
  inProgress(): string[] {
    const { begun, done } = this.#steps();
    return begun.filter((name) => !done.has(name));
  }

  /** To the engine alone, as Ctrl-C or `kill` would do it, or at once to everything that was started with it. */
  signal(signal: NodeJS.Signals, to: "engine" | "all"): void {
    const session = this.#child.pid;
    if (session === undefined || this.#over) return;
    for (const pid of to === "engine" ? [session] : processesOf(session))
      try {
        process.kill(pid, signal);
      } catch {
        // It has just ended.
      }
  }

  #steps(): { begun: string[]; done: Set<string> } {
    const begun: string[] = [];
    const done = new Set<string>();
    for (const event of readEvents(this.#events)) {
      const step = event.resourcePreEvent?.metadata;
      if (step && step.op !== "same" && step.type.startsWith("command:")) begun.push(nameOf(step.urn));
      const end = event.resOutputsEvent?.metadata ?? event.resOpFailedEvent?.metadata;
      if (end) done.add(nameOf(end.urn));
    }
    return { begun, done };
  }
}

const nameOf = (urn: string): string => urn.split("::").at(-1) ?? "";

/** The complete lines of the log; none where it is not there yet. */
function readEvents(path: string): EngineEvent[] {
  try {
    const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as EngineEvent);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The processes of one session: plugins have process groups of their own, but stay in the session of the engine. */
function processesOf(session: number): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid)) return false;
      try {
        // "PID (NAME) STATE PPID PGRP SESSION ...", and the name may have spaces and brackets in it.
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]) === session;
      } catch {
        return false; // it has just ended
      }
    });
}
