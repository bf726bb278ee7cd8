import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { address, endsWell, inside, NAME } from "../../lab/drive/lab";
import { FLOATING } from "./states";

/** A machine on the Pis' network that has nothing to do with the cluster. */
export const STRANGER = "pi3";

/** Something that a stranger tries. */
export interface Attack {
  readonly what: string;
  /** True where it got what it wanted. */
  readonly succeeds: () => Promise<boolean>;
}

const VIP = FLOATING.pi1;
const PI = address("pi1");

/** On the stranger, whether it ends well. */
const can = (line: string) => (): Promise<boolean> => endsWell(STRANGER, line);

const connect = (port: string): Promise<boolean> =>
  endsWell(STRANGER, `timeout 3 bash -c 'exec 3<>/dev/tcp/${PI}/${port}'`);

/** Whether the answer to a request, head and body, has this in it. */
const answers = (path: string, pattern: string): (() => Promise<boolean>) =>
  can(
    `exec 3<>/dev/tcp/${PI}/80 && printf 'GET ${path} HTTP/1.0\\r\\nHost: ${NAME}\\r\\n\\r\\n' >&3 && grep -qi '${pattern}' <&3`,
  );

/**
 * VRRP version 3 adverts of priority 254 for pi1's floating address, for four seconds: type 1, 0.1 s apart, with the
 * checksum over the pseudo-header (RFC 5798).
 */
const FORGED_ADVERTS = `perl -MSocket -e '
  my ($from, $to, $vip, $id) = @ARGV;
  my $sum = sub { my $s = 0; $s += $_ for unpack "n*", shift; $s = ($s & 0xffff) + ($s >> 16) while $s >> 16; ~$s & 0xffff };
  my $advert = sub { pack("CCCCnn", 0x31, $id, 254, 1, 10, shift) . inet_aton($vip) };
  my $plain = $advert->(0);
  my $head = inet_aton($from) . inet_aton($to) . pack("CCn", 0, 112, length $plain);
  my $s;
  socket($s, PF_INET, SOCK_RAW, 112) && setsockopt($s, 0, 2, pack("i", 255)) && bind($s, sockaddr_in(0, inet_aton($from))) or die $!;
  for (1 .. 80) { send $s, $advert->($sum->($head . $plain)), 0, sockaddr_in(0, inet_aton($to)); select undef, undef, undef, 0.05 }
' ${address(STRANGER)} ${PI} ${VIP} ${VIP.split(".").at(-1) ?? ""}`;

/** Everything that is tried, each against the article's set-up and against twopir's. */
export const ATTACKS: readonly Attack[] = [
  {
    what: "mounts the volume and writes a page of the site",
    succeeds: async () => {
      await can(
        `mkdir -p /mnt/stolen; timeout 20 mount -t glusterfs ${PI}:/gv0 /mnt/stolen; timeout 20 cp /etc/hostname /mnt/stolen/www/owned.html; umount -l /mnt/stolen`,
      )();
      return endsWell("pi1", "rm /mnt/gluster1/www/owned.html");
    },
  },
  {
    what: "asks glusterd about the volume (`gluster --remote-host`)",
    succeeds: can(`timeout 20 gluster --remote-host=${PI} volume info gv0 | grep '^Volume ID'`),
  },
  {
    what: "has glusterd answer to `gluster peer probe`",
    succeeds: can(`timeout 20 gluster peer probe ${PI} 2>&1 | grep 'part of another cluster'`),
  },
  { what: "connects to glusterd's port", succeeds: () => connect("24007") },
  {
    what: "connects to a brick's port",
    succeeds: async () =>
      connect(await inside("pi1", `gluster volume status gv0 | awk '/^Brick ${PI}:/ { print $3 }'`)),
  },
  {
    what: "forges VRRP adverts and takes a floating address away",
    succeeds: async () => {
      const forging = endsWell(STRANGER, FORGED_ADVERTS);
      await sleep(2000); // while it goes on: the address comes back by itself
      const held = await endsWell("pi1", `ip -4 -o address show scope global | grep -F ' ${VIP}/'`);
      expect(await forging).toBe(true);
      return !held;
    },
  },
  { what: "reads a file of the site that begins with a dot", succeeds: answers("/.env", "password") },
  { what: "reads a file outside of the site, by a link in it", succeeds: answers("/link", "^root:") },
  {
    what: "holds a connection for 15 s without asking for anything",
    succeeds: can(
      `exec 3<>/dev/tcp/${PI}/80 && printf 'GET / HTTP/1.1\\r\\nHost: ${NAME}\\r\\n' >&3; timeout 15 cat <&3 >/dev/null; [ $? -eq 124 ]`,
    ),
  },
];
