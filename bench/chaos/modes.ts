import { address, SUBNET } from "../../lab/drive/lab";

export const PIS = ["pi1", "pi2"] as const;
export type PiName = (typeof PIS)[number];

/** A way to set the cluster up that is measured against the others. */
export interface Mode {
  readonly name: string;
  /** What its config has beside the defaults. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The address of the site that each Pi answers on while all is well. */
  readonly home: Readonly<Record<PiName, string>>;
}

/** The article's third machine: it mounts the volume and is no Pi of the cluster. */
export const WRITER = "pi3";

const common = { "twopir:volume": { clients: [address(WRITER)] } };
const FLOATING = { pi1: `${SUBNET}.221`, pi2: `${SUBNET}.222` };

export const MODES: readonly Mode[] = [
  // The A records point at the Pis' own addresses.
  { name: "article", settings: common, home: { pi1: address("pi1"), pi2: address("pi2") } },
  // They point at addresses that the surviving Pi takes over.
  {
    name: "floating",
    settings: { ...common, "twopir:floatingAddresses": Object.values(FLOATING) },
    home: FLOATING,
  },
];
