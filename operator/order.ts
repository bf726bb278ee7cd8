/** Outputs of the last update. */
export interface LastOrder {
  /** Names of the Pis. */
  readonly order?: readonly string[];
  /** Names of the Pis that are drained. */
  readonly drained?: readonly string[];
  /** Which Pi is preferred for which floating address, by the names of the Pis. */
  readonly floating?: Readonly<Record<string, string>>;
  /** The same by IPv6. */
  readonly floating6?: Readonly<Record<string, string>>;
}

interface Listed {
  readonly pis: readonly { readonly name: string; readonly drained: boolean }[];
  readonly floatingAddresses: readonly string[];
  readonly floatingAddresses6: readonly string[];
}

/**
 * The config with its Pis in the order of the last update, new ones after them, and each Pi with the floating address that
 * it was preferred for then: else two that change places would both be told to go on holding the other one's until both
 * have been, and who first gives his away waits for it in vain.
 *
 * @param last Of the first update: {}.
 * @example inLastOrder(config, { order: ["pi1", "pi2"], floating: { pi1: "192.168.0.221", pi2: "192.168.0.222" } })
 */
export function inLastOrder<T extends Listed>(config: T, last: LastOrder): T {
  const { floatingAddresses: all, floatingAddresses6: all6 } = config;
  const { order = [], floating = {} } = last;
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  const pis = [...config.pis].sort((one, other) => place(one.name) - place(other.name));
  const kept = pis.map(({ name }) => all.find((address) => address === floating[name]));
  const free = all.filter((address) => !kept.includes(address));
  const floatingAddresses = all.length === 0 ? [] : kept.map((address) => address ?? free.shift() ?? "");
  const floatingAddresses6 =
    all6.length === 0 ? [] : floatingAddresses.map((one) => all6[all.indexOf(one)] ?? "");
  return { ...config, pis, floatingAddresses, floatingAddresses6 };
}

/**
 * What {@link inLastOrder} goes by at the next update, and who may leave. All of it each time: an output that is left out
 * keeps its old value where that update fails.
 */
export function orderOf({ pis, floatingAddresses, floatingAddresses6 }: Listed): LastOrder {
  const byName = (addresses: readonly string[]) =>
    Object.fromEntries(pis.flatMap(({ name }, i) => (addresses[i] ? [[name, addresses[i]]] : [])));
  return {
    order: pis.map(({ name }) => name),
    drained: pis.filter(({ drained }) => drained).map(({ name }) => name),
    floating: byName(floatingAddresses),
    floating6: byName(floatingAddresses6),
  };
}
