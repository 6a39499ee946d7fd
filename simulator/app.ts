// The simulator as one Hono app: Amazon's addresses, the pages, and the JSON that drives it.
import { Hono } from "hono";
import { certificatesOf } from "./alexa/events.ts";
import { addAlexaPages } from "./alexa/pages.tsx";
import { addConsentPages } from "./amazon/consent-pages.tsx";
import { answerDiscovery } from "./amazon/discovery.ts";
import { answerEnablement } from "./amazon/enablement.ts";
import { answerEventGateway } from "./amazon/event-gateway.ts";
import { answerLwaToken, answerProfile } from "./amazon/lwa-token.ts";
import { addCompanyApp } from "./company/app-pages.tsx";
import { addCompanyWebsite } from "./company/website.tsx";
import { addControlRoutes } from "./control/routes.ts";
import { addRunRoute } from "./control/run.ts";
import { addFaultPages } from "./pages/faults.tsx";
import { addOverviewPages } from "./pages/overview.tsx";
import type { SimulatorEnv } from "./scene.ts";
import { createWorld } from "./world.ts";

/** A simulator with a memory of its own. Addresses are told apart by path, so any of Amazon's hosts may lead here. */
export function createSimulator(): Hono<SimulatorEnv> {
  const world = createWorld();
  const app = new Hono<SimulatorEnv>();
  app.use(async (c, next) => {
    c.set("world", world);
    await next();
  });
  addControlRoutes(app);
  addRunRoute(app);
  addOverviewPages(app);
  addFaultPages(app);
  addAlexaPages(app);
  addConsentPages(app);
  addCompanyWebsite(app);
  addCompanyApp(app);
  app.post("/auth/o2/token", (c) => answerLwaToken(c));
  app.get("/user/profile", (c) => answerProfile(c));
  for (const region of ["", "/na", "/eu", "/fe"]) {
    app.get(`${region}/v1/alexaApiEndpoint`, (c) => answerDiscovery(c));
    app.on(["GET", "POST", "DELETE"], `${region}/v1/users/~current/skills/:skillId/enablement`, (c) =>
      answerEnablement(c),
    );
  }
  for (const region of ["", "/na", "/eu", "/fe"]) app.post(`${region}/v3/events`, (c) => answerEventGateway(c));
  app.get("/echo.api/:file", async (c) => {
    const variant = /^echo-api-cert-(\w+)\.pem$/.exec(c.req.param("file"))?.[1];
    const chains: Record<string, string> = (await certificatesOf(c.var.world)).chains;
    const pem = chains[variant ?? ""];
    return pem ? c.body(pem, 200, { "content-type": "application/x-pem-file" }) : c.notFound();
  });
  app.notFound((c) => c.json({ message: `The simulator has nothing at ${new URL(c.req.url).pathname}` }, 404));
  return app;
}
