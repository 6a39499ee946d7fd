// The console: /admin and everything below. No page of it is shown, and no form taken, without an operator's session.
import { Hono } from "hono/tiny";
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

export const consoleRoutes = new Hono<AppEnv>();

// These are for browsers without a session as well. The two forms check their own tokens; the script holds no data.
consoleRoutes.post("/admin/session", (c) => signIn(c as AppContext));
consoleRoutes.post("/admin/sign-out", (c) => signOut(c as AppContext));
consoleRoutes.get("/admin/live.js", (c) => liveScript(c as AppContext));
consoleRoutes.use("/admin", (c, next) => consoleGuard(c as AppContext, next));
consoleRoutes.use("/admin/*", (c, next) => consoleGuard(c as AppContext, next));
consoleRoutes.get("/admin", (c) => overviewPage(c as AppContext));
consoleRoutes.get("/admin/attempts/:id", (c) => attemptPage(c as AppContext));
consoleRoutes.get("/admin/attempts", (c) => attemptsPage(c as AppContext));
consoleRoutes.get("/admin/alerts", (c) => alertsPage(c as AppContext));
consoleRoutes.get("/admin/links", (c) => linksPage(c as AppContext));
consoleRoutes.get("/admin/audit", (c) => auditPage(c as AppContext));
consoleRoutes.get("/admin/customers/:id", (c) => customerPage(c as AppContext));
consoleRoutes.get("/admin/search", (c) => searchPage(c as AppContext));
consoleRoutes.get("/admin/refused", (c) => refusedPage(c as AppContext));
consoleRoutes.get("/admin/amazon", (c) => amazonPage(c as AppContext));
consoleRoutes.post("/admin/amazon/token", (c) => storeToken(c as AppContext));
consoleRoutes.post("/admin/amazon/token/delete", (c) => deleteToken(c as AppContext));
consoleRoutes.get("/admin/skills/:id/amazon", (c) => skillAmazonPage(c as AppContext));
consoleRoutes.post("/admin/skills/:id/amazon", (c) => pushToAmazon(c as AppContext));
for (const pages of [skillPages, clientPages, operationsPages, customerActRoutes]) consoleRoutes.route("/", pages);
// Other paths. Another method of a path of the console is refused as everywhere.
consoleRoutes.use("/admin/*", (c, next) =>
  methodsOf(consoleRoutes, c.req.path).length === 0 ? noSuchPage(c as AppContext) : next(),
);
