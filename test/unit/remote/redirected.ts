import type { ClientCallback, ConnectConfig } from "ssh2";

/** Where a host's port 22 is led to. */
export interface Led {
  readonly host?: string | undefined;
  readonly port: number;
}

/** A CommonJS module, imported: its default is all of it. */
interface Imported {
  readonly default: typeof import("ssh2");
}

/** The module ssh2 with a client that dials where it is led to, itself or by a jump host; nothing else is altered. */
export function redirected(
  { default: real }: Imported,
  lead: (host: string | undefined) => Led,
): typeof import("ssh2") {
  class Redirected extends real.Client {
    override connect(config: ConnectConfig): this {
      return super.connect({ ...config, ...lead(config.host) });
    }
    override forwardOut(from: string, fromPort: number, to: string, _: number, done: ClientCallback): this {
      const { host = to, port } = lead(to);
      return super.forwardOut(from, fromPort, host, port, done);
    }
  }
  return { ...real, Client: Redirected };
}
