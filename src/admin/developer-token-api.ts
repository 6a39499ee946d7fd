// /api/admin/developer-token: the developer token for Amazon's Skill Management API. It is never returned.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { developerAccess } from "../amazon/developer-access.ts";
import { problem } from "../http/problem.ts";
import { jsonBody } from "../http/read.ts";
import { json, noContent } from "../http/respond.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import {
  type DeveloperTokenState,
  deleteDeveloperToken,
  readDeveloperToken,
  storeDeveloperToken,
} from "../storage/amazon/developer-token.ts";
import { operatorOf } from "./operator.ts";
import { rfc3339 } from "./paging.ts";

/** Mounts the routes. The admin guard must run before them. */
export function developerTokenApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/developer-token", show);
  app.post("/api/admin/developer-token", store);
  app.delete("/api/admin/developer-token", remove);
}

const text = (most: number, message: string) =>
  z
    .string({ error: (issue) => (issue.input === undefined ? "is required" : "must be a string") })
    .check(z.regex(new RegExp(`^[\\x21-\\x7e]{1,${most}}$`), message));

/** Body of `POST /api/admin/developer-token`. */
export const developerTokenSchema = () =>
  z.strictObject({
    clientId: text(200, "must be the id of the LWA client that the token was issued to, without spaces"),
    clientSecret: text(500, "must be the secret of that client, without spaces"),
    refreshToken: text(4096, "must be the refresh token, without spaces").check(
      z.refine((value) => !value.startsWith("Atza|"), "must be the refresh token, not an access token"),
    ),
  });

/** The public state of the token. */
function developerTokenView({ storedAt, usedAt, refusal }: DeveloperTokenState): object {
  return {
    storedAt: rfc3339(storedAt),
    usedAt: usedAt === null ? null : rfc3339(usedAt),
    state: usedAt === null ? "unused" : refusal === null ? "accepted" : "refused",
    error: refusal,
  };
}

async function shown(c: AppContext, rt: Runtime, status?: 201): Promise<Response> {
  const stored = await readDeveloperToken(rt.db);
  return stored ? json(c, developerTokenView(stored), status) : problem("not_found", "No developer token is stored.");
}

async function show(c: AppContext): Promise<Response> {
  return shown(c, c.var.runtime);
}

/** Stores the token and tests it at Login with Amazon, so that the response says whether it works. */
async function store(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await jsonBody(c, developerTokenSchema);
  if (body instanceof Response) return body;
  const actor = operatorOf(c).name;
  await storeDeveloperToken(rt, body, { kind: "developer_token_stored", actor, details: body.clientId });
  await developerAccess(rt);
  return shown(c, rt, 201);
}

async function remove(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const actor = operatorOf(c).name;
  const deleted = await deleteDeveloperToken(rt.db, rt.now(), { kind: "developer_token_deleted", actor });
  return deleted ? noContent(c) : problem("not_found", "No developer token is stored.");
}
