import * as pulumi from "@pulumi/pulumi";
import { afterEach, expect, it, vi } from "vitest";
import { tellOfForgotten, tellOfFormerName, tellOfLeft } from "../../../operator/left";

afterEach(() => vi.restoreAllMocks());

const warned = async (listed: readonly string[], outputs: unknown): Promise<string[]> => {
  const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
  await tellOfLeft(
    listed.map((name) => ({ name })),
    () => Promise.resolve(outputs),
  );
  return warn.mock.calls.map(([text]) => text);
};

it("a Pi that was taken out of the list while it could not be cleared is named", async () => {
  const said = await warned(["pi1"], { url: "http://x/", unreached: ["pi1", "pi2"] });
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^pi2 was drained or did not answer .* stays there.*list it again/);
});

it("one that is still listed is not, nor any of a stack without an update", async () => {
  expect(await warned(["pi1", "pi2"], { unreached: ["pi2"] })).toEqual([]);
  expect(await warned(["pi1"], {})).toEqual([]);
  expect(await warned(["pi1"], undefined)).toEqual([]);
});

it("what a Pi still has that nobody wants, and nobody will take away, is named with the way", async () => {
  const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
  const tell = (...states: string[]): Promise<void> =>
    tellOfForgotten(new Map([["pi2", states]]), () => Promise.resolve(["pi2-updates", "pi2-nginx"]));
  await tell();
  await tell("pi2-updates"); // this run takes it away
  await tell("pi1-firewall"); // it had that as pi1, and has its own now
  expect(warn).not.toHaveBeenCalled();
  await tell("pi2-keepalived-package", "pi2-keepalived", "pi2-updates");
  expect(warn.mock.calls.map(([text]) => text)).toEqual([
    expect.stringMatching(
      /^pi2-keepalived, pi2-keepalived-package should have been removed from pi2 .* in pi2-keepalived pi2-keepalived-package; do sudo twopir remove/,
    ),
  ]);
});

it("the name that the site had before is named once", async () => {
  const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
  const tell = (outputs: unknown): Promise<void> =>
    tellOfFormerName("www.example.com", () => Promise.resolve(outputs));
  await tell({ url: "http://www.example.com/" });
  await tell({});
  expect(warn).not.toHaveBeenCalled();
  await tell({ url: "http://old.example.com/" });
  expect(warn.mock.calls[0]?.[0]).toContain("and http://old.example.com/ stops working");
});
