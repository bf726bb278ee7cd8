import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import type { Host } from "./host";

/** A brick as glusterd knows it. */
export interface Brick {
  readonly uuid: string;
  /** host:path */
  readonly name: string;
  readonly arbiter?: boolean;
  /** Of its process; none: it is off. */
  readonly pid?: number;
  readonly port?: number;
}

/** The brick's folder on each Pi of these tests, and the volume's id. */
export const BRICK = "/mnt/brick/gv0";
export const ID = "0f6f0a3e-7b5a-4c39-9a51-1d2c3b4a5f60";

/** Of the n-th Pi: its address, glusterd's UUID, the name of its brick and the brick, which is served. */
export const address = (n: number): string => `192.168.0.12${n.toString()}`;
export const uuid = (n: number): string => `${n.toString().repeat(8)}-781a-4e04-8f67-8eba9a201867`;
export const name = (n: number): string => `${address(n)}:${BRICK}`;
export const brick = (n: number, more: Partial<Brick> = {}): Brick => ({
  uuid: uuid(n),
  name: name(n),
  pid: 1000 + n,
  port: 49150 + n,
  ...more,
});

export interface Peer {
  readonly uuid: string;
  readonly names: readonly string[];
  readonly connected?: boolean;
  /** 3: in the cluster. */
  readonly state?: number;
}

/** What one Pi's glusterd knows. */
export interface Pool {
  /** Its own. */
  readonly uuid: string;
  readonly peers?: readonly Peer[];
  readonly volume?: {
    readonly id: string;
    readonly status?: "Created" | "Started" | "Stopped";
    readonly type?: string;
    readonly bricks: readonly Brick[];
    readonly options?: Readonly<Record<string, string>>;
  };
}

const lines = (...text: readonly string[]): string => text.join("\n");
const each = <T>(items: readonly T[], text: (item: T) => string): string[] => items.map(text);

/** As gluster 10 and 11 print it with --xml. */
const answer = (...body: readonly string[]): string =>
  lines(
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
    "<cliOutput>",
    "  <opRet>0</opRet>",
    "  <opErrno>0</opErrno>",
    "  <opErrstr/>",
    ...body,
    "</cliOutput>",
  );

const NO_VOLUME = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<cliOutput>
  <opRet>-1</opRet>
  <opErrno>30800</opErrno>
  <opErrstr>Volume gv0 does not exist</opErrstr>
</cliOutput>`;

function volumeInfo({ volume }: Pool): string {
  if (volume === undefined) return NO_VOLUME;
  const { id, status = "Started", type = "Replicate", bricks, options = {} } = volume;
  const arbiters = bricks.filter((brick) => brick.arbiter).length;
  return answer(
    "  <volInfo>",
    "    <volumes>",
    "      <volume>",
    "        <name>gv0</name>",
    `        <id>${id}</id>`,
    `        <status>${["Created", "Started", "Stopped"].indexOf(status)}</status>`,
    `        <statusStr>${status}</statusStr>`,
    "        <snapshotCount>0</snapshotCount>",
    `        <brickCount>${bricks.length}</brickCount>`,
    `        <distCount>${bricks.length}</distCount>`,
    `        <replicaCount>${bricks.length}</replicaCount>`,
    `        <arbiterCount>${arbiters}</arbiterCount>`,
    "        <disperseCount>0</disperseCount>",
    "        <redundancyCount>0</redundancyCount>",
    "        <type>2</type>",
    `        <typeStr>${type}</typeStr>`,
    "        <transport>0</transport>",
    "        <bricks>",
    ...each(bricks, ({ uuid, name, arbiter }) =>
      lines(
        `          <brick uuid="${uuid}">${name}<name>${name}</name>`,
        `            <hostUuid>${uuid}</hostUuid>`,
        `            <isArbiter>${arbiter ? 1 : 0}</isArbiter>`,
        "          </brick>",
      ),
    ),
    "        </bricks>",
    `        <optCount>${Object.keys(options).length}</optCount>`,
    "        <options>",
    ...each(Object.entries(options), ([name, value]) =>
      lines(
        "          <option>",
        `            <name>${name}</name>`,
        `            <value>${value}</value>`,
        "          </option>",
      ),
    ),
    "        </options>",
    "      </volume>",
    "      <count>1</count>",
    "    </volumes>",
    "  </volInfo>",
  );
}

const peerStatus = ({ peers = [] }: Pool): string =>
  answer(
    "  <peerStatus>",
    ...each(peers, ({ uuid, names, connected = true, state = 3 }) =>
      lines(
        "    <peer>",
        `      <uuid>${uuid}</uuid>`,
        `      <hostname>${names[0] ?? ""}</hostname>`,
        "      <hostnames>",
        ...each(names, (name) => `        <hostname>${name}</hostname>`),
        "      </hostnames>",
        `      <connected>${connected ? 1 : 0}</connected>`,
        `      <state>${state}</state>`,
        `      <stateStr>${state === 3 ? "Peer in Cluster" : "Peer Rejected"}</stateStr>`,
        "    </peer>",
      ),
    ),
    "  </peerStatus>",
  );

/** Of the Pis that answer; the self-heal daemons stand behind the bricks as if they were some. */
function volumeStatus({ uuid: own, peers = [], volume }: Pool): string {
  if (volume === undefined) return NO_VOLUME;
  const away = new Set(peers.filter(({ connected = true }) => !connected).map(({ uuid }) => uuid));
  const bricks = volume.bricks.filter(({ uuid }) => !away.has(uuid));
  const node = (
    host: string,
    path: string,
    uuid: string,
    status: number,
    port: string,
    pid: number,
  ): string =>
    lines(
      "        <node>",
      `          <hostname>${host}</hostname>`,
      `          <path>${path}</path>`,
      `          <peerid>${uuid}</peerid>`,
      `          <status>${status}</status>`,
      `          <port>${port}</port>`,
      "          <ports>",
      `            <tcp>${port}</tcp>`,
      "            <rdma>N/A</rdma>",
      "          </ports>",
      `          <pid>${pid}</pid>`,
      "        </node>",
    );
  return answer(
    "  <volStatus>",
    "    <volumes>",
    "      <volume>",
    "        <volName>gv0</volName>",
    `        <nodeCount>${bricks.length * 2}</nodeCount>`,
    ...each(bricks, ({ uuid, name, pid, port }) => {
      const [host = "", path = ""] = name.split(":");
      return node(host, path, uuid, pid === undefined ? 0 : 1, port?.toString() ?? "N/A", pid ?? -1);
    }),
    ...each(bricks, ({ uuid, name }) =>
      node("Self-heal Daemon", uuid === own ? "localhost" : (name.split(":")[0] ?? ""), uuid, 1, "N/A", 4711),
    ),
    "        <tasks/>",
    "      </volume>",
    "    </volumes>",
    "  </volStatus>",
  );
}

/** The graph by which a client connects to all bricks. */
const spec = ({ volume }: Pool): string =>
  (volume?.bricks ?? [])
    .map(({ name }, i) => {
      const [host = "", path = ""] = name.split(":");
      return `volume gv0-client-${i}
    type protocol/client
    option remote-subvolume ${path}
    option remote-host ${host}
end-volume

`;
    })
    .join("");

/** What `heal info` prints: what each brick lists, and "-" for one that is off. */
export const healInfo = (listed: Readonly<Record<string, readonly string[] | "-">>): string =>
  Object.entries(listed)
    .map(([name, entries]) =>
      entries === "-"
        ? `Brick ${name}\nStatus: Transport endpoint is not connected\nNumber of entries: -\n\n`
        : `Brick ${name}\n${entries.map((entry) => `${entry}\n`).join("")}Status: Connected\nNumber of entries: ${entries.length}\n\n`,
    )
    .join("");

/** Where stand-ins write what they were told that would change something. */
const TOLD = "/run/told";

/**
 * A stand-in for gluster, which answers of files, without a newline at their end, and writes down what would change
 * something; /run/asked is there once it was asked what waits to be healed. A brick that is taken out is gone from what
 * it says afterwards.
 */
export function glusterStandIn(host: Host): void {
  host.command("systemctl", "");
  host.command("ip", `echo '2: eth0    inet ${address(1)}/24 brd 192.168.0.255 scope global eth0'`);
  // Whether a Pi listens at all.
  host.command("timeout", '[ "$2" != bash ] || exec test -d "/run/pool/$5"; exec /usr/bin/timeout "$@"');
  host.command(
    "gluster",
    `at=/run/pool/here words=()
for word; do
  case $word in
    --mode=script | --xml | --remote-host=localhost) ;;
    --remote-host=*) at=/run/pool/\${word#*=} ;;
    *) words+=("$word") ;;
  esac
done
if [ -e /run/questions ]; then
  n=$(($(cat /run/questions) + 1))
  echo "$n" >/run/questions
  read -r from to </run/silence
  [ "$n" -lt "$from" ] || [ "$n" -gt "$to" ] || exit 124
fi
[ -d "$at" ] || { echo "Connection failed. Please check if gluster daemon is operational." >&2; exit 1; }
case \${words[*]} in
  "volume info gv0") cat "$at/info" ;;
  "volume info") cat "$at/all" 2>/dev/null || cat "$at/info" ;;
  "volume info "*) ;;
  "volume status gv0") cat "$at/status" ;;
  "peer status") cat "$at/peers" ;;
  "system:: uuid get") cat "$at/uuid" ;;
  "system:: getspec gv0") cat "$at/spec" ;;
  "system:: portmap brick2port"*) [ ! -e "$at/port" ] || cat "$at/port" ;;
  "volume heal gv0 info"*) touch /run/asked && cat /run/heal || { echo "Launching heal operation has been unsuccessful"; exit 1; } ;;
  *)
    echo "\${words[*]}" >>${TOLD}
    [ ! -e /run/then-told ] || . /run/then-told
    case \${words[*]} in
      "volume remove-brick gv0 replica "*)
        name=\${words[5]} perl -0pi -e 's{\\s*<brick [^>]*>\\Q$ENV{name}\\E<name>.*?</brick>}{}s' "$at/info" ;;
    esac
    ;;
esac`,
  );
}

/** A stand-in for glusterfs, which mounts one brick by itself: /mnt/bricks/N, unless /run/silent-N is there. */
export const singleBricks = (host: Host): void =>
  host.command(
    "glusterfs",
    `while [ "$1" != -f ]; do shift; done
n=$(sed -n 's/.*remote-host .*12//p' "$2")
[ ! -e "/run/silent-$n" ] || exit 1
mount -n --bind "/mnt/bricks/$n" "$3"
[ ! -e /run/then ] || . /run/then`,
  );

/** Of the questions that gluster is asked from now on, the first being 1, it answers none of these. */
export function silence(host: Host, from: number, to: number): void {
  host.write("/run/questions", "0");
  host.write("/run/silence", `${from} ${to}\n`);
}

/** How many questions gluster was asked since. */
export const questions = (host: Host): number => Number(host.read("/run/questions"));

/** Stand-ins for getfattr and setfattr, which keep the attributes of a file or folder as files beside or in it. */
export function attributeStandIns(host: Host): void {
  host.command(
    "getfattr",
    `only='' key='' paths=() status=0
while [ $# -gt 0 ]; do
  case $1 in
  --only-values) only=yes ;;
  -h) ;;
  -e) shift ;;
  -n) key=$2 && shift ;;
  *) paths+=("$1") ;;
  esac
  shift
done
for path in "\${paths[@]}"; do
  if [ -d "$path" ]; then file=$path/.attributes/$key; else file=$path.attributes/$key; fi
  if [ ! -e "$path" ]; then
  echo "getfattr: $path: No such file or directory" >&2 && status=1
  elif [ ! -e "$file" ]; then
  echo "$path: $key: No such attribute" >&2 && status=1
  elif [ "$only" ]; then
  cat "$file"
  else
  printf '# file: %s\\n%s=%s\\n\\n' "\${path#/}" "$key" "$(cat "$file")"
  fi
done
exit "$status"`,
  );
  host.command(
    "setfattr",
    `echo "setfattr $*" >>${TOLD}
case $1 in
  -x) rm "$3/.attributes/$2" ;;
  -n) mkdir -p "$5/.attributes" && printf %s "$4" >"$5/.attributes/$2" ;;
esac`,
  );
}

/** Sets an attribute of a file or folder of the host, as a Pi that is not in the test did. */
export function setAttribute(host: Host, path: string, key: string, value: string | Buffer): void {
  const folder = statSync(host.at(path)).isDirectory() ? `${path}/.attributes` : `${path}.attributes`;
  mkdirSync(host.at(folder), { recursive: true });
  writeFileSync(host.at(`${folder}/${key}`), value);
}

/** From now on the glusterd at an address ("here": the Pi's own) knows this. */
export function glusterdKnows(host: Host, pool: Pool, at = "here"): void {
  const folder = `/run/pool/${at}`;
  host.write(`${folder}/info`, volumeInfo(pool));
  host.write(`${folder}/status`, volumeStatus(pool));
  host.write(`${folder}/peers`, peerStatus(pool));
  host.write(`${folder}/uuid`, `UUID: ${pool.uuid}\n`);
  if (at === "here") host.write("/var/lib/glusterd/glusterd.info", `UUID=${pool.uuid}\n`);
  host.write(`${folder}/spec`, spec(pool));
  for (const { uuid, name, pid, port } of pool.volume?.bricks ?? []) {
    const there = `/run/pool/${name.split(":")[0] ?? ""}`;
    host.write(`${there}/uuid`, `UUID: ${uuid}\n`);
    if (pid !== undefined && port !== undefined) host.write(`${there}/port`, port.toString());
  }
  const port = pool.volume?.bricks.find(({ uuid }) => uuid === pool.uuid)?.port;
  if (port !== undefined) host.write(`${folder}/port`, `${port}\n`);
}

/** What gluster, setfattr and the like were told that would change something. */
export const told = (host: Host): string[] =>
  existsSync(host.at(TOLD)) ? host.read(TOLD).trimEnd().split("\n") : [];

/** A stand-in for ss: the process that /run/served names, if it is there, serves this Pi's brick at the port that is told. */
export function servingStandIn(host: Host): void {
  host.command(
    "ss",
    `[ ! -e /run/served ] ||
  echo "LISTEN 0 1024 0.0.0.0:$(cat /run/pool/here/port) 0.0.0.0:* users:((\\"glusterfsd\\",pid=$(cat /run/served),fd=11))"`,
  );
}
