// An add-on whose registration changes through the admin API while everything of it is in use: codes, consent pages,
// tickets, links and tokens.
import { decodeJwt } from "jose";
import { beforeEach, expect, it } from "vitest";
import { DEMO, seedAccount } from "../support/accounts.ts";
import {
  addOnQuery,
  addOnServiceToken,
  asAddOn,
  asAddOnService,
  exchangeOfAddOn,
  NEW_RESOURCE,
  refreshOfAddOn,
} from "../support/add-on.ts";
import { admin, serviceClientOf } from "../support/admin.ts";
import { appBearer } from "../support/app-bearer.ts";
import { signedIn } from "../support/authorize.ts";
import {
  ADD_ON_CLIENT,
  ADD_ON_ID,
  ADD_ON_RESOURCE,
  ADD_ON_SECRET,
  ADD_ON_SERVICE_CLIENT,
  VENDOR_ID,
} from "../support/constants.ts";
import { expectOAuthError } from "../support/responses.ts";
import { basic, form, json, SKILL_ID, seedAppAndService, seedSkill, type TokenResponse } from "../support/seeds.ts";
import { type Service, startService } from "../support/service.ts";
import { asAlexa, asService, countOf, expectInvalidGrant, introspection, userinfo } from "../support/tokens.ts";
import type { Page, Visitor } from "../support/visitor.ts";

const ADD_ON = {
  id: ADD_ON_ID,
  name: "Acme Notes",
  type: "add_on",
  vendorId: VENDOR_ID,
  resource: ADD_ON_RESOURCE,
  scopes: [
    { name: "mcp:service", tier: "service" },
    { name: "mcp:tools", tier: "user" },
    { name: "mcp:resources", tier: "user" },
  ],
  returnUrls: ["https://app.example.com/alexa/done"],
  client: { id: ADD_ON_CLIENT, secret: ADD_ON_SECRET },
};
const CUSTOM = { type: "custom", resource: null, scopes: ["mcp:tools"] };
const NO_PKCE = { code_challenge: undefined, code_challenge_method: undefined };

let service: Service;
let visitor: Visitor;
let bearer: string;

beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService([SKILL_ID, ADD_ON_ID]);
  await seedAccount(service, DEMO);
  visitor = await signedIn(service);
  bearer = await appBearer(service, DEMO);
});

type Overrides = Readonly<Record<string, string | undefined>>;

async function register(more: object = {}) {
  const made = await admin(service, "POST", "skills", { ...ADD_ON, ...more });
  expect(made.status).toBe(201);
  return made;
}
async function change(body: object) {
  const changed = await admin(service, "PATCH", `skills/${ADD_ON_ID}`, body);
  expect(changed.status, JSON.stringify(changed.body)).toBe(200);
  return changed;
}
const openPage = async (overrides: Overrides = {}) => visitor.open(`/authorize?${await addOnQuery(overrides)}`);
const codeIn = (uri: string | null | undefined) => /[?&]code=([^&]+)/.exec(uri ?? "")?.[1] ?? "";
async function codeOf(page: Page): Promise<string> {
  const code = codeIn((await visitor.submit(page, { decision: "allow" })).location);
  expect(code).toMatch(/^c/);
  return code;
}
const redeem = (code: string, overrides: Overrides = {}) => service.request("/token", exchangeOfAddOn(code, overrides));
const refreshed = async (tokens: TokenResponse, overrides: Overrides = {}) =>
  service.request("/token", refreshOfAddOn(tokens.refresh_token, overrides));
async function link(): Promise<TokenResponse> {
  const response = await redeem(await codeOf(await openPage({ scope: undefined })));
  expect(response.status).toBe(200);
  return json(response);
}
async function ask(body: object): Promise<Record<string, string>> {
  const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
  return json(await service.request("/api/authorizations", { method: "POST", headers, body: JSON.stringify(body) }));
}
const active = async (token: string, as = asService) => (await introspection(service, token, as)).active;
const audienceOf = (token: string) => decodeJwt(token).aud;
async function scopesSupported(): Promise<string[]> {
  const metadata = await service.request("/.well-known/oauth-authorization-server");
  return (await json<{ scopes_supported: string[] }>(metadata)).scopes_supported;
}
/** What a refused decision returns to Alexa. */
const errorOf = async (page: Page) =>
  /[?&]error=([^&]+)/.exec((await visitor.submit(page, { decision: "allow" })).location ?? "")?.[1];

it("M1: a resource that goes from A to B and back takes each code, page, ticket and token along as it must", async () => {
  await register({ serviceClient: { id: ADD_ON_SERVICE_CLIENT } });
  const rotated = await admin(service, "POST", `skills/${ADD_ON_ID}/rotate-secret?client=service`, {});
  const { secret = "" } = serviceClientOf(rotated);
  const asSecond = (fields: Overrides) => form(fields, { authorization: basic(ADD_ON_SERVICE_CLIENT, secret) });
  const tokens = await link();
  const ofService = await addOnServiceToken(service, asSecond);
  const code = await codeOf(await openPage());
  const unspent = await codeOf(await openPage({ state: "other" }));
  const pages = [await openPage({ resource: undefined }), await openPage({ state: "third" })];
  const query = await addOnQuery({ resource: undefined });
  const { ticket } = await ask({ query });

  await change({ resource: NEW_RESOURCE });
  for (const resource of [ADD_ON_RESOURCE, undefined, ""]) await expectInvalidGrant(await redeem(code, { resource }));
  await expectOAuthError(await redeem(code, { resource: NEW_RESOURCE }), 400, "invalid_target");
  for (const page of pages) expect(await errorOf(page)).toBe("invalid_target");
  expect((await ask({ query, ticket, decision: "allow" })).code).toBe("invalid_ticket");
  for (const token of [tokens.access_token, ofService]) expect(await active(token)).toBe(false);
  expect((await userinfo(service, tokens.access_token)).status).toBe(401);
  await expectOAuthError(await refreshed(tokens, { resource: ADD_ON_RESOURCE }), 400, "invalid_target");
  const next = await json(await refreshed(tokens));
  expect([audienceOf(next.access_token), next.scope]).toEqual([NEW_RESOURCE, "mcp:tools mcp:resources"]);
  expect(audienceOf(await addOnServiceToken(service, asSecond))).toBe(NEW_RESOURCE);

  await change({ resource: ADD_ON_RESOURCE });
  expect((await redeem(unspent)).status).toBe(200);
  for (const token of [tokens.access_token, ofService]) expect(await active(token)).toBe(true);
  expect(await active(next.access_token)).toBe(false);
  expect(audienceOf((await json(await refreshed(tokens))).access_token)).toBe(ADD_ON_RESOURCE);
  // The pages of A were refused once, and nothing remembers that.
  for (const page of pages) expect((await redeem(await codeOf(page))).status).toBe(200);
});

it("M1: an add-on that becomes a custom skill has links without a tier, and nothing of the service tier", async () => {
  await register();
  const tokens = await link();
  const ofService = await addOnServiceToken(service);
  const code = await codeOf(await openPage());
  const page = await openPage({ resource: undefined, scope: undefined });
  await change(CUSTOM);
  for (const resource of [ADD_ON_RESOURCE, undefined]) await expectInvalidGrant(await redeem(code, { resource }));
  expect(await errorOf(page)).toBe("invalid_target");
  for (const token of [tokens.access_token, ofService]) expect(await active(token)).toBe(false);
  const own = await service.request("/token", asAddOn({ grant_type: "client_credentials" }));
  await expectOAuthError(own, 400, "unauthorized_client");
  await expectOAuthError(await refreshed(tokens, { resource: ADD_ON_RESOURCE }), 400, "invalid_target");
  expect(audienceOf((await json(await refreshed(tokens))).access_token)).toBe(ADD_ON_ID);
  expect((await openPage()).location).toContain("?error=invalid_target&");
  expect((await openPage({ resource: undefined, scope: "openid" })).location).toContain("?error=invalid_scope&");
  expect(await scopesSupported()).not.toContain("mcp:service");
  const document = await admin(service, "GET", `skills/${ADD_ON_ID}/protected-resource`);
  expect(document.status).toBe(404);
});

it("M1: a custom skill that becomes an add-on redeems no code without PKCE, and its links get the resource", async () => {
  await register({ ...CUSTOM, client: { ...ADD_ON.client, requirePkce: false } });
  const plain = { ...NO_PKCE, resource: undefined, scope: undefined };
  const unverified = { code_verifier: undefined, resource: undefined };
  const tokens = await json(await redeem(await codeOf(await openPage(plain)), unverified));
  const code = await codeOf(await openPage({ ...plain, state: "other" }));
  const page = await openPage({ ...plain, state: "third" });
  await change({ type: "add_on", resource: ADD_ON_RESOURCE, scopes: ADD_ON.scopes });
  await expectInvalidGrant(await redeem(code, unverified));
  await expectOAuthError(await redeem(code, { ...unverified, resource: ADD_ON_RESOURCE }), 400, "invalid_target");
  expect(await errorOf(page)).toBe("invalid_target");
  expect((await openPage(NO_PKCE)).location).toContain("?error=invalid_request&");
  expect(await active(tokens.access_token)).toBe(false);
  const next = await json(await refreshed(tokens));
  expect([audienceOf(next.access_token), next.scope]).toEqual([ADD_ON_RESOURCE, "mcp:tools"]);
  expect(await scopesSupported()).toEqual(expect.arrayContaining(["mcp:resources", "mcp:service", "mcp:tools"]));
});

it("M1: a scope that moves to the service tier leaves open pages, codes and links", async () => {
  await register();
  const tokens = await link();
  const ofService = await addOnServiceToken(service);
  const all = await codeOf(await openPage({ scope: undefined, state: "all" }));
  const one = await codeOf(await openPage({ scope: "mcp%3Atools", state: "one" }));
  const pages = [
    await openPage({ scope: undefined, state: "page1" }),
    await openPage({ scope: "mcp%3Atools", state: "page2" }),
  ];
  await change({
    scopes: [
      { name: "mcp:service", tier: "service" },
      { name: "mcp:tools", tier: "service" },
      { name: "mcp:resources", tier: "user" },
    ],
  });
  const scopeOf = async (response: Promise<Response>) => {
    const { access_token, scope } = await json(await response);
    expect(decodeJwt(access_token).scope).toBe(scope);
    return scope;
  };
  expect(await scopeOf(refreshed(tokens))).toBe("mcp:resources");
  expect(await scopeOf(redeem(all))).toBe("mcp:resources");
  expect(await scopeOf(redeem(await codeOf(pages[0]!)))).toBe("mcp:resources");
  await expectOAuthError(await redeem(one), 400, "invalid_scope");
  expect(await errorOf(pages[1]!)).toBe("invalid_scope");
  await expectOAuthError(await refreshed(tokens, { scope: "mcp:tools" }), 400, "invalid_scope");
  // The earlier service token has no user-tier scope, so it stays what it was.
  expect(await active(ofService)).toBe(true);
  const more = await service.request("/token", asAddOn({ grant_type: "client_credentials" }));
  expect(await scopeOf(Promise.resolve(more))).toBe("mcp:service mcp:tools");
});

it("M1: deleting an add-on ends its links, codes, pages, tokens and both clients", async () => {
  await register({ serviceClient: { id: ADD_ON_SERVICE_CLIENT } });
  const tokens = await link();
  const code = await codeOf(await openPage());
  const page = await openPage({ state: "other" });
  expect((await admin(service, "DELETE", `skills/${ADD_ON_ID}`)).status).toBe(204);
  await expectOAuthError(await redeem(code), 401, "invalid_client");
  await expectOAuthError(await refreshed(tokens), 401, "invalid_client");
  const own = await service.request("/token", asAddOnService({ grant_type: "client_credentials" }));
  await expectOAuthError(own, 401, "invalid_client");
  expect((await visitor.submit(page, { decision: "allow" })).status).toBe(400);
  expect(await active(tokens.access_token)).toBe(false);
  expect((await userinfo(service, tokens.access_token)).status).toBe(401);
  expect(await scopesSupported()).not.toContain("mcp:service");
  expect(await countOf("clients", `id LIKE '${ADD_ON_CLIENT}%'`)).toBe(0);
  // A skill of the same ids gets nothing of it.
  await register();
  expect(await active(tokens.access_token)).toBe(false);
  await expectInvalidGrant(await refreshed(tokens));
  await expectInvalidGrant(await redeem(code));
});

it.each([
  ["HTTPS://MCP.Example.com:443/Mcp?x=a+b%20c", "HTTPS%3A%2F%2FMCP.Example.com%3a443%2fMcp%3Fx%3Da%2Bb%2520c"],
  ["https://mcp.example.com/a+b", "%68ttps://mcp.example.com/a%2bb"],
  ["https://mcp.example.com/%C3%BC/", "https://mcp.example.com/%25C3%25BC/"],
])(
  "M1: %s is one resource however it is form-encoded, and another in any other spelling",
  async (resource, encoded) => {
    await register({ resource });
    const code = await codeOf(await openPage({ resource: encoded }));
    const init = exchangeOfAddOn(code, { resource: undefined });
    const named = (value: string) =>
      service.request("/token", { ...init, body: `${String(init.body)}&resource=${value}` });
    for (const other of [resource.toLowerCase().replace("/%c3", "/%C4"), encoded.replaceAll("%2", "%252"), resource]) {
      if (decodeURIComponent(other.replaceAll("+", " ")) === resource) continue;
      await expectOAuthError(await named(other), 400, "invalid_target");
      expect((await openPage({ resource: other })).location).toContain("?error=invalid_target&");
    }
    const tokens = await json(await named(encoded));
    expect(audienceOf(tokens.access_token)).toBe(resource);
    expect(await active(tokens.access_token)).toBe(true);
    const again = await json(await refreshed(tokens, { resource }));
    expect(audienceOf(again.access_token)).toBe(resource);
    expect(audienceOf(await addOnServiceToken(service))).toBe(resource);
  },
);

it("M1: tokens of the add-on are of no use to another skill's client, and the reverse", async () => {
  await register({ serviceClient: { id: ADD_ON_SERVICE_CLIENT } });
  const tokens = await link();
  for (const [path, fields] of [
    ["/token", { grant_type: "refresh_token", refresh_token: tokens.refresh_token }],
    ["/introspect", { token: tokens.refresh_token }],
    ["/revoke", { token: tokens.refresh_token }],
  ] as const) {
    const response = await service.request(path, asAlexa(fields));
    const body = await response.text();
    if (path === "/token") expect(response.status).toBe(400);
    if (path === "/introspect") expect(body).toBe('{"active":false}');
  }
  expect((await refreshed(tokens)).status).toBe(200);
  const withAddOn = `/authorize?${await addOnQuery({ client_id: "alexa-test", scope: undefined })}`;
  expect((await visitor.open(withAddOn)).location).toContain("?error=invalid_target&");
});
