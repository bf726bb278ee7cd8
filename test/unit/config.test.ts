import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, it } from "vitest";
import { ConfigError, parseConfig, readConfig } from "../../config";
import type { Host, Open } from "../../operator/hosts";

/** Comes with Pulumi's SDK, without types. */
const yaml = createRequire(__filename)("js-yaml") as { load: (text: string) => unknown };

type Raw = Record<string, unknown>;

const SECRET = "dGhpcyBrZXkgaXMgYSBzZWNyZXQ=";
const pi1 = { name: "pi1", address: "192.168.0.121" };
const pi2 = { name: "pi2", address: "192.168.0.122" };
const pi3 = { name: "pi3", address: "192.168.0.123" };
const rfc2136 = { provider: "rfc2136", server: "192.168.0.53", zone: "example.com", keyName: "twopir" };
const cloudflare = { provider: "cloudflare", zoneId: "0123456789abcdef0123456789abcdef" };
const good: Raw = { hostname: "twopir.example.com", pis: [pi1, pi2], dns: { provider: "none" } };

/** The lines of the error that the good config gives with this patch; undefined takes a key out. */
function mistakes(patch: Raw): readonly string[] {
  try {
    parseConfig(JSON.parse(JSON.stringify({ ...good, ...patch })) as Raw, "/project");
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

const with6 = {
  pis: [
    { ...pi1, address6: "2001:db8::121" },
    { ...pi2, address6: "2001:db8::122" },
  ],
};
const floating = (...ends: string[]) => ({ floatingAddresses: ends.map((end) => `192.168.0${end}`) });
const pisWith = (patch: Raw): Raw => ({ pis: [pi1, { ...pi2, ...patch }] });
const dnsWith = (patch: Raw, base: Raw = rfc2136): Raw => ({
  tsigSecret: SECRET,
  dns: { ...base, ...patch },
});
const longName = `${"a".repeat(60)}.`.repeat(4) + "a".repeat(11);

describe("every rule names the key, the value and what would be right", () => {
  const fullName = 'a full name in lower case without a dot at the end, e.g. "twopir.example.com"';
  const hostName = 'a host name in lower case, e.g. "twopir"';
  const piName = 'a short name of letters, digits and dashes, e.g. "pi1"';
  const path = 'an absolute path of letters, digits and ._-, e.g. "/mnt/gluster1"';
  const volumeName = 'a volume name of letters, digits, _ and -, e.g. "gv0"';
  const noKey = "no value, since ssh.agent: true reads no key";
  const jump = "a host to go through: { address: gate.example.com, port: 22, user: pi }";
  const fullCopy = "the name of a Pi that has a full copy";
  const PI_ADDRESS =
    'an IPv4 address, e.g. "192.168.0.121", or a name in lower case that this machine can look up, e.g. "pi1.local"';
  const clients = "a list of IPv4 addresses of machines that may mount it";
  const volume = "{ name: gv0, mount: /mnt/gluster1, brick: /data/brick1/gv0, clients: [] }";
  const key = 'a public host key as in /etc/ssh/ssh_host_ed25519_key.pub, e.g. "ssh-ed25519 AAAAC3..."';
  const user = 'a user of that Pi who may use sudo, e.g. "pi"';
  const providers = "{ provider: rfc2136, ... }, { provider: cloudflare, ... } or { provider: none }";
  const provider = "rfc2136, cloudflare or none";
  const server = 'the primary name server, e.g. "192.168.0.53" or "ns1.example.com"';
  const zoneId = "the zone's id, 32 hexadecimal digits on the zone's overview page";
  const tsig =
    "the key in base64, as tsig-keygen prints it; set it with: pulumi config set --secret twopir:tsigSecret";
  const sudo = "sudo's password, one line; set it with: pulumi config set --secret twopir:sudoPassword";
  const port = "a port from 1 to 65535";
  const RELEASE = "previous, or the beginning of an id that npm run status shows, 8 digits or more";
  const site = 'a folder to publish, relative to the project, e.g. "./site"';
  const files = "{ keyFile: ~/.ssh/id_ed25519, knownHosts: ~/.ssh/known_hosts }";

  const cases: readonly (readonly [patch: Raw, key: string, value: string, right: string])[] = [
    [{ hostname: undefined }, "hostname", "missing", fullName],
    [{ hostname: 7 }, "hostname", "7", fullName],
    [{ hostname: "twopir" }, "hostname", '"twopir"', fullName],
    [{ hostname: "Twopir.example.com" }, "hostname", '"Twopir.example.com"', fullName],
    [{ hostname: "twopir.example.com." }, "hostname", '"twopir.example.com."', fullName],
    [{ hostname: "two_pir.example.com" }, "hostname", '"two_pir.example.com"', fullName],
    [{ hostname: "-twopir.example.com" }, "hostname", '"-twopir.example.com"', fullName],
    [{ hostname: "192.168.0.121" }, "hostname", '"192.168.0.121"', fullName],
    [{ hostname: `${"a".repeat(64)}.com` }, "hostname", `"${"a".repeat(64)}.com"`, fullName],
    [{ hostname: longName }, "hostname", `"${longName.slice(0, 79)}...`, fullName],
    [{ hostname: ["a", "b"] }, "hostname", "a list of 2", fullName],
    [{ serverNames: "twopir" }, "serverNames", '"twopir"', "a list of host names"],
    [{ serverNames: ["twopir", "a b"] }, "serverNames[1]", '"a b"', hostName],
    [{ serverNames: [5] }, "serverNames[0]", "5", hostName],
    [{ pis: undefined }, "pis", "missing", "a list of two or more Pis"],
    [{ pis: "pi1" }, "pis", "a text", "a list of two or more Pis"],
    [{ pis: { pi1, pi2 } }, "pis", "an object", "a list of two or more Pis"],
    [{ pis: [] }, "pis", "a list of 0", "two or more Pis"],
    [{ pis: [pi1] }, "pis", "a list of 1", "two or more Pis"],
    [{ pis: [pi1, pi2, "pi3"] }, "pis[2]", "a text", "a Pi: { name: pi1, address: 192.168.0.121, user: pi }"],
    [{ pis: [pi1, pi2, null] }, "pis[2]", "null", "a Pi: { name: pi1, address: 192.168.0.121, user: pi }"],
    [pisWith({ name: undefined }), "pis[1].name", "missing", piName],
    [pisWith({ name: "Pi 2" }), "pis[1].name", '"Pi 2"', piName],
    [pisWith({ name: "pi2-" }), "pis[1].name", '"pi2-"', piName],
    [pisWith({ name: "pi1" }), "pis[1].name", '"pi1"', "a name of its own; pis[0] has it already"],
    [pisWith({ address: undefined }), "pis[1].address", "missing", PI_ADDRESS],
    [pisWith({ address: "192.168.0.300" }), "pis[1].address", '"192.168.0.300"', PI_ADDRESS],
    [pisWith({ address: "pi2.local" }), "pis[1].address", '"pi2.local"', PI_ADDRESS],
    [pisWith({ address: "fe80::1" }), "pis[1].address", '"fe80::1"', PI_ADDRESS],
    [
      pisWith({ address: pi1.address }),
      "pis[1].address",
      '"192.168.0.121"',
      "an address of its own; pis[0] has it already",
    ],
    [pisWith({ user: "pi;reboot" }), "pis[1].user", '"pi;reboot"', user],
    [pisWith({ user: "-oProxyCommand" }), "pis[1].user", '"-oProxyCommand"', user],
    [pisWith({ user: null }), "pis[1].user", "null", user],
    [pisWith({ hostKey: "SHA256:abc" }), "pis[1].hostKey", '"SHA256:abc"', key],
    [pisWith({ hostKey: "ssh-dss AAAA" }), "pis[1].hostKey", '"ssh-dss AAAA"', key],
    [pisWith({ port: "22" }), "pis[1].port", '"22"', port],
    [pisWith({ port: 0 }), "pis[1].port", "0", port],
    [pisWith({ port: 65_536 }), "pis[1].port", "65536", port],
    [pisWith({ sudoPassword: 1234 }), "pis[1].sudoPassword", "[secret]", sudo],
    [pisWith({ sudoPassword: "" }), "pis[1].sudoPassword", "[secret]", sudo],
    [{ sudoPassword: "two\nlines" }, "sudoPassword", "[secret]", sudo],
    [pisWith({ storage: "no" }), "pis[1].storage", '"no"', "true or false"],
    [pisWith({ drained: 1 }), "pis[1].drained", "1", "true or false"],
    [
      { pis: [pi1, pi2].map((one) => ({ ...one, drained: true })) },
      "pis",
      "a list of 2",
      "at least one Pi that is not drained, or nobody serves the site",
    ],
    [
      {
        pis: [
          pi1,
          { ...pi2, drained: true },
          { ...pi2, name: "pi3", address: "192.168.0.123", arbiter: true, drained: true },
        ],
      },
      "pis",
      "a list of 3",
      "at most one drained Pi of three that store: where two are off, the third one serves nothing",
    ],
    [
      pisWith({ storage: false }),
      "pis",
      "a list of 2",
      "two or three Pis that store, each a full copy; 1 do (mark the others with storage: false)",
    ],
    [
      { pis: [1, 2, 3, 4].map((n) => ({ name: `pi${n}`, address: `10.0.0.${n}` })) },
      "pis",
      "a list of 4",
      "two or three Pis that store, each a full copy; 4 do (mark the others with storage: false)",
    ],
    [pisWith({ arbiter: "pi2" }), "pis[1].arbiter", '"pi2"', "true or false"],
    [
      pisWith({ arbiter: true }),
      "pis",
      "a list of 2",
      "two Pis with a full copy beside the arbiter; there are 1",
    ],
    [
      { pis: [pi1, pi2, { name: "pi3", address: "192.168.0.123", arbiter: true, storage: false }] },
      "pis[2].arbiter",
      "true",
      "false: with storage: false a Pi has no brick, and an arbiter needs one",
    ],
    [
      { pis: [1, 2, 3, 4].map((n) => ({ name: `pi${n}`, address: `10.0.0.${n}`, arbiter: n > 2 })) },
      "pis[3].arbiter",
      "true",
      "false: pis[2] is the arbiter, and one is enough",
    ],
    [
      {
        pis: [pi1, pi2, { name: "pi3", address: "192.168.0.123", arbiter: true }],
        splitBrain: "pi3",
      },
      "splitBrain",
      '"pi3"',
      "report, newest, or the name of a Pi that has a full copy",
    ],
    [{ volume: "gv0" }, "volume", '"gv0"', volume],
    [{ volume: { name: "-x" } }, "volume.name", '"-x"', volumeName],
    [{ volume: { name: "gv/0" } }, "volume.name", '"gv/0"', volumeName],
    [{ volume: { mount: "mnt" } }, "volume.mount", '"mnt"', path],
    [{ volume: { mount: "/" } }, "volume.mount", '"/"', path],
    [{ volume: { mount: "/mnt/a b" } }, "volume.mount", '"/mnt/a b"', path],
    [{ volume: { mount: "/mnt/../etc" } }, "volume.mount", '"/mnt/../etc"', "a path without .."],
    [{ volume: { brick: "/data/x:y" } }, "volume.brick", '"/data/x:y"', path],
    [{ volume: { brick: "/data/.." } }, "volume.brick", '"/data/.."', "a path without .."],
    [{ failover: "1 s" }, "failover", '"1 s"', "a whole number of seconds"],
    [{ failover: 0 }, "failover", "0", "at least 1 second: what a busy Pi may be silent for"],
    [{ failover: 60 }, "failover", "60", "at most 30 seconds: no visitor waits longer"],
    [{ floatingAddresses: "x" }, "floatingAddresses", '"x"', "a list of IPv4 addresses, one for each Pi"],
    [
      { ...floating(".221", ".9"), volume: { clients: ["192.168.0.9"] } },
      "floatingAddresses[1]",
      '"192.168.0.9"',
      "an address that nothing else in this config has",
    ],
    [floating(".221"), "floatingAddresses", "a list of 1", "one floating address for each of the 2 Pis"],
    [
      floating(".221", ".121"),
      "floatingAddresses[1]",
      '"192.168.0.121"',
      "an address that no Pi has as its own",
    ],
    [
      floating(".221", ".221"),
      "floatingAddresses[1]",
      '"192.168.0.221"',
      "an address that is not in the list already",
    ],
    [
      { floatingAddresses: ["192.168.0.221", "192.168.1.222"] },
      "floatingAddresses[1]",
      '"192.168.1.222"',
      "an address in the Pis' own network, 192.168.0.x",
    ],
    ...[
      "2001:db8::g",
      "192.168.0.121",
      "fe80::1",
      "::1",
      "ff02::1",
      "::ffff:192.168.0.121",
      "fe80::1%eth0",
      7,
    ].map(
      (address6) =>
        [
          pisWith({ address6 }),
          "pis[1].address6",
          JSON.stringify(address6),
          'an IPv6 address that visitors can reach, e.g. "2001:db8::121" (not fe80:..., which is known on its own link alone)',
        ] as const,
    ),
    [
      {
        pis: [
          { ...pi1, address6: "2001:db8::1" },
          { ...pi2, address6: "2001:DB8:0::0:1" },
        ],
      },
      "pis[1].address6",
      '"2001:DB8:0::0:1"',
      "an address of its own; pis[0] has it already",
    ],
    [
      { ...floating(".221", ".222"), ...with6 },
      "floatingAddresses6",
      "missing",
      "one floating IPv6 address for each of the 2 Pis, since they have address6",
    ],
    [
      { ...with6, floatingAddresses6: ["2001:db8::221", "2001:db8::222"] },
      "floatingAddresses6",
      "a list of 2",
      "none without floatingAddresses, beside which they travel",
    ],
    [
      {
        ...floating(".221", ".222"),
        pis: [pi1, with6.pis[1]],
        floatingAddresses6: ["2001:db8::221", "2001:db8::222"],
      },
      "pis[0].address6",
      "missing",
      "the IPv6 address of each Pi, since there are floatingAddresses6",
    ],
    [
      { ...floating(".221", ".222"), ...with6, floatingAddresses6: ["2001:db8::221"] },
      "floatingAddresses6",
      "a list of 1",
      "one floating IPv6 address for each of the 2 Pis",
    ],
    [
      { ...floating(".221", ".222"), ...with6, floatingAddresses6: ["2001:db8::121", "2001:db8::222"] },
      "floatingAddresses6[0]",
      '"2001:db8::121"',
      "an address that no Pi has as its own",
    ],
    [
      { ...floating(".221", ".222"), ...with6, floatingAddresses6: ["2001:db8::222", "2001:db8::222"] },
      "floatingAddresses6[1]",
      '"2001:db8::222"',
      "an address that is not in the list already",
    ],
    [
      { ...floating(".221", ".222"), ...with6, floatingAddresses6: ["2001:db8::221", "2001:db8:0:1::222"] },
      "floatingAddresses6[1]",
      '"2001:db8:0:1::222"',
      "an address in the Pis' own network, 2001:db8::/64",
    ],
    [{ splitBrain: true }, "splitBrain", "true", "report, newest, or the name of a Pi that has a full copy"],
    [
      { splitBrain: "pi3" },
      "splitBrain",
      '"pi3"',
      "report, newest, or the name of a Pi that has a full copy",
    ],
    [{ dns: undefined }, "dns", "missing", providers],
    [{ dns: "none" }, "dns", '"none"', providers],
    [{ dns: {} }, "dns.provider", "missing", provider],
    [{ dns: { provider: "route53" } }, "dns.provider", '"route53"', provider],
    [dnsWith({ server: undefined }), "dns.server", "missing", "a name server"],
    [dnsWith({ server: "ns1" }), "dns.server", '"ns1"', server],
    [dnsWith({ server: "192.168.0.530" }), "dns.server", '"192.168.0.530"', server],
    [dnsWith({ zone: undefined }), "dns.zone", "missing", fullName],
    [dnsWith({ zone: "example.com." }), "dns.zone", '"example.com."', fullName],
    [
      dnsWith({ zone: "example.org" }),
      "dns.zone",
      '"example.org"',
      "the zone that twopir.example.com lies in",
    ],
    [dnsWith({ zone: "ple.com" }), "dns.zone", '"ple.com"', "the zone that twopir.example.com lies in"],
    [dnsWith({ keyName: undefined }), "dns.keyName", "missing", hostName],
    [dnsWith({ keyName: "two pir" }), "dns.keyName", '"two pir"', hostName],
    [dnsWith({ ttl: "1m" }), "dns.ttl", '"1m"', "a whole number of seconds"],
    [dnsWith({ ttl: 1.5 }), "dns.ttl", "1.5", "a whole number of seconds"],
    [dnsWith({ ttl: 0 }), "dns.ttl", "0", "at least 1 second"],
    [dnsWith({ ttl: 86_401 }), "dns.ttl", "86401", "at most a day (86400)"],
    [dnsWith({ ttl: 59 }, cloudflare), "dns.ttl", "59", "at least 60 seconds, Cloudflare's own minimum"],
    [dnsWith({ zoneId: undefined }, cloudflare), "dns.zoneId", "missing", zoneId],
    [dnsWith({ zoneId: "example.com" }, cloudflare), "dns.zoneId", '"example.com"', zoneId],
    [
      { dns: rfc2136 },
      "tsigSecret",
      "missing",
      "needed for rfc2136; set it with: pulumi config set --secret twopir:tsigSecret",
    ],
    [{ tsigSecret: "hunter2 hunter2 hunter2" }, "tsigSecret", "[secret]", tsig],
    [{ sshPassphrase: 123_456 }, "sshPassphrase", "[secret]", "a text"],
    [{ ssh: "~/.ssh" }, "ssh", '"~/.ssh"', files],
    [{ ssh: { keyFile: 5 } }, "ssh.keyFile", "5", "a path"],
    [{ volume: { disconnect: "yes" } }, "volume.disconnect", '"yes"', "true or false"],
    [{ volume: { acceptCopy: "Pi 1" } }, "volume.acceptCopy", '"Pi 1"', piName],
    [{ volume: { acceptCopy: "pi3" } }, "volume.acceptCopy", '"pi3"', fullCopy],
    [
      { pis: [pi1, pi2, { ...pi3, arbiter: true }], volume: { acceptCopy: "pi3" } },
      "volume.acceptCopy",
      '"pi3"',
      fullCopy,
    ],
    [
      { pis: [pi1, pi2, { ...pi3, storage: false }], volume: { acceptCopy: "pi3" } },
      "volume.acceptCopy",
      '"pi3"',
      fullCopy,
    ],
    [{ volume: { clients: "192.168.0.10" } }, "volume.clients", '"192.168.0.10"', clients],
    [{ volume: { clients: ["nas"] } }, "volume.clients[0]", '"nas"', 'an IPv4 address, e.g. "192.168.0.121"'],
    [{ site: 5 }, "site", "5", site],
    [{ site: "" }, "site", '""', site],
    [{ site: ["./site"] }, "site", "a list of 1", site],
    [{ site: "./site", release: 5 }, "release", "5", RELEASE],
    [{ site: "./site", release: "last" }, "release", '"last"', RELEASE],
    [{ site: "./site", release: "0123456" }, "release", '"0123456"', RELEASE],
    [{ site: "./site", release: 12345678 }, "release", "12345678", RELEASE],
    [
      { release: "previous" },
      "release",
      '"previous"',
      "no value without twopir:site: it is served instead of that folder",
    ],
    [{ keepReleases: 1.5 }, "keepReleases", "1.5", "a whole number"],
    [{ keepReleases: -1 }, "keepReleases", "-1", "at least 0: none to go back to"],
    [{ keepReleases: 101 }, "keepReleases", "101", "at most 100"],
    [
      { web: { fallback: "/" } },
      "web",
      "an object",
      "no value without twopir:site: it is how a published folder is served",
    ],
    [
      { site: "./site", web: { fallback: "index.html" } },
      "web.fallback",
      '"index.html"',
      'a page of the site, e.g. "/index.html"',
    ],
    [
      { site: "./site", web: { redirects: ["/a /b"] } },
      "web.redirects",
      "a list of 1",
      "lines as in a file _redirects",
    ],
    [{ ssh: { knownHosts: true } }, "ssh.knownHosts", "true", "a path"],
    [{ ssh: { agent: "yes" } }, "ssh.agent", '"yes"', "true or false"],
    [{ ssh: { agent: true, keyFile: "x" } }, "ssh.keyFile", '"x"', noKey],
    [{ ssh: { agent: true }, sshPassphrase: "open" }, "sshPassphrase", "[secret]", noKey],
    [{ ssh: { jumpHost: "gate" } }, "ssh.jumpHost", '"gate"', jump],
    [
      { ssh: { jumpHost: { address: "gate" } } },
      "ssh.jumpHost.address",
      '"gate"',
      "an IPv4 address or a full name",
    ],
    [
      { ssh: { jumpHost: { address: "10.0.0.1", port: 0 } } },
      "ssh.jumpHost.port",
      "0",
      "a port from 1 to 65535",
    ],
    [dnsWith({ fewRecords: 1 }), "dns.fewRecords", "1", "true or false"],
  ];

  it.each(cases)("%j", (patch, wrongKey, value, right) => {
    const is = value === "missing" ? "is missing" : `is ${value}`;
    expect(mistakes(patch)).toEqual([`twopir:${wrongKey} ${is}; expected: ${right}`]);
  });

  const WITH_PATH =
    ": set it with pulumi config set --path, and take this one out (pulumi config rm 'twopir:volume.acceptCopy')";
  it.each<[Raw, string, string?]>([
    [{ hostnames: "x.example.com" }, "hostnames", " (did you mean hostname?)"],
    [pisWith({ adress: "10.0.0.1" }), "pis[1].adress", " (did you mean address?)"],
    [{ floatingAdresses: [] }, "floatingAdresses", " (did you mean floatingAddresses?)"],
    [{ "volume.acceptCopy": "pi2" }, "volume.acceptCopy", WITH_PATH],
    [{ volume: { replica: 2 } }, "volume.replica"],
    [{ dns: { provider: "none", ttl: 60 } }, "dns.ttl"],
    [dnsWith({ server: "192.168.0.53" }, cloudflare), "dns.server"],
    [dnsWith({ keySecret: "x" }), "dns.keySecret"],
    [{ ssh: { port: 22 } }, "ssh.port"],
  ])("an unknown key is one: %j", (patch, unknown, meant = "") => {
    expect(mistakes(patch)).toEqual([
      `twopir:${unknown} is not a setting${meant}; see docs/configuration.yaml`,
    ]);
  });
});

describe("all mistakes at once", () => {
  const keys = (patch: Raw): string[] => mistakes(patch).map((line) => line.split(" ")[0] ?? "");

  it("from every corner, cross-key rules next to wrong types and missing keys", () => {
    const patch = {
      hostname: undefined,
      serverNames: ["ok", "not ok"],
      pis: [pi1, { ...pi1, user: 5 }, "pi3", { name: "pi1", address: 4 }],
      volume: { mount: "x" },
      dns: { ...rfc2136, server: undefined, ttl: 0 },
      ssh: { port: 22 },
      sitte: "./site",
    };
    expect(keys(patch).sort()).toEqual(
      [
        "twopir:hostname",
        "twopir:serverNames[1]",
        "twopir:pis[1].user",
        "twopir:pis[1].name",
        "twopir:pis[1].address",
        "twopir:pis[2]",
        "twopir:pis[3].name",
        "twopir:pis[3].address",
        "twopir:pis",
        "twopir:volume.mount",
        "twopir:dns.server",
        "twopir:dns.ttl",
        "twopir:tsigSecret",
        "twopir:ssh.port",
        "twopir:sitte",
      ].sort(),
    );
  });

  it.each<[string, Raw]>([
    ["a missing key", { hostname: undefined }],
    ["a wrong type", { volume: 5 }],
    ["an unknown key", { nope: 1 }],
    ["a wrong text", { hostname: "x" }],
  ])("duplicate Pis next to %s", (_, patch) => {
    const found = keys({ ...patch, pis: [pi1, pi1] });
    expect(found).toEqual(expect.arrayContaining(["twopir:pis[1].name", "twopir:pis[1].address"]));
    expect(found).toHaveLength(3);
  });

  it("a zone elsewhere next to a wrong Pi", () => {
    expect(keys({ ...pisWith({ address: 5 }), ...dnsWith({ zone: "example.org" }) })).toEqual([
      "twopir:pis[1].address",
      "twopir:dns.zone",
    ]);
  });

  it("but no guess about a zone when the host name itself is wrong", () => {
    expect(keys({ ...dnsWith({}), hostname: "Twopir" })).toEqual(["twopir:hostname"]);
  });

  it("a key has one line, even where two rules are broken", () => {
    expect(keys({ pis: [pi1] })).toEqual(["twopir:pis"]);
  });
});

describe("secrets", () => {
  it.each<Raw>([
    { tsigSecret: "hunter2!" },
    { tsigSecret: ["hunter2!"] },
    { sshPassphrase: ["hunter2!"] },
    { sudoPassword: ["hunter2!"] },
    pisWith({ sudoPassword: "hunter2!\t" }),
    { secret: "hunter2!" },
    dnsWith({ keySecret: "hunter2!" }),
    { dns: [{ ...rfc2136, keySecret: "hunter2!" }] },
  ])("are never in a message: %j", (patch) => {
    const lines = mistakes(patch);
    expect(lines).toHaveLength(1);
    expect(lines.join()).not.toContain("hunter2");
  });
});

describe("a right config", () => {
  it("gets the article's defaults", () => {
    expect(parseConfig(good, "/project")).toEqual({
      hostname: "twopir.example.com",
      serverNames: ["twopir"],
      pis: [
        { ...pi1, port: 22, user: "pi", storage: true, arbiter: false, drained: false },
        { ...pi2, port: 22, user: "pi", storage: true, arbiter: false, drained: false },
      ],
      volume: {
        name: "gv0",
        mount: "/mnt/gluster1",
        brick: "/data/brick1/gv0",
        clients: [],
        disconnect: false,
      },
      failover: 1,
      floatingAddresses: [],
      floatingAddresses6: [],
      splitBrain: "report",
      updates: "security",
      keepReleases: 3,
      dns: { provider: "none", fewRecords: false },
      ssh: { keyFile: join(homedir(), ".ssh/id_ed25519"), knownHosts: join(homedir(), ".ssh/known_hosts") },
      users: { [pi1.address]: "pi", [pi2.address]: "pi" },
      ownWay: false,
    });
  });

  const jumpHost = { address: "gate.example.com", port: 22, user: "anna", keyFile: "/home/anna/.ssh/gate" };
  const own = { port: 2222, user: "anna", knownAs: "one", keyFile: "/home/anna/.ssh/one" };
  const found = { hosts: new Map([[pi1.address, own]]), jumpHost };

  it("takes from elsewhere what it does not say", () => {
    const { pis, ssh, users, ownWay } = parseConfig(good, "/project", found);
    expect(pis).toMatchObject([own, { port: 22, user: "pi" }]);
    expect(ssh.jumpHost).toEqual(jumpHost);
    expect(users).toEqual({ [pi1.address]: "anna", [pi2.address]: "pi" });
    expect(ownWay).toBe(true);
  });

  it("counts before what is found elsewhere", () => {
    const pis = [pi1, pi2].map((one) => ({ ...one, port: 23, user: "bob" }));
    const config = { ...good, pis, ssh: { keyFile: "/key", jumpHost: { address: "192.168.0.9" } } };
    const parsed = parseConfig(config, "/project", { hosts: found.hosts });
    expect(parsed.pis[0]).toMatchObject({ port: 23, user: "bob", knownAs: "one" });
    expect(parsed.pis[0]?.keyFile).toBeUndefined();
    expect(parsed.ssh.jumpHost).toEqual({ address: "192.168.0.9", port: 22, user: "pi" });
    expect(parsed.users).toBeUndefined();
    expect(parsed.ownWay).toBe(false);
  });

  it.each([{ agent: true }, { keyFile: "/key" }])("has one key for all, or none, with %j", (ssh) => {
    const parsed = parseConfig({ ...good, ssh }, "/project", found);
    expect(parsed.pis[0]?.keyFile).toBeUndefined();
    expect(parsed.ssh.jumpHost?.keyFile).toBeUndefined();
  });

  it("names the brick after the volume", () => {
    expect(parseConfig({ ...good, volume: { name: "www" } }, "/project").volume.brick).toBe(
      "/data/brick1/www",
    );
  });

  it("lets nobody's mount be cut off, and no copy count as full, but by the user's word", () => {
    expect(parseConfig(good, "/project").volume).toMatchObject({ disconnect: false });
    expect(parseConfig(good, "/project").volume.acceptCopy).toBeUndefined();
    const { volume } = parseConfig({ ...good, volume: { disconnect: true, acceptCopy: "pi2" } }, "/project");
    expect(volume).toMatchObject({ name: "gv0", disconnect: true, acceptCopy: "pi2" });
  });

  it("takes relative paths from the project's folder", () => {
    const { ssh } = parseConfig(
      { ...good, ssh: { keyFile: "keys/id", knownHosts: "/etc/known" } },
      "/project",
    );
    expect(ssh).toEqual({ keyFile: "/project/keys/id", knownHosts: "/etc/known" });
  });

  it.each([
    ["./site", "/project/site"],
    ["../other/", "/other"],
    ["/srv/site", "/srv/site"],
    ["~/site", join(homedir(), "site")],
  ])("takes the folder %s to publish", (site, folder) => {
    expect(parseConfig({ ...good, site }, "/project").site).toBe(folder);
  });

  it("gives rfc2136 its secret and a TTL of 60 s", () => {
    expect(parseConfig({ ...good, ...dnsWith({}) }, "/project").dns).toEqual({
      ...rfc2136,
      ttl: 60,
      keySecret: SECRET,
      fewRecords: false,
    });
  });

  it("takes the zone's own name as the host name", () => {
    expect(mistakes({ ...dnsWith({}), hostname: "example.com" })).toEqual([]);
  });

  it("gives cloudflare a TTL of 60 s", () => {
    expect(parseConfig({ ...good, dns: cloudflare }, "/project").dns).toEqual({
      ...cloudflare,
      access: { headers: {}, stored: false, api: "https://api.cloudflare.com/client/v4" },
      ttl: 60,
      fewRecords: false,
    });
  });

  it("keeps what is optional", () => {
    const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZha2U=";
    const config = parseConfig(
      { ...good, ...pisWith({ hostKey }), sshPassphrase: "open sesame", serverNames: [] },
      "/project",
    );
    expect(config.pis[0]).not.toHaveProperty("hostKey");
    expect(config.pis[1]?.hostKey).toBe(hostKey);
    expect(config.ssh.passphrase).toBe("open sesame");
    expect(config.serverNames).toEqual([]);
  });

  it("gives each Pi sudo's password, its own or that of all, and none to root", () => {
    const pis = [pi1, { ...pi2, sudoPassword: `it's "a" $(b) \\ ünï` }, { ...pi3, user: "root" }];
    const passwords = (more: Raw) =>
      parseConfig({ ...good, pis, ...more }, "/project").pis.map((pi) => pi.sudoPassword);
    expect(passwords({ sudoPassword: " of all " })).toEqual([" of all ", `it's "a" $(b) \\ ünï`, undefined]);
    expect(passwords({})).toEqual([undefined, `it's "a" $(b) \\ ünï`, undefined]);
  });

  it("reads no key beside the agent, and completes the jump host", () => {
    const jumpHost = { address: "gate.example.com" };
    expect(parseConfig({ ...good, ssh: { agent: true, jumpHost } }, "/project").ssh).toEqual({
      knownHosts: join(homedir(), ".ssh/known_hosts"),
      jumpHost: { ...jumpHost, port: 22, user: "pi" },
    });
  });
});

describe("readConfig", () => {
  afterEach(() => pulumi.runtime.setAllConfig({}));

  /** Knows no name. */
  const nobody = () => Promise.resolve({ hosts: new Map<string, Host>() });

  /** Hands a config over as the engine does: lists and objects as JSON, the rest as it is. */
  function setStack(values: Raw): void {
    pulumi.runtime.setAllConfig(
      Object.fromEntries(
        Object.entries(values).map(([key, value]) => [
          key,
          typeof value === "string" ? value : JSON.stringify(value),
        ]),
      ),
    );
  }

  it("reads Pulumi.dev.yaml, the lab", async () => {
    const text = readFileSync(join(__dirname, "../../Pulumi.dev.yaml"), "utf8");
    const { config } = yaml.load(text) as { config: Raw };
    expect(config["twopir:tsigSecret"]).toHaveProperty("secure"); // never in clear text
    setStack({ ...config, "twopir:tsigSecret": SECRET });
    expect((await readConfig(nobody)).pis.map((pi) => pi.address)).toEqual([
      "192.168.0.121",
      "192.168.0.122",
    ]);
  });

  it("leaves the other packages' settings alone, and a secret that looks like a number a text", async () => {
    setStack({
      ...Object.fromEntries(Object.entries(good).map(([key, value]) => [`twopir:${key}`, value])),
      "twopir:sshPassphrase": "0123",
      "cloudflare:apiToken": "token",
    });
    expect((await readConfig(nobody)).ssh.passphrase).toBe("0123");
  });

  it("takes names for addresses, and asks for what it leaves open", async () => {
    const named = { ...pi1, address: "pi1.local" };
    const pis = [
      named,
      { ...pi2, address: "pi-two", user: "anna" },
      { ...pi2, name: "pi3", address: "192.168.0.300" },
      "x",
    ];
    setStack({ "twopir:pis": pis });
    const asked: Open[] = [];
    const find = (open: Open) => {
      asked.push(open);
      return Promise.resolve({ hosts: new Map([["pi1.local", { address: "192.168.0.7" }]]) });
    };
    await expect(readConfig(find)).rejects.toThrow(/pis\[1\]\.address is "pi-two"; /);
    setStack({
      ...Object.fromEntries(Object.entries(good).map(([key, value]) => [`twopir:${key}`, value])),
      "twopir:pis": [named, pi2],
      "twopir:ssh": { jumpHost: { address: "192.168.0.9" } },
    });
    expect((await readConfig(find)).pis).toMatchObject([
      { address: "192.168.0.7", hostName: "pi1.local" },
      { address: pi2.address },
    ]);
    expect(asked).toEqual([
      { hosts: ["pi1.local", "pi-two"], withoutUser: ["pi1.local"], anyWay: true },
      { hosts: ["pi1.local", pi2.address], withoutUser: ["pi1.local", pi2.address], anyWay: false },
    ]);
  });

  it("refuses a name that leads to another Pi's address", async () => {
    setStack({ "twopir:pis": [pi1, { ...pi2, address: "pi2.local" }] });
    const hosts = new Map([["pi2.local", { address: pi1.address }]]);
    await expect(readConfig(() => Promise.resolve({ hosts }))).rejects.toThrow(
      /pis\[1\]\.address is "pi2.local"; expected: an address of its own; pis\[0\] has it already/,
    );
  });

  it("throws what Pulumi prints without a stack trace", async () => {
    setStack({ "twopir:hostname": "twopir" });
    await expect(readConfig(nobody)).rejects.toThrow(pulumi.RunError);
    await expect(readConfig(nobody)).rejects.toThrow(
      /^the config of this stack has mistakes, so no Pi was contacted:\n- twopir:hostname is "twopir"; /,
    );
  });
});
