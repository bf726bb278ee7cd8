import { Cluster, clusterParts } from "../../components/cluster";
import { readConfig } from "../../config";
import { Resources } from "../../remote/resources";
import { reach } from "../../remote/look";

/** The program of ../../index.ts but for the look: it contacts no Pi, and declares every state as not drifted. */
export = async () => {
  const config = await readConfig(() => Promise.resolve({ hosts: new Map() }));
  // A drained Pi is not contacted; here that is the only thing about it.
  const unasked = await reach(
    config.pis.map((pi) => ({ ...pi, drained: true })),
    config.ssh,
  );
  const reached = new Map([...unasked].map(([name, { login }]) => [name, { login }]));
  const parts = clusterParts(config, new Set(reached.keys()));
  new Cluster("twopir", { parts, resources: new Resources(reached, { findings: new Map(), problems: [] }) });
  return {
    url: `http://${config.hostname}/`,
    addresses: config.pis.map((pi) => pi.address),
  };
};
