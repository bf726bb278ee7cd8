import type { State } from "../remote/state";
import { names, turnParameters, type InTurn, type OnPi, type Part } from "./part";
import { configPath } from "./site";
import { HEADERS } from "./web-rules";

/**
 * What the server block includes on each Pi: what a visitor sees of another Pi's death depends on it.
 *
 * - A file that was served before is open still, and is served at once while gluster finds out that a brick is dead:
 *   0.01 s instead of 1.3 s. A page that is copied by hand must be seen within 5 s, so no longer than 4; a release
 *   stays as it is, and another one is another path.
 * - A browser waits over 60 s on a kept-alive connection to a dead Pi, since nobody resets it; without one it tries
 *   the other A record after 0.3 s. So it is kept for as long as a page loads (30 files at 50 ms: 0.6 s instead of 0.8),
 *   and not until the next click. Whoever takes over a floating address resets it (docs/keepalive.md).
 * - Nobody learns the version; what begins with a dot is not there, but for .well-known; no link is followed, since nginx
 *   cannot tell one that leaves the folder. By default somebody who sends nothing keeps a connection for a minute, and
 *   a static site is sent up to 1 MB for nothing.
 * - nginx finds that a file has not the range that is asked for when it has added the headers, and would add them again
 *   to the answer that says so. A location that has one of its own inherits none.
 * - A browser asks each time whether the copy that it has is still right (by ETag; where it is, the answer is a 304
 *   without the page). By default it may show a page unasked for a tenth of the page's age (RFC 9111, 4.2.2): after a
 *   month, the old one for three days. What is published has its headers in the server block, since its own rules may
 *   say otherwise.
 */
const nginxSettings = (floating: boolean, published: boolean): string =>
  `open_file_cache max=1000 inactive=10m;
open_file_cache_valid ${published ? "10m" : "4s"};
${floating ? "" : "keepalive_timeout 500ms;\n"}server_tokens off;
disable_symlinks on from=$document_root;
error_page 416 @beyond;
location @beyond { add_header Cache-Control ""; return 416; }
location ~ /\\.(?!well-known/) { return 404; }
client_max_body_size 16k;
client_header_timeout 10s;
client_body_timeout 10s;
send_timeout 30s;
${published ? "" : HEADERS_BY_HAND}`;

/** Of what is copied by hand. */
const HEADERS_BY_HAND = [["Cache-Control", "no-cache"] as const, ...HEADERS]
  .map(([name, value]) => `add_header ${name} ${value} always;\n`)
  .join("");

/**
 * nginx on one Pi runs the server block of the volume: the article's two links, its default site gone, and nginx
 * started again with that. It goes Pi by Pi: a config that breaks one must not reach the next.
 */
export function webServerPart(
  args: OnPi<"pis" | "volume" | "hostname" | "floatingAddresses" | "release"> & InTurn,
): Part {
  const { pi, volume, hostname, turnAfter } = args;
  const floating = args.floatingAddresses.length > 0;
  const published = args.release !== undefined;
  const nginxPackage = names.nginxPackage(pi);
  const common = { on: pi.name, after: [nginxPackage], disturbedBy: [nginxPackage] };
  const available = "/etc/nginx/sites-available/cluster";
  const link = (name: string, path: string, target: string): State => ({
    ...common,
    name,
    script: "link",
    parameters: { link: path, target },
  });
  const files: State[] = [
    link(`${pi.name}-sites-available-link`, available, configPath(volume)),
    link(`${pi.name}-sites-enabled-link`, "/etc/nginx/sites-enabled/cluster", available),
    {
      ...common,
      name: `${pi.name}-default-site-gone`,
      script: "absent",
      parameters: { path: "/etc/nginx/sites-enabled/default" },
    },
  ];
  const settings: State = {
    ...common,
    name: `${pi.name}-nginx-settings`,
    script: "nginx-settings",
    parameters: { content: nginxSettings(floating, published), volume: volume.name },
    after: [nginxPackage, names.volumeStarted(volume.name)], // whose id is the cluster's mark
  };
  const disturbedBy = [
    names.nginxUnit(pi),
    nginxPackage,
    settings.name,
    ...files.map((state) => state.name),
    names.siteConfig,
    ...(published ? [names.release(pi)] : []),
  ];
  return {
    type: "WebServer",
    name: `${pi.name}-web-server`,
    inside: pi.name,
    states: [
      settings,
      ...files,
      {
        name: names.nginx(pi),
        on: pi.name,
        script: "nginx",
        parameters: { ...turnParameters(args), host: hostname },
        after: [
          ...disturbedBy,
          ...(published ? [] : [names.siteContent]),
          names.mount(pi),
          ...(turnAfter ? [names.nginx(turnAfter)] : []),
        ],
        disturbedBy,
      },
    ],
  };
}
