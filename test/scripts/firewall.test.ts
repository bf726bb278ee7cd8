import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canIsolate, Host, state } from "./host";

const RULES = "table inet twopir {\n}\n";
const one = state("firewall", {
  rules: RULES,
  patience: 120,
  address: "192.168.0.121",
  other: "192.168.0.122",
  clients: ["192.168.0.121", "192.168.0.122"],
  disconnect: "no",
});
const sshd = (port: number, more = ""): string =>
  `LISTEN 0 128 0.0.0.0:${port} 0.0.0.0:* users:(("sshd",pid=7,fd=3))${more} ino:5 sk:1\n`;

describe.skipIf(!canIsolate)("the firewall", () => {
  let host: Host;

  beforeEach(() => {
    host = new Host();
    host.command("ip", "echo '192.168.0.122 dev eth0 src 192.168.0.121 uid 0'");
    host.command(
      "ss",
      "[[ $* == *established* ]] || if [ $1 = -Hwanp ]; then cat /run/raw; else cat /run/listening; fi",
    );
    host.command("nft", '[ "$2" != list ] || cat /run/theirs');
    host.command("iptables-save", "");
    host.command("systemctl", '[ "$1" = show ] && cat /run/socket || [ -e /run/socket ]');
    host.write("/run/theirs", "");
    host.write("/run/raw", "");
  });
  afterEach(() => host.remove());

  /** What is added to the rules. */
  async function added(listening: string): Promise<string[]> {
    host.write("/run/listening", listening);
    host.write("/etc/twopir/firewall.nft", RULES);
    const { status, output } = await host.check(one);
    expect(status, output).toBe(0);
    const lines = output.split("\n").filter((line) => /^\+[^+]/.test(line));
    return lines.filter((line) => !`+${RULES.replaceAll("\n", "\n+")}`.includes(line));
  }
  const letIn = (ports: string): string => `+insert rule inet twopir input tcp dport { ${ports} } accept`;

  it("lets ssh in where sshd listens on a port that is otherwise closed", async () => {
    expect(await added(sshd(22) + sshd(2222))).toEqual([]);
    expect(await added(sshd(22) + sshd(50_022))).toEqual([letIn("50022")]);
    expect(await added(sshd(24_007) + sshd(60_999) + sshd(61_000))).toEqual([letIn("24007,60999")]);
  });

  it("lets ssh in by systemd's socket, and nobody whom a user lets in (ssh -R)", async () => {
    expect(await added(sshd(22) + sshd(50_000, " uid:1000"))).toEqual([]);
    host.write("/run/socket", "0.0.0.0:50022 (Stream)\n[::]:50022 (Stream)\n");
    expect(await added("")).toEqual([letIn("50022")]);
  });

  it("tells what else will be closed", async () => {
    host.write("/run/listening", sshd(50_022) + sshd(50_023).replace("sshd", "mine"));
    const { output } = await host.check(one);
    expect(output).toContain("closed to all but the Pis and twopir:volume.clients: mine, port 50023\n");
    expect(output).not.toContain("port 50022\n");
    expect(output).not.toContain("VRRP");
  });

  it("tells of VRRP that something else speaks, not twopir's own keepalived", async () => {
    host.write("/run/listening", "");
    host.write("/run/raw", 'UNCONN 0 0 0.0.0.0:112 0.0.0.0:* users:(("keepalived",pid=8,fd=4))\n');
    const { output } = await host.check(one);
    expect(output).toContain(
      "closed to all but the Pis: VRRP, which keepalived speaks; an address that it shares",
    );
    host.write("/usr/local/lib/twopir/serves", "");
    expect((await host.check(one)).output).not.toContain("VRRP");
  });

  describe("of another Pi", () => {
    const rules = "  set pis {\n    type ipv4_addr\n    elements = { 192.168.0.121, 192.168.0.122 }\n  }\n";
    const first = { ...one, parameters: { ...one.parameters, rules: `table inet twopir {\n${rules}}\n` } };
    /** With what the kernel says of a connection to it, and with its answer to a ping. */
    const seen = async (knocked: string, pinged: string): Promise<string> => {
      host.write("/run/listening", "");
      host.command("timeout", `[ "$5" = 192.168.0.122 ] && ${knocked}`);
      host.command("ping", `[ "\${!#}" = 192.168.0.122 ] && ${pinged}`);
      return (await host.check(first)).output;
    };
    const shut =
      "refuse: a firewall other than twopir's, on 192.168.0.122 or in between, keeps pi1 from port";

    it("that drops what the Pis need is found before anything is changed", async () => {
      expect(await seen("exit 124", "true")).toContain(`${shut} 24007 and 49152 there`);
      expect(await seen('[ "$6" != 49152 ] || exit 124', "true")).toContain(`${shut} 49152 there`);
      expect(await seen("exit 1", "true")).not.toContain("refuse:");
      host.write("/etc/twopir/firewall.nft", RULES);
      expect(await seen("exit 124", "true")).not.toContain("refuse:");
    });

    it.each([
      ["was heard of since", "used 30/0/3 probes 1 REACHABLE", true],
      ["was not", "used 30/20/3 probes 1 REACHABLE", false],
      ["is off", "used 30/60/3 probes 6 FAILED", false],
      ["is in another network", "", false],
    ])("that drops a ping, too, is suspected where the Pi %s", async (_, neighbour, suspected) => {
      host.hurry(/arp_wait/, 2);
      host.command(
        "ip",
        `echo '192.168.0.122 dev eth0 src 192.168.0.121 uid 0'; [ "$2" != neighbour ] || echo '192.168.0.122 ${neighbour}'`,
      );
      expect((await seen("exit 124", "sleep 1 && false")).includes("refuse:")).toBe(suspected);
    });
  });

  it.each([
    ["tcp dport 2222 ct state new limit rate over 12/minute drop", true],
    ["tcp dport { 80, 2222 } ct state new limit rate over 12/minute drop", true],
    ["-A INPUT -p tcp -m tcp --dport 2222 -m recent --update --seconds 30 -j DROP", true],
    ["tcp dport 22 ct state new limit rate over 12/minute drop", false],
    ["tcp dport { 80, 443 } ct state new limit rate over 12/minute drop", false],
    ["tcp dport ssh ct state new limit rate over 12/minute drop", true],
  ])("is refused where logins at sshd's own port are limited: %s: %j", async (rule, refused) => {
    host.write("/run/listening", sshd(2222));
    host.write("/run/theirs", `table inet mine {\n${rule}\n}\n`);
    const { output } = await host.check(one);
    expect(output.includes(`limits ssh logins (${rule})`)).toBe(refused);
  });

  it.each([
    ["nftables", "/etc/nftables.conf"],
    ["netfilter-persistent", "/etc/iptables/rules.v4"],
  ])("names rules for the next boot that nobody has loaded: %s", async (unit, file) => {
    host.write("/run/listening", sshd(22));
    host.command("systemctl", '[ "$2" != -P ] || cat /run/since');
    const loaded = async (since: string): Promise<boolean> => {
      host.write("/run/since", since);
      return !(await host.check(one)).output.includes(
        `loads the rules of ${file}, which nobody has loaded yet`,
      );
    };
    host.write(file, "table inet filter {}\n");
    expect(await loaded("")).toBe(true); // no unit does so
    host.write(`/etc/systemd/system/multi-user.target.wants/${unit}.service`, "");
    expect(await loaded("")).toBe(false);
    expect(await loaded("Sat 2000-01-01 00:00:00 UTC\n")).toBe(true);
  });

  it.each([
    ["-A ufw-user-input -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -m recent --set", true],
    ["tcp dport { 80, 443 } ct state new limit rate over 12/minute drop", true],
    ["tcp dport http meter visitors { ip saddr limit rate over 5/minute } drop", true],
    ["tcp dport { 80, 443 } ct state new limit rate over 50/second drop", false],
    ["tcp dport 80 ct count over 50 drop", false],
    ["-A INPUT -p tcp -m tcp --dport 80 -m connlimit --connlimit-above 50 -j REJECT", false],
    ["-A INPUT -p tcp -m tcp --dport 80 -m connlimit --connlimit-above 3 -j REJECT", true],
    ["-A INPUT -p tcp -m tcp --dport 80 -m limit --limit 200/sec -j ACCEPT", false],
    ["-A INPUT -p tcp -m multiport --dports 80,443 -j f2b-nginx-limit-req", false],
    ["tcp dport { 80, 443 } ip saddr @addr-set-nginx-limit-req reject", false],
    ["tcp dport 8080 ct state new limit rate over 12/minute drop", false],
    ["tcp dport 80 accept", false],
  ])("is named later on where it lets a browser in too seldom: %s: %j", async (rule, named) => {
    host.write("/run/listening", sshd(22));
    host.write("/run/theirs", `table inet mine {\n${rule}\n}\n`);
    host.write("/etc/twopir/firewall.nft", RULES);
    const { output } = await host.check(one);
    expect(output.includes(`limits how often visitors may connect to port 80 (${rule})`)).toBe(named);
  });
});
