import { names, serving, type OnPi, type Part } from "./part";

/**
 * What visitors by IPv6 need of one Pi, and its AAAA record comes after. By itself, since what is served by IPv4 must not
 * wait for it: providers change prefixes.
 */
export function ipv6Part({
  pi,
  pis,
  hostname,
  floatingAddresses,
  floatingAddresses6,
  address6,
}: OnPi<"pis" | "hostname" | "floatingAddresses" | "floatingAddresses6"> & {
  readonly address6: string;
}): Part {
  const own = pis.indexOf(pi);
  return {
    type: "Ipv6",
    name: `${pi.name}-by-ipv6`,
    inside: pi.name,
    states: [
      {
        name: names.ipv6(pi),
        on: pi.name,
        script: "ipv6",
        parameters: {
          address: pi.address,
          address6,
          host: hostname,
          floating: floatingAddresses[own] ?? "",
          floating6: floatingAddresses6[own] ?? "",
        },
        after: serving({ pi, floatingAddresses }),
      },
    ],
  };
}
