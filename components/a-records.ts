import { storedHeaders } from "../operator/cloudflare";
import { OPERATOR, type CloudflareRecord, type State } from "../remote/state";
import { ONLY, onlyName, TYPES, type Addresses, type RecordType } from "../operator/records";
import type { ClusterArgs, Dns, Pi } from "./args";
import { names, serving, type Part } from "./part";

type Addressed = Pick<ClusterArgs, "pis" | "floatingAddresses" | "floatingAddresses6">;

/** Where a Pi's record of a type points: at its floating address, or at its own; undefined where it has none. */
export function recordAddress(args: Addressed, pi: Pi, type: RecordType): string | undefined {
  const [floating, own] =
    type === "A" ? [args.floatingAddresses, pi.address] : [args.floatingAddresses6, pi.address6];
  return floating[args.pis.indexOf(pi)] ?? own;
}

/** The Pis that have a record of a type, none of them drained, and where it points. */
export const recordTargets = (
  args: Addressed,
  type: RecordType,
): { readonly pi: Pi; readonly address: string }[] =>
  args.pis.flatMap((pi) => {
    const address = recordAddress(args, pi, type);
    return pi.drained || address === undefined ? [] : { pi, address };
  });

/** Where the records point, by their type. */
export const recordAddresses = (args: Addressed): Addresses => {
  const of = (type: RecordType): string[] => recordTargets(args, type).map(({ address }) => address);
  return { A: of("A"), AAAA: of("AAAA") };
};

type ARecordsArgs = Pick<ClusterArgs, "hostname" | "dns" | "volume"> &
  Addressed & {
    /** The Pi that is asked whether everything is healed. */
    readonly leader: Pi;
    /** Those whose nginx comes first: the ones that can be reached now, so that a dead Pi holds up no record. */
    readonly living: readonly Pi[];
  };

/**
 * One name with an A record for each Pi, and an AAAA record for each that has an IPv6 address, as desired states after a
 * gate: every copy of the volume is healed. Each record comes after its Pi serves there; and for each type one state says
 * that there are no others, where the provider is not Cloudflare, which has its own records.
 */
export function aRecordsPart(args: ARecordsArgs): Part {
  const { dns, volume, leader, living } = args;
  const gate: State = {
    name: names.healed(volume.name),
    on: leader.name,
    anywhere: true,
    script: "healed",
    parameters: { volume: volume.name, brick: volume.brick, accept: "", serving: recordAddresses(args).A },
    after: living.map(names.nginx),
  };
  const records = dns.provider === "none" ? [] : TYPES.flatMap((type) => recordStates(args, dns, type));
  return { type: "ARecords", name: NAME, states: [gate, ...records] };
}

function recordStates(
  args: ARecordsArgs,
  dns: Exclude<Dns, { provider: "none" }>,
  type: RecordType,
): (State | CloudflareRecord)[] {
  const { hostname, volume } = args;
  const targets = recordTargets(args, type);
  if (targets.length === 0) return [];
  const { script, only, parameters, secrets, identity } = kept(dns, hostname, type);
  const records = targets.flatMap(({ pi, address }): (State | CloudflareRecord)[] => {
    const name = `${pi.name}-${type.toLowerCase()}-record`;
    const serves = type === "A" ? serving({ ...args, pi }) : [names.ipv6(pi)];
    const state: State = {
      ...{ name, on: OPERATOR, script, secrets, after: [...serves, names.healed(volume.name)] },
      parameters: { ...parameters, address, ttl: dns.ttl },
      identity: [...identity, address],
      aside: true,
    };
    if (dns.provider === "rfc2136") return [state];
    const { zoneId, ttl } = dns;
    const comment = `twopir: ${pi.name}`;
    const keeper = { ...state, name: `${name}-keeper`, parameters: { ...state.parameters, comment } };
    const record = { zoneId, hostname, type, address, ttl, comment };
    return [
      { name, cloudflare: record, after: state.after },
      { ...keeper, after: [name] },
    ];
  });
  const noOthers: State = {
    ...{ name: onlyName(only.name, type), on: OPERATOR, script: only.script, secrets },
    parameters: { ...parameters, addresses: targets.map(({ address }) => address) },
    after: records.map(({ name }) => name),
    aside: true,
  };
  return [...records, noOthers];
}

/** What keeps the records of a type, at whoever has the zone, and which these are but for their addresses. */
interface Kept extends Pick<State, "script" | "parameters" | "secrets"> {
  /**
   * What says that there are no others. By a name of its own, since an update that goes from one provider to the other and
   * fails half-way would leave the one of before, with what it comes after gone: the engine refuses such a state.
   */
  readonly only: { readonly name: string; readonly script: string };
  readonly identity: readonly string[];
}

function kept(dns: Exclude<Dns, { provider: "none" }>, name: string, type: RecordType): Kept {
  if (dns.provider === "cloudflare") {
    const { zoneId, access } = dns;
    return {
      script: "cloudflare-record",
      only: { name: ONLY.cloudflare, script: "cloudflare-records" },
      parameters: { api: access.api, zone_id: zoneId, name, type, email: access.email ?? "" },
      secrets: { headers: storedHeaders(access) },
      identity: [zoneId, name],
    };
  }
  const { server, zone, keyName, keySecret } = dns;
  return {
    script: "a-record",
    only: { name: ONLY.rfc2136, script: "a-records-only" },
    parameters: { server, zone, name, key_name: keyName },
    secrets: { key_secret: keySecret },
    identity: [zone, name], // a server by another name, or another one of the zone's, has the same record
  };
}

/** Not the host's name: another name in the config must not make another component, with other children. */
const NAME = "a-records";
