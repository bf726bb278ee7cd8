import { writeFileSync } from "node:fs";
import { chromium, type Browser as Chromium, type Page } from "playwright-core";
import { inside, labFile, NAME, run, SUBNET } from "../../lab/drive/lab";
import { Visitor, type Clock } from "./clients";
import { PIS } from "./modes";

/** ms; a person at a browser waits longer than a program. */
export const PATIENCE = 60_000;

/** Files, by when they are taken. */
export interface Screenshots {
  readonly before: string;
  readonly after: string;
}

/**
 * Debian's Chromium, without a window, which asks the lab's name server.
 *
 * @param more Of its environment, see chromium.sh. Default: nothing.
 */
export async function launch(more: Readonly<Record<string, string>> = {}): Promise<Chromium> {
  await run("bash", ["-c", ". lib/shell.sh && debian_packages chromium"]);
  const resolvConf = labFile("resolv.conf");
  writeFileSync(resolvConf, `nameserver ${SUBNET}.53\n`);
  return chromium.launch({
    executablePath: `${__dirname}/chromium.sh`,
    args: ["--no-sandbox", "--no-proxy-server"], // root has no sandbox
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      TWOPIR_RESOLV_CONF: resolvConf,
      ...more,
    },
  });
}

/**
 * From now on each page is got whole: one that was only checked for changes is said to come from the address that it was
 * first got from.
 */
export async function keepNothing(tab: Page): Promise<void> {
  const session = await tab.context().newCDPSession(tab);
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
}

/**
 * Debian's Chromium, without a window, at http://twopir.example.com/: it asks the lab's name server, gets two
 * addresses, and does with them whatever it does.
 */
export class Browser extends Visitor {
  /** The address that the first page came from. */
  readonly sticksTo: string;

  private constructor(
    clock: Clock,
    private readonly chromium: Chromium,
    private readonly tab: Page,
    /** What the access logs know it by. */
    private readonly agent: string,
    first: string,
    private readonly screenshots: Screenshots,
  ) {
    super(clock);
    this.sticksTo = first;
  }

  static async open(clock: Clock, screenshots: Screenshots): Promise<Browser> {
    const browser = await launch();
    const agent = `Chromium/${browser.version()} twopir/${Date.now()}`;
    const tab = await browser.newPage({ userAgent: agent, viewport: { width: 800, height: 320 } });
    await keepNothing(tab);
    const first = await shown(tab.goto(`http://${NAME}/`, { timeout: PATIENCE }));
    const opened = new Browser(clock, browser, tab, agent, first, screenshots);
    await opened.#screenshot(screenshots.before, first);
    return opened;
  }

  protected page = (): Promise<string> => shown(this.tab.reload({ timeout: PATIENCE }));

  /** By Pi, how many requests of this browser its nginx noted. */
  async accessLogs(): Promise<Record<string, number>> {
    const count = `grep -cF '${this.agent}' /var/log/nginx/access.log || true`;
    return Object.fromEntries(
      await Promise.all(PIS.map(async (pi) => [pi, Number(await inside(pi, count))] as const)),
    );
  }

  protected async close(): Promise<void> {
    const address = this.seen.at(-1)?.address;
    if (address !== undefined) await this.#screenshot(this.screenshots.after, address);
    await this.chromium.close();
  }

  /** The page as it is shown, and a line below it that says what a picture cannot. */
  async #screenshot(path: string, address: string): Promise<void> {
    const failed = this.seen.filter((sample) => sample.failed).length;
    const caption = `${this.tab.url()} came from ${address}; ${this.seen.length} reloads so far, ${failed} failed`;
    await this.tab.evaluate((text) => {
      const line = document.createElement("p");
      line.textContent = text;
      line.style.cssText =
        "position: fixed; bottom: 0; left: 0; right: 0; margin: 0; padding: 8px; background: #dde";
      document.body.append(line);
    }, caption);
    await this.tab.screenshot({ path });
  }
}

/** The address that a page came from; rejects where it was no page of the site. */
export async function shown(navigation: ReturnType<Page["goto"]>): Promise<string> {
  const response = await navigation;
  if (response === null || response.status() >= 400) throw new Error(`status ${response?.status() ?? 0}`);
  return (await response.serverAddr())?.ipAddress ?? "";
}
