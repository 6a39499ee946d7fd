// What tests start from, written straight to D1, and the requests that clients make.
import { env } from "cloudflare:workers";
import { toBase64Url, utf8 } from "../../src/crypto/encoding.ts";
import { sha256 } from "../../src/crypto/hash.ts";
import {
  ADD_ON_CLIENT,
  ADD_ON_ID,
  ADD_ON_RESOURCE,
  ADD_ON_SECRET,
  ADD_ON_SERVICE_CLIENT,
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  APP_CLIENT,
  APP_REDIRECT_URI,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  SKILL_ID,
  START,
  USER_ID,
  VENDOR_ID,
} from "./constants.ts";
import { insert, type Tables } from "./rows.ts";

export {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  APP_CLIENT,
  APP_REDIRECT_URI,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  SKILL_ID,
  USER_ID,
};

export interface ClientSeed {
  readonly id?: string;
  readonly requirePkce?: boolean;
  readonly secret?: string;
  readonly skillId?: string;
  readonly redirectUris?: readonly string[];
  readonly scopes?: readonly string[];
  readonly type?: string;
}

/** A skill with its Alexa client. */
export async function seedSkill(seed: ClientSeed = {}): Promise<void> {
  const { id = ALEXA_CLIENT, skillId = SKILL_ID, scopes = ["profile", "devices:control"] } = seed;
  await env.DB.batch([
    insert("skills", {
      id: skillId,
      type: seed.type ?? "smart_home",
      vendorId: VENDOR_ID,
      scopes: scopes.map((name) => ({ name, tier: "user" as const, descriptions: { en: `What ${name} allows` } })),
      returnUrls: ["https://app.example.com/alexa/done"],
    }),
    insert("clients", {
      id,
      secretHash: await sha256(seed.secret ?? ALEXA_SECRET),
      redirectUris: seed.redirectUris ?? ALEXA_REDIRECT_URIS,
      skillId,
      requirePkce: seed.requirePkce ?? false,
    }),
  ]);
}

/** An Alexa+ add-on with its Alexa client and, on request, the second client for its service tokens. */
export async function seedAddOn(seed: { readonly serviceClient?: boolean } = {}): Promise<void> {
  const secretHash = await sha256(ADD_ON_SECRET);
  const scopes = [
    { name: "mcp:service", tier: "service" as const, descriptions: {} },
    { name: "mcp:tools", tier: "user" as const, descriptions: { en: "Use your notes" } },
    { name: "mcp:resources", tier: "user" as const, descriptions: {} },
  ];
  await env.DB.batch([
    insert("skills", {
      id: ADD_ON_ID,
      type: "add_on",
      name: "Acme Notes",
      vendorId: VENDOR_ID,
      resource: ADD_ON_RESOURCE,
      scopes,
      returnUrls: ["https://app.example.com/alexa/done"],
    }),
    insert("clients", {
      id: ADD_ON_CLIENT,
      name: "Acme Notes",
      secretHash,
      redirectUris: ALEXA_REDIRECT_URIS,
      skillId: ADD_ON_ID,
      requirePkce: true,
    }),
    ...(seed.serviceClient
      ? [
          insert("clients", {
            id: ADD_ON_SERVICE_CLIENT,
            kind: "add_on_service",
            name: "Acme Notes",
            secretHash,
            skillId: ADD_ON_ID,
          }),
        ]
      : []),
  ]);
}

/** The company's app (public) and its skill backend (confidential). */
export async function seedAppAndService(skillIds: readonly string[] = [SKILL_ID]): Promise<void> {
  await env.DB.batch([
    insert("clients", {
      id: APP_CLIENT,
      kind: "app",
      name: "Acme app",
      redirectUris: [APP_REDIRECT_URI],
      scopes: ["links", "profile"],
      requirePkce: true,
    }),
    insert("clients", {
      id: SERVICE_CLIENT,
      kind: "service",
      name: "Acme backend",
      secretHash: await sha256(SERVICE_SECRET),
      scopes: ["catalog"],
      skillIds,
    }),
  ]);
}

/** A user without a way to sign in. Returns the id. */
export async function seedUser(id = USER_ID, email = "ada@example.com"): Promise<string> {
  await insert("users", { id, email, name: email.split("@")[0] ?? "" }).run();
  return id;
}

/** The skill with Alexa's client, the company's app and backend, and one user. */
export async function seedEveryone(): Promise<void> {
  await seedSkill();
  await seedUser();
  await seedAppAndService();
}

export type CodeSeed = { readonly code?: string } & Readonly<
  Partial<Omit<Tables["codes"], "codeHash" | "attemptId" | "createdAt">>
>;

let codeNumber = 0;

/** A code as a consent leaves it in D1, without its KV copy. Returns the code. */
export async function seedCode({ code: given, ...row }: CodeSeed = {}): Promise<string> {
  const number = String(++codeNumber).padStart(12, "0");
  const code = given ?? `c0${`code-${number}`.padEnd(43, "x")}`;
  const attemptId = `0linking${number}aaaaaa`;
  const { clientId = ALEXA_CLIENT, userId = USER_ID } = row;
  await env.DB.batch([
    insert("attempts", {
      id: attemptId,
      skillId: SKILL_ID,
      clientId,
      userId,
      decision: "allow",
      decidedAt: START,
    }),
    insert("codes", {
      grantId: `0grant${number}aaaaaaaa`.padEnd(26, "a"),
      ...row,
      codeHash: await sha256(code),
      attemptId,
      clientId,
      userId,
    }),
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

export interface TokenResponse {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly scope: string;
  readonly error?: string;
}

/** The JSON of a response: a token response unless the caller names another type. */
export async function json<T = TokenResponse>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

/** RFC 7636 challenge of a verifier. */
export async function challengeOf(verifier: string): Promise<string> {
  return toBase64Url(await crypto.subtle.digest("SHA-256", utf8(verifier)));
}
