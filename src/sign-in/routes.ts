// The routes of signing in.
import type { Hono } from "hono/tiny";
import type { AppEnv } from "../runtime.ts";
import { externalPages } from "./external-routes.ts";
import { signInPages } from "./sign-in-routes.ts";

/** Adds these routes to a router. */
export function signInRoutes(app: Hono<AppEnv>): void {
  signInPages(app);
  externalPages(app);
}
