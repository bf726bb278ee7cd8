import { describe, expect, it } from "vitest";
import { patternOf, readHeaders, readRedirects, targetOf } from "../../../operator/rules";

const FILES = new Set(["/index.html", "/app/index.html"]);
const redirects = (text: string) => readRedirects(text, (path) => FILES.has(path));

describe("a line of _redirects", () => {
  it.each([
    ["/old /new", { from: "/old", to: "/new", status: 301, force: false }],
    ["  /old\t/new  302  # moved", { from: "/old", to: "/new", status: 302, force: false }],
    ["/old /new 308!", { from: "/old", to: "/new", status: 308, force: true }],
    ["/a/:b/* https://example.com:8080/:b/:splat", { to: "https://example.com:8080/:b/:splat" }],
    ["/app/* /app/index.html 200", { status: 200, to: "/app/index.html" }],
    ["/old /new?a=b#c", { to: "/new?a=b#c" }],
    ["/old /new\r", { to: "/new" }],
  ])("%j", (line, rule) => {
    const { rules, mistakes } = redirects(`# ours\n\n${line}\n`);
    expect(mistakes).toEqual([]);
    expect(rules).toEqual([expect.objectContaining(rule)]);
  });

  it.each([
    ["/old", "says no more than where from"],
    ["old /new", "is about old: a path begins with /"],
    ["https://example.com/old /new", "begins with the name of a site"],
    ["/old?a=b /new", "is about /old?a=b: a path has no ? and no #"],
    ["/old new", "leads to new: give a path"],
    ["/old //", undefined],
    ["/old javascript:alert(1)", "leads to javascript:alert(1)"],
    ["/old id=:id /new 301", "has a condition"],
    ["/old /new 301 Country=de", "has a condition"],
    ["/old /new 418", "has status 418"],
    ["/api/* https://example.com/:splat 200", "is no file of the site"],
    ["/app/* /nowhere.html 200", "sends /nowhere.html, which is no file of the site"],
    ["/a/:b /c/:d", "has :d in /c/:d, which /a/:b does not"],
    ["/a/:b/:b /c", "has two of the same name, or two *"],
    ["/*/a/* /c", "has two of the same name, or two *"],
    ["/* /index.html 200!", "takes the place of the first page"],
    ["/.well-known/* /other 301!", "takes the place of the first page"],
  ])("%j is refused with its number", (line, why) => {
    const { rules, mistakes } = redirects(`/good /one\n${line}\n`);
    expect(rules).toHaveLength(why === undefined ? 2 : 1);
    expect(mistakes).toEqual(
      why === undefined
        ? []
        : [expect.stringMatching(new RegExp(`^line 2 .*${why.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`))],
    );
  });
});

describe("a path of a rule", () => {
  const finds = (path: string, sent: string): unknown => {
    const found = new RegExp(patternOf(path)).exec(sent);
    return found && Object.values(found.groups ?? {});
  };

  it.each<[string, string, unknown]>([
    ["/old", "/old", []],
    ["/old", "/older", null],
    ["/old", "/old/", null],
    ["/a.b", "/axb", null],
    ["/a+(b)", "/a+(b)", []],
    ["/ä b", "/%C3%A4%20b", []],
    ["/%C3%A4", "/%C3%A4", []],
    ["/blog/*", "/blog", [undefined]],
    ["/blog/*", "/blog/", [""]],
    ["/blog/*", "/blog/a/b", ["a/b"]],
    ["/blog/*", "/blogs", null],
    ["/*.jpg", "/a/b.jpg", ["a/b"]],
    ["/:year/:month", "/2026/11", ["2026", "11"]],
    ["/:year/:month", "/2026/11/29", null],
    ["/*", "/", [""]],
  ])("%j, asked for %j", (path, sent, found) => {
    expect(finds(path, sent)).toEqual(found);
  });

  it("is no regular expression, whatever is in it", () => {
    for (const path of ["/a\\b", '/a"b', "/a|b", "/a[b]", "/a{2}", "/^$", "/a;b}"])
      expect(finds(path, encodeURI(path).replaceAll("$", "%24"))).toEqual([]);
  });
});

describe("where a redirect leads", () => {
  it.each([
    ["/old", "/new", "/new$is_args$args"],
    ["/old", "/new?a=b", "/new?a=b"],
    ["/old", "/new#c", "/new$is_args$args#c"],
    ["/a/:b/*", "https://c:8080/:splat/:b", "https://c:8080/${twopir_1}/${twopir_0}$is_args$args"],
    ["/old", '/a$host"b', "/a%24host%22b$is_args$args"],
  ])("%j to %j", (from, to, target) => {
    expect(targetOf(from, to)).toBe(target);
  });
});

describe("a file _headers", () => {
  it("is a path, and headers below it", () => {
    const { rules, mistakes } = readHeaders(
      "# ours\n/*\n  X-A: b: c\n\tContent-Security-Policy: default-src 'self'; img-src *\n\n/a/:b\n  X-A:\n",
    );
    expect(mistakes).toEqual([]);
    expect(rules).toEqual([
      { path: "/*", name: "X-A", value: "b: c" },
      { path: "/*", name: "Content-Security-Policy", value: "default-src 'self'; img-src *" },
      { path: "/a/:b", name: "X-A", value: "" },
    ]);
  });

  it.each([
    ["  X-A: b", "line 1 comes before any path"],
    ["/*\n  nothing", "line 2 is no header: Name: value"],
    ["/*\n  X A: b", "line 2 is no header: Name: value"],
    ["/*\n  content-length: 5", "line 2 sets content-length, which nginx sets by itself"],
    ["/*\n  Basic-Auth: a:b", "line 2 asks for a password, which cannot be done here"],
    ["/*\n  X-A: $host", "line 2 has a $, or what is not ASCII, in the value of X-A"],
    ["a\n  X-A: b", "line 1 is about a: a path begins with /"],
  ])("%j is refused", (text, mistake) => {
    expect(readHeaders(text).mistakes[0]).toBe(mistake);
  });
});
