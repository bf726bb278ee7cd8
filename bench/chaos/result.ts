import type { Figures, Timeline } from "./figures";

/** What one scenario did in one mode. docs/chaos.json is a list of these. */
export interface Run {
  readonly mode: string;
  readonly scenario: string;
  readonly about: string;
  /** ISO, UTC. */
  readonly began: string;
  /** New connections to the site's addresses. */
  readonly requests: number;
  readonly failed: number;
  /** The longest that one of them took, failed or not; a client gives up after 10 s. */
  readonly worstStallSeconds: number;
  /** The longest of the faults'; null where not everything came right. */
  readonly recoverySeconds: number | null;
  readonly lostWrites: number;
  readonly acknowledgedWrites: number;
  readonly worstWriteSeconds: number;
  /** Where lines were lost: what `pulumi preview` says of files in split brain. */
  readonly conflicts: readonly string[];
  /** The client by name: one that behaves like Chromium, or Chromium itself. */
  readonly byName: Figures & { readonly client: string };
  readonly addresses: Readonly<Record<string, Figures>>;
  readonly faults: readonly FaultSeen[];
  /** By how much the measuring client itself was late at worst; the figures are not corrected for it. */
  readonly clientLateSeconds: number;
  readonly moments: readonly Moment[];
  /** In half seconds, by address, and the client by name. */
  readonly timeline: Readonly<Record<string, Timeline>>;
  readonly checks: readonly Check[];
}

export interface Moment {
  readonly seconds: number;
  readonly what: string;
}

export interface FaultSeen {
  readonly what: string;
  /** What did not come right by itself within three minutes. */
  readonly wrong?: string;
  /** What even a `pulumi up` and an order to heal did not mend. */
  readonly broken?: string;
  /**
   * From the end of the fault (plug or cable in again, process continued; a kill ends at once, a reboot begins and
   * ends when it is asked for) until everything is right, see whatIsWrong.
   */
  readonly recoverySeconds: number | null;
  /** Requests that were under way between the fault's begin and its end. */
  readonly outage: Sides;
  /** Requests begun between its end and some seconds after everything is right. */
  readonly comeback: Sides;
  /** Pages of the client by name, from before the fault to after it. */
  readonly byName: Figures;
  /** How many pages it got from which address. */
  readonly pagesFrom: Readonly<Record<string, number>>;
  /** The same by the Pis' access logs, where the client is a browser. */
  readonly accessLogs?: Readonly<Record<string, number>>;
}

export interface Sides {
  readonly all: Figures;
  /** The addresses of the Pis that the fault hits. */
  readonly hit: Figures;
  readonly others: Figures;
}

/** One line of the check list that ends the suite. */
export interface Check {
  readonly what: string;
  readonly value: number;
  /** The most that `value` may be, or with `atLeast` the least. */
  readonly limit: number;
  readonly atLeast?: true;
}
