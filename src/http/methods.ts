// 405 and its `Allow`: whatever has a path but not this method. One place for all routers.
import type { Hono } from "hono/tiny";
import type { AppEnv } from "../runtime.ts";

const METHODS = ["GET", "POST", "PATCH", "DELETE"];

/** The methods that have a handler at a path, HEAD included; empty if there is no such path. */
export function methodsOf(app: Hono<AppEnv>, path: string): string[] {
  const handlers = (method: string) => app.router.match(method, path)[0].length;
  // Middleware matches every method, also one that does not exist.
  const middleware = handlers("");
  return METHODS.filter((method) => handlers(method) > middleware).flatMap((method) =>
    method === "GET" ? ["GET", "HEAD"] : [method],
  );
}
