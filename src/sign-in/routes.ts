// All routes of signing in and of the account.
import { Hono } from "hono/tiny";
import type { AppEnv } from "../runtime.ts";
import { accountPages } from "./account-routes.ts";
import { passwordPages } from "./change-password.tsx";
import { externalPages } from "./external-routes.ts";
import { passkeyRoutes } from "./passkey-routes.ts";
import { signInPages } from "./sign-in-routes.ts";
import { signUpPages } from "./sign-up-routes.ts";

export const signInRoutes = new Hono<AppEnv>()
  .route("/", signInPages)
  .route("/", externalPages)
  .route("/", signUpPages)
  .route("/", accountPages)
  .route("/", passwordPages)
  .route("/", passkeyRoutes);
