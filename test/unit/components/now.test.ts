import { describe, expect, it } from "vitest";
import { missedByVisitors } from "../../../components/now";
import type { Visit } from "../../../operator/visitors";
import type { Finding, State } from "../../../remote/state";

const states: State[] = [{ name: "pi1-nginx", on: "pi1", script: "nginx", parameters: {}, after: [] }];
const found = (...reasons: string[]): Map<string, Finding> =>
  new Map([["pi1-nginx", { reasons, disturbs: reasons.length > 0, details: "" }]]);
const got: Visit = { address: "192.168.0.121", silent: false };
const silent: Visit = { address: "192.168.0.122", silent: true, why: "nothing answers within 3 s" };

const missed = (findings: Map<string, Finding>, ...visits: Visit[]): string[] =>
  missedByVisitors("twopir.example.com", states, { findings, problems: [] }, visits).map(
    ({ message }) => message,
  );

describe("what visitors miss", () => {
  it("is named by address where the Pis find nothing wrong", () => {
    expect(missed(found(), got, got)).toEqual([]);
    expect(missed(found(), got, silent)).toEqual([
      expect.stringMatching(/^http:\/\/twopir.example.com\/ is not to be had at 192.168.0.122 .*within 3 s/),
    ]);
  });

  it("is explained by what they find wrong", () => {
    expect(missed(found("nginx.service is not running"), got, silent)).toEqual([]);
  });

  it("is one warning where this machine gets no answer at all", () => {
    expect(missed(found(), silent, silent)).toEqual([expect.stringContaining("from none of the Pis")]);
    expect(missed(found(), { ...got, why: "the answer is 403" }, silent)).toHaveLength(2);
  });
});
