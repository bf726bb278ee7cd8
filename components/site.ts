import type { Release } from "../operator/pack";
import type { State } from "../remote/state";
import type { ClusterArgs, Pi, Volume } from "./args";
import { CONTENT_GID, hasFullCopy, names, packageState, type Part } from "./part";
import { noteOf } from "./releases";
import { publishedServerBlock } from "./web-rules";

type SiteArgs = Pick<ClusterArgs, "pis" | "volume" | "hostname" | "serverNames" | "release"> & {
  readonly leader: Pi;
  readonly living: readonly Pi[];
  readonly after: readonly string[];
};

/** A release on its way, in the login user's home; the next one overwrites it. */
const ARCHIVE = "twopir-site.tar";

/** Where each Pi has the releases on its own card. */
const ON_CARD = "/var/lib/twopir-releases";

/** Where each has a file for those that are open there: without it nginx does not start, see pi/library/card.sh. */
const OPEN = "/run/twopir-open";

/** Where the shared server block lies. */
export const configPath = ({ mount }: Volume): string => `${mount}/cluster`;

const webRoot = ({ mount }: Volume): string => `${mount}/www`;

const ownCopy = (pi: Pi, { brick }: Volume): string => (hasFullCopy(pi) ? `${brick}/www` : "");

/** The article's server block, and one line for what twopir sets on each Pi (none there: no error). */
const articlesServerBlock = (root: string, serverNames: readonly string[]): string =>
  `server {
  root ${root};
  index index.html index.htm;
  server_name ${serverNames.join(" ")};

  location / {
        try_files $uri $uri/ /index.html;
  }

  include /etc/nginx/snippets/twopir*.conf;
}
`;

/**
 * What lies on the volume once for all Pis: the server block, and the content, of which each Pi takes a copy where it is
 * published. Published or not, the content has the same name: where every nginx depends on a resource that goes away, and
 * one of them fails, the engine deletes that all the same and refuses its own state from then on (seen with
 * PULUMI_CONTINUE_ON_ERROR).
 *
 * @param args.leader The Pi through whose mount the files are written.
 * @param args.living Those that can be reached: each has its copy before nginx is told of it.
 * @param args.after States of the volume that come first.
 */
function siteStates({ pis, volume, hostname, leader, living, release, ...args }: SiteArgs): State[] {
  const serverNames = [...new Set([...args.serverNames, hostname])];
  const after = [...args.after, names.mount(leader), names.nginxPackage(leader)];
  const common = { on: leader.name, anywhere: true, after };
  const config = (content: string): State => ({
    ...common,
    name: names.siteConfig,
    script: "site-config",
    parameters: {
      mount_point: volume.mount,
      config_path: configPath(volume),
      content,
      word: release && release.archive === undefined ? "back" : "",
    },
  });
  if (release === undefined)
    return [
      config(articlesServerBlock(webRoot(volume), serverNames)),
      {
        ...common,
        after: [...after, names.contentGroup(leader)],
        name: names.siteContent,
        script: "site-content",
        parameters: {
          mount_point: volume.mount,
          web_root: webRoot(volume),
          copy: ownCopy(leader, volume),
          gid: CONTENT_GID,
        },
      },
    ];
  const parameters = { mount_point: volume.mount, release: release.id, bytes: release.bytes };
  const tools = (pi: Pi): string => `${pi.name}-release-package`;
  return [
    ...pis.map((pi) => packageState(tools(pi), pi, ["squashfs-tools"], [names.nginxPackage(pi)])),
    {
      ...common,
      after: [...after, tools(leader)],
      name: names.siteContent,
      script: "site-release",
      parameters: {
        ...parameters,
        archive: release.archive === undefined ? "" : ARCHIVE,
        published: noteOf(release),
      },
      upload: { from: release.archive, as: ARCHIVE, bytes: release.bytes },
    },
    ...pis.map((pi) => ({
      name: names.release(pi),
      on: pi.name,
      script: "release",
      parameters,
      after: [names.siteContent, names.mount(pi), tools(pi)],
      disturbedBy: [names.siteContent], // an image that is made once more is another one, byte by byte
    })),
    {
      // The root names the release itself, so a release goes live when nginx reads its config: at once, for all files, and
      // for each Pi in its turn. A link that is moved to another release would be looked up again for each request, and
      // another Pi may have the old one in its cache.
      ...config(
        publishedServerBlock(`${ON_CARD}/${release.id}`, serverNames, `${OPEN}/${release.id}`, release.web),
      ),
      after: [...after, names.siteContent, ...living.map(names.release)],
    },
  ];
}

/** The site on the volume. */
export const sitePart = (args: SiteArgs): Part => ({ type: "Site", name: "site", states: siteStates(args) });

/**
 * Which releases stay on the volume. A nginx that is not reloaded yet serves the former one, so each comes before.
 *
 * @param args.serving Names of the states after which the living Pis serve the release.
 */
export const releasesPart = ({
  volume,
  release,
  keepReleases,
  leader,
  serving,
}: Pick<ClusterArgs, "volume" | "keepReleases"> & {
  readonly release: Release;
  readonly leader: Pi;
  readonly serving: readonly string[];
}): Part => ({
  type: "Site",
  name: "releases",
  states: [
    {
      name: "site-history",
      on: leader.name,
      anywhere: true,
      script: "site-history",
      parameters: { mount_point: volume.mount, release: release.id, keep: keepReleases },
      after: [names.mount(leader), names.siteContent, names.siteConfig, ...serving],
      disturbedBy: [names.siteContent], // of a former version the files lie there, too
    },
  ],
});
