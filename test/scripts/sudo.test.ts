import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PI } from "../../operator/program";
import { stdin } from "../../remote/state";
import { canIsolate, Host, state, type Run } from "./host";

const PASSWORDS = [
  "plain",
  `it's "a" $(touch /run/owned) \\ ünï`,
  " a b ",
  "\\n\\t%s",
  "-n",
  "#",
  "`touch /run/owned`",
  "touch /run/owned",
  "世界 🥧",
];
const NONE = "user pi may not use sudo without a password (sudo: a password is required). Set it";
const WRONG =
  "sudo rejects the password that is set for user pi (twopir:sudoPassword, or sudoPassword of pi1 in twopir:pis): " +
  "sudo: 1 incorrect password attempt\n";

describe.skipIf(!canIsolate)("user pi, who is no root", () => {
  let host: Host;

  beforeEach(() => {
    host = new Host();
    host.command("id", 'if [ "$1" = -un ]; then echo pi; else echo "${ROOT:-1000}"; fi');
    // As sudo does: the rule's command and all with NOPASSWD go unasked; else a line of stdin is a password, three times.
    host.command(
      "sudo",
      `echo "$*" >>/run/sudo
while [[ $1 == -* ]]; do
  case $1 in -n) never=yes ;; -p) shift ;; esac
  shift
done
if [ ! -e /run/nopasswd ] && ! { [ -e /etc/sudoers.d/zz-twopir ] && [ "$1" = /usr/local/sbin/twopir ]; }; then
  [ -z "$never" ] || { echo "sudo: a password is required" >&2; exit 1; }
  for tries in 0 1 2 3; do
    [ "$tries" -lt 3 ] && IFS= read -r line || { echo "sudo: $tries incorrect password attempt" >&2; exit 1; }
    [ "$line" != "$(cat /run/password)" ] || break
    echo "Sorry, try again." >&2
  done
  [ ! -e /run/asks-once ] || touch /run/nopasswd
fi
ROOT=0 SUDO_USER=pi exec "$@"`,
    );
  });
  afterEach(() => host.remove());

  /** Root's bash tells of its arguments, of the next line, and runs nothing but these two. */
  const asks = (password: string): Promise<Run> =>
    host.run(
      "check",
      `${readFileSync(join(PI, "sudo.sh"), "utf8")}${password}\necho "$* as $(id -u)"\nread -r next; echo "$next"\ntouch /run/owned\n`,
    );
  const rootsBash = { status: 0, output: "check pi1 as 0\ntouch /run/owned\n" };
  const nothingElseRan = (): void => expect(host.list("run")).not.toContain("owned");

  it.each(PASSWORDS)("becomes root by %j, which is on no command line", async (password) => {
    const commandLines: string[] = [];
    for (const one of ["another", password]) {
      host.write("/run/password", one);
      host.write("/run/sudo", "");
      expect(await asks(one)).toMatchObject(rootsBash);
      commandLines.push(host.read("/run/sudo"));
    }
    nothingElseRan();
    expect(commandLines[1]).toBe(commandLines[0]);
  });

  it.each(["", ...PASSWORDS])("becomes root unasked, whatever password is sent: %j", async (password) => {
    host.write("/run/nopasswd", "");
    expect(await asks(password)).toMatchObject(rootsBash);
    nothingElseRan();
  });

  it("becomes root where sudo asks at first and then no more", async () => {
    host.write("/run/password", "right");
    host.write("/run/asks-once", "");
    expect(await asks("right")).toMatchObject(rootsBash);
    nothingElseRan();
  });

  it.each(["", ...PASSWORDS])(
    "becomes root by the program's rule, whatever password is sent: %j",
    async (password) => {
      host.write("/etc/sudoers.d/zz-twopir", "");
      expect(await asks(password)).toMatchObject(rootsBash);
      nothingElseRan();
      expect(host.read("/run/sudo").split("\n")[0]).toBe("-n /usr/local/sbin/twopir bash -c :");
    },
  );

  it("is told both ways out where sudo asks and no password is set", async () => {
    const { status, output } = await asks("");
    expect(status).toBe(77);
    expect(output).toBe(
      `${NONE} (npm run pulumi -- config set --secret twopir:sudoPassword; docs/configuration.yaml says how for pi1 alone), or have sudo ` +
        "ask for none there (sudo raspi-config nonint do_sudo_pass 1)\n",
    );
  });

  it("is told which Pi and key it is where the password is wrong, which is tried once", async () => {
    host.write("/run/password", "right");
    expect(await asks("wrong")).toMatchObject({ status: 77, output: WRONG });
    expect(host.read("/run/sudo").match(/-S/g)).toHaveLength(1);
  });

  it("has every other state applied without a password", async () => {
    const file = "/etc/nginx/sites-enabled/default";
    host.write(file, "theirs\n");
    host.write("/etc/sudoers.d/zz-twopir", "");
    const absent = stdin(state("absent", { path: file }));
    expect(await host.run("apply", absent)).toMatchObject({ status: 0, changes: [`${file} is there`] });
    expect(host.read("/run/sudo")).toBe("-n /usr/local/sbin/twopir given apply pi1\n");
    host.delete("/etc/sudoers.d/zz-twopir");
    const { status, output } = await host.run("apply", absent);
    expect(status).toBe(1);
    expect(output).toMatch(/^sudo: a password is required\nsudo says no: pulumi up puts back .*\n$/);
  });
});
