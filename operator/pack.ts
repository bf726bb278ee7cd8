import { createHash, type Hash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  readFileSync,
  statSync,
  type BigIntStats,
  type Dirent,
} from "node:fs";
import { mkdir, readdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { log } from "@pulumi/pulumi";
import { Header, Pax, type HeaderData } from "tar";
import { namesInDoubt, staleIn, staleOf } from "./doubts";
import { refuse } from "./refuse";
import { readHeaders, readRedirects, type Web } from "./rules";

/** A folder as it is published. */
export interface Release {
  /** SHA-256 of the archive, so of the names and contents in it: the same content is the same release. */
  readonly id: string;
  /** Path of the archive on this machine. Default: none, the release is on the volume. */
  readonly archive?: string;
  /** Size of the archive. */
  readonly bytes: number;
  /** How its pages are served. */
  readonly web: Web;
}

/** One that was packed here. */
export interface PackedRelease extends Release {
  readonly archive: string;
  /** The beginning of the SHA-256 of each file, in hexadecimal digits, by its name. */
  readonly files: Readonly<Record<string, string>>;
  /** What can be published, and perhaps should not be. */
  readonly doubts: readonly string[];
}

/** What a stack's config says of how a site is served; it comes before what the folder says. */
export interface WebSettings {
  /** As {@link Web}'s. */
  readonly fallback?: string | undefined;
  /** Lines as in a file `_redirects`. */
  readonly redirects?: string | undefined;
  /** Lines as in a file `_headers`. */
  readonly headers?: string | undefined;
}

/** One thing that is published. Names are relative to the folder; a link is the file that it points to. */
interface Entry {
  readonly name: string;
  readonly type: "Directory" | "File";
}

const BLOCK = 512;
/** What is read in pieces: a site may have videos. */
const LARGE = 1 << 20;
/** Hexadecimal digits of a file's hash, as in pi/programs/keep-times.py. */
const HASH = 16;
/** ms; of a file that was written a moment ago a change in the same tick of the clock would not be seen. FAT has 2 s. */
const TICK = 2000;
/** ms after which it is said what takes so long. */
const PATIENCE = 2000;
/**
 * Files that are read without waiting for each, before anything else has its turn: to pack 20,000 small ones takes 0.8 s,
 * with a promise for each call 6.7 s.
 */
const AT_ONCE = 500;

/**
 * Packs a folder into a tar archive that depends on its names and contents alone: sorted, with fixed times, owners and
 * modes. Nothing of the operator's umask or clock goes in, so that every operator gets the same release. A folder in
 * which every name, size, inode and time is as it was is not read again: beside the archive it says what that was.
 *
 * @param web What the config says of how it is served. Default: nothing.
 * @param archive Where the archive goes; its folder is made.
 * @example await pack("/home/me/twopir/site", ".twopir/twopir.example.com.tar") // { id: "9f86d081...", bytes: 20480, files: { "index.html": "5891b5b522d5df08" }, ... }
 * @throws pulumi.RunError with everything that cannot be published.
 */
export async function pack(folder: string, archive: string, web: WebSettings = {}): Promise<PackedRelease> {
  const timer = setTimeout(
    () => void log.info(`reading ${folder}, to see whether it is another release`),
    PATIENCE,
  );
  return packNow(folder, archive, web).finally(() => clearTimeout(timer));
}

async function packNow(folder: string, archive: string, web: WebSettings): Promise<PackedRelease> {
  const mistakes: string[] = [];
  const entries = await list(folder, mistakes);
  const served = await webOf(folder, entries, web, mistakes);
  if (mistakes.length > 0)
    refuse(
      [`${folder} cannot be published, so no Pi was contacted:`, ...mistakes.map((m) => `- ${m}`)].join("\n"),
    );
  const begun = Date.now();
  const { key, latest } = await keyOf(folder, entries);
  const release = ({ stale, ...packed }: Packed): PackedRelease => ({
    ...packed,
    archive,
    web: served,
    doubts: [...namesInDoubt(entries.map(({ name }) => name)), ...stale.map(staleOf)],
  });
  const known = await packedBefore(archive, key);
  if (known !== undefined) return release(known);
  await mkdir(dirname(archive), { recursive: true });
  await clearLeft(archive);
  const hash = createHash("sha256");
  const files: Record<string, string> = {};
  const candidate = `${archive}.${process.pid.toString()}`;
  try {
    await pipeline(
      blocks(folder, entries, files),
      async function* (source: AsyncIterable<Buffer>) {
        for await (const block of source) {
          hash.update(block);
          yield block;
        }
      },
      createWriteStream(candidate, { flush: true }),
    );
    await rename(candidate, archive);
  } finally {
    await rm(candidate, { force: true });
  }
  const { size } = await stat(archive);
  const packed: Packed = {
    id: hash.digest("hex"),
    bytes: size,
    files,
    stale: staleIn(folder, files, (content) => shortHash(createHash("sha256").update(content))),
  };
  if (latest < begun - TICK)
    await writeFile(noteOf(archive), JSON.stringify({ key, ...packed, as: asItIs(now(archive)) }));
  return release(packed);
}

interface Packed extends Pick<PackedRelease, "id" | "bytes" | "files"> {
  /** Packed pages that are not of the page beside them. */
  readonly stale: readonly string[];
}

/** What runs that were killed left of an archive, by the process that wrote it. */
async function clearLeft(archive: string): Promise<void> {
  for (const name of await readdir(dirname(archive))) {
    const pid = name.startsWith(`${basename(archive)}.`)
      ? Number(name.slice(basename(archive).length + 1))
      : 0;
    if (pid > 0 && !isRunning(pid)) await rm(join(dirname(archive), name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const shortHash = (hash: Hash): string => hash.digest("hex").slice(0, HASH);

/** Of a file, by which another one, or a change of it, is seen. */
const asItIs = ({ size, ino, mtimeNs, ctimeNs }: BigIntStats): string =>
  [size, ino, mtimeNs, ctimeNs].join(" ");
const now = (path: string): BigIntStats => statSync(path, { bigint: true });

const noteOf = (archive: string): string => `${archive}.json`;

/** By which a change of anything in the folder is seen, and when the last one was, in ms. */
async function keyOf(folder: string, entries: readonly Entry[]): Promise<{ key: string; latest: number }> {
  const hash = createHash("sha256").update(folder);
  let latest = 0;
  for await (const { name, type } of inTurns(entries)) {
    if (type !== "File") continue;
    const file = now(join(folder, name));
    hash.update(`${asItIs(file)}\0`);
    latest = Math.max(latest, Number(file.ctimeMs));
  }
  for (const { name, type } of entries) hash.update(`${type} ${name}\0`);
  return { key: hash.digest("hex"), latest };
}

/** What the archive holds, if it was packed from exactly that. */
async function packedBefore(archive: string, key: string): Promise<Packed | undefined> {
  try {
    const {
      as,
      key: of,
      ...known
    } = JSON.parse(await readFile(noteOf(archive), "utf8")) as Packed & Record<"key" | "as", string>;
    const same = of === key && as === asItIs(now(archive));
    return same && "stale" in known ? known : undefined;
  } catch {
    return undefined; // there is none, or half of one: it is packed once more
  }
}

/**
 * The release that a config asks for; undefined: none. The archive lies in the project's own folder for files that are
 * nobody's source, one for each site, so that no run leaves another one behind.
 */
export async function packSite(config: {
  readonly hostname: string;
  readonly site?: string;
  readonly web?: WebSettings;
}): Promise<PackedRelease | undefined> {
  return config.site === undefined
    ? undefined
    : pack(config.site, join(process.cwd(), ".twopir", `${config.hostname}.tar`), config.web);
}

/** How a folder is served, with a line for each rule that cannot be kept. */
async function webOf(
  folder: string,
  entries: readonly Entry[],
  { fallback, redirects, headers }: WebSettings,
  mistakes: string[],
): Promise<Web> {
  const files = new Set(entries.flatMap(({ name, type }) => (type === "File" ? `/${name}` : [])));
  for (const { name } of entries.filter(({ type }) => type === "Directory"))
    if (["404.html", "_headers", "_redirects"].includes(name))
      mistakes.push(`"${name}" is a folder, not a file`);
  // What nginx would read as more than a name, and what begins with a dot, is not to be had by a rule.
  const fileOf = (path: string): string | undefined => {
    const file = path.replace(/\/$/, "/index.html");
    return files.has(file) && !/["\\$?;{}]|\/\.(?!well-known\/)/.test(file) ? file : undefined;
  };
  if (fallback !== undefined && fileOf(fallback) === undefined)
    mistakes.push(`twopir:web.fallback is ${fallback}, which is no file in it that a visitor gets`);
  const told = <T>(
    where: string,
    read: { readonly rules: readonly T[]; readonly mistakes: readonly string[] },
  ) => {
    mistakes.push(...read.mistakes.map((mistake) => `${where}, ${mistake}`));
    return read.rules;
  };
  const text = async (name: string): Promise<string> =>
    files.has(`/${name}`) ? readFile(join(folder, name), "utf8") : "";
  const ofConfig = {
    redirects: told("twopir:web.redirects", readRedirects(redirects ?? "", fileOf)),
    headers: told("twopir:web.headers", readHeaders(headers ?? "")),
  };
  const ofFolder = {
    redirects: told("_redirects", readRedirects(await text("_redirects"), fileOf)),
    headers: told("_headers", readHeaders(await text("_headers"))),
  };
  return {
    ...(fallback !== undefined && { fallback: fileOf(fallback) }),
    // The config's come first: of redirects the first one counts, of headers the last one.
    redirects: [...ofConfig.redirects, ...ofFolder.redirects],
    headers: [...ofFolder.headers, ...ofConfig.headers],
  };
}

/** Everything in the folder, in an order that is the same everywhere, with a line for each thing that is refused. */
async function list(folder: string, mistakes: string[]): Promise<Entry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    mistakes.push(`it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (found === undefined) return [];
  const named = found.map((entry) => [relative(folder, join(entry.parentPath, entry.name)), entry] as const);
  named.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const entries: Entry[] = [];
  for await (const [name, entry] of inTurns(named)) {
    const mistake = await unfit(folder, name, entry);
    if (mistake !== undefined) mistakes.push(`${JSON.stringify(name)} ${mistake}`);
    else entries.push({ name, type: entry.isDirectory() ? "Directory" : "File" });
  }
  if (!entries.some(({ name, type }) => /^index\.html?$/.test(name) && type !== "Directory"))
    mistakes.push("it has no index.html, which every visitor gets first");
  return entries;
}

/** Why something cannot be published; undefined: it can. */
async function unfit(folder: string, name: string, entry: Dirent): Promise<string | undefined> {
  if (name.includes("\ufffd")) return "has a name that is not UTF-8: rename it";
  if (entry.name.includes("\\"))
    return "has a backslash in its name, which browsers take for a slash: rename it";
  if (/\p{Cc}/u.test(entry.name))
    return "has a line end, or another control character, in its name: rename it";
  if (entry.name === ".git") return "would show the whole history to everybody: publish a folder without it";
  if (entry.isSymbolicLink()) return unfitLink(folder, name);
  if (entry.isDirectory()) return undefined;
  if (!entry.isFile()) return "is neither a file nor a folder: take it out";
  try {
    closeSync(openSync(join(folder, name), "r"));
    return undefined;
  } catch {
    return "cannot be read: chmod u+r";
  }
}

async function unfitLink(folder: string, name: string): Promise<string | undefined> {
  const target = await readlink(join(folder, name));
  const end = await realpath(join(folder, name)).catch(() => undefined);
  if (end === undefined) return `is a link to ${target}, which is not there`;
  if ((await stat(end)).isDirectory())
    return `is a link to the folder ${target}, and nginx follows no links: copy it in`;
  const leaves = (path: string): boolean => /^\.\.(\/|$)/.test(path);
  return isAbsolute(target) ||
    leaves(join(dirname(name), target)) ||
    leaves(relative(await realpath(folder), end))
    ? `is a link to ${target}, which leaves the folder: copy it in`
    : undefined;
}

/** Each of them, with a pause in between in which others have their turn: progress, an interrupt. */
async function* inTurns<T>(all: readonly T[]): AsyncGenerator<T> {
  for (let i = 0; i < all.length; i += AT_ONCE) {
    await setImmediate();
    yield* all.slice(i, i + AT_ONCE);
  }
}

/** The archive, piece by piece. Puts the beginning of each file's hash into `files`. */
async function* blocks(
  folder: string,
  entries: readonly Entry[],
  files: Record<string, string>,
): AsyncGenerator<Buffer> {
  for await (const { name, type } of inTurns(entries)) {
    const path = join(folder, name);
    const before = now(path);
    const size = type === "File" ? Number(before.size) : 0;
    yield head({
      path: type === "Directory" ? `${name}/` : name,
      mode: type === "Directory" ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      size,
      mtime: new Date(0),
      type,
    });
    if (type !== "File") continue;
    let sent = 0;
    const hash = createHash("sha256");
    const parts = size < LARGE ? [readFileSync(path)] : (createReadStream(path) as AsyncIterable<Buffer>);
    for await (const part of parts) {
      sent += part.length;
      hash.update(part);
      yield part;
    }
    if (sent !== size || asItIs(now(path)) !== asItIs(before))
      refuse(`${path} was written to while it was read: run it again. No Pi was contacted.`);
    files[name] = shortHash(hash);
    yield Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK); // the end of an archive
}

/** One entry's header, behind an extended one where the name is long or not ASCII. */
function head(data: HeaderData & { readonly path: string }): Buffer {
  const header = new Header(data);
  const block = Buffer.alloc(BLOCK);
  if (!header.encode(block)) return block;
  return Buffer.concat([new Pax({ path: data.path }).encode(), block]);
}
