import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export const ZONE = "0123456789abcdef0123456789abcdef";
export const TOKEN = "not-to-be-told";

/** A record as Cloudflare's API has it. */
export interface Made {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly content: string;
  readonly ttl: number;
  readonly proxied: boolean;
  readonly comment: string | null;
  readonly created_on: string;
}

type Answer = readonly [status: number, body: unknown];

/** What the API says no by. */
export const no = (code: number, message: string): unknown => ({
  success: false,
  errors: [{ code, message }],
  messages: [],
  result: null,
});
const yes = (result: unknown): Answer => [200, { success: true, errors: [], messages: [], result }];

/**
 * A stand-in for Cloudflare's API on loopback, of one zone, example.com: with its records and its errors, as the real one
 * answers.
 */
export class CloudflareApi {
  records: Made[] = [];
  /** Every request that changes something: "POST A 192.168.0.121". */
  readonly told: string[] = [];
  /** Every header that came. */
  readonly headers: Record<string, string | string[] | undefined>[] = [];
  /** What is answered instead, by method and path. */
  instead: (method: string, path: string) => Answer | undefined = () => undefined;
  /** Milliseconds before each answer. */
  delay = 0;
  readonly #server: Server;
  #next = 1;

  constructor() {
    this.#server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk: Buffer) => (text += chunk.toString()));
      request.on("end", () => {
        const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
        this.headers.push(request.headers);
        const method = request.method ?? "";
        const isRight =
          request.headers.authorization === `Bearer ${TOKEN}` || request.headers["x-auth-key"] === TOKEN;
        const body = (text === "" ? {} : JSON.parse(text)) as Partial<Made>;
        const [status, answer] =
          this.instead(method, pathname) ??
          (isRight
            ? this.#answer(method, pathname, searchParams, body)
            : [403, no(10_000, "Authentication error")]);
        void sleep(this.delay).then(() =>
          response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer)),
        );
      });
    });
  }

  /** @returns the URL of the API, as the provider's baseUrl. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/client/v4`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** A record as somebody else made it. */
  add(content: string, more: Partial<Omit<Made, "created_on">> = {}): Made {
    const type = content.includes(":") ? "AAAA" : "A";
    const id = (this.#next++).toString(16).padStart(32, "0");
    // Each a second later than the one before.
    const created_on = new Date(Date.UTC(2026, 0, 1) + this.#next * 1000).toISOString();
    const made = { id, type, name: "www.example.com", content, ...EMPTY, ...more, created_on };
    this.records.push(made);
    return made;
  }

  /** Address, TTL, proxied and comment of each record. */
  get summary(): string[] {
    return this.records.map(
      ({ type, content, ttl, proxied, comment }) =>
        `${type} ${content} ${ttl}${proxied ? " proxied" : ""}${comment ? ` (${comment})` : ""}`,
    );
  }

  #answer(method: string, path: string, query: URLSearchParams, body: Partial<Made>): Answer {
    const base = `/client/v4/zones/${ZONE}`;
    if (path === base) return yes({ id: ZONE, name: "example.com" });
    if (path !== `${base}/dns_records` && !path.startsWith(`${base}/dns_records/`))
      return [404, no(7003, "Could not route to that zone")];
    const id = path.split("/")[6];
    if (id === undefined) return method === "POST" ? this.#make(body) : yes(this.#found(query));
    const one = this.records.find((record) => record.id === id);
    if (one === undefined) return [404, no(81_044, "Record does not exist.")];
    if (method === "GET") return yes(one);
    this.told.push(`${method} ${one.type} ${one.content}`);
    if (method === "DELETE") this.records.splice(this.records.indexOf(one), 1);
    else Object.assign(one, method === "PUT" ? { ...EMPTY, ...body } : body);
    return yes(method === "DELETE" ? { id } : one);
  }

  #found(query: URLSearchParams): Made[] {
    return this.records.filter((record) =>
      (["name", "type"] as const).every((key) => (query.get(key) ?? record[key]) === record[key]),
    );
  }

  #make(body: Partial<Made>): Answer {
    const { name = "", type = "", content = "" } = body;
    this.told.push(`POST ${type} ${content}`);
    const same = this.records.filter((record) => record.name === name);
    if (same.some((record) => record.type === type && record.content === content))
      return [400, no(81_058, "An identical record already exists.")];
    if (same.some((record) => record.type === "CNAME"))
      return [400, no(81_054, "A CNAME record with that host already exists.")];
    return yes(this.add(content, { ...EMPTY, ...body }));
  }
}

/** What a record has where nobody says. */
const EMPTY = { ttl: 1, proxied: false, comment: null };
