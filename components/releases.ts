import { gunzipSync, gzipSync } from "node:zlib";
import { z } from "zod";
import type { PackedRelease, Release } from "../operator/pack";
import { refuse } from "../operator/refuse";
import { ask, type Look, type Reached } from "../remote/look";
import { factsOf, harmless, type State } from "../remote/state";
import type { Pi, Volume } from "./args";
import { hasFullCopy } from "./part";

/** A release that lies on the volume. */
export interface StoredRelease {
  readonly id: string;
  /** Of its image. */
  readonly bytes: number;
  /** When it went live last, "2026-11-29T09:12:11Z". Default: never, its up did not come to its end. */
  readonly since?: string;
  /** Whether the server block names it. */
  readonly live: boolean;
}

interface OnVolume {
  readonly pis: readonly Pi[];
  readonly volume: Pick<Volume, "mount" | "brick">;
}

/** What lies beside an image. */
const note = z.object({
  bytes: z.number(),
  web: z.object({
    redirects: z.array(
      z.object({
        from: z.string(),
        to: z.string(),
        status: z.literal([200, 301, 302, 303, 307, 308]),
        force: z.boolean(),
      }),
    ),
    headers: z.array(z.object({ path: z.string(), name: z.string(), value: z.string() })),
    fallback: z.string().optional(),
  }),
});

/** How a release is served, in one line, always the same for the same. */
export const noteOf = (release: Release): string => JSON.stringify(note.parse(release));

const stateName = (pi: Pi): string => `${pi.name}-releases`;

/**
 * States that want nothing: their checks print facts.
 *
 * @param which As {@link keptRelease}'s. Default: none is asked for.
 */
export const releasesStates = ({ pis, volume }: OnVolume, which = ""): State[] =>
  pis.map((pi) => ({
    name: stateName(pi),
    on: pi.name,
    facts: true,
    script: "releases",
    parameters: { mount_point: volume.mount, brick: hasFullCopy(pi) ? volume.brick : "", which },
    after: [],
  }));

type Facts = readonly (readonly [name: string, value: string])[];

/** Of several Pis what the one says that knows most: a release is added to the history, and none is taken out of it. */
function latest({ findings }: Look, pis: readonly Pi[]): Facts {
  const count = (facts: Facts): number => Number(new Map(facts).get("known") ?? 0);
  const all = pis.map((pi) => factsOf(findings.get(stateName(pi))));
  return all.reduce(
    (best, one) =>
      count(one) > count(best) || (count(one) === count(best) && one.length > best.length) ? one : best,
    [],
  );
}

/**
 * The releases on the volume, the one that went live last first; none where nobody can tell.
 *
 * @param seen A look at {@link releasesStates}.
 */
export function storedReleases(seen: Look, pis: readonly Pi[]): StoredRelease[] {
  const facts = latest(seen, pis).map(([name, value]) => [name, ...value.split(" ")] as const);
  const named = (name: string) => facts.flatMap(([kind, ...words]) => (kind === name ? [words] : []));
  const history = named("live").reverse();
  const [served] = named("served").flat();
  const place = (id: string): number => {
    const found = history.findIndex(([of]) => of === id);
    return found < 0 ? history.length : found;
  };
  return named("stored")
    .map(([id = "", bytes]): StoredRelease => {
      const since = history[place(id)]?.[1];
      return { id, bytes: Number(bytes), ...(since && { since }), live: id === served };
    })
    .sort((a, b) => place(a.id) - place(b.id));
}

/**
 * A release that is on the volume already, with all that was said of it when it was published.
 *
 * @param which "previous": the one that was live before the one that was published last. Otherwise the beginning of its id.
 * @throws pulumi.RunError where that is none of those that there are, or more than one, with all that there are.
 */
export async function keptRelease(
  which: string,
  { pis, volume }: OnVolume,
  reached: ReadonlyMap<string, Reached>,
): Promise<Release> {
  const seen = await ask(releasesStates({ pis, volume }, which), reached);
  const facts = new Map(latest(seen, pis));
  const id = facts.get("chosen") ?? "";
  const published = facts.get("published");
  const stored = storedReleases(seen, pis);
  if (!/^[0-9a-f]{64}$/.test(id) || !(which === "previous" || id.startsWith(which))) {
    const why = [
      ...[...reached.values()].flatMap(({ problem }) => problem?.message ?? []),
      ...seen.problems.map(({ message }) => message),
      ...[...seen.findings.values()].flatMap(({ reasons }) => reasons),
    ];
    refuse(
      [
        `twopir:release is ${which}, and there is no one release of that name on the volume. Nothing was changed. Take the ` +
          `key out, or name one of these (docs/operations.md#content-and-releases):`,
        ...(stored.length > 0 ? stored.map(told) : ["none, as far as the Pis that answer can tell"]),
        ...new Set(why),
      ].join("\n- "),
    );
  }
  if (published === undefined)
    refuse(
      `twopir:release is ${which}, release ${shortId(id)}. The version of twopir that published it did not note how it ` +
        `is served: take the key out, give twopir:site the content that it had, and run up. Nothing was changed.`,
    );
  return { id, ...parsed(id, published) };
}

const told = ({ id, live, since }: StoredRelease): string =>
  `${shortId(id)}, ${live ? `live since ${since ?? "just now"}` : since ? `which went live at ${since}` : "which was never live"}`;

function parsed(id: string, published: string): Pick<Release, "bytes" | "web"> {
  try {
    return note.parse(JSON.parse(gunzipSync(Buffer.from(published, "base64")).toString()));
  } catch {
    return refuse(
      `How release ${shortId(id)} is served cannot be read from the volume: take twopir:release out, give twopir:site the ` +
        `content that it had, and run up. Nothing was changed.`,
    );
  }
}

export const shortId = (id: string): string => id.slice(0, 12);

const files = z.object({ count: z.number(), names: z.array(z.string()) });
const changes = z.object({ new: files, changed: files, gone: files });

/** A state that wants nothing: its check prints what a release would change. */
export const changesState = (
  release: PackedRelease,
  { mount }: Pick<Volume, "mount">,
  on: string,
): State => ({
  name: `${on}-site-changes`,
  on,
  facts: true,
  script: "site-changes",
  parameters: { mount_point: mount, files: gzipSync(JSON.stringify(release.files)).toString("base64") },
  after: [],
});

/**
 * What a release would change of the live one, in one line; undefined where nobody can tell.
 *
 * @param on The Pi that is asked.
 * @example "beside the live release: 4 new (a.html, b.html, c.html, ...), 1 changed (index.html), none gone"
 */
export async function changedFiles(
  release: PackedRelease,
  volume: Pick<Volume, "mount">,
  on: string,
  reached: ReadonlyMap<string, Reached>,
): Promise<string | undefined> {
  const state = changesState(release, volume, on);
  const { findings } = await ask([state], reached);
  const text = new Map(factsOf(findings.get(state.name))).get("changes");
  if (text === undefined) return undefined;
  const all = Object.entries(changes.parse(JSON.parse(text)));
  if (all.every(([, { count }]) => count === 0)) return undefined;
  const told = all.map(([what, { count, names }]) => {
    const more = count > names.length ? ", ..." : "";
    return count === 0 ? `none ${what}` : `${count} ${what} (${harmless(names.join(", "))}${more})`;
  });
  return `beside the live release: ${told.join(", ")}`;
}
