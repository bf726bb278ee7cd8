import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { log } from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { pack } from "../../../operator/pack";

let scratch: string;
let folder: string;
let archive: string;

const write = (name: string, text = name): void => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
};
const id = async (): Promise<string> => (await pack(folder, archive)).id;
const unpacked = (): string[] =>
  execFileSync("tar", ["-tv", "--numeric-owner", "--quoting-style=literal", "-f", archive], {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC", LC_ALL: "C.UTF-8" },
  })
    .trim()
    .split("\n");

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "twopir-pack-"));
  folder = join(scratch, "site");
  archive = join(scratch, "out", "site.tar");
  write("index.html");
  write("b/deep/page.html");
  write("a.css");
});
afterEach(() => {
  rmSync(scratch, { recursive: true });
});

describe("a folder that is packed", () => {
  it("is an archive that tar unpacks to the same, owned by root, readable by all", async () => {
    symlinkSync("../a.css", join(folder, "b/style.css"));
    chmodSync(join(folder, "a.css"), 0o600);
    const { id, archive: path } = await pack(folder, archive);
    expect(path).toBe(archive);
    expect(id).toBe(createHash("sha256").update(readFileSync(archive)).digest("hex"));
    expect(unpacked().map((line) => line.replace(/ +/g, " "))).toEqual([
      "-rw-r--r-- 0/0 5 1970-01-01 00:00 a.css",
      "drwxr-xr-x 0/0 0 1970-01-01 00:00 b/",
      "drwxr-xr-x 0/0 0 1970-01-01 00:00 b/deep/",
      "-rw-r--r-- 0/0 16 1970-01-01 00:00 b/deep/page.html",
      "-rw-r--r-- 0/0 5 1970-01-01 00:00 b/style.css", // a link
      "-rw-r--r-- 0/0 10 1970-01-01 00:00 index.html",
    ]);
    expect(readdirSync(dirname(archive))).toEqual(["site.tar"]);
  });

  it("is listed, by names and contents, also where it is not read again", async () => {
    const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
    const files = Object.fromEntries(
      ["a.css", "b/deep/page.html", "index.html"].map((name) => [name, hash(name)]),
    );
    for (const name of Object.keys(files)) utimesSync(join(folder, name), 1, 1);
    await new Promise((resolve) => setTimeout(resolve, 2100)); // what has just been written is read again
    expect((await pack(folder, archive)).files).toEqual(files);
    expect(readdirSync(dirname(archive))).toEqual(["site.tar", "site.tar.json"]);
    expect((await pack(folder, archive)).files).toEqual(files);
  });

  it("is told of where it takes long", async () => {
    const info = vi.spyOn(log, "info").mockResolvedValue();
    await pack(folder, archive);
    expect(info).not.toHaveBeenCalled();
    const timer = vi.spyOn(globalThis, "setTimeout").mockImplementation((late) => {
      late();
      return 0 as never;
    });
    await pack(folder, archive);
    timer.mockRestore();
    expect(info).toHaveBeenCalledWith(`reading ${folder}, to see whether it is another release`);
    info.mockRestore();
  });

  it("is doubted where two names differ by capital letters alone", async () => {
    expect((await pack(folder, archive)).doubts).toEqual([]);
    write("B/page.html");
    write("c/Logo.png");
    write("c/logo.png");
    const { doubts } = await pack(folder, archive);
    expect(doubts).toHaveLength(2);
    expect(doubts[0]).toContain('the site has "B" and "b", which differ by capital letters only');
    expect(doubts[1]).toContain('"c/Logo.png" and "c/logo.png"');
  });

  it("is doubted where a name has its accents as characters of their own, which only a Mac takes for the same", async () => {
    write("\u00fcber.html");
    expect((await pack(folder, archive)).doubts).toEqual([]);
    for (const name of ["u\u0308ber.html", "a\u0308.html"]) write(name);
    const { doubts } = await pack(folder, archive);
    expect(doubts).toHaveLength(1);
    expect(doubts[0]).toContain('"a\u0308.html" (and 1 more) has a letter and its accent as two characters');
  });

  it("is doubted where a packed page is not of the page beside it, each time", async () => {
    writeFileSync(join(folder, "a.css.gz"), gzipSync(readFileSync(join(folder, "a.css"))));
    write("archive.gz");
    expect((await pack(folder, archive)).doubts).toEqual([]);
    writeFileSync(join(folder, "a.css"), "newer");
    write("index.html.gz"); // no gzip at all
    for (let i = 0; i < 2; i += 1) {
      const { doubts } = await pack(folder, archive);
      expect(doubts).toEqual([
        expect.stringContaining('"a.css.gz" is not "a.css" as it is now'),
        expect.stringContaining('"index.html.gz" is not "index.html"'),
      ]);
    }
  });

  it("is refused where a file is written to meanwhile, whatever its length, and leaves nothing", async () => {
    const large = join(folder, "large");
    writeFileSync(large, "");
    truncateSync(large, 1 << 26);
    const left = `${archive}.4194304`; // of a run that was killed: Linux has no process of that number
    mkdirSync(dirname(archive));
    writeFileSync(left, "");
    const writing = setInterval(() => {
      const file = openSync(large, "r+");
      writeSync(file, "x");
      closeSync(file);
    }, 1);
    await expect(pack(folder, archive)).rejects.toThrow(`${large} was written to while it was read`);
    clearInterval(writing);
    expect(readdirSync(dirname(archive)).filter((name) => name.startsWith(basename(archive)))).toEqual([]);
  });

  it("is the same release wherever, whenever and under whatever umask it is packed", async () => {
    const before = await id();
    utimesSync(join(folder, "index.html"), 1, 1);
    chmodSync(join(folder, "index.html"), 0o600);
    chmodSync(join(folder, "b"), 0o700);
    renameSync(folder, `${folder}2`);
    folder = `${folder}2`;
    expect(await id()).toBe(before);
  });

  it.each<[string, () => void]>([
    ["a content of the same length", () => writeFileSync(join(folder, "a.css"), "other")],
    ["a name", () => renameSync(join(folder, "a.css"), join(folder, "c.css"))],
    ["a file more", () => writeFileSync(join(folder, "z"), "")],
    ["an empty folder more", () => mkdirSync(join(folder, "z"))],
    ["a file less", () => rmSync(join(folder, "a.css"))],
    ["a file at another place", () => renameSync(join(folder, "a.css"), join(folder, "b/a.css"))],
  ])("is another release with %s", async (_, change) => {
    const before = await id();
    change();
    expect(await id()).not.toBe(before);
  });

  it.each([
    "a b.html",
    "-rf",
    "--checkpoint-action=exec=sh",
    "$(touch x)`id`'\"",
    "ümlaut.html",
    "日本.html",
    "e\u0301",
    "*",
    "...",
    "x".repeat(255),
    `${"d".repeat(200)}/${"e".repeat(200)}/${"f".repeat(99)}`,
  ])("keeps the name %j as it is", async (name) => {
    write(name, "content");
    await pack(folder, archive);
    const out = join(scratch, "again");
    mkdirSync(out);
    execFileSync("tar", ["-x", "-C", out, "-f", archive]);
    expect(readFileSync(join(out, name), "utf8")).toBe("content");
  });

  it.each([0, 1, 511, 512, 513, 65_536, 3_000_000])("keeps a file of %i bytes", async (size) => {
    write("index.html", "x".repeat(size));
    await pack(folder, archive);
    expect(execFileSync("tar", ["-xO", "-f", archive, "index.html"], { maxBuffer: 1 << 23 }).length).toBe(
      size,
    );
  });

  it("brings its rules along, after those of the config", async () => {
    write("_redirects", "/old /new 302\n");
    const web = { fallback: "/index.html", redirects: "/first /b/deep/page.html", headers: "/*\n  X-A: b" };
    expect((await pack(folder, archive, web)).web).toEqual({
      fallback: "/index.html",
      redirects: [
        { from: "/first", to: "/b/deep/page.html", status: 301, force: false },
        { from: "/old", to: "/new", status: 302, force: false },
      ],
      headers: [{ path: "/*", name: "X-A", value: "b" }],
    });
  });

  it("leaves the former archive as it was when it fails", async () => {
    await pack(folder, archive);
    const before = readFileSync(archive);
    rmSync(join(folder, "index.html"));
    await expect(pack(folder, archive)).rejects.toThrow();
    expect(readFileSync(archive)).toEqual(before);
  });

  describe("a second time", () => {
    const inode = (): number => statSync(archive).ino; // another one, where it is packed once more
    const later = async <T>(doing: () => Promise<T>): Promise<T> => {
      const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 10_000);
      return doing().finally(() => {
        now.mockRestore();
      });
    };

    it("is not read again", async () => {
      const first = await later(() => pack(folder, archive));
      const before = inode();
      expect(await pack(folder, archive)).toEqual(first);
      expect(inode()).toBe(before);
    });

    it.each<[string, () => void]>([
      [
        "another content of the same length and time",
        () => {
          const { atime, mtime } = statSync(join(folder, "a.css"));
          write("a.css", "b.css");
          utimesSync(join(folder, "a.css"), atime, mtime);
        },
      ],
      [
        "another file in its place",
        () => {
          write("x", "x.css");
          renameSync(join(folder, "x"), join(folder, "a.css"));
        },
      ],
      ["an empty folder more", () => mkdirSync(join(folder, "c"))],
      ["another archive", () => writeFileSync(archive, readFileSync(archive).fill(0))],
      ["no archive", () => rmSync(archive)],
      ["half a note", () => truncateSync(`${archive}.json`, 20)],
    ])("is read again: %s", async (_, change) => {
      await later(() => id());
      change();
      const fresh = await id();
      expect(fresh).toBe(createHash("sha256").update(readFileSync(archive)).digest("hex"));
      rmSync(`${archive}.json`, { force: true });
      expect(await id()).toBe(fresh);
    });

    it("is read again where something was written a moment before: the clock may not have gone on since", async () => {
      await id();
      const before = inode();
      await id();
      expect(inode()).not.toBe(before);
    });
  });

  it("may be large", async () => {
    truncateSync(join(folder, "a.css"), 300 * 2 ** 20);
    const before = process.memoryUsage().rss;
    await pack(folder, archive);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20);
  });
});

describe("what cannot be published is refused, all at once", () => {
  /** The lines after the first. */
  const mistakes = async (): Promise<string[]> => {
    try {
      await pack(folder, archive);
    } catch (error) {
      const [first, ...lines] = (error as Error).message.split("\n");
      expect(first).toBe(`${folder} cannot be published, so no Pi was contacted:`);
      return lines;
    }
    return [];
  };

  it.each<[string, string, string]>([
    ["/etc/hostname", "absolute", "is a link to /etc/hostname, which leaves the folder: copy it in"],
    ["../../outside", "b/up", "is a link to ../../outside, which leaves the folder: copy it in"],
    ["../site/a.css", "round", "is a link to ../site/a.css, which leaves the folder: copy it in"],
    ["nowhere", "dangling", "is a link to nowhere, which is not there"],
    ["loop", "loop", "is a link to loop, which is not there"],
    ["b", "folder", "is a link to the folder b, and nginx follows no links: copy it in"],
  ])("a link to %s", async (target, name, says) => {
    writeFileSync(join(scratch, "outside"), "");
    symlinkSync(target, join(folder, name));
    expect(await mistakes()).toEqual([`- ${JSON.stringify(name)} ${says}`]);
  });

  it("a link out of the folder by way of another", async () => {
    mkdirSync(join(scratch, "x"));
    writeFileSync(join(scratch, "x/page"), "");
    symlinkSync(join(scratch, "x"), join(folder, "out"));
    symlinkSync("out/../x/page", join(folder, "through"));
    expect((await mistakes()).map((line) => line.split(" ")[1])).toEqual(['"out"', '"through"']);
  });

  it("a socket, a pipe and a name that is not UTF-8", async () => {
    const server = createServer().listen(join(folder, "socket"));
    execFileSync("mkfifo", [join(folder, "pipe")]);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9])]), "");
    expect(await mistakes()).toEqual([
      '- "caf\ufffd" has a name that is not UTF-8: rename it',
      '- "pipe" is neither a file nor a folder: take it out',
      '- "socket" is neither a file nor a folder: take it out',
    ]);
    await new Promise((resolve) => server.close(resolve));
  });

  it("a name with a backslash", async () => {
    write("a\\b");
    expect(await mistakes()).toEqual([
      '- "a\\\\b" has a backslash in its name, which browsers take for a slash: rename it',
    ]);
  });

  it("a name of two lines, or with another control character", async () => {
    write("new\nline");
    write("\t\u0007");
    const says = "has a line end, or another control character, in its name: rename it";
    expect(await mistakes()).toEqual([`- "\\t\\u0007" ${says}`, `- "new\\nline" ${says}`]);
  });

  it("a folder where a file is looked for", async () => {
    write("404.html/page");
    write("_headers/page");
    expect(await mistakes()).toEqual([
      '- "404.html" is a folder, not a file',
      '- "_headers" is a folder, not a file',
    ]);
  });

  it.each(["a$host.html", 'a"b.html', "a;b.html", ".hidden/a.html"])("a rule that sends %j", async (name) => {
    write(name);
    await expect(pack(folder, archive, { fallback: `/${name}` })).rejects.toThrow(
      "no file in it that a visitor gets",
    );
  });

  it("rules that cannot be kept, of the folder and of the config", async () => {
    write("_redirects", "# ours\n/a\n/b /c 418\n");
    write("_headers", "/*\n  Content-Type: text/html\n");
    const web = { fallback: "/app.html", redirects: "/x /y Country=de" };
    await expect(pack(folder, archive, web)).rejects.toThrow(
      [
        "- twopir:web.fallback is /app.html, which is no file in it that a visitor gets",
        "- twopir:web.redirects, line 1 has a condition (a query, a country, a language, a role), which nginx here cannot judge",
        "- _redirects, line 2 has no target: FROM TO [STATUS]",
        "- _redirects, line 3 has status 418; there are 200, 301, 302, 303, 307 and 308",
        "- _headers, line 2 sets Content-Type, which nginx sets by itself",
      ].join("\n"),
    );
  });

  it("the history of the source", async () => {
    write(".git/config");
    write(".well-known/security.txt");
    expect(await mistakes()).toEqual([
      '- ".git" would show the whole history to everybody: publish a folder without it',
    ]);
  });

  it("a folder without a first page, or with a folder for one", async () => {
    const says = ["- it has no index.html, which every visitor gets first"];
    rmSync(join(folder, "index.html"));
    expect(await mistakes()).toEqual(says);
    mkdirSync(join(folder, "index.html"));
    expect(await mistakes()).toEqual(says);
    write("index.htm");
    expect(await mistakes()).toEqual([]);
  });

  it.each([
    ["nothing", "ENOENT"],
    ["index.html", "ENOTDIR"],
  ])("%s instead of a folder", async (name, code) => {
    folder = join(folder, name);
    expect((await mistakes())[0]).toContain(`- it cannot be read: ${code}`);
  });

  it.skipIf(process.getuid?.() !== 0)("what this user may not read", async () => {
    chmodSync(scratch, 0o777);
    write("secret");
    chmodSync(join(folder, "secret"), 0o600);
    process.seteuid?.(65_534);
    try {
      expect(await mistakes()).toEqual(['- "secret" cannot be read: chmod u+r']);
    } finally {
      process.seteuid?.(0);
    }
  });
});
