import { Cluster, clusterParts, recordTargets } from "./components/cluster";
import { knowledge } from "./components/knowledge";
import { readConfig } from "./config";
import { Hosts } from "./remote/hosts";
import { tellOfLeft } from "./remote/left";
import { packSite } from "./remote/pack";
import { requireHalfOfRecords } from "./remote/records";
import { look, reach } from "./remote/look";

/** Look first, then declare: what the hosts are like now decides what the engine sees as a change. */
export = async () => {
  const config = readConfig();
  const addresses = recordTargets(config).map(({ address }) => address);
  const release = await packSite(config);
  const reached = await reach(config.pis, config.ssh);
  const reachable = new Set(config.pis.map((pi) => pi.name).filter((name) => reached.get(name)?.client));
  const parts = clusterParts({ ...config, release }, reachable, await knowledge(config, reached));
  const [seen] = await Promise.all([
    look(
      parts.flatMap((part) => part.states),
      reached,
    ),
    requireHalfOfRecords(config.hostname, config.dns, addresses),
    tellOfLeft(config.pis),
  ]);
  new Cluster("twopir", { parts, hosts: new Hosts(reached, seen) });
  const unreached = config.pis.map((pi) => pi.name).filter((name) => !reachable.has(name));
  return { url: `http://${config.hostname}/`, addresses, ...(unreached.length > 0 && { unreached }) };
};
