// Service and simulator with the demo, and a Chromium at phone size.
import { type Browser, type BrowserContext, chromium, devices, type Page } from "playwright-core";
import { findChromium } from "../../scripts/chromium.ts";
import { DEMO_USER } from "../../scripts/demo.ts";
import { type Servers, startServers } from "../node/servers.ts";

export { ADMIN_TOKEN } from "../node/servers.ts";

export const chromiumPath = findChromium();

export interface Stage extends Servers {
  readonly browser: Browser;
  /** A new phone with its own cookies; language and scripts as given. */
  phone(options?: { javaScript?: boolean; locale?: string }): Promise<BrowserContext>;
}

/** Starts everything. `variables` override the service's. */
export async function raiseStage(variables: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const servers = await startServers(variables);
  const browser = await chromium.launch({
    executablePath: chromiumPath ?? "",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--no-first-run",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    ],
  });
  return {
    ...servers,
    browser,
    async phone({ javaScript = true, locale = "en-US" } = {}) {
      const context = await browser.newContext({ ...devices["Pixel 7"], javaScriptEnabled: javaScript, locale });
      context.setDefaultTimeout(10_000);
      return context;
    },
    async close() {
      await browser.close();
      await servers.close();
    },
  };
}

/** Signs the demo customer in. */
export async function signIn(page: Page, stage: Stage): Promise<void> {
  await page.goto(`${stage.service}/sign-in`);
  await page.fill("input[name=email]", DEMO_USER.email);
  await page.fill("input[name=password]", DEMO_USER.password);
  await page.click("form[action^='/sign-in'] button[type=submit]");
  await page.waitForURL(/\/account/);
}

/** Counts what a customer does: taps, and whether anything was typed into a page since. */
export class TouchCounter {
  readonly #page: Page;
  count = 0;
  /** Characters typed since this counter was made; the tests type through `type` only. */
  typed = 0;

  constructor(page: Page) {
    this.#page = page;
  }

  async tap(selector: string): Promise<void> {
    this.count++;
    await this.#page.locator(selector).first().click();
  }

  async type(selector: string, text: string): Promise<void> {
    this.typed += text.length;
    await this.#page.fill(selector, text);
  }
}
