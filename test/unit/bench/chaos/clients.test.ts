import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { Load, NameClient, type Clock } from "../../../../bench/chaos/clients";

const clock: Clock = () => performance.now() / 1000;
const [FIRST, SECOND] = ["127.0.0.1", "127.0.0.2"] as const;
const fine: RequestListener = (_, response) => response.end("page");

let servers: Server[] = [];

/** The same port on every address: the first one's is any that is free. */
async function serve(
  listener: RequestListener,
  host: string,
  port = 0,
): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
});

/** Until the client has so many pages, however busy this machine is. */
async function pagesOf(client: NameClient, count: number): Promise<void> {
  while (client.seen.length < count) await sleep(10);
}

describe("a client by name", () => {
  it("sticks to the first address and keeps its connection", async () => {
    const { server, port } = await serve(fine, FIRST);
    await serve(fine, SECOND, port);
    let connections = 0;
    server.on("connection", () => (connections += 1));
    const client = new NameClient(clock, [FIRST, SECOND], port);
    client.begin();
    await pagesOf(client, 3);
    const pages = await client.stop();
    expect(new Set(pages.map((page) => page.address))).toEqual(new Set([FIRST]));
    expect(connections).toBe(1);
  });

  it("gets the page from the next address when the first breaks its connection, and no page fails", async () => {
    const { server, port } = await serve(fine, FIRST);
    await serve(fine, SECOND, port);
    const client = new NameClient(clock, [FIRST, SECOND], port);
    client.begin();
    await pagesOf(client, 2);
    server.close();
    server.closeAllConnections();
    await pagesOf(client, client.seen.length + 2);
    const pages = await client.stop();
    expect(pages.every((page) => !page.failed)).toBe(true);
    expect([pages[0]?.address, pages.at(-1)?.address]).toEqual([FIRST, SECOND]);
  });

  it("sees a page fail that no address has, and one with another status", async () => {
    const { server, port } = await serve((_, response) => response.writeHead(404).end(), FIRST);
    const client = new NameClient(clock, [FIRST], port);
    client.begin();
    await pagesOf(client, 1);
    server.close();
    server.closeAllConnections();
    await pagesOf(client, client.seen.length + 1);
    const pages = await client.stop();
    expect(pages.every((page) => page.failed)).toBe(true);
  });
});

describe("the load", () => {
  it("goes on while answers are late, and waits for them in the end", async () => {
    const { port } = await serve((_, response) => setTimeout(() => response.end(), 1000), FIRST);
    const load = new Load(clock, [FIRST], FIRST, port);
    await sleep(500);
    const samples = await load.stop();
    expect(samples.length).toBeGreaterThan(5);
    expect(samples.every(({ failed, seconds }) => !failed && seconds >= 0.99)).toBe(true);
  });

  it("knows refused connections by their address", async () => {
    const { server, port } = await serve(fine, FIRST);
    server.close();
    const load = new Load(clock, [FIRST], FIRST, port);
    await sleep(120);
    const samples = await load.stop();
    expect(samples.every(({ failed, address }) => failed && address === FIRST)).toBe(true);
  });
});
