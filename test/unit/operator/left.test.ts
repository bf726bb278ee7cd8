import * as pulumi from "@pulumi/pulumi";
import { afterEach, expect, it, vi } from "vitest";
import { LAYOUT, refuseDrainedBefore, tellOfLeft } from "../../../operator/left";

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

it("a drained Pi gets no program, so a stack of before the program has none", async () => {
  const pis = [
    { name: "pi1", drained: false },
    { name: "pi2", drained: true },
  ];
  const url = "http://x/";
  const refusing = (outputs: unknown, listed = pis): Promise<void> =>
    refuseDrainedBefore(listed, () => Promise.resolve(outputs));
  await expect(refusing({ url })).rejects.toThrow(
    /program on each Pi, and pi2 is drained, so nothing was changed/,
  );
  await refusing({ url }, pis.slice(0, 1));
  await refusing({ url, layout: LAYOUT });
  await refusing({});
  await refusing(undefined);
});
