import type { ClusterArgs } from "./args";
import { names, packageState, type OnPi, type Part } from "./part";

/** glusterd, and the bricks: base-port and max-port in /etc/glusterfs/glusterd.vol. */
const GLUSTER_PORTS = "24007, 24008, 49152-60999";
/** VRRP's number among the protocols of IP. */
const VRRP = 112;
/** Seconds after which rules that lock us out are taken back; the next connection comes within one. */
const PATIENCE = 120;

/**
 * The firewall's rules, a table of our own. It says who reaches gluster and VRRP and leaves everything else, ssh too, to
 * whatever else is there. Only the first packet of a connection is judged, since the bricks' ports are also those that
 * the Pi's own connections begin at.
 */
function firewallRules({ pis, volume: { clients } }: Pick<ClusterArgs, "pis" | "volume">): string {
  const set = (name: string, addresses: readonly string[]): string =>
    `  set ${name} {
    type ipv4_addr
${addresses.length > 0 ? `    elements = { ${addresses.join(", ")} }\n` : ""}  }`;
  return `table inet twopir
delete table inet twopir
table inet twopir {
${set(
  "pis",
  pis.map((pi) => pi.address),
)}
${set("clients", clients)}
  chain input {
    type filter hook input priority filter - 10; policy accept;
    iif lo accept
    ip saddr @pis accept
    meta l4proto ${VRRP} drop
    ip saddr @clients accept
    tcp dport { ${GLUSTER_PORTS} } tcp flags & (fin | syn | rst | ack) == syn reject with tcp reset
  }
}
`;
}

/**
 * One Pi's firewall, before anything that it guards. The rules are loaded by one connection and confirmed by the next:
 * were that one locked out, the Pi would go back to the former rules by itself.
 */
export function firewallPart(args: OnPi<"pis" | "volume">): Part {
  const { pi, pis, volume } = args;
  const on = pi.name;
  const packageName = `${on}-firewall-package`;
  const loaded = `${on}-firewall`;
  return {
    type: "Firewall",
    name: loaded,
    states: [
      packageState(packageName, pi, ["nftables"], [names.program(pi)]),
      {
        name: loaded,
        on,
        script: "firewall",
        parameters: {
          rules: firewallRules(args),
          patience: PATIENCE,
          address: pi.address,
          other: pis.find((other) => other !== pi)?.address ?? pi.address,
          clients: [...pis.map((one) => one.address), ...volume.clients],
          disconnect: volume.disconnect ? "yes" : "no",
        },
        after: [packageName],
        disturbedBy: [packageName],
      },
      {
        name: names.firewall(pi),
        on,
        script: "firewall-kept",
        parameters: {},
        after: [loaded],
        disturbedBy: [loaded],
      },
    ],
  };
}
