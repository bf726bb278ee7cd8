import { request } from "node:http";
import { BlockList, createConnection, isIPv6, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";

/** Seconds that a visitor's question may take; a Pi in the same network answers in some milliseconds. */
const PATIENCE = 3;

/** By which a cluster's own answer is known, see pi/states/nginx-settings.sh: its volume's id, and the Pi's name. */
const MARK = "/.well-known/twopir";

/** Opens a connection to a port of an address, from where a visitor is. */
export type Dial = (address: string, port: number) => Promise<Duplex>;

/** What a visitor gets at an address. */
export interface Visit {
  readonly address: string;
  /** Name of the Pi that answers. Default: it does not say. */
  readonly from?: string;
  /** Why it is not this cluster's page. Default: it is. */
  readonly why?: string;
  /** True where nothing answered at all. */
  readonly silent: boolean;
}

/**
 * Asks an address for the page as a visitor does, and whose it is. To be asked where each Pi's nginx has read its mark:
 * before, the cluster's own answer is not known from another's.
 *
 * @param volumes Ids of the volume as the Pis know it; none: whose it is cannot be told, and is not asked.
 * @param way The port; default: 80. Who connects; default: this machine.
 * @example await visit("192.168.0.121", "twopir.example.com", new Set(["0f6f0a3e-..."])) // { address, silent: false, from: "pi1" }
 */
export async function visit(
  address: string,
  hostname: string,
  volumes: ReadonlySet<string>,
  { port = 80, dial }: { readonly port?: number; readonly dial?: Dial } = {},
): Promise<Visit> {
  const get = (path: string): Promise<Answer> => answerOf({ host: address, port, path }, hostname, dial);
  try {
    const page = await get("/");
    if (page.status !== 200)
      return { address, silent: false, why: `the answer is ${page.status.toString()}` };
    if (volumes.size === 0) return { address, silent: false };
    const mark = await get(MARK);
    const [volume = "", from] = mark.body.trim().split(" ");
    if (!volumes.has(volume))
      return { address, silent: false, why: "another server block answers, not this cluster's" };
    return { address, silent: false, ...(from !== undefined && { from }) };
  } catch (error) {
    return { address, silent: true, why: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Whether browsers open a name by https alone: its top-level domain is on their list (hstspreload.org). Of those that
 * anybody can have a name in.
 *
 * @example isHttpsOnly("pi.example.dev") // true
 */
export const isHttpsOnly = (hostname: string): boolean => HTTPS_ONLY.has(hostname.split(".").at(-1) ?? "");
const HTTPS_ONLY = new Set(
  "app bank boo channel dad day dev esq foo ing insurance meme mov new nexus page phd prof rsvp zip".split(
    " ",
  ),
);

/** Whether somebody answers by https at a name, as this machine finds it, with a certificate that it trusts. */
export const answersByHttps = (hostname: string, port = 443): Promise<boolean> =>
  connects(connect({ host: hostname, port, servername: hostname }), "secureConnect");

/** Whether there is a machine at an address: one that has nothing at a port says so. */
export async function isThere(address: string): Promise<boolean> {
  const knock = (port: number): Promise<boolean> =>
    connects(createConnection({ host: address, port }), "connect", ["ECONNREFUSED"]);
  return (await Promise.all([knock(22), knock(80)])).includes(true);
}

/**
 * Whether that comes about in time; the socket is closed then.
 *
 * @param too Codes of errors that count as well. Default: none.
 */
const connects = (socket: Socket, event: string, too: readonly string[] = []): Promise<boolean> =>
  new Promise((resolve) => {
    const end = (is: boolean): void => {
      resolve(is);
      socket.destroy();
    };
    socket.setTimeout(PATIENCE * 1000, () => end(false)).on(event, () => end(true));
    socket.on("error", ({ code = "" }: NodeJS.ErrnoException) => end(too.includes(code)));
  });

/** Whether an address is in a network that this machine is in, so that no router is between the two. */
export const isNeighbour = (address: string): boolean => {
  const near = new BlockList();
  for (const own of Object.values(networkInterfaces()).flatMap((all) => all ?? []))
    if (own.cidr !== null && !own.internal)
      near.addSubnet(own.address, Number(own.cidr.split("/")[1]), own.family === "IPv4" ? "ipv4" : "ipv6");
  return near.check(address, isIPv6(address) ? "ipv6" : "ipv4");
};

/** Whether this machine has an IPv6 address that leads beyond its own link. */
export const hasIpv6 = (): boolean =>
  Object.values(networkInterfaces()).some((all) =>
    all?.some(
      ({ family, internal, address }) => family === "IPv6" && !internal && !address.startsWith("fe80:"),
    ),
  );

interface Answer {
  readonly status: number;
  /** Its first bytes. */
  readonly body: string;
}

/** @throws Error where nothing answers in time. */
const answerOf = (
  to: { readonly host: string; readonly port: number; readonly path: string },
  hostname: string,
  dial?: Dial,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let late = false;
    const asked = request({
      ...to,
      headers: { Host: hostname, "User-Agent": "twopir" },
      createConnection: (_, made) => {
        if (dial === undefined) return createConnection(to.port, to.host);
        dial(to.host, to.port).then((socket) => made(null, socket), reject);
        return undefined;
      },
    });
    const timer = setTimeout(() => {
      late = true;
      asked.destroy(new Error(`nothing answers within ${PATIENCE.toString()} s`));
    }, PATIENCE * 1000);
    asked.on("close", () => clearTimeout(timer));
    asked.on("response", (response) => {
      const status = response.statusCode ?? 0;
      response.setEncoding("utf8").once("data", (body: string) => {
        resolve({ status, body });
        response.destroy();
      });
      response.once("end", () => resolve({ status, body: "" }));
      response.on("error", (error) => {
        const broken = late ? `stops for ${PATIENCE.toString()} s` : `breaks off (${error.message})`;
        reject(new Error(`the answer begins, and ${broken}`));
      });
    });
    asked.on("error", reject).end();
  });
