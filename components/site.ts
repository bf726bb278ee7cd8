import type { State } from "../remote/state";
import type { Release } from "../remote/pack";
import { names, statesPart, type Part, type Pi } from "./part";

export interface SiteArgs {
  readonly mountPoint: string;
  /** All names of the server block, e.g. ["twopir", "twopir.example.com"]. */
  readonly serverNames: readonly string[];
  /** The Pi through whose mount the files are written. */
  readonly leader: Pi;
  /** States of the volume that come first. */
  readonly after: readonly string[];
  /** What is published. Default: the content of the volume's www is the user's own. */
  readonly release?: Release | undefined;
}

/** A release on its way, in the login user's home; the next one overwrites it. */
const ARCHIVE = "twopir-site.tar";

/** Where the shared server block lies. */
export const configPath = (mountPoint: string): string => `${mountPoint}/cluster`;

const webRoot = (mountPoint: string): string => `${mountPoint}/www`;

/**
 * The article's server block, and one line for what twopir sets on each Pi (none there: no error).
 *
 * The root names the release itself, so a release goes live when nginx reads its config: at once, for all files, and
 * for each Pi in its turn. A link that is moved to another release would be looked up again for each request, and
 * another Pi may have the old one in its cache.
 */
const serverBlock = (root: string, serverNames: readonly string[], include = ""): string =>
  `server {
  root ${root};
  index index.html index.htm;
  server_name ${serverNames.join(" ")};

  location / {
        try_files $uri $uri/ /index.html;
  }

  include /etc/nginx/snippets/twopir*.conf;
${include}}
`;

/**
 * What lies on the volume once for all Pis: the server block, and the content. Published or not, the content has the same
 * name: where every nginx depends on a resource that goes away, and one of them fails, the engine deletes that all the same
 * and refuses its own state from then on (seen with PULUMI_CONTINUE_ON_ERROR).
 *
 * @example siteStates({ mountPoint: "/mnt/gluster1", serverNames: ["twopir", "twopir.example.com"], leader: pi1, after: [] })
 */
export function siteStates({ mountPoint, serverNames, leader, release, ...args }: SiteArgs): State[] {
  const after = [...args.after, names.mount(leader), names.nginxPackage(leader)];
  const common = { on: leader.name, anywhere: true, after };
  const config = (content: string): State => ({
    ...common,
    name: names.siteConfig,
    script: "site-config",
    parameters: { mount_point: mountPoint, config_path: configPath(mountPoint), content },
  });
  if (release === undefined)
    return [
      config(serverBlock(webRoot(mountPoint), serverNames)),
      {
        ...common,
        name: names.siteContent,
        script: "site-content",
        parameters: { mount_point: mountPoint, web_root: webRoot(mountPoint) },
      },
    ];
  const folder = `${mountPoint}/releases/${release.id}`;
  const parameters = { mount_point: mountPoint, release: release.id };
  return [
    {
      ...common,
      name: names.siteContent,
      script: "site-release",
      parameters: { ...parameters, archive: ARCHIVE },
      upload: { from: release.archive, as: ARCHIVE },
    },
    {
      ...config(serverBlock(`${folder}/www`, serverNames, `  include ${folder}/*.conf;\n`)),
      after: [...after, names.siteContent],
    },
    {
      ...common,
      name: "site-history",
      script: "site-history",
      parameters,
      after: [...after, names.siteConfig],
    },
  ];
}

/** @returns the component of the site on the volume; see {@link siteStates}. */
export const sitePart = (args: SiteArgs): Part => statesPart("Site", "site", siteStates(args));
