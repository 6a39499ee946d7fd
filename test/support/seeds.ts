// Rows that tests start from, written straight to D1, and the requests that clients make.
import { env } from "cloudflare:workers";
import { toBase64Url, utf8 } from "../../src/crypto/encoding.ts";
import { sha256 } from "../../src/crypto/hash.ts";
import { START } from "./service.ts";

export const SKILL_ID = "amzn1.ask.skill.0000-test";
const VENDOR_ID = "M0TESTVENDOR00";
export const ALEXA_REDIRECT_URIS = ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp"].map(
  (host) => `https://${host}/api/skill/link/${VENDOR_ID}`,
);
export const ALEXA_CLIENT = "alexa-test";
export const ALEXA_SECRET = "obviously-fake-secret-of-the-test-client";
export const APP_CLIENT = "test-app";
export const APP_REDIRECT_URI = "https://app.example.com/oauth/callback";
export const SERVICE_CLIENT = "test-service";
export const SERVICE_SECRET = "obviously-fake-secret-of-the-test-service";

export interface ClientSeed {
  readonly id?: string;
  readonly requirePkce?: boolean;
  readonly secret?: string;
  readonly skillId?: string;
  readonly redirectUris?: readonly string[];
  readonly scopes?: readonly string[];
  readonly clientCredentials?: boolean;
  readonly type?: string;
}

/** A skill with its Alexa client. */
export async function seedSkill(seed: ClientSeed = {}): Promise<void> {
  const skillId = seed.skillId ?? SKILL_ID;
  const scopes = seed.scopes ?? ["profile", "devices:control"];
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO skills (id, stage, type, name, vendor_id, scopes, return_urls, extra_redirect_uris,
         created_at, updated_at)
       VALUES (?, 'development', ?, 'Acme Home', ?, ?, ?, '[]', ?, ?)`,
    ).bind(
      skillId,
      seed.type ?? "smart_home",
      VENDOR_ID,
      JSON.stringify(scopes.map((name) => ({ name, descriptions: { en: `What ${name} allows` } }))),
      JSON.stringify(["https://app.example.com/alexa/done"]),
      START,
      START,
    ),
    env.DB.prepare(
      `INSERT INTO clients (id, kind, name, secret_hash, redirect_uris, scopes, skill_id, skill_ids, require_pkce,
         client_credentials, created_at, updated_at)
       VALUES (?, 'alexa', 'Acme Home', ?, ?, '[]', ?, '[]', ?, ?, ?, ?)`,
    ).bind(
      seed.id ?? ALEXA_CLIENT,
      await sha256(seed.secret ?? ALEXA_SECRET),
      JSON.stringify(seed.redirectUris ?? ALEXA_REDIRECT_URIS),
      skillId,
      seed.requirePkce ? 1 : 0,
      seed.clientCredentials ? 1 : 0,
      START,
      START,
    ),
  ]);
}

/** The company's app (public) and its skill backend (confidential). */
export async function seedAppAndService(skillIds: readonly string[] = [SKILL_ID]): Promise<void> {
  const insert = `INSERT INTO clients (id, kind, name, secret_hash, redirect_uris, scopes, skill_ids, require_pkce,
    client_credentials, created_at, updated_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
  await env.DB.batch([
    env.DB.prepare(insert).bind(
      APP_CLIENT,
      "app",
      "Acme app",
      null,
      JSON.stringify([APP_REDIRECT_URI]),
      JSON.stringify(["links", "profile"]),
      "[]",
      1,
      0,
      START,
      START,
    ),
    env.DB.prepare(insert).bind(
      SERVICE_CLIENT,
      "service",
      "Acme backend",
      await sha256(SERVICE_SECRET),
      "[]",
      JSON.stringify(["catalog"]),
      JSON.stringify(skillIds),
      0,
      1,
      START,
      START,
    ),
  ]);
}

/** A user without a way to sign in. Gives the id. */
export async function seedUser(id = "0useraaaaaaaaaaaaaaaaaaaaa", email = "ada@example.com"): Promise<string> {
  await env.DB.prepare("INSERT INTO users (id, email, name, created_at, updated_at) VALUES (?, ?, ?, ?, ?)")
    .bind(id, email, email.split("@")[0] ?? "", START, START)
    .run();
  return id;
}

/** The skill with Alexa's client, the company's app and backend, and one user. */
export async function seedEveryone(): Promise<void> {
  await seedSkill();
  await seedUser();
  await seedAppAndService();
}

export interface CodeSeed {
  readonly code?: string;
  readonly clientId?: string;
  readonly userId?: string;
  readonly redirectUri?: string;
  readonly scope?: string;
  readonly codeChallenge?: string | null;
  readonly origin?: "authorize" | "app" | "enablement";
  readonly expiresAt?: number;
  readonly grantId?: string;
}

let codeNumber = 0;

/** A code as a consent leaves it in D1, without its KV copy. Gives the code. */
export async function seedCode(seed: CodeSeed = {}): Promise<string> {
  const number = String(++codeNumber).padStart(12, "0");
  const code = seed.code ?? `c0${`code-${number}`.padEnd(43, "x")}`;
  const attemptId = `0linking${number}aaaaaa`;
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO attempts (id, trace_id, flow, skill_id, client_id, user_id, outcome, steps, decision, decided_at, created_at, expires_at)
       VALUES (?, ?, 'alexa_app', ?, ?, ?, 'pending', '[]', 'allow', ?, ?, ?)`,
    ).bind(
      attemptId,
      `trace-${number}`,
      SKILL_ID,
      seed.clientId ?? ALEXA_CLIENT,
      seed.userId ?? "0useraaaaaaaaaaaaaaaaaaaaa",
      START,
      START,
      START + 3_600_000,
    ),
    env.DB.prepare(
      `INSERT INTO codes (code_hash, attempt_id, grant_id, origin, client_id, user_id, redirect_uri, scope, code_challenge, created_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).bind(
      await sha256(code),
      attemptId,
      seed.grantId ?? `0grant${number}aaaaaaaa`.padEnd(26, "a"),
      seed.origin ?? "authorize",
      seed.clientId ?? ALEXA_CLIENT,
      seed.userId ?? "0useraaaaaaaaaaaaaaaaaaaaa",
      seed.redirectUri ?? ALEXA_REDIRECT_URIS[0],
      seed.scope ?? "profile",
      seed.codeChallenge ?? null,
      START,
      seed.expiresAt ?? START + 300_000,
    ),
  ]);
  return code;
}

/** The header of HTTP Basic, as most clients write it: raw. */
export function basic(id: string, secret: string): string {
  return `Basic ${btoa(`${id}:${secret}`)}`;
}

/** A form POST; values of `undefined` are left out. */
export function form(
  fields: Readonly<Record<string, string | undefined>>,
  headers: Readonly<Record<string, string>> = {},
): RequestInit {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.set(name, value);
  return {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded;charset=UTF-8", ...headers },
    body: body.toString(),
  };
}

/** Alexa's code exchange with HTTP Basic and the bare client_id beside it, as seen in the field. */
export function exchange(code: string, overrides: Readonly<Record<string, string | undefined>> = {}): RequestInit {
  return form(
    {
      grant_type: "authorization_code",
      code,
      redirect_uri: ALEXA_REDIRECT_URIS[0],
      client_id: ALEXA_CLIENT,
      ...overrides,
    },
    { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET), "user-agent": "Apache-HttpClient/4.5.13 (Java/1.8.0_152)" },
  );
}

/** Alexa's refresh. */
export function refresh(token: string, overrides: Readonly<Record<string, string | undefined>> = {}): RequestInit {
  return form(
    { grant_type: "refresh_token", refresh_token: token, client_id: ALEXA_CLIENT, ...overrides },
    { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) },
  );
}

export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly scope: string;
  readonly error?: string;
}

/** The answer's JSON, a token answer unless told otherwise. */
export async function json<T = TokenAnswer>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

/** RFC 7636 challenge of a verifier. */
export async function challengeOf(verifier: string): Promise<string> {
  return toBase64Url(await crypto.subtle.digest("SHA-256", utf8(verifier)));
}
