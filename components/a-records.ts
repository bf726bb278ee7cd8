import { OPERATOR, type CloudflareRecord, type State } from "../remote/state";
import type { ClusterArgs, Pi } from "./args";
import { names, type Part } from "./part";

type Addresses = Pick<ClusterArgs, "pis" | "floatingAddresses">;

/** Where a Pi's A record points: at its floating address, or at its own where there are none. */
export const recordAddress = ({ pis, floatingAddresses }: Addresses, pi: Pi): string =>
  floatingAddresses[pis.indexOf(pi)] ?? pi.address;

/** The Pis that have an A record, all but the drained ones, and where it points. */
export const recordTargets = (args: Addresses): { readonly pi: Pi; readonly address: string }[] =>
  args.pis.filter((pi) => !pi.drained).map((pi) => ({ pi, address: recordAddress(args, pi) }));

type ARecordsArgs = Pick<ClusterArgs, "pis" | "hostname" | "floatingAddresses" | "dns" | "volume"> & {
  /** The Pi that is asked whether everything is healed. */
  readonly leader: Pi;
  /** Those whose nginx comes first: the ones that can be reached now, so that a dead Pi holds up no record. */
  readonly living: readonly Pi[];
};

/**
 * One name with an A record for each Pi, as desired states after a gate: every copy of the volume is healed. Each record
 * comes after its Pi serves; and one state says that there are no others, where the provider is not Cloudflare, which has
 * its own records.
 */
export function aRecordsPart(args: ARecordsArgs): Part {
  const { hostname, floatingAddresses, dns, volume, leader, living } = args;
  const targets = recordTargets(args);
  const addresses = targets.map(({ address }) => address);
  const gate: State = {
    name: `${volume.name}-healed`,
    on: leader.name,
    anywhere: true,
    script: "healed",
    parameters: { volume: volume.name, serving: addresses },
    after: living.map(names.nginx),
  };
  const record = (pi: Pi) => ({
    name: `${pi.name}-a-record`,
    after: [names.nginx(pi), ...(floatingAddresses.length > 0 ? [names.keepalived(pi)] : []), gate.name],
  });
  const part = { type: "ARecords", name: NAME };
  if (dns.provider === "none") return { ...part, states: [gate] };
  if (dns.provider === "cloudflare") {
    const { zoneId, ttl } = dns;
    const records = targets.map(({ pi, address }): CloudflareRecord => ({
      ...record(pi),
      cloudflare: { zoneId, ttl, hostname, address, comment: `twopir: ${pi.name}` },
    }));
    return { ...part, states: [gate, ...records] };
  }
  const { server, zone, keyName, keySecret } = dns;
  const common = { on: OPERATOR, secrets: { key_secret: keySecret } };
  const parameters = { server, zone, name: hostname, key_name: keyName };
  const records = targets.map(({ pi, address }): State => ({
    ...common,
    ...record(pi),
    script: "a-record",
    parameters: { ...parameters, address, ttl: dns.ttl },
    identity: [server, zone, hostname, address],
  }));
  const noOthers: State = {
    ...common,
    name: "no-other-a-records",
    script: "a-records-only",
    parameters: { ...parameters, addresses },
    after: records.map(({ name }) => name),
  };
  return { ...part, states: [gate, ...records, noOthers] };
}

/** Not the host's name: another name in the config must not make another component, with other children. */
const NAME = "a-records";
