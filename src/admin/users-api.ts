// /api/admin/users: password accounts that operators create, and erasing a user.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { problem } from "../http/problem.ts";
import { jsonBody, queryOf } from "../http/read.ts";
import { json, noContent } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { type AccountRefusal, changeUser, createPasswordUser, findUsersByEmail } from "../sign-in/accounts.ts";
import { type ErasureReport, eraseUser } from "../storage/users/erasure.ts";
import { readUser, type User } from "../storage/users/users.ts";
import { deliverOrClearSoon } from "../webhooks/webhooks.ts";
import { operatorOf } from "./operator.ts";
import { rfc3339 } from "./paging.ts";

/** Mounts `/api/admin/users`. The admin guard must run before it. */
export function usersApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/users", find);
  app.post("/api/admin/users", create);
  app.get("/api/admin/users/:id", show);
  app.patch("/api/admin/users/:id", change);
  app.delete("/api/admin/users/:id", remove);
  app.post("/api/admin/users/:id/erase", eraseWithReport);
}

const text = (maximum: number) =>
  z
    .string({ error: (issue) => (issue.input === undefined ? "is required" : "must be a string") })
    .check(z.maxLength(maximum, `must have at most ${maximum} characters`));

/** Body of `POST /api/admin/users`. `sign-in/accounts.ts` has further rules. */
export const newUserSchema = () =>
  z.strictObject({
    email: text(500),
    password: text(2000),
    name: z._default(z.nullable(text(500)), null),
  });

/** Body of `PATCH /api/admin/users/{id}`. Omitted fields keep their values. A new password ends all logins. */
export const userChangesSchema = () =>
  z.strictObject({
    email: z.optional(text(500)),
    password: z.optional(text(2000)),
    name: z.optional(z.nullable(text(500))),
  });

function userView(user: User): object {
  return { id: user.id, email: user.email, name: user.name, createdAt: rfc3339(user.createdAt) };
}

function refused(refusal: AccountRefusal): Response {
  switch (refusal.refused) {
    case "email_taken":
      return problem("conflict", "An account with this e-mail address already exists.");
    case "not_found":
      return problem("not_found", "No such user, or the user has no password.");
    case "email_invalid":
      return problem("invalid_body", "email: must be an e-mail address");
    case "name_invalid":
      return problem("invalid_body", "name: must have 1 to 100 characters, none of them control characters");
    case "password_too_short":
      return problem("invalid_body", "password: is too short");
    case "password_too_long":
      return problem("invalid_body", "password: is too long");
  }
}

async function create(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await jsonBody(c, newUserSchema);
  if (body instanceof Response) return body;
  const made = await createPasswordUser(rt, body, operatorOf(c).name);
  if ("refused" in made) return refused(made);
  c.header("location", `/api/admin/users/${made.user.id}`);
  return json(c, userView(made.user), 201);
}

/** Query of `GET /api/admin/users`. */
export const findQuery = () => z.strictObject({ email: text(500).check(z.minLength(1, "must not be empty")) });

async function find(c: AppContext): Promise<Response> {
  const query = queryOf(c, findQuery);
  if (query instanceof Response) return query;
  const users = await findUsersByEmail(c.var.runtime, query.email);
  return json(c, { items: users.map(userView) });
}

async function show(c: AppContext): Promise<Response> {
  const user = await readUser(c.var.runtime.db, c.req.param("id") ?? "");
  return user ? json(c, userView(user)) : problem("not_found");
}

async function change(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const id = c.req.param("id") ?? "";
  const body = await jsonBody(c, userChangesSchema);
  if (body instanceof Response) return body;
  const updated = await changeUser(rt, id, body, operatorOf(c).name);
  if ("refused" in updated) return refused(updated);
  return json(c, userView(updated.user));
}

async function remove(c: AppContext): Promise<Response> {
  return (await erase(c)) ? noContent(c) : problem("not_found");
}

async function eraseWithReport(c: AppContext): Promise<Response> {
  const body = await jsonBody(c, z.strictObject({}), { emptyAsObject: true });
  if (body instanceof Response) return body;
  const report = await erase(c);
  return report ? json(c, report) : problem("not_found");
}

async function erase(c: AppContext): Promise<ErasureReport | undefined> {
  const rt = c.var.runtime;
  const report = await eraseUser(rt.db, c.req.param("id") ?? "", rt.now(), operatorOf(c).name);
  // Queued webhook messages contain the account's id.
  if (report) deliverOrClearSoon(rt);
  return report;
}
