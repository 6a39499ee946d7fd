// The console: /admin and everything below. No page of it is shown, and no form taken, without an operator's session.
import type { Hono } from "hono/tiny";
import { methodsOf } from "../../http/methods.ts";
import type { AppEnv } from "../../runtime.ts";
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
  app.post("/admin/session", signIn);
  app.post("/admin/sign-out", signOut);
  app.get("/admin/live.js", liveScript);
  app.use("/admin", consoleGuard);
  app.use("/admin/*", consoleGuard);
  app.get("/admin", overviewPage);
  app.get("/admin/attempts/:id", attemptPage);
  app.get("/admin/attempts", attemptsPage);
  app.get("/admin/alerts", alertsPage);
  app.get("/admin/links", linksPage);
  app.get("/admin/audit", auditPage);
  app.get("/admin/customers/:id", customerPage);
  app.get("/admin/search", searchPage);
  app.get("/admin/refused", refusedPage);
  app.get("/admin/amazon", amazonPage);
  app.post("/admin/amazon/token", storeToken);
  app.post("/admin/amazon/token/delete", deleteToken);
  app.get("/admin/skills/:id/amazon", skillAmazonPage);
  app.post("/admin/skills/:id/amazon", pushToAmazon);
  for (const pages of [skillPages, clientPages, operationsPages, customerActRoutes]) pages(app);
  // Other paths. Another method of a path of the console is refused as everywhere.
  app.use("/admin/*", (c, next) => (methodsOf(app, c.req.path).length === 0 ? noSuchPage(c) : next()));
}
