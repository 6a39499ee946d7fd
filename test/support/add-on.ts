// Requests of an Alexa+ add-on's clients, and changes of its registration. Needs `seedAddOn`.
import { env } from "cloudflare:workers";
import { query } from "./authorize.ts";
import {
  ADD_ON_CLIENT,
  ADD_ON_ID,
  ADD_ON_RESOURCE,
  ADD_ON_SECRET,
  ADD_ON_SERVICE_CLIENT,
  ALEXA_REDIRECT_URIS,
} from "./constants.ts";
import {
  basic,
  type CodeSeed,
  challengeOf,
  form,
  json,
  SERVICE_CLIENT,
  SKILL_ID,
  seedAddOn,
  seedCode,
  seedEveryone,
  seedSkill,
  type TokenResponse,
} from "./seeds.ts";
import { ISSUER, type Service } from "./service.ts";
import { VERIFIER } from "./tokens.ts";

export const NEW_RESOURCE = "https://mcp.example.com/v2";
export const OTHER_ADD_ON_CLIENT = "alexa-other-notes";
const OTHER_ADD_ON_SECRET = "fake-other-add-on-secret-0123456";
export const OTHER_RESOURCE = "https://mcp.other.example.com/mcp";

type Fields = Readonly<Record<string, string | undefined>>;

/** Alexa's query for the add-on, with PKCE; `undefined` leaves a parameter out. Values are not encoded. */
export async function addOnQuery(overrides: Fields = {}): Promise<string> {
  return query({
    client_id: ADD_ON_CLIENT,
    scope: "mcp:tools",
    resource: encodeURIComponent(ADD_ON_RESOURCE),
    code_challenge: await challengeOf(VERIFIER),
    code_challenge_method: "S256",
    ...overrides,
  });
}

/** A form of the add-on's client that customers link with. */
export function asAddOn(fields: Fields): RequestInit {
  return form(fields, { authorization: basic(ADD_ON_CLIENT, ADD_ON_SECRET) });
}

/** A form of the add-on's second client. Needs `seedAddOn({ serviceClient: true })`. */
export function asAddOnService(fields: Fields): RequestInit {
  return form(fields, { authorization: basic(ADD_ON_SERVICE_CLIENT, ADD_ON_SECRET) });
}

/** A code for the add-on as a consent leaves it. */
export async function seedAddOnCode(seed: CodeSeed = {}): Promise<string> {
  return seedCode({
    clientId: ADD_ON_CLIENT,
    scope: "mcp:tools mcp:resources",
    codeChallenge: await challengeOf(VERIFIER),
    resource: ADD_ON_RESOURCE,
    ...seed,
  });
}

/** Alexa's code exchange for the add-on. */
export function exchangeOfAddOn(code: string, overrides: Fields = {}): RequestInit {
  return asAddOn({
    grant_type: "authorization_code",
    code,
    redirect_uri: ALEXA_REDIRECT_URIS[0],
    code_verifier: VERIFIER,
    resource: ADD_ON_RESOURCE,
    ...overrides,
  });
}

/** Alexa's refresh for the add-on. It names no resource. */
export function refreshOfAddOn(token: string, overrides: Fields = {}): RequestInit {
  return asAddOn({ grant_type: "refresh_token", refresh_token: token, ...overrides });
}

/** Links the add-on. Returns the tokens that Alexa holds. */
export async function linkAddOn(service: Service, seed: CodeSeed = {}): Promise<TokenResponse> {
  return json(await service.request("/token", exchangeOfAddOn(await seedAddOnCode(seed))));
}

/** A service token of the add-on. */
export async function addOnServiceToken(service: Service, as = asAddOn): Promise<string> {
  return (await json(await service.request("/token", as({ grant_type: "client_credentials" })))).access_token;
}

/** Registers another resource for the add-on in D1, as another isolate does: no cache is emptied. */
export async function moveAddOn(resource = NEW_RESOURCE): Promise<void> {
  await env.DB.prepare("UPDATE skills SET resource = ? WHERE id = ?").bind(resource, ADD_ON_ID).run();
}

/** Gives the add-on these scopes, written `tier name`. */
export async function setAddOnScopes(...scopes: string[]): Promise<void> {
  const list = scopes.map((scope) => ({
    tier: scope.split(" ")[0],
    name: scope.split(" ")[1],
    descriptions: {},
  }));
  await env.DB.prepare("UPDATE skills SET scopes = ? WHERE id = ?").bind(JSON.stringify(list), ADD_ON_ID).run();
}

/** Everything that tests of tokens start from: two add-ons and a skill, whose backend may introspect the first add-on. */
export async function seedAddOnsAndBackend(seed: Parameters<typeof seedAddOn>[0] = {}): Promise<void> {
  await seedEveryone();
  await seedAddOn(seed);
  await seedOtherAddOn();
  await env.DB.prepare("UPDATE clients SET skill_ids = ? WHERE id = ?")
    .bind(JSON.stringify([SKILL_ID, ADD_ON_ID]), SERVICE_CLIENT)
    .run();
}

/** A token request whose body has these raw parameters in addition. */
export function withRaw(init: RequestInit, more: string): RequestInit {
  return { ...init, body: `${String(init.body)}&${more}` };
}

/** A second add-on, of another skill. */
export async function seedOtherAddOn(): Promise<void> {
  const skillId = "amzn1.ask.skill.other-add-on";
  await seedSkill({ id: OTHER_ADD_ON_CLIENT, secret: OTHER_ADD_ON_SECRET, skillId, type: "add_on", requirePkce: true });
  await env.DB.prepare("UPDATE skills SET resource = ? WHERE id = ?").bind(OTHER_RESOURCE, skillId).run();
}

/** A form of the second add-on's client. */
export function asOtherAddOn(fields: Fields): RequestInit {
  return form(fields, { authorization: basic(OTHER_ADD_ON_CLIENT, OTHER_ADD_ON_SECRET) });
}

/** Values of `resource` that are not the registered one. */
export const WRONG_RESOURCES = [
  `${ADD_ON_RESOURCE}/`,
  ADD_ON_RESOURCE.toUpperCase(),
  ADD_ON_RESOURCE.replace("https", "http"),
  `${ADD_ON_RESOURCE}?`,
  `${ADD_ON_RESOURCE}#`,
  ` ${ADD_ON_RESOURCE}`,
  `${ADD_ON_RESOURCE} `,
  `${ADD_ON_RESOURCE}\u0000`,
  "https://mcp.example.com",
  OTHER_RESOURCE,
  ISSUER,
  ADD_ON_ID,
  ADD_ON_CLIENT,
  "null",
  "x".repeat(5000),
];
