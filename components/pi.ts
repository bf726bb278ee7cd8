import { file, type State } from "../remote/state";
import { names, packageState, statesPart, type Part, type Pi } from "./part";

/**
 * What a Pi needs before it can join, behind its firewall: both packages, how nginx starts, and glusterd.
 *
 * @param reachable False where the Pi cannot be reached now.
 * @example hostStates({ name: "pi1", address: "192.168.0.121", storage: true, arbiter: false, drained: false }, true)
 */
function hostStates(pi: Pi, reachable: boolean): State[] {
  const gluster = names.glusterPackage(pi);
  // All others wait for these: they must not, for a firewall that cannot be changed now, since the Pi is off.
  const after = reachable ? [names.firewall(pi)] : [];
  return [
    packageState(gluster, pi, ["glusterfs-server", "glusterfs-client"], after),
    {
      name: names.nginxUnit(pi),
      on: pi.name,
      scripts: ["nginx-unit.sh"],
      parameters: { drop_in: file("/etc/systemd/system/nginx.service.d/twopir.conf") },
      after,
    },
    packageState(names.nginxPackage(pi), pi, ["nginx"], [names.nginxUnit(pi)]),
    {
      name: names.glusterd(pi),
      on: pi.name,
      scripts: ["glusterd.sh"],
      parameters: { drop_in: file("/etc/systemd/system/glusterd.service.d/twopir.conf") },
      after: [gluster],
      disturbedBy: [gluster],
    },
  ];
}

/** @returns the component of one Pi: packages, units; its mount and its web server lie inside it. */
export const piPart = (pi: Pi, reachable: boolean): Part =>
  statesPart("Pi", pi.name, hostStates(pi, reachable));
