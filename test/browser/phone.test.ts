// A phone's browser as it is in the field, in a real Chromium: without the Alexa app, with an app's own scheme, and
// with Safari's rule for cookies on http://localhost.
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEMO_SKILL_ID } from "../../scripts/demo.ts";
import { ADMIN_TOKEN, chromiumPath, raiseStage, type Stage, signIn } from "./harness.ts";

const APP = "acme://alexa-done";
const ALLOW = "button[name=decision][value=allow]";
const OPEN_APP = `main a[href^="${APP}?"]`;

describe("a phone's browser", { skip: !chromiumPath }, () => {
  let stage: Stage;
  let website: string;
  const phones: BrowserContext[] = [];
  beforeAll(async () => {
    stage = await raiseStage();
    website = `${stage.simulator}/company/done`;
    const response = await fetch(`${stage.service}/api/admin/skills/${DEMO_SKILL_ID}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ returnUrls: [APP, website] }),
    });
    if (!response.ok) throw new Error(`the return URLs were refused: ${response.status}`);
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.close()));
  });
  afterAll(() => stage?.close());

  async function phone(options?: Parameters<Stage["phone"]>[0]): Promise<BrowserContext> {
    const context = await stage.phone(options);
    phones.push(context);
    return context;
  }

  const linkPage = (returnTo: string) =>
    `${stage.service}/link/${DEMO_SKILL_ID}?return_to=${encodeURIComponent(returnTo)}`;

  /** From our page to Amazon's by its main button, and Amazon's consent. */
  async function linkAtAmazon(page: Page, returnTo: string): Promise<void> {
    expect((await page.goto(linkPage(returnTo)))?.status()).toBe(200);
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/ap\/oa/);
    await page.locator(ALLOW).click();
  }

  /** What the browser did with URLs of the app's scheme: what it tried to open, and what it refused to. */
  function watchApp(page: Page): { readonly tried: string[]; readonly refused: string[] } {
    const seen = { tried: [] as string[], refused: [] as string[] };
    page.on("request", (request) => {
      if (request.url().startsWith(APP)) seen.tried.push(request.url());
    });
    page.on("console", (message) => {
      if (message.text().includes("a user gesture is required")) seen.refused.push(message.text());
    });
    return seen;
  }

  it.each([true, false])(
    "P11: without the Alexa app, a customer links from the website by Login with Amazon (scripts: %s)",
    async (javaScript) => {
      const context = await phone({ javaScript });
      const page = await context.newPage();
      // No Alexa app, and nothing at the address that would open it.
      await context.route(/skill-account-linking-consent/, (route) => route.abort());
      await signIn(page, stage);
      await linkAtAmazon(page, website);
      await page.waitForURL(/\/company\/done/);
      expect(new URL(page.url()).searchParams.get("status")).toBe("linked");
    },
  );

  it("P11: with the Alexa app, one more button leads there", async () => {
    const page = await (await phone()).newPage();
    await signIn(page, stage);
    await page.goto(linkPage(website));
    await page.locator("button[name=via][value=alexa_app]").click();
    await page.waitForURL(/skill-account-linking-consent/);
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/company\/done/);
    expect(new URL(page.url()).searchParams.get("status")).toBe("linked");
  });

  it("P11: a callback in another browser explains itself, and its button starts again there", async () => {
    const page = await (await phone()).newPage();
    await signIn(page, stage);
    let callback = "";
    await page.route(/\/company\/done/, (route) => route.abort());
    page.on("request", (request) => {
      if (request.url().includes("/link/callback?")) callback = request.url();
    });
    await linkAtAmazon(page, website);
    await expect.poll(() => callback).not.toBe("");
    const other = await (await phone()).newPage();
    await signIn(other, stage);
    expect((await other.goto(callback))?.status()).toBe(403);
    await other.locator("main a.button").click();
    await other.waitForURL(linkPage(website));
    expect(await other.locator(ALLOW).count()).toBe(1);
  });

  it("L10: after a tap the browser opens the app by itself, and the page stays with its button", async () => {
    const page = await (await phone()).newPage();
    const app = watchApp(page);
    await signIn(page, stage);
    await linkAtAmazon(page, APP);
    await page.waitForSelector(OPEN_APP);
    await expect.poll(() => app.tried.length).toBe(1);
    expect(app.tried[0]).toContain("status=linked");
    expect(app.refused).toEqual([]);
  });

  it("L10: without a tap the browser opens nothing, and the page's button opens the app", async () => {
    const context = await phone({ javaScript: false });
    const first = await context.newPage();
    await signIn(first, stage);
    await linkAtAmazon(first, APP);
    await first.waitForSelector(OPEN_APP);
    // As when Amazon redirected at once: the browser comes to this address, and nobody has touched its page.
    const page = await context.newPage();
    const app = watchApp(page);
    expect((await page.goto(first.url()))?.status()).toBe(200);
    await expect.poll(() => app.refused.length).toBe(1);
    expect(await page.locator("h1").innerText()).toBe("Go back to the app");
    await page.locator(OPEN_APP).click();
    await expect.poll(() => app.tried.length).toBe(2);
    expect(app.tried[1]).toBe(app.tried[0]);
    expect(app.refused).toHaveLength(1);
  });

  it("P9: without Secure cookies, as Safari on http://localhost, the customer and the operator sign in and link", async () => {
    const context = await phone();
    const page = await context.newPage();
    const dropped: string[] = [];
    page.on("response", async (response) => {
      for (const { name, value } of await response.headersArray()) {
        if (name.toLowerCase() === "set-cookie" && /;\s*secure/i.test(value)) {
          dropped.push(value);
          await context.clearCookies({ name: value.slice(0, value.indexOf("=")) });
        }
      }
    });
    await signIn(page, stage);
    await linkAtAmazon(page, website);
    await page.waitForURL(/\/company\/done/);
    expect(new URL(page.url()).searchParams.get("status")).toBe("linked");
    await page.goto(`${stage.service}/admin`);
    await page.fill("input[name=token]", ADMIN_TOKEN);
    await page.click("form[action='/admin/session'] button");
    await page.waitForURL(/\/admin$/);
    expect(await page.locator("body").innerText()).toContain("Refused requests");
    expect(dropped).toEqual([]);
    expect((await context.cookies(stage.service)).filter(({ secure }) => secure)).toEqual([]);
  });
});
