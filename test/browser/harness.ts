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

/** Variables with which customers may sign in with Amazon too. */
export const AMAZON_SIGN_IN = {
  SIGN_IN_METHODS: "password,amazon",
  AMAZON_SIGN_IN_CLIENT_ID: "amzn1.application-oa2-client.example-sign-in",
  AMAZON_SIGN_IN_CLIENT_SECRET: "obviously-fake-secret-of-the-sign-in-profile",
};

/** A security profile for signing in, registered with a skill of its own. */
export async function registerSignInProfile(stage: Stage): Promise<void> {
  const response = await fetch(`${stage.simulator}/simulator/skill`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      skillId: "amzn1.ask.skill.0000-sign-in",
      stage: "live",
      name: "Sign-in only",
      authorizationUrl: `${stage.service}/authorize`,
      tokenUrl: `${stage.service}/token`,
      clientId: "nobody",
      clientSecret: "obviously-fake",
      vendorId: "M0SIGNIN",
      lwa: { clientId: "amzn1.application-oa2-client.example-unused", clientSecret: "obviously-fake" },
      loginWithAmazon: {
        clientId: AMAZON_SIGN_IN.AMAZON_SIGN_IN_CLIENT_ID,
        clientSecret: AMAZON_SIGN_IN.AMAZON_SIGN_IN_CLIENT_SECRET,
        returnUrls: [`${stage.service}/sign-in/amazon/callback`],
      },
    }),
  });
  if (!response.ok) throw new Error(`the simulator refused: ${response.status} ${await response.text()}`);
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
