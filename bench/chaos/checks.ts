import type { Figures } from "./figures";
import type { Check, FaultSeen, Run } from "./result";

export const passes = ({ value, limit, atLeast }: Check): boolean =>
  atLeast ? value >= limit : value <= limit;

/** Seconds. A client's first retry of a SYN that nobody answers comes after 1 s, whatever the cluster does. */
const LIMITS = { plugPulled: 2, plugBack: 1.1 };
/** Seconds while a plug is pulled, for pages that nginx may keep open: a SYN's first retry, and no wait for the volume. */
export const PUBLISHED_STALL = 1.2;
/** Requests during an outage that make "none failed" say something. */
const ENOUGH = 400;

const none = (what: string, value: number): Check => ({ what, value, limit: 0 });
const atMost = (what: string, limit: number, value: number): Check => ({ what, value, limit });

/** Nothing that was acknowledged is lost. */
export const writesKept = (run: Run): Check[] => [none("acknowledged writes lost", run.lostWrites)];

/** What a split brain cost is named, so that somebody can choose. */
export const lossReported = (run: Run): Check[] => [
  none(
    "acknowledged writes lost in files that no preview names",
    run.conflicts.length > 0 ? 0 : run.lostWrites,
  ),
];

/** All is right in the end without anybody's doing. */
export const rightByItself = (run: Run): Check[] => [
  none("faults after which not everything came right", run.faults.filter((fault) => fault.wrong).length),
];

/** What was announced to the cluster (a reboot, a change of the config) is noticed by nobody who asks by name. */
export const plannedUnnoticed = (run: Run): Check[] => [
  none("failed by name", run.byName.failed),
  ...(run.mode === "floating" ? [none("failed on any address", run.failed)] : []),
];

/** What happens to visitors while a plug is pulled, and when it is in again; at most `stall` seconds on any address. */
export const plugUnnoticed =
  (stall = LIMITS.plugPulled) =>
  (run: Run): Check[] =>
    run.faults.flatMap((fault) =>
      run.mode === "floating" ? everybodyServed(fault, stall) : survivorServes(fault),
    );

const everybodyServed = ({ what, outage, comeback }: FaultSeen, stall: number): Check[] => [
  { what: `${what}: requests meanwhile`, value: outage.all.requests, limit: ENOUGH, atLeast: true },
  ...calm(`${what}: meanwhile`, stall, outage.all),
  ...calm(`${what}: when it came back`, LIMITS.plugBack, comeback.all),
];

const survivorServes = ({ what, outage, comeback }: FaultSeen): Check[] => [
  ...calm(`${what}: the other Pi meanwhile`, LIMITS.plugPulled, outage.others),
  ...calm(`${what}: the other Pi when it came back`, LIMITS.plugPulled, comeback.others),
];

const calm = (what: string, limit: number, seen: Figures): Check[] => [
  none(`${what}, failed`, seen.failed),
  atMost(`${what}, worst request in seconds`, limit, seen.worstSeconds),
];

/** Somebody at a real browser waits `limit` seconds for one page at most, and sees no error. */
export const browserHardly =
  (limit: number) =>
  (run: Run): Check[] => [
    none("pages that failed in Chromium", run.byName.failed),
    atMost("Chromium's worst page in seconds", limit, run.byName.worstSeconds),
  ];
