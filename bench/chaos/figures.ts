/** One request, or one page in a browser. Times are in seconds since the run began. */
export interface Sample {
  readonly start: number;
  /** From the start to the last byte, or to the error. */
  readonly seconds: number;
  readonly failed: boolean;
  /** The address that was asked; for a client by name the one that answered, none where none did. */
  readonly address?: string;
}

export interface Figures {
  readonly requests: number;
  /** No answer within the client's patience, a connection that broke, or a status other than 200. */
  readonly failed: number;
  /** The longest that one request took, failed or not. */
  readonly worstSeconds: number;
  /** The longest time between two answers: how long a visitor saw nothing new. */
  readonly darkSeconds: number;
}

/** Milliseconds are what the lab can tell. */
export const rounded = (seconds: number): number => Math.round(seconds * 1000) / 1000;

const end = (sample: Sample): number => sample.start + sample.seconds;
const greatest = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.max(a, b), 0);

export function figures(samples: readonly Sample[]): Figures {
  const failed = samples.filter((sample) => sample.failed).length;
  const answers = samples
    .filter((sample) => !sample.failed)
    .map(end)
    .sort((a, b) => a - b);
  // Before the first answer and after the last one there is darkness too.
  const first = Math.min(...samples.map((sample) => sample.start));
  const last = greatest(samples.map(end));
  const edges = samples.length === 0 ? [] : [first, ...answers, last];
  return {
    requests: samples.length,
    failed,
    worstSeconds: rounded(greatest(samples.map((sample) => sample.seconds))),
    darkSeconds: rounded(greatest(edges.slice(1).map((edge, i) => edge - (edges[i] ?? edge)))),
  };
}

/** What was under way at some moment from `from` on, and began before `to`. */
export const during = (samples: readonly Sample[], from: number, to: number): Sample[] =>
  samples.filter((sample) => end(sample) >= from && sample.start < to);

/** What began from `from` on and before `to`. */
export const begunIn = (samples: readonly Sample[], from: number, to: number): Sample[] =>
  samples.filter((sample) => sample.start >= from && sample.start < to);

/** The acknowledged lines that are missing in one copy of the file or more. */
export function lost(acknowledged: readonly string[], copies: readonly (readonly string[])[]): string[] {
  const sets = copies.map((copy) => new Set(copy));
  return acknowledged.filter((line) => !sets.every((set) => set.has(line)));
}

/** Several stretches of time as one: what is between them does not count. */
export const combined = (parts: readonly Figures[]): Figures => ({
  requests: parts.reduce((sum, part) => sum + part.requests, 0),
  failed: parts.reduce((sum, part) => sum + part.failed, 0),
  worstSeconds: greatest(parts.map((part) => part.worstSeconds)),
  darkSeconds: greatest(parts.map((part) => part.darkSeconds)),
});

/** For the picture, since every sample of a long run would be megabytes: one number of each list for each piece. */
export interface Timeline {
  readonly start: readonly number[];
  readonly worst: readonly number[];
  readonly failed: readonly number[];
}

/** Samples in pieces of `width` seconds by when they began; pieces without any are left out. */
export function timeline(samples: readonly Sample[], width: number): Timeline {
  const groups = new Map<number, Sample[]>();
  for (const sample of samples) {
    const index = Math.floor(sample.start / width);
    const group = groups.get(index);
    if (group) group.push(sample);
    else groups.set(index, [sample]);
  }
  const sorted = [...groups].sort(([a], [b]) => a - b);
  const seen = sorted.map(([, group]) => figures(group));
  return {
    start: sorted.map(([index]) => rounded(index * width)),
    worst: seen.map((part) => part.worstSeconds),
    failed: seen.map((part) => part.failed),
  };
}
