// The console's pages as they are registered: each is examined in a browser, and none is shown without a session.
import { Hono } from "hono/tiny";
import { parse } from "node-html-parser";
import { expect, it } from "vitest";
import { CONSOLE_PAGES } from "../../../test/support/console-pages.ts";
import { startService } from "../../../test/support/service.ts";
import type { AppEnv } from "../../runtime.ts";
import { consoleRoutes } from "./routes.ts";

it("the pages that the browser's tests open are those that are registered", () => {
  const app = new Hono<AppEnv>();
  consoleRoutes(app);
  const pages = app.routes.filter(({ method, path }) => method === "GET" && path !== "/admin/live.js");
  expect(pages.map(({ path }) => path).sort()).toEqual(CONSOLE_PAGES.toSorted());
});

it("every page is the sign-in to a browser without a session", async () => {
  const service = startService();
  for (const page of CONSOLE_PAGES) {
    const response = await service.request(page.replace(":id", "some-id"));
    const html = parse(await response.text());
    expect([page, html.querySelector("h1")?.text]).toEqual([page, "Operator sign-in"]);
    expect([page, html.querySelector("nav, table, form:not([action='/admin/session'])")]).toEqual([page, null]);
  }
});
