// The token without a user (client credentials) with which Alexa+ initializes a session and lists tools.
import { type Check, passed } from "./checks.ts";
import { fromBase64 } from "./encoding.ts";
import { type Fetch, readJsonObject, TOKEN_LIMIT_MS, withinLimit } from "./token.ts";

/** The scope of tokens without a user. */
export const SERVICE_SCOPE = "mcp:service";
const LONGEST_LIFE_SECONDS = 3600;

export interface ServiceTokenOutcome {
  readonly checks: readonly Check[];
  readonly accessToken?: string;
  readonly expiresIn?: number;
  readonly status: number;
  readonly error?: string;
}

/** Sends a client credentials request and checks the response. Never throws. */
export async function requestServiceToken(fetch: Fetch, request: Request): Promise<ServiceTokenOutcome> {
  try {
    const { response, body } = await withinLimit(TOKEN_LIMIT_MS, async (signal) => {
      const response = await fetch(new Request(request, { signal }));
      return { response, body: new Uint8Array(await response.arrayBuffer()) };
    });
    return checkServiceToken(response.status, body);
  } catch (error) {
    return { status: 0, checks: [fail("service_token_issued", `no response: ${String(error)}`)] };
  }
}

function checkServiceToken(status: number, body: Uint8Array): ServiceTokenOutcome {
  const { json = {}, problem } = readJsonObject(body);
  const error = typeof json.error === "string" ? json.error : undefined;
  const accessToken = typeof json.access_token === "string" ? json.access_token : "";
  if (status !== 200 || !accessToken) {
    const detail = problem ?? error ?? "there is no access_token";
    return { status, checks: [fail("service_token_issued", `${status}: ${detail}`)], ...(error && { error }) };
  }
  const life = json.expires_in;
  const short = typeof life === "number" && life > 0 && life <= LONGEST_LIFE_SECONDS;
  const bearer = /^bearer$/i.test(String(json.token_type));
  const scopes = typeof json.scope === "string" ? json.scope.split(" ") : [SERVICE_SCOPE];
  const scoped = scopes.includes(SERVICE_SCOPE) && !scopes.some((scope) => /^mcp:(tools|resources)$/.test(scope));
  const checks = [
    result("service_token_issued", true, "client credentials return an access token"),
    result("service_token_type", bearer, `token_type is ${JSON.stringify(json.token_type)}`),
    result("service_token_life", short, `expires_in is ${JSON.stringify(life)}`),
    result("service_token_no_refresh", json.refresh_token === undefined, spellRefresh(json.refresh_token)),
    result("service_token_scope", scoped, `scope is ${JSON.stringify(json.scope ?? "(absent)")}`),
  ];
  const usable = passed(checks) && { accessToken, expiresIn: Number(life) };
  return { status, checks, ...usable };
}

function spellRefresh(token: unknown): string {
  return token === undefined ? "no refresh_token" : "the response has a refresh_token";
}

const RULES = {
  service_token_issued: "Amazon, Authentication: POST to the token endpoint with HTTP Basic and scope mcp:service.",
  service_token_type: "RFC 6749 §5.1: token_type is Bearer.",
  service_token_life: "Amazon, Authentication: a service token is valid for at most 3600 seconds.",
  service_token_no_refresh: "Amazon, Authentication: client credentials never return a refresh token.",
  service_token_scope: "Amazon, Authentication: the service token has mcp:service, and no scope of a user.",
} as const;

function result(name: keyof typeof RULES, ok: boolean, detail: string): Check {
  return { name, ok, detail, level: "must", rule: RULES[name] };
}

function fail(name: keyof typeof RULES, detail: string): Check {
  return result(name, false, detail);
}

/** The claims of a JWT, unverified; undefined for opaque tokens. */
export function claimsOf(token: string): Record<string, unknown> | undefined {
  const payload = token.split(".").length === 3 ? fromBase64(token.split(".")[1] ?? "") : undefined;
  try {
    return payload === undefined ? undefined : (JSON.parse(payload) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}
