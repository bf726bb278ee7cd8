import { recordAddresses } from "./components/a-records";
import { Cluster } from "./components/cluster";
import { lookNow } from "./components/now";
import { readConfig } from "./config";
import { refuseDepartures } from "./operator/departures";
import {
  addressesByName,
  LAYOUT,
  pathsOf,
  refuseEdits,
  refuseOtherName,
  refuseSilence,
} from "./operator/edits";
import { declaredTriggers, lastHosts } from "./operator/engine";
import { findHosts, RENEW } from "./operator/hosts";
import { nextStep, tellOfForgotten, tellOfFormerName, tellOfLeft, tellOfMoved, urlOf } from "./operator/left";
import { namesOf } from "./operator/names";
import { inLastOrder, orderOf } from "./operator/order";
import { checkZone, noteWanted, recordsNow, requireHalfOfRecords } from "./operator/records";
import { Resources } from "./remote/resources";

/** Look first, then declare: what the hosts are like now decides what the engine sees as a change. */
export = async () => {
  const last = await lastHosts();
  const config = inLastOrder(await readConfig((open) => findHosts(open, lastHosts)), last);
  const names = namesOf(config.pis);
  const { users } = config;
  const ownWay = config.ownWay || (!RENEW && last.ownWay === true);
  const addresses = recordAddresses(config);
  const [{ parts, reached, seen, called, unwanted, unreached }, records, triggers] = await Promise.all([
    lookNow(config),
    recordsNow(config.hostname, config.dns),
    declaredTriggers(),
    checkZone(config.hostname, config.dns),
    requireHalfOfRecords(config.hostname, config.dns, addresses),
    tellOfLeft(config.pis),
    tellOfMoved(names, config.floatingAddresses),
    refuseEdits(config),
    tellOfFormerName(config.hostname),
  ]);
  const resources = new Resources(reached, seen, ownWay, records, triggers);
  await refuseSilence(config, unreached);
  await refuseOtherName(config.pis, called);
  await refuseDepartures(config, unreached);
  await tellOfForgotten(unwanted);
  await noteWanted(config.hostname, config.dns, addresses);
  new Cluster("twopir", { parts, resources });
  void resources.requireAll(); // not awaited: an update that fails has its outputs, too
  const next = nextStep(config.site, config.volume.mount);
  return {
    url: urlOf(config.hostname),
    ...(next !== undefined && { next }),
    addresses: addresses.A,
    ...(addresses.AAAA.length > 0 && { addresses6: addresses.AAAA }),
    pis: addressesByName(config.pis),
    ...orderOf(config),
    volume: pathsOf(config.volume),
    layout: LAYOUT,
    ...(names && { names }),
    ...(users && { users }),
    ownWay,
    unreached,
  };
};
