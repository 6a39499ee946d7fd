// All that Alexa, and the skill's backend on its behalf, call besides the OAuth endpoints.
import { Hono } from "hono/tiny";
import type { AppEnv } from "../runtime.ts";
import { acceptGrantRoutes } from "./accept-grant.ts";
import { gatewayTokenRoutes } from "./gateway-token.ts";
import { personalizationRoutes } from "./personalization.ts";
import { reciprocalRoutes } from "./reciprocal.ts";
import { skillEventRoutes } from "./skill-events.ts";

export const alexaRoutes = new Hono<AppEnv>()
  .route("/", skillEventRoutes)
  .route("/", acceptGrantRoutes)
  .route("/", reciprocalRoutes)
  .route("/", gatewayTokenRoutes)
  .route("/", personalizationRoutes);
