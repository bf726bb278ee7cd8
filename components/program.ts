import { packedProgram } from "../remote/program";
import type { State } from "../remote/state";
import { names, statesPart, type Part, type Pi } from "./part";

export interface ProgramArgs {
  readonly pi: Pi;
  /** The site's name. */
  readonly hostname: string;
  readonly volume: string;
  readonly brick: string;
  /** Where the volume is mounted, e.g. "/mnt/gluster1". */
  readonly mountPoint: string;
}

/** What `twopir status` asks about on a Pi, and status.ts from here. */
export const statusParameters = ({ pi, hostname, volume, brick, mountPoint }: ProgramArgs) => ({
  volume,
  brick: pi.storage ? brick : "",
  mount_point: mountPoint,
  address: pi.address,
  host: hostname,
});

/** The program that knows all states of a Pi, and checks, applies and removes them there; before all else. */
const programStates = (args: ProgramArgs): State[] => {
  const { version, archive } = packedProgram();
  return [
    {
      name: names.program(args.pi),
      on: args.pi.name,
      script: "program",
      parameters: { version, ...statusParameters(args) },
      after: [],
      upload: { from: archive, as: "twopir-program.tgz" },
      brings: true,
    },
  ];
};

/** @returns the component of the program on one Pi; see {@link programStates}. */
export const programPart = (args: ProgramArgs): Part =>
  statesPart("Program", names.program(args.pi), programStates(args));
