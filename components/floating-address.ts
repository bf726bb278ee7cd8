import { names, packageState, type InTurn, type OnPi, type Part } from "./part";

type FloatingAddressArgs = OnPi<
  "pis" | "floatingAddresses" | "floatingAddresses6" | "hostname" | "failover"
> &
  InTurn;

/** VRRP's priority of the Pi that is preferred for an address; each further one of the ring has one less. */
const PREFERRED = 200;
/** What a Pi that does not serve loses: it comes after every Pi that does, and before nobody. */
const NOT_SERVING = 100;
/** Adverts in the time after which a silent Pi is given up. VRRP waits for three and a bit. */
const ADVERTS = 10;

/**
 * Seconds after which the network is told again where an address is. After two Pis that could not see each other both
 * held it, visitors go on asking the one that gave it up: for 40 s in the lab, until they ask for its place themselves.
 */
const ARP_REFRESH = 5;

/** The id of an address' VRRP group: its last number, which nothing else in the network has. */
const groupId = (address: string): number => Number(address.split(".").at(-1));

/**
 * keepalived's config on one Pi, but for the interface. A Pi that does not serve the page loses priority and not its
 * addresses: the last Pi keeps them whatever its own test says. The test bears the stall of a peer's death.
 */
function keepalivedConfig(args: FloatingAddressArgs): string {
  const { pi, pis, floatingAddresses, floatingAddresses6, hostname, failover } = args;
  const own = pis.indexOf(pi);
  const others = pis.filter((other) => other !== pi);
  const instances = floatingAddresses.map(
    (address, i) => `vrrp_instance floating_${groupId(address)} {
  state BACKUP
  interface $INTERFACE
  virtual_router_id ${groupId(address)}
  priority ${PREFERRED - ((own - i + pis.length) % pis.length)}
  advert_int ${failover / ADVERTS}
  garp_master_refresh ${ARP_REFRESH}
  garp_master_refresh_repeat 1
  unicast_src_ip ${pi.address}
  check_unicast_src
  unicast_peer {
${others.map((other) => `    ${other.address}`).join("\n")}
  }
  virtual_ipaddress {
    ${address}
  }
${excluded(floatingAddresses6[i])}  track_script {
    serves
  }
}
`,
  );
  return `global_defs {
  vrrp_version 3
  enable_script_security
  script_user nobody nogroup
}
vrrp_script serves {
  script "/bin/bash /usr/local/lib/twopir/serves ${pi.address} ${hostname}"
  interval 1
  timeout ${Math.ceil(failover) + 2}
  fall 1
  rise 5
  weight -${NOT_SERVING}
  init_fail
}
${instances.join("")}`;
}

/**
 * An IPv6 address is held by the Pi that holds the IPv4 address beside it. Each family could have a VRRP of its own, in a
 * sync group: twice the adverts, to find out the same of the same Pi by the same cable.
 */
const excluded = (address6: string | undefined): string =>
  address6 === undefined ? "" : `  virtual_ipaddress_excluded {\n    ${address6}\n  }\n`;

/** keepalived on one Pi: it holds its floating address while it serves, and others' while they do not. */
export function floatingAddressPart(args: FloatingAddressArgs): Part {
  const { pi, pis, floatingAddresses, floatingAddresses6, hostname, turnAfter } = args;
  const packageName = `${pi.name}-keepalived-package`;
  return {
    type: "FloatingAddress",
    name: `${pi.name}-floating-address`,
    inside: pi.name,
    states: [
      packageState(packageName, pi, ["keepalived"], [names.firewall(pi)]),
      {
        name: names.keepalived(pi),
        on: pi.name,
        script: "keepalived",
        parameters: {
          address: pi.address,
          host: hostname,
          floating: floatingAddresses[pis.indexOf(pi)] ?? "",
          addresses: floatingAddresses,
          addresses6: floatingAddresses6,
          config: keepalivedConfig(args),
        },
        after: [packageName, names.nginx(pi), ...(turnAfter ? [names.keepalived(turnAfter)] : [])],
        disturbedBy: [packageName],
      },
    ],
  };
}
