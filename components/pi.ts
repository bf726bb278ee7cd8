import type * as pulumi from "@pulumi/pulumi";
import type { Hosts } from "../remote/hosts";
import { file, type State } from "../remote/state";
import { names, StateGroup, type Part, type Pi } from "./part";

export interface HostArgs {
  readonly pi: Pi;
  /** Folder of its copy of the volume, e.g. "/data/brick1/gv0". */
  readonly brick: string;
}

/**
 * What a Pi needs before it can join: both packages, glusterd, and a folder for its brick.
 *
 * @example hostStates({ pi: { name: "pi1", address: "192.168.0.121", storage: true }, brick: "/data/brick1/gv0" })
 */
export function hostStates({ pi, brick }: HostArgs): State[] {
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
    ...(pi.storage
      ? [{ name: names.brick(pi), on, scripts: ["brick.sh"], parameters: { brick }, after: [gluster] }]
      : []),
  ];
}

/** A Pi: packages, glusterd, brick; its mount and its web server lie inside it. See {@link hostStates}. */
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
export function piPart(args: HostArgs): Part {
  const { name } = args.pi;
  const states = hostStates(args);
  return { name, states, make: (hosts, options) => new PiHost(name, states, hosts, options) };
}
