// What a request handler of the simulator works with: the store, the connection to the company, the current account.
import type { Context } from "hono";
import { getCookie } from "hono/cookie";
import type { Fetch } from "../library/token.ts";
import type { AmazonAccount, Skill } from "./configuration.ts";
import type { Exchange } from "./exchange.ts";
import { type About, beginExchange, endExchange, readText } from "./recording.ts";
import { findSkill, firstSkill, type Store } from "./store.ts";

export interface Bindings {
  /** The company's service when it runs beside the simulator. */
  readonly SERVICE?: Fetcher;
}
export interface SimulatorEnv {
  Bindings: Bindings;
  Variables: { store: Store };
}
export type SimulatorContext = Context<SimulatorEnv>;

export interface RequestContext {
  readonly store: Store;
  /** Sends a request to the company. */
  readonly send: Fetch;
  /** The simulator's own origin, as this request reached it. */
  readonly origin: string;
}

/** There was no connection to the company's server, so it could not respond. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
  constructor(url: string, error: Error) {
    const reason = error.cause instanceof Error ? error.cause.message : error.message;
    super(
      `${new URL(url).origin} cannot be reached (${reason.replace(/\.$/, "")}). Start the server under test, or correct its address.`,
    );
  }
}

export function contextOf(c: SimulatorContext): RequestContext {
  return {
    store: c.var.store,
    async send(request) {
      const { url } = request;
      try {
        return await (c.env?.SERVICE ?? globalThis).fetch(request);
      } catch (error) {
        // Node and workerd throw different errors without a connection. A time limit has a name of its own.
        if (!(error instanceof Error) || ["TimeoutError", "AbortError"].includes(error.name)) throw error;
        throw new Unreachable(url, error);
      }
    },
    origin: new URL(c.req.url).origin,
  };
}

export const ACCOUNT_COOKIE = "amazon-account";

/** The Amazon account that this browser is signed in to. */
export function currentAccount(c: SimulatorContext): AmazonAccount {
  const { accounts, currentAccountId } = c.var.store;
  const account = accounts.get(getCookie(c, ACCOUNT_COOKIE) ?? "") ?? accounts.get(currentAccountId);
  return account ?? accounts.values().next().value!;
}

/** Serves a request that the company sent, and records both the request and the response. */
export async function recordIncoming(
  c: SimulatorContext,
  about: About,
  respond: (body: string, exchange: Exchange) => Promise<Response>,
): Promise<Response> {
  const body = await readText(c.req.raw.clone());
  const exchange = beginExchange(c.var.store, about, c.req.raw, body);
  const start = performance.now();
  const response = await respond(body, exchange);
  endExchange(exchange, response, await readText(response.clone()), performance.now() - start);
  return response;
}

/** The skill that a page's query names, or the first one, or the add-on's account linking. */
export function skillOf(c: SimulatorContext): Skill | undefined {
  const { store } = c.var;
  const named = findSkill(store, c.req.query("skill") ?? "", c.req.query("stage") ?? "");
  return named ?? firstSkill(store) ?? store.addOn?.deployment?.skill;
}

/** Origin of the company's linking service, as browsers reach it. */
export function companyOrigin(skill: Skill): string {
  return skill.company.serviceOrigin?.replace(/\/$/, "") ?? new URL(skill.authorizationUrl).origin;
}
