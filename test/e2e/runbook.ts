import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LAB, root, SUBNET } from "../../lab/drive/lab";

/** A part of docs/operations.md that is indented: commands, lines of the config, or what one sees. */
export interface Block {
  /** The heading that it is under. */
  readonly under: string;
  /** Its lines without the indent. */
  readonly text: string;
}

export const RUNBOOK = readFileSync(join(root, "docs", "operations.md"), "utf8");

/** Each heading of a document with the text under it. */
export const sectionsOf = (document: string): { readonly heading: string; readonly text: string }[] =>
  document
    .split(/^#+ /m)
    .slice(1)
    .map((section) => {
      const [heading = "", ...lines] = section.split("\n");
      return { heading, text: lines.join("\n") };
    });

/** All indented blocks; a blank line between two indented ones is within a block. */
export const blocksOf = (document: string): Block[] =>
  sectionsOf(document).flatMap(({ heading, text }) =>
    (text.match(/(?<=\n\n|^\n)(?: {4}.*\n(?:\n+(?= {4}))?)+/g) ?? []).map((block) => ({
      under: heading,
      text: block.replaceAll(/^ {4}/gm, "").trimEnd(),
    })),
  );

/** Where a block is: the heading that it is under, and how it begins. */
type Place = readonly [under: string, begin: string];

/** The blocks that cases of runbook.test.ts type or see, by the name that they have there. */
export const PLAYED = {
  environment: ["Operations", "export PULUMI_STACK=prod"],
  look: ["What is wrong?", "npm run status"],
  lookOnPi: ["What is wrong?", "sudo twopir status"],
  interrupted: ["An up that was interrupted", "pulumi up"],
  drained: ["Work on a Pi", "twopir:pis:"],
  deadCard: ["A dead card", "ssh-keygen -R"],
  differing: ["Copies that differ", "pi2-full-copy:"],
  acceptCopy: ["Copies that differ", "pulumi config set"],
  countCopy: ["Which copy counts", "pulumi config set"],
  split: ["Split brain", "gv0-no-split-brain:"],
  choose: ["Split brain", "pulumi config set"],
  formerAddress: ["Another address", "sudo ip address add"],
  floating: ["When a plug is pulled", "twopir:floatingAddresses:"],
  handToGroup: ["Content and releases", "sudo chgrp"],
  goBack: ["Content and releases", "pulumi config set"],
  fallback: ["How a site is served", "pulumi config set"],
  rules: ["How a site is served", "# _redirects"],
  renewKeys: ["Two operators", "TWOPIR_RENEW_KEYS=true"],
  lostState: ["Lost state", "pulumi stack init"],
  lostPassphrase: ["Lost state", "pulumi stack rm"],
  movedState: ["Lost state", "pulumi stack export"],
  newVersion: ["A new version", "git pull"],
  earlierVersion: ["Back to an earlier version", "git checkout"],
  takeBack: ["Taking everything back", "pulumi destroy"],
} as const satisfies Readonly<Record<string, Place>>;

/** Those that no case of that file plays, and which file of tests does. */
export const ELSEWHERE: readonly (readonly [...Place, file: string])[] = [
  // The Pi must lose a disk by its power, after up has filled it.
  ["A dead disk", "pi2-brick:", "test/e2e/full-copy.test.ts"],
  // A Pi with the module is another Pi for all cases after it.
  ["How a site is served", "sudo apt install", "test/e2e/web.test.ts"],
  // Two must run at once, beside somebody's apt.
  ["Two operators", "waiting until this is done:", "test/e2e/two-operators.test.ts"],
];

export const isAt =
  ([under, begin]: readonly [under: string, begin: string, ...unknown[]]) =>
  (block: Block): boolean =>
    block.under === under && block.text.startsWith(begin);

/** What is another one in the lab than in the document; nothing else is. */
const SUBSTITUTES: readonly (readonly [theirs: string, ours: string])[] = [
  ["192.168.0.", `${SUBNET}.`],
  ["prod", LAB],
  ["STATE", "pi1-nginx"],
  ["TAG", "before"],
];

const substituted = (text: string): string =>
  SUBSTITUTES.reduce((done, [theirs, ours]) => done.replaceAll(theirs, ours), text);

/** A block of the document, as it is typed in the lab. */
export function block(name: keyof typeof PLAYED): string {
  const [found] = blocksOf(RUNBOOK).filter(isAt(PLAYED[name]));
  if (found === undefined) throw new Error(`docs/operations.md has no block ${PLAYED[name].join(": ")}`);
  return substituted(found.text);
}

/** Words in a paragraph under a heading, such as a command, which must be there. */
export function inText(under: string, words: string): string {
  const section = sectionsOf(RUNBOOK).find(({ heading }) => heading === under);
  if (!section?.text.replaceAll(/\s+/g, " ").includes(`\`${words}\``))
    throw new Error(`docs/operations.md, "${under}", lacks ${words}`);
  return substituted(words);
}

/** What one sees, where "..." stands for anything. */
export const asSeen = (text: string): RegExp =>
  new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(String.raw`\.\.\.`, ".*"));
