import { address, get, inside } from "../../test/e2e/lab";
import { PIS, type Mode } from "./modes";
import { WRITER } from "./writer";

/** From inside a Pi; a command of gluster alone may hang for two minutes. */
const holds = (pi: string, condition: string): Promise<boolean> =>
  inside(pi, `timeout 10 bash -c '${condition}' >/dev/null 2>&1`).then(
    () => true,
    () => false,
  );

const serves = (host: string): Promise<boolean> =>
  get(host).then(
    (page) => page.status === 200,
    () => false,
  );

const CLIENT = "/mnt/gluster1/.meta/graphs/active/gv0-client-[0-9]*/private";
/** Cheap ones first: what follows is asked only if they hold. */
const CONDITIONS = [
  // A mount that has not found its second brick again would not survive the next fault.
  `[ "$(cat ${CLIENT} | grep -c "^connected = 1")" = 2 ]`,
  `[ "$(gluster pool list | grep -c Connected)" = 2 ]`,
  `[ "$(gluster volume heal gv0 info | grep -cx "Number of entries: 0")" = 2 ]`,
];

/**
 * Everything is right: each Pi and each address of the site serves the page, each address is on the Pi that it is at
 * home on, every mount (the third machine's too) is connected with both bricks, the peers with each other, and nothing
 * is left to heal.
 */
export async function everythingIsRight(home: Mode["home"]): Promise<boolean> {
  const hosts = new Set([...PIS.map(address), ...Object.values(home)]);
  if (!(await Promise.all([...hosts].map(serves))).every(Boolean)) return false;
  for (const pi of PIS)
    if (!(await holds(pi, `ip -4 -o address show | grep -F " ${home[pi]}/"`))) return false;
  for (const condition of CONDITIONS)
    for (const pi of condition.includes(CLIENT) ? [...PIS, WRITER] : PIS)
      if (!(await holds(pi, condition))) return false;
  return true;
}
