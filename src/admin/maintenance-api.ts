// /api/admin/keys and /api/admin/maintenance: signing keys, and the scheduled maintenance on demand.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { problem } from "../http/problem.ts";
import { jsonBody } from "../http/read.ts";
import { json } from "../http/respond.ts";
import { listSigningKeys, rotateSigningKey } from "../oauth/keys.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { auditRow } from "../storage/audit.ts";
import { write } from "../storage/sql.ts";
import { LIMITS, runMaintenance } from "./maintenance.ts";
import { operatorOf } from "./operator.ts";
import { rfc3339 } from "./paging.ts";

/** Mounts the routes for signing keys and maintenance. The admin guard must run before them. */
export function maintenanceApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/keys", list);
  app.post("/api/admin/keys/rotate", rotate);
  app.post("/api/admin/maintenance", maintain);
}

/** Body of `POST /api/admin/keys/rotate`; may be empty. */
export const rotateKeysSchema = () =>
  z.strictObject({
    /** The kid of a leaked key, which is dropped at once. */
    compromised: z.optional(
      z.string({ error: "must be a kid" }).check(z.regex(/^[A-Za-z0-9_-]{1,100}$/, "must be a kid")),
    ),
  });

async function keyItems(c: AppContext): Promise<object[]> {
  return (await listSigningKeys(c.var.runtime)).map((key) => ({
    kid: key.kid,
    status: key.status,
    createdAt: rfc3339(key.createdAt),
    signsFrom: rfc3339(key.signsFrom),
    verifiesUntil: key.verifiesUntil === null ? null : rfc3339(key.verifiesUntil),
  }));
}

async function list(c: AppContext): Promise<Response> {
  return json(c, { items: await keyItems(c) });
}

async function rotate(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await jsonBody(c, rotateKeysSchema, { emptyAsObject: true });
  if (body instanceof Response) return body;
  const result = await rotateSigningKey(rt, body, operatorOf(c).name);
  if (result === "key_unknown") return problem("not_found", "No signing key has this kid.");
  return json(c, { result, items: await keyItems(c) });
}

async function maintain(c: AppContext): Promise<Response> {
  const body = await jsonBody(c, z.strictObject({}), { emptyAsObject: true });
  if (body instanceof Response) return body;
  const rt = c.var.runtime;
  await write(rt.db, auditRow(rt.now(), { kind: "maintenance_run", actor: operatorOf(c).name }), false);
  return json(c, await runMaintenance(rt, { ...LIMITS, unlinksAtOnce: true }));
}
