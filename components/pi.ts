import { file, type State } from "../remote/state";
import { names, statesPart, type Part, type Pi } from "./part";

/**
 * What a Pi needs before it can join, behind its firewall: both packages, and glusterd.
 *
 * @param reachable False where the Pi cannot be reached now.
 * @example hostStates({ name: "pi1", address: "192.168.0.121", storage: true, arbiter: false, drained: false }, true)
 */
export function hostStates(pi: Pi, reachable: boolean): State[] {
  const on = pi.name;
  const gluster = names.glusterPackage(pi);
  const packages = (name: string, list: string[]): State => ({
    name,
    on,
    scripts: ["package.sh"],
    parameters: { packages: list },
    // All others wait for these: they must not, for a firewall that cannot be changed now, since the Pi is off.
    after: reachable ? [names.firewall(pi)] : [],
  });
  return [
    packages(gluster, ["glusterfs-server", "glusterfs-client"]),
    packages(names.nginxPackage(pi), ["nginx"]),
    {
      name: names.glusterd(pi),
      on,
      scripts: ["glusterd.sh"],
      parameters: { drop_in: file("/etc/systemd/system/glusterd.service.d/twopir.conf") },
      after: [gluster],
      disturbedBy: [gluster],
    },
  ];
}

/** @returns the component of one Pi: packages, glusterd; its mount and its web server lie inside it. */
export const piPart = (pi: Pi, reachable: boolean): Part =>
  statesPart("Pi", pi.name, hostStates(pi, reachable));
