// The description of the JSON API, for programs and for people: static assets that the build renders from openapi/.
import type { Hono } from "hono/tiny";
import type { AppContext, AppEnv } from "../runtime.ts";

/** The build does not know the issuer. The built document has this in its place. */
export const ISSUER_PLACEHOLDER = "https://issuer.invalid";

const CACHEABLE = "public, max-age=3600";

async function asset(c: AppContext, path: string): Promise<ReadableStream | null> {
  return (await c.env.ASSETS.fetch(`https://assets.invalid${path}`)).body;
}

async function openApi(c: AppContext): Promise<Response> {
  const built = await new Response(await asset(c, "/openapi.json")).text();
  return c.body(built.replace(ISSUER_PLACEHOLDER, c.var.runtime.issuer), 200, {
    "content-type": "application/json",
    "cache-control": CACHEABLE,
    "access-control-allow-origin": "*",
  });
}

async function docs(c: AppContext): Promise<Response> {
  return new Response(await asset(c, "/docs"), {
    headers: {
      "content-type": "text/html; charset=UTF-8",
      "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
      "x-frame-options": "DENY",
      "cache-control": "no-store, no-transform",
    },
  });
}

async function docsStyleSheet(c: AppContext): Promise<Response> {
  return new Response(await asset(c, "/docs.css"), {
    headers: { "content-type": "text/css; charset=UTF-8", "cache-control": CACHEABLE },
  });
}

/** Adds these routes to a router. */
export function apiDescriptionRoutes(app: Hono<AppEnv>): void {
  app.get("/openapi.json", openApi).get("/docs", docs).get("/docs.css", docsStyleSheet);
}
