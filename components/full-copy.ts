import { names, type OnPi, type Part } from "./part";

/**
 * The Pi notes on its brick that its copy is full, which has to be known when the others are gone.
 *
 * @param args.pi One that has a full copy.
 */
export const fullCopyPart = ({ pi, volume }: OnPi<"volume">): Part => ({
  type: "FullCopy",
  name: `${pi.name}-full-copy`,
  inside: pi.name,
  states: [
    {
      name: `${pi.name}-full-copy`,
      on: pi.name,
      script: "full-copy",
      parameters: {
        volume: volume.name,
        brick: volume.brick,
        mount_point: volume.mount,
        address: pi.address,
      },
      after: [names.mount(pi)],
      aside: true,
    },
  ],
});
