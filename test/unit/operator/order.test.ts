import { describe, expect, it } from "vitest";
import { inLastOrder, orderOf } from "../../../operator/order";

const listed = (names: string, addresses = "", addresses6 = "") => ({
  pis: names.split(" ").map((name) => ({ name: name.replace("-", ""), drained: name.startsWith("-") })),
  floatingAddresses: addresses.split(" ").filter(Boolean),
  floatingAddresses6: addresses6.split(" ").filter(Boolean),
});
const before = listed("pi1 pi2 pi3", "a b c", "A B C");

describe("the order of the Pis and of the floating addresses", () => {
  it("is the config's own the first time", () => {
    expect(inLastOrder(before, {})).toEqual(before);
    expect(inLastOrder(listed("pi2 pi1"), {})).toEqual(listed("pi2 pi1"));
  });

  it.each([
    ["the Pis", listed("pi3 pi1 pi2", "a b c", "A B C")],
    ["the addresses", listed("pi1 pi2 pi3", "c a b", "C A B")],
    ["both", listed("pi2 pi1 pi3", "b c a", "B C A")],
  ])("stays as it was where %s are listed in another one", (_, now) => {
    expect(inLastOrder(now, orderOf(before))).toEqual(before);
  });

  it("has new Pis at the end, with what is left of the addresses", () => {
    const now = inLastOrder(listed("pi0 pi3 pi1", "d c a", "D C A"), orderOf(before));
    expect(now).toEqual(listed("pi1 pi3 pi0", "a c d", "A C D"));
  });

  it("gives a Pi whose address is not listed any more one of the new ones, and the others keep theirs", () => {
    expect(inLastOrder(listed("pi1 pi2", "b d"), orderOf(before))).toEqual(listed("pi1 pi2", "d b"));
  });

  it("is kept without floating addresses, too, and these may come and go", () => {
    const plain = orderOf(listed("pi1 pi2"));
    // All of it: of an update that fails an output that it leaves out stays what it was.
    expect(plain).toEqual({ order: ["pi1", "pi2"], drained: [], floating: {}, floating6: {} });
    expect(orderOf(listed("pi1 -pi2"))).toMatchObject({ order: ["pi1", "pi2"], drained: ["pi2"] });
    expect(orderOf(before)).toMatchObject({ floating: { pi2: "b" }, floating6: { pi2: "B" } });
    expect(inLastOrder(listed("pi2 pi1", "a b"), plain)).toEqual(listed("pi1 pi2", "a b"));
    expect(inLastOrder(listed("pi2 pi1"), orderOf(before))).toEqual(listed("pi1 pi2"));
  });
});
