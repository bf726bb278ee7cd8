import type { State } from "../remote/state";
import { names, packageState, statesPart, type Part, type Pi } from "./part";

export interface FirewallArgs {
  readonly pi: Pi;
  /** All of them: each reaches everything on the others. */
  readonly pis: readonly Pi[];
  /** IPv4 addresses of other machines that may mount the volume. */
  readonly clients: readonly string[];
  /** True where others that have mounted it now may be cut off. */
  readonly disconnect: boolean;
}

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
 *
 * @example firewallRules({ pis: [pi1, pi2], clients: ["192.168.0.10"] })
 */
function firewallRules({ pis, clients }: Pick<FirewallArgs, "pis" | "clients">): string {
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
export function firewallStates(args: FirewallArgs): State[] {
  const on = args.pi.name;
  const packageName = `${on}-firewall-package`;
  const loaded = `${on}-firewall`;
  return [
    packageState(packageName, args.pi, ["nftables"], [names.program(args.pi)]),
    {
      name: loaded,
      on,
      script: "firewall",
      parameters: {
        rules: firewallRules(args),
        patience: PATIENCE,
        address: args.pi.address,
        other: args.pis.find((other) => other !== args.pi)?.address ?? args.pi.address,
        clients: [...args.pis.map((pi) => pi.address), ...args.clients],
        disconnect: args.disconnect ? "yes" : "no",
      },
      after: [packageName],
      disturbedBy: [packageName],
    },
    {
      name: names.firewall(args.pi),
      on,
      script: "firewall-kept",
      parameters: {},
      after: [loaded],
      disturbedBy: [loaded],
    },
  ];
}

/** @returns the component of one Pi's firewall, which all of that Pi's come after; see {@link firewallStates}. */
export const firewallPart = (args: FirewallArgs): Part =>
  statesPart("Firewall", `${args.pi.name}-firewall`, firewallStates(args));
