import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { address, lab, NAME, root, SUBNET } from "./lab";
import { TTL } from "./stack";

/** One thing that somebody changed by hand on a running cluster. */
export interface Drift {
  readonly what: string;
  readonly on: string;
  /** Shell in that Pi, or lines for nsupdate. */
  readonly broken: string;
  /** The resources that preview must name, and no others; none here: not compared. */
  readonly named: readonly string[];
  /** One of the reasons that it must give. */
  readonly reason: string;
  /** Files and services that differ from before when all is repaired; a file that was written again has another time. */
  readonly touched?: readonly RegExp[];
}

export const NGINX_LINK = "/etc/nginx/sites-enabled/cluster";
const GLUSTERD_DROP_INS = "/etc/systemd/system/glusterd.service.d";
const gluster = /^\/var\/lib\/glusterd\//;
const onVolume = (file: string): RegExp => new RegExp(`^/data/brick1/gv0/(${file}$|\\.glusterfs/)`);

/** A mount may have to be made anew, in its Pi's turn. */
const remounted = [/^service-nginx/, onVolume("turn")];

/** A restart of glusterd starts a brick's process. */
const restarted = [gluster, /^bricks/, /^service-glusterd$/, ...remounted];

/** What dpkg writes of any package. */
const installed = [/^\/var\/(lib\/(dpkg|apt|systemd|twopir|ucf)|cache)\//, /^\/usr\//];

/** What is missing with nginx's package, on pi2. */
const NGINX_GONE = [
  "pi2-nginx-package",
  "pi2-nginx-settings",
  "pi2-sites-available-link",
  "pi2-sites-enabled-link",
  "pi2-default-site-gone",
  "pi2-nginx",
];
const reinstalled = [...installed, /^\/etc\/(rc.\.d|systemd|init\.d|logrotate\.d|nginx)\//, /^service-nginx/];

/** Everything that can drift, each once. */
export const DRIFTS: readonly Drift[] = [
  {
    what: "package removed",
    on: "pi2",
    broken: "DEBIAN_FRONTEND=noninteractive apt-get -qq remove -y nginx >/dev/null 2>&1",
    named: NGINX_GONE,
    reason: "not installed: nginx",
    touched: reinstalled,
  },
  {
    what: "package removed, and its config files deleted",
    on: "pi2",
    broken:
      "DEBIAN_FRONTEND=noninteractive apt-get -qq remove -y nginx nginx-common >/dev/null 2>&1; rm -r /etc/nginx",
    named: NGINX_GONE,
    reason: "not installed: nginx",
    touched: reinstalled,
  },
  {
    what: "package removed, and nginx's config such that nginx does not start",
    on: "pi2",
    broken:
      "DEBIAN_FRONTEND=noninteractive apt-get -qq remove -y nginx >/dev/null 2>&1; rm /mnt/gluster1/cluster",
    named: [],
    reason: "not installed: nginx",
    touched: [...reinstalled, onVolume("cluster")],
  },
  {
    what: "a program deleted, which is missed at the next start",
    on: "pi2",
    broken: "rm /usr/sbin/glusterfsd",
    named: [],
    reason: "missing or empty: /usr/sbin/glusterfs",
    touched: [...installed, gluster, /^service-glusterd$/],
  },
  {
    what: "service stopped",
    on: "pi1",
    broken: "systemctl stop nginx",
    named: ["pi1-nginx"],
    reason: "nginx.service is not running",
    touched: [/^service-nginx/],
  },
  {
    what: "nginx's workers stopped by a signal",
    on: "pi2",
    broken: "kill -STOP $(pgrep -f '^nginx: worker')",
    named: ["pi2-nginx"],
    reason: "nginx.service was stopped by a signal, and answers nobody",
    touched: [/^service-nginx/],
  },
  {
    what: "nginx may have few files open at once, as after a start without its drop-in",
    on: "pi1",
    broken: "prlimit --pid $(cat /run/nginx.pid) --nofile=1024:",
    named: ["pi1-nginx"],
    reason: "nginx may have only 1024 files open at once, which many visitors use up",
  },
  {
    what: "nginx started by hand",
    on: "pi1",
    broken: "systemctl stop nginx && nginx",
    named: ["pi1-nginx"],
    reason: "an nginx that was started by hand holds the port, so systemd's cannot start",
    touched: [/^service-nginx/],
  },
  {
    what: "nginx's logs deleted",
    on: "pi2",
    broken: "rm -r /var/log/nginx",
    named: ["pi2-nginx"],
    reason: "/var/log/nginx is missing, without which nginx does not start",
  },
  {
    what: "a service stopped by a signal",
    on: "pi1",
    broken: "systemctl kill -s STOP nginx",
    named: ["pi1-nginx"],
    reason: "nginx.service was stopped by a signal, and answers nobody",
  },
  {
    what: "service disabled",
    on: "pi2",
    broken: "systemctl disable -q nginx",
    named: ["pi2-nginx"],
    reason: "nginx.service does not start at boot",
    touched: [/multi-user.target.wants\/nginx.service$/, /^\/etc\/rc.\.d\//],
  },
  {
    what: "service masked",
    on: "pi1",
    broken: "systemctl mask -q --now nginx",
    named: ["pi1-nginx"],
    reason: "nginx.service is masked",
    touched: [/^service-nginx/],
  },
  {
    what: "glusterd masked and stopped",
    on: "pi2",
    broken: "systemctl mask -q --now glusterd",
    named: ["pi2-glusterd", "gv0-peer-pi2"],
    reason: "glusterd.service is masked",
    touched: [gluster, /^service-glusterd/, /^bricks/, ...remounted], // of a masked unit systemd ends all processes
  },
  {
    what: "glusterd stopped",
    on: "pi2",
    broken: "systemctl stop glusterd",
    named: ["pi2-glusterd", "gv0-peer-pi2"],
    reason: "glusterd.service is not running",
    touched: [gluster, /^service-glusterd/],
  },
  {
    what: "glusterd hangs",
    on: "pi2",
    broken: "kill -STOP $(pgrep -x glusterd)",
    named: [],
    reason: "glusterd runs and does not answer",
    touched: [gluster, /^service-glusterd/],
  },
  {
    what: "glusterd started by hand",
    on: "pi1",
    broken: "systemctl stop glusterd && /usr/sbin/glusterd -p /var/run/glusterd.pid && sleep 3",
    named: ["pi1-glusterd"],
    reason: "a glusterd that was started by hand holds the port, so systemd's cannot start",
    touched: [gluster, /^service-glusterd/],
  },
  {
    what: "link missing",
    on: "pi2",
    broken: `rm ${NGINX_LINK}`,
    named: ["pi2-sites-enabled-link", "pi2-nginx"],
    reason: `${NGINX_LINK} is missing`,
    touched: [/sites-enabled\/cluster$/],
  },
  {
    what: "the other link missing",
    on: "pi1",
    broken: "rm /etc/nginx/sites-available/cluster",
    named: ["pi1-sites-available-link", "pi1-nginx"],
    reason: "/etc/nginx/sites-available/cluster is missing",
    touched: [/sites-available\/cluster$/],
  },
  {
    what: "link wrong",
    on: "pi1",
    broken: "ln -sfn /etc/hostname /etc/nginx/sites-available/cluster",
    named: ["pi1-sites-available-link", "pi1-nginx"],
    reason: "points to /etc/hostname, it must point to /mnt/gluster1/cluster",
    touched: [/sites-available\/cluster$/],
  },
  {
    what: "link replaced by a file",
    on: "pi2",
    broken: `cp --remove-destination /mnt/gluster1/cluster ${NGINX_LINK}`,
    named: ["pi2-sites-enabled-link", "pi2-nginx"],
    reason: `${NGINX_LINK} is not a link`,
    touched: [/sites-enabled\/cluster$/],
  },
  {
    what: "the default site is back",
    on: "pi1",
    broken: "ln -s /etc/nginx/sites-available/default /etc/nginx/sites-enabled/default",
    named: ["pi1-default-site-gone", "pi1-nginx"],
    reason: "/etc/nginx/sites-enabled/default is there",
  },
  {
    what: "shared config edited by hand",
    on: "pi2",
    broken: "sed -i 's/index.htm;/index.htm start.html;/' /mnt/gluster1/cluster",
    named: ["site-config", "pi1-nginx", "pi2-nginx"],
    reason: "/mnt/gluster1/cluster differs",
    touched: [onVolume("cluster")],
  },
  {
    what: "shared config deleted",
    on: "pi1",
    broken: "rm /mnt/gluster1/cluster",
    named: ["site-config", "pi1-nginx", "pi2-nginx"],
    reason: "/mnt/gluster1/cluster is missing",
    touched: [onVolume("cluster")],
  },
  {
    what: "nginx runs an older config than the one on disk",
    on: "pi1",
    broken:
      "cd /mnt/gluster1 && cp -a cluster /root/kept && echo '# older' >>cluster && systemctl reload nginx && sleep 1 && cat /root/kept >cluster && rm /root/kept",
    named: ["pi1-nginx"],
    reason: "nginx does not run the config that is on disk",
    touched: [onVolume("cluster")],
  },
  {
    what: "nginx reloaded by hand, so that it runs another config than the one that it was started with",
    on: "pi2",
    broken:
      "echo '# mine' >/etc/nginx/conf.d/mine.conf && nginx -s reload && sleep 1 && rm /etc/nginx/conf.d/mine.conf",
    named: ["pi2-nginx"],
    reason: "which config nginx runs is unknown: was it reloaded without systemctl?",
  },
  {
    what: "nginx's settings edited",
    on: "pi2",
    broken: "echo 'keepalive_timeout 75;' >/etc/nginx/snippets/twopir.conf",
    named: ["pi2-nginx-settings", "pi2-nginx"],
    reason: "/etc/nginx/snippets/twopir.conf differs",
    touched: [/snippets\/twopir.conf$/],
  },
  {
    what: "nginx's settings deleted",
    on: "pi1",
    broken: "rm /etc/nginx/snippets/twopir.conf",
    named: ["pi1-nginx-settings", "pi1-nginx"],
    reason: "/etc/nginx/snippets/twopir.conf is missing",
    touched: [/snippets\/twopir.conf$/],
  },
  {
    what: "page deleted",
    on: "pi2",
    broken: "rm /mnt/gluster1/www/index.html",
    named: ["site-content"],
    reason: "/mnt/gluster1/www has no index.html",
    touched: [onVolume("www/index.html")],
  },
  {
    what: "permissions of the content changed",
    on: "pi1",
    broken: "chmod 700 /mnt/gluster1/www",
    named: ["site-content"],
    reason: "/mnt/gluster1/www has mode 2700: nginx cannot read it",
  },
  {
    what: "permissions of the volume changed",
    on: "pi2",
    broken: "chmod 700 /mnt/gluster1",
    named: ["site-content"],
    reason: "/mnt/gluster1 has mode 700: nginx cannot enter it",
  },
  {
    what: "page unreadable",
    on: "pi2",
    broken: "chmod 000 /mnt/gluster1/www/index.html",
    named: ["site-content"],
    reason: "/mnt/gluster1/www/index.html has mode 0: nginx cannot read it",
    touched: [onVolume("www/index.html")],
  },
  {
    what: "permissions of the shared config changed",
    on: "pi2",
    broken: "chmod 600 /mnt/gluster1/cluster",
    named: ["site-config"],
    reason: "/mnt/gluster1/cluster has mode 600 instead of 644",
  },
  {
    what: "volume option changed",
    on: "pi1",
    broken: "gluster --mode=script volume set gv0 network.ping-timeout 42 >/dev/null",
    named: ["gv0-options"],
    reason: "network.ping-timeout of gv0 is 42 instead of 10",
    touched: [gluster],
  },
  {
    what: "an option of a recipe, by which one Pi serves for minutes what was changed on another",
    on: "pi1",
    broken: "gluster --mode=script volume set gv0 performance.md-cache-timeout 600 >/dev/null",
    named: ["gv0-options"],
    reason: "performance.md-cache-timeout of gv0 is 600 instead of 1",
    touched: [gluster],
  },
  {
    what: "a quorum of servers, by which gluster would end the bricks of the Pi that is left",
    on: "pi2",
    broken: "gluster --mode=script volume set gv0 cluster.server-quorum-type server >/dev/null",
    named: ["gv0-options"],
    reason: "cluster.server-quorum-type of gv0 is server instead of none",
    touched: [gluster],
  },
  {
    what: "volume stopped",
    on: "pi2",
    broken: "gluster --mode=script volume stop gv0 force >/dev/null",
    named: [],
    reason: "volume gv0 is Stopped",
    touched: [gluster, /^bricks/, ...remounted],
  },
  {
    what: "brick process dead",
    on: "pi2",
    broken: "kill -KILL $(pgrep -x glusterfsd)",
    named: ["pi2-brick-process", "pi1-brick-connections", "pi2-brick-connections"],
    reason: "no process serves the brick /data/brick1/gv0",
    touched: restarted,
  },
  {
    what: "brick process hangs",
    on: "pi1",
    broken: "kill -STOP $(pgrep -x glusterfsd); sleep 15", // by then the mounts have given it up (network.ping-timeout)
    named: [],
    reason: "no process serves the brick /data/brick1/gv0",
    touched: restarted,
  },
  {
    what: "self-heal daemon dead",
    on: "pi2",
    broken: "pkill -KILL -f '[p]rocess-name glustershd'",
    named: ["pi2-brick-process"],
    reason: "gluster's self-heal daemon does not run",
    touched: [gluster, /^service-glusterd$/],
  },
  {
    what: "self-heal daemon hangs",
    on: "pi1",
    broken: "pkill -STOP -f '[p]rocess-name glustershd'",
    named: ["pi1-brick-process"],
    reason: "gluster's self-heal daemon does not run",
  },
  {
    what: "heals switched off",
    on: "pi2",
    broken: "gluster --mode=script volume heal gv0 disable >/dev/null",
    named: ["gv0-options"],
    reason: "cluster.self-heal-daemon of gv0 is disable instead of on",
    touched: [gluster],
  },
  {
    what: "mount hangs",
    on: "pi2",
    broken: "pkill -STOP -f 'glusterfs .*/mnt/gluster1$'",
    named: [],
    reason: "the mount at /mnt/gluster1 does not answer",
  },
  {
    what: "a mount that hangs, while a program of gluster's is missing",
    on: "pi2",
    broken: "rm /usr/sbin/glusterfsd; pkill -STOP -f 'glusterfs .*/mnt/gluster1$'",
    named: [],
    reason: "missing or empty: ",
    touched: [...installed, gluster, /^service-glusterd$/],
  },
  {
    what: "volume mounted read-only",
    on: "pi1",
    // Busy while something on it is open for writing, as a list of the copies is when the Pis have just met.
    broken:
      "timeout 10 bash -c 'until mount -o remount,bind,ro,nosuid,nodev,noexec /mnt/gluster1; do sleep 0.2; done'",
    named: ["pi1-gluster-mount"],
    reason: "/mnt/gluster1 is mounted without rw, nodev, nosuid and noexec",
  },
  {
    what: "mount lost",
    on: "pi2",
    broken: "umount -l /mnt/gluster1",
    named: ["pi2-gluster-mount", "pi2-nginx"],
    reason: "/mnt/gluster1 is not mounted",
  },
  {
    what: "the volume mounted anew by hand, while nginx has files of it open",
    on: "pi1",
    broken: `for i in $(seq 8); do exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\\r\\nHost: ${NAME}\\r\\n\\r\\n' >&3; timeout 5 cat <&3 >/dev/null; done
      pkill -KILL -f 'glusterfs .*/mnt/gluster1$'; umount -l /mnt/gluster1; systemctl restart mnt-gluster1.mount`,
    named: ["pi1-nginx"],
    reason: "nginx has files open of a mount that is gone",
  },
  {
    what: "the mount's process dead",
    on: "pi2",
    broken: "kill -KILL $(pgrep -f 'glusterfs .*/mnt/gluster1$')",
    named: ["pi2-gluster-mount", "pi2-nginx"],
    reason: "the mount at /mnt/gluster1 does not answer",
  },
  {
    what: "glusterd does not start at boot",
    on: "pi2",
    broken: "systemctl disable -q glusterd",
    named: ["pi2-glusterd"],
    reason: "glusterd.service does not start at boot",
    touched: [/glusterd.service$/],
  },
  {
    what: "localhost gone from /etc/hosts",
    on: "pi1",
    broken: "sed '/^127.0.0.1/d' /etc/hosts >/root/hosts && cat /root/hosts >/etc/hosts && rm /root/hosts",
    named: ["pi1-glusterd"],
    reason: "/etc/hosts lacks localhost",
    touched: [/^\/etc\/hosts$/],
  },
  {
    what: "the watch over the copy stopped",
    on: "pi2",
    broken: "systemctl stop twopir-full-copy",
    named: ["pi2-full-copy"],
    reason: "twopir-full-copy.service is not running",
  },
  {
    what: "the watch over the copy hangs",
    on: "pi1",
    broken: "systemctl kill -s STOP twopir-full-copy",
    named: ["pi1-full-copy"],
    reason: "twopir-full-copy.service was stopped by a signal, and answers nobody",
  },
  {
    what: "twopir's program edited",
    on: "pi2",
    broken: "echo '# mine' >>/usr/local/lib/twopir/current/library/turn.sh",
    named: ["pi2-twopir", "pi2-twopir-upload"],
    reason: "pi2-twopir: the program in /usr/local/lib/twopir/versions/",
    touched: [/^\/usr\/local\/(lib|sbin)\/twopir/],
  },
  {
    what: "sudo's rule deleted",
    on: "pi1",
    broken: "rm /etc/sudoers.d/zz-twopir",
    named: ["pi1-twopir"],
    reason: "/etc/sudoers.d/zz-twopir is missing",
    touched: [/^\/etc\/sudoers.d\/zz-twopir$/],
  },
  {
    what: "mount masked",
    on: "pi2",
    broken: "systemctl mask -q mnt-gluster1.mount",
    named: ["pi2-gluster-mount"],
    reason: "mnt-gluster1.mount is masked, so the volume does not come at boot",
  },
  {
    what: "mount line edited",
    on: "pi1",
    broken: "sed -i 's/,nofail//' /etc/fstab",
    named: ["pi1-gluster-mount"],
    reason: "/etc/fstab has another line for /mnt/gluster1",
    touched: [/^\/etc\/fstab$/],
  },
  {
    what: "files hidden beneath the volume",
    on: "pi1",
    broken:
      "unshare --mount --propagation private sh -c 'umount -l /mnt/gluster1 && chattr -i /mnt/gluster1 && echo lost >/mnt/gluster1/page.html'",
    named: ["pi1-gluster-mount"],
    reason: "files lie in /mnt/gluster1 beneath the volume, hidden: page.html",
    touched: [/^\/mnt\/gluster1/],
  },
  {
    what: "unit file edited",
    on: "pi2",
    broken: "echo '[Service]' >/etc/systemd/system/nginx.service.d/00-twopir.conf && systemctl daemon-reload",
    named: ["pi2-nginx", "pi2-nginx-unit"],
    reason: "/etc/systemd/system/nginx.service.d/00-twopir.conf differs",
    touched: [/nginx.service.d\/00-twopir.conf$/],
  },
  {
    what: "firewall's rules flushed",
    on: "pi2",
    broken: "nft flush ruleset",
    named: ["pi2-firewall", "pi2-firewall-kept"],
    reason: "the firewall's rules are not loaded as they are on disk",
    touched: [/^\/etc\/twopir\/firewall.nft$/],
  },
  {
    what: "a rule of the firewall added",
    on: "pi1",
    broken: "nft insert rule inet twopir input tcp dport 24007 accept",
    named: ["pi1-firewall", "pi1-firewall-kept"],
    reason: "the firewall's rules are not loaded as they are on disk",
    touched: [/^\/etc\/twopir\/firewall.nft$/],
  },
  {
    what: "firewall's file edited",
    on: "pi1",
    // Not its policy: a Pi that is restarted before it is repaired would let nobody in.
    broken: "sed -i '/reject with tcp reset/d' /etc/twopir/firewall.nft",
    named: ["pi1-firewall", "pi1-firewall-kept"],
    reason: "/etc/twopir/firewall.nft differs",
    touched: [/^\/etc\/twopir\/firewall.nft$/],
  },
  {
    what: "firewall not loaded at boot",
    on: "pi2",
    broken: "systemctl disable -q twopir-firewall",
    named: ["pi2-firewall-kept"],
    reason: "twopir-firewall.service does not start at boot",
    touched: [/sysinit.target.wants\/twopir-firewall.service$/],
  },
  {
    what: "volume open to everybody",
    on: "pi1",
    broken: "gluster --mode=script volume reset gv0 auth.allow >/dev/null",
    named: ["gv0-options"],
    reason: "auth.allow of gv0 is not set instead of",
    touched: [gluster],
  },
  {
    what: "volume mounted with the rights of its programs' owners",
    on: "pi2",
    broken: "mount -o remount,bind,suid,dev,exec /mnt/gluster1",
    named: ["pi2-gluster-mount"],
    reason: "/mnt/gluster1 is mounted without rw, nodev, nosuid and noexec",
  },
  {
    what: "the timer of the updates stopped",
    on: "pi2",
    broken: "systemctl stop twopir-upgrade.timer",
    named: ["pi2-updates"],
    reason: "twopir-upgrade.timer is not running",
  },
  {
    what: "updates switched off",
    on: "pi1",
    broken: "systemctl disable -q --now twopir-upgrade.timer && rm /etc/apt/apt.conf.d/52twopir",
    named: ["pi1-updates"],
    reason: "/etc/apt/apt.conf.d/52twopir is missing",
    touched: [/timers.target.wants\/twopir-upgrade.timer$/, /^\/etc\/apt\/apt.conf.d\/52twopir$/],
  },
  {
    what: "peer detached",
    on: "pi1",
    broken: `gluster --mode=script volume remove-brick gv0 replica 1 ${address("pi2")}:/data/brick1/gv0 force >/dev/null && gluster --mode=script peer detach ${address("pi2")} >/dev/null`,
    named: [],
    reason: `${address("pi2")} is not a peer`,
    touched: [/^\/data\/brick1\//, ...restarted],
  },
  {
    what: "A record deleted",
    on: "dns",
    broken: `update delete ${NAME} A ${address("pi2")}`,
    named: ["pi2-a-record"],
    reason: `${NAME} has no A record ${address("pi2")}`,
  },
  {
    what: "A records deleted",
    on: "dns",
    broken: `update delete ${NAME} A`,
    named: ["pi1-a-record", "pi2-a-record"],
    reason: `${NAME} has no A record ${address("pi2")}`,
  },
  {
    what: "A record changed",
    on: "dns",
    broken: `update delete ${NAME} A ${address("pi1")}\nupdate add ${NAME} ${TTL} A ${SUBNET}.9`,
    named: ["pi1-a-record", "no-other-a-records"],
    reason: `${NAME} has no A record ${address("pi1")}`,
  },
  {
    what: "TTL changed",
    on: "dns",
    broken: `update delete ${NAME} A\nupdate add ${NAME} 3600 A ${address("pi1")}\nupdate add ${NAME} 3600 A ${address("pi2")}`,
    named: ["pi1-a-record", "pi2-a-record"],
    reason: "has TTL 3600 instead of 5",
  },
  {
    what: "A record of a third host added",
    on: "dns",
    broken: `update add ${NAME} ${TTL} A ${SUBNET}.9`,
    named: ["no-other-a-records"],
    reason: `${NAME} has an A record ${SUBNET}.9 that is none of the Pis'`,
  },
];

/** What keeps visitors away and is nobody's to change but its owner's. */
export interface Obstacle extends Pick<Drift, "what" | "on" | "broken" | "named"> {
  /** What takes it away, as `broken`. */
  readonly undone: string;
  /** What preview says, and up too. */
  readonly said: string;
  /** Whether up fails for it. Default: where a resource is named. */
  readonly fails?: boolean;
}

const DROP_INS = "/etc/systemd/system/nginx.service.d";
const DATE = "/usr/local/sbin/date";
const RIVAL = "/etc/nginx/conf.d/a.conf";
const rival = (lines: string): Pick<Obstacle, "broken" | "undone"> => ({
  broken: `mkdir -p /srv/rival && echo another site >/srv/rival/index.html && printf '%s\\n' 'server { root /srv/rival; ${lines} }' >${RIVAL} && systemctl reload nginx && sleep 1`,
  undone: `rm -r ${RIVAL} /srv/rival && systemctl reload nginx && sleep 1`,
});
const table = (rule: string): Pick<Obstacle, "broken" | "undone"> => ({
  broken: `nft add table inet mine && nft 'add chain inet mine c ${rule}`,
  undone: "nft delete table inet mine",
});

export const OBSTACLES: readonly Obstacle[] = [
  {
    what: "nginx.conf without its line for sites-enabled",
    on: "pi1",
    broken:
      "cp -a /etc/nginx/nginx.conf /root/ && sed -i '/include .*sites-enabled/d' /etc/nginx/nginx.conf && systemctl reload nginx && sleep 1",
    undone: "mv /root/nginx.conf /etc/nginx/nginx.conf && systemctl reload nginx && sleep 1",
    named: ["pi1-nginx"],
    said: '/etc/nginx/nginx.conf does not include it: add the line "include /etc/nginx/sites-enabled/*;" to its http part',
  },
  {
    what: "another server block with the site's name",
    on: "pi2",
    ...rival(`server_name other.example.com ${NAME};`),
    named: ["pi2-nginx"],
    said: `another server block takes it: ${RIVAL}:1: server_name ${NAME}`,
  },
  {
    what: "another server block with the site's name, and the article's own try_files",
    on: "pi1",
    ...rival(`server_name ${NAME}; location / { try_files $uri $uri/ /index.html; }`),
    named: ["pi1-nginx"],
    said: `another server block takes it: ${RIVAL}:1: server_name ${NAME}`,
  },
  {
    what: "another server block with a further name of the site",
    on: "pi2",
    ...rival("server_name twopir;"),
    named: ["pi2-nginx"],
    said: `nginx runs, but does not serve http://twopir/ at ${address("pi2")}: another server block takes it: ${RIVAL}:1: server_name twopir`,
  },
  {
    what: "another server block that listens on the Pi's address",
    on: "pi1",
    ...rival(`listen ${address("pi1")}:80;`),
    named: ["pi1-nginx"],
    said: `another server block takes it: ${RIVAL}:1: listen ${address("pi1")}:80`,
  },
  {
    what: "a rule that forbids the page",
    on: "pi2",
    broken: `echo 'deny all;' >${RIVAL} && systemctl reload nginx && sleep 1`,
    undone: `rm ${RIVAL} && systemctl reload nginx && sleep 1`,
    named: ["pi2-nginx"],
    said: "the answer is 403",
  },
  {
    what: "a config that nginx refuses",
    on: "pi1",
    broken: `echo 'nonsense on;' >${RIVAL}`,
    undone: `rm ${RIVAL}`,
    named: ["pi1-nginx"],
    said: `unknown directive "nonsense" in ${RIVAL}:1`,
  },
  {
    what: "a config that nginx accepts, and cannot use: another program holds its port",
    on: "pi2",
    broken: `systemd-run -q --unit=holder perl -MIO::Socket::INET -e '$$own = IO::Socket::INET->new(Listen => 5, LocalPort => 443, ReuseAddr => 1); 1 while $$own->accept' && sleep 1 && echo 'server { listen 443; }' >${RIVAL}`,
    undone: `systemctl stop holder && rm ${RIVAL}`,
    named: ["pi2-nginx"],
    said: "nginx does not run the config that is on disk",
  },
  {
    what: "another program on port 80",
    on: "pi2",
    broken:
      "systemctl stop nginx && systemd-run -q --unit=rival perl -MIO::Socket::INET -e '$$own = IO::Socket::INET->new(Listen => 5, LocalPort => 80, ReuseAddr => 1); 1 while $$own->accept' && sleep 1",
    undone: "systemctl stop rival && systemctl start nginx",
    named: ["pi2-nginx"],
    said: "port 80 on pi2 is in use by perl of rival.service, process ",
  },
  {
    what: "a firewall that keeps visitors away",
    on: "pi1",
    ...table(
      "{ type filter hook input priority 0; }' && nft add rule inet mine c iif eth0 tcp dport 80 drop",
    ),
    named: ["pi2-brick-connections"],
    said: `this machine cannot get http://${NAME}/ at ${address("pi1")}`,
    fails: false,
  },
  {
    what: "a firewall that limits how often visitors may connect",
    on: "pi1",
    ...table(
      "{ type filter hook input priority 0; }' && nft 'add rule inet mine c tcp dport 80 ct state new limit rate over 12/minute burst 1000 packets drop'",
    ),
    named: ["pi1-firewall"],
    said: "limits how often visitors may connect to port 80 (tcp dport 80 ct state new limit rate over 12/minute",
    fails: false,
  },
  // By the flag of a first packet: to connection tracking, which only begins with such a rule, each connection is new.
  {
    what: "a firewall that lets glusterd of one Pi not connect anew to that of the other",
    on: "pi2",
    ...table(
      "{ type filter hook input priority 0; }' && nft 'add rule inet mine c iif eth0 tcp dport 24007 tcp flags & (syn | ack) == syn drop'",
    ),
    named: ["pi1-brick-connections"],
    said: `glusterd at ${address("pi2")} refuses new connections from this Pi: a restart of either would cut them off`,
  },
  {
    what: "a firewall that lets one Pi not connect anew to the brick of the other",
    on: "pi2",
    ...table(
      "{ type filter hook input priority 0; }' && nft 'add rule inet mine c iif eth0 tcp dport 49152-60999 tcp flags & (syn | ack) == syn drop'",
    ),
    named: ["pi1-brick-connections"],
    said: `the brick ${address("pi2")}:/data/brick1/gv0 refuses new connections from this Pi: a restart of either would cut them off`,
  },
  {
    what: "an empty page",
    on: "pi1",
    broken: "cd /mnt/gluster1/www && cp -a index.html /root/ && : >index.html && sleep 1",
    undone: "cp -a /root/index.html /mnt/gluster1/www/ && rm /root/index.html && sleep 1",
    named: ["pi1-nginx", "pi2-nginx"],
    said: `the page of http://${NAME}/ is empty`,
    fails: false,
  },
  {
    what: "a page that browsers download instead of showing it",
    on: "pi2",
    broken:
      "cp -a /etc/nginx/mime.types /root/ && echo 'types { }' >/etc/nginx/mime.types && systemctl reload nginx && sleep 1",
    undone: "mv /root/mime.types /etc/nginx/ && systemctl reload nginx && sleep 1",
    named: ["pi2-nginx"],
    said: "nginx sends it as application/octet-stream",
    fails: false,
  },
  {
    what: "a firewall between a Pi and a brick",
    on: "pi1",
    // Of connections that pi1 makes: what pi2 makes may come from one of these ports too.
    ...table(
      `{ type filter hook output priority 0; }' && nft add rule inet mine c ct direction original ip daddr ${address("pi2")} tcp dport 49152-60999 reject with tcp reset && sleep 5`,
    ),
    named: ["pi1-brick-connections"],
    said: `/mnt/gluster1 is not connected to the brick ${address("pi2")}:/data/brick1/gv0, whose port cannot be reached from pi1`,
  },
  {
    what: "a drop-in that keeps nginx from starting",
    on: "pi2",
    broken: `mkdir -p ${DROP_INS} && printf '[Service]\nExecStartPre=/bin/false\n' >${DROP_INS}/own.conf && systemctl daemon-reload && systemctl stop nginx`,
    undone: `rm ${DROP_INS}/own.conf && systemctl daemon-reload && systemctl reset-failed nginx; systemctl start nginx`,
    named: ["pi2-nginx"],
    said: `nginx.service is not running (is it because of ${DROP_INS}/own.conf, which is not twopir's?)`,
  },
  {
    what: "a drop-in that keeps glusterd from starting",
    on: "pi1",
    broken: `printf '[Service]\\nExecStartPre=/bin/false\\n' >${GLUSTERD_DROP_INS}/own.conf && systemctl daemon-reload && systemctl stop glusterd`,
    undone: `rm ${GLUSTERD_DROP_INS}/own.conf && systemctl daemon-reload && systemctl reset-failed glusterd; systemctl start glusterd && sleep 5`,
    named: ["gv0-peer-pi1", "pi1-glusterd"],
    said: `glusterd.service is not running (is it because of ${GLUSTERD_DROP_INS}/own.conf`,
  },
  {
    what: "a page that nginx cannot read",
    on: "pi1",
    broken: "cd /mnt/gluster1/www && mkdir own && echo mine >own/page.html && chmod 600 own/page.html",
    undone: "cd /mnt/gluster1/www && [ $(stat -c %a own/page.html) = 600 ] && rm -r own",
    named: ["site-content"],
    said: "nginx cannot read these, so visitors cannot get them: own/page.html (mode 600)",
    fails: false,
  },
  {
    what: "a link among the pages",
    on: "pi2",
    broken: "cd /mnt/gluster1/www && ln -s index.html copy.html",
    undone: "rm /mnt/gluster1/www/copy.html",
    named: ["site-content"],
    said: "so visitors cannot get them: copy.html (a link, and nginx follows none)",
    fails: false,
  },
  {
    what: "a clock that is an hour off",
    on: "pi1",
    // Where a program that asks for the time looks first: a container has no clock of its own.
    broken: `printf '%s\\n' '#!/bin/sh' 'exec /usr/bin/date -d "+1 hour" "$@"' >${DATE} && chmod +x ${DATE}`,
    undone: `rm ${DATE}`,
    named: [],
    said: "pi1: its clock is 3",
  },
  {
    what: "an AAAA record that leads to something else",
    on: "dns",
    broken: `update add ${NAME}. 60 AAAA 2001:db8::1`,
    undone: `update delete ${NAME}. AAAA`,
    named: [],
    said: `${NAME} has an AAAA record 2001:db8::1, and this cluster does not answer there`,
  },
  {
    what: "an alias in the place of the A records",
    on: "dns",
    broken: `update delete ${NAME}. A\nupdate add ${NAME}. 60 CNAME ns.example.com.`,
    undone: [
      `update delete ${NAME}. CNAME`,
      ...["pi1", "pi2"].map((name) => `update add ${NAME}. ${TTL.toString()} A ${address(name)}`),
    ].join("\n"),
    named: [],
    said: `${NAME} is an alias (CNAME) of ns.example.com, and so cannot have the Pis' A records`,
    fails: true,
  },
];

/** Changes what the program has made, in that Pi or by an update of the zone. */
export async function breakByHand({ on, broken }: Pick<Drift, "on" | "broken">): Promise<void> {
  if (on === "dns") nsupdate(broken);
  else await lab("exec", on, "timeout", PATIENCE.toString(), "bash", "-c", broken);
}

/** Seconds. After a few other things are broken, gluster's command may wait ten minutes for an answer. */
const PATIENCE = 60;

/** Changes the lab's zone behind the program's back, as lines for nsupdate. */
export function nsupdate(lines: string): void {
  const command = ["-k", join(root, "lab", "tsig.key")];
  execFileSync("nsupdate", command, { input: `server ${SUBNET}.53\nzone example.com.\n${lines}\nsend\n` });
}
