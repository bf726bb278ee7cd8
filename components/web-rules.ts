import {
  inQuotes,
  patternOf,
  takesAlong,
  targetOf,
  type Header,
  type Redirect,
  type Web,
} from "../operator/rules";
import { PACKABLE, TEXTS, TYPES } from "./media-types";

/** Sent with each answer, where the site's own rules say nothing else. */
export const HEADERS: readonly (readonly [name: string, value: string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "SAMEORIGIN"],
  ["Referrer-Policy", "strict-origin-when-cross-origin"],
];

const FOREVER = '"public, max-age=31536000, immutable"'; // a year, which RFC 9111 has for "as long as can be"
/** A path, behind what says that it is not there, or that some of it may not be. */
const KEY = "$status$twopir_missing$twopir_beyond $twopir_asked";
/** What was asked for was there. Of a part of a file it is 200, too, since nginx cuts that out later. */
const FOUND = "^(200|304) ";
/** What bundlers give names with a checksum of the content. A document's name may have a date, a number, a camera's. */
const BUNDLED = "\\.(css|js|mjs|wasm|woff2?)$";
/**
 * Webpack, Hugo, esbuild, MkDocs: main.342714a4.min.css. With digits and letters, and neither a date nor a word with a year
 * (20261129b, facade2020). Vite's eight letters of any kind (index-DiwrgTd4.js) are words as well (vendor-MathJax3.js).
 */
const HEX =
  "[.-](?!20[0-9]{6}[a-f]*\\.)(?![a-f]+20[0-9]{2}\\.)(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])" +
  "[0-9a-f]{8,64}(\\.(min|chunk|bundle))?";
/** Folders in which a tool puts nothing else. */
const FOLDERS = "/(_astro|_app/immutable|_next/static)/.*\\.(?!x?html?$)\\w+$";

/**
 * Whether a browser may keep a file without asking again. Where a page is not there, or another is sent in its place, that
 * would be wrong: a second later the other Pi has the release, too. So it would where a file has not the part that is asked
 * for, which nginx finds when it has added the headers: of a part that does not begin at the file's beginning nobody is
 * told to keep it.
 */
const CACHE = `map $http_range $twopir_beyond {
  default "";
  "~^bytes=(?!0-)" yes;
}
map "${KEY}" $twopir_cache {
  default no-cache;
  "~${FOUND}${FOLDERS}" ${FOREVER};
  "~${FOUND}.*${HEX}${BUNDLED}" ${FOREVER};
}
`;

/**
 * A redirect, as nginx does it: "rewrite" encodes what the pattern found, and "return" sends a target as it stands. The
 * visitor's query goes along where the target has none; rewrite adds it by itself, unless there is a ? at the end.
 */
function act({ from, to, status }: Redirect): string {
  const along = takesAlong(from, to);
  const pattern = `"${patternOf(from, along ? NO_QUERY : undefined)}"`;
  if (status === 200) return `rewrite ${from === "/*" ? OF_THE_SITE : pattern} "${to}" last;`;
  const target = targetOf(from, to);
  const own = /[?#]/.test(target);
  return along
    ? `rewrite ${pattern} "${target}${own ? "?" : ""}" ${status === 301 ? "permanent" : "redirect"};`
    : `if ($uri ~ ${pattern}) { return ${status} "${target}${own ? "" : "$is_args$args"}"; }`;
}

/** nginx would send a "?" that it found in a path (%3F) as the beginning of a query, to another page: better to none. */
const NO_QUERY = ["[^?]", "[^/?]"] as const;

/** Any path but one that a program asks for, to which a page would be no answer. */
const OF_THE_SITE = "^/(?!\\.well-known/)";

/** The headers of each answer: maps for those that are not always the same, and lines of the server block. */
function headerLines(rules: readonly Header[]): { maps: string; lines: string[] } {
  const maps: string[] = [];
  const always = new Map([["Cache-Control", "$twopir_cache"] as const, ...HEADERS]);
  const key = (name: string): string => name.toLowerCase();
  const names = new Map(
    [...rules.map(({ name }) => name), ...always.keys()].map((name) => [key(name), name]),
  );
  const lines = [...names.values()].map((name, i) => {
    const own = rules.filter((rule) => key(rule.name) === key(name));
    if (own.length === 0) return `add_header ${name} ${always.get(name)} always;`;
    const caching = name === "Cache-Control";
    maps.push(
      `map "${caching ? KEY : "$twopir_asked"}" $twopir_header_${i} {`,
      ...(always.has(name) ? [`  default ${always.get(name)};`] : []),
      ...[...own]
        .reverse() // of nginx's the first one that fits counts
        .map(({ path, value }) => {
          const pattern = caching ? patternOf(path).replace("^", FOUND) : patternOf(path);
          return `  "~${pattern}" "${inQuotes(value)}";`;
        }),
      "}\n",
    );
    return `add_header ${name} $twopir_header_${i} always;`;
  });
  return { maps: maps.join("\n"), lines };
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
 *   /docs/, and /about/ to /about, by the path alone, so that it is right behind another port of a router, too. A folder
 *   without a page of its own is none.
 * - A page comes before a redirect, unless that is forced.
 * - What a path has of control characters and backslashes, which browsers take for slashes, would get into a redirect.
 *
 * @param root Folder of the pages.
 * @param open A file that is there where these are.
 */
export function publishedServerBlock(
  root: string,
  serverNames: readonly string[],
  open: string,
  { redirects, headers, fallback }: Web,
): string {
  const { maps, lines } = headerLines(headers);
  const server = block("server", [
    `root ${root};`,
    `server_name ${serverNames.join(" ")};`,
    "absolute_redirect off;",
    "uninitialized_variable_warn off;",
    'if ($uri ~ "[\\x00-\\x1f\\x5c\\x7f]") { return 404; }',
    // What nginx makes of the path on its way to the file is no more what the rules are about.
    'if ($twopir_asked = "") { set $twopir_asked $uri; }',
    ...redirects.filter(({ force }) => force).map(act),
    "include /etc/nginx/snippets/twopir*.conf;",
    `include ${open};`,
    ...block("location /", ["try_files $uri $uri.html @missing;"]),
    ...block("location ~ ^(?<twopir_folder>.*)/$", [
      "try_files $twopir_folder/index.html $twopir_folder/index.htm @missing;",
    ]),
    ...block("location @missing", [
      "set $twopir_missing yes;",
      ...["html", "htm"].map(
        (type) => `if (-f $document_root$uri/index.${type}) { rewrite ^([^?]*[^/?])$ $1/ permanent; }`,
      ),
      "if (-f $document_root$twopir_folder.html) { rewrite ^([^?]*)/$ $1 permanent; }",
      ...redirects.filter(({ force }) => !force).map(act),
      ...(fallback === undefined ? [] : [`rewrite ${OF_THE_SITE} "${fallback}" last;`]),
      "return 404;",
    ]),
    // A named location, since nginx would ask the forced rules about /404.html, too.
    "error_page 403 404 =404 @gone;",
    "location @gone { try_files /404.html =404; }",
    "location = /404.html { internal; }",
    "location = /_headers { return 404; }",
    "location = /_redirects { return 404; }",
    ...block("location ^~ /.well-known/", [
      "location ~ ^/.well-known/(.*/)?\\. { return 404; }",
      "default_type text/plain;",
      "try_files $uri $uri/index.html $uri/index.htm @missing;",
    ]),
    ...block("location = /.well-known/apple-app-site-association", [
      "default_type application/json;",
      "try_files $uri @missing;",
    ]),
    "include /etc/nginx/mime.types;",
    ...block("types", TYPES),
    "charset utf-8;",
    `charset_types ${TEXTS};`,
    "gzip on;",
    "gzip_static on;", // page.html.gz, where the folder has it
    "gzip_vary on;",
    "gzip_proxied any;",
    "gzip_min_length 256;",
    `gzip_types ${PACKABLE};`,
    ...lines,
  ]);
  return `${CACHE}${maps}${server.join("\n")}\n`;
}
