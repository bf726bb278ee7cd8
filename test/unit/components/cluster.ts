import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";
import { vi } from "vitest";
import type { ClusterArgs, Dns } from "../../../components/args";
import { Cluster, clusterParts, statesOf } from "../../../components/cluster";
import type { RecordsNow } from "../../../operator/records";
import { Resources } from "../../../remote/resources";
import type { Pi } from "../../../components/args";
import type { Look, PiAddress, Reached } from "../../../remote/look";
import type { HostProblem } from "../../../remote/ssh";
import type { Finding, State } from "../../../remote/state";

export const SECRET = "dGhpcyBrZXkgaXMgYSBzZWNyZXQ=";
export const rfc2136: Dns = {
  provider: "rfc2136",
  server: "192.168.0.53",
  zone: "example.com",
  ttl: 60,
  keyName: "twopir",
  keySecret: SECRET,
  fewRecords: false,
};

/** So many Pis, of which the first three store, as the config hands them over. */
const pis = (count: number): (Pi & PiAddress)[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `pi${i + 1}`,
    address: `192.168.0.${121 + i}`,
    user: i === 1 ? "root" : "pi",
    storage: i < 3,
    arbiter: false,
    drained: false,
  }));

/** A cluster, and how to log in to it. */
export type Args = Omit<ClusterArgs, "pis"> & { readonly pis: readonly (Pi & PiAddress)[] };

/** The article's cluster, with so many Pis. */
export const cluster = (count: number, more: Partial<ClusterArgs> = {}): Args => ({
  hostname: "twopir.example.com",
  serverNames: ["twopir"],
  volume: { name: "gv0", mount: "/mnt/gluster1", brick: "/data/brick1/gv0", clients: [], disconnect: false },
  failover: 1,
  floatingAddresses: [],
  floatingAddresses6: [],
  splitBrain: "report",
  updates: "security",
  keepReleases: 3,
  dns: rfc2136,
  ...more,
  pis: pis(count),
});

/** All states of a cluster in which only the Pis without these can be reached. */
export const states = (args: ClusterArgs, ...unreachable: string[]): State[] =>
  statesOf(
    clusterParts(args, new Set(args.pis.map((pi) => pi.name).filter((name) => !unreachable.includes(name)))),
  );

/** A resource as the engine was asked for it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly parent: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly secrets: readonly string[];
  readonly after: readonly string[];
  readonly ignoreChanges: readonly string[];
  readonly retainOnDelete: boolean;
  readonly replaceOnChanges: readonly string[];
  readonly importId: string;
}

/** What a request to the engine has of a resource; the mocks hand only a part of it on. */
interface Request {
  getType: () => string;
  getName: () => string;
  getParent: () => string;
  getObject: () => { toJavaScript: () => Record<string, unknown> };
  getDependenciesList: () => string[];
  getIgnorechangesList: () => string[];
  getRetainondelete: () => boolean;
  getReplaceonchangesList: () => string[];
  getImportid: () => string;
}

// How the engine's protocol marks a secret; an asset has the same key with another value.
const MARK = "4dabf18193072939515e22adb298388d";
const SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270";
const lastName = (urn: string): string => urn.split("::").at(-1) ?? "";

function registered(request: Request): Registered {
  const secrets: string[] = [];
  const inputs = Object.entries(request.getObject().toJavaScript()).map(([key, value]) => {
    const isSecret = (value as { [MARK]?: unknown } | null)?.[MARK] === SECRET_MARK;
    if (isSecret) secrets.push(key);
    return [key, isSecret ? (value as { value?: unknown }).value : value] as const;
  });
  return {
    type: request.getType(),
    name: request.getName(),
    parent: lastName(request.getParent()),
    inputs: Object.fromEntries(inputs),
    secrets,
    after: request.getDependenciesList().map(lastName),
    ignoreChanges: request.getIgnorechangesList(),
    retainOnDelete: request.getRetainondelete(),
    replaceOnChanges: request.getReplaceonchangesList(),
    importId: request.getImportid(),
  };
}

/** What a look at the cluster found; nothing: the hosts are as they should be. */
export interface Seen {
  readonly drifted?: Readonly<Record<string, Finding>>;
  readonly problems?: Readonly<Record<string, HostProblem>>;
  readonly preview?: boolean;
  /** Pis that are drained. Default: none. */
  readonly away?: readonly string[];
  /** As those of {@link Resources}. */
  readonly ownWay?: boolean;
  readonly records?: RecordsNow;
  readonly triggers?: ReadonlyMap<string, readonly string[]>;
}

/**
 * Declares a cluster to an engine that only takes notes.
 *
 * @returns the resources by name, and what was logged.
 */
export async function declare(
  args: Args,
  { drifted = {}, problems = {}, preview = false, away = [], ownWay, records, triggers }: Seen = {},
): Promise<{ resources: Map<string, Registered>; log: string[] }> {
  await pulumi.runtime.setMocks(
    { newResource: ({ name, inputs }) => ({ id: name, state: inputs as object }), call: () => ({}) },
    "twopir",
    "test",
    preview,
  );
  const log: string[] = [];
  vi.spyOn(pulumi.log, "warn").mockImplementation((text) =>
    Promise.resolve(void log.push(`warning: ${text}`)),
  );
  vi.spyOn(pulumi.log, "info").mockImplementation((text) => Promise.resolve(void log.push(text)));
  const requests = vi.spyOn(MockMonitor.prototype, "registerResource");
  try {
    const reached = new Map<string, Reached>(
      args.pis.map((pi) => [
        pi.name,
        {
          login: {
            ...pi,
            hostKey: `ssh-ed25519 ${pi.name}`,
            privateKey: "PRIVATE KEY",
            passphrase: "open sesame",
          },
          ...(problems[pi.name] === undefined ? {} : { problem: problems[pi.name] }),
          ...(away.includes(pi.name) ? { drained: true } : {}),
        },
      ]),
    );
    const parts = clusterParts(
      args,
      new Set([...reached].flatMap(([name, { problem, drained }]) => (problem || drained ? [] : [name]))),
    );
    const findings = new Map<string, Finding>(
      parts.flatMap((part) =>
        part.states.map(({ name }) => [name, drifted[name] ?? { reasons: [], disturbs: false, details: "" }]),
      ),
    );
    const seen: Look = { findings, problems: Object.values(problems) };
    new Cluster("twopir", { parts, resources: new Resources(reached, seen, ownWay, records, triggers) });
    await pulumi.runtime.disconnect();
    const all = requests.mock.calls.map(([request]) => registered(request as Request));
    return { resources: new Map(all.map((one) => [one.name, one])), log };
  } finally {
    vi.restoreAllMocks();
  }
}
