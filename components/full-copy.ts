import { stdin, type State } from "../remote/state";
import { names, statesPart, type Part, type Pi } from "./part";

export interface FullCopyArgs {
  /** One that has a full copy. */
  readonly pi: Pi;
  readonly volume: string;
  readonly brick: string;
  /** Where the volume is mounted, e.g. "/mnt/gluster1". */
  readonly mountPoint: string;
}

/** What the service runs on the Pi. */
const watchState = ({ pi, volume, brick, mountPoint }: FullCopyArgs): State => ({
  name: `${pi.name}-full-copy-watch`,
  on: pi.name,
  scripts: ["gluster.sh", "full-copy-watch.sh"],
  parameters: { volume, brick, mount_point: mountPoint, address: pi.address },
  after: [],
});

const UNIT = `[Unit]
Description=Notes that this Pi's copy of the volume is full (twopir)
After=glusterd.service

[Service]
ExecStart=/bin/bash /usr/local/lib/twopir/full-copy
Restart=always
RestartSec=5
Nice=10

[Install]
WantedBy=multi-user.target
`;

/**
 * The Pi notes on its brick that its copy is full, which has to be known when the others are gone.
 *
 * @example fullCopyStates({ pi: pi1, volume: "gv0", brick: "/data/brick1/gv0", mountPoint: "/mnt/gluster1" })
 */
const fullCopyStates = (args: FullCopyArgs): State[] => [
  {
    name: `${args.pi.name}-full-copy`,
    on: args.pi.name,
    scripts: ["full-copy.sh"],
    parameters: { program: stdin(watchState(args)), unit: UNIT },
    after: [names.mount(args.pi)],
  },
];

/** @returns the component of the note of one Pi's copy, inside that Pi's; see {@link fullCopyStates}. */
export const fullCopyPart = (args: FullCopyArgs): Part =>
  statesPart("FullCopy", `${args.pi.name}-full-copy`, fullCopyStates(args), args.pi.name);
