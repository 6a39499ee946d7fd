// Service tokens of Alexa+ add-ons: `client_credentials` with one client or two, and what the tokens give access to.
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import {
  addOnQuery,
  addOnServiceToken,
  asAddOn,
  asAddOnService,
  asOtherAddOn,
  exchangeOfAddOn,
  linkAddOn,
  moveAddOn,
  NEW_RESOURCE,
  OTHER_ADD_ON_CLIENT,
  OTHER_RESOURCE,
  refreshOfAddOn,
  seedAddOnCode,
  seedAddOnsAndBackend,
  setAddOnScopes,
} from "../../test/support/add-on.ts";
import {
  ADD_ON_CLIENT,
  ADD_ON_ID,
  ADD_ON_RESOURCE,
  ADD_ON_SECRET,
  ADD_ON_SERVICE_CLIENT,
} from "../../test/support/constants.ts";
import { expectOAuthError } from "../../test/support/responses.ts";
import { basic, json, SERVICE_CLIENT, SKILL_ID } from "../../test/support/seeds.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  asAlexa,
  asService,
  introspection,
  SECOND,
  serviceToken,
  userinfo,
} from "../../test/support/tokens.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedAddOnsAndBackend();
});

const ask = (fields: Readonly<Record<string, string | undefined>> = {}) => ({
  grant_type: "client_credentials",
  ...fields,
});
const token = (as: (fields: Record<string, string | undefined>) => RequestInit, fields = {}, at = service) =>
  at.request("/token", as(ask(fields)));

/** Adds the second client in D1, as another isolate does: no cache is emptied. */
async function addServiceClient(): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO clients (id, kind, name, secret_hash, redirect_uris, scopes, skill_id, skill_ids, resources, require_pkce, created_at, updated_at)
     SELECT ?, 'add_on_service', name, secret_hash, '[]', '[]', skill_id, '[]', '[]', 0, created_at, updated_at FROM clients WHERE id = ?`,
  )
    .bind(ADD_ON_SERVICE_CLIENT, ADD_ON_CLIENT)
    .run();
}

async function removeServiceClient(): Promise<void> {
  await env.DB.prepare("DELETE FROM clients WHERE id = ?").bind(ADD_ON_SERVICE_CLIENT).run();
}

describe("client credentials of an add-on", () => {
  it("M1: give a token of the service tier for the resource, without a user and without a refresh token", async () => {
    for (const resource of [undefined, "", ADD_ON_RESOURCE]) {
      const response = await token(asAddOn, { resource });
      expect(response.status).toBe(200);
      const body = await json<Record<string, unknown>>(response);
      expect(body).toEqual({
        access_token: expect.any(String),
        token_type: "Bearer",
        expires_in: 3600,
        scope: "mcp:service",
      });
      const claims = decodeJwt(String(body.access_token));
      expect(claims).toMatchObject({
        sub: ADD_ON_CLIENT,
        client_id: ADD_ON_CLIENT,
        aud: ADD_ON_RESOURCE,
        scope: "mcp:service",
      });
      expect(claims).not.toHaveProperty("grant");
    }
  });

  it.each([
    ["86400", 3600],
    ["3601", 3600],
    ["360", 360],
  ])("M1: ACCESS_TOKEN_TTL_SECONDS=%s gives add-ons %i seconds", async (seconds, expected) => {
    const long = startService({ ACCESS_TOKEN_TTL_SECONDS: seconds });
    const { access_token, expires_in } = await json(await token(asAddOn, {}, long));
    const { iat = 0, exp = 0 } = decodeJwt(access_token);
    expect([expires_in, exp - iat]).toEqual([expected, expected]);
    // Tokens of customers and of backends are not concerned.
    expect((await linkAddOn(long)).expires_in).toBe(Number(seconds));
    expect((await json(await token(asService as typeof asAddOn, {}, long))).expires_in).toBe(Number(seconds));
  });

  it("M1: any other resource, or a repeated one, is invalid_target", async () => {
    for (const resource of [
      `${ADD_ON_RESOURCE}/`,
      OTHER_RESOURCE,
      ADD_ON_ID,
      ADD_ON_CLIENT,
      ISSUER,
      `${ADD_ON_RESOURCE} ${ADD_ON_RESOURCE}`,
      "x".repeat(5000),
    ]) {
      await expectOAuthError(await token(asAddOn, { resource }), 400, "invalid_target");
    }
    const twice = { ...asAddOn(ask()), body: "grant_type=client_credentials&resource=&resource=" };
    await expectOAuthError(await service.request("/token", twice), 400, "invalid_target");
  });

  it("M1: user-tier and unknown scopes are invalid_scope; service-tier ones narrow the token", async () => {
    await setAddOnScopes("service mcp:service", "service catalog:read", "user mcp:tools");
    for (const scope of [
      "mcp:tools",
      "mcp:service mcp:tools",
      "openid mcp:tools",
      "openid admin",
      "OPENID",
      "admin",
      "MCP:SERVICE",
    ]) {
      await expectOAuthError(await token(asAddOn, { scope }), 400, "invalid_scope");
    }
    expect((await json(await token(asAddOn, { scope: "catalog:read" }))).scope).toBe("catalog:read");
    expect((await json(await token(asAddOn, { scope: " " }))).scope).toBe("mcp:service catalog:read");
    expect((await json(await token(asAddOn))).scope).toBe("mcp:service catalog:read");
  });

  it("M1: OpenID's names are ignored where the add-on does not have them, else they have their tier", async () => {
    const scopeOf = async (scope: string) => (await json(await token(asAddOn, { scope }))).scope;
    expect(await scopeOf("openid")).toBe("mcp:service");
    expect(await scopeOf("openid profile email offline_access")).toBe("mcp:service");
    expect(await scopeOf(" openid  mcp:service openid ")).toBe("mcp:service");
    await setAddOnScopes("service mcp:service", "service profile", "user email");
    service.clock.advance(61 * SECOND);
    expect(await scopeOf("openid profile")).toBe("profile");
    expect(await scopeOf("openid")).toBe("mcp:service profile");
    for (const scope of ["email", "openid email", "email mcp:service"]) {
      await expectOAuthError(await token(asAddOn, { scope }), 400, "invalid_scope");
    }
    await expectOAuthError(await token(asService as typeof asAddOn, { scope: "openid" }), 400, "invalid_scope");
  });

  it("M1: a skill that is no add-on has no service tier", async () => {
    await expectOAuthError(await token(asAlexa as typeof asAddOn), 400, "unauthorized_client");
  });

  it("M1: with a service client the first client has none, in isolates that have not seen it within a minute", async () => {
    const stale = anotherIsolate(service);
    expect((await token(asAddOn, {}, stale)).status).toBe(200);
    await addServiceClient();
    await expectOAuthError(await token(asAddOn), 400, "unauthorized_client");
    service.clock.advance(61 * SECOND);
    await expectOAuthError(await token(asAddOn, {}, stale), 400, "unauthorized_client");
    expect(decodeJwt((await json(await token(asAddOnService, {}, stale))).access_token)).toMatchObject({
      sub: ADD_ON_SERVICE_CLIENT,
      aud: ADD_ON_RESOURCE,
      scope: "mcp:service",
    });
    await expectOAuthError(await token(asAddOnService, { scope: "mcp:tools" }, stale), 400, "invalid_scope");
    await expectOAuthError(await token(asAddOnService, { resource: OTHER_RESOURCE }, stale), 400, "invalid_target");
  });

  it("M1: without the service client the first one has the tier again at once, and the removed one soon has nothing", async () => {
    await addServiceClient();
    const stale = anotherIsolate(service);
    await expectOAuthError(await token(asAddOn, {}, stale), 400, "unauthorized_client");
    expect((await token(asAddOnService, {}, stale)).status).toBe(200);
    await removeServiceClient();
    expect((await token(asAddOn, {}, stale)).status).toBe(200);
    service.clock.advance(61 * SECOND);
    await expectOAuthError(await token(asAddOnService, {}, stale), 401, "invalid_client");
  });

  it("M1: a changed resource is the audience at once where a cached row would refuse it, else within a minute", async () => {
    const stale = anotherIsolate(service);
    await token(asAddOn, {}, stale);
    await moveAddOn();
    const named = await json(await token(asAddOn, { resource: NEW_RESOURCE }, stale));
    expect(decodeJwt(named.access_token).aud).toBe(NEW_RESOURCE);
    await expectOAuthError(await token(asAddOn, { resource: ADD_ON_RESOURCE }, stale), 400, "invalid_target");
  });
});

describe("a service token of an add-on", () => {
  it("M1: is active for the skill's backend, its service client and its own client, and for no other", async () => {
    const own = await addOnServiceToken(service);
    for (const as of [asAddOn, asService]) {
      expect(await introspection(service, own, as)).toMatchObject({
        active: true,
        token_type: "Bearer",
        sub: ADD_ON_CLIENT,
        aud: ADD_ON_RESOURCE,
        scope: "mcp:service",
      });
    }
    await addServiceClient();
    const ofSecond = await addOnServiceToken(service, asAddOnService);
    for (const as of [asAddOnService, asService]) {
      expect(await introspection(service, ofSecond, as)).toMatchObject({ active: true, sub: ADD_ON_SERVICE_CLIENT });
    }
    for (const as of [asAddOn, asOtherAddOn, asAlexa]) {
      expect(await introspection(service, ofSecond, as)).toEqual({ active: false });
    }
    await env.DB.prepare("UPDATE clients SET skill_ids = ? WHERE id = ?")
      .bind(JSON.stringify([SKILL_ID]), SERVICE_CLIENT)
      .run();
    const fresh = anotherIsolate(service);
    expect(await introspection(fresh, ofSecond, asService)).toEqual({ active: false });
  });

  it("M1: is inactive as soon as the resource changed, the client was removed, or client or scope left the tier", async () => {
    const isolates = [service, anotherIsolate(service)];
    const active = async (which: string) =>
      Promise.all(isolates.map(async (isolate) => (await introspection(isolate, which, asService)).active));
    const own = await addOnServiceToken(service);
    expect(await active(own)).toEqual([true, true]);
    await moveAddOn();
    expect(await active(own)).toEqual([false, false]);
    await moveAddOn(ADD_ON_RESOURCE);
    await addServiceClient();
    expect(await active(own)).toEqual([false, false]);
    const ofSecond = await addOnServiceToken(service, asAddOnService);
    expect(await active(ofSecond)).toEqual([true, true]);
    await setAddOnScopes("service catalog:read", "user mcp:service");
    expect(await active(ofSecond)).toEqual([false, false]);
    await setAddOnScopes("service mcp:service", "user mcp:tools");
    expect(await active(ofSecond)).toEqual([true, true]);
    await removeServiceClient();
    expect(await active(ofSecond)).toEqual([false, false]);
    expect(await active(own)).toEqual([true, true]);
    await env.DB.prepare("DELETE FROM skills WHERE id = ?").bind(ADD_ON_ID).run();
    expect(await active(own)).toEqual([false, false]);
  });

  it("M1: is inactive as soon as one of its scopes has left the service tier", async () => {
    await setAddOnScopes("service mcp:service", "service catalog:read", "user mcp:tools");
    const both = await addOnServiceToken(service);
    expect((await introspection(service, both, asService)).scope).toBe("mcp:service catalog:read");
    await setAddOnScopes("service mcp:service", "user catalog:read", "user mcp:tools");
    expect(await introspection(service, both, asService)).toEqual({ active: false });
    await setAddOnScopes("service mcp:service", "user mcp:tools");
    expect(await introspection(service, both, asService)).toEqual({ active: false });
  });

  it("M1: of another add-on is inactive for the service client, as the user tokens of that add-on are", async () => {
    await addServiceClient();
    const tiers = ["service", "user"].map((tier) => ({ name: `mcp:${tier}`, tier, descriptions: {} }));
    await env.DB.prepare("UPDATE skills SET scopes = ? WHERE resource = ?")
      .bind(JSON.stringify(tiers), OTHER_RESOURCE)
      .run();
    const ofService = (await json(await token(asOtherAddOn))).access_token;
    const code = await seedAddOnCode({ clientId: OTHER_ADD_ON_CLIENT, resource: OTHER_RESOURCE, scope: "mcp:user" });
    const { body } = exchangeOfAddOn(code, { resource: undefined });
    const fields = Object.fromEntries(new URLSearchParams(String(body)));
    const ofUser = await json(await service.request("/token", asOtherAddOn(fields)));
    for (const other of [ofService, ofUser.access_token, ofUser.refresh_token]) {
      expect((await introspection(service, other, asOtherAddOn)).active).toBe(true);
      expect(await introspection(service, other, asAddOnService)).toEqual({ active: false });
    }
  });

  it("M1: gives access to none of our APIs", async () => {
    await addServiceClient();
    const bearer = await addOnServiceToken(service, asAddOnService);
    expect((await userinfo(service, bearer)).status).toBe(401);
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
    for (const [method, path] of [
      ["GET", "/api/links"],
      ["POST", "/api/links"],
      ["POST", "/api/links/complete"],
      ["GET", `/api/links/${ADD_ON_ID}`],
      ["DELETE", `/api/links/${ADD_ON_ID}`],
      ["POST", "/api/authorizations"],
      ["POST", "/api/personalization"],
      ["POST", "/api/event-gateway/token"],
      ["POST", "/alexa/accept-grant"],
      ["POST", "/alexa/reciprocal"],
      ["GET", "/api/admin/skills"],
    ] as const) {
      const form = path === "/alexa/reciprocal" ? { "content-type": "application/x-www-form-urlencoded" } : {};
      const init = { method, headers: { ...headers, ...form }, ...(method === "POST" ? { body: "{}" } : {}) };
      expect((await service.request(path, init)).status, `${method} ${path}`).toBe(401);
    }
  });

  it("M1: revoking it changes nothing, and links stay", async () => {
    await addServiceClient();
    const { refresh_token } = await linkAddOn(service);
    const bearer = await addOnServiceToken(service, asAddOnService);
    expect((await service.request("/revoke", asAddOnService({ token: bearer }))).status).toBe(200);
    expect((await service.request("/revoke", asAddOnService({ token: refresh_token }))).status).toBe(200);
    expect((await service.request("/token", refreshOfAddOn(refresh_token))).status).toBe(200);
  });

  it("a backend's own token stays inactive for everyone, as before", async () => {
    const own = await serviceToken(service);
    for (const as of [asService, asAddOn, asAlexa])
      expect(await introspection(service, own, as)).toEqual({ active: false });
  });
});

describe("the service client of an add-on", () => {
  beforeEach(addServiceClient);

  it("M1: has no authorization requests", async () => {
    const request = await addOnQuery({ client_id: ADD_ON_SERVICE_CLIENT });
    const refused = await service.request(`/authorize?${request}`);
    expect([refused.status, refused.headers.get("location")]).toEqual([400, null]);
    // Not even with a redirect URI, which the API never gives it.
    await env.DB.prepare(
      "UPDATE clients SET redirect_uris = (SELECT redirect_uris FROM clients WHERE id = ?) WHERE id = ?",
    )
      .bind(ADD_ON_CLIENT, ADD_ON_SERVICE_CLIENT)
      .run();
    const redirected = await service.request(`/authorize?${request}`);
    expect(redirected.status).toBe(303);
    expect(redirected.headers.get("location")).toContain("?error=unauthorized_client&");
  });

  it("M1: is no skill backend", async () => {
    const headers = { authorization: basic(ADD_ON_SERVICE_CLIENT, ADD_ON_SECRET), "content-type": "application/json" };
    for (const [method, path] of [
      ["POST", "/api/personalization"],
      ["POST", "/api/event-gateway/token"],
      ["DELETE", "/api/event-gateway/token"],
      ["POST", "/alexa/accept-grant"],
    ] as const) {
      expect((await service.request(path, { method, headers, body: "{}" })).status, `${method} ${path}`).toBe(401);
    }
  });
});
