import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { create } from "tar";

/** Where all that lives on a Pi is, in this checkout. */
export const PI = join(__dirname, "..", "pi");

/** The program, all of pi/, as it is sent to a Pi. */
export interface Program {
  /** SHA-256 of the names and contents of its files, as pi/states/program.sh computes it there. */
  readonly version: string;
  /** Path of the archive on this machine. */
  readonly archive: string;
  /** The archive's content: 60 kB. */
  readonly bytes: Buffer;
}

let packed: Program | undefined;

/**
 * The program of this checkout, packed once in each run into .twopir/, which git ignores.
 *
 * @example packedProgram() // { version: "9f86d081...", archive: "/home/me/twopir/.twopir/program.tgz", ... }
 */
export const packedProgram = (): Program =>
  (packed ??= packProgram(PI, join(process.cwd(), ".twopir", "program.tgz")));

/**
 * Packs a folder. Names and contents alone make the version, and not modes, times or the archive.
 *
 * @param folder What is packed.
 * @param archive Where the archive goes; its folder is made.
 */
export function packProgram(folder: string, archive: string): Program {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const sums = files.map((file) => `${sha256(readFileSync(join(folder, file)))}  ${file}\n`);
  const candidate = `${archive}.${process.pid.toString()}`;
  mkdirSync(dirname(archive), { recursive: true });
  create({ cwd: folder, file: candidate, gzip: true, portable: true, noMtime: true, sync: true }, files);
  const bytes = readFileSync(candidate);
  renameSync(candidate, archive);
  return { version: sha256(sums.join("")), archive, bytes };
}

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
