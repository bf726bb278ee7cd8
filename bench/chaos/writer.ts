import { address, inside } from "../../lab/drive/lab";
import { PIS, WRITER } from "./modes";
import { lost, rounded } from "./figures";

const FILE = "chaos-lines";

// A line counts once dd has said that it is on the volume, fsync included; one that is refused is written again.
const SCRIPT = `
export LC_ALL=C # a German EPOCHREALTIME has a comma
n=0
while [ ! -e /root/stop ]; do
  n=$((n + 1))
  until echo "$n" | dd of=/mnt/gluster1/${FILE} oflag=append conv=notrunc,fsync status=none; do
    [ ! -e /root/stop ] || exit 0
    sleep 0.2
  done
  echo "$n $EPOCHREALTIME" >>/root/acknowledged
  sleep 0.1
done`;

export interface Written {
  readonly acknowledgedWrites: number;
  readonly lostWrites: number;
  /** The longest time between two acknowledged lines. */
  readonly worstWriteSeconds: number;
}

/** Makes the third machine, once for a lab. */
export async function mountOnWriter(): Promise<void> {
  await inside(
    WRITER,
    "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends glusterfs-client >/dev/null 2>&1",
  );
  await inside(
    WRITER,
    `mkdir -p /mnt/gluster1 && mount -t glusterfs -o backup-volfile-servers=${address("pi2")} ${address("pi1")}:/gv0 /mnt/gluster1`,
  );
}

/** Lines are appended ten times a second until stopWriting. */
export async function startWriting(): Promise<void> {
  await inside(
    WRITER,
    `rm -f /root/stop /root/acknowledged /mnt/gluster1/${FILE} && : >/root/acknowledged && : >/mnt/gluster1/${FILE} && ` +
      `cat >/root/append <<'TEXT'\n${SCRIPT}\nTEXT\n` +
      "systemctl reset-failed append 2>/dev/null; systemd-run --quiet --unit=append bash /root/append",
  );
}

/** No more lines from now on. */
export const stopWriting = async (): Promise<void> => {
  await inside(
    WRITER,
    "touch /root/stop; timeout 60 bash -c 'while systemctl -q is-active append; do sleep 0.2; done'",
  );
};

/** Compares what was acknowledged with both copies, as they lie in the bricks. */
export async function compareCopies(): Promise<Written> {
  const lines = (await inside(WRITER, "cat /root/acknowledged")).split("\n").filter((line) => line !== "");
  const [numbers, times] = [0, 1].map((field) => lines.map((line) => line.split(" ")[field] ?? ""));
  const copies = await Promise.all(PIS.map((pi) => inside(pi, `cat /data/brick1/gv0/${FILE} || true`)));
  const seconds = (times ?? []).map(Number);
  return {
    acknowledgedWrites: lines.length,
    lostWrites: lost(
      numbers ?? [],
      copies.map((copy) => copy.split("\n")),
    ).length,
    worstWriteSeconds: rounded(
      seconds.slice(1).reduce((worst, time, i) => Math.max(worst, time - (seconds[i] ?? time)), 0),
    ),
  };
}
