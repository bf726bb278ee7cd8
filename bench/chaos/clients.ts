import { Agent, request, type RequestOptions } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { addresses, NAME } from "../../lab/drive/lab";
import type { Sample } from "./figures";

/** Seconds since the run began. */
export type Clock = () => number;

/** Somebody who asks for pages until told to stop. */
interface Client {
  stop(): Promise<Sample[]>;
}

/** ms; a visitor who waits longer has left. */
const PATIENCE = 10_000;
/** ms between two new connections to an address. */
const EVERY = 50;
/** ms that a visitor looks at a page before the next, at least. */
const LOOK = 1000;
/** ms after which Chromium tries the next address as well (RFC 8305 says 250). */
const NEXT_ADDRESS = 300;

class Failed extends Error {
  constructor(
    message: string,
    /** The connection had carried an answer before: a browser then asks again on a new one. */
    readonly onUsedConnection: boolean,
  ) {
    super(message);
  }
}

/** The page, to its last byte; resolves to the address that it came from. */
const page = (options: RequestOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(PATIENCE);
    const asked = request({ path: "/", headers: { Host: NAME }, signal, ...options }, (response) => {
      const from = response.socket.remoteAddress ?? "";
      response.resume();
      response.on("error", failed);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(from);
        else reject(new Failed(`status ${response.statusCode ?? 0}`, false));
      });
    });
    const failed = (error: Error): void =>
      reject(new Failed(error.message, asked.reusedSocket && !signal.aborted));
    asked.on("error", failed).end();
  });

/** How long `ask` took; it resolves to the address that answered. */
async function sampled(clock: Clock, ask: () => Promise<string>, asked?: string): Promise<Sample> {
  const start = clock();
  try {
    const address = await ask();
    return { start, seconds: clock() - start, failed: false, address: asked ?? address };
  } catch {
    return {
      start,
      seconds: clock() - start,
      failed: true,
      ...(asked === undefined ? {} : { address: asked }),
    };
  }
}

/** A new connection to each address every 50 ms, whether the earlier ones were answered or not. */
export class Load implements Client {
  /** Seconds by which the latest request of all left late: what this client itself adds to the figures at worst. */
  lateness = 0;
  readonly #samples: Promise<Sample>[] = [];
  readonly #loop: Promise<void>;
  #over = false;

  /**
   * @param from Where its connections come from: an address of this machine that no other visitor has.
   * @param port Of every target; another one than 80 is for tests.
   */
  constructor(
    clock: Clock,
    targets: readonly string[],
    private readonly from: string,
    private readonly port = 80,
  ) {
    this.#loop = this.#run(clock, targets);
  }

  async #run(clock: Clock, targets: readonly string[]): Promise<void> {
    for (let due = clock(); !this.#over; due += EVERY / 1000) {
      await sleep(Math.max(0, (due - clock()) * 1000));
      this.lateness = Math.max(this.lateness, clock() - due);
      for (const host of targets) {
        const asked = { host, localAddress: this.from, port: this.port, agent: false };
        this.#samples.push(sampled(clock, () => page(asked), host));
      }
    }
  }

  async stop(): Promise<Sample[]> {
    this.#over = true;
    await this.#loop;
    return Promise.all(this.#samples);
  }
}

/** Asks for one page after the other until it is stopped. */
export abstract class Visitor implements Client {
  readonly #samples: Sample[] = [];
  #loop: Promise<void> = Promise.resolve();
  #over = false;

  constructor(private readonly clock: Clock) {}

  /** One page; resolves to the address that it came from. */
  protected abstract page(): Promise<string>;
  protected abstract close(): Promise<void>;

  /** From now on. */
  begin(): void {
    this.#loop = (async () => {
      while (!this.#over) {
        this.#samples.push(await sampled(this.clock, () => this.page()));
        await sleep(LOOK);
      }
    })();
  }

  get seen(): readonly Sample[] {
    return this.#samples;
  }

  async stop(): Promise<Sample[]> {
    this.#over = true;
    await this.#loop;
    await this.close();
    return this.#samples;
  }
}

/**
 * Does as Chromium does, by the name and without a browser: it keeps one connection and the order of the addresses
 * that it was given, asks again where a kept connection broke, and tries the next address after 0.3 s.
 */
export class NameClient extends Visitor {
  readonly #agent: Agent;

  /**
   * @param order The addresses that the name has, in the order in which they are tried.
   * @param port Another one than 80 is for tests.
   */
  constructor(
    clock: Clock,
    order: readonly string[],
    private readonly port = 80,
  ) {
    super(clock);
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 1,
      lookup: (_, __, answer) =>
        answer(
          null,
          order.map((address) => ({ address, family: 4 })),
        ),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: NEXT_ADDRESS,
    });
  }

  /** Asks the name server, and begins with `first` whatever the order there, so that the fault hits it. */
  static async open(clock: Clock, first: string): Promise<NameClient> {
    const all = await addresses();
    return new NameClient(clock, [first, ...all.filter((address) => address !== first)]);
  }

  protected async page(): Promise<string> {
    const options = { host: NAME, port: this.port, agent: this.#agent };
    try {
      return await page(options);
    } catch (error) {
      if (error instanceof Failed && error.onUsedConnection) return page(options);
      throw error;
    }
  }

  protected close(): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }
}
