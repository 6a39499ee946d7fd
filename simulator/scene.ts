// What a request handler of the simulator works with: the world, the way out, and who is asking.
import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import type { AmazonAccount } from "./configuration.ts";
import { type About, beginExchange, type Exchange, endExchange, readText } from "./exchanges.ts";
import type { Fetch } from "./library/token.ts";
import type { World } from "./world.ts";

export interface Bindings {
  /** The company's service when it runs beside the simulator. */
  readonly SERVICE?: Fetcher;
  /** Origin of the company's service as browsers reach it. */
  readonly SERVICE_ORIGIN?: string;
}
export interface SimulatorEnv {
  Bindings: Bindings;
  Variables: { world: World };
}
export type SimulatorContext = Context<SimulatorEnv>;

export interface Scene {
  readonly world: World;
  /** Sends a request to the company. */
  readonly send: Fetch;
  readonly serviceOrigin: string;
  /** The simulator's own origin, as this request reached it. */
  readonly origin: string;
}

export function sceneOf(c: SimulatorContext): Scene {
  return {
    world: c.var.world,
    send: (request) => (c.env?.SERVICE ?? globalThis).fetch(request),
    serviceOrigin: c.env?.SERVICE_ORIGIN ?? "http://localhost:8787",
    origin: new URL(c.req.url).origin,
  };
}

export const ACCOUNT_COOKIE = "amazon-account";

/** The Amazon account signed in in this browser. */
export function currentAccount(c: SimulatorContext): AmazonAccount {
  const { accounts, currentAccountId } = c.var.world;
  const account = accounts.get(getCookie(c, ACCOUNT_COOKIE) ?? "") ?? accounts.get(currentAccountId);
  return account ?? accounts.values().next().value!;
}

/** Answers an incoming call and records both sides of it. */
export async function answering(
  c: SimulatorContext,
  about: About,
  answer: (body: string, exchange: Exchange) => Promise<Response>,
): Promise<Response> {
  const body = await readText(c.req.raw.clone());
  const exchange = beginExchange(c.var.world, about, c.req.raw, body);
  const start = performance.now();
  const response = await answer(body, exchange);
  endExchange(exchange, response, await readText(response.clone()), performance.now() - start);
  return response;
}
