import { execFile } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { promisify } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { refuse } from "./refuse";

/** Seconds: a name server of the same network answers in a few thousandths. */
const PATIENCE = 3;

/** Where the records of a name are, and what may be done with them. */
export interface Zone {
  readonly provider: string;
  readonly server?: string;
  readonly fewRecords?: boolean;
}

/**
 * The A records that a name has now: from the primary server itself where the config names one, by TCP as in the
 * scripts, and otherwise as this machine's resolver knows them.
 *
 * @returns undefined where nobody answers.
 * @example await presentRecords("twopir.example.com", { provider: "rfc2136", server: "192.168.0.53" })
 */
export async function presentRecords(
  name: string,
  { provider, server }: Zone,
): Promise<string[] | undefined> {
  if (provider === "none") return [];
  try {
    return server === undefined ? await resolved(name) : await asked(name, "A", server);
  } catch {
    return undefined;
  }
}

/**
 * The IPv6 addresses that a name has at its primary server; none where the config names no server, or nobody answers.
 *
 * @example await ipv6Records("twopir.example.com", { provider: "rfc2136", server: "192.168.0.53" })
 */
export const ipv6Records = async (name: string, { server }: Zone): Promise<string[]> =>
  server === undefined ? [] : asked(name, "AAAA", server).catch(() => []);

async function asked(name: string, type: "A" | "AAAA", server: string): Promise<string[]> {
  const limits = [`+time=${PATIENCE}`, "+tries=1"];
  const { stdout } = await promisify(execFile)("dig", [
    ...["+tcp", "+short", "+norecurse", ...limits],
    `@${server}`,
    `${name}.`,
    type,
  ]);
  // An alias is a line, too.
  return stdout.split("\n").filter((line) => isIP(line) !== 0);
}

const resolved = (name: string): Promise<string[]> =>
  new Resolver({ timeout: PATIENCE * 1000, tries: 1 }).resolve4(name).catch((error: unknown) => {
    if (/ENOTFOUND|ENODATA/.test(String(error))) return [];
    throw error;
  });

/**
 * Whoever has a name in a cache goes on asking for what it had, so it loses at most half of its records at a time.
 *
 * @param wanted The addresses that it is to have.
 * @example await requireHalfOfRecords("twopir.example.com", config.dns, ["192.168.0.121"])
 * @throws pulumi.RunError where these are fewer than half of those that it has now, unless `fewRecords` is set.
 */
export async function requireHalfOfRecords(
  name: string,
  zone: Zone,
  wanted: readonly string[],
): Promise<void> {
  if (zone.fewRecords) return;
  const present = await presentRecords(name, zone);
  if (present === undefined) {
    void pulumi.log.warn(
      `cannot find out which A records ${name} has now, so this run may remove more than half of them.`,
    );
    return;
  }
  if (wanted.length * 2 >= present.length) return;
  refuse(
    `${name} has ${present.length} A records (${present.sort().join(", ")}), and this config leaves ${wanted.length} ` +
      `(${wanted.join(", ")}): fewer than half, so nothing was changed. Take fewer out at a time, or say that this is ` +
      `right, with twopir:dns.fewRecords: true.`,
  );
}
