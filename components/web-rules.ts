import { patternOf, targetOf, type Header, type Redirect, type Web } from "../operator/rules";

/** What neither Debian 12's nor 13's list has (/etc/nginx/mime.types of nginx 1.22 and 1.26), by IANA's names. */
const TYPES = [
  "application/epub+zip epub;",
  "application/geo+json geojson;",
  "application/gzip gz;",
  "application/javascript mjs;",
  "application/json map;",
  "application/ld+json jsonld;",
  "application/manifest+json webmanifest;",
  "application/toml toml;",
  "application/yaml yaml yml;",
  "audio/flac flac;",
  "audio/ogg opus oga;",
  "audio/wav wav;",
  "font/collection ttc;",
  "font/otf otf;",
  "font/ttf ttf;",
  "image/apng apng;",
  "image/jxl jxl;",
  "model/gltf+json gltf;",
  "model/gltf-binary glb;",
  "text/calendar ics;",
  "text/csv csv;",
  "text/markdown md markdown;",
  "text/plain asc;",
  "text/vtt vtt;",
];

/** All of them but text/html, which both directives know. */
const TEXTS =
  "text/plain text/css text/xml text/csv text/markdown text/calendar text/vtt text/mathml application/javascript";
const PACKABLE =
  `${TEXTS} application/json application/ld+json application/geo+json application/manifest+json application/yaml ` +
  "application/toml application/xml application/xhtml+xml application/rss+xml application/atom+xml application/wasm " +
  "image/svg+xml image/x-ms-bmp image/x-icon font/ttf font/otf model/gltf+json";

/** Sent with each answer, where the site's own rules say nothing else. */
export const HEADERS: readonly (readonly [name: string, value: string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "SAMEORIGIN"],
  ["Referrer-Policy", "strict-origin-when-cross-origin"],
];

const FOREVER = '"public, max-age=31536000, immutable"'; // a year, which RFC 9111 has for "as long as can be"
const FOUND = "^(200|206|304) ";

/**
 * Whether a browser may keep a file without asking again: where a tool has put a checksum of the content into the name
 * (8 hex digits or more with letters and digits among them, since a date has no letters; in /assets/ eight letters and
 * digits, which are Vite's), or in a folder where it puts nothing else. Of what is not there that would be wrong: a
 * second later the other Pi has the release, too.
 */
const CACHE = `map "$status $uri" $twopir_cache {
  default no-cache;
  "~${FOUND}/(_astro|_app/immutable|_next/static)/" ${FOREVER};
  "~${FOUND}.*[.-](?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,64}(\\.(min|chunk|bundle))?\\.(?!html)[a-z0-9]+$" ${FOREVER};
  "~${FOUND}/assets/.*[.-](?=[\\w-]*[0-9])(?=[\\w-]*[A-Z])[\\w-]{8}\\.(?!html)[a-z0-9]+$" ${FOREVER};
}
`;

/** The path of a request as it was sent, which the rules are about: nginx's own changes as it looks for the file. */
const PATH = `map $request_uri $twopir_path {
  "~^(?<twopir_sent>[^?]*)" $twopir_sent;
}
`;

/** Which of some rules a path falls under: the first that fits. */
const pathMap = (
  variable: string,
  rules: readonly (readonly [path: string, value: string])[],
  otherwise?: string,
): string =>
  [
    `map $twopir_path $${variable} {`,
    ...(otherwise === undefined ? [] : [`  default ${otherwise};`]),
    ...rules.map(([path, value]) => `  "~${patternOf(path)}" "${value}";`),
    "}\n",
  ].join("\n");

/** Redirects, as a map and as what is done by it in the place where nginx asks. */
function redirecting(variable: string, redirects: readonly Redirect[]): { map: string; acts: string[] } {
  const rules = redirects.map(
    ({ from, to, status }) => [from, `${status} ${status === 200 ? to : targetOf(from, to)}`] as const,
  );
  const acts = [...new Set(redirects.map(({ status }) => status))].map((status) => {
    const act = status === 200 ? "rewrite ^ $twopir_to last" : `return ${status} $twopir_to`;
    return `if ($${variable} ~ "^${status} (?<twopir_to>.*)$") { ${act}; }`;
  });
  return { map: rules.length === 0 ? "" : pathMap(variable, rules), acts };
}

/** The headers of each answer, as maps for those that are not always the same, and as lines of the server block. */
function headerLines(rules: readonly Header[]): { maps: string[]; lines: string[] } {
  const lower = (name: string): string => name.toLowerCase();
  const sent = [["Cache-Control", "$twopir_cache"] as const, ...HEADERS];
  const names = new Map(
    [...rules.map(({ name }) => name), ...sent.map(([name]) => name)].map((name) => [lower(name), name]),
  );
  const maps: string[] = [];
  const lines = [...names].map(([key, name], i) => {
    const always = sent.find(([other]) => other === name)?.[1];
    const own = rules.filter((rule) => lower(rule.name) === key);
    if (own.length === 0) return `add_header ${name} ${always} always;`;
    const byPath = new Map<string, string[]>();
    for (const { path, value } of own) byPath.set(path, [...(byPath.get(path) ?? []), value]);
    const values = [...byPath].map(
      ([path, all]) => [path, all.join(", ").replace(/[\\"]/g, "\\$&")] as const,
    );
    maps.push(pathMap(`twopir_header_${i}`, values.reverse(), always)); // the last one that fits counts
    return `add_header ${name} $twopir_header_${i} always;`;
  });
  return { maps, lines };
}

const block = (head: string, lines: readonly string[]): string[] => [
  `${head} {`,
  ...lines.map((line) => `  ${line}`),
  "}",
];

/**
 * The server block of a published site: what a visitor expects of a web server.
 *
 * - A page that is not there is 404, with the site's own 404.html where it has one; /about is about.html; /docs leads to
 *   /docs/, by its path alone, so that it is right behind another port of a router, too.
 * - A file comes before a redirect, unless that is to come first.
 *
 * @param root Folder of the pages.
 * @param include Files of the release's own.
 */
export function publishedServerBlock(
  root: string,
  serverNames: readonly string[],
  include: string,
  { redirects, headers, fallback, gzipped }: Web,
): string {
  const first = redirecting(
    "twopir_forced",
    redirects.filter(({ force }) => force),
  );
  const missing = redirecting("twopir_rule", [
    ...redirects,
    ...(fallback === undefined ? [] : [{ from: "/*", to: fallback, status: 200, force: false } as const]),
  ]);
  const { maps, lines } = headerLines(headers);
  const server = block("server", [
    `root ${root};`,
    "index index.html index.htm;",
    `server_name ${serverNames.join(" ")};`,
    "absolute_redirect off;",
    ...first.acts,
    ...block("location /", [
      `try_files $uri $uri.html $uri/ ${missing.acts.length === 0 ? "=404" : "@missing"};`,
    ]),
    ...(missing.acts.length === 0 ? [] : block("location @missing", [...missing.acts, "return 404;"])),
    "error_page 403 404 =404 /404.html;",
    "location = /404.html { internal; }",
    "location = /_headers { return 404; }",
    "location = /_redirects { return 404; }",
    ...block("location ^~ /.well-known/", ["default_type text/plain;", "try_files $uri =404;"]),
    "location = /.well-known/apple-app-site-association { default_type application/json; }",
    "include /etc/nginx/mime.types;",
    ...block("types", TYPES),
    "charset utf-8;",
    `charset_types ${TEXTS};`,
    "gzip on;",
    "gzip_vary on;",
    "gzip_proxied any;",
    "gzip_min_length 256;",
    `gzip_types ${PACKABLE};`,
    ...(gzipped ? ["gzip_static on;"] : []),
    ...lines,
    "include /etc/nginx/snippets/twopir*.conf;",
    `include ${include};`,
  ]);
  const path = maps.length > 0 || missing.acts.length > 0 ? PATH : "";
  return `${path}${CACHE}${maps.join("")}${first.map}${missing.map}${server.join("\n")}\n`;
}
