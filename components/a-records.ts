import { DnsRecord } from "@pulumi/cloudflare/dnsRecord";
import * as pulumi from "@pulumi/pulumi";
import type { Hosts } from "../remote/hosts";
import { OPERATOR, type State } from "../remote/state";
import { names, type Part, type Pi } from "./part";

/** Who keeps the zone. */
export type Dns =
  | { readonly provider: "none" }
  /** The token is the provider's own setting, cloudflare:apiToken. TTL in seconds: 60 to 86400. */
  | {
      readonly provider: "cloudflare";
      readonly zoneId: string;
      readonly ttl: number;
      /** True: an update may leave fewer than half of the records that there are. */
      readonly fewRecords: boolean;
    }
  /** Any server that takes dynamic updates with a TSIG key (hmac-sha256): BIND, Knot, PowerDNS, Windows. */
  | {
      readonly provider: "rfc2136";
      /** IPv4 address or name of the primary server. */
      readonly server: string;
      readonly zone: string;
      /** Seconds. */
      readonly ttl: number;
      readonly keyName: string;
      /** Base64, as tsig-keygen prints it. */
      readonly keySecret: string;
      /** True: an update may leave fewer than half of the records that there are. */
      readonly fewRecords: boolean;
    };

export interface ARecordsArgs {
  /** The name that carries the records, e.g. "twopir.example.com". */
  readonly hostname: string;
  /** Those that get a record, and where it points. */
  readonly targets: readonly { readonly pi: Pi; readonly address: string }[];
  /** True where the records point at floating addresses, which must be held first. */
  readonly floating: boolean;
  readonly dns: Dns;
  readonly volume: string;
  /** The Pi that is asked whether everything is healed. */
  readonly leader: Pi;
  /** Those whose nginx comes first: the ones that can be reached now, so that a dead Pi holds up no record. */
  readonly living: readonly Pi[];
}

const healed = (volume: string): string => `${volume}-healed`;
/** Not the host's name: another name in the config must not make another component, with other children. */
const NAME = "a-records";
/** What must be there before a record points at a Pi. */
const served = ({ floating }: ARecordsArgs, pi: Pi): string[] => [
  names.nginx(pi),
  ...(floating ? [names.keepalived(pi)] : []),
];
const recordName = (pi: Pi): string => `${pi.name}-a-record`;

/**
 * The A records as desired states, after a gate: every copy of the volume is healed. One record a Pi, each after its
 * Pi serves; and one state that says that there are no others. A provider with resources of its own has the gate only.
 */
export function aRecordStates(args: ARecordsArgs): State[] {
  const { hostname, targets, dns, volume, leader, living } = args;
  const addresses = targets.map(({ address }) => address);
  const gate: State = {
    name: healed(volume),
    on: leader.name,
    anywhere: true,
    script: "healed",
    parameters: { volume, serving: addresses },
    after: living.map(names.nginx),
  };
  if (dns.provider !== "rfc2136") return [gate];
  const { server, zone, keyName, keySecret } = dns;
  const common = { on: OPERATOR, secrets: { key_secret: keySecret } };
  const parameters = { server, zone, name: hostname, key_name: keyName };
  const records = targets.map(({ pi, address }) => ({
    ...common,
    name: recordName(pi),
    script: "a-record",
    parameters: { ...parameters, address, ttl: dns.ttl },
    identity: [server, zone, hostname, address],
    after: [...served(args, pi), gate.name],
  }));
  return [
    gate,
    ...records,
    {
      ...common,
      name: "no-other-a-records",
      script: "a-records-only",
      parameters: { ...parameters, addresses },
      after: records.map((record) => record.name),
    },
  ];
}

/** One name with an A record for each Pi; see {@link aRecordStates}. */
class ARecords extends pulumi.ComponentResource {
  constructor(args: ARecordsArgs, hosts: Hosts, options: pulumi.ComponentResourceOptions) {
    super("twopir:ARecords", NAME, {}, options);
    for (const state of aRecordStates(args)) hosts.declare(state, this);
    if (args.dns.provider === "cloudflare") {
      const { zoneId, ttl } = args.dns;
      for (const { pi, address } of args.targets)
        new DnsRecord(
          recordName(pi),
          {
            zoneId,
            ttl,
            type: "A",
            name: args.hostname,
            content: address,
            proxied: false, // the browser must see every address to go on to the next one
            comment: `twopir: ${pi.name}`,
          },
          {
            parent: this,
            dependsOn: [...served(args, pi), healed(args.volume)].map((name) => hosts.resource(name)),
          },
        );
    }
    this.registerOutputs();
  }
}

/** @returns the component of the A records. */
export const aRecordsPart = (args: ARecordsArgs): Part => ({
  name: NAME,
  states: aRecordStates(args),
  make: (hosts, options) => new ARecords(args, hosts, options),
});
