import type { CloudflareAccess } from "../operator/cloudflare";
import type { Release } from "../operator/pack";

/** A Pi, as every component knows it. */
export interface Pi {
  /** Short and unique; the names of its resources begin with it. */
  readonly name: string;
  /** IPv4 address: the A record points at it, the other Pis reach its brick at it. */
  readonly address: string;
  /** IPv6 address that visitors reach it at, too; between the Pis it stays IPv4. Default: none. */
  readonly address6?: string | undefined;
  /** Who logs in, and may have the program run as root there. */
  readonly user: string;
  /** False for a Pi that serves but holds no brick. */
  readonly storage: boolean;
  /** True for a Pi whose brick has the names and times of all files, but none of their content. */
  readonly arbiter: boolean;
  /** True for a Pi that has no A record and is left alone, so that it can be switched off or worked on. */
  readonly drained: boolean;
}

/** The replicated volume. */
export interface Volume {
  readonly name: string;
  /** Where it is mounted, e.g. "/mnt/gluster1". */
  readonly mount: string;
  /** Folder of each copy, the same on every Pi. */
  readonly brick: string;
  /** IPv4 addresses of other machines that may mount it. */
  readonly clients: readonly string[];
  /** True where others that have mounted it now may be cut off. */
  readonly disconnect: boolean;
  /** Name of the Pi whose copy counts as full also where nobody can tell. Default: none. */
  readonly acceptCopy?: string | undefined;
}

/**
 * What is done about a split brain, of a file or of a name that was given to two things: "report" names it, with "newest"
 * counts what was changed last by the Pis' own clocks, with the name of a Pi what that has.
 */
type SplitBrain = string;

/**
 * What is installed by itself. "security": Debian's security updates, and all updates of Raspbian's and Raspberry Pi's
 * own archives, which have none for security alone. "all": also every update of Debian's. "off": nothing.
 */
export type Updates = "security" | "all" | "off";

/** Who keeps the zone. */
export type Dns =
  | {
      readonly provider: "none";
      /** True: an update may withdraw the records that an earlier one made. Default: false. */
      readonly fewRecords?: boolean;
    }
  /** The token is the provider's own setting, cloudflare:apiToken. TTL in seconds: 60 to 86400. */
  | {
      readonly provider: "cloudflare";
      readonly zoneId: string;
      /** How its API is asked. */
      readonly access: CloudflareAccess;
      readonly ttl: number;
      /** True: an update may leave fewer than half of the records that there are. */
      readonly fewRecords: boolean;
    }
  /** Any server that takes dynamic updates with a TSIG key (hmac-sha256): BIND, Knot, PowerDNS. */
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

/** What a cluster is to be: the config, but for how to log in. */
export interface ClusterArgs {
  /** Two or more. */
  readonly pis: readonly Pi[];
  /** The name that carries the A records, and that the page is asked by, e.g. "twopir.example.com". */
  readonly hostname: string;
  /** Further names of the server block. */
  readonly serverNames: readonly string[];
  readonly volume: Volume;
  /** Seconds until a silent Pi is given up. */
  readonly failover: number;
  /** One for each Pi, in their order; none: the A records are the Pis' own addresses. */
  readonly floatingAddresses: readonly string[];
  /** The same by IPv6, each held together with the IPv4 address beside it; none: the AAAA records are the Pis' own. */
  readonly floatingAddresses6: readonly string[];
  readonly splitBrain: SplitBrain;
  readonly updates: Updates;
  readonly dns: Dns;
  /** What is published. Default: the content of the volume's www is the user's own. */
  readonly release?: Release | undefined;
  /** How many releases stay on the volume beside the live one. */
  readonly keepReleases: number;
}
