// Signing in from a real Chromium at phone size: with an Amazon account across two origins, and the pages at 320
// pixels.
import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEMO_USER } from "../../scripts/demo.ts";
import { AMAZON_SIGN_IN, chromiumPath, raiseStage, registerSignInProfile, type Stage } from "./harness.ts";

describe("signing in on a phone", { skip: !chromiumPath }, () => {
  let stage: Stage;
  let phone: BrowserContext;
  beforeAll(async () => {
    stage = await raiseStage({
      ...AMAZON_SIGN_IN,
      BRAND_COLOR: "#ffd400",
    });
    await registerSignInProfile(stage);
  });
  afterEach(() => phone?.close());
  afterAll(() => stage?.close());

  it("P5: with an Amazon account, the link attempt survives the redirects to Amazon and back, without scripts", async () => {
    phone = await stage.phone({ javaScript: false });
    const page = await phone.newPage();
    await page.goto(`${stage.simulator}/alexa-app`);
    await page.locator("form[action$='/enable'] button").first().click();
    await page.click("button[name=method][value=amazon]");
    expect(new URL(page.url()).origin).toBe(stage.simulator);
    await page.locator("button[name=decision][value=allow]").first().click();
    await page.waitForURL(/\/authorize/);
    expect(await page.locator("body").innerText()).toContain("Nora");
    await page.click("button[name=decision][value=allow]");
    await page.waitForURL(/\/api\/skill\/link\//);
    expect(await page.locator("body").innerText()).toContain("successfully linked");
    for (const cookie of await phone.cookies(stage.service)) {
      expect(cookie).toMatchObject({ secure: false, httpOnly: true, sameSite: "Lax", path: "/" });
    }
    expect(await phone.cookies(stage.simulator)).toEqual([]);
  });

  it("L5: a customer who cancels at Amazon sees the page again and can use a password", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await page.goto(`${stage.service}/account`);
    await page.click("button[name=method][value=amazon]");
    await page.locator("button[name=decision][value=deny]").first().click();
    await page.waitForURL(/\/sign-in\/amazon\/callback/);
    expect(await page.locator("[role=status]").innerText()).toContain("cancelled");
    await page.fill("input[name=email]", DEMO_USER.email);
    await page.fill("input[name=password]", DEMO_USER.password);
    await page.click("button[name=method][value=password]");
    await page.waitForURL(/\/account/);
    expect(await page.locator("body").innerText()).toContain(DEMO_USER.email);
  });

  it("P6: the enter key signs in, and an error refers to its fields", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await page.goto(`${stage.service}/sign-in`);
    await page.fill("input[name=email]", DEMO_USER.email);
    await page.fill("input[name=password]", "wrong-password");
    await page.press("input[name=password]", "Enter");
    await page.waitForSelector("[role=alert]");
    const described = await page.getAttribute("input[name=password]", "aria-describedby");
    expect(await page.locator(`#${described}`).innerText()).toContain("Wrong email or password.");
    expect(await page.inputValue("input[name=email]")).toBe(DEMO_USER.email);
    expect(await page.inputValue("input[name=password]")).toBe("");
    await page.fill("input[name=password]", DEMO_USER.password);
    await page.press("input[name=password]", "Enter");
    await page.waitForURL(/\/account/);
  });

  it.each(["light", "dark"] as const)(
    "P6: at 320 pixels nothing overflows, and every button is big enough (%s)",
    async (colorScheme) => {
      phone = await stage.phone({ locale: "de-DE" });
      const page = await phone.newPage();
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width: 320, height: 640 });
      for (const path of ["/sign-in", "/nowhere", "/account"]) {
        await page.goto(`${stage.service}${path}`);
        expect([path, await page.evaluate(() => document.documentElement.scrollWidth)]).toEqual([path, 320]);
        expect(await page.evaluate(() => document.compatMode)).toBe("CSS1Compat");
        const heights = await page
          .locator("button, a, input:not([type=hidden])")
          .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
        expect(Math.min(...heights, 44)).toBeGreaterThanOrEqual(44);
      }
    },
  );
});
