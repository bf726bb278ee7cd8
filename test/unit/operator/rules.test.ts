import { describe, expect, it } from "vitest";
import { patternOf, readHeaders, readRedirects, targetOf } from "../../../operator/rules";

const FILES = ["/index.html", "/app/index.html", "/about.html"];
const redirects = (text: string) =>
  readRedirects(text, (path) => FILES.find((file) => file === path.replace(/\/$/, "/index.html")));

describe("a line of _redirects", () => {
  it.each([
    ["/old /new", { from: "/old", to: "/new", status: 301, force: false }],
    ["  /old\t/new  302  # moved", { from: "/old", to: "/new", status: 302, force: false }],
    ["/old /new 308!", { from: "/old", to: "/new", status: 308, force: true }],
    ["/a/:b/* https://example.com:8080/:b/:splat", { to: "https://example.com:8080/:b/:splat" }],
    ["/app/* /app/index.html 200", { status: 200, to: "/app/index.html" }],
    ["/app/* /app/ 200!", { status: 200, to: "/app/index.html" }],
    ["/old /new?a=b#c", { to: "/new?a=b#c" }],
    ["/old /new\r", { to: "/new" }],
    ["\ufeff/old /new", { from: "/old" }],
    ["/docs/* /docs/latest/:splat", { to: "/docs/latest/:splat" }],
    ["/* /about 302", { to: "/about" }],
    ["/about /us 301!", { from: "/about", force: true }],
  ])("%j", (line, rule) => {
    const { rules, mistakes } = redirects(`${line}\n\n# ours\n`);
    expect(mistakes).toEqual([]);
    expect(rules).toEqual([expect.objectContaining(rule)]);
  });

  it.each([
    ["/old", "has no target"],
    ["old /new", "is about old: a path begins with /"],
    ["https://example.com/old /new", "begins with the name of a site"],
    ["/old?a=b /new", "is about /old?a=b: a path has no ? and no #"],
    ["/a%0d%0ab /new", "which no visitor gets, or can ask for"],
    ['/a"b /new', "which no visitor gets, or can ask for"],
    ["/a%5cb /new", "which no visitor gets, or can ask for"],
    ["/old new", "leads to new: give a path"],
    ["/old //", "leads to //: give a path"],
    ["/old //evil.example", "leads to //evil.example: give a path"],
    ["/old /\\evil.example", "give a path"],
    ["/old javascript:alert(1)", "leads to javascript:alert(1)"],
    ["/y/:h https://:h.example.com/", "leaves open which site it leads to (https://:h.example.com)"],
    ["/old id=:id /new 301", "has a condition"],
    ["/old /new 301 Country=de", "has a condition"],
    ["/old /new Country=de", "has a condition"],
    ["/old /new 418", "has status 418"],
    ["/api/* https://example.com/:splat 200", "is not a page of this site"],
    ["/app/* /nowhere.html 200", "rewrites to /nowhere.html, which is not a page of this site"],
    ["/a/:b /c/:d", "has :d in /c/:d, which /a/:b does not"],
    ["/a/:b/:b /c", "has two of the same name, or two *"],
    ["/*/a/* /c", "has two of the same name, or two *"],
    [`${"/:a".repeat(10)} /c`, "has more than nine parts"],
    ["/* /index.html 200!", "overrides the home page"],
    ["/.well-known/* /other 301!", "overrides the home page"],
    [
      "/about /us",
      "is never reached, since the site has /about.html: take that out, or force the rule (301!)",
    ],
    ["/app/ /us 302", "is never reached, since the site has /app/index.html"],
    ["/a%62out /us", "is never reached, since the site has /about.html"],
    ["/x /%2Fevil.example", "leads to /%2Fevil.example: give a path"],
    ["/x /%5Cevil.example", "leads to /%5Cevil.example: give a path"],
    ["/blog* /:splat", "may lead to another site"],
    ["/u/:x/* /:splat/:x", "may lead to another site"],
    ["/docs/* /:splat/index.html", "may lead to another site"],
    ["/p/* /q/:splat 307", "has status 307, which cannot take a part of the path along"],
    ["/p/* /q%2Fr/:splat", "has a % beside what it takes along"],
    ["/y /y/", "leads from /y to itself, for ever"],
    ["/one /good/?a=b", "leads in a circle: /one, /good, /one"],
    ["/y/* /y/:splat 301!", "leads from /y/* to itself, for ever"],
    ["/about/ /about 301!", "leads to the page that /about/ is: nginx does so by itself, take it out"],
    ["/app /app/", "leads to the page that /app is: nginx does so by itself, take it out"],
    ["/100% /x", "which no visitor gets, or can ask for"],
    ["/.foo /x", "which no visitor gets, or can ask for"],
    ["/ /en/", "is never reached, since the site has /index.html"],
  ])("%j is refused with its number", (line, why) => {
    const { rules, mistakes } = redirects(`/good /one\n${line}\n`);
    expect(rules).toHaveLength(1);
    expect(mistakes).toEqual([expect.stringContaining(why)]);
    expect(mistakes[0]).toMatch(/^line 2 /);
  });

  it("leads on from rule to rule, where that comes to an end", () => {
    expect(redirects("/a /b\n/b /c\n/c https://example.org/a\n/d /a\n/a /d\n").mistakes).toEqual([]);
    const { rules, mistakes } = redirects("/a /b\n/b /c\n/c /a\n/d /c\n");
    expect(mistakes).toEqual(["line 3 leads in a circle: /c, /a, /b, /c"]);
    expect(rules.map(({ from }) => from)).toEqual(["/a", "/b", "/d"]);
  });
});

it("what becomes longer than nginx takes is refused", () => {
  for (const line of [`/${"a".repeat(3500)} /x`, `/${"+".repeat(2000)} /x`, `/x /${"é".repeat(900)}`])
    expect(redirects(line).mistakes).toEqual(["line 1 is longer than 3500 bytes"]);
});

describe("a path of a rule", () => {
  const finds = (path: string, asked: string): unknown => new RegExp(patternOf(path)).exec(asked)?.slice(1);

  it.each<[string, string, unknown]>([
    ["/old", "/old", []],
    ["/old", "/older", undefined],
    ["/old", "/old/", []],
    ["/old/", "/old", []],
    ["/a.b", "/axb", undefined],
    ["/a+(b)|[c]{2}$^", "/a+(b)|[c]{2}$^", []],
    ["/\u00e4%20b", "/\u00e4 b", []],
    ["/%C3%A4", "/\u00e4", []],
    ["/wiki/C%2A/:x", "/wiki/C*/y", ["y"]],
    ["/wiki/C%2A/:x", "/wiki/Cpp/y", undefined],
    ["/blog/*", "/blog", [undefined]],
    ["/blog/*", "/blog/", [""]],
    ["/blog/*", "/blog/a/b", ["a/b"]],
    ["/blog/*", "/blogs", undefined],
    ["/*.jpg", "/a/b.jpg", ["a/b"]],
    ["/:year/:month", "/2026/11", ["2026", "11"]],
    ["/:year/:month", "/2026/11/29", undefined],
    ["/*", "/", [""]],
  ])("%j, asked for %j", (path, asked, found) => {
    expect(finds(path, asked)).toEqual(found);
  });
});

describe("where a redirect leads", () => {
  it.each([
    ["/old", "/new", "/new"],
    ["/old", "/a b/\u00e4", "/a%20b/%C3%A4"],
    ["/old", "/%C3%A4", "/%C3%A4"],
    ["/a/:b/*", "https://c:8080/:splat/:b", "https://c:8080/$2/$1"],
    ["/a/:b", "/c?d=:b", "/c?d=$1"],
    ["/old", '/a$host"b', "/a%24host%22b"],
  ])("%j to %j", (from, to, target) => {
    expect(targetOf(from, to)).toBe(target);
  });
});

describe("a file _headers", () => {
  it("is a path, and headers below it; of one name below one path, all", () => {
    const { rules, mistakes } = readHeaders(
      "# ours\n/*\n  X-A: b: c\n\tContent-Security-Policy: default-src 'self'; img-src *\n\n" +
        "/a/:b\n  Link: </a>\n  X-A:\n  link: </b>\n/*\n  X-A: d\n",
    );
    expect(mistakes).toEqual([]);
    expect(rules).toEqual([
      { path: "/*", name: "X-A", value: "b: c" },
      { path: "/*", name: "Content-Security-Policy", value: "default-src 'self'; img-src *" },
      { path: "/a/:b", name: "link", value: "</a>, </b>" },
      { path: "/a/:b", name: "X-A", value: "" },
      { path: "/*", name: "X-A", value: "d" },
    ]);
  });

  it.each([
    ["  X-A: b", "line 1 comes before any path"],
    ["/*\n  nothing", "line 2 is no header: Name: value"],
    ["/*\n  X A: b", "line 2 is no header: Name: value"],
    ["/*\n  'X: b", "line 2 is no header: Name: value"],
    ["/*\n  content-length: 5", "line 2 sets content-length, which nginx sets by itself"],
    ["/*\n  Basic-Auth: a:b", "line 2 asks for a password, which cannot be done here"],
    ["/*\n  X-A: $host", "line 2 has a $, or what is not ASCII, in the value of X-A"],
    [
      "/*\n  Set-Cookie: a\n  set-cookie: b",
      "line 3 is a second Set-Cookie for one path, of which there can be one",
    ],
    [`/*\n  X-A: ${'"'.repeat(1800)}`, "line 2 makes the value of X-A longer than 3500 bytes"],
    [`/*\n  X-A: ${"a".repeat(3501)}`, "line 2 makes the value of X-A longer than 3500 bytes"],
    [
      `/*\n${`  Link: ${"a".repeat(1800)}\n`.repeat(2)}`,
      "line 3 makes the value of Link longer than 3500 bytes",
    ],
    ["a\n  X-A: b", "line 1 is about a: a path begins with /"],
  ])("%j is refused", (text, mistake) => {
    expect(readHeaders(text).mistakes[0]).toBe(mistake);
  });
});
