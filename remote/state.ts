import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RecordType } from "../operator/records";

/** The operator's machine, as the place where a state's script runs. */
export const OPERATOR = "operator";

/** What a script gets: a shell variable, or a shell array. */
type Parameter = string | number | readonly string[];

/**
 * One desired state: a script with its parameters, and where it runs.
 *
 * @example
 * {
 *   name: "pi1-nginx-package",
 *   on: "pi1",
 *   script: "package",
 *   parameters: { packages: ["nginx"] },
 *   after: [],
 * }
 */
export interface State {
  /** The name of its resource; unique in the stack. */
  readonly name: string;
  /** The Pi's name, or {@link OPERATOR}. */
  readonly on: string;
  /** Of pi/states/, without its ".sh": it says itself which parameters it takes. */
  readonly script: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** Parameters that nobody may see: encrypted in the stack's state. Default: none. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** States that must be there before this one. */
  readonly after: readonly string[];
  /** States that are done before this one where both have something to do. Default: none. */
  readonly notBeside?: readonly string[];
  /** Those of `after` whose repair can undo this one, so that it runs after them too. Default: none. */
  readonly disturbedBy?: readonly string[];
  /** The Pi without which nothing can be said or done about it. Default: the one that it runs on alone. */
  readonly concerns?: string;
  /** What makes it this state: with other values it is another one, made before the old one is removed. Default: none. */
  readonly identity?: readonly string[];
  /** True where any Pi could run it, and the first that can be reached does. Default: false. */
  readonly anywhere?: boolean;
  /** True where its check prints facts and wants nothing: it is noted nowhere, and explains nothing. Default: false. */
  readonly facts?: boolean;
  /** True where no page stands on it: what is found in it explains nothing that visitors miss. Default: false. */
  readonly aside?: boolean;
  /** Those of its notes that match are of what the user wants so, and are left out. Default: none. */
  readonly unnoted?: RegExp;
  /** The Pi that the look asks instead. Default: the one that it runs on. */
  readonly asked?: string;
  /** A file that is sent to the home of the user who logs in, where the state differs by more than a mend. */
  readonly upload?: Upload;
  /** True where what is sent is the program itself, which a new card has not. Default: false. */
  readonly brings?: boolean;
}

interface Upload {
  /** Path on this machine. Default: nothing is to be sent now, and what was sent stays as it is. */
  readonly from: string | undefined;
  readonly as: string;
  readonly bytes: number;
}

/**
 * An A or AAAA record of Cloudflare's, which has resources of its own. These know what they wrote last, and not what
 * became of it: a state that comes after each, its keeper, looks after it, and takes it away.
 */
export interface CloudflareRecord {
  /** The name of its resource; unique in the stack. */
  readonly name: string;
  readonly cloudflare: {
    readonly zoneId: string;
    readonly hostname: string;
    readonly type: RecordType;
    readonly address: string;
    /** Seconds. */
    readonly ttl: number;
    readonly comment: string;
  };
  /** States that must be there before it. */
  readonly after: readonly string[];
}

export const isState = (one: State | CloudflareRecord): one is State => "script" in one;

export type Mode = "check" | "apply" | "remove";

/** A file of pi/ that bash reads before the parameters, without its comments. */
const preamble = (name: string): string =>
  readFileSync(join(__dirname, "..", "pi", name), "utf8").replaceAll(/^ *#.*\n/gm, "");

const BLANK = preamble("blank.sh");
const GIVEN = preamble("given.sh");
const SUDO = preamble("sudo.sh");
const INSTALL = preamble("install.sh");
const BRING = preamble("bring.sh");

/** From the folder of the project, where the command plugin runs what is local. */
const HERE = 'exec bash pi/twopir given "$@"\n';

/** A text as `twopir` reads it: what goes on in further lines begins with "|" there. */
function lines(text: string): string {
  if (text.includes("\0")) throw new Error("a NUL byte cannot be a shell parameter");
  return text.replaceAll("\n", "\n|");
}

const parameter = ([name, value]: readonly [string, Parameter]): string[] =>
  typeof value !== "object"
    ? [`${name}=${lines(String(value))}`]
    : value.length === 0
      ? [`${name}[]`]
      : value.map((item) => `${name}[]=${lines(item)}`);

/**
 * A state as the program in pi/ reads it: a line for each parameter. It says whose own it is, since it is noted there; what
 * any Pi could have done is noted by none.
 *
 * @throws Error for a NUL byte, which no shell variable can hold.
 */
export function given(state: State): string {
  const own = state.on === OPERATOR || state.anywhere || state.facts ? {} : { pi: state.on };
  const all = { state: state.name, script: state.script, ...own, ...state.parameters, ...state.secrets };
  return [...Object.entries(all).flatMap(parameter), "end", ""].join("\n");
}

/** What makes a bash root's, which reads on where it ends. */
const asRoot = (sudoPassword: string): string => `${SUDO}${sudoPassword}\n`;

/**
 * What a state's command gets on stdin: a constant beginning, by which bash gives the rest to the program that is there.
 * So the command itself is bash's, as it was when a state still brought all of its script along, and none of the
 * combinations of an old command with new parameters, which ignoreChanges makes, does anything else.
 *
 * @param sudoPassword For the state that brings the program; the others need none. Default: sudo asks for none.
 */
export function stdin(state: State, sudoPassword = ""): string {
  const beginning = state.brings ? asRoot(sudoPassword) + INSTALL : GIVEN;
  return (state.on === OPERATOR ? HERE : BLANK + beginning) + given(state);
}

/**
 * What a look sends to a Pi: the program, as an archive, and the states that it checks.
 *
 * @param sudoPassword Default: sudo asks for none.
 */
export const checkAll = (
  states: readonly State[],
  nonce: string,
  program: Buffer,
  sudoPassword = "",
): Buffer =>
  Buffer.concat([
    Buffer.from(`${asRoot(sudoPassword)}${BRING}${program.length.toString()} ${nonce}\n`),
    program,
    Buffer.from(states.map(given).join("")),
  ]);

/** What a look found in one state: no reasons means that the host is as the program wants it. */
export interface Finding {
  readonly reasons: readonly string[];
  /** True where the repair can undo the states that name this one in disturbedBy. */
  readonly disturbs: boolean;
  /** Those of the reasons that cannot be the cause of anything else. Default: none. */
  readonly notes?: readonly string[];
  /** What is a reason where nothing else of the Pi or the volume has one, which would be the cause. Default: none. */
  readonly symptoms?: readonly string[];
  /** Why nothing may be changed anywhere. Default: nothing speaks against it. */
  readonly refusals?: readonly string[];
  /** What the check printed besides: the differences of files, or facts. */
  readonly details: string;
}

/** The lines NAME=VALUE that a check printed which wants nothing; see "fact" in pi/library/common.sh. */
export const factsOf = (finding: Finding | undefined): readonly (readonly [name: string, value: string])[] =>
  (finding?.details.split("\n") ?? []).flatMap((line) => {
    const [, name, value] = /^([a-z_]+)=(.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value]];
  });

/** What else the host printed, in the way of the answer to {@link checkAll}; "" where all is as it should be. */
export const beforeFindings = (answer: string, nonce: string): string =>
  answer.slice(0, Math.max(0, answer.indexOf(`${nonce} begin `))).trim();

/** The findings in the answer to {@link checkAll}; a state whose check did not finish is not among them. */
export function parseFindings(answer: string, nonce: string): Map<string, Finding> {
  const findings = new Map<string, Finding>();
  let name = "";
  let lines: string[] = [];
  for (const line of answer.split("\n")) {
    const [mark, word, rest] = split3(line);
    if (mark !== nonce) {
      lines.push(harmless(line));
    } else if (word === "begin") {
      name = rest;
      lines = [];
    } else {
      findings.set(name, finding(lines, Number(rest)));
    }
  }
  return findings;
}

/**
 * What a host printed, as it may go to a terminal: there a control character could move the cursor, set the title, or
 * hide what stands before it. Tabs and newlines stay.
 */
export const harmless = (text: string): string => text.replaceAll(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, "?");

function split3(line: string): [string, string, string] {
  const [first = "", second = "", ...rest] = line.split(" ");
  return [first, second, rest.join(" ")];
}

const CHANGE = "change: ";
const MEND = "mend: ";
const NOTE = "note: ";
const REFUSE = "refuse: ";
const SYMPTOM = "symptom: ";

function finding(lines: readonly string[], status: number): Finding {
  const told = (kind: string): string[] =>
    lines.filter((line) => line.startsWith(kind)).map((line) => line.slice(kind.length));
  const isReason = (line: string): boolean => [CHANGE, MEND, NOTE].some((kind) => line.startsWith(kind));
  const isTold = (line: string): boolean =>
    isReason(line) || line.startsWith(REFUSE) || line.startsWith(SYMPTOM);
  const disturbs = status !== 0 || told(CHANGE).length > 0;
  const reasons = lines.filter(isReason).map((line) => line.slice(line.indexOf(": ") + 2));
  const notes = told(NOTE);
  const symptoms = told(SYMPTOM);
  const refusals = told(REFUSE);
  const details = lines.filter((line) => line !== "" && !isTold(line));
  if (status !== 0) reasons.push(`cannot be checked: ${details.pop() ?? `exit status ${status.toString()}`}`);
  return {
    reasons,
    disturbs,
    ...(notes.length > 0 && { notes }),
    ...(symptoms.length > 0 && { symptoms }),
    ...(refusals.length > 0 && { refusals }),
    details: details.join("\n"),
  };
}

/** A reason in one printable line of at most 200 characters: a newline would be a command of its own. */
export const printable = (text: string): string => {
  const line = text.replaceAll(/[^\x20-\x7e]+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 199)}~` : line;
};

/**
 * The command of a state's resource, for any user: where root is needed, what it reads on stdin becomes root. It is
 * constant but for the reason, because ignoreChanges replays the one in the stack's state; whatever varies is on stdin.
 *
 * @param on The Pi's name, or {@link OPERATOR}.
 * @example command("apply", "pi1") // "bash -s apply pi1"
 */
export function command(mode: Mode, on: string, reason = ""): string {
  const words = on === OPERATOR ? `bash -s ${mode}` : `bash -s ${mode} ${on}`;
  return reason === "" ? words : `${words} # ${printable(reason)}`;
}

/**
 * The findings, with every state that a drifted one disturbs drifted too. The states come in order, each after
 * those that it names.
 */
export function propagate(
  states: readonly State[],
  found: ReadonlyMap<string, Finding>,
): Map<string, Finding> {
  const all = new Map(found);
  for (const state of states) {
    const own = all.get(state.name);
    if (own === undefined || own.disturbs) continue;
    const causes = (state.disturbedBy ?? []).filter((name) => all.get(name)?.disturbs);
    const reasons =
      own.reasons.length > 0 ? own.reasons : [`runs again after the change to ${causes.join(", ")}`];
    if (causes.length > 0) all.set(state.name, { ...own, disturbs: true, reasons });
  }
  return all;
}

/** The findings, without the notes that are of no use. */
export function withoutNotes(
  states: readonly State[],
  found: ReadonlyMap<string, Finding>,
): Map<string, Finding> {
  const all = new Map(found);
  for (const { name, unnoted } of states) {
    const own = all.get(name);
    if (unnoted === undefined || own?.notes === undefined) continue;
    const left = (reason: string): boolean => !(own.notes?.includes(reason) && unnoted.test(reason));
    all.set(name, { ...own, reasons: own.reasons.filter(left), notes: own.notes.filter(left) });
  }
  return all;
}

/** The findings, with the symptoms that nothing else explains among the reasons. */
export function explain(states: readonly State[], found: ReadonlyMap<string, Finding>): Map<string, Finding> {
  const causes = states.filter((state) => explains(state, found));
  const explained = new Set(causes.map(placeOfCause));
  const all = new Map(found);
  for (const state of states) {
    const own = all.get(state.name);
    if (own?.symptoms === undefined || explained.has(state.on) || explained.has(ANYWHERE)) continue;
    all.set(state.name, { ...own, reasons: [...own.reasons, ...own.symptoms] });
  }
  return all;
}

/** Whether what was found in a state may be why visitors do not get the page. */
export function explains({ name, facts, aside }: State, found: ReadonlyMap<string, Finding>): boolean {
  const { reasons = [], notes = [] } = found.get(name) ?? {};
  return !facts && !aside && reasons.length > notes.length;
}

/** The volume and the site are every Pi's. */
const ANYWHERE = "";
const placeOfCause = ({ on, anywhere }: State): string => (anywhere ? ANYWHERE : on);
