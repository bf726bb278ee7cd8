import { packedProgram } from "../operator/program";
import { names, type OnPi, type Part } from "./part";

/** What `twopir status` asks about on a Pi, and status.ts from here. */
export const statusParameters = ({ pi, hostname, volume }: OnPi<"hostname" | "volume">) => ({
  volume: volume.name,
  brick: pi.storage ? volume.brick : "",
  mount_point: volume.mount,
  address: pi.address,
  host: hostname,
});

/** The program that knows all states of a Pi, and checks, applies and removes them there; before all else. */
export function programPart(args: OnPi<"hostname" | "volume">): Part {
  const { version, archive, bytes } = packedProgram();
  const name = names.program(args.pi);
  return {
    type: "Program",
    name,
    states: [
      {
        name,
        on: args.pi.name,
        script: "program",
        parameters: { version, user: args.pi.user, ...statusParameters(args) },
        after: [],
        upload: { from: archive, as: "twopir-program.tgz", bytes: bytes.length },
        brings: true,
        aside: true,
      },
    ],
  };
}
