import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";

// What of a site can be published, and perhaps should not be.

/**
 * A sentence for what another machine makes of names.
 *
 * @param names Relative to the folder.
 * @example namesInDoubt(["Logo.png", "logo.png"]) // ['the site has "Logo.png" and "logo.png", which ...']
 */
export const namesInDoubt = (names: readonly string[]): string[] => [...alike(names), ...inParts(names)];

/** Names that a machine which tells capitals from small letters has side by side: others make one file of them. */
function alike(names: readonly string[]): string[] {
  const first = new Map<string, string>();
  return names.flatMap((name) => {
    const other = first.get(name.toLowerCase());
    if (other === undefined) first.set(name.toLowerCase(), name);
    return other === undefined || dirname(other) !== dirname(name)
      ? []
      : `the site has ${JSON.stringify(other)} and ${JSON.stringify(name)}, which differ by capital letters only: visitors ` +
          `get each at its own address, and on a Mac or on Windows the folder has but one of them`;
  });
}

/** A Mac opens "\u00fc" and "u" with two dots after it as one name; nginx does not, and links have the first. */
function inParts(names: readonly string[]): string[] {
  const [first, ...others] = names.filter((name) => name !== name.normalize("NFC"));
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  return [
    `the name ${JSON.stringify(first)}${more} has a letter and its accent as two characters, as Macs write them: who types ` +
      `the address finds no page; rename it`,
  ];
}

/**
 * Packed pages that are not of the page beside them, as a build leaves them that packs no more: nginx sends page.html.gz in
 * the place of page.html to who takes it packed, and every browser does.
 *
 * @param files A hash of each file, by its name relative to the folder.
 * @param hashOf Makes such a hash.
 */
export const staleIn = (
  folder: string,
  files: Readonly<Record<string, string>>,
  hashOf: (content: Buffer) => string,
): string[] =>
  Object.keys(files).filter((name) => {
    const page = files[name.replace(/\.gz$/, "")];
    if (!name.endsWith(".gz") || page === undefined) return false;
    try {
      return page !== hashOf(gunzipSync(readFileSync(join(folder, name))));
    } catch {
      return true; // it is no gzip
    }
  });

/** A sentence for one of those. */
export const staleOf = (name: string): string =>
  `${JSON.stringify(name)} is not ${JSON.stringify(basename(name, ".gz"))} as it is now, and browsers get it in its place: ` +
  `pack it again, or take it out`;
