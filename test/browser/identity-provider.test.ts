// Linking from the Alexa app with the company's own identity provider as the sign-in, in a real Chromium at phone size.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLIENT_ID, CLIENT_SECRET, type RunningProvider, startProvider } from "../node/openid-provider.ts";
import { chromiumPath, raiseStage, type Stage } from "./harness.ts";

describe("an identity provider of the company's own", { skip: !chromiumPath }, () => {
  let stage: Stage;
  let provider: RunningProvider;
  beforeAll(async () => {
    provider = await startProvider();
    stage = await raiseStage({
      SIGN_IN_METHODS: "oidc",
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: CLIENT_ID,
      OIDC_CLIENT_SECRET: CLIENT_SECRET,
    });
    provider.register(stage.service);
  });
  afterAll(async () => {
    await stage?.close();
    provider?.close();
  });

  it("P5: links from the Alexa app through the provider, without scripts and without a choice of sign-in methods", async () => {
    const phone = await stage.phone({ javaScript: false });
    const page = await phone.newPage();
    await page.goto(`${stage.simulator}/alexa-app`);
    await page.locator("form[action$='/enable'] button").first().click();
    await page.waitForURL(/\/authorize/);
    expect(await page.locator("button[name=method], input[name=password]").count()).toBe(0);
    await page.click("form[action^='/sign-in'] button[type=submit]");
    await page.waitForURL(/\/authorize/);
    expect(await page.locator("body").innerText()).toContain("ada@example.com");
    await page.click("button[name=decision][value=allow]");
    await page.waitForURL(/\/api\/skill\/link\//);
    expect(await page.locator("body").innerText()).toContain("successfully linked");
    await phone.close();
  });
});
