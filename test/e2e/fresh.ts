import { expect } from "vitest";
import { lab } from "./lab";
import { Cluster, type Outcome } from "./stack";

/** A command of Pulumi's that did what it was to do. */
export function succeeded(outcome: Outcome): Outcome {
  expect(outcome.said).not.toMatch(/error/);
  expect(outcome.failed).toBe(false);
  return outcome;
}

/** A cluster of pi1 and pi2 in a new lab; further Pis of the lab are none of it. */
export async function freshCluster(labPis: number): Promise<Cluster> {
  await lab("down");
  await lab("up", labPis.toString());
  const cluster = await Cluster.create();
  succeeded(await cluster.up());
  return cluster;
}
