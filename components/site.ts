import type * as pulumi from "@pulumi/pulumi";
import type { Hosts } from "../remote/hosts";
import type { State } from "../remote/state";
import { names, StateGroup, type Part, type Pi } from "./part";

export interface SiteArgs {
  readonly mountPoint: string;
  /** All names of the server block, e.g. ["twopir", "twopir.example.com"]. */
  readonly serverNames: readonly string[];
  /** The Pi through whose mount the files are written. */
  readonly leader: Pi;
}

/** Where the shared server block lies. */
export const configPath = (mountPoint: string): string => `${mountPoint}/cluster`;

const webRoot = (mountPoint: string): string => `${mountPoint}/www`;

/** The article's server block, and one line for what twopir sets on each Pi (none there: no error). */
export const serverBlock = (mountPoint: string, serverNames: readonly string[]): string =>
  `server {
  root ${webRoot(mountPoint)};
  index index.html index.htm;
  server_name ${serverNames.join(" ")};

  location / {
        try_files $uri $uri/ /index.html;
  }

  include /etc/nginx/snippets/twopir*.conf;
}
`;

/**
 * What lies on the volume once for all Pis: the server block, and the content.
 *
 * @example siteStates({ mountPoint: "/mnt/gluster1", serverNames: ["twopir", "twopir.example.com"], leader: pi1 })
 */
export function siteStates({ mountPoint, serverNames, leader }: SiteArgs): State[] {
  const common = {
    on: leader.name,
    anywhere: true,
    after: [names.mount(leader), names.nginxPackage(leader)],
  };
  return [
    {
      ...common,
      name: names.siteConfig,
      scripts: ["on-volume.sh", "site-config.sh"],
      parameters: {
        mount_point: mountPoint,
        config_path: configPath(mountPoint),
        content: serverBlock(mountPoint, serverNames),
      },
    },
    {
      ...common,
      name: names.siteContent,
      scripts: ["on-volume.sh", "site-content.sh"],
      parameters: { mount_point: mountPoint, web_root: webRoot(mountPoint) },
    },
  ];
}

/** The site on the volume; see {@link siteStates}. */
export class Site extends StateGroup {
  constructor(
    name: string,
    states: readonly State[],
    hosts: Hosts,
    options: pulumi.ComponentResourceOptions,
  ) {
    super("twopir:Site", name, states, hosts, options);
  }
}

/** @returns the component of the site. */
export function sitePart(args: SiteArgs): Part {
  const states = siteStates(args);
  return { name: "site", states, make: (hosts, options) => new Site("site", states, hosts, options) };
}
