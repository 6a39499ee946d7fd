// All routes of signing in and of the account.
import { Hono } from "hono/tiny";
import { accountPages } from "../account/account-routes.ts";
import { passwordPages } from "../account/change-password.tsx";
import type { AppEnv } from "../runtime.ts";
import { externalPages } from "./external-routes.ts";
import { signInPages } from "./sign-in-routes.ts";

export const signInRoutes = new Hono<AppEnv>()
  .route("/", signInPages)
  .route("/", externalPages)
  .route("/", accountPages)
  .route("/", passwordPages);
