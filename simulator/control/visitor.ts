// The customer of the scenarios: a headless browser that reaches both Amazon and the company.
import type { Context, Hono } from "hono";
import { createBrowser } from "../library/browser.ts";
import type { Fetch } from "../library/token.ts";
import type { RequestContext, SimulatorContext, SimulatorEnv } from "../state/context.ts";

const AMAZON_HOSTS = /(^|\.)(amazon\.com|amazon\.co\.jp|amazonalexa\.com)$/;

/** A browser that sends requests for Amazon's hosts to this simulator and all others to the company. */
export function customerBrowser(app: Hono<SimulatorEnv>, c: SimulatorContext, context: RequestContext) {
  const fetch: Fetch = async (request) => {
    const { hostname, origin } = new URL(request.url);
    if (origin !== context.origin && !AMAZON_HOSTS.test(hostname)) return context.send(request);
    return app.fetch(request, c.env, executionContext(c));
  };
  return createBrowser(fetch);
}

function executionContext(c: Context) {
  try {
    return c.executionCtx;
  } catch {
    return undefined;
  }
}
