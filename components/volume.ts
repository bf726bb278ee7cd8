import type * as pulumi from "@pulumi/pulumi";
import type { Hosts } from "../remote/hosts";
import type { State } from "../remote/state";
import { names, StateGroup, type Part, type Pi } from "./part";

export interface VolumeArgs {
  readonly volume: string;
  /** Folder of each copy, the same on every Pi. */
  readonly brick: string;
  readonly pis: readonly Pi[];
  /** The Pi that gives the commands to gluster: any one that can be reached. */
  readonly leader: Pi;
}

/**
 * Options that differ from gluster's defaults.
 * A read from a dead brick hangs until ping-timeout, 42 s by default, longer than any visitor waits. With a
 * tcp-user-timeout of 3 s the stall of a pulled plug was 3.2 s, measured with a new request every 50 ms.
 */
const OPTIONS = ["client.tcp-user-timeout=3", "network.ping-timeout=10"];

/**
 * The peers and the volume that has a full copy on every Pi that stores. gluster refuses two commands at once, so
 * all of them run on one Pi, where the lock of the scripts makes them wait their turn.
 *
 * @example volumeStates({ volume: "gv0", brick: "/data/brick1/gv0", pis: [pi1, pi2], leader: pi1 })
 */
export function volumeStates({ volume, brick, pis, leader }: VolumeArgs): State[] {
  const common = { on: leader.name, anywhere: true };
  const peers = pis.map((pi) => ({
    ...common,
    name: `${volume}-peer-${pi.name}`,
    scripts: ["peer.sh"],
    parameters: { address: pi.address },
    after: pis.map(names.glusterd),
  }));
  const stores = pis.filter((pi) => pi.storage);
  const created = `${volume}-volume`;
  const options = `${volume}-options`;
  return [
    ...peers,
    {
      ...common,
      name: created,
      scripts: ["volume.sh"],
      parameters: { volume, bricks: stores.map((pi) => `${pi.address}:${brick}`) },
      after: [...peers.map((peer) => peer.name), ...stores.map(names.brick)],
    },
    {
      ...common,
      name: options,
      scripts: ["volume-options.sh"],
      parameters: { volume, options: OPTIONS },
      after: [created],
      disturbedBy: [created],
    },
    {
      ...common,
      name: names.volumeStarted(volume),
      scripts: ["volume-started.sh"],
      parameters: { volume },
      after: [created, options],
      disturbedBy: [created],
    },
  ];
}

/** The replicated volume; see {@link volumeStates}. */
export class Volume extends StateGroup {
  constructor(
    name: string,
    states: readonly State[],
    hosts: Hosts,
    options: pulumi.ComponentResourceOptions,
  ) {
    super("twopir:Volume", name, states, hosts, options);
  }
}

/** @returns the component of the volume. */
export function volumePart(args: VolumeArgs): Part {
  const states = volumeStates(args);
  return {
    name: args.volume,
    states,
    make: (hosts, options) => new Volume(args.volume, states, hosts, options),
  };
}
