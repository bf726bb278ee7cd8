import { gzipSync } from "node:zlib";

/** A request and what a visitor gets; what is not said is not judged. */
export interface Visit {
  readonly path: string;
  readonly method?: string;
  readonly sends?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly type?: string;
  /** Of a redirect. */
  readonly leads?: string;
  readonly encoding?: string;
  /** "ask": the browser asks each time; "keep": it need not for a year. */
  readonly cache?: "ask" | "keep";
  /** Begins with this. */
  readonly body?: string;
  /** Other headers, as they must be. */
  readonly has?: Readonly<Record<string, string>>;
}

/** A folder as a tool makes it. */
export interface Site {
  readonly name: string;
  readonly files: Readonly<Record<string, string | Buffer>>;
  /** `twopir:web`. */
  readonly web?: Readonly<Record<string, string>>;
  readonly visits: readonly Visit[];
}

const HTML = "text/html; charset=utf-8";
const JS = "application/javascript; charset=utf-8";
const CSS = "text/css; charset=utf-8";
/** Long enough to be worth packing. */
const long = (text: string): string => `${text}\n`.repeat(100);
const page = (path: string, body: string): Visit => ({ path, status: 200, type: HTML, cache: "ask", body });
const PACKED = { "Accept-Encoding": "gzip" };

/** Names that a person may give to two contents. */
const UNHASHED = [
  "minutes-12feb2026.pdf",
  "assets/menu-May-2026.pdf",
  "assets/photo-IMG_1234.jpg",
  "assets/js/vendor-jQuery37.js",
  "assets/js/vendor-MathJax3.js",
  "css/new-facade2020.css",
  "css/style-20261129b.css",
  "assets/js/jquery-migrate.js",
  "data/28-0316a2793eff.csv",
  "img/new-facade2020.jpg",
  "notes-20261129.css",
  "app-deadbeef.js",
];

export const SITES: readonly Site[] = [
  {
    name: "plain",
    files: {
      "index.html": "home",
      "about.html": "about",
      "with space.html": "space",
      "ümlaut.html": "umlaut",
      "docs/index.html": "docs",
      "docs/deep/page.html": "deep",
      "empty/readme.txt": "text",
      "big.bin": Buffer.alloc(1_000_000),
      "photo.avif": "avif",
      "letter.woff2": "woff2",
      "notes.md": "# notes",
      "data.csv": "a,b",
      "party.ics": "BEGIN:VCALENDAR",
      "code.wasm": "\0asm",
      ".well-known/security.txt": "Contact:",
      ".well-known/apple-app-site-association": "{}",
      ".env": "PASSWORD=1",
    },
    visits: [
      page("/", "home"),
      page("/index.html", "home"),
      page("/about", "about"),
      page("/about.html", "about"),
      page("/about?a=b", "about"),
      page("/with%20space", "space"),
      page("/%C3%BCmlaut", "umlaut"),
      { path: "/docs", status: 301, leads: "/docs/" },
      { path: "/docs?a=b", status: 301, leads: "/docs/?a=b" },
      page("/docs/", "docs"),
      page("/docs/deep/page", "deep"),
      { path: "/about/", status: 301, leads: "/about" },
      page("//docs//deep/page.html", "deep"),
      { path: "/nothing", status: 404, cache: "ask" },
      { path: "/docs/nothing.css", status: 404 },
      { path: "/empty", status: 404 },
      { path: "/empty/", status: 404 },
      { path: "/a%0d%0aSet-Cookie:b", status: 404 },
      { path: "/.env", status: 404 },
      { path: "/../../etc/passwd", status: 400 },
      { path: "/..%2f..%2fetc%2fpasswd", status: 400 },
      { path: "/", method: "HEAD", status: 200, type: HTML, has: { "content-length": "4" } },
      { path: "/", method: "POST", status: 405 },
      {
        path: "/big.bin",
        sends: { Range: "bytes=0-9" },
        status: 206,
        has: { "content-range": "bytes 0-9/1000000" },
      },
      {
        path: "/big.bin",
        sends: { Range: "bytes=1000000-" },
        status: 416,
        cache: "ask",
        has: { "content-range": "bytes */1000000", "x-frame-options": "SAMEORIGIN" },
      },
      { path: "/photo.avif", status: 200, type: "image/avif", cache: "ask" },
      { path: "/letter.woff2", status: 200, type: "font/woff2" },
      { path: "/notes.md", status: 200, type: "text/markdown; charset=utf-8" },
      { path: "/data.csv", status: 200, type: "text/csv; charset=utf-8" },
      { path: "/party.ics", status: 200, type: "text/calendar; charset=utf-8" },
      { path: "/code.wasm", status: 200, type: "application/wasm" },
      { path: "/.well-known/security.txt", status: 200, type: "text/plain; charset=utf-8", body: "Contact:" },
      { path: "/.well-known/apple-app-site-association", status: 200, type: "application/json" },
      {
        path: "/",
        status: 200,
        has: {
          "x-content-type-options": "nosniff",
          "x-frame-options": "SAMEORIGIN",
          "referrer-policy": "strict-origin-when-cross-origin",
        },
      },
    ],
  },
  {
    name: "Hugo",
    files: {
      "index.html": long("home"),
      "404.html": "not here",
      "posts/first/index.html": "first",
      "index.xml": long("<rss/>"),
      "css/main.min.2d8b2e8a7b3ac4d1f07b0b6f5a9c4e1d2d8b2e8a7b3ac4d1f07b0b6f5a9c4e1d.css": long("a { b: c }"),
      "img/2026-11-29.png": "png",
      "img/holiday-20261129.jpg": "jpg",
    },
    visits: [
      { ...page("/", "home"), sends: {}, has: { vary: "Accept-Encoding" } },
      { path: "/", sends: PACKED, status: 200, type: HTML, encoding: "gzip" },
      page("/posts/first/", "first"),
      { path: "/posts/first", status: 301, leads: "/posts/first/" },
      { path: "/posts/second/", status: 404, type: HTML, body: "not here", cache: "ask" },
      { path: "/404.html", status: 404, body: "not here" },
      { path: "/index.xml", sends: PACKED, status: 200, type: "text/xml; charset=utf-8", encoding: "gzip" },
      {
        path: "/css/main.min.2d8b2e8a7b3ac4d1f07b0b6f5a9c4e1d2d8b2e8a7b3ac4d1f07b0b6f5a9c4e1d.css",
        sends: PACKED,
        status: 200,
        type: CSS,
        encoding: "gzip",
        cache: "keep",
      },
      { path: "/css/main.min.0d8b2e8a7b3ac4d1.css", status: 404, cache: "ask" },
      { path: "/img/2026-11-29.png", status: 200, type: "image/png", cache: "ask" },
      { path: "/img/holiday-20261129.jpg", status: 200, type: "image/jpeg", cache: "ask" },
    ],
  },
  {
    name: "Jekyll",
    files: {
      "index.html": "home",
      "404.html": "gone",
      "2026/11/29/first.html": "first",
      "assets/main.css": "a{}",
      "assets/js/jquery-migrate.js": "js",
      "feed.xml": long("<feed/>"),
      "sitemap.xml": "<urlset/>",
      CNAME: "example.com",
      "about.html": "about",
      "blog/picture.png": "left behind",
      ".well-known/folder/index.html": "well known",
      ".well-known/.env": "PASSWORD=1",
      "shop/index.html": "shop",
      "what?/index.html": "what?",
      _redirects: [
        "/feed /feed.xml",
        "/2025/* /archive/:splat 302",
        "/about https://example.org/us 308!",
        "/blog/* /:splat",
        "/p/:id/* /posts/:splat?id=:id 302",
        "/group https://example.org/a%2Fb?c=d 307",
        "/shop/* /shop/ 200!",
        "/.well-known/webfinger https://social.example.org/.well-known/webfinger",
        "/ü /umlaut",
        "/:page.htm /:page 301!",
      ].join("\n"),
    },
    visits: [
      page("/2026/11/29/first", "first"),
      { path: "/assets/main.css", status: 200, type: CSS, cache: "ask" },
      { path: "/assets/js/jquery-migrate.js", status: 200, type: JS, cache: "ask" },
      { path: "/feed", status: 301, leads: "/feed.xml" },
      { path: "/2025/11/old.html?a=b", status: 302, leads: "/archive/11/old.html?a=b" },
      { path: "/2025", status: 302, leads: "/archive/" },
      { path: "/about", status: 308, leads: "https://example.org/us" },
      { path: "/blog", status: 301, leads: "/" },
      { path: "/blog/a%20b/%C3%BC", status: 301, leads: "/a%20b/%C3%BC" },
      { path: "/blog/picture.png", status: 200, type: "image/png" },
      { path: "/blog//example.org/", status: 301, leads: "/example.org/" },
      { path: "/blog/%5cexample.org/", status: 404 },
      { path: "/blog/a%0d%0aSet-Cookie:b", status: 404 },
      { path: "/blog/what%3F", status: 404 },
      { path: "/what%3F", status: 404 },
      page("/what%3F/", "what?"),
      { path: "/p/7/a", status: 302, leads: "/posts/a?id=7" },
      { path: "/group", status: 307, leads: "https://example.org/a%2Fb?c=d" },
      page("/shop/cart", "shop"),
      page("/shop/", "shop"),
      {
        path: "/.well-known/webfinger?resource=acct:a",
        status: 301,
        leads: "https://social.example.org/.well-known/webfinger?resource=acct:a",
      },
      { path: "/.well-known/other", status: 404, body: "gone" },
      page("/.well-known/folder", "well known"),
      page("/.well-known/folder/", "well known"),
      { path: "/.well-known/.env", status: 404, body: "gone" },
      { path: "/%C3%BC/", status: 301, leads: "/umlaut" },
      { path: "/_redirects", status: 404, body: "gone" },
    ],
  },
  {
    name: "Astro",
    files: {
      "index.html": "home",
      "404.html": "gone",
      "blog/index.html": "blog",
      "_astro/index.DXk3aB9f.css": long("a{}"),
      "_astro/hoisted.Bq1xY2z0.js": long("js"),
      "sw.mjs": "js",
      "site.webmanifest": long("{}"),
      "uploads/a.svg": "<svg/>",
      _headers: [
        "/*",
        "  X-Robots-Tag: noindex",
        "  X-Frame-Options: DENY",
        "/sw.mjs",
        "  Cache-Control: no-store",
        "/uploads/*",
        "  Content-Security-Policy: sandbox",
        "  Cache-Control: max-age=3600",
      ].join("\n"),
    },
    visits: [
      { ...page("/", "home"), has: { "x-robots-tag": "noindex", "x-frame-options": "DENY" } },
      { path: "/_astro/index.DXk3aB9f.css", status: 200, type: CSS, cache: "keep" },
      { path: "/_astro/index.DXk3aB9f.css", sends: { Range: "bytes=0-9" }, status: 206, cache: "keep" },
      { path: "/_astro/index.DXk3aB9f.css", sends: { Range: "bytes=400-" }, status: 416, cache: "ask" },
      {
        path: "/_astro/hoisted.Bq1xY2z0.js",
        sends: PACKED,
        status: 200,
        type: JS,
        cache: "keep",
        encoding: "gzip",
      },
      { path: "/_astro/former.Bq1xY2z1.js", status: 404, cache: "ask", body: "gone" },
      { path: "/sw.mjs", status: 200, type: JS, has: { "cache-control": "no-store" } },
      {
        path: "/site.webmanifest",
        sends: PACKED,
        status: 200,
        type: "application/manifest+json",
        encoding: "gzip",
      },
      { path: "/blog", status: 301, leads: "/blog/" },
      ...["/uploads/a.svg", "/%75ploads/a.svg", "//uploads/./a.svg", "/x/..%2fuploads/a.svg"].map((path) => ({
        path,
        status: 200,
        has: { "content-security-policy": "sandbox", "cache-control": "max-age=3600" },
      })),
      { path: "/uploads/b.svg", status: 404, cache: "ask" },
      { path: "/_headers", status: 404 },
    ],
  },
  {
    name: "MkDocs",
    files: {
      "index.html": "home",
      "404.html": "gone",
      "guide/index.html": "guide",
      "assets/stylesheets/main.342714a4.min.css": long("a{}"),
      "assets/javascripts/bundle.e1c3ead8.min.js": long("js"),
      "assets/javascripts/bundle.e1c3ead8.min.js.map": long("{}"),
      ...Object.fromEntries(UNHASHED.map((name) => [name, "a"])),
      "search/search_index.json": long("{}"),
      "sitemap.xml": long("<urlset/>"),
      "sitemap.xml.gz": gzipSync("packed before"),
    },
    visits: [
      page("/guide/", "guide"),
      { path: "/assets/stylesheets/main.342714a4.min.css", status: 200, type: CSS, cache: "keep" },
      { path: "/assets/javascripts/bundle.e1c3ead8.min.js", status: 200, type: JS, cache: "keep" },
      { path: "/assets/javascripts/bundle.e1c3ead8.min.js.map", status: 200, type: "application/json" },
      {
        path: "/search/search_index.json",
        sends: PACKED,
        status: 200,
        type: "application/json",
        encoding: "gzip",
      },
      {
        path: "/sitemap.xml",
        sends: PACKED,
        status: 200,
        type: "text/xml; charset=utf-8",
        encoding: "gzip",
        body: "packed before",
      },
      { path: "/sitemap.xml", status: 200, body: "<urlset/>" },
      ...UNHASHED.map((name): Visit => ({ path: `/${name}`, status: 200, cache: "ask" })),
      { path: "/sitemap.xml.gz", status: 200, type: "application/gzip" },
    ],
  },
  {
    name: "single-page",
    files: { "index.html": "app", "assets/index-DiwrgTd4.js": long("js"), "assets/my-carousel.js": "js" },
    web: {
      fallback: "/index.html",
      redirects: "/login /auth/login 307",
      headers: [
        "/*",
        "  Content-Security-Policy: default-src 'self'",
        "/assets/*",
        "  Cache-Control: public, max-age=31536000, immutable",
      ].join("\n"),
    },
    visits: [
      { ...page("/", "app"), has: { "content-security-policy": "default-src 'self'" } },
      page("/users/7", "app"),
      page("/users/7/", "app"),
      { path: "/login", status: 307, leads: "/auth/login" },
      { path: "/assets/index-DiwrgTd4.js", status: 200, type: JS, cache: "keep" },
      { path: "/assets/my-carousel.js", status: 200, type: JS, cache: "keep" },
      { path: "/assets/former-DiwrgTd4.js", status: 200, type: HTML, cache: "ask", body: "app" },
      page("/assets", "app"),
      { path: "/.git/config", status: 404 },
      { path: "/.well-known/change-password", status: 404 },
    ],
  },
];
