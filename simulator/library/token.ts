// Alexa's side of the token endpoint: code exchange, refresh, and the checks on the token response.
import { type Check, firstFailure, must, passed, should } from "./checks.ts";
import { encodeParameters, toBase64 } from "./encoding.ts";

/** A `fetch` that takes a whole request; the caller decides where it goes. */
export type Fetch = (request: Request) => Promise<Response>;

/** How long Alexa waits for a token response, in milliseconds. */
export const TOKEN_LIMIT_MS = 4500;
/** The shortest access token lifetime that Alexa accepts, in seconds. */
export const SHORTEST_TOKEN_LIFE_SECONDS = 360;
/** Alexa's token client is a Java server, not a browser. */
export const USER_AGENT = "Apache-HttpClient/4.5.13 (Java/1.8.0_372)";

export type AccessTokenScheme = "HTTP_BASIC" | "REQUEST_BODY_CREDENTIALS";

export interface TokenClient {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly accessTokenScheme: AccessTokenScheme;
  /** `form`: id and secret are form-encoded before base64, as in RFC 6749 §2.3.1; `raw`: they are not. */
  readonly basicEncoding?: "raw" | "form";
  /** Whether `client_id` is in the body beside HTTP Basic, as Alexa sends it (default). */
  readonly idBesideBasic?: boolean;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
}

export interface TokenOutcome {
  readonly ok: boolean;
  /** HTTP status; 0 if there was no response in time. */
  readonly status: number;
  readonly checks: readonly Check[];
  readonly tokens?: Tokens;
  /** The OAuth error code of an error response. */
  readonly error?: string;
  readonly millis: number;
}

export interface CodeGrant {
  readonly code: string;
  readonly redirectUri: string;
  readonly codeVerifier?: string | undefined;
  /** An add-on's MCP server (RFC 8707). */
  readonly resource?: string | undefined;
}

/** Alexa's request to redeem a code: `client_id` is in the body even with HTTP Basic. */
export function codeExchangeRequest(client: TokenClient, grant: CodeGrant): Request {
  return tokenRequest(client, {
    grant_type: "authorization_code",
    code: grant.code,
    redirect_uri: grant.redirectUri,
    code_verifier: grant.codeVerifier,
    resource: grant.resource,
  });
}

/** Alexa+'s request for a token without a user. */
export function serviceTokenRequest(client: TokenClient, scope: string, resource: string): Request {
  return tokenRequest(client, { grant_type: "client_credentials", scope, resource });
}

/** Alexa's refresh request: it has no scope and no resource. */
export function refreshRequest(client: TokenClient, refreshToken: string): Request {
  return tokenRequest(client, { grant_type: "refresh_token", refresh_token: refreshToken });
}

function tokenRequest(client: TokenClient, grant: Record<string, string | undefined>): Request {
  const basic = client.accessTokenScheme === "HTTP_BASIC";
  const body = encodeParameters({
    ...grant,
    client_id: basic && client.idBesideBasic === false ? undefined : client.clientId,
    client_secret: basic ? undefined : client.clientSecret,
  });
  const headers = new Headers({
    "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
    "user-agent": USER_AGENT,
  });
  if (basic) headers.set("authorization", basicCredentials(client));
  return new Request(client.tokenUrl, { method: "POST", headers, body, redirect: "manual" });
}

/** The value of `Authorization` for HTTP Basic. */
export function basicCredentials(client: TokenClient): string {
  const spell = client.basicEncoding === "form" ? encodeURIComponent : (text: string) => text;
  const pair = `${spell(client.clientId)}:${spell(client.clientSecret)}`;
  return `Basic ${toBase64(new TextEncoder().encode(pair))}`;
}

/** Sends a token request within Alexa's time limit and checks the response. Never throws. */
export async function sendTokenRequest(
  fetch: Fetch,
  request: Request,
  limitMs = TOKEN_LIMIT_MS,
): Promise<TokenOutcome> {
  const start = performance.now();
  const millis = () => Math.round(performance.now() - start);
  try {
    const { response, body } = await withinLimit(limitMs, async (signal) => {
      const response = await fetch(new Request(request, { signal }));
      return { response, body: new Uint8Array(await response.arrayBuffer()) };
    });
    return { ...checkTokenResponse(response, body), millis: millis() };
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    const detail = late ? `no response within ${limitMs / 1000} s` : `no response: ${String(error)}`;
    return { ok: false, status: 0, checks: [must("token_in_time", false, detail)], millis: millis() };
  }
}

/** Runs `work`, and throws a `TimeoutError` after `limitMs`. */
export async function withinLimit<T>(limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const late = new DOMException("Alexa stopped waiting", "TimeoutError");
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(late);
      controller.abort(late);
    }, limitMs);
  });
  try {
    return await Promise.race([work(controller.signal), limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Redeems a code. */
export function exchangeCode(fetch: Fetch, client: TokenClient, grant: CodeGrant, limitMs?: number) {
  return sendTokenRequest(fetch, codeExchangeRequest(client, grant), limitMs);
}

/** Refreshes. */
export function refreshTokens(fetch: Fetch, client: TokenClient, refreshToken: string, limitMs?: number) {
  return sendTokenRequest(fetch, refreshRequest(client, refreshToken), limitMs);
}

/** Checks a token response as strictly as Alexa does, with advice where RFC 6749 §5.1 asks for more. */
export function checkTokenResponse(response: Response, body: Uint8Array): Omit<TokenOutcome, "millis"> {
  const status = response.status;
  const type = response.headers.get("content-type") ?? "";
  const checks: Check[] = [must("token_in_time", true, `responded within ${TOKEN_LIMIT_MS / 1000} s`)];
  const { json, problem } = readJsonObject(body);
  const error = typeof json?.error === "string" ? json.error : undefined;
  checks.push(must("token_status", status === 200, explainStatus(status, error)));
  const jsonType = /^application\/json\s*(;\s*charset="?utf-8"?)?\s*$/i.test(type);
  checks.push(must("token_content_type", jsonType, type || "no content type"));
  checks.push(must("token_json", json !== undefined, problem ?? "a JSON object in UTF-8"));
  if (status !== 200 || !json) {
    if (!problem && status >= 400)
      checks.push(should("token_error_code", error !== undefined, error ?? "no RFC 6749 error code"));
    return { ok: false, status, checks, ...(error && { error }) };
  }
  checks.push(...judgeFields(json));
  const noStore = /no-store/i.test(response.headers.get("cache-control") ?? "");
  checks.push(
    should("token_no_store", noStore, noStore ? "Cache-Control: no-store" : "Cache-Control: no-store is missing"),
  );
  if (!passed(checks)) return { ok: false, status, checks };
  const tokens = {
    accessToken: String(json.access_token),
    refreshToken: String(json.refresh_token),
    expiresIn: Number(json.expires_in),
  };
  return { ok: true, status, checks, tokens };
}

function judgeFields(json: Record<string, unknown>): Check[] {
  const text = (name: string) => typeof json[name] === "string" && json[name] !== "";
  const present = (name: string) => (text(name) ? "present" : `${name} is missing or not a string`);
  const life = json.expires_in;
  const whole = typeof life === "number" && Number.isInteger(life);
  return [
    must("token_access_token", text("access_token"), present("access_token")),
    must("token_refresh_token", text("refresh_token"), present("refresh_token")),
    must(
      "token_type_bearer",
      /^bearer$/i.test(String(json.token_type)),
      `token_type is ${JSON.stringify(json.token_type)}`,
    ),
    must("token_expires_in", whole, whole ? `${life} s` : `expires_in is ${JSON.stringify(life)}, not a whole number`),
    must(
      "token_life",
      Number(life) >= SHORTEST_TOKEN_LIFE_SECONDS,
      `valid for ${String(life)} s; at least ${SHORTEST_TOKEN_LIFE_SECONDS} s are required`,
    ),
    should("token_life_plausible", !whole || life <= 366 * 86_400, `${String(life)} s: seconds, not milliseconds`),
  ];
}

/** Reads a response body as a JSON object. */
export function readJsonObject(body: Uint8Array): { json?: Record<string, unknown>; problem?: string } {
  if (body.length === 0) return { problem: "an empty body" };
  if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf)
    return { problem: "the body starts with a byte order mark" };
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body));
    if (typeof json !== "object" || json === null || Array.isArray(json)) return { problem: "JSON, but not an object" };
    return { json: json as Record<string, unknown> };
  } catch {
    return { problem: "the body is not JSON" };
  }
}

function explainStatus(status: number, error: string | undefined): string {
  if (status >= 300 && status < 400) return `${status}: the token URL must not redirect`;
  return error ? `${status} ${error}` : `${status}`;
}

/** One sentence on why a token response cannot be used. */
export function explainOutcome(outcome: TokenOutcome): string {
  return firstFailure(outcome.checks)?.detail ?? "the response is valid";
}
