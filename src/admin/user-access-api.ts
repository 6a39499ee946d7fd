// /api/admin/users/{id}/links, …/logins and …/sign-out: what has access to a user's account, listed and ended.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { problem } from "../http/problem.ts";
import { jsonBody } from "../http/read.ts";
import { json, noContent } from "../http/respond.ts";
import { unlinkEverything, unlinkGrant } from "../linking/unlink.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { SESSION_LIFETIME_MS } from "../sign-in/session.ts";
import { byOperator } from "../storage/amazon/unlinks.ts";
import { type LinkOfUser, readLinksOfUser } from "../storage/users/account.ts";
import { endEveryLogin, endLogin, type Login, readLogins } from "../storage/users/sessions.ts";
import { readUser } from "../storage/users/users.ts";
import { operatorOf } from "./operator.ts";
import { rfc3339 } from "./paging.ts";

/** Mounts what is below `/api/admin/users/{id}`. The admin guard must run before it. */
export function userAccessApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/users/:id/links", listLinks);
  app.delete("/api/admin/users/:id/links", endLinks);
  app.get("/api/admin/users/:id/links/:grantId", showLink);
  app.delete("/api/admin/users/:id/links/:grantId", endLink);
  app.get("/api/admin/users/:id/logins", listLogins);
  app.delete("/api/admin/users/:id/logins/:loginId", endOneLogin);
  app.post("/api/admin/users/:id/sign-out", signOut);
}

const userIdOf = (c: AppContext) => c.req.param("id") ?? "";

function linkView({ grantId, createdAt, lastUsedAt, ...link }: LinkOfUser): object {
  return { id: grantId, ...link, createdAt: rfc3339(createdAt), lastUsedAt: rfc3339(lastUsedAt) };
}

/** The user's live links, with skills and with the company's own apps. */
async function listLinks(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const links = await readLinksOfUser(rt.db, userIdOf(c), rt.now());
  return links ? json(c, { items: links.map(linkView) }) : problem("not_found");
}

async function showLink(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const links = await readLinksOfUser(rt.db, userIdOf(c), rt.now(), c.req.param("grantId") ?? "");
  if (!links) return problem("not_found");
  return links[0] ? json(c, linkView(links[0])) : problem("grant_not_found");
}

async function endLinks(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  if (!(await readUser(rt.db, userIdOf(c)))) return problem("not_found");
  return unlinked(c, await unlinkEverything(rt, userIdOf(c), byOperator(operatorOf(c).name)));
}

async function endLink(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const userId = userIdOf(c);
  const by = byOperator(operatorOf(c).name);
  const result = await unlinkGrant(rt, { userId, grantId: c.req.param("grantId") ?? "" }, by);
  if (result.outcome === "unlinked") return unlinked(c, result.amazon);
  return problem((await readUser(rt.db, userId)) ? "grant_not_found" : "not_found");
}

function unlinked(c: AppContext, amazon: "done" | "pending"): Response {
  return amazon === "done" ? noContent(c) : json(c, { status: "unlinked", amazon }, 202);
}

/** A cookie that nobody signed out ends by itself. */
function loginView({ id, createdAt, endedAt }: Login, now: number): object {
  const expiresAt = createdAt + SESSION_LIFETIME_MS;
  const end = endedAt ?? (expiresAt <= now ? expiresAt : null);
  return { id, createdAt: rfc3339(createdAt), endedAt: end === null ? null : rfc3339(end) };
}

async function listLogins(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const logins = await readLogins(rt.db, userIdOf(c));
  return logins ? json(c, { items: logins.map((login) => loginView(login, rt.now())) }) : problem("not_found");
}

async function endOneLogin(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const ended = await endLogin(rt.db, userIdOf(c), c.req.param("loginId") ?? "", rt.now(), operatorOf(c).name);
  return ended ? noContent(c) : problem("not_found");
}

/** Body of `POST …/sign-out`: empty. */
export const signOutSchema = () => z.strictObject({});

async function signOut(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await jsonBody(c, signOutSchema, { emptyAsObject: true });
  if (body instanceof Response) return body;
  const ended = await endEveryLogin(rt.db, userIdOf(c), rt.now(), operatorOf(c).name);
  return ended ? noContent(c) : problem("not_found");
}
