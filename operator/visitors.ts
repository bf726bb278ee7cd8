import { request } from "node:http";
import { networkInterfaces } from "node:os";

/** Seconds that a visitor's question may take; a Pi in the same network answers in some milliseconds. */
const PATIENCE = 3;

/** By which a cluster's own answer is known, see pi/states/nginx-settings.sh: its volume's id, and the Pi's name. */
const MARK = "/.well-known/twopir";

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
 * @param port Default: 80.
 * @example await visit("192.168.0.121", "twopir.example.com", new Set(["0f6f0a3e-..."])) // { address, silent: false, from: "pi1" }
 */
export async function visit(
  address: string,
  hostname: string,
  volumes: ReadonlySet<string>,
  port = 80,
): Promise<Visit> {
  const get = (path: string): Promise<Answer> => answerOf({ host: address, port, path }, hostname);
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
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let late = false;
    const asked = request({
      ...to,
      headers: { Host: hostname, "User-Agent": "twopir" },
      agent: false,
      timeout: PATIENCE * 1000,
    });
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
    asked.on("timeout", () => {
      late = true;
      asked.destroy(new Error(`nothing answers within ${PATIENCE.toString()} s`));
    });
    asked.on("error", reject).end();
  });
