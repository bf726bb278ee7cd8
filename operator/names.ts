import { lookup } from "node:dns/promises";

/** IPv4 addresses by the names that the config has instead of them; an output of the stack. */
export type Names = Readonly<Record<string, string>>;

/**
 * The IPv4 addresses that this machine resolves names to, as any program here does: by DNS, /etc/hosts, and mDNS where
 * that is set up. One of this machine itself (127.0.1.1 in its /etc/hosts) is of no use to the other Pis.
 *
 * @param last Those of the last update, which count where there is none now: a Pi that is off answers no mDNS.
 * @returns Without the names that nobody knows.
 * @example await addressesOf(["pi1.local"], lastNames) // Map { "pi1.local" => "192.168.0.121" }
 */
export async function addressesOf(
  names: readonly string[],
  last: () => Promise<Names>,
): Promise<Map<string, string>> {
  const found = await Promise.all(
    names.map(async (name): Promise<[string, string | undefined]> => {
      const address = await lookup(name, { family: 4 }).then(
        (answer) => answer.address,
        () => undefined,
      );
      return [name, address?.startsWith("127.") ? undefined : address];
    }),
  );
  const former = found.some(([, address]) => address === undefined) ? await last() : {};
  return new Map(
    found.flatMap(([name, now]) => {
      const address = now ?? former[name];
      return address === undefined ? [] : [[name, address]];
    }),
  );
}

/** As {@link Names}: those of a config's Pis. */
export const namesOf = (
  pis: readonly { readonly address: string; readonly hostName?: string }[],
): Names | undefined => {
  const named = pis.flatMap(({ hostName, address }) => (hostName === undefined ? [] : [[hostName, address]]));
  return named.length === 0 ? undefined : (Object.fromEntries(named) as Names);
};
