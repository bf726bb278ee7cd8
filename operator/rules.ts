/** One line of `_redirects`, e.g. `/blog/:year/* /news/:splat 301`. */
export interface Redirect {
  /** A path; `:word` stands for what is between two slashes, `*` at its end for all that follows. */
  readonly from: string;
  /** A path, or an address with its scheme. */
  readonly to: string;
  /** 200: the page of that name is sent, and the address stays. */
  readonly status: 200 | 301 | 302 | 303 | 307 | 308;
  /** True (`301!`): also where there is a file of that name. */
  readonly force: boolean;
}

/** One line of `_headers`; of those of one name that fit, the last path counts. */
export interface Header {
  /** Whose answers have it; `:word` and `*` as in a redirect. */
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/** How a published site is served, beside what it consists of. */
export interface Web {
  readonly redirects: readonly Redirect[];
  readonly headers: readonly Header[];
  /** What is sent, with status 200, for a page that is not there, e.g. "/index.html". Default: 404. */
  readonly fallback?: string | undefined;
  /** Whether there are files that are packed already beside others: a.css.gz beside a.css. */
  readonly gzipped: boolean;
}

/** What was read, and a line for each thing that cannot be done. */
interface Read<T> {
  readonly rules: readonly T[];
  readonly mistakes: readonly string[];
}

/** What is asked of a Pi to learn whether it serves the site: no rule may answer in its place. */
const ASKED = ["/", "/.well-known/twopir"];

/** nginx sets these itself, or two of one name would be in an answer. */
const NGINX_OWN =
  /^(accept-ranges|connection|content-.*(?<!policy|policy-report-only)|date|etag|last-modified|location|server|trailer|transfer-encoding|upgrade|vary)$/i;

const STATUS = /^(200|301|302|303|307|308)(!?)$/;

/**
 * Reads a `_redirects` file, as Netlify and Cloudflare Pages have it: `FROM TO [STATUS[!]]` a line, the first that fits
 * counts, a file of that name comes before them all unless there is a `!`.
 *
 * @param isFile Whether the site has a file of this path, e.g. "/app/index.html".
 * @example readRedirects("/old /new", () => true).rules // [{ from: "/old", to: "/new", status: 301, force: false }]
 */
export function readRedirects(text: string, isFile: (path: string) => boolean): Read<Redirect> {
  return read(text, /(^|\s)#.*$/, (line) => {
    const [from = "", to, third = "301", ...rest] = line.trim().split(/\s+/);
    const [, status, force] = STATUS.exec(third) ?? [];
    if (to === undefined) return "says no more than where from: FROM TO [STATUS]";
    if ([to, third].some((word) => /^[\w-]+=/.test(word)) || rest.length > 0)
      return "has a condition (a query, a country, a language, a role), which nginx here cannot judge";
    if (status === undefined) return `has status ${third}; there are 200, 301, 302, 303, 307 and 308`;
    const mistake = unfitPath(from) ?? unfitTarget(from, to, status === "200", isFile);
    if (mistake !== undefined) return mistake;
    if (force === "!" && ASKED.some((path) => new RegExp(patternOf(from)).test(path)))
      return "takes the place of the first page, by which it is seen whether a Pi serves: leave out the !";
    return { from, to, status: Number(status) as Redirect["status"], force: force === "!" };
  });
}

function unfitTarget(
  from: string,
  to: string,
  rewrite: boolean,
  isFile: (path: string) => boolean,
): string | undefined {
  if (rewrite)
    return isFile(to)
      ? undefined
      : `sends ${to}, which is no file of the site (another site's pages cannot be fetched)`;
  if (!/^(\/|https?:\/\/[^/])/.test(to))
    return `leads to ${to}: give a path, or an address with http:// or https://`;
  const known = new Set(placeholders(from));
  const unknown = placeholders(to.replace(/^https?:\/\/[^/]*/, "")).find((name) => !known.has(name));
  return unknown === undefined ? undefined : `has :${unknown} in ${to}, which ${from} does not`;
}

/** What stands for a part of a path, in its order; a `*` is called "splat" where it leads. */
const PLACEHOLDER = /(?<=\/):([A-Za-z]\w*)|\*/g;
const placeholders = (path: string): string[] =>
  [...path.matchAll(PLACEHOLDER)].map(([, name = "splat"]) => name);

function unfitPath(path: string): string | undefined {
  if (/^https?:/.test(path)) return `begins with the name of a site: give the path alone`;
  if (!path.startsWith("/")) return `is about ${path}: a path begins with /`;
  if (/[?#]/.test(path)) return `is about ${path}: a path has no ? and no #`;
  const names = placeholders(path);
  return new Set(names).size < names.length ? `has two of the same name, or two *, in ${path}` : undefined;
}

/**
 * Reads a `_headers` file: a path, and below it, indented, `Name: value` lines.
 *
 * @example readHeaders("/*\n  X-Robots-Tag: noindex").rules // [{ path: "/*", name: "X-Robots-Tag", value: "noindex" }]
 */
export function readHeaders(text: string): Read<Header> {
  let path: string | undefined;
  return read(text, /^\s*#.*$/, (line) => {
    if (!/^\s/.test(line)) {
      path = line.trim();
      return unfitPath(path);
    }
    if (path === undefined) return "comes before any path";
    const [, name = "", value = ""] = /^\s+([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === "") return "is no header: Name: value";
    if (NGINX_OWN.test(name)) return `sets ${name}, which nginx sets by itself`;
    if (/^basic-auth$/i.test(name)) return "asks for a password, which cannot be done here";
    return /[^\t\x20-\x7e]|\$/.test(value)
      ? `has a $, or what is not ASCII, in the value of ${name}`
      : { path, name, value };
  });
}

/** A line at a time, without comments; what is returned is a rule, a mistake, or nothing. */
function read<T>(text: string, comment: RegExp, rule: (line: string) => T | string | undefined): Read<T> {
  const rules: T[] = [];
  const mistakes: string[] = [];
  text.split(/\r?\n/).forEach((whole, i) => {
    const line = whole.replace(comment, "");
    if (line.trim() === "") return;
    const found = rule(line);
    if (typeof found === "string") mistakes.push(`line ${i + 1} ${found}`);
    else if (found !== undefined) rules.push(found);
  });
  return { rules, mistakes };
}

/** As a browser sends it: what is encoded already stays so. */
const sent = (path: string): string =>
  encodeURI(path)
    .replace(/%25(?=[0-9A-Fa-f]{2})/g, "%")
    .replaceAll("$", "%24");

/**
 * A path as a regular expression that the path of a request is held against, as it was sent. What a placeholder stands
 * for is in the group twopir_0, twopir_1, and so on.
 *
 * @example patternOf("/blog/:year/*") // "^/blog/(?<twopir_0>[^/]+)(/(?<twopir_1>.*))?$"
 */
export function patternOf(path: string): string {
  let n = 0;
  const group = (what: string): string => `(?<twopir_${n++}>${what})`;
  const pattern = sent(path).replace(/\/:[A-Za-z]\w*|\/\*$|\*|[.+?^|(){}[\]\\]/g, (found) => {
    if (found.startsWith("/:")) return `/${group("[^/]+")}`;
    if (found === "/*") return `(/${group(".*")})?`;
    return found === "*" ? group(".*") : `\\${found}`;
  });
  return `^${pattern}$`;
}

/**
 * Where a redirect leads, with nginx's variables for what its pattern found. The visitor's query goes along, where there
 * is none.
 *
 * @example targetOf("/blog/:year/*", "/news/:splat") // "/news/${twopir_1}$is_args$args"
 */
export function targetOf(from: string, to: string): string {
  const names = placeholders(from);
  const [path = "", fragment] = sent(to).split("#");
  const filled = (text: string): string =>
    text.replace(/:([A-Za-z]\w*)/g, (found, name: string) =>
      names.includes(name) ? `\${twopir_${names.indexOf(name)}}` : found,
    );
  const query = path.includes("?") ? "" : "$is_args$args";
  return filled(path) + query + (fragment === undefined ? "" : `#${filled(fragment)}`);
}
