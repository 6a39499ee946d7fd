// The console: /admin and everything below. No page of it is shown, and no form taken, without an operator's session.
import type { Hono } from "hono/tiny";
import { methodsOf } from "../../http/methods.ts";
import type { AppContext, AppEnv } from "../../runtime.ts";
import { alertsPage } from "./alerts.tsx";
import { amazonPage, deleteToken, storeToken } from "./amazon-page.tsx";
import { attemptPage } from "./attempt-page.tsx";
import { attemptsPage } from "./attempts.tsx";
import { auditPage } from "./audit.tsx";
import { clientPages } from "./clients.tsx";
import { customerActRoutes } from "./customer-acts.tsx";
import { customerPage } from "./customer-page.tsx";
import { noSuchPage } from "./frame.tsx";
import { linksPage } from "./links.tsx";
import { liveScript } from "./lists.tsx";
import { operationsPages } from "./operations.tsx";
import { overviewPage } from "./overview.tsx";
import { refusedPage } from "./refused.tsx";
import { searchPage } from "./search-page.tsx";
import { consoleGuard, signIn, signOut } from "./sign-in.tsx";
import { pushToAmazon, skillAmazonPage } from "./skill-amazon.tsx";
import { skillPages } from "./skills.tsx";

/** Adds these routes to a router. */
export function consoleRoutes(app: Hono<AppEnv>): void {
  // These are for browsers without a session as well. The two forms check their own tokens; the script holds no data.
  app.post("/admin/session", (c) => signIn(c as AppContext));
  app.post("/admin/sign-out", (c) => signOut(c as AppContext));
  app.get("/admin/live.js", (c) => liveScript(c as AppContext));
  app.use("/admin", (c, next) => consoleGuard(c as AppContext, next));
  app.use("/admin/*", (c, next) => consoleGuard(c as AppContext, next));
  app.get("/admin", (c) => overviewPage(c as AppContext));
  app.get("/admin/attempts/:id", (c) => attemptPage(c as AppContext));
  app.get("/admin/attempts", (c) => attemptsPage(c as AppContext));
  app.get("/admin/alerts", (c) => alertsPage(c as AppContext));
  app.get("/admin/links", (c) => linksPage(c as AppContext));
  app.get("/admin/audit", (c) => auditPage(c as AppContext));
  app.get("/admin/customers/:id", (c) => customerPage(c as AppContext));
  app.get("/admin/search", (c) => searchPage(c as AppContext));
  app.get("/admin/refused", (c) => refusedPage(c as AppContext));
  app.get("/admin/amazon", (c) => amazonPage(c as AppContext));
  app.post("/admin/amazon/token", (c) => storeToken(c as AppContext));
  app.post("/admin/amazon/token/delete", (c) => deleteToken(c as AppContext));
  app.get("/admin/skills/:id/amazon", (c) => skillAmazonPage(c as AppContext));
  app.post("/admin/skills/:id/amazon", (c) => pushToAmazon(c as AppContext));
  for (const pages of [skillPages, clientPages, operationsPages, customerActRoutes]) pages(app);
  // Other paths. Another method of a path of the console is refused as everywhere.
  app.use("/admin/*", (c, next) => (methodsOf(app, c.req.path).length === 0 ? noSuchPage(c as AppContext) : next()));
}
