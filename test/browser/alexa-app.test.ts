// Linking from the (simulated) Alexa app in a real Chromium at phone size: touches counted, no credential typed when
// signed in.
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEMO_USER } from "../../scripts/demo.ts";
import { chromiumPath, raiseStage, type Stage, signIn, TouchCounter } from "./harness.ts";

describe("linking from the Alexa app", { skip: !chromiumPath }, () => {
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

  const ENABLE = "form[action$='/enable'] button";
  const ALLOW = "button[name=decision][value=allow]";
  const DENY = "button[name=decision][value=deny]";

  async function openAlexaApp(page: Page): Promise<void> {
    expect((await page.goto(`${stage.simulator}/alexa-app`))?.status()).toBe(200);
  }

  async function typeCredentials(page: Page): Promise<void> {
    await page.fill("input[name=email]", DEMO_USER.email);
    await page.fill("input[name=password]", DEMO_USER.password);
    await page.click("form[action^='/sign-in'] button[type=submit]");
  }

  it("P1, P6: a signed-in customer links with two touches and types nothing", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await signIn(page, stage);
    await openAlexaApp(page);
    const touches = new TouchCounter(page);
    await touches.tap(ENABLE);
    await page.waitForURL(/\/authorize/);
    await touches.tap(ALLOW);
    await page.waitForURL(/\/api\/skill\/link\//);
    expect(await page.locator("body").innerText()).toContain("successfully linked");
    expect(touches.count).toBe(2);
    expect(touches.typed).toBe(0);
  });

  it("U1: a skill disabled in the Alexa app disappears from the account page, through Alexa's signed event", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await signIn(page, stage);
    const unlink = page.locator("a[href^='/account/links/']");
    const others = await unlink.count();
    await openAlexaApp(page);
    await page.locator(ENABLE).first().click();
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/api\/skill\/link\//);
    await page.goto(`${stage.service}/account`);
    expect(await unlink.count()).toBe(others + 1);
    await openAlexaApp(page);
    await page.locator("form[action$='/disable'] button").first().click();
    await page.goto(`${stage.service}/account`);
    expect(await unlink.count()).toBe(others);
  });

  it("P6: without scripts, in German, from sign-in to linked, with every other origin blocked", async () => {
    phone = await stage.phone({ javaScript: false, locale: "de-DE" });
    const page = await phone.newPage();
    const origins = new Set<string>();
    page.on("request", (request) => origins.add(new URL(request.url()).origin));
    await openAlexaApp(page);
    await page.locator(ENABLE).first().click();
    expect(await page.locator("html").getAttribute("lang")).toBe("de");
    await typeCredentials(page);
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/api\/skill\/link\//);
    expect(await page.locator("body").innerText()).toContain("successfully linked");
    expect([...origins].sort()).toEqual([stage.simulator, stage.service].sort());
  });

  it("P6: no page scrolls sideways at 320 pixels", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await page.setViewportSize({ width: 320, height: 640 });
    await openAlexaApp(page);
    await page.locator(ENABLE).first().click();
    await page.waitForSelector("input[name=email]");
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    expect(await width()).toBeLessThanOrEqual(320);
    await typeCredentials(page);
    await page.waitForSelector(ALLOW);
    expect(await width()).toBeLessThanOrEqual(320);
  });

  it("P1: Deny returns to Alexa, which shows that nothing was linked", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await signIn(page, stage);
    await openAlexaApp(page);
    await page.locator(ENABLE).first().click();
    await page.locator(DENY).click();
    await page.waitForURL(/error=access_denied/);
    expect(await page.locator("body").innerText()).toContain("unable to link");
  });

  it("P3: after consent, the back button and a second tap still end in a link", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await signIn(page, stage);
    await openAlexaApp(page);
    await page.locator(ENABLE).first().click();
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/api\/skill\/link\//);
    const first = page.url();
    await page.goBack();
    await page.waitForSelector(ALLOW);
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/api\/skill\/link\//);
    expect(new URL(page.url()).searchParams.has("code")).toBe(true);
    expect(first).toContain("code=");
  });

  it("P1, P7: Approve and Deny each reach another origin that redirects to a third, and leak no referrer", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await signIn(page, stage);
    const cdp = await phone.newCDPSession(page);
    const hops: { url: string; referer: string | undefined }[] = [];
    await cdp.send("Fetch.enable", { patterns: [{ urlPattern: "https://*" }] });
    cdp.on("Fetch.requestPaused", (event) => {
      hops.push({ url: event.request.url, referer: event.request.headers.Referer });
      const alexa = event.request.url.startsWith("https://pitangui.amazon.com/");
      void cdp.send("Fetch.fulfillRequest", {
        requestId: event.requestId,
        responseCode: alexa ? 302 : 200,
        responseHeaders: alexa
          ? [{ name: "location", value: "https://skills-store.amazon.com/external/link-result" }]
          : [{ name: "content-type", value: "text/html" }],
        body: alexa ? "" : btoa("<h1>third origin</h1>"),
      });
    });
    const redirectUri = "https://pitangui.amazon.com/api/skill/link/M0DEMOVENDOR00";
    const address = `${stage.service}/authorize?client_id=alexa-acme-home&response_type=code&state=s%3D&redirect_uri=${encodeURIComponent(redirectUri)}&code_challenge=${"a".repeat(43)}&code_challenge_method=S256`;
    for (const button of [ALLOW, DENY]) {
      hops.length = 0;
      expect((await page.goto(address))?.status()).toBe(200);
      await page.locator(button).click();
      await page.waitForURL("https://skills-store.amazon.com/external/link-result");
      expect(await page.locator("h1").innerText()).toBe("third origin");
      expect(hops[0]?.url.startsWith(`${redirectUri}?`)).toBe(true);
      expect(hops.slice(0, 2).map((hop) => hop.referer)).toEqual([undefined, undefined]);
    }
  });

  it("P5: cookies are host-only, for the service alone", async () => {
    phone = await stage.phone();
    const page = await phone.newPage();
    await signIn(page, stage);
    const cookies = await phone.cookies(stage.service);
    expect(cookies.map((cookie) => cookie.name).sort()).toEqual(["browser", "session"]);
    for (const cookie of cookies) {
      expect(cookie.domain).toBe("localhost");
      expect([cookie.secure, cookie.httpOnly, cookie.sameSite, cookie.path]).toEqual([false, true, "Lax", "/"]);
    }
    expect(await phone.cookies(stage.simulator)).toEqual([]);
  });
});
