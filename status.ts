import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import { clusterParts } from "./components/cluster";
import { clusterStatus, statusStates, statusText } from "./components/status";
import { ConfigError, stackConfig, type Config } from "./config";
import { packSite } from "./remote/pack";
import { presentRecords } from "./remote/records";
import { look, reach } from "./remote/look";

/** `npm run status -- [--stack NAME] [--json]`: the same look as preview's, as a table; exit status 0 if all is well. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: "boolean" }, stack: { type: "string", short: "s" } },
  });
  const config = await configOf(values.stack);
  const release = await packSite(config);
  const reached = await reach(config.pis, config.ssh);
  const reachable = new Set([...reached].filter(([, { client }]) => client).map(([name]) => name));
  const wanted = clusterParts({ ...config, release }, reachable).flatMap((part) => part.states);
  const [seen, records] = await Promise.all([
    look([...wanted, ...statusStates(config)], reached),
    presentRecords(config.hostname, config.dns),
  ]);
  const status = clusterStatus(config, reached, seen, records ?? []);
  console.log(values.json ? JSON.stringify(status, undefined, 2) : statusText(status));
  process.exitCode = status.well ? 0 : 1;
}

async function configOf(stack: string | undefined): Promise<Config> {
  const command = [
    "toolchain/pulumi.sh",
    "config",
    "--json",
    "--show-secrets",
    ...(stack ? ["--stack", stack] : []),
  ];
  const { stdout } = await promisify(execFile)("bash", command);
  const values = JSON.parse(stdout) as Record<string, { value: string }>;
  const texts = Object.entries(values).map(([key, { value }]) => [key, value] as const);
  return stackConfig(Object.fromEntries(texts), process.cwd());
}

main().catch((error: unknown) => {
  console.error(
    error instanceof ConfigError
      ? error.message
      : `twopir: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 2;
});
