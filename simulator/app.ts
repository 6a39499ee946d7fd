// The simulator as one Hono app: Amazon's addresses, the pages, and the JSON API that drives it.
//
// Imports go down this list and never up:
// testing, index.ts, node.ts, app.ts, control, alexa-plus, company, alexa, amazon, pages, state, library
import { Hono } from "hono";
import { serveDiscovery } from "./alexa/discovery.ts";
import { serveEnablement } from "./alexa/enablement.ts";
import { serveEventGateway } from "./alexa/event-gateway.ts";
import { certificatesOf } from "./alexa/events.ts";
import { addAlexaPages } from "./alexa/pages.tsx";
import { addAlexaPlusPages } from "./alexa-plus/pages.tsx";
import { addConsentPages } from "./amazon/consent-pages.tsx";
import { serveLwaToken, serveProfile } from "./amazon/lwa-token.ts";
import { serveAccountLinkingClient, serveManifest, serveSkillStatus } from "./amazon/smapi.ts";
import { serveMetrics, serveMetricsList } from "./amazon/smapi-metrics.ts";
import { addCompanyApp } from "./company/app-pages.tsx";
import { addCompanyWebsite } from "./company/website.tsx";
import { addControlRoutes } from "./control/routes.ts";
import { addRunRoute } from "./control/run.ts";
import { addScenarioPages } from "./control/scenario-pages.tsx";
import { addDeveloperPage } from "./pages/developer.tsx";
import { addFaultPages } from "./pages/faults.tsx";
import { addOverviewPages } from "./pages/overview.tsx";
import { addRecordPages } from "./pages/record.tsx";
import { type SimulatorEnv, Unreachable } from "./state/context.ts";
import { createStore } from "./state/store.ts";

/** A simulator with a memory of its own. Addresses are told apart by path, so any of Amazon's hosts may lead here. */
export function createSimulator(): Hono<SimulatorEnv> {
  const store = createStore();
  const app = new Hono<SimulatorEnv>();
  app.use(async (c, next) => {
    c.set("store", store);
    await next();
  });
  addControlRoutes(app);
  addRunRoute(app);
  addOverviewPages(app);
  addDeveloperPage(app);
  addRecordPages(app);
  addScenarioPages(app);
  addFaultPages(app);
  addAlexaPages(app);
  addAlexaPlusPages(app);
  addConsentPages(app);
  addCompanyWebsite(app);
  addCompanyApp(app);
  app.post("/auth/o2/token", (c) => serveLwaToken(c));
  app.get("/user/profile", (c) => serveProfile(c));
  for (const region of ["", "/na", "/eu", "/fe"]) {
    app.get(`${region}/v1/alexaApiEndpoint`, (c) => serveDiscovery(c));
    app.on(["GET", "POST", "DELETE"], `${region}/v1/users/~current/skills/:skillId/enablement`, (c) =>
      serveEnablement(c),
    );
  }
  for (const region of ["", "/na", "/eu", "/fe"]) app.post(`${region}/v3/events`, (c) => serveEventGateway(c));
  const stage = "/v1/skills/:skillId/stages/:stage";
  app.on(["GET", "PUT"], `${stage}/accountLinkingClient`, (c) => serveAccountLinkingClient(c));
  app.on(["GET", "PUT"], `${stage}/manifest`, (c) => serveManifest(c));
  app.get("/v1/skills/:skillId/status", (c) => serveSkillStatus(c));
  app.get("/v2/skills/metrics", (c) => serveMetricsList(c));
  app.post("/v2/skills/:skillId/metrics", (c) => serveMetrics(c));
  app.get("/echo.api/:file", async (c) => {
    const variant = /^echo-api-cert-(\w+)\.pem$/.exec(c.req.param("file"))?.[1];
    const chains: Record<string, string> = (await certificatesOf(c.var.store)).chains;
    const pem = chains[variant ?? ""];
    return pem ? c.body(pem, 200, { "content-type": "application/x-pem-file" }) : c.notFound();
  });
  app.onError((error, c) => {
    if (error instanceof Unreachable) return c.text(error.message, 502);
    throw error;
  });
  app.notFound((c) => c.json({ message: `The simulator has nothing at ${new URL(c.req.url).pathname}` }, 404));
  return app;
}
