import { describe, expect, it } from "vitest";
import { recordAddresses } from "../../../components/a-records";
import { isWell } from "../../../components/now";
import { foundElsewhere, ledAway, missedByVisitors } from "../../../components/visits";
import { HostProblem } from "../../../remote/ssh";
import type { Finding, State } from "../../../remote/state";
import { cluster } from "./cluster";

const state: State = { name: "pi1-nginx", on: "pi1", script: "nginx", parameters: {}, after: [] };
const states = [state];
const found = (finding: Partial<Finding>) => ({
  findings: new Map([["pi1-nginx", { reasons: [], disturbs: false, details: "", ...finding }]]),
  problems: [],
});
const got = { address: "192.168.0.121", silent: false, pi: "pi1", from: "pi1" };
const silent = { address: "192.168.0.122", silent: true, pi: "pi2", why: "nothing answers within 3 s" };

const problems = (near: boolean, ...visits: Parameters<typeof missedByVisitors>[1]) =>
  missedByVisitors("twopir.example.com", visits, "this machine", near);
const missed = (...visits: Parameters<typeof missedByVisitors>[1]): string[] =>
  problems(false, ...visits).map(({ message }) => message);

describe("what visitors miss", () => {
  it("is named by address", () => {
    expect(missed(got, got)).toEqual([]);
    expect(missed(got, silent)).toEqual([
      expect.stringMatching(
        /^this machine cannot get http:\/\/twopir.example.com\/ at 192.168.0.122 .*within 3 s/,
      ),
    ]);
  });

  it("is asked for only where the Pis find nothing that explains it", () => {
    expect(isWell(states, found({}))).toBe(true);
    expect(isWell(states, found({ reasons: ["files wait"], notes: ["files wait"] }))).toBe(true);
    expect(isWell(states, found({ reasons: ["nginx.service is not running"] }))).toBe(false);
    expect(isWell([{ ...state, aside: true }], found({ reasons: ["no timer"] }))).toBe(true);
    expect(isWell(states, { ...found({}), problems: [new HostProblem("no key", "login")] })).toBe(false);
    expect(isWell(states, { ...found({}), problems: [new HostProblem("off", "silent")] })).toBe(true);
  });

  it("is one warning where this machine gets no answer at all", () => {
    expect(missed(silent, silent)).toEqual([expect.stringContaining("no Pi answers this machine")]);
    expect(missed({ ...got, why: "the answer is 403" }, silent)).toHaveLength(2);
    // In another network that may be so for it alone.
    expect(problems(false, silent, silent).map(({ kind }) => kind)).toEqual(["unseen"]);
    expect(problems(true, silent, silent).map(({ kind }) => kind)).toEqual(["other"]);
    expect(problems(true, silent)[0]?.message).not.toContain("alone");
  });

  it("is an address that another Pi answers, while its own serves", () => {
    expect(missed({ ...got, from: "pi2" })).toEqual([
      expect.stringContaining("192.168.0.121 is answered by pi2, while pi1, whose address it is, serves"),
    ]);
  });

  it("is a floating address of a Pi that is away, which nobody answers", () => {
    const away = { address: "192.168.0.122", silent: true, why: "nothing answers within 3 s" };
    expect(missed(got, away)).toEqual([
      expect.stringContaining("cannot get http://twopir.example.com/ at 192.168.0.122"),
    ]);
    expect(missed(got, { address: "192.168.0.122", silent: false, from: "pi1" })).toEqual([]);
  });
});

describe("an AAAA record", () => {
  it("is named where it leads to something else", () => {
    expect(ledAway("twopir.example.com", [{ ...got, address: "2001:db8::1" }])).toEqual([]);
    const [problem] = ledAway("twopir.example.com", [{ ...silent, address: "2001:db8::1" }]);
    expect(problem?.message).toContain(
      "has an AAAA record 2001:db8::1, and this cluster does not answer there",
    );
  });
});

describe("A records that the user keeps", () => {
  it("are said with what they should be, where this machine finds none or others", () => {
    const { A } = recordAddresses(cluster(2));
    const elsewhere = (found: readonly string[]) => foundElsewhere("twopir.example.com", "A", A, found);
    expect(elsewhere(["192.168.0.122", "192.168.0.121"])).toEqual([]);
    const should =
      "twopir.example.com should resolve to 192.168.0.121, 192.168.0.122, but this machine finds";
    for (const [found, words] of [
      [[], "no address"],
      [["192.168.0.121"], "192.168.0.121"],
      [["192.168.0.121", "192.168.0.122", "192.168.0.9"], "192.168.0.121, 192.168.0.122, 192.168.0.9"],
    ] as const) {
      const [problem] = elsewhere(found);
      expect(problem?.message).toContain(`${should} ${words}.`);
      expect(problem?.message.includes("DNS rebind protection")).toBe(found.length === 0);
      expect(problem?.kind).toBe("unseen");
    }
  });

  it("lead to the floating addresses, and to no Pi that is drained", () => {
    const args = cluster(2, { floatingAddresses: ["192.168.0.221", "192.168.0.222"] });
    const pis = args.pis.map((pi) => ({ ...pi, drained: pi.name === "pi2" }));
    expect(recordAddresses({ ...args, pis })).toEqual({ A: ["192.168.0.221"], AAAA: [] });
  });

  it("are said by their type", () => {
    const [problem] = foundElsewhere("twopir.example.com", "AAAA", ["2001:db8::121"], []);
    expect(problem?.message).toContain("You keep its AAAA records");
  });
});
