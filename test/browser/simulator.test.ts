// The simulator's pages in a browser: the record follows what happens, and every page fits a small phone.
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN_TOKEN, chromiumPath, raiseStage, type Stage } from "./harness.ts";

const PAGES = ["/", "/alexa-app", "/company", "/company/app", "/exchanges", "/scenarios", "/faults", "/accounts"];

describe.skipIf(chromiumPath === undefined)("the simulator's pages", () => {
  let stage: Stage;
  const run = async (scenario: string) => {
    const body = JSON.stringify({ scenario });
    const response = await fetch(`${stage.simulator}/simulator/run`, { method: "POST", body });
    expect(await response.json()).toMatchObject({ ok: true, scenario });
  };

  beforeAll(async () => {
    stage = await raiseStage();
  });
  afterAll(() => stage?.close());

  it("the record shows new steps without a reload, and opened steps stay open", async () => {
    const context = await stage.browser.newContext();
    const page = await context.newPage();
    await run("authorize");
    await page.goto(`${stage.simulator}/exchanges?q=Alexa`);
    await page.evaluate(() => Object.assign(window, { notReloaded: true }));
    const [steps, attempts] = [page.locator("[data-live=steps] > li"), page.locator("[data-live=attempts] > li")];
    await steps.first().locator("summary").click();
    const before = [await steps.count(), await attempts.count()] as const;
    await run("authorize");
    await expect.poll(() => attempts.count(), { timeout: 30_000 }).toBeGreaterThan(before[1]);
    await expect.poll(() => steps.count(), { timeout: 30_000 }).toBeGreaterThan(before[0]);
    expect(await steps.first().locator("details").getAttribute("open")).not.toBeNull();
    expect(await page.evaluate(() => "notReloaded" in window)).toBe(true);
    await context.close();
  }, 60_000);

  it("the record can be paused", async () => {
    const context = await stage.browser.newContext();
    const page = await context.newPage();
    await page.goto(`${stage.simulator}/exchanges`);
    await page.getByRole("button", { name: "Pause" }).click();
    const attempts = page.locator("[data-live=attempts] > li");
    const before = await attempts.count();
    await run("authorize");
    await page.waitForTimeout(3500);
    expect(await attempts.count()).toBe(before);
    await page.getByRole("button", { name: "Resume" }).click();
    await expect.poll(() => attempts.count(), { timeout: 30_000 }).toBeGreaterThan(before);
    await context.close();
  }, 60_000);

  it("requests are found by their text, and saved as an HTTP Archive", async () => {
    const context = await stage.browser.newContext({ acceptDownloads: true });
    const page = await context.newPage();
    await run("authorize");
    await page.goto(`${stage.simulator}/exchanges`);
    await page.getByLabel("Search requests and responses").fill("grant_type=authorization_code");
    await page.getByRole("button", { name: "Search" }).click();
    const steps = page.locator("[data-live=steps] > li");
    await page.getByRole("heading", { name: "Requests with" }).waitFor();
    const found = await steps.count();
    expect(found).toBeGreaterThan(0);
    for (const step of await steps.all()) expect(await step.locator(".line").innerText()).toMatch(/^POST \S*\/token/);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "HTTP Archive (HAR)" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("alexa-simulator.har");
    const { log } = JSON.parse(await readFile(await download.path(), "utf8")) as { log: { entries: unknown[] } };
    expect(log.entries).toHaveLength(found);
    await context.close();
  }, 60_000);

  it("an attempt leads to its page in the company's console", async () => {
    const context = await stage.browser.newContext();
    const page = await context.newPage();
    await run("authorize");
    await page.goto(`${stage.simulator}/exchanges`);
    await page.getByRole("link", { name: "Find it in the operator’s console" }).first().click();
    await page.fill("#token", ADMIN_TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator('main a[href*="/admin/attempts/"]').first().click();
    await page.waitForURL(/\/admin\/attempts\/./);
    expect(await page.locator("main").innerText()).toContain("linked");
    await context.close();
  }, 60_000);

  it("a scenario that fails says why on its page, and leads to its requests", async () => {
    const context = await stage.browser.newContext();
    const page = await context.newPage();
    const setFaults = (faults: object) =>
      fetch(`${stage.simulator}/simulator/faults`, { method: "PUT", body: JSON.stringify(faults) });
    await setFaults({ tokenClient: { wrongSecret: true } });
    await page.goto(`${stage.simulator}/scenarios`);
    await page.getByRole("button", { name: "Run authorize" }).click();
    const result = page.getByRole("region", { name: "Result" });
    await expect.poll(() => result.innerText(), { timeout: 30_000 }).toContain("did not return what Alexa needs");
    await setFaults({});
    await result.getByRole("link", { name: "Its requests and responses" }).click();
    await page.waitForURL(/\/exchanges\/./);
    await expect.poll(() => page.locator("[data-live=steps]").innerText(), { timeout: 30_000 }).toContain("401");
    await context.close();
  }, 60_000);

  const widthOf = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth);

  it("every page fits 320 px, and every item of the menu can be seen and reached", async () => {
    const context = await stage.browser.newContext({ viewport: { width: 320, height: 640 } });
    const page = await context.newPage();
    for (const path of PAGES) {
      await page.goto(stage.simulator + path);
      expect([path, await widthOf(page)]).toEqual([path, 320]);
      for (const item of await page.locator(".nav a").all()) {
        const box = await item.boundingBox();
        expect(box !== null && box.x >= 0 && box.x + box.width <= 320 && box.height >= 24).toBe(true);
      }
    }
    await context.close();
  }, 60_000);

  it("a switch that is on differs from one that is off in forced colours", async () => {
    const context = await stage.browser.newContext({ forcedColors: "active" });
    const page = await context.newPage();
    await page.goto(`${stage.simulator}/faults`);
    await page.locator(".switch").first().click();
    const look = (pressed: string) =>
      page
        .locator(`.switch[aria-pressed=${pressed}] .knob`)
        .first()
        .evaluate((knob) => {
          const { backgroundColor, borderTopWidth } = getComputedStyle(knob);
          return { backgroundColor, borderTopWidth };
        });
    const [on, off] = [await look("true"), await look("false")];
    expect(on.backgroundColor).not.toBe(off.backgroundColor);
    expect(off.borderTopWidth).toBe("1px");
    await page.locator(".switch[aria-pressed=true]").first().click();
    await context.close();
  }, 60_000);
});
