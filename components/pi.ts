import type * as pulumi from "@pulumi/pulumi";
import type { Hosts } from "../remote/hosts";
import { file, type State } from "../remote/state";
import { names, StateGroup, type Part, type Pi } from "./part";

/**
 * What a Pi needs before it can join: both packages, and glusterd.
 *
 * @example hostStates({ name: "pi1", address: "192.168.0.121", storage: true })
 */
export function hostStates(pi: Pi): State[] {
  const on = pi.name;
  const gluster = names.glusterPackage(pi);
  const packages = (name: string, list: string[]): State => ({
    name,
    on,
    scripts: ["package.sh"],
    parameters: { packages: list },
    after: [],
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

/** A Pi: packages, glusterd; its mount and its web server lie inside it. See {@link hostStates}. */
export class PiHost extends StateGroup {
  constructor(
    name: string,
    states: readonly State[],
    hosts: Hosts,
    options: pulumi.ComponentResourceOptions,
  ) {
    super("twopir:Pi", name, states, hosts, options);
  }
}

/** @returns the component of one Pi. */
export function piPart(pi: Pi): Part {
  const { name } = pi;
  const states = hostStates(pi);
  return { name, states, make: (hosts, options) => new PiHost(name, states, hosts, options) };
}
