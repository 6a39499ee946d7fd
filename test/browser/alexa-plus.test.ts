// Alexa+ with the example MCP server in a real Chromium at phone size: from the deploy to another customer's data.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Listening, startExample } from "../../examples/mcp/node.ts";
import { DEMO_USER } from "../../scripts/demo.ts";
import { configureAlexaPlus, registerAddOn } from "../../scripts/demo-add-on.ts";
import { ADMIN_TOKEN, AMAZON_SIGN_IN, chromiumPath, raiseStage, registerSignInProfile, type Stage } from "./harness.ts";

describe("an add-on in Alexa+", { skip: !chromiumPath }, () => {
  let stage: Stage;
  let mcp: Listening;
  beforeAll(async () => {
    stage = await raiseStage(AMAZON_SIGN_IN);
    await registerSignInProfile(stage);
    mcp = await startExample(stage.service, 0);
    const options = {
      service: stage.service,
      simulator: stage.simulator,
      adminToken: ADMIN_TOKEN,
      clientSecret: "obviously-fake-secret-of-the-demo-add-on",
      resource: `${mcp.origin}/mcp`,
    };
    await registerAddOn(options);
    await configureAlexaPlus(options);
  });
  afterAll(async () => {
    await mcp?.close();
    await stage?.close();
  });

  const press = (page: Page, label: string) => page.getByRole("button", { name: label }).first().click();
  const lastReply = (page: Page) => page.locator(".reply").last().innerText();

  /** The customer's phone: signs in at the company, allows, and comes back to Alexa+. */
  async function linkOnPhone(page: Page, signIn: () => Promise<void>): Promise<void> {
    await page.getByRole("link", { name: "Open on the phone" }).click();
    await signIn();
    await page.waitForURL(/\/authorize/);
    await page.locator("button[name=decision][value=allow]").click();
    await page.waitForURL(/\/api\/skill\/link\//);
    await page.getByRole("link", { name: "Back to Alexa+" }).click();
  }

  it("M1: deploys, links, uses and refreshes; a customer who then links with Amazon sees nothing of the one before", async () => {
    const phone = await stage.phone({ javaScript: false });
    const page = await phone.newPage();
    await page.goto(`${stage.simulator}/alexa-plus`);
    await press(page, "Deploy the add-on");
    await page.waitForSelector("h3:text('Authentication checklist')");
    expect(await page.locator(".checks li.bad").count()).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)).toBe(false);

    await press(page, "Ask: List notes");
    await linkOnPhone(page, async () => {
      await page.fill("input[name=email]", DEMO_USER.email);
      await page.fill("input[name=password]", DEMO_USER.password);
      await page.click("button[name=method][value=password]");
    });
    await page.fill("input[name='argument.text']", "Buy milk");
    await press(page, "Ask: Add a note");
    await expect.poll(() => lastReply(page)).toBe("The note was added.");
    await press(page, "Refresh, without resource");
    await page.waitForSelector("dd:text-is('once')");
    await press(page, "Ask: List notes");
    await expect.poll(() => lastReply(page)).toBe("Buy milk");

    await press(page, "Unlink");
    await page.waitForSelector(".pill:text('not linked')");
    expect(await page.locator("main").innerText()).not.toContain("Buy milk");
    await press(page, "Ask: List notes");
    await phone.clearCookies();
    await linkOnPhone(page, async () => {
      await page.click("button[name=method][value=amazon]");
      await page.locator("button[name=decision][value=allow]").first().click();
    });
    await press(page, "Ask: List notes");
    await expect.poll(() => lastReply(page)).toBe("There are no notes.");
    await phone.close();
  });
});
