// The company's app in tests: access tokens with the scope `links`, and the calls of /api/links.
import { env } from "cloudflare:workers";
import { LWA_CLIENT_ID, LWA_CLIENT_SECRET } from "./amazon.ts";
import { APP_CLIENT, APP_REDIRECT_URI, challengeOf, form, json, SKILL_ID, seedCode } from "./seeds.ts";
import type { Service } from "./service.ts";

export const RETURN_URL = "https://app.example.com/alexa/done";
const VERIFIER = "verifier-of-the-test-app-0000000000000000000";

/** Gives a skill its Login with Amazon credentials. */
export async function seedLwa(service: Service, skillId = SKILL_ID): Promise<void> {
  const keyring = await service.keyring();
  const sealed = await keyring.seal("lwa-client-secret", `${skillId}/lwa`, LWA_CLIENT_SECRET);
  await env.DB.prepare("UPDATE skills SET lwa_client_id = ?, lwa_client_secret = ? WHERE id = ?")
    .bind(LWA_CLIENT_ID, sealed, skillId)
    .run();
}

export interface AppUser {
  readonly userId: string;
  readonly token: string;
  call(method: string, path: string, body?: unknown): Promise<Response>;
  callOnly(method: string, path: string, body?: unknown): Promise<Response>;
  start(overrides?: Readonly<Record<string, unknown>>): Promise<Started>;
  complete(body: unknown): Promise<Response>;
}

export interface Started {
  readonly id: string;
  readonly state: string;
  readonly alexaAppUrl: string;
  readonly loginWithAmazonUrl: string;
  readonly redirectUri: string;
  readonly expiresAt: string;
}

/** Signs a user in to the company's app. Needs `seedAppAndService` and the user's row. */
export async function appUser(service: Service, userId: string, scope = "links"): Promise<AppUser> {
  const code = await seedCode({
    clientId: APP_CLIENT,
    userId,
    redirectUri: APP_REDIRECT_URI,
    scope,
    codeChallenge: await challengeOf(VERIFIER),
    expiresAt: service.clock.now + 300_000,
  });
  const tokens = await json(
    await service.request(
      "/token",
      form({
        grant_type: "authorization_code",
        code,
        redirect_uri: APP_REDIRECT_URI,
        client_id: APP_CLIENT,
        code_verifier: VERIFIER,
      }),
    ),
  );
  const init = (method: string, body: unknown): RequestInit => ({
    method,
    headers: { authorization: `Bearer ${tokens.access_token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const user: AppUser = {
    userId,
    token: tokens.access_token,
    call: (method, path, body) => service.request(path, init(method, body)),
    callOnly: (method, path, body) => service.requestOnly(path, init(method, body)),
    async start(overrides = {}) {
      const body = { skillId: SKILL_ID, returnTo: RETURN_URL, platform: "ios", ...overrides };
      const response = await user.call("POST", "/api/links", body);
      if (response.status !== 201) throw new Error(`start: ${response.status} ${await response.text()}`);
      return json<Started>(response);
    },
    complete: (body) => user.call("POST", "/api/links/complete", body),
  };
  return user;
}

/** Rows of a query, for asserting what was stored. */
export async function rows<Row>(sql: string, ...values: unknown[]): Promise<Row[]> {
  return (
    await env.DB.prepare(sql)
      .bind(...values)
      .all<Row>()
  ).results;
}
