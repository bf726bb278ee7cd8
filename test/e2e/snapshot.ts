import { inside } from "../../lab/drive/lab";

/** What any running Debian writes by itself, sudo at its first use, gluster as its own sign of life, and who compares the copies. */
const OWN_WRITES = [
  /^\/var\/log\//,
  // By its timers, most of them at midnight.
  /^\/var\/(backups\/|cache\/(man\/|apt\/\w+\.bin$))/,
  /^\/var\/lib\/(logrotate\/status|xfsprogs\/.*|apt\/(daily_lock|periodic\/.*))$/,
  /^\/var\/lib\/systemd\/(timers|timesync|random-seed)/,
  /^\/data\/brick1\/[^/]+\/\.glusterfs\/(health_check|indices|unlink)/,
  /^\/var\/lib\/twopir\/lists\//,
  /^\/home\/pi\/\.sudo_as_admin_successful$/,
  /^\/tmp(\/|$)/,
];

/** Everything on a Pi's card, and its services by the process that runs them: path -> what can be seen of it. */
export async function snapshot(name: string): Promise<Map<string, string>> {
  // But for the lists by which the copies are compared, whenever the Pis meet; in a brick gluster links them a second time.
  const files = await inside(
    name,
    `but=(! -lname '*/.copies')
    for list in /data/brick1/*/.copies/*; do [ ! -e "$list" ] || but+=(! -samefile "$list"); done
    find / -xdev -path /var/lib/glusterd -prune -o "\${but[@]}" -printf '/%P %y %m %U:%G %s %T@ %l\\0'`,
  );
  // Whenever a peer comes back, glusterd writes much of its own anew, word for word.
  const glusterd = await inside(
    name,
    "find /var/lib/glusterd -type f -exec sha256sum {} + | awk '{ print $2, $1 }'",
  );
  const services = await inside(
    name,
    "for s in nginx glusterd ssh; do systemctl show -P MainPID -P UnitFileState $s | xargs echo service-$s; done; echo bricks $(pgrep -x glusterfsd)",
  );
  return new Map(
    [...files.split("\0"), ...glusterd.split("\n"), ...services.split("\n")]
      .map((line): [string, string] => [line.split(" ")[0] ?? "", line.split(" ").slice(1).join(" ")])
      .filter(
        ([path, seen]) => path !== "" && !seen.startsWith("d ") && !OWN_WRITES.some((own) => own.test(path)),
      ),
  );
}

type Seen = Map<string, string> | undefined;

export const differences = (before: Seen, after: Seen): string[] =>
  [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])].filter(
    (path) => before?.get(path) !== after?.get(path),
  );
