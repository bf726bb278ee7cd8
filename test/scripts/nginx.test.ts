import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PI } from "../../operator/program";
import { canIsolate, Host, state } from "./host";
import { address, ID } from "./pool";

const ADDRESS = address(1);
const NAME = "twopir.example.com";
const ENABLED = "/etc/nginx/sites-enabled/cluster";
const SITE = `# configuration file ${ENABLED}:\nserver {\n  server_name twopir twopir.example.com;\n}\n`;
/** All processes are of one unit. */
const PS = 'for pid in ${*//,/ }; do [[ $pid != [0-9]* ]] || echo "$pid $(cat /run/unit)"; done';
/** What is answered: to all, by that name, or at that address. */
const TIMEOUT = `if [ "$2" = bash ]; then
  answers=/run/answers$(tr / _ <<<"$8")
  for by in "$6" "$7"; do [ ! -e "$answers@$by" ] || answers+=@$by; done
  exec cat "$answers"
fi
exec /usr/bin/timeout "$@"`;
const RIVAL = "# configuration file /etc/nginx/conf.d/a.conf:\n";

describe.skipIf(!canIsolate)("nginx.sh", () => {
  let host: Host;

  // Files stand for what nginx answers to each question, for what listens on port 80, and for its config.
  beforeEach(() => {
    host = new Host();
    mkdirSync(host.at("/var/lib/nginx"), { recursive: true });
    host.command("timeout", TIMEOUT);
    host.command(
      "nginx",
      `case $1 in
  -T) cat /run/config ;;
  -t) [ ! -e /run/refused ] || { cat /run/refused >&2; exit 1; } ;;
esac`,
    );
    host.command("ip", `echo '2: eth0    inet ${ADDRESS}/24 brd 192.168.0.255 scope global eth0'`);
    host.write(
      "/etc/nginx/snippets/twopir.conf",
      `location = /.well-known/twopir { return 200 "${ID} pi1\\n"; }\n`,
    );
    host.command("ss", "cat /run/listening");
    host.command("pgrep", "cat /run/workers");
    host.command("ps", PS);
    host.write("/run/unit", "nginx.service\n");
    host.command(
      "systemctl",
      `case "$*" in
  show*) head -n 1 /run/settings
    printf 'Id=nginx.service\\nMainPID=480\\nNeedDaemonReload=no\\nDropInPaths=/etc/systemd/system/nginx.service.d/00-twopir.conf\\nUnitFileState=%s\\nActiveState=active\\n' "$(cat /run/unit-file)"
    while read -r key verb; do
      echo "$key={ path=/bin/bash ; argv[]=/bin/bash /usr/local/lib/twopir/nginx-runs $verb ; ignore_errors=no }"
    done </run/commands
    tail -n +2 /run/settings ;;
  "is-active -q "*) [ "$3" != "$(cat /run/inactive 2>/dev/null)" ] ;;
  unmask*) echo enabled >/run/unit-file ;;
  reload*) [ ! -e /run/unusable ] || exit 1 ;;&
  *) echo "$*" >>/run/told ;;
esac`,
    );
    host.write("/run/unit-file", "enabled\n");
    host.write(
      "/run/commands",
      "ExecStartPre prepare\nExecStart start\nExecStartPost note\nExecReload reload\n",
    );
    host.write("/run/settings", "Restart=on-failure\nStartLimitIntervalUSec=0\nNoNewPrivileges=yes\n");
    host.write("/run/workers", "481\n482\n");
    host.write("/var/lib/glusterd/vols/gv0/info", `type=2\nvolume-id=${ID}\n`);
    listening("nginx", 480);
    config(SITE);
    answers("/", "200 OK", 'ETag: "1-2"', "page");
    answers("/.well-known/twopir", "200 OK", "Content-Type: text/plain", `${ID} pi1\n`);
    host.hurry(/patience/, 1);
  });
  afterEach(() => host.remove());

  /** By one name, such as "@www.example.com". Default: by any. */
  const answers = (path: string, status: string, header: string, body: string, by = ""): void =>
    host.write(
      `/run/answers${path.replaceAll("/", "_")}${by}`,
      `HTTP/1.1 ${status}\r\n${header}\r\n\r\n${body}`,
    );
  const listening = (name: string, pid: number, at = "0.0.0.0"): void =>
    host.write("/run/listening", `LISTEN 0 511 ${at}:80 0.0.0.0:* users:(("${name}",pid=${pid},fd=5))\n`);
  const config = (text: string): void => {
    host.write("/run/config", text);
    host.command("sha256sum", "cat >/dev/null; echo same");
    note();
  };
  /** What nginx-runs writes, of the workers that there are. */
  const note = (): void => host.write("/run/twopir-nginx", "same\n481\n482\n");
  const nginx = () =>
    state(
      "nginx",
      { address: ADDRESS, others: [address(2)], volume: "gv0", mount_point: "/mnt/gluster1", host: NAME },
      "pi1-nginx",
    );
  const said = async (): Promise<string> =>
    /^symptom: .*? does not serve (.*)$/m.exec((await host.check(nginx())).output)?.[1] ?? "";
  const symptom = async (): Promise<string> => (await said()).replace(/^\S+ at \S+: /, "");

  it("wants nothing of a Pi whose visitors get the cluster's page", async () => {
    expect(await host.check(nginx())).toEqual({ status: 0, changes: [], output: "" });
    expect((await host.run("apply", nginx())).status).toBe(0);
  });

  it.each([
    ["is empty", "Content-Length: 0", "the page of http://twopir.example.com/ is empty"],
    [
      "has no type that a browser shows",
      "Content-Type: application/octet-stream",
      "browsers download the page of http://twopir.example.com/: nginx sends it as application/octet-stream",
    ],
  ])("tells of a page that %s, and goes on", async (_, header, why) => {
    answers("/", "200 OK", header, "");
    expect((await host.check(nginx())).changes).toEqual([why]);
    expect(await host.run("apply", nginx())).toMatchObject({ status: 0, changes: [why] });
    answers("/", "200 OK", "Content-Type: text/html; charset=utf-8", "page");
    expect((await host.check(nginx())).changes).toEqual([]);
  });

  it("fails where they do not, for the reason that a look gives", async () => {
    answers("/", "403 Forbidden", "", "");
    expect(await symptom()).toBe("the answer is 403 Forbidden");
    const { status, output } = await host.run("apply", nginx());
    expect({ status, why: output.includes("the answer is 403 Forbidden") }).toEqual({
      status: 65,
      why: true,
    });
  });

  it.each([
    ["nothing", "", "nothing answers on port 80"],
    ["another site", "another site\n", "another server block answers, not this cluster's"],
    [
      "another cluster",
      "11111111-7b5a-4c39-9a51-1d2c3b4a5f60 pi1\n",
      "another server block answers, not this cluster's",
    ],
  ])("says that %s answers", async (what, body, why) => {
    if (what === "nothing") host.write("/run/answers_", "");
    else answers("/.well-known/twopir", "200 OK", "", body);
    expect(await symptom()).toBe(why);
  });

  it("has new workers where an answer begins and breaks off, as of a file on a mount that is gone", async () => {
    answers("/", "200 OK", "Content-Length: 615", "");
    expect(await symptom()).toBe("the answer begins, and breaks off");
    const { output } = await host.run("apply", nginx());
    expect(output).toContain("the answer begins, and breaks off");
    expect(host.read("/run/told")).toBe("reload nginx.service\n");
    answers("/", "200 OK", "Content-Length: 615", "<html>");
    expect((await host.check(nginx())).changes).toEqual([]);
  });

  it("has new workers where they may have few files open", async () => {
    host.command("cat", '[ "$1" != /proc/480/limits ] || set -- /run/limits\nexec /usr/bin/cat "$@"');
    const limits = (soft: number, hard = 524_288): void =>
      host.write(
        "/run/limits",
        `Max processes 94881 94881 processes\nMax open files ${soft} ${hard} files\n`,
      );
    limits(8192);
    expect((await host.check(nginx())).changes).toEqual([]);
    limits(1024, 4096); // which nobody can help
    expect((await host.check(nginx())).changes).toEqual([]);
    limits(1024);
    const why = ["nginx may have only 1024 files open at once, which many visitors use up"];
    expect((await host.check(nginx())).changes).toEqual(why);
    await host.run("apply", nginx());
    expect(host.read("/run/told")).toBe("reload nginx.service\n");
  });

  describe("one that was started before its unit had the sandbox", () => {
    const why = "nginx was started without the sandbox of its unit";
    beforeEach(() => {
      host.command(
        "grep",
        `[ "\${*: -1}" != /proc/480/status ] || set -- "\${@:1:$#-1}" /run/status\nexec /usr/bin/grep "$@"`,
      );
      host.write("/run/status", "Name:\tnginx\nNoNewPrivs:\t0\n");
      host.command("findmnt", "echo /mnt/gluster1");
      host.write("/mnt/gluster1/cluster", SITE.slice(SITE.indexOf("\n") + 1));
    });

    it("goes on where its user allows it that", async () => {
      host.write("/run/settings", "Restart=on-failure\nStartLimitIntervalUSec=0\nNoNewPrivileges=no\n");
      expect((await host.check(nginx())).changes).toEqual([]);
    });

    it("is started again, in its turn", async () => {
      expect((await host.check(nginx())).changes).toEqual([why]);
      expect(await host.run("apply", nginx())).toMatchObject({ status: 0, changes: [why] });
      expect(host.read("/run/told").split("\n")).toEqual(
        expect.arrayContaining(["stop nginx.service", "restart nginx.service"]),
      );
      host.write("/run/status", "Name:\tnginx\nNoNewPrivs:\t1\n");
      expect((await host.check(nginx())).changes).toEqual([]);
    });

    it("waits for no other Pi at the first up, whatever it serves, and is not started with a config that it refuses", async () => {
      answers("/", "500 Internal Server Error", "", "", `@${address(2)}`);
      host.delete("/run/twopir-nginx");
      await host.run("apply", nginx());
      expect(host.read("/run/told")).toMatch(/^reload nginx.service\nrestart nginx.service\n/);
      host.delete("/run/told");
      host.command("nginx", "echo 'nginx: [emerg] unknown directive' >&2; exit 1");
      expect((await host.run("apply", nginx())).output).toContain("nginx refuses its config");
      expect(host.list("run")).not.toContain("told");
    });

    it("goes on where no other Pi serves, and where the volume does not answer", async () => {
      answers("/", "500 Internal Server Error", "", "", `@${address(2)}`);
      expect((await host.check(nginx())).changes).toEqual([why]);
      expect(await host.run("apply", nginx())).toMatchObject({
        status: 0,
        output: expect.stringContaining(
          "it is restarted by the next up at which another Pi serves",
        ) as string,
      });
      expect(host.list("run")).not.toContain("told");
      host.command("findmnt", "true");
      expect((await host.check(nginx())).changes).toEqual([]);
    });
  });

  const OTHERS_MARK = "11111111-7b5a-4c39-9a51-1d2c3b4a5f60 pi1\n";
  const marked = (body: string): void =>
    answers("/.well-known/twopir", "200 OK", "Content-Type: text/plain", body);

  it("asks for no mark that its nginx has not read, and counts any where no volume is known", async () => {
    marked(OTHERS_MARK);
    expect(await symptom()).not.toBe("");
    host.write("/etc/nginx/snippets/twopir.conf", "gzip on;\n");
    expect(await symptom()).toBe("");
    host.write("/etc/nginx/snippets/twopir.conf", "location = /.well-known/twopir {}\n"); // newer than what it has read
    expect(await symptom()).toBe("");
    note();
    expect(await symptom()).not.toBe("");
    host.delete("/var/lib/glusterd/vols/gv0/info");
    expect(await symptom()).toBe("");
  });

  it.each([
    ["its home page for any other", "200 OK"],
    ["an error", "500 Internal Server Error"],
  ])(
    "is not content with another site that answers %s, once its nginx has read the mark",
    async (_, status) => {
      answers("/.well-known/twopir", status, 'ETag: "1-2"', "page");
      expect(await symptom()).toBe("another server block answers, not this cluster's");
      host.write("/etc/nginx/snippets/twopir.conf", "location = /.well-known/twopir {}\n"); // newer than what it has read
      expect(await symptom()).toBe("");
    },
  );

  it("asks by all names that the site has, and says which of them leads to another one", async () => {
    host.write(ENABLED, "server {\n  server_name twopir www.example.com twopir.example.com;\n}\n");
    expect(await said()).toBe("");
    answers("/.well-known/twopir", "404 Not Found", "", "", "@www.example.com");
    expect(await said()).toBe(
      `http://www.example.com/ at ${ADDRESS}: another server block answers, not this cluster's`,
    );
    config(`${SITE}${RIVAL}server { server_name www.example.com other.example.com; }\n`);
    const taken = `http://www.example.com/ at ${ADDRESS}: another server block takes it: /etc/nginx/conf.d/a.conf:1: server_name www.example.com`;
    expect(await said()).toBe(taken);
    expect(await host.run("apply", nginx())).toMatchObject({
      status: 65,
      output: expect.stringContaining(taken) as string,
    });
    answers("/", "404 Not Found", "", "", "@twopir.example.com");
    expect(await said()).toMatch(/^http:\/\/twopir.example.com\/ at /);
  });

  it("counts another Pi's server block of before there were marks", async () => {
    const other = host.script(`use network\nwant() { say "(\$(unserved ${address(2)} ${NAME}))"; }`, {});
    const why = async (): Promise<string> => (await host.run("apply", other)).output.trim();
    expect(await why()).toBe("()");
    marked(OTHERS_MARK);
    expect(await why()).toContain("another server block");
    answers("/.well-known/twopir", "200 OK", 'ETag: "1-2"', "page");
    expect(await why()).toBe("()");
    answers("/.well-known/twopir", "500 Internal Server Error", "", "");
    expect(await why()).toBe("()");
    answers("/.well-known/twopir", "404 Not Found", "", "");
    expect(await why()).toContain("another server block");
  });

  it.each([
    [
      "an nginx.conf without its include",
      "# configuration file /etc/nginx/nginx.conf:\nhttp {}\n",
      "does not include it: add the line",
    ],
    [
      "a server block with the name",
      `${RIVAL}server {\n  listen 80; server_name a.example.com twopir.example.com; # ours\n}\n${SITE}`,
      "another server block takes it: /etc/nginx/conf.d/a.conf:2: server_name twopir.example.com",
    ],
    [
      "a server block with the address",
      `${SITE}${RIVAL}server {\n  # server_name twopir.example.com;\n  listen ${ADDRESS}:80 default_server;\n}\n`,
      `another server block takes it: /etc/nginx/conf.d/a.conf:3: listen ${ADDRESS}:80`,
    ],
  ])("names %s", async (_, text, why) => {
    config(text);
    answers("/.well-known/twopir", "404 Not Found", "", "");
    if (why.startsWith("another")) expect(await symptom()).toBe(why);
    else expect(await symptom()).toContain(why);
  });

  it("does not take the note of a config for what nginx runs when other workers take the connections", async () => {
    host.write("/run/workers", "482\n483\n"); // one died
    expect((await host.check(nginx())).changes).toEqual([]);
    host.write("/run/workers", "491\n492\n");
    expect((await host.check(nginx())).changes).toEqual([
      "which config nginx runs is unknown: was it reloaded without systemctl?",
    ]);
    host.write("/run/workers", ""); // it does not run, which has a reason of its own
    expect((await host.check(nginx())).changes).toEqual([]);
  });

  it("says by nginx's log why it cannot use a config that it accepts, and says so again", async () => {
    host.write("/run/twopir-nginx", "other\n481\n482\n");
    host.write("/run/unusable", "");
    const bind = "bind() to 0.0.0.0:443 failed (98: Address already in use)";
    host.write(
      "/var/log/nginx/error.log",
      [bind, bind, "still could not bind()"]
        .map((why) => `2026/01/02 03:04:05 [emerg] 480#480: ${why}\n`)
        .join(""),
    );
    const changes = ["nginx does not run the config that is on disk"];
    expect((await host.check(nginx())).changes).toEqual(changes);
    const { status, output } = await host.run("apply", nginx());
    expect({ status, output }).toMatchObject({
      status: 65,
      output: expect.stringContaining(
        `nginx cannot use its config, so it goes on with the old one: ${bind}\n`,
      ) as string,
    });
    expect((await host.check(nginx())).changes).toEqual(changes);
    host.delete("/run/unusable");
    expect(await host.run("apply", nginx())).toMatchObject({ status: 0, changes });
    expect(host.read("/run/told")).toContain("reload nginx.service");
  });

  it("lets nginx start where the kernel has no IPv6 any more", async () => {
    host.write("/etc/nginx/snippets/twopir-ipv6.conf", "listen [::]:80;\n");
    expect((await host.check(nginx())).changes).toEqual([]);
    host.lead("kernel_ipv6", "/run/none");
    const why = "nginx is to listen by IPv6, which the kernel has no more, and so would not start";
    expect((await host.check(nginx())).changes).toContain(why);
    await host.run("apply", nginx());
    expect(host.list("etc/nginx/snippets")).not.toContain("twopir-ipv6.conf");
  });

  it("names another program on port 80, and touches neither", async () => {
    listening("apache2", 4711, "*");
    host.write("/run/unit", "apache2.service\n");
    const held =
      "port 80 on pi1 is in use by apache2 of apache2.service, process 4711: stop and disable it, or move it";
    host.write("/var/lib/twopir/states/pi1-nginx", "");
    expect((await host.check(nginx())).changes).toContainEqual(expect.stringContaining(held));
    const { status, output } = await host.run("apply", nginx());
    expect(status).toBe(65);
    expect(output).toContain(held);
    expect(host.list("run")).not.toContain("told");
    host.write("/run/unit", "nginx.service\n");
    listening("other", 4712, "127.0.0.9");
    expect((await host.check(nginx())).changes).toEqual([]);
  });

  it.each(["own.service", "docker-0f6f0a3e.scope", "machine-own.scope"])(
    "leaves an nginx alone that somebody has set up another way: %s",
    async (unit) => {
      host.write("/run/unit", `${unit}\n`);
      const held = `port 80 on pi1 is in use by nginx of ${unit}, process 480`;
      expect((await host.check(nginx())).output).toContain(`refuse: ${held}`);
      expect((await host.run("apply", nginx())).status).toBe(65);
      expect(host.list("run")).not.toContain("told");
    },
  );

  it.each(["-", "session-4.scope", "user@1000.service", "ssh.service"])(
    "takes an nginx for one that was started by hand: %s",
    async (unit) => {
      host.write("/run/unit", `${unit}\n`);
      const by = "an nginx that was started by hand holds the port, so systemd's cannot start";
      expect((await host.check(nginx())).changes).toContain(by);
    },
  );

  it("refuses to begin where another program has port 80, before nginx is there and after", async () => {
    listening("pihole-FTL", 4711, "*");
    host.write("/run/unit", "-\n");
    const refused = "refuse: port 80 on pi1 is in use by pihole-FTL, process 4711: stop and disable it,";
    expect((await host.check(nginx())).output).toContain(refused);
    host.command("nginx", "exit 127");
    expect((await host.check(nginx())).output).toContain(refused);
    expect((await host.run("apply", nginx())).status).toBe(65);
  });

  describe("another web server that is enabled", () => {
    const enabled = (unit: string, active: boolean): void => {
      host.write(`/etc/systemd/system/multi-user.target.wants/${unit}`, "");
      if (!active) host.write("/run/inactive", unit);
    };
    const pihole = (port: string): void =>
      host.write(
        "/etc/pihole/pihole.toml",
        `[dns]\n  port = 53\n[webserver]\n  port = "${port}" ### CHANGED\n`,
      );

    it("and does not run is named, since it would have port 80 first at boot", async () => {
      const may = "apache2.service is enabled, and may take port 80 before nginx at the next boot:";
      enabled("apache2.service", false);
      expect((await host.check(nginx())).changes).toEqual([`${may} sudo systemctl disable apache2.service`]);
      expect((await host.run("apply", nginx())).status).toBe(0);
    });

    it("and was removed, of which its link is left, is not", async () => {
      mkdirSync(host.at("/etc/systemd/system/multi-user.target.wants"), { recursive: true });
      symlinkSync("/gone", host.at("/etc/systemd/system/multi-user.target.wants/apache2.service"));
      expect((await host.check(nginx())).changes).toEqual([]);
    });

    it("and runs beside nginx has another port", async () => {
      enabled("lighttpd.service", true);
      expect((await host.check(nginx())).changes).toEqual([]);
    });

    it.each([
      ["80o,443os,[::]:80o,[::]:443os", true],
      ["443s,80", true],
      ["192.168.0.121:80r,443s", true],
      ["8080o,443os,[::]:8080o,[::]:443os", false],
      ["8080", false],
      ["180,[::]:80", false],
    ])("and is Pi-hole goes by its config: %s", async (port, named) => {
      enabled("pihole-FTL.service", true);
      pihole(port);
      expect((await host.check(nginx())).changes).toEqual(
        named
          ? [
              "Pi-hole takes port 80 before nginx at the next boot: sudo pihole-FTL --config webserver.port 8080",
            ]
          : [],
      );
    });
  });

  it("takes nobody for one that was started by hand where nothing listens", async () => {
    host.write("/run/listening", "");
    expect(await host.check(nginx())).toMatchObject({ status: 0, changes: [], output: "" });
  });

  it("gets its folder of logs from systemd at each start, too", async () => {
    rmSync(host.at("/var/log/nginx"), { recursive: true });
    host.write("/etc/group", "adm:x:4:\n");
    const missing = "/var/log/nginx is missing, without which nginx does not start";
    expect((await host.check(nginx())).changes).toEqual([missing]);
    expect(await host.run("apply", nginx())).toMatchObject({ status: 0, changes: [missing] });
    expect(readFileSync(join(PI, "files/etc/systemd/system/nginx.service.d/00-twopir.conf"), "utf8")).toMatch(
      /^LogsDirectory=nginx$/m,
    );
  });

  it("has one drop-in of twopir's, which comes before a user's own", async () => {
    const folder = "/etc/systemd/system/nginx.service.d";
    const unit = state("nginx-unit");
    host.write(`${folder}/twopir.conf`, "[Service]\n");
    host.write(`${folder}/0own.conf`, "[Service]\n");
    expect((await host.check(unit)).changes).toContain(`${folder}/twopir.conf is of a version before`);
    expect((await host.run("apply", unit)).status).toBe(0);
    expect(host.list(folder).sort()).toEqual(["00-twopir.conf", "0own.conf"]);
    expect((await host.check(unit)).changes).toEqual([]);
    expect((await host.run("remove", unit)).status).toBe(0);
    expect(host.list(folder)).toEqual(["0own.conf"]);
  });

  it("is named where another unit file clears the drop-in's commands, and stays as it is", async () => {
    host.write("/run/commands", "ExecStartPre mine\nExecStart start\nExecStartPost note\n");
    host.write("/run/settings", "Restart=on-abort\nStartLimitIntervalUSec=8min 20s\nNoNewPrivileges=yes\n");
    const why =
      "nginx.service is without twopir's ExecStartPre ExecReload StartLimitIntervalSec Restart: remove the lines that clear it";
    expect((await host.check(nginx())).changes).toEqual([why]);
    expect(await host.run("apply", nginx())).toMatchObject({ status: 0, changes: [why] });
  });

  it("is unmasked", async () => {
    host.write("/run/unit-file", "masked\n");
    expect((await host.check(nginx())).changes).toContain("nginx.service is masked");
    expect((await host.run("apply", nginx())).status).toBe(0);
    expect((await host.check(nginx())).changes).toEqual([]);
  });
});

describe.skipIf(!canIsolate)("nginx-unit.sh", () => {
  let host: Host;
  const unit = state("nginx-unit", {}, "pi1-nginx-unit");
  beforeEach(() => {
    host = new Host();
    host.command("nginx", "cat /run/config");
    host.command("systemctl", "cat /run/allowed");
    host.write("/run/allowed", "-/var/lib/nginx\n");
    host.write("/run/config", "http {\n  access_log /var/log/nginx/access.log; # error_log /root/log;\n}\n");
  });
  afterEach(() => host.remove());
  const config = (line: string): void => host.write("/run/config", `server {\n  ${line}\n}\n`);

  it("does not give nginx a sandbox in which it would not start", async () => {
    config("proxy_cache_path /var/cache/x; access_log /home/pi/logs/own.log combined;");
    const why = "nginx is to write to /home/pi/logs/own.log, where its unit does not let it";
    expect((await host.check(unit)).output).toContain(`refuse: ${why}`);
    host.write("/var/lib/twopir/states/pi1-nginx-unit", "");
    expect((await host.check(unit)).changes).toContainEqual(expect.stringContaining(why));
    expect((await host.run("apply", unit)).status).toBe(65);
    expect(host.list("etc")).not.toContain("systemd");
    host.write("/run/allowed", "-/var/lib/nginx /home/pi/logs\n");
    expect((await host.run("apply", unit)).status).toBe(0);
    expect((await host.check(unit)).changes).toEqual([]);
  });

  it.each([
    ["/srv/a/../../etc/own.log", true],
    ["/var/lib/nginx/own.log", false],
    ["/run/systemd/system/own.service", true],
    ["/run/own.log", false],
    ["/mnt/own.log", false],
  ])("knows where nginx may write: %s", async (path, kept) => {
    config(`error_log ${path};`);
    expect((await host.check(unit)).output.includes("is to write to")).toBe(kept);
  });
});

describe.skipIf(!canIsolate)("nginx-runs", () => {
  let host: Host;
  const NOTE = "/run/twopir-nginx";
  // A file stands for nginx's workers; a reload that nginx can use gives it others.
  beforeEach(() => {
    host = new Host();
    host.write("/run/workers", "481\n482\n");
    host.command("pgrep", `[ "$1 $2" = "-P 480" ] && cat /run/workers`);
    host.command("sleep", "echo 480 >/run/nginx.pid"); // it comes a moment after the start
    host.command(
      "nginx",
      `case "$*" in
  -T) cat /run/config ;;
  "-s reload") [ -e /run/unusable ] || echo 491 >/run/workers ;;
esac`,
    );
    host.command("sha256sum", "cat");
    config("first");
  });
  afterEach(() => host.remove());
  const config = (text: string): void => host.write("/run/config", `${text}\n`);
  const runs = async (word = ""): Promise<number | null> => {
    const call = `bash "$here/files/usr/local/lib/twopir/nginx-runs" ${word}`;
    return (await host.run("apply", host.script(`want() { ${call}; }`))).status;
  };

  it("notes the config and the workers of a start, and of a reload when these are new", async () => {
    expect(await runs()).toBe(0);
    expect(host.read(NOTE)).toBe("first\n481\n482\n");
    config("second");
    expect(await runs("reload")).toBe(0);
    expect(host.read(NOTE)).toBe("second\n491\n");
  });

  it("lets the note be, and the reload fail, where nginx goes on with its old workers", async () => {
    await runs();
    config("second");
    host.write("/run/unusable", "");
    expect(await runs("reload")).not.toBe(0);
    expect(host.read(NOTE)).toBe("first\n481\n482\n");
  });
});

describe.skipIf(!canIsolate)("ipv6.sh", () => {
  let host: Host;
  const OWN = "2001:db8::121";
  const FLOATING = ["192.168.0.221", "2001:db8::221"] as const;
  const LISTENS = "/etc/nginx/snippets/twopir-ipv6.conf";
  const BOTH = "listen 80;\nlisten [::]:80;\n";
  const parameters = { address: ADDRESS, address6: OWN, host: NAME, floating: "", floating6: "" };
  const ipv6 = state("ipv6", parameters, "pi1-ipv6");
  const floating = state(
    "ipv6",
    { ...parameters, floating: FLOATING[0], floating6: FLOATING[1] },
    "pi1-ipv6",
  );
  /** What eth0 has. */
  const has = (...all: readonly string[]): void =>
    host.command(
      "ip",
      [ADDRESS, ...all].map((one) => `echo "2: eth0    inet6 ${one}/64 scope global"`).join("\n"),
    );
  const listening = (at: string, name: string): void =>
    host.command("ss", `echo 'LISTEN 0 511 ${at}:80 *:* users:(("${name}",pid=7,fd=5))'`);
  const answer = (at: string, status: string, name = NAME): void =>
    host.write(`/run/answer-${at}-${name}`, `HTTP/1.1 ${status}\r\n\r\npage`);
  const notes = async (of = ipv6): Promise<string> => {
    const { output, status } = await host.check(of);
    expect(status).toBe(0);
    return output.trim();
  };
  beforeEach(() => {
    host = new Host();
    host.hurry(/patience/, 1);
    host.command("timeout", '[ "$2" = cat ] && exec cat "$3"; cat "/run/answer-$6-$7"');
    host.write(ENABLED, SITE);
    has("2001:db8::7", OWN);
    host.command("ps", PS);
    host.write("/run/unit", "nginx.service\n");
    listening("[::]", "nginx");
    host.command("nginx", "[ ! -e /run/refused ]");
    host.command("systemctl", 'echo "$*" >>/run/told');
    host.write(LISTENS, BOTH);
    for (const name of [NAME, "twopir"]) for (const at of [ADDRESS, OWN]) answer(at, "200 OK", name);
  });
  afterEach(() => host.remove());

  it("wants nothing where the page comes", async () => {
    expect(await notes()).toBe("");
    expect((await host.run("apply", ipv6)).status).toBe(0);
  });

  it.each([
    [["2001:db8::12", "2001:db8::1212"], "2001:db8::12 2001:db8::1212"],
    [[], "none"],
  ])("notes an address that the Pi has not, with those that it has: %j", async (all, words) => {
    has(...all);
    const why = `this Pi has no IPv6 address ${OWN} (it has ${words})`;
    expect(await notes()).toContain(`note: ${why}`);
    const applied = await host.run("apply", ipv6);
    expect(applied.status).toBe(65);
    expect(applied.output).toContain(why);
  });

  it("notes what a visitor does not get who would by IPv4, by any of the site's names", async () => {
    answer(OWN, "403 Forbidden");
    const why = `a visitor at ${OWN} does not get http://${NAME}/ (the answer is 403 Forbidden)`;
    expect(await notes()).toContain(`note: ${why}`);
    const applied = await host.run("apply", ipv6);
    expect(applied.status).toBe(65);
    expect(applied.output).toContain(why);
    for (const name of [NAME, "twopir"]) answer(ADDRESS, "403 Forbidden", name); // which nginx's own state tells
    expect(await notes()).toBe("");
    for (const at of [ADDRESS, OWN]) answer(at, "200 OK");
    answer(OWN, "404 Not Found", "twopir");
    expect(await notes()).toBe(""); // by IPv4 neither
    answer(ADDRESS, "200 OK", "twopir");
    expect(await notes()).toContain("does not get http://twopir/ (the answer is 404 Not Found)");
  });

  it("notes a floating address that is not held beside the other one", async () => {
    has(OWN, ...FLOATING);
    expect(await notes(floating)).toBe("");
    has(OWN, FLOATING[0]);
    expect(await notes(floating)).toContain(
      `note: this Pi holds its floating address ${FLOATING[0]}, and not`,
    );
    has(OWN); // another Pi has both
    expect(await notes(floating)).toBe("");
  });

  it("takes back what nginx would not start by where the kernel has no IPv6 any more, before all else", async () => {
    host.lead("kernel_ipv6", "/run/none");
    has();
    const why = "nginx would not start, since the kernel has no IPv6";
    expect(await notes()).toContain(`note: ${why}`);
    expect(await notes()).toContain("(it has none: its kernel has no IPv6): give it");
    expect((await host.run("apply", ipv6)).output).toContain(why);
    expect(host.list("etc/nginx/snippets")).not.toContain("twopir-ipv6.conf");
  });

  it("has nginx listen, and no more when it goes", async () => {
    host.delete(LISTENS);
    expect(await notes()).toBe("note: nginx does not listen by IPv6");
    expect(host.list("etc/nginx/snippets")).not.toContain("twopir-ipv6.conf");
    expect((await host.run("apply", ipv6)).status).toBe(0);
    expect(host.read(LISTENS)).toBe(BOTH);
    expect(host.read("/run/told")).toContain("reload nginx.service");
    expect((await host.run("remove", ipv6)).status).toBe(0);
    expect(host.list("etc/nginx/snippets")).not.toContain("twopir-ipv6.conf");
  });

  it.each([
    [
      "another program that listens there",
      () => listening("[::]", "pihole-FTL"),
      "in use by pihole-FTL of \\S+, process 7",
    ],
    ["one at an address", () => listening(`[${OWN}]`, "caddy"), "in use by caddy of \\S+, process 7"],
    [
      "an nginx of somebody's own",
      () => host.write("/run/unit", "own.service\n"),
      "in use by nginx of own.service, process 7",
    ],
    [
      "a snippet that says where nginx listens",
      () => host.write("/etc/nginx/snippets/twopir_own.conf", "root /srv; listen 8080;\n"),
      "/etc/nginx/snippets/twopir_own.conf says where nginx listens",
    ],
  ])("keeps nginx from what it would not start with: %s", async (_, made, why) => {
    made();
    expect(await notes()).toMatch(new RegExp(`^note: nginx would not start, since .*${why}`));
    expect((await host.run("apply", ipv6)).status).toBe(0);
    expect(host.list("etc/nginx/snippets")).not.toContain("twopir-ipv6.conf");
    expect(await notes()).toBe("");
  });

  it("lets nginx go on by IPv4 where it refuses the lines", async () => {
    host.delete(LISTENS);
    host.write("/run/refused", "");
    const { status, output } = await host.run("apply", ipv6);
    expect(status).toBe(65);
    expect(output).toContain('nginx does not take "listen [::]:80;", so it goes on by IPv4 alone');
    expect(host.list("etc/nginx/snippets")).not.toContain("twopir-ipv6.conf");
  });
});

describe.skipIf(!canIsolate)("nginx-settings.sh", () => {
  let host: Host;
  const SETTINGS = "/etc/nginx/snippets/twopir.conf";
  beforeEach(() => {
    host = new Host();
  });
  afterEach(() => host.remove());
  const settings = () =>
    state("nginx-settings", { content: "gzip on;\n", volume: "gv0" }, "pi1-nginx-settings");

  it("has the mark of the volume, once there is one", async () => {
    expect((await host.check(settings())).changes).toEqual(["not yet: there is no volume gv0"]);
    host.hurry(/known_wait/, 1);
    expect((await host.run("apply", settings())).status).toBe(65);
    host.write("/var/lib/glusterd/vols/gv0/info", `type=2\nvolume-id=${ID}\n`);
    expect((await host.run("apply", settings())).status).toBe(0);
    expect(host.read(SETTINGS)).toContain(`gzip on;\nlocation = /.well-known/twopir {`);
    expect(host.read(SETTINGS)).toContain(`return 200 "${ID} pi1\\n"; }\n`);
    expect((await host.check(settings())).changes).toEqual([]);
  });

  it("stays as it is where glusterd's files are gone", async () => {
    host.write(SETTINGS, "gzip on;\n");
    expect((await host.check(settings())).changes).toEqual([]);
  });
});
