import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canIsolate, Host, state } from "./host";

describe.skipIf(!canIsolate)("keepalived.sh", () => {
  let host: Host;
  const [ADDRESS, FLOATING, NAME] = ["192.168.0.121", "192.168.0.221", "twopir.example.com"];
  const keepalived = state(
    "keepalived",
    {
      address: ADDRESS,
      host: NAME,
      floating: FLOATING,
      addresses: [FLOATING],
      addresses6: [],
      config: "vrrp_instance x {\n  unicast_peer {\n    192.168.0.122\n  }\n}\n",
    },
    "pi1-keepalived",
  );
  const REFUSED = `refuse: there is another machine at ${FLOATING}, which is not this cluster's`;
  const refused = async (): Promise<boolean> => (await host.check(keepalived)).output.includes(REFUSED);
  /** What eth0 has. */
  const has = (...all: string[]): void => {
    const own = all.map((one) => `echo "2: eth0    inet ${one}/24 scope global eth0"`);
    const neighbour = '[ "$2" != neighbour ] || { sed -n "s/^$5 //p" /run/neighbours && exit; }';
    host.command("ip", [neighbour, ...own].join("\n"));
  };

  beforeEach(() => {
    host = new Host();
    has(ADDRESS);
    host.command("ping", `[ "\${!#}" = ${FLOATING} ]`);
    host.command("timeout", "cat /run/answer");
    host.write("/run/answer", "");
    host.write("/run/neighbours", "");
  });
  afterEach(() => host.remove());

  it("is refused an address that another machine has", async () => {
    expect(await refused()).toBe(true);
    host.write("/run/answer", "HTTP/1.1 403 Forbidden\r\n\r\n");
    expect(await refused()).toBe(true);
    host.command("ping", "exit 1");
    expect(await refused()).toBe(false);
  });

  it("takes one that this Pi, or another one of the cluster, holds already, or that was set up before", async () => {
    host.write("/run/answer", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\npage");
    expect(await refused()).toBe(false); // another Pi's
    host.write("/run/answer", "HTTP/1.1 500 Internal Server Error\r\n\r\n"); // by its hardware's address
    const neighbours = (other: string): void =>
      host.write(
        "/run/neighbours",
        `${FLOATING} dev eth0 lladdr 02:00:00:00:00:22 REACHABLE\n192.168.0.122 dev eth0 lladdr ${other} STALE\n`,
      );
    neighbours("02:00:00:00:00:23");
    expect(await refused()).toBe(true);
    neighbours("02:00:00:00:00:22");
    expect(await refused()).toBe(false);
    host.write("/run/neighbours", "");
    host.write("/run/answer", "");
    has(ADDRESS, FLOATING);
    expect(await refused()).toBe(false);
    has(ADDRESS);
    host.write("/var/lib/twopir/states/pi1-keepalived", "");
    expect(await refused()).toBe(false);
  });
});
