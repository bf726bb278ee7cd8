import type { State } from "../remote/state";
import { names, packageState, statesPart, turnParameters, type Part, type Pi } from "./part";

/**
 * What is installed by itself. "security": Debian's security updates, and all updates of Raspbian's and Raspberry Pi's
 * own archives, which have none for security alone. "all": also every update of Debian's. "off": nothing.
 */
export type Updates = "security" | "all" | "off";

export interface UpdatesArgs {
  readonly pi: Pi;
  readonly pis: readonly Pi[];
  readonly updates: Updates;
  readonly volume: string;
  readonly mountPoint: string;
}

/** As apt-cache policy shows them. */
const SECURITY = [
  "origin=Debian,codename=${distro_codename}-security,label=Debian-Security",
  // These two have no archive for security alone; the second has the kernel and the firmware.
  "origin=Raspbian,codename=${distro_codename},label=Raspbian",
  "origin=Raspberry Pi Foundation,codename=${distro_codename},label=Raspberry Pi Foundation",
];
const REST = [
  "origin=Debian,codename=${distro_codename},label=Debian",
  "origin=Debian,codename=${distro_codename}-updates,label=Debian",
];

/** Of the night, local time: the first Pi's window begins then, and each further one's an hour later. */
const FIRST_WINDOW = 2;

/** apt's settings: which archives, every day, and no reboot of unattended-upgrades' own. */
const aptSettings = (updates: Updates): string =>
  `APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Automatic-Reboot "false";
#clear Unattended-Upgrade::Allowed-Origins;
#clear Unattended-Upgrade::Origins-Pattern;
Unattended-Upgrade::Origins-Pattern {
${[...SECURITY, ...(updates === "all" ? REST : [])].map((pattern) => `  "${pattern}";`).join("\n")}
};
`;

/** When its window begins. */
const windowOf = (hour: number): string => `${String(hour % 24).padStart(2, "0")}:00`;

/**
 * One Pi gets its updates by itself, in its own window where they interrupt it.
 *
 * @example updatesStates({ pi: pi1, pis: [pi1, pi2], updates: "security", volume: "gv0", mountPoint: "/mnt/gluster1" })
 */
function updatesStates(args: UpdatesArgs): State[] {
  const { pi, pis, updates } = args;
  const on = pi.name;
  const packageName = `${on}-updates-package`;
  return [
    packageState(packageName, pi, ["unattended-upgrades"], [names.firewall(pi)]),
    {
      name: `${on}-updates`,
      on,
      script: "updates",
      parameters: {
        ...turnParameters(args),
        apt: aptSettings(updates),
        window: windowOf(FIRST_WINDOW + pis.indexOf(pi)),
      },
      after: [packageName],
      disturbedBy: [packageName],
    },
  ];
}

/** @returns the component of one Pi's updates, inside that Pi's; see {@link updatesStates}. */
export const updatesPart = (args: UpdatesArgs): Part =>
  statesPart("Updates", `${args.pi.name}-updates`, updatesStates(args), args.pi.name);
