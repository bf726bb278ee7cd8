import type { ClusterArgs, Pi } from "./args";
import { hasFullCopy, names, type Part } from "./part";

/**
 * Options that differ from gluster's defaults.
 * A read from a dead brick hangs until ping-timeout, 42 s by default, longer than any visitor waits. With a
 * tcp-user-timeout of 1 s the stall of a pulled plug was 1.3 s, with 3 s 3.2 s, measured with a new request every
 * 50 ms; ping-timeout alone at 10 s: 17 s, so it only catches a brick that is reached and does not answer.
 * The brick's side gives up a dead client as soon, and with it the locks that it held.
 * Of three bricks two must agree (gluster's own default, in words since it is another one for two): a Pi that sees no
 * other one could only make a split brain. Of two Pis the one that is left serves alone, and so it must.
 * By default anybody may mount a volume: only these may, also where the firewall is off.
 */
const options = (failover: number, three: boolean, allowed: readonly string[]): string[] => [
  `client.tcp-user-timeout=${failover.toString()}`,
  `server.tcp-user-timeout=${failover.toString()}`,
  "network.ping-timeout=10",
  `cluster.quorum-type=${three ? "auto" : "none"}`,
  `auth.allow=${allowed.join(",")}`,
  "cluster.self-heal-daemon=on", // gluster's own default, in words since "volume heal disable" takes it away
  "cluster.heal-timeout=60", // what could not be healed at once is tried again after so long, not after 10 min
];

/**
 * What gluster has by default, and what would break the cluster if somebody had set it otherwise: with a quorum of
 * servers gluster ends the bricks of the Pi that is left; a favourite child settles a split brain without its user's
 * word; some keep the scripts, which write as root, or everybody from the volume; and with the last three, which recipes
 * for a fast gluster set, one Pi goes on serving a page for minutes that was changed on another.
 */
const DEFAULTS = [
  "cluster.server-quorum-type=none",
  "cluster.favorite-child-policy=none",
  "features.read-only=off",
  "features.worm=off",
  "features.worm-file-level=off",
  "server.root-squash=off",
  "server.all-squash=off",
  "auth.reject=no address",
  "performance.md-cache-timeout=1",
  "performance.cache-refresh-timeout=1",
  "performance.nl-cache=off",
];

/**
 * The peers and the volume that has a full copy on every Pi that stores, but for an arbiter. gluster refuses two
 * commands at once, so all of them run on one Pi, where the lock of the scripts makes them wait their turn.
 *
 * @param args.leader The Pi that gives them: any one that can be reached.
 */
export function volumePart(
  args: Pick<ClusterArgs, "pis" | "volume" | "failover" | "splitBrain"> & { readonly leader: Pi },
): Part {
  const { pis, leader, failover, splitBrain } = args;
  const { name: volume, brick, mount, clients, acceptCopy } = args.volume;
  const anywhere = { on: leader.name, anywhere: true };
  const stores = pis.filter((pi) => pi.storage);
  const allowed = [...pis.map((pi) => pi.address), ...clients];
  const accept = pis.find((pi) => pi.name === acceptCopy)?.address ?? "";
  const gated = { volume, brick, accept };
  const addressesBut = (pi: Pi): string[] =>
    pis.filter((other) => other !== pi).map((other) => other.address);
  const peer = (pi: Pi): string => `${volume}-peer-${pi.name}`;
  const created = `${volume}-volume`;
  const optionsName = `${volume}-options`;
  const started = names.volumeStarted(volume);
  return {
    type: "Volume",
    name: volume,
    states: [
      ...pis.map((pi) => ({
        ...anywhere,
        name: peer(pi),
        concerns: pi.name,
        script: "peer",
        parameters: { ...gated, address: pi.address, drained: pi.drained ? "yes" : "no" },
        after: pis.map(names.glusterd),
      })),
      ...stores.map((pi, i) => ({
        name: names.brick(pi),
        on: pi.name,
        script: "brick",
        parameters: { ...gated, address: pi.address, others: addressesBut(pi) },
        // gluster takes a copy out of a volume only after its arbiter, which then begins anew.
        after: pi.arbiter ? pis.map(peer) : [peer(pi)],
        // Two that are made anew at once would each count on the copy that the other one is about to drop.
        notBeside: stores.slice(0, i).map(names.brick),
        // A new glusterd means a new card, or files that a power cut has taken.
        disturbedBy: [...(pi.arbiter ? pis.map(peer) : [peer(pi)]), names.glusterd(pi)],
      })),
      // Before the volume's states and for none of them: another Pi's copy may be made anew from this one.
      ...stores.map((pi) => ({
        name: names.brickProcess(pi),
        on: pi.name,
        script: "brick-process",
        parameters: gated,
        // A copy that is left alone lacks what is written meanwhile.
        ...(pis.some((one) => one.drained) && { unnoted: /^files of this copy that wait to be healed/ }),
        after: [names.brick(pi)],
        disturbedBy: [names.brick(pi), names.glusterd(pi)],
      })),
      {
        ...anywhere,
        name: created,
        script: "volume",
        parameters: {
          ...gated,
          copies: stores.filter(hasFullCopy).map((pi) => pi.address),
          arbiter: stores.find((pi) => pi.arbiter)?.address ?? "",
          idle: pis.filter((pi) => !pi.storage).map((pi) => pi.address),
          drained: pis.filter((pi) => pi.drained).map((pi) => pi.address),
        },
        after: [...pis.map(peer), ...stores.map(names.brick)],
        disturbedBy: pis.map(peer),
      },
      {
        ...anywhere,
        name: optionsName,
        script: "volume-options",
        parameters: { volume, options: options(failover, stores.length > 2, allowed), defaults: DEFAULTS },
        after: [created],
        disturbedBy: [created],
      },
      {
        ...anywhere,
        name: started,
        script: "volume-started",
        parameters: gated,
        after: [optionsName],
        disturbedBy: [created],
      },
      {
        ...anywhere,
        name: names.noSplitBrain(volume),
        script: "split-brain",
        parameters: {
          volume,
          brick,
          mount_point: mount,
          choice: splitBrain,
          stores: stores.map((pi) => `${pi.name} ${pi.address}`),
        },
        after: [started],
        aside: true, // it may stay so for long; of a page that is in it, both tell
      },
    ],
  };
}
