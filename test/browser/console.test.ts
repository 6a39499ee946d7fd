// Every page of the console in a Chromium: accessible by axe's rules for WCAG 2.2 AA, on narrow screens, by keyboard.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { call, DEMO_SKILL_ID } from "../../scripts/demo.ts";
import { DEVELOPER } from "../../simulator/state/developer.ts";
import { CONSOLE_PAGES } from "../support/console-pages.ts";
import { type ConsoleData, fillConsole, linkFromWebsite } from "./console-data.ts";
import { ADMIN_TOKEN, chromiumPath, raiseStage, type Stage, signIn } from "./harness.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const LONG_NAME = `Acme ${"Verylongunbrokenname".repeat(4)}`;

interface ConsolePage {
  readonly path: string;
  readonly title: string | RegExp;
  /** What the page must contain, so that a page without its content is not taken for one that is accessible. */
  readonly has?: string;
  readonly first?: (page: Page) => Promise<unknown>;
}

/** Pages to look at, with what is done on them first. `{attempt}` and `{customer}` stand for ids. */
const PAGES: Readonly<Record<string, ConsolePage>> = {
  overview: { path: "/admin", title: "Account linking", has: ".chart svg", first: openDetails },
  "overview without anything": { path: "/admin?skill=of-nobody", title: "Account linking" },
  attempts: { path: "/admin/attempts", title: "Attempts", has: "#attempts > li:nth-child(3)" },
  "attempts, all open": { path: "/admin/attempts", title: "Attempts", has: "details[open] .steps", first: openDetails },
  "attempts, filtered": { path: "/admin/attempts?outcome=failed", title: "Attempts", has: "#attempts > li" },
  "attempts, none": { path: "/admin/attempts?reason=pkce_missing&range=1d", title: "Attempts", has: ".empty" },
  "a failed attempt": { path: "/admin/attempts/{attempt}", title: /./, has: ".badge.failed", first: openDetails },
  "an unknown attempt": { path: "/admin/attempts/none", title: "No such attempt" },
  "a customer": { path: "/admin/customers/{customer}", title: /./, has: ".act button", first: openDetails },
  "a search with hits": { path: "/admin/search?q=demo", title: "Search", has: "table" },
  "a search without hits": { path: "/admin/search?q=nobody%40example.com", title: "Search", has: "form input#at" },
  "a search for a time": { path: "/admin/search?q=2026-01-01%2000:00", title: "Search" },
  "links, stopped": { path: "/admin/links", title: "Links" },
  "links, development": { path: "/admin/links?state=development", title: "Links" },
  "links, idle": { path: "/admin/links?state=idle", title: "Links" },
  "links, logins": { path: "/admin/links?state=logins", title: "Links" },
  "links, ended": { path: "/admin/links?state=ended", title: "Links", has: "#links > li" },
  "refused requests": {
    path: "/admin/refused",
    title: "Refused requests",
    has: "#refusals > li:nth-child(2)",
    first: openDetails,
  },
  amazon: { path: "/admin/amazon", title: /./, has: "#refreshToken", first: openDetails },
  "a skill at Amazon": { path: `/admin/skills/${DEMO_SKILL_ID}/amazon`, title: "at Amazon" },
  "amazon, a token that is refused": {
    path: "/admin/amazon",
    title: "Amazon",
    has: "a[href*='again=1']",
    first: (page) => storeToken(page, { ...DEVELOPER, clientSecret: "wrong" }),
  },
  "amazon, with a token": {
    path: "/admin/amazon",
    title: "Amazon",
    has: "td.number",
    first: async (page) => {
      await storeToken(page, DEVELOPER);
      await openDetails(page);
    },
  },
  "a skill at Amazon, with a token": {
    path: `/admin/skills/${DEMO_SKILL_ID}/amazon`,
    title: "at Amazon",
    has: "#clientSecret",
  },
  alerts: { path: "/admin/alerts", title: "Alerts", has: ".alerts li" },
  skills: { path: "/admin/skills", title: "Skills", has: "tbody tr" },
  "a new skill": { path: "/admin/skills/new", title: /./, has: ".act button", first: openDetails },
  "a skill": { path: `/admin/skills/${DEMO_SKILL_ID}`, title: LONG_NAME, has: "form.act", first: openDetails },
  clients: { path: "/admin/clients", title: "Clients", has: "tbody tr" },
  "a new client": { path: "/admin/clients/new", title: /./, has: ".act button" },
  "a client": { path: "/admin/clients/demo-app", title: /./, has: ".act button" },
  operations: { path: "/admin/operations", title: "Operations", has: "tbody tr" },
  audit: { path: "/admin/audit", title: "Audit", has: "#audit > li" },
  "a confirmation": {
    path: `/admin/skills/${DEMO_SKILL_ID}`,
    title: "Delete this skill?",
    has: "button.danger",
    first: (page) => page.getByRole("button", { name: "Delete this skill" }).click(),
  },
  "a form that was refused": {
    path: "/admin/clients/new",
    title: "Register a client",
    has: "[role=alert]",
    first: async (page) => {
      await page.fill("#name", "No skill");
      await page.fill("#scopes", "no such scope");
      await page.getByRole("button", { name: "Register" }).click();
      await page.locator("[role=alert]").waitFor();
    },
  },
  "no such page": { path: "/admin/nothing", title: "No such page", has: ".pages a" },
};

async function openDetails(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
}

/** Enters a developer's token in the form of the page Amazon. */
async function storeToken(page: Page, token: Readonly<Record<keyof typeof DEVELOPER, string>>): Promise<void> {
  await openDetails(page);
  for (const [name, value] of Object.entries(token)) await page.fill(`#${name}`, value);
  await page.getByRole("button", { name: "Store and test" }).click();
  await page.getByRole("button", { name: "Delete the token…" }).waitFor();
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What axe finds on the page as it is now. The page has axe already. */
async function violations(page: Page): Promise<string[]> {
  const found = await page.evaluate(async (only) => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
    const { violations: all } = await axe.run({ runOnly: only, resultTypes: ["violations"] });
    return all.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => ({ html })) }));
  }, TAGS);
  return found.map(({ id, nodes }) => `${id}, ${nodes.length} times: ${nodes[0]?.html.slice(0, 200)}`);
}

/** How much wider than the window the page is. */
function excess(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
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

/** Everything that is wrong with the page: both widths and schemes, zoom, forced colours, language. */
async function faultsOf(page: Page): Promise<unknown[]> {
  const found: unknown[] = [];
  await page.evaluate(AXE);
  for (const width of [1280, 320]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      found.push(...(await violations(page)).map((text) => [width, colorScheme, text]));
    }
    found.push(...(await smallTargets(page)).map((text) => [width, "small", text]));
    if ((await excess(page)) > 0) found.push([width, "scrolls sideways"]);
  }
  await page.emulateMedia({ forcedColors: "active", colorScheme: "light" });
  if ((await excess(page)) > 0) found.push(["forced colours", "scrolls sideways"]);
  if (!(await page.locator("h1").isVisible())) found.push(["forced colours", "no heading"]);
  await page.emulateMedia({ forcedColors: "none" });
  // 200 % zoom of a window of 1280 pixels.
  await page.setViewportSize({ width: 640, height: 450 });
  if ((await excess(page)) > 0) found.push(["zoomed", "scrolls sideways"]);
  const language = await page.getAttribute("html", "lang");
  if (language !== "en") found.push(["language", language]);
  return found;
}

describe("the console's pages", { skip: !chromiumPath }, () => {
  let stage: Stage;
  let data: ConsoleData;
  let context: BrowserContext;
  let page: Page;
  let customer: Page;

  beforeAll(async () => {
    stage = await raiseStage();
    customer = await (await stage.phone()).newPage();
    await signIn(customer, stage);
    data = await fillConsole(stage, customer, LONG_NAME);
    context = await stage.browser.newContext({ locale: "de-DE" });
    context.setDefaultTimeout(15_000);
    page = await context.newPage();
  }, 300_000);
  afterAll(() => stage?.close());
  beforeEach(async () => {
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it("sign-in: nothing for axe, no sideways scrolling, in English", async () => {
    await page.goto(`${stage.service}/admin`);
    expect(await page.textContent("h1")).toBe("Operator sign-in");
    expect(await faultsOf(page)).toEqual([]);
    await page.fill("#token", ADMIN_TOKEN);
    await page.click("button[type=submit]");
    await page.locator("h1#content").waitFor();
  });

  it("every page that is registered is among those that are examined", () => {
    const examined = Object.values(PAGES).map(({ path }) => path.split("?")[0] ?? path);
    const isExamined = (page: string) => {
      const pattern = new RegExp(`^${page.replaceAll(/:\w+/g, "[^/]+")}$`);
      return examined.some((path) => path === page || (!CONSOLE_PAGES.includes(path) && pattern.test(path)));
    };
    expect(CONSOLE_PAGES.filter((page) => !isExamined(page))).toEqual([]);
  });

  it.each(Object.keys(PAGES))("%s: nothing for axe, no sideways scrolling, in English", async (name) => {
    const { path, title, has, first } = PAGES[name] as ConsolePage;
    await page.goto(stage.service + path.replace("{attempt}", data.attempt).replace("{customer}", data.customer));
    await first?.(page);
    await page.locator("h1#content", { hasText: title }).waitFor();
    if (has !== undefined) expect(await page.locator(has).count(), has).toBeGreaterThan(0);
    expect(await faultsOf(page)).toEqual([]);
  });

  it("forced colours keep the marks of what is chosen and what has the focus", async () => {
    await page.emulateMedia({ forcedColors: "active" });
    await page.goto(`${stage.service}/admin/attempts`);
    const chosen = page.locator(".pages a[aria-current]").first();
    expect(await chosen.evaluate((link) => getComputedStyle(link).borderTopWidth)).toBe("2px");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle)).toBe("solid");
    await page.emulateMedia({ forcedColors: "none" });
  });

  it("the keyboard reaches everything in the order of the page, with a visible focus, and skips to the content", async () => {
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

  it("“Load older” appends to the list, each row once, and leaves at the end", async () => {
    const access = { service: stage.service, adminToken: ADMIN_TOKEN };
    for (let i = 0; i < 101; i++) await call(access, "PATCH", `/skills/${DEMO_SKILL_ID}`, { name: `Renamed ${i}` });
    await page.goto(`${stage.service}/admin/audit?kind=skill_changed`);
    const rows = page.locator("#audit > li");
    const older = page.locator("a[data-older]");
    expect(await rows.count()).toBe(50);
    await older.click();
    await rows.nth(99).waitFor();
    await older.click();
    await older.waitFor({ state: "detached" });
    const ids = await rows.evaluateAll((all) => all.map(({ id }) => id));
    expect(ids.length).toBeGreaterThan(100);
    expect(new Set(ids).size).toBe(ids.length);
    expect(page.url()).toBe(`${stage.service}/admin/audit?kind=skill_changed`);
    expect(await page.evaluate(() => document.activeElement?.closest("li")?.id)).toBe(ids[100]);
  });

  it("a list refreshes itself: what is open and what has the focus stays, and a button pauses it", async () => {
    await page.goto(`${stage.service}/admin/attempts`);
    const rows = page.locator("#attempts > li");
    const before = await rows.count();
    const summary = rows.first().locator("summary");
    await summary.focus();
    await page.keyboard.press("Enter");
    const opened = await page.locator("#attempts > li:has(details[open])").getAttribute("id");
    await linkFromWebsite(stage, customer, "deny");
    await rows.nth(before).waitFor();
    expect(await page.locator("#attempts > li:has(details[open])").getAttribute("id")).toBe(opened);
    expect(await page.evaluate(() => document.activeElement?.closest("li")?.id)).toBe(opened);
    expect(await page.evaluate(() => document.activeElement?.localName)).toBe("summary");
    expect(await page.locator("#live-status").textContent()).toBe("1 new attempt.");

    const button = page.locator("#live button");
    await button.click();
    expect(await button.textContent()).toBe("Resume refreshing");
    let requests = 0;
    page.on("request", () => requests++);
    // Longer than the interval.
    await page.waitForTimeout(6000);
    expect(requests).toBe(0);
    await context.clearCookies();
    await button.click();
    await page.locator("#live-status a").waitFor();
    expect(await page.locator("#live-status").textContent()).toContain("You are signed out");
  });
});
