import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { jumpOf, saidOf, type Ask } from "../../../operator/ssh-config";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "twopir-ssh-config-"));
  for (const name of ["one", "one.pub", "two"]) writeFileSync(join(folder, name), "");
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const NONE = spawnSync("ssh", ["-V"]).status !== 0;

describe.skipIf(NONE)("what OpenSSH reads in a file", () => {
  /** The real program, with this file in the place of the user's. */
  const reading = (text: string): Ask => {
    const file = join(folder, "config");
    writeFileSync(file, text);
    return async (words) => (await promisify(execFile)("ssh", ["-F", file, "-G", ...words])).stdout;
  };

  it("is said, and no default of its own is", async () => {
    const ask = reading(`
Host pi1
  HostName %h.local
  User bob-of-pi1
  Port 2222
  ProxyJump carl@gate:2200
  HostKeyAlias one
  IdentityFile ${folder}/nothing
  IdentityFile ${folder}/one.pub
  IdentityFile ${folder}/one
  IdentityFile ${folder}/two
Host pi2
  Port 22
  ProxyCommand none
  ProxyJump none
Host gate
  HostName gate.example.com
  IdentityFile ${folder}/two
Host pi3
  ProxyCommand nc %h %p
`);
    expect(await saidOf("pi1", ask)).toEqual({
      hostName: "pi1.local",
      user: "bob-of-pi1",
      port: 2222,
      hostKeyAlias: "one",
      keyFile: join(folder, "one"),
      proxyJump: "carl@gate:2200",
    });
    expect(await saidOf("pi2", ask)).toEqual({});
    expect(await saidOf("192.168.0.121", ask)).toEqual({});
    expect((await saidOf("pi3", ask)).proxyCommand).toBe("nc %h %p");
    expect(await jumpOf("pi1", await saidOf("pi1", ask), ask)).toEqual({
      address: "gate.example.com",
      port: 2200,
      user: "carl",
      keyFile: join(folder, "two"),
    });
  });
});

it("a key in the user's home is found there, also where it is one of ssh's own defaults", async () => {
  vi.stubEnv("HOME", folder);
  expect(homedir()).toBe(folder);
  const ask: Ask = ([first]) =>
    Promise.resolve(first === "-F" ? "identityfile ~/two\nidentityfile ~/one\n" : "identityfile ~/two\n");
  expect((await saidOf("pi1", ask)).keyFile).toBe(join(folder, "two"));
});

describe("the ssh program", () => {
  /** In the place of PATH. */
  const standIn = (script: string): void => {
    writeFileSync(join(folder, "ssh"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    vi.stubEnv("PATH", folder);
  };

  it("is asked for all of a host, and for what it does without a file", async () => {
    standIn('case "$*" in "-G -- pi1") echo port 23 ;; "-G -F none -- pi1") echo port 22 ;; esac');
    expect(await saidOf("pi1")).toEqual({ port: 23 });
  });

  it("says nothing where there is none", async () => {
    vi.stubEnv("PATH", join(folder, "empty"));
    expect(await saidOf("pi1")).toEqual({});
  });

  it("is quoted where it cannot read its files", async () => {
    standIn("echo '/home/anna/.ssh/config: line 1: Bad configuration option: foo' >&2; exit 255");
    await expect(saidOf("pi1")).rejects.toThrow(
      /ssh -G pi1 failed, .*contacted: .*line 1: Bad configuration option: foo/,
    );
  });
});
