// Service and simulator as deploy builds them, each on its own origin, the demo registered, and a Chromium at phone size.
import { type Browser, type BrowserContext, chromium, devices, type Page } from "playwright-core";
import { createTestHarness } from "wrangler";
import { findChromium } from "../../scripts/chromium.ts";
import { DEMO_USER, registerDemo } from "../../scripts/demo.ts";

export const ADMIN_TOKEN = "test-admin-token-0000000000000000000000";
const SECRETS = {
  alexaClient: "obviously-fake-secret-of-the-demo-alexa-client",
  serviceClient: "obviously-fake-secret-of-the-demo-backend",
  lwa: "obviously-fake-secret-of-the-demo-lwa-client",
  eventGateway: "obviously-fake-secret-of-the-demo-events",
};

export const chromiumPath = findChromium();

export interface Stage {
  /** Origin of the service, on the host name `localhost`. */
  readonly service: string;
  /** Origin of the simulator, on `127.0.0.1`: cookies do not separate ports. */
  readonly simulator: string;
  readonly browser: Browser;
  /** A phone of its own: cookies, language and scripts as asked for. */
  phone(options?: { javaScript?: boolean; locale?: string }): Promise<BrowserContext>;
  scheduled(): Promise<void>;
  close(): Promise<void>;
}

/** Starts everything. `variables` override the service's. */
export async function raiseStage(variables: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const simulatorHarness = createTestHarness({ workers: [{ configPath: "simulator/wrangler.toml" }] });
  const simulator = (await simulatorHarness.listen()).url.origin;
  const serviceHarness = createTestHarness({
    workers: [
      {
        configPath: "wrangler.toml",
        env: "test",
        vars: {
          BRAND_NAME: "Acme",
          PASSWORD_ITERATIONS: "1000",
          AMAZON_AUTHORIZE_URL: `${simulator}/ap/oa`,
          AMAZON_TOKEN_URL: `${simulator}/auth/o2/token`,
          AMAZON_PROFILE_URL: `${simulator}/user/profile`,
          ALEXA_APP_URL: `${simulator}/spa/skill-account-linking-consent`,
          ALEXA_API_URL: simulator,
          ALEXA_API_HOSTS: ["na", "eu", "fe"].map((region) => `${simulator}/${region}`).join(","),
          ...variables,
        },
        secrets: { MASTER_KEY: "A".repeat(43), ADMIN_TOKEN },
      },
    ],
  });
  const serviceUrl = (await serviceHarness.listen()).url;
  serviceUrl.hostname = "localhost";
  const service = serviceUrl.origin;
  await serviceHarness.getWorker("alexa-link-test").applyD1Migrations("DB");
  await simulatorHarness.update({
    workers: [{ configPath: "simulator/wrangler.toml", vars: { SERVICE_ORIGIN: service } }],
  });
  await registerDemo({ service, simulator, adminToken: ADMIN_TOKEN, secrets: SECRETS });
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
    service,
    simulator,
    browser,
    async phone({ javaScript = true, locale = "en-US" } = {}) {
      const context = await browser.newContext({ ...devices["Pixel 7"], javaScriptEnabled: javaScript, locale });
      context.setDefaultTimeout(10_000);
      return context;
    },
    async scheduled() {
      await serviceHarness.getWorker("alexa-link-test").scheduled({ cron: "*/5 * * * *" });
    },
    async close() {
      await browser.close();
      await Promise.all([serviceHarness.close(), simulatorHarness.close()]);
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
