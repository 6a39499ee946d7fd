// Linking that starts on the company's website or in its app, in a real Chromium at phone size.
import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DEMO_SKILL_ID, DEMO_USER } from "../../scripts/demo.ts";
import { ADMIN_TOKEN, chromiumPath, raiseStage, type Stage, signIn, TouchCounter } from "./harness.ts";

const ALLOW = "button[name=decision][value=allow]";
const DENY = "button[name=decision][value=deny]";

describe("linking from the company's website and app", { skip: !chromiumPath }, () => {
  let stage: Stage;
  const phones: BrowserContext[] = [];
  beforeAll(async () => {
    stage = await raiseStage();
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.close()));
    await fetch(`${stage.simulator}/simulator/reset`, { method: "POST" });
  });
  afterAll(() => stage?.close());

  async function phone(options?: Parameters<Stage["phone"]>[0]): Promise<BrowserContext> {
    const context = await stage.phone(options);
    phones.push(context);
    return context;
  }

  function linkPage(via: string): string {
    return `${stage.service}/link/${DEMO_SKILL_ID}?return_to=${encodeURIComponent(`${stage.simulator}/company/done`)}&via=${via}`;
  }

  function exchanges(): Promise<string> {
    return fetch(`${stage.simulator}/simulator/exchanges`).then((response) => response.text());
  }

  async function attempts(): Promise<{ outcome: string; reason: string | null; steps: { name: string }[] }[]> {
    const response = await fetch(`${stage.service}/api/admin/linkings?limit=10`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    return (
      (await response.json()) as { items: { outcome: string; reason: string | null; steps: { name: string }[] }[] }
    ).items;
  }

  it.each(["alexa_app", "lwa"])(
    "P1: a signed-in customer links through %s with two touches, types nothing, and is back at the company",
    async (via) => {
      const page = await (await phone()).newPage();
      await signIn(page, stage);
      expect((await page.goto(linkPage(via)))?.status()).toBe(200);
      const touches = new TouchCounter(page);
      await touches.tap(ALLOW);
      await page.waitForURL(via === "lwa" ? /\/ap\/oa/ : /skill-account-linking-consent/);
      await touches.tap(ALLOW);
      await page.waitForURL(/\/company\/done/);
      expect(new URL(page.url()).searchParams.get("status")).toBe("linked");
      expect([touches.count, touches.typed]).toEqual([2, 0]);
      expect((await attempts())[0]?.outcome).toBe("linked");
      expect(await exchanges()).toContain("/enablement");
    },
  );

  it("P6: from the company's website without scripts, with a sign-in on the way", async () => {
    const page = await (await phone({ javaScript: false })).newPage();
    await page.goto(`${stage.simulator}/company`);
    await page.locator("a.button.company").first().click();
    await page.fill("input[name=email]", DEMO_USER.email);
    await page.fill("input[name=password]", DEMO_USER.password);
    await page.click("form[action^='/sign-in'] button[type=submit]");
    await page.locator(ALLOW).click();
    await page.waitForURL(/skill-account-linking-consent|\/ap\/oa/);
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/company\/done/);
    expect(new URL(page.url()).searchParams.get("status")).toBe("linked");
  });

  it("denying on our page, or at Amazon, returns to the company as cancelled", async () => {
    const page = await (await phone()).newPage();
    await signIn(page, stage);
    await page.goto(linkPage("lwa"));
    await page.locator(DENY).click();
    await page.waitForURL(/\/company\/done/);
    expect(new URL(page.url()).searchParams.get("status")).toBe("cancelled");
    await page.goto(linkPage("lwa"));
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/ap\/oa/);
    await page.locator(DENY).click();
    await page.waitForURL(/\/company\/done/);
    expect(new URL(page.url()).searchParams.get("status")).toBe("cancelled");
  });

  it("a reload of the callback shows the outcome again", async () => {
    const page = await (await phone()).newPage();
    await signIn(page, stage);
    await page.goto(linkPage("lwa"));
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/ap\/oa/);
    let callback = "";
    page.on("request", (request) => {
      if (request.url().includes("/link/callback")) callback = request.url();
    });
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/company\/done/);
    const before = (await attempts()).length;
    await page.goto(callback);
    await page.waitForURL(/\/company\/done/);
    expect(new URL(page.url()).searchParams.get("status")).toBe("linked");
    expect((await attempts()).length).toBe(before);
  });

  it("S1: approving at Amazon for another person's attempt links nothing, for either of them", async () => {
    const attacker = await (await phone()).newPage();
    await signIn(attacker, stage);
    await attacker.goto(linkPage("lwa"));
    await attacker.locator(ALLOW).click();
    await attacker.waitForURL(/\/ap\/oa/);
    const lure = attacker.url();
    const victim = await (await phone()).newPage();
    await victim.goto(lure);
    await victim.locator(ALLOW).click();
    await victim.waitForURL(/\/link\/callback/);
    expect(await victim.locator(ALLOW).count()).toBe(0);
    expect((await attempts())[0]?.outcome).not.toBe("linked");
    expect(await exchanges()).not.toContain("/enablement");
  });

  it("the company's app links through the API, in the Alexa app and back, and unlinks", async () => {
    const page = await (await phone()).newPage();
    await signIn(page, stage);
    const text = () => page.locator("main").innerText();
    await page.goto(`${stage.simulator}/company/app`);
    await page.locator("form[action$='/sign-in'] button").click();
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/company\/app$/);
    const touches = new TouchCounter(page);
    await touches.tap("form[action$='/link'] button[value=alexa_app]");
    await page.waitForURL(/skill-account-linking-consent/);
    await touches.tap(ALLOW);
    await page.waitForURL(/\/company\/app/);
    expect(await text()).toContain("linked");
    expect([touches.count, touches.typed]).toEqual([2, 0]);
    expect((await attempts())[0]?.outcome).toBe("linked");
    await page.goto(`${stage.simulator}/company/app`);
    await page.locator("form[action$='/unlink'] button").click();
    await page.waitForURL(/\/company\/app$/);
    await page.waitForSelector("form[action$='/link'] button[value=alexa_app]");
  });

  it("L7, S1: a browser that gets the callback passes it on sealed, and the app's own user completes it", async () => {
    const page = await (await phone()).newPage();
    await signIn(page, stage);
    await page.goto(`${stage.simulator}/company/app`);
    await page.locator("form[action$='/sign-in'] button").click();
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/company\/app$/);
    let callback = "";
    page.on("response", (response) => {
      const location = response.headers().location ?? "";
      if (location.includes("status=parked")) callback = location;
    });
    await page.locator("summary").first().click();
    await page.check("input[name=platform][value=web]");
    await page.locator("form[action$='/link'] button[value=lwa]").click();
    await page.waitForURL(/\/ap\/oa/);
    await page.locator(ALLOW).click();
    await page.waitForURL(/\/company\/app$/);
    expect(callback).toMatch(/[?&]result=/);
    expect(callback).not.toMatch(/[?&]code=/);
    expect((await attempts())[0]?.outcome).toBe("linked");
  });
});
