// Checks of the token endpoint: client authentication, malformed requests, refreshing.
import { type Check, must, should } from "./checks.ts";
import type { ConformanceTarget } from "./conformance-target.ts";
import { encodeParameters, toBase64 } from "./encoding.ts";
import {
  type CodeGrant,
  exchangeCode,
  explainOutcome,
  refreshTokens,
  type TokenClient,
  type TokenOutcome,
  type Tokens,
} from "./token.ts";

/** Both ways of presenting the secret, because developers switch between them in the console. */
export async function checkClientDialects(
  target: ConformanceTarget,
  obtain: () => Promise<{ grant?: CodeGrant }>,
): Promise<Check[]> {
  const dialects: [string, Partial<TokenClient>][] = [
    ["HTTP Basic", { accessTokenScheme: "HTTP_BASIC" }],
    ["HTTP Basic, form-encoded", { accessTokenScheme: "HTTP_BASIC", basicEncoding: "form" }],
    ["the secret in the body", { accessTokenScheme: "REQUEST_BODY_CREDENTIALS" }],
  ];
  const checks: Check[] = [];
  for (const [name, change] of dialects) {
    const { grant } = await obtain();
    const outcome = grant && (await exchangeCode(target.fetch, { ...target.client, ...change }, grant, target.limitMs));
    checks.push(
      must(
        "client_dialects",
        outcome?.ok ?? false,
        outcome?.ok ? `${name} works` : `${name}: ${outcome ? explainOutcome(outcome) : "no code"}`,
      ),
    );
  }
  return checks;
}

/** Malformed requests. Each has one correct error response, in JSON, and is never a server error. */
export async function checkMalformedRequests(target: ConformanceTarget): Promise<Check[]> {
  const { clientId, clientSecret } = target.client;
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const basic = (text: string) => ({ ...form, authorization: `Basic ${text}` });
  const good = basic(toBase64(new TextEncoder().encode(`${clientId}:${clientSecret}`)));
  const refresh = encodeParameters({ grant_type: "refresh_token", refresh_token: "nothing", client_id: clientId });
  const cases: [what: string, status: readonly number[], error: string, init: RequestInit][] = [
    ["an unknown refresh token", [400], "invalid_grant", { headers: good, body: refresh }],
    ["a wrong secret", [401], "invalid_client", { headers: basic(btoa(`${clientId}:wrong`)), body: refresh }],
    ["Basic that is not base64", [401], "invalid_client", { headers: basic("%%%"), body: refresh }],
    ["Basic without a colon", [401], "invalid_client", { headers: basic(btoa("nocolon")), body: refresh }],
    ["an unknown grant type", [400], "unsupported_grant_type", { headers: good, body: "grant_type=password" }],
    ["no grant type", [400], "invalid_request", { headers: good, body: "x=1" }],
    [
      "a JSON body",
      [400, 415],
      "invalid_request",
      { headers: { ...good, "content-type": "application/json" }, body: "{}" },
    ],
  ];
  const checks: Check[] = [];
  for (const [what, statuses, error, init] of cases) {
    const response = await target.fetch(
      new Request(target.client.tokenUrl, { method: "POST", redirect: "manual", ...init }),
    );
    const body = (await response.json().catch(() => ({}))) as { error?: string };
    const ok = statuses.includes(response.status) && body.error === error;
    const level = what === "an unknown refresh token" || what === "a wrong secret" ? must : should;
    checks.push(
      level("refusals_by_the_book", ok, `${what} returns ${response.status} ${body.error ?? "without a code"}`),
    );
  }
  return checks;
}

/** Refreshing as seen in production: in parallel, with lost responses, with the previous token. */
export async function checkRefreshes(target: ConformanceTarget, tokens: Tokens): Promise<Check[]> {
  const send = (token: string) => refreshTokens(target.fetch, target.client, token, target.limitMs);
  const lost = await send(tokens.refreshToken);
  const again = await send(tokens.refreshToken);
  const checks = [
    ...lost.checks.map((check) => ({ ...check, name: check.name.replace("token_", "refresh_") })),
    must(
      "refresh_survives_a_lost_response",
      again.ok,
      again.ok ? "the same refresh token works again" : `the second try: ${explainOutcome(again)}`,
    ),
  ];
  const newest = again.tokens?.refreshToken ?? lost.tokens?.refreshToken ?? tokens.refreshToken;
  const many = await Promise.all(Array.from({ length: 20 }, () => send(newest)));
  const good = many.filter((outcome) => outcome.ok);
  checks.push(must("refresh_in_parallel", good.length === 20, `${good.length} of 20 simultaneous refreshes succeeded`));
  const fresh = new Set([tokens.accessToken, lost.tokens?.accessToken, again.tokens?.accessToken]);
  checks.push(
    must(
      "refresh_gives_a_fresh_token",
      !again.ok || fresh.size === 3,
      `${fresh.size} different access tokens after two refreshes`,
    ),
  );
  checks.push(await checkHandedOut(good, send));
  return checks;
}

/** Every refresh token that was issued must work: one that does not unlinks a customer. */
async function checkHandedOut(
  good: readonly TokenOutcome[],
  send: (token: string) => Promise<TokenOutcome>,
): Promise<Check> {
  const issued = [...new Set(good.map((outcome) => outcome.tokens?.refreshToken ?? ""))];
  const outcomes = await Promise.all(issued.map(send));
  const dead = outcomes.filter((outcome) => !outcome.ok).length;
  return must(
    "refresh_tokens_alive",
    dead === 0 && issued.length > 0,
    `${dead} of ${issued.length} of the issued refresh tokens do not work`,
  );
}
