import type { Updates } from "./args";
import { names, packageState, turnParameters, type OnPi, type Part } from "./part";

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
  `APT::Periodic::Enable "1";
APT::Periodic::Update-Package-Lists "1";
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

/** One Pi gets its updates by itself, in its own window where they interrupt it. */
export function updatesPart(args: OnPi<"pis" | "updates" | "volume">): Part {
  const { pi, pis, updates } = args;
  const packageName = `${pi.name}-updates-package`;
  return {
    type: "Updates",
    name: `${pi.name}-updates`,
    inside: pi.name,
    states: [
      packageState(packageName, pi, ["unattended-upgrades"], [names.firewall(pi)]),
      {
        name: `${pi.name}-updates`,
        on: pi.name,
        script: "updates",
        parameters: {
          ...turnParameters(args),
          apt: aptSettings(updates),
          window: windowOf(FIRST_WINDOW + pis.indexOf(pi)),
        },
        after: [packageName],
        disturbedBy: [packageName],
        aside: true,
      },
    ],
  };
}
