// Every page of the console in a Chromium: accessible by axe's rules for WCAG 2.2 AA, on narrow screens, by keyboard.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEMO_SKILL_ID } from "../../scripts/demo.ts";
import { ADMIN_TOKEN, chromiumPath, raiseStage, type Stage } from "./harness.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const LONG_NAME = `Acme ${"Verylongunbrokenname".repeat(5)}`;

/** Pages to look at, with what is done on them first. */
const PAGES: readonly {
  readonly name: string;
  readonly path: string;
  readonly first?: (page: Page) => Promise<void>;
}[] = [
  { name: "overview", path: "/admin" },
  { name: "attempts", path: "/admin/attempts" },
  { name: "attempts, all open", path: "/admin/attempts", first: openDetails },
  { name: "attempts, none", path: "/admin/attempts?reason=pkce_missing&range=1d" },
  { name: "an attempt", path: "attempt", first: openDetails },
  { name: "links", path: "/admin/links" },
  { name: "links, ended", path: "/admin/links?state=ended" },
  { name: "alerts", path: "/admin/alerts" },
  { name: "audit", path: "/admin/audit" },
  { name: "no such page", path: "/admin/nothing" },
];

async function openDetails(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What axe finds on the page as it is now. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async (tags) => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
    const { violations: all } = await axe.run({ runOnly: tags });
    return all.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => ({ html })) }));
  }, TAGS);
  return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`);
}

function widths(page: Page): Promise<readonly [number, number]> {
  return page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth] as const);
}

/** Links, buttons and fields that are smaller than 24 by 24 pixels, except links in a sentence. */
function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>("a, button, select, summary, input:not([type=hidden])")]
      .filter((one) => {
        const { width, height } = one.getBoundingClientRect();
        const inline = getComputedStyle(one).display === "inline";
        return width > 0 && !inline && one.checkVisibility() && (width < 24 || height < 24);
      })
      .map(({ outerHTML }) => outerHTML.slice(0, 120)),
  );
}

describe("the console's pages", { skip: !chromiumPath }, () => {
  let stage: Stage;
  let context: BrowserContext;
  let page: Page;
  let attemptPath = "";

  beforeAll(async () => {
    stage = await raiseStage();
    const run = (body: object) =>
      fetch(`${stage.simulator}/simulator/run`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    await run({ scenario: "authorize" });
    await run({ scenario: "app-to-app" });
    const authorization = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const redirectUri = encodeURIComponent("https://pitangui.amazon.com/api/skill/link/M0OTHER");
    await fetch(`${stage.service}/authorize?client_id=unknown&redirect_uri=${redirectUri}&response_type=code`);
    await fetch(`${stage.service}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa("alexa-acme-home:wrong")}` },
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: "none" }),
    });
    await fetch(`${stage.service}/api/admin/skills/${DEMO_SKILL_ID}`, {
      method: "PATCH",
      headers: { ...authorization, "content-type": "application/json" },
      body: JSON.stringify({ name: LONG_NAME }),
    });
    const listed = await fetch(`${stage.service}/api/admin/linkings`, { headers: authorization });
    const { items } = (await listed.json()) as { items: { id: string }[] };
    attemptPath = `/admin/attempts/${items[0]?.id}`;
    context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "de-DE" });
    context.setDefaultTimeout(15_000);
    page = await context.newPage();
    await page.goto(`${stage.service}/admin`);
    await page.fill("#token", ADMIN_TOKEN);
    await page.click("button[type=submit]");
  });
  afterAll(() => stage?.close());

  it.each(PAGES)(
    "$name: nothing for axe at both widths and schemes, no sideways scrolling, in English",
    async (one) => {
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.goto(stage.service + (one.path === "attempt" ? attemptPath : one.path));
      await one.first?.(page);
      const found: unknown[] = [];
      for (const width of [1280, 320]) {
        for (const colorScheme of ["light", "dark"] as const) {
          await page.setViewportSize({ width, height: 900 });
          await page.emulateMedia({ colorScheme });
          found.push(...(await violations(page)).map((text) => [width, colorScheme, text]));
        }
        const [scrolled, visible] = await widths(page);
        if (scrolled > visible) found.push([width, "scrolls", scrolled]);
        found.push(...(await smallTargets(page)).map((text) => [width, "small", text]));
      }
      expect(found).toEqual([]);
      expect(await page.getAttribute("html", "lang")).toBe("en");
      // 200 % zoom of a window of 1280 pixels.
      await page.setViewportSize({ width: 640, height: 450 });
      expect((await widths(page))[0]).toBeLessThanOrEqual(640);
    },
  );

  it("forced colours keep the marks of what is chosen and what has the focus", async () => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ forcedColors: "active" });
    await page.goto(`${stage.service}/admin/attempts`);
    const chosen = page.locator(".pages a[aria-current]").first();
    expect(await chosen.evaluate((link) => getComputedStyle(link).borderTopWidth)).toBe("2px");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle)).toBe("solid");
    await page.emulateMedia({ forcedColors: "none" });
  });

  it("the keyboard reaches everything in the order of the page, with a visible focus, and skips to the content", async () => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(`${stage.service}/admin/attempts`);
    const focused: { order: number; outline: string }[] = [];
    for (let i = 0; i < 25; i++) {
      await page.keyboard.press("Tab");
      focused.push(
        await page.evaluate(() => {
          const all = [...document.querySelectorAll("*")];
          const element = document.activeElement ?? document.body;
          return { order: all.indexOf(element), outline: getComputedStyle(element).outlineStyle };
        }),
      );
    }
    expect(focused.map(({ order }) => order)).toEqual(focused.map(({ order }) => order).sort((a, b) => a - b));
    expect(new Set(focused.map(({ outline }) => outline))).toEqual(new Set(["solid"]));
    await page.goto(`${stage.service}/admin/attempts`);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("content");
  });
});
