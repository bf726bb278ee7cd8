import { address, endsWell, get } from "../../lab/drive/lab";
import { PIS, WRITER, type Mode } from "./modes";

/** From inside a Pi; a command of gluster alone may hang for two minutes. */
const holds = (pi: string, condition: string): Promise<boolean> =>
  endsWell(pi, `timeout 10 bash -c '${condition}' >/dev/null 2>&1`);

const serves = (host: string): Promise<boolean> =>
  get(host).then(
    (page) => page.status === 200,
    () => false,
  );

/** What has to hold inside a machine, the cheap ones first: the others are asked only when these hold. */
const CONDITIONS: readonly { what: string; on: readonly string[]; condition: string }[] = [
  {
    what: "its mount is not connected with both bricks", // it would not survive the next fault
    on: [...PIS, WRITER],
    condition: `[ "$(cat /mnt/gluster1/.meta/graphs/active/gv0-client-[0-9]*/private | grep -c "^connected = 1")" = 2 ]`,
  },
  {
    what: "its peer is not connected",
    on: PIS,
    condition: `[ "$(gluster pool list | grep -c Connected)" = 2 ]`,
  },
  {
    what: "there is something to heal",
    on: PIS,
    condition: `[ "$(gluster volume heal gv0 info | grep -cx "Number of entries: 0")" = 2 ]`,
  },
];

/**
 * The first thing that is not right, none where everything is: each Pi and each address of the site serves the page,
 * each address is on the Pi that it is at home on, every mount (the third machine's too) is connected with both bricks,
 * the peers with each other, and nothing is left to heal.
 */
export async function whatIsWrong(home: Mode["home"]): Promise<string | undefined> {
  const hosts = [...new Set([...PIS.map(address), ...Object.values(home)])];
  const served = await Promise.all(hosts.map(serves));
  const dark = hosts.find((_, i) => !served[i]);
  if (dark !== undefined) return `${dark} does not serve the page`;
  for (const pi of PIS)
    if (!(await holds(pi, `ip -4 -o address show dev eth0 | grep -F " ${home[pi]}/"`)))
      return `${home[pi]} is not on ${pi}`;
  for (const { what, on, condition } of CONDITIONS)
    for (const pi of on) if (!(await holds(pi, condition))) return `${pi}: ${what}`;
  return undefined;
}
