import type { State } from "../remote/state";
import { names, statesPart, type Part, type Pi } from "./part";

export interface FullCopyArgs {
  /** One that has a full copy. */
  readonly pi: Pi;
  readonly volume: string;
  readonly brick: string;
  /** Where the volume is mounted, e.g. "/mnt/gluster1". */
  readonly mountPoint: string;
}

/**
 * The Pi notes on its brick that its copy is full, which has to be known when the others are gone.
 *
 * @example fullCopyStates({ pi: pi1, volume: "gv0", brick: "/data/brick1/gv0", mountPoint: "/mnt/gluster1" })
 */
const fullCopyStates = ({ pi, volume, brick, mountPoint }: FullCopyArgs): State[] => [
  {
    name: `${pi.name}-full-copy`,
    on: pi.name,
    script: "full-copy",
    parameters: { volume, brick, mount_point: mountPoint, address: pi.address },
    after: [names.mount(pi)],
  },
];

/** @returns the component of the note of one Pi's copy, inside that Pi's; see {@link fullCopyStates}. */
export const fullCopyPart = (args: FullCopyArgs): Part =>
  statesPart("FullCopy", `${args.pi.name}-full-copy`, fullCopyStates(args), args.pi.name);
