import { DnsRecord } from "@pulumi/cloudflare/dnsRecord";
import * as local from "@pulumi/command/local";
import * as remote from "@pulumi/command/remote";
import * as pulumi from "@pulumi/pulumi";
import type { Look, Reached } from "./look";
import { RENEW } from "../operator/hosts";
import type { CloudflareFound } from "../operator/cloudflare";
import type { DeclaredRecord } from "../operator/engine";
import type { RecordsNow } from "../operator/records";
import { refuse } from "../operator/refuse";
import { DIAL_SECONDS, type Login } from "./ssh";
import { command, isState, OPERATOR, stdin, type CloudflareRecord, type State } from "./state";

const KEYS = ["connection.privateKey", "connection.privateKeyPassword"];
const WAY = ["connection.port", "connection.proxy"];

/** Failed attempts to connect that a resource bears: with the one after, a Pi that is off costs it 10 s. */
const DIAL_ERRORS = 1;

const MB = 1e6;
/** Bytes of which it is said how many are sent: a second or two on a home network. */
const TOLD = 10 * MB;

/**
 * Turns desired states into resources. What the look found decides whether the engine sees a change: a drifted
 * state's update command carries the reason, an undrifted one's is ignored.
 */
export class Resources {
  readonly #declared = new Map<string, pulumi.Resource>();
  /** Of each resource an output, which stays unknown where the engine left the resource out. */
  readonly #made: pulumi.Output<unknown>[] = [];
  /** What a drained Pi is to have when it is not drained any more. */
  readonly #later = new Set<string>();
  /** Inputs that are the operator's own. */
  readonly #own: readonly string[];
  readonly #seen = new Date().toISOString().slice(0, 19).replace("T", " ");

  /**
   * @param ownWay True where operators may have ports and jump hosts of their own. Default: these are the config's.
   * @param records Default: the zone is not at Cloudflare, or nobody answers there.
   * @param triggers By which values each resource is what it is, in the engine's state. Default: nothing is known.
   */
  constructor(
    private readonly reached: ReadonlyMap<string, Reached>,
    private readonly seen: Look,
    ownWay = false,
    private readonly records?: RecordsNow,
    private readonly triggers: ReadonlyMap<string, readonly string[]> = new Map(),
  ) {
    this.#own = RENEW ? [] : [...KEYS, ...(ownWay ? WAY : [])];
    this.#speak();
  }

  /** What could not be looked at: a warning; an error where sudo is barred, and in an update where going on is unsafe. */
  #speak(): void {
    const refused = this.seen.problems.filter(
      ({ kind }) => kind === "barred" || (kind === "refused" && !pulumi.runtime.isDryRun()),
    );
    if (refused.length > 0)
      refuse(["Nothing was changed:", ...refused.map((problem) => `- ${problem.message}`)].join("\n"));
    for (const problem of this.seen.problems) void pulumi.log.warn(problem.message);
  }

  /**
   * Ends an update in which something was left out, once all the rest is done, and before the engine removes anything: it
   * keeps what a failed resource comes after, but not what those come after which it leaves out because of that. So nginx
   * would lose the release that it serves, and visitors the floating addresses that the records still have.
   *
   * @throws pulumi.RunError Not in a preview, nor in a destroy, where what was never made is no failure.
   */
  async requireAll(): Promise<void> {
    if (pulumi.runtime.isDryRun()) return;
    const made = await Promise.all(this.#made.map(isKnown));
    if (made.includes(false))
      refuse(
        "Some of it failed, see above, so nothing was removed. Run pulumi up again when that is mended.",
      );
  }

  /** The resources of states that were declared before. */
  #resources(names: readonly string[]): pulumi.Resource[] {
    return names.flatMap((name) => {
      const resource = this.#declared.get(name);
      if (resource === undefined && !this.#later.has(name)) throw new Error(`${name} is not declared yet`);
      return resource ?? [];
    });
  }

  /**
   * Declares one state as a resource.
   *
   * @throws Error where it names a state that is not declared yet, or a Pi that there is not.
   */
  declare(state: State | CloudflareRecord, parent: pulumi.Resource): void {
    // The engine leaves a drained Pi's resources as they are, and would create new ones.
    const isNew = this.triggers.size > 0 && !this.triggers.has(state.name);
    if (isState(state) && this.reached.get(state.on)?.drained && isNew) {
      this.#later.add(state.name);
      return;
    }
    const resource = isState(state) ? this.#command(state, parent) : this.#record(state, parent);
    this.#declared.set(state.name, resource);
  }

  /**
   * One that is gone is made again: by another comment, which replaces it, since that is all that may differ from what the
   * engine has. One that is there already, and is not the one in the engine's state, is adopted. One of a version that had
   * no keepers first gets one: until then the engine would have the provider delete what is gone.
   */
  #record({ name, cloudflare, after }: CloudflareRecord, parent: pulumi.Resource): pulumi.Resource {
    const { zoneId, hostname, type, address, ttl, comment } = cloudflare;
    const there = this.records?.there.find((one) => one.type === type && one.content === address);
    const known = this.records?.declared.get(name);
    const isDeclared = known?.zoneId === zoneId && known.name === hostname && known.content === address;
    const mayReplace = known === undefined || known.hasKeeper;
    const gone = this.records !== undefined && there === undefined && isDeclared && mayReplace;
    const adopted = there !== undefined && mayReplace && !(isDeclared && madeTogether(known, there));
    const inputs = {
      ...{ zoneId, ttl, type, name: hostname, content: address },
      proxied: false, // the browser must see every address to go on to the next one
      comment: gone ? `${comment}, again ${this.#seen}` : comment, // Cloudflare takes 100 characters
    };
    const record = new DnsRecord(name, inputs, {
      parent,
      dependsOn: this.#resources(after),
      retainOnDelete: true, // the provider fails for ever where it is gone: its keeper takes it away
      replaceOnChanges: ["zoneId", "name", "type", "content", "comment"],
      ignoreChanges: gone ? [] : ["comment"],
      ...(adopted && { import: `${zoneId}/${there.id}` }),
    });
    this.#made.push(record.createdOn);
    return record;
  }

  #command(state: State, parent: pulumi.Resource): pulumi.Resource {
    this.#resources(state.disturbedBy ?? []);
    const pis = [...(state.on === OPERATOR ? [] : [state.on]), ...(state.concerns ? [state.concerns] : [])];
    for (const pi of pis)
      if (!this.reached.has(pi)) throw new Error(`${state.name} names ${pi}, which is no Pi of the cluster`);
    const finding = this.seen.findings.get(state.name);
    const drifted = this.#drifted(state.name);
    // The time first: what is cut off of a long reason must not be what makes this update another one than the last.
    const reason = drifted ? `seen ${this.#seen} UTC: ${finding?.reasons.join("; ") ?? ""}` : "";
    const reached = this.reached.get(state.on);
    const sudoPassword = state.brings ? reached?.login.sudoPassword : undefined;
    const input = stdin(state, sudoPassword);
    const args = {
      create: command("apply", state.on),
      update: command("apply", state.on, reason),
      delete: command("remove", state.on),
      stdin: (state.secrets ?? sudoPassword) === undefined ? input : pulumi.secret(input),
      addPreviousOutputInEnv: false, // needs AcceptEnv in the Pi's sshd
      ...(state.identity === undefined ? {} : { triggers: [...state.identity] }),
    };
    const others = drifted ? (state.notBeside ?? []).filter((name) => this.#drifted(name)) : [];
    const after = this.#resources([...state.after, ...others]);
    const options = {
      parent,
      dependsOn: [...after, ...this.#send(state, parent, after)],
      ignoreChanges: [
        ...(this.#isSame(state) ? ["triggers"] : []),
        ...(drifted ? [] : ["update", ...this.#ignored(state, reached)]),
      ],
      retainOnDelete: mayBeDead(reached),
    };
    const resource =
      reached === undefined
        ? new local.Command(state.name, args, options)
        : new remote.Command(state.name, { ...args, connection: connection(reached) }, options);
    if (drifted && pulumi.runtime.isDryRun()) this.#tell(state, resource);
    this.#made.push(resource.stdout);
    return resource;
  }

  /** Whether the look found that it has something to do. */
  #drifted(name: string): boolean {
    return (this.seen.findings.get(name)?.reasons.length ?? 0) > 0;
  }

  /**
   * Whether it is the one that the engine has: replaced by itself it would be made, which finds it there, and then removed.
   * A version before had the name server before the rest.
   */
  #isSame({ name, identity = [] }: State): boolean {
    const last = this.triggers.get(name)?.slice(-identity.length);
    return identity.length > 0 && JSON.stringify(last) === JSON.stringify(identity);
  }

  /** Sends the file that a state's script needs, and nothing while the look says that it needs none. */
  #send(state: State, parent: pulumi.Resource, dependsOn: pulumi.Resource[]): pulumi.Resource[] {
    const reached = this.reached.get(state.on);
    if (state.upload === undefined || reached === undefined) return [];
    const { from, as, bytes } = state.upload;
    const inputs = {
      connection: connection(reached),
      source: from === undefined ? new pulumi.asset.StringAsset("") : new pulumi.asset.FileAsset(from),
      remotePath: as,
      triggers: [this.#seen], // the same file again, where it did not get to its place
    };
    const sends = from !== undefined && this.seen.findings.get(state.name)?.disturbs;
    const options = { parent, dependsOn, ignoreChanges: sends ? [] : Object.keys(inputs) };
    const upload = new remote.CopyToRemote(`${state.name}-upload`, inputs, options);
    if (sends && bytes > TOLD) void pulumi.log.info(`${Math.round(bytes / MB)} MB for ${state.on}`, upload);
    return [upload];
  }

  /** Inputs whose change is none of the cluster: who can be reached from here and now, and all of a drained Pi. */
  #ignored(state: State, reached: Reached | undefined): readonly string[] {
    if (reached?.drained) return ["connection", "create", "delete", "stdin"];
    const first = [...this.reached].find(([, { drained }]) => !drained)?.[0];
    // What matters of other parameters, the look finds to differ; the rest waits until the first Pi is back.
    if (state.anywhere && state.on !== first) return ["connection", "create", "delete", "stdin"];
    if (reached?.problem?.kind === "refused") return ["connection"];
    if (reached === undefined) return [];
    // Of the program's own parameters the look has found none to differ, so it is sudo's password that does.
    return state.brings && this.seen.findings.has(state.name) ? [...this.#own, "stdin"] : this.#own;
  }

  #tell(state: State, resource: pulumi.Resource): void {
    const finding = this.seen.findings.get(state.name);
    for (const reason of finding?.reasons ?? [])
      if (!reason.startsWith("not yet: ")) void pulumi.log.info(`${state.name}: ${reason}`, resource);
    if (finding?.details) void pulumi.log.info(finding.details, resource);
  }
}

/** Not in the SDK's types. The way that is, "apply", is never called for what is unknown, and so tells nothing. */
const isKnown = (output: pulumi.Output<unknown>): Promise<boolean> =>
  (output as unknown as { readonly isKnown: Promise<boolean> }).isKnown;

/** Whether the engine's record is the one that is there, and not another one with the same content. */
const madeTogether = ({ createdOn }: DeclaredRecord, there: CloudflareFound): boolean =>
  !createdOn || !there.created_on || Math.abs(Date.parse(createdOn) - Date.parse(there.created_on)) < 1000;

/** Where nobody answers, destroy, or taking the Pi out of the list, leaves its card as it is and goes on. */
const mayBeDead = (reached: Reached | undefined): boolean =>
  reached?.drained === true || reached?.problem?.kind === "silent";

/**
 * The connection carries nothing of the operator's machine but the key, and the way that ~/.ssh/config has, so that every
 * operator has the same one; with the agent no key either: the plugin finds it by SSH_AUTH_SOCK.
 */
const connection = ({ login }: Reached): remote.CommandArgs["connection"] => ({
  ...endpoint(login),
  ...(login.jump && { proxy: endpoint(login.jump) }),
});

const endpoint = ({ address, port, user, hostKey, privateKey, passphrase }: Login) => ({
  host: address,
  ...(port === undefined ? {} : { port }),
  user,
  hostKey,
  ...(privateKey === undefined ? {} : { privateKey: pulumi.secret(privateKey) }),
  ...(passphrase === undefined ? {} : { privateKeyPassword: pulumi.secret(passphrase) }),
  perDialTimeout: DIAL_SECONDS,
  dialErrorLimit: DIAL_ERRORS,
});
