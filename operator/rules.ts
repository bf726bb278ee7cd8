/** One line of `_redirects`, e.g. `/blog/:year/* /news/:splat 301`. */
export interface Redirect {
  /** A path; `:word` stands for what is between two slashes, one `*` for any text. */
  readonly from: string;
  /** A path, or an address with its scheme; for 200 a file of the site. */
  readonly to: string;
  /** 200: the file is sent, and the address stays. */
  readonly status: 200 | 301 | 302 | 303 | 307 | 308;
  /** True (`301!`): also where there is a page of that path, and before the rules that are not forced. */
  readonly force: boolean;
}

/** What the answers of some paths have; of those of one name that fit, the last one counts. */
export interface Header {
  /** As in a redirect. */
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/** How a published site is served, beside what it consists of. */
export interface Web {
  readonly redirects: readonly Redirect[];
  readonly headers: readonly Header[];
  /** A file that is sent, with status 200, for a page that is not there, e.g. "/index.html". Default: 404. */
  readonly fallback?: string | undefined;
}

/** What was read, and a line for each thing that cannot be done. */
interface Read<T> {
  readonly rules: readonly T[];
  readonly mistakes: readonly string[];
}

/** What is asked of a Pi to learn whether it serves the site: no rule may answer in its place. */
const ASKED = ["/", "/.well-known/twopir"];

const STATUS = /^(200|301|302|303|307|308)(!?)$/;

/** Bytes of one text in nginx's config, whose limit is 4096 (NGX_CONF_BUFFER), with some for the rest of its line. */
const LONGEST = 3500;

/** nginx sets these itself, and a second one of that name would contradict it. */
const NGINX_OWN = [
  "accept-ranges",
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "date",
  "etag",
  "last-modified",
  "location",
  "server",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "vary",
];

/** The file that a path of a site stands for, where it may be had. */
export type FileOf = (path: string) => string | undefined;

/**
 * Reads a `_redirects` file, as Netlify and Cloudflare Pages have it: `FROM TO [STATUS[!]]` a line, the first that fits
 * counts, a page of that path comes before them all unless there is a `!`.
 *
 * @example readRedirects("/old /new", () => undefined).rules // [{ from: "/old", to: "/new", status: 301, force: false }]
 */
export function readRedirects(text: string, fileOf: FileOf): Read<Redirect> {
  const rules: Redirect[] = [];
  const leading = new Map<string, string>();
  const mistakes = judged(text, /(^|\s)#.*$/, (line) => {
    const [from = "", to, third = "301", ...rest] = line.trim().split(/\s+/);
    const [, status, force] = STATUS.exec(third) ?? [];
    if (to === undefined) return "has no target: FROM TO [STATUS]";
    if ([to, third].some((word) => /^[\w-]+=/.test(word)) || rest.length > 0)
      return "has a condition (a query, a country, a language, a role), which nginx here cannot judge";
    if (status === undefined) return `has status ${third}; there are 200, 301, 302, 303, 307 and 308`;
    const rewritten = status === "200" ? fileOf(decoded(to) ?? "") : to;
    if (rewritten === undefined)
      return `rewrites to ${to}, which is not a page of this site (other sites' pages are not fetched)`;
    const mistake = unfitPath(from) ?? (status === "200" ? undefined : unfitTarget(from, to, Number(status)));
    if (mistake !== undefined) return mistake;
    const page = placeholders(from).length > 0 ? undefined : pageOf(decoded(from) ?? "", fileOf);
    if (status !== "200" && leadsBack(from, to, force === "!", fileOf))
      return page === undefined
        ? `leads from ${from} to itself, for ever`
        : `leads to the page that ${from} is: nginx does so by itself, take it out`;
    if (force !== "!" && page !== undefined)
      return `is never reached, since the site has ${page}: take that out, or force the rule (${third}!)`;
    if (force === "!" && ASKED.some((path) => new RegExp(patternOf(from)).test(path)))
      return "overrides the home page, by which twopir sees whether a Pi serves: leave out the !";
    if (status !== "200" && placeholders(from).length === 0) {
      const circle = circleOf(from, to, leading);
      if (circle !== undefined) return `leads in a circle: ${circle.join(", ")}`;
    }
    rules.push({ from, to: rewritten, status: Number(status) as Redirect["status"], force: force === "!" });
    return undefined;
  });
  return { rules, mistakes };
}

/**
 * The paths that a visitor is sent along for ever, with this rule and those before it.
 *
 * @param leading Where each path leads by the first rule that names it; this one is added.
 */
function circleOf(from: string, to: string, leading: Map<string, string>): string[] | undefined {
  const pathIn = (text: string): string => bare(decoded(text.replace(/[?#].*$/, "")) ?? text);
  const [begin, next] = [pathIn(from), pathIn(to)];
  if (leading.has(begin)) return undefined;
  leading.set(begin, next);
  const passed = [begin];
  for (let path: string | undefined = next; path !== undefined; path = leading.get(path)) {
    passed.push(path);
    if (path !== begin) continue;
    leading.delete(path); // it is refused, and who leads there is not led on
    return passed;
  }
  return undefined;
}

/** Without the slash at its end, with which it is the same page. */
const bare = (path: string): string => path.replace(/(?<=.)\/$/, "");

/** The file that a visitor gets there, one way or the other. */
const pageOf = (path: string, fileOf: FileOf): string | undefined => {
  const page = bare(path);
  return [page, `${page}.html`, `${page}/index.html`, `${page}/index.htm`, path].map(fileOf).find(Boolean);
};

/** Whether who is sent there is sent there again: always where a rule is forced, else where it finds no page. */
function leadsBack(from: string, to: string, forced: boolean, fileOf: FileOf): boolean {
  if (!to.startsWith("/")) return false;
  const [path = ""] = targetOf(from, to).split(/[?#]/);
  const filled = decoded(path.replace(/\$[1-9]/g, "a")) ?? "";
  const again = new RegExp(patternOf(from)).test(filled);
  return (
    again &&
    (forced || (!/\$[1-9]/.test(path) && (pageOf(filled, fileOf) === undefined || /^[^:*]*$/.test(from))))
  );
}

function unfitTarget(from: string, to: string, status: number): string | undefined {
  const [, origin = "", rest = ""] = /^(https?:\/\/[^/?#]+)?(.*)$/.exec(to) ?? [];
  if (origin === "" && !/^\/(?![/\\])/.test(decoded(rest) ?? ""))
    return `leads to ${to}: give a path, or an address with http:// or https://`;
  if (/:[A-Za-z]/.test(origin.replace(/^https?:/, "")))
    return `leaves open which site it leads to (${origin})`;
  if (
    (origin === "" && /^\/:splat(?!$|[?#])/.test(rest)) ||
    (rest.startsWith("/:splat") && !from.endsWith("/*"))
  )
    return `may lead to another site: what * stands for can begin with a slash, or be nothing`;
  if (targetOf(from, to).length > LONGEST) return `is longer than ${LONGEST} bytes`;
  if (takesAlong(from, to)) {
    // nginx encodes what the pattern found for these two, and the rest of the target anew with it.
    if (status > 302)
      return `has status ${status}, which cannot take a part of the path along: 301 and 302 can`;
    if (to.includes("%")) return `has a % beside what it takes along of the path: write the character itself`;
  }
  const known = new Set(placeholders(from));
  const unknown = [...rest.matchAll(/(?<=\/):([A-Za-z]\w*)/g)].find(([, name = ""]) => !known.has(name));
  return unknown && `has ${unknown[0]} in ${to}, which ${from} does not`;
}

/** What stands for a part of a path, in its order; a `*` is called "splat" where it leads. */
const PLACEHOLDER = /(?<=\/):([A-Za-z]\w*)|\*/g;
const placeholders = (path: string): string[] =>
  [...path.matchAll(PLACEHOLDER)].map(([, name = "splat"]) => name);

/** Whether a redirect leads elsewhere by what its pattern found. */
export const takesAlong = (from: string, to: string): boolean => /\$[1-9]/.test(targetOf(from, to));

function unfitPath(path: string): string | undefined {
  if (/^https?:/.test(path)) return "begins with the name of a site: give the path alone";
  if (!path.startsWith("/")) return `is about ${path}: a path begins with /`;
  if (/[?#]/.test(path)) return `is about ${path}: a path has no ? and no #`;
  if (/["\\\p{Cc}]|\/\.(?!well-known\/)/u.test(decoded(path) ?? "\\"))
    return `is about ${path}, which no visitor gets, or can ask for`;
  if (Buffer.byteLength(patternOf(path)) > LONGEST) return `is longer than ${LONGEST} bytes`;
  const names = placeholders(path);
  if (names.length > 9) return "has more than nine parts that are left open"; // nginx knows $1 to $9
  return new Set(names).size < names.length ? `has two of the same name, or two *, in ${path}` : undefined;
}

/**
 * Reads a `_headers` file: a path, and below it, indented, `Name: value` lines. Two of one name below one path are one,
 * with a comma between the values.
 *
 * @example readHeaders("/*\n  X-Robots-Tag: noindex").rules // [{ path: "/*", name: "X-Robots-Tag", value: "noindex" }]
 */
export function readHeaders(text: string): Read<Header> {
  const rules: Header[] = [];
  let path: string | undefined;
  let first = 0; // of the rules below the path
  const mistakes = judged(text, /^\s*#.*$/, (line) => {
    if (!/^\s/.test(line)) {
      path = line.trim();
      first = rules.length;
      return unfitPath(path);
    }
    if (path === undefined) return "comes before any path";
    const [, name = "", value = ""] = /^\s+([A-Za-z0-9_-]+):\s*(.*?)\s*$/.exec(line) ?? [];
    const lower = name.toLowerCase();
    if (name === "") return "is no header: Name: value";
    if (NGINX_OWN.includes(lower)) return `sets ${name}, which nginx sets by itself`;
    if (lower === "basic-auth") return "asks for a password, which cannot be done here";
    if (/[^\t\x20-\x7e]|\$/.test(value)) return `has a $, or what is not ASCII, in the value of ${name}`;
    const same = rules.findIndex((other, i) => i >= first && other.name.toLowerCase() === lower);
    const former = rules[same];
    if (former && lower === "set-cookie")
      return "is a second Set-Cookie for one path, of which there can be one";
    const joined = former === undefined ? value : `${former.value}, ${value}`;
    if (inQuotes(joined).length > LONGEST) return `makes the value of ${name} longer than ${LONGEST} bytes`;
    const header = { path, name, value: joined };
    if (former === undefined) rules.push(header);
    else rules[same] = header;
    return undefined;
  });
  return { rules, mistakes };
}

/** What is wrong with each line, without its comment; those that are empty then are nothing. */
const judged = (text: string, comment: RegExp, judge: (line: string) => string | undefined): string[] =>
  text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .flatMap((whole, i) => {
      const line = whole.replace(comment, "");
      const mistake = line.trim() === "" ? undefined : judge(line);
      return mistake === undefined ? [] : `line ${i + 1} ${mistake}`;
    });

/** Text as it stands between quotes in nginx's config. */
export const inQuotes = (text: string): string => text.replace(/[\\"]/g, "\\$&");

/** As nginx understands a path; undefined for a % that begins nothing, which no browser sends. */
function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/**
 * A path as a regular expression for what nginx makes of the path of a request: decoded, without "//" and "..". A slash
 * at its end is the same page. What a placeholder stands for is in the groups, in their order.
 *
 * @param path As a rule names it.
 * @param characters Of what a `*`, and of what another placeholder may stand for: a class of characters each.
 * @example patternOf("/blog/:year/*") // "^/blog/([^/]+)(?:/(.*))?$"
 */
export function patternOf(
  path: string,
  [any, part]: readonly [any: string, part: string] = [".", "[^/]"],
): string {
  const literal = (text: string): string => (decoded(text) ?? text).replace(/[.*+?^$|(){}[\]\\]/g, "\\$&");
  const pattern = bare(path)
    .split(/(\/:[A-Za-z]\w*|\/\*$|\*)/)
    .map((piece, i) => {
      if (i % 2 === 0) return literal(piece);
      if (piece.startsWith("/:")) return `/(${part}+)`;
      return piece === "/*" ? `(?:/(${any}*))?` : `(${any}*)`;
    })
    .join("");
  return `^${pattern}${path.endsWith("*") || path === "/" ? "" : "/?"}$`;
}

/**
 * Where a redirect leads, as a browser sends it, with $1 and so on for what its pattern found.
 *
 * @example targetOf("/blog/:year/*", "/news/:splat") // "/news/$2"
 */
export function targetOf(from: string, to: string): string {
  const names = placeholders(from);
  const sent = encodeURI(to)
    .replace(/%25(?=[0-9A-Fa-f]{2})/g, "%")
    .replaceAll("$", "%24");
  return sent.replace(/:([A-Za-z]\w*)/g, (found, name: string) =>
    names.includes(name) ? `$${names.indexOf(name) + 1}` : found,
  );
}
