import { createServer, type Server } from "node:http";
import { createConnection, type AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answersByHttps, isHttpsOnly, visit, type Dial } from "../../../operator/visitors";

const NAME = "twopir.example.com";
const ID = "0f6f0a3e-7b5a-4c39-9a51-1d2c3b4a5f60";
const HERE = "127.0.0.1";

describe("https", () => {
  it("is all that browsers speak under some top-level domains", () => {
    expect(["pi.example.dev", "example.app"].map(isHttpsOnly)).toEqual([true, true]);
    expect(["pi.example.com", "dev.example.com", "pi.lan"].map(isHttpsOnly)).toEqual([false, false, false]);
  });

  it("is answered by nobody where nothing listens, or something speaks http, or nobody is found", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, HERE, resolve));
    const { port } = server.address() as AddressInfo;
    expect(await answersByHttps("localhost", port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await answersByHttps("localhost", port)).toBe(false);
    expect(await answersByHttps("nobody.invalid")).toBe(false);
  });
});

describe("visit", () => {
  let server: Server;
  let answers: (path: string, host: string) => { status?: number; body: string };

  beforeEach(async () => {
    server = createServer((asked, answer) => {
      const { status = 200, body } = answers(asked.url ?? "", asked.headers.host ?? "");
      answer.writeHead(status, { ETag: `"1-${body.length.toString()}"` }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, HERE, resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const page = { body: "page" };
  const marked = (id: string) => (path: string) =>
    path === "/.well-known/twopir" ? { body: `${id} pi1\n` } : page;
  const visited = (volumes: readonly string[] = [ID]) =>
    visit(HERE, NAME, new Set(volumes), { port: (server.address() as AddressInfo).port });
  const why = async (volumes?: readonly string[]) => (await visited(volumes)).why;

  it("finds nothing wrong with the cluster's own page, asked by the site's name", async () => {
    answers = (path, host) => (host === NAME ? marked(ID)(path) : { status: 404, body: "" });
    expect(await visited()).toEqual({ address: HERE, silent: false, from: "pi1" });
  });

  it("knows another cluster's page, and one that nobody marked", async () => {
    answers = marked("11111111-7b5a-4c39-9a51-1d2c3b4a5f60");
    expect(await why()).toContain("another server block answers");
    for (const other of [{ status: 404, body: "no such page" }, { status: 500, body: "" }, page]) {
      answers = (path) => (path === "/" ? page : other);
      expect(await why()).toContain("another server block answers");
    }
  });

  it("asks for no mark where no volume is known", async () => {
    answers = (path) => (path === "/" ? page : { status: 404, body: "" });
    expect(await why([])).toBeUndefined();
  });

  it("says that an answer broke off", async () => {
    server.removeAllListeners("request").on("request", (_, answer) => {
      answer.writeHead(200, { "Content-Length": 4 }).flushHeaders();
      setTimeout(() => answer.destroy(), 50);
    });
    expect(await why()).toBe("the answer begins, and breaks off (aborted)");
  });

  it("asks from where it is told to, and says why nobody connects there", async () => {
    answers = marked(ID);
    const { port } = server.address() as AddressInfo;
    const from = (dial: Dial) => visit("192.0.2.1", NAME, new Set([ID]), { dial });
    const asked: unknown[] = [];
    const way: Dial = (...to) => {
      asked.push(to);
      return Promise.resolve(createConnection(port, HERE));
    };
    expect(await from(way)).toEqual({ address: "192.0.2.1", silent: false, from: "pi1" });
    expect(asked).toContainEqual(["192.0.2.1", 80]);
    const refused: Dial = () => Promise.reject(new Error("the jump host says: refused"));
    expect(await from(refused)).toMatchObject({ silent: true, why: "the jump host says: refused" });
  });

  it("says which status it got, and that nothing answers", async () => {
    answers = () => ({ status: 403, body: "" });
    expect(await why()).toBe("the answer is 403");
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect(await visit(HERE, NAME, new Set(), { port })).toMatchObject({ silent: true });
  });
});
