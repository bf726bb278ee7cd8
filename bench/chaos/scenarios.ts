import { setTimeout as sleep } from "node:timers/promises";
import { inside, lab } from "../../lab/drive/lab";
import {
  browserHardly,
  plugUnnoticed,
  lossReported,
  plannedUnnoticed,
  PUBLISHED_STALL,
  rightByItself,
  writesKept,
} from "./checks";
import { PIS, type PiName } from "./modes";
import type { Check, Run } from "./result";

/** Something bad for some seconds. Its end is the moment from which recovery counts. */
export interface Fault {
  /** E.g. "plug of pi1 pulled". */
  readonly what: string;
  /** The Pis that cannot answer meanwhile. */
  readonly hits: readonly PiName[];
  /** What has to be there for it and is no part of it. */
  readonly prepare?: () => Promise<unknown>;
  readonly begin?: () => Promise<unknown>;
  /** How long it lasts. */
  readonly seconds?: number;
  readonly end?: () => Promise<unknown>;
  readonly tidy?: () => Promise<unknown>;
}

export interface Scenario {
  readonly name: string;
  /** One line for the table. */
  readonly about: string;
  /** On which Pis in turn, each one once everything is right again; default: both. */
  readonly on?: readonly PiName[];
  /** A real browser is the visitor, and the fault hits the Pi that it has stuck to. */
  readonly browser?: true;
  readonly fault: (pi: PiName, up: Up) => Fault;
  readonly checks: readonly ((run: Run) => Check[])[];
}

/** A `pulumi up`, with settings of its own until the next one. */
export type Up = (settings?: Readonly<Record<string, unknown>>) => Promise<void>;

/** Seconds; longer than the time after which gluster gives up a silent brick by itself (network.ping-timeout, 10). */
const LONG = 15;
/** Seconds: room for what is noticed at once. */
const SHORT = 8;

const PUBLISHED = { "twopir:site": "./site" };

const usual = [writesKept, rightByItself];

const plug = (pi: PiName): Fault => ({
  what: `plug of ${pi} pulled`,
  hits: [pi],
  begin: () => lab("off", pi),
  seconds: LONG,
  end: () => lab("on", pi),
});

const reboot = (pi: PiName): Fault => ({
  what: `reboot of ${pi}`,
  hits: [pi],
  end: () => lab("reboot", pi),
});

const killed = (pi: PiName, process: string): Fault => ({
  what: `${process} of ${pi} killed`,
  hits: [pi],
  begin: () => inside(pi, `pkill -KILL -x ${process}`),
});

/** A full disk without filling this machine's: the brick moves to a small file system, and back afterwards. */
const BRICK = "/data/brick1/gv0";
const brickStarted =
  "gluster --mode=script volume start gv0 force >/dev/null && for _ in $(seq 30); do pgrep -x glusterfsd >/dev/null && exit 0; sleep 0.5; done; exit 1";
const brickOnSmallDisk =
  `pkill -KILL -x glusterfsd; mkdir -p /run/small && mount -t tmpfs -o size=64m small /run/small && ` +
  `cp -a ${BRICK} /run/small/ && mount --bind /run/small/gv0 ${BRICK} && ${brickStarted}`;
const brickBack =
  `pkill -KILL -x glusterfsd; umount ${BRICK} && find ${BRICK} -mindepth 1 -delete && ` +
  `cp -a /run/small/gv0/. ${BRICK}/ && umount /run/small && ${brickStarted}`;

/** Masked, since glusterd starts them at a boot. */
const BRICKS_DEAD =
  "systemctl mask -q glusterd && systemctl stop glusterd; pkill -KILL -f '^/usr/sbin/glusterfsd'; sleep 1; " +
  "! pgrep -f '^/usr/sbin/glusterfsd' >/dev/null";
const GLUSTERD_BACK = "systemctl unmask -q glusterd && systemctl start glusterd";
const MINUTES_DEAD = 10;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "reboot",
    about: "a clean reboot of each Pi",
    fault: reboot,
    checks: [...usual, plannedUnnoticed],
  },
  {
    name: "power-cut",
    about: "the plug of each Pi pulled, and plugged in again",
    fault: plug,
    checks: [...usual, plugUnnoticed()],
  },
  {
    name: "power-cut-published",
    about: "the same with a published folder, whose pages nginx keeps open",
    fault: (pi, up) => ({ ...plug(pi), prepare: () => up(PUBLISHED), tidy: () => up() }),
    checks: [...usual, plugUnnoticed(PUBLISHED_STALL)],
  },
  {
    name: "bricks-dead-published",
    about:
      "every brick of a published site dead for ten minutes, a Pi rebooted meanwhile; `pulumi up` starts them again",
    on: ["pi2"],
    fault: (pi, up) => ({
      what: `all bricks dead, and ${pi} rebooted`,
      hits: [pi],
      prepare: () => up(PUBLISHED),
      begin: async () => {
        await Promise.all(PIS.map((one) => inside(one, BRICKS_DEAD)));
        await sleep(MINUTES_DEAD * 30_000);
        await lab("reboot", pi);
      },
      seconds: MINUTES_DEAD * 30,
      end: async () => {
        await Promise.all(PIS.map((one) => inside(one, GLUSTERD_BACK)));
        await up(PUBLISHED);
      },
      tidy: () => up(),
    }),
    checks: [writesKept, plannedUnnoticed],
  },
  {
    name: "link-cut",
    about: "the network cable of each Pi cut, and mended",
    fault: (pi) => ({
      what: `cable of ${pi} cut`,
      hits: [pi],
      begin: () => lab("cut", pi),
      seconds: LONG,
      end: () => lab("restore", pi),
    }),
    checks: usual,
  },
  {
    name: "glusterd-killed",
    about: "the management daemon of gluster killed; systemd starts it again after a minute",
    on: ["pi1"],
    fault: (pi) => killed(pi, "glusterd"),
    checks: usual,
  },
  {
    name: "brick-killed",
    about: "the process that serves a brick killed; `pulumi up` starts it again",
    fault: (pi, up) => ({ ...killed(pi, "glusterfsd"), seconds: SHORT, end: up }),
    checks: usual,
  },
  {
    name: "nginx-killed",
    about: "every process of nginx killed",
    fault: (pi) => killed(pi, "nginx"),
    checks: usual,
  },
  {
    name: "nginx-hung",
    about: "every process of nginx stopped by SIGSTOP, and continued",
    fault: (pi) => ({
      what: `nginx of ${pi} hangs`,
      hits: [pi],
      begin: () => inside(pi, "pkill -STOP -x nginx"),
      seconds: LONG,
      end: () => inside(pi, "pkill -CONT -x nginx"),
    }),
    checks: usual,
  },
  {
    name: "disk-full",
    about: "no room left on the file system of a brick, and room made",
    fault: (pi) => ({
      what: `disk of ${pi} full`,
      hits: [pi],
      prepare: () => inside(pi, brickOnSmallDisk),
      begin: () => inside(pi, "dd if=/dev/zero of=/run/small/filler bs=1M status=none 2>/dev/null || true"),
      seconds: SHORT,
      end: () => inside(pi, "rm /run/small/filler"),
      tidy: () => inside(pi, brickBack),
    }),
    checks: usual,
  },
  {
    name: "both-off",
    about: "both plugs pulled at once, and plugged in again",
    on: ["pi1"],
    fault: () => ({
      what: "both plugs pulled",
      hits: PIS,
      begin: () => Promise.all(PIS.map((pi) => lab("off", pi))),
      seconds: SHORT,
      end: () => Promise.all(PIS.map((pi) => lab("on", pi))),
    }),
    checks: usual,
  },
  {
    name: "partition",
    about: "nothing passes between the Pis, all else does",
    on: ["pi1"],
    fault: () => ({
      what: "pi1 and pi2 parted",
      hits: [],
      begin: () => lab("part", "pi1", "pi2"),
      seconds: LONG,
      end: () => lab("join", "pi1", "pi2"),
    }),
    checks: [rightByItself, lossReported],
  },
  {
    name: "nginx-rolling",
    about: "a `pulumi up` that changes the server block, and one that changes it back",
    on: ["pi1"],
    fault: (_, up) => ({
      what: "the server block changed",
      hits: [],
      begin: () => up({ "twopir:serverNames": ["twopir", "changed"] }),
      end: () => up(),
    }),
    checks: [...usual, plannedUnnoticed],
  },
  {
    name: "package-rolling",
    about: "an upgrade of nginx that broke off on both Pis, finished by `pulumi up`",
    on: ["pi1"],
    fault: (_, up) => ({
      what: "nginx's package installed again",
      hits: [],
      prepare: () => Promise.all(PIS.map((pi) => inside(pi, unconfigured("nginx")))),
      end: () => up(),
    }),
    checks: [...usual, plannedUnnoticed],
  },
  {
    name: "publish",
    about: "a `pulumi up` that publishes a folder, and one that gives the content back to its user",
    on: ["pi1"],
    fault: (_, up) => ({
      what: "a folder published",
      hits: [],
      begin: () => up(PUBLISHED),
      end: () => up(),
    }),
    checks: [...usual, plannedUnnoticed],
  },
  {
    name: "publish-cut",
    about: "a folder published while each Pi's cable is cut; `pulumi up` again when it is mended",
    fault: (pi, up) => ({
      what: `published without ${pi}`,
      hits: [pi],
      begin: async () => {
        await lab("cut", pi);
        await up(PUBLISHED).catch(() => undefined); // it fails for that Pi alone
      },
      end: async () => {
        await lab("restore", pi);
        await up(PUBLISHED);
      },
      tidy: () => up(),
    }),
    checks: usual,
  },
  {
    name: "browser-reboot",
    about: "Chromium by name, a clean reboot of the Pi that it has stuck to",
    browser: true,
    fault: reboot,
    checks: [...usual, browserHardly(0.5)],
  },
  {
    name: "browser-power-cut",
    about: "Chromium by name, the plug of the Pi that it has stuck to pulled, and plugged in again",
    browser: true,
    fault: plug,
    checks: [...usual, browserHardly(2.5)],
  },
  // The last, since nothing heals after it by itself.
  {
    name: "outages-in-turn",
    about: "pi1 off, then pi2 off in the moment in which pi1 comes back: each was alone for a while",
    on: ["pi1"],
    fault: () => ({
      what: "pi1 off, then pi2",
      hits: PIS,
      begin: async () => {
        await lab("off", "pi1");
        await sleep(LONG * 1000);
        await lab("off", "pi2");
        await lab("on", "pi1");
      },
      seconds: LONG,
      end: () => lab("on", "pi2"),
    }),
    checks: [lossReported],
  },
];

/** dpkg's notes as after a power cut in the middle of an upgrade: unpacked, not configured. */
function unconfigured(name: string): string {
  return `sed -i "/^Package: ${name}$/,/^$/s/^Status: .*/Status: install ok unpacked/" /var/lib/dpkg/status`;
}
