// The routes of signing in.
import { Hono } from "hono/tiny";
import type { AppEnv } from "../runtime.ts";
import { externalPages } from "./external-routes.ts";
import { signInPages } from "./sign-in-routes.ts";

export const signInRoutes = new Hono<AppEnv>().route("/", signInPages).route("/", externalPages);
