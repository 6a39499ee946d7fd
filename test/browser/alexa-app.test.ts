// Linking from the (simulated) Alexa app in a real Chromium at phone size: touches counted, no credential typed when signed in.
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEMO_USER } from "../../scripts/demo.ts";
import { chromiumPath, raiseStage, type Stage } from "./harness.ts";

describe.skipIf(!chromiumPath)("linking from the Alexa app", () => {
  let stage: Stage;
  let phone: BrowserContext;
  beforeAll(async () => {
    stage = await raiseStage();
  });
  afterEach(async () => {
    await phone?.close();
    await fetch(`${stage.simulator}/simulator/reset`, { method: "POST" });
  });
  afterAll(() => stage?.close());

  async function signIn(page: Page): Promise<void> {
    await page.goto(`${stage.service}/sign-in`);
    await page.fill("input[name=email]", DEMO_USER.email);
    await page.fill("input[name=password]", DEMO_USER.password);
    await page.click("button[type=submit]");
    await page.waitForURL(/\/account/);
  }

  it("P1, P6: a signed-in customer links with two touches and types nothing", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await signIn(page);
    await page.goto(`${stage.simulator}/alexa-app`);
    let touches = 0;
    const touch = async (selector: string) => {
      touches++;
      await page.locator(selector).first().click();
    };
    await touch("form[method=post] button");
    await page.waitForURL(/\/authorize/);
    await touch("button[name=decision][value=allow]");
    await page.waitForURL(/\/api\/skill\/link\//);
    expect(await page.locator("body").innerText()).toContain("successfully linked");
    expect(touches).toBe(2);
  });
});
