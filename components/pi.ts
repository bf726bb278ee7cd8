import { CONTENT_GID, names, packageState, type OnPi, type Part } from "./part";

/**
 * What a Pi needs before it can join, behind its firewall: both packages, how nginx starts, and glusterd. Its mount and its
 * web server lie inside it.
 *
 * @param args.reachable False where it cannot be reached now.
 */
export function piPart({
  pi,
  pis,
  volume,
  reachable,
}: OnPi<"pis" | "volume"> & { readonly reachable: boolean }): Part {
  const addresses = pis.map((one) => one.address);
  const gluster = names.glusterPackage(pi);
  // All others wait for these: they must not, for a firewall that cannot be changed now, since the Pi is off.
  const after = reachable ? [names.firewall(pi)] : [];
  return {
    type: "Pi",
    name: pi.name,
    states: [
      packageState(gluster, pi, ["glusterfs-server", "glusterfs-client"], after),
      {
        name: names.nginxUnit(pi),
        on: pi.name,
        script: "nginx-unit",
        parameters: {},
        after,
      },
      // Without logrotate the logs of nginx and gluster fill the card: Debian's packages leave that to it.
      packageState(names.nginxPackage(pi), pi, ["nginx", "logrotate"], [names.nginxUnit(pi)]),
      {
        name: names.contentGroup(pi),
        on: pi.name,
        script: "content-group",
        parameters: { user: pi.user, gid: CONTENT_GID },
        after,
        aside: true,
      },
      {
        name: names.glusterd(pi),
        on: pi.name,
        script: "glusterd",
        parameters: {
          volume: volume.name,
          address: pi.address,
          others: addresses.filter((address) => address !== pi.address),
          earlier: addresses.slice(0, pis.indexOf(pi)),
        },
        after: [gluster],
        disturbedBy: [gluster],
      },
    ],
  };
}
