// One path, its methods, and 405 with `Allow` for all others.
import type { Hono } from "hono/tiny";
import type { AppContext, AppEnv } from "../runtime.ts";
import { problem } from "./problem.ts";

export type Method = "GET" | "POST" | "PATCH" | "DELETE";
export type Handler = (c: AppContext) => Response | Promise<Response>;

/** Registers the handlers of one path of the JSON API. HEAD follows GET. */
export function route(app: Hono<AppEnv>, path: string, handlers: Partial<Record<Method, Handler>>): void {
  const methods = Object.keys(handlers) as Method[];
  for (const method of methods) {
    const handler = handlers[method];
    if (handler) app.on(method, path, (c) => handler(c as AppContext));
  }
  const allow = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
  app.all(path, () => problem("method_not_allowed", `Allowed: ${allow}.`, {}, { allow }));
}

/** A JSON answer that nobody keeps. */
export function json(c: AppContext, body: object, status: 200 | 201 | 202 = 200): Response {
  c.header("cache-control", "no-store");
  return c.json(body, status);
}

/** 204, which nobody keeps either. */
export function noContent(c: AppContext): Response {
  c.header("cache-control", "no-store");
  return c.body(null, 204);
}
