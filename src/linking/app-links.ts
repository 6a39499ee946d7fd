// For the company's mobile app: the association files of both platforms, and the URL that Alexa opens the app with.
import type { Hono } from "hono/tiny";
import { problem } from "../http/problem.ts";
import { seeOther } from "../http/respond.ts";
import { rawQueryOf } from "../oauth/raw-query.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { androidStatements, appleAssociation } from "./association-files.ts";

const MAX_AGE_SECONDS = 3600;

/** Adds these routes to a router. */
export function deepLinkRoutes(app: Hono<AppEnv>): void {
  app
    .get("/.well-known/apple-app-site-association", (c) => {
      const { appleAppIds } = c.var.runtime.config;
      return associationFile(c, appleAppIds.length === 0 ? undefined : appleAssociation(appleAppIds));
    })
    .get("/.well-known/assetlinks.json", (c) => {
      const { androidApps } = c.var.runtime.config;
      return associationFile(c, androidApps.size === 0 ? undefined : androidStatements(androidApps));
    })
    .get("/app/authorize", (c) => {
      // The app is not installed: the browser goes on with the same query, byte for byte.
      const query = rawQueryOf(c.req.url);
      return seeOther(c, query === "" ? "/authorize" : `/authorize?${query}`);
    });
}

function associationFile(c: AppContext, content: unknown): Response {
  if (content === undefined) return problem("not_found", "No app is configured for this platform.");
  c.header("cache-control", `public, max-age=${MAX_AGE_SECONDS}`);
  return c.body(JSON.stringify(content), 200, { "content-type": "application/json" });
}
