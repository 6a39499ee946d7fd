// What clients do with tokens: exchanges in one call, codes in D1 and KV, and checks of stored rows.
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { sha256 } from "../../src/crypto/hash.ts";
import { putBinding } from "../../src/oauth/codes.ts";
import { type AuthorizationCode, type CodeBinding, selectBinding } from "../../src/storage/grants/codes.ts";
import { readFirst } from "../../src/storage/sql.ts";
import type { Fault, RoundTrip } from "./meter.ts";
import { runtimeOf } from "./runtime.ts";
import {
  ALEXA_CLIENT,
  ALEXA_SECRET,
  APP_CLIENT,
  APP_REDIRECT_URI,
  basic,
  type CodeSeed,
  challengeOf,
  exchange,
  form,
  json,
  refresh,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  seedCode,
  type TokenResponse,
} from "./seeds.ts";
import { type Service, startService } from "./service.ts";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The verifier of every code seeded for the app. */
export const VERIFIER = "verifier-of-the-test-app-0123456789-abcdefghijk";

/** A verifier of no code. */
export const OTHER_VERIFIER = "x".repeat(64);

/** A code in D1 and, as after a consent, in KV. */
export async function seedCodeInKv(service: Service, seed: CodeSeed = {}): Promise<string> {
  const code = await seedCode(seed);
  await putInKv(service, code);
  return code;
}

/** Where an exchange finds its code. */
export const BOTH_SOURCES = ["KV", "D1"] as const;

/** Seeds codes that an exchange finds in KV, or only in D1. */
export function seedFrom(source: (typeof BOTH_SOURCES)[number], service: Service) {
  return source === "KV" ? (seed: CodeSeed = {}) => seedCodeInKv(service, seed) : seedCode;
}

/** Copies the binding of a code's row into KV. */
export async function putInKv(service: Service, code: string): Promise<void> {
  const codeHash = await sha256(code);
  const binding = await readFirst<CodeBinding>(env.DB, selectBinding(codeHash));
  if (!binding) throw new Error("no such code");
  const rt = { ...(await runtimeOf(service)), codes: env.CODES };
  await putBinding(rt, code as AuthorizationCode, codeHash, binding);
}

/** A code for the app (public, PKCE). */
export async function seedAppCode(seed: CodeSeed = {}): Promise<string> {
  return seedCode({
    clientId: APP_CLIENT,
    redirectUri: APP_REDIRECT_URI,
    scope: "links",
    codeChallenge: await challengeOf(VERIFIER),
    ...seed,
  });
}

/** The app's code exchange; `undefined` leaves a parameter out. */
export function exchangeOfApp(code: string, overrides: Readonly<Record<string, string | undefined>> = {}): RequestInit {
  return form({
    grant_type: "authorization_code",
    client_id: APP_CLIENT,
    code,
    redirect_uri: APP_REDIRECT_URI,
    code_verifier: VERIFIER,
    ...overrides,
  });
}

/** The app's refresh. */
export function refreshOfApp(token: string): RequestInit {
  return form({ grant_type: "refresh_token", client_id: APP_CLIENT, refresh_token: token });
}

/** Links Alexa. Returns the tokens that it holds. */
export async function linkAlexa(service: Service, seed: CodeSeed = {}): Promise<TokenResponse> {
  return json(await service.request("/token", exchange(await seedCode(seed))));
}

/** Signs the app in. Returns the tokens that it holds. */
export async function linkApp(service: Service, seed: CodeSeed = {}): Promise<TokenResponse> {
  return json(await service.request("/token", exchangeOfApp(await seedAppCode(seed))));
}

/** A token of the service client's own. */
export async function serviceToken(service: Service, fields: Record<string, string> = {}): Promise<string> {
  return (await json(await service.request("/token", asService({ grant_type: "client_credentials", ...fields }))))
    .access_token;
}

/** A form of Alexa's client, with its secret. */
export function asAlexa(fields: Readonly<Record<string, string>>): RequestInit {
  return form(fields, { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) });
}

/** A form of the backend's client, with its secret. */
export function asService(fields: Readonly<Record<string, string>>): RequestInit {
  return form(fields, { authorization: basic(SERVICE_CLIENT, SERVICE_SECRET) });
}

/** The introspection response for a token. */
export async function introspection(
  service: Service,
  token: string,
  as: (fields: Readonly<Record<string, string>>) => RequestInit = asAlexa,
): Promise<Record<string, unknown>> {
  return json(await service.request("/introspect", as({ token })));
}

/** Whether both tokens of a token response still work. */
export async function isAlive(service: Service, tokens: TokenResponse): Promise<boolean> {
  const refreshed = await service.request("/token", refresh(tokens.refresh_token));
  return refreshed.status === 200 && (await introspection(service, tokens.access_token)).active === true;
}

/** A userinfo request with this token. */
export function userinfo(service: Service, token: string): Promise<Response> {
  return service.request("/userinfo", { headers: { authorization: `Bearer ${token}` } });
}

export const grantIdOf = (refreshToken: string): string => refreshToken.slice(3, 29);

/** Another isolate: a service with caches of its own on the same storage and clock. */
export function anotherIsolate(first: Service, variables: Readonly<Record<string, string>> = {}): Service {
  const second = startService(variables);
  Object.defineProperty(second.clock, "now", {
    get: () => first.clock.now,
    set: (now: number) => {
      first.clock.now = now;
    },
  });
  return second;
}

/** The number of rows of a table. */
export async function countOf(table: string, where = "TRUE"): Promise<number> {
  return Number(await env.DB.prepare(`SELECT COUNT(*) AS n FROM ${table} WHERE ${where}`).first("n"));
}

/** A fault at the round trips that `when` selects; persistent unless `times` is given. */
export function failing(
  when: (roundTrip: RoundTrip, index: number) => boolean,
  throws: "before" | "after",
  message: string,
  times?: number,
): Fault {
  return { when, throws, message, ...(times === undefined ? {} : { times }) };
}

/** Expects a 200. */
export async function ok(response: Promise<Response>): Promise<void> {
  const { status } = await response;
  expect(status).toBe(200);
}

/** Expects that the tokens work, and that there is one grant. */
export async function expectOneLiveGrant(
  service: Service,
  tokens: Record<string, unknown>,
  again: (token: string) => RequestInit,
) {
  const { refresh_token: token } = tokens as unknown as TokenResponse;
  expect(await countOf("grants", `id = '${grantIdOf(token)}'`)).toBe(1);
  await ok(service.request("/token", again(token)));
}

/** Expects exactly `invalid_grant`. */
export async function expectInvalidGrant(response: Response): Promise<void> {
  expect(await response.json()).toEqual({ error: "invalid_grant" });
  expect(response.status).toBe(400);
}

/** The response's JSON, `{}` when it has none. */
export async function bodyOf(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
