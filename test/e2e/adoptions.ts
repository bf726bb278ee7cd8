import { address } from "../../lab/drive/lab";
import { pi } from "../../lab/drive/stack";

/** What was there before the first `pulumi up`, as somebody made it by hand with gluster's own commands. */
export interface Before {
  readonly what: string;
  /** Lines of shell, each in one Pi, one after the other. */
  readonly made: readonly (readonly [pi: string, line: string])[];
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface Adopted extends Before {
  /** Which of preview's reasons the table shows. Default: those about the volume itself. */
  readonly shown?: RegExp;
  /** What must still be so after up, as a line of shell in pi1. */
  readonly stays?: string;
  /** Folders of the bricks whose files are compared. Default: {@link BRICK} */
  readonly bricks?: readonly string[];
}

export interface Refused extends Before {
  /** What up says, in part. */
  readonly said: string;
  readonly bricks?: readonly string[];
}

export const BRICK = "/data/brick1/gv0";
export const HAND = "/mnt/hand";
/** What lies on the volume, so that a brick has it or a part of it. */
export const FILES = "letters note";

const brick = (host: string, path = BRICK): string => `${host}:${path}`;
const [at1, at2, at3] = [address("pi1"), address("pi2"), address("pi3")];

const on1 = (line: string): readonly [string, string] => ["pi1", line];
const tell = (words: string): readonly [string, string] => on1(`gluster --mode=script ${words} >/dev/null`);
/** A peer that was probed just now is not at once one that a brick may be on. */
const create = (words: string): readonly [string, string][] => [
  ...["pi1", "pi2", "pi3"].map((name): [string, string] => [name, "mkdir -p /data/brick1"]),
  [
    "pi1",
    `timeout 60 bash -c 'until gluster --mode=script volume create ${words} force; do sleep 1; done' >&2`,
  ],
];
/** Files through a mount, when that is connected to so many bricks. */
const started = (bricks: number, volume = "gv0"): readonly (readonly [string, string])[] => [
  tell(`volume start ${volume}`),
  on1(`mkdir -p ${HAND} && mount -t glusterfs localhost:/${volume} ${HAND} && cd ${HAND} &&
    timeout 60 bash -c 'until [ "$(cat .meta/graphs/active/${volume}-client-*/private |
      grep -c "^connected = 1")" = ${bricks.toString()} ]; do sleep 0.5; done' &&
    mkdir letters && seq 1 200000 >letters/one && seq 3 >letters/two && echo by hand >note && cd / && umount ${HAND}`),
];
/** Lines of /etc/hosts that a Pi has for the others; its own name is in there already, as 127.0.1.1. */
const hosts = (name: string, lines: Readonly<Record<string, string>>): [string, string] => [
  name,
  `printf '%s\n' ${Object.entries(lines)
    .map((line) => `'${line.join(" ")}'`)
    .join(" ")} >>/etc/hosts`,
];

const byAddresses: Before["made"] = [
  tell(`peer probe ${at2}`),
  ...create(`gv0 replica 2 ${brick(at1)} ${brick(at2)}`),
  ...started(2),
];
const byNames: Before["made"] = [
  hosts("pi1", { [at2]: "pi2" }),
  hosts("pi2", { [at1]: "pi1" }),
  tell("peer probe pi2"),
  ...create(`gv0 replica 2 ${brick("pi1")} ${brick("pi2")}`),
  ...started(2),
];
const replica3 = (kind: string): Before["made"] => [
  tell(`peer probe ${at2}`),
  tell(`peer probe ${at3}`),
  ...create(`gv0 ${kind} ${brick(at1)} ${brick(at2)} ${brick(at3)}`),
  ...started(3),
];
const three = (more = {}) => ({ "twopir:pis": [pi("pi1"), pi("pi2"), pi("pi3", more)] });

export const ADOPTED: readonly Adopted[] = [
  { what: "nothing but the packages, glusterd running", made: [] },
  { what: "a volume by addresses", made: byAddresses },
  { what: "a volume by host names", made: byNames },
  {
    what: "mixed names: pi2 knows pi1 as pi1.lan, and its own brick has its address",
    made: [
      hosts("pi1", { [at2]: "pi2.lan", [at1]: "pi1.lan" }),
      hosts("pi2", { [at1]: "pi1.lan" }),
      tell(`peer probe ${at2}`),
      ["pi2", "gluster peer probe pi1.lan >/dev/null"],
      ...create(`gv0 replica 2 ${brick("pi1.lan")} ${brick(at2)}`),
      ...started(2),
    ],
  },
  { what: "a volume that was stopped", made: [...byAddresses, tell("volume stop gv0")] },
  {
    what: "options set by hand: ping-timeout 20, auth.allow *, cache-size 64MB",
    made: [
      ...byAddresses,
      tell("volume set gv0 network.ping-timeout 20"),
      tell("volume set gv0 auth.allow '*'"),
      tell("volume set gv0 performance.cache-size 64MB"),
    ],
    shown: /^gv0-(volume|options): .*(there before|ping-timeout|auth.allow|cache-size)/,
    stays: "gluster volume info gv0 | grep -x 'performance.cache-size: 64MB'",
  },
  {
    what: "another peer, pi3, without a brick, which twopir:volume.clients lists",
    made: [tell(`peer probe ${at3}`), ...byAddresses],
    settings: { "twopir:volume": { clients: [at3] } },
    stays: `gluster peer status | grep -x 'Hostname: ${at3}'`,
  },
  {
    what: "a peer with two names",
    made: [
      hosts("pi1", { [at2]: "pi2" }),
      hosts("pi2", { [at1]: "pi1" }),
      ...byAddresses,
      tell("peer probe pi2"),
    ],
  },
  {
    what: "a volume by host names, glusterd of pi2 stopped, and its brick",
    made: [...byNames, ["pi2", "systemctl stop glusterd; pkill -x glusterfsd || true"]],
    shown: /^(gv0-volume|pi2-glusterd|pi2-brick-process): /,
  },
  {
    what: "a second volume beside it, gv1",
    made: [
      ...byAddresses,
      ...create(`gv1 replica 2 ${brick(at1, "/data/brick1/gv1")} ${brick(at2, "/data/brick1/gv1")}`),
      ...started(2, "gv1"),
    ],
    bricks: [BRICK, "/data/brick1/gv1"],
    stays: "gluster volume info gv1 | grep -x 'Status: Started'",
  },
  {
    what: "a line of one's own in /etc/fstab, by which it is mounted",
    made: [
      ...byAddresses,
      ...["pi1", "pi2"].map((name): [string, string] => [
        name,
        `mkdir -p /mnt/gluster1 && echo 'localhost:/gv0 /mnt/gluster1 glusterfs defaults,_netdev 0 0' >>/etc/fstab &&
          systemctl daemon-reload && mount /mnt/gluster1`,
      ]),
    ],
    shown: /^(gv0-volume|pi.-gluster-mount): /,
  },
];

export const REFUSED: readonly Refused[] = [
  {
    what: "another peer, pi3, without a brick",
    made: [tell(`peer probe ${at3}`), ...byAddresses],
    said: `${at3} is connected to a brick of pi1`,
  },
  {
    what: "a third copy on pi3, which twopir:pis does not list",
    made: replica3("replica 3"),
    said: `its brick ${brick(at3)} is on a host that twopir:pis does not list`,
  },
  {
    what: "a volume that is distributed",
    made: [tell(`peer probe ${at2}`), ...create(`gv0 ${brick(at1)} ${brick(at2)}`), ...started(2)],
    said: "its type is Distribute, not Replicate",
  },
  {
    what: "bricks in another folder",
    made: [
      tell(`peer probe ${at2}`),
      ...create(`gv0 replica 2 ${brick(at1, "/data/brick1/other")} ${brick(at2, "/data/brick1/other")}`),
      ...started(2),
    ],
    said: "set twopir:volume.brick to /data/brick1/other",
    bricks: ["/data/brick1/other"],
  },
  {
    what: "two copies, where twopir:pis lists three",
    made: byAddresses,
    settings: three(),
    said: `has no copy on ${at3}`,
  },
  {
    what: "an arbiter on pi3, which twopir:pis lists for a full copy",
    made: replica3("replica 3 arbiter 1"),
    settings: three(),
    said: `${brick(at3)} is its arbiter: set arbiter: true for that Pi`,
  },
  {
    what: "a full copy on pi3, which twopir:pis lists as an arbiter",
    made: replica3("replica 3"),
    settings: three({ arbiter: true }),
    said: `has no arbiter, but a full copy on ${at3}`,
  },
  {
    what: "no volume, but a copy of another one in pi2's folder",
    made: [
      [
        "pi2",
        `mkdir -p ${BRICK} && setfattr -n trusted.glusterfs.volume-id -v 0x0123456789abcdef0123456789abcdef ${BRICK} &&
          echo old >${BRICK}/note`,
      ],
    ],
    said: `${BRICK} on pi2 is a copy of a volume that no Pi knows`,
  },
];

/** pi3 has mounted the volume. pi1 has no nft yet, which a check of its firewall could wait for. */
export const CLIENT: Before = {
  what: "pi3 has mounted the volume",
  made: [
    ...byAddresses,
    ["pi3", `mkdir -p ${HAND} && mount -t glusterfs ${at1}:/gv0 ${HAND} && cat ${HAND}/note >/dev/null`],
    on1("apt-get -qq remove -y nftables >/dev/null 2>&1"),
  ],
};
