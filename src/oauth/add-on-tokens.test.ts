// Users' tokens of Alexa+ add-ons: audience, resource and scopes at refresh, introspection and userinfo.
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import {
  addOnServiceToken,
  asAddOn,
  asAddOnService,
  asOtherAddOn,
  exchangeOfAddOn,
  linkAddOn,
  moveAddOn,
  NEW_RESOURCE,
  OTHER_RESOURCE,
  refreshOfAddOn,
  seedAddOnCode,
  seedAddOnsAndBackend,
  setAddOnScopes,
  WRONG_RESOURCES,
  withRaw,
} from "../../test/support/add-on.ts";
import { admin } from "../../test/support/admin.ts";
import { ADD_ON_CLIENT, ADD_ON_ID, ADD_ON_RESOURCE } from "../../test/support/constants.ts";
import { expectOAuthError } from "../../test/support/responses.ts";
import { json, SKILL_ID, USER_ID } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import {
  anotherIsolate,
  asAlexa,
  asService,
  expectInvalidGrant,
  introspection,
  linkAlexa,
  putInKv,
  SECOND,
  userinfo,
} from "../../test/support/tokens.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedAddOnsAndBackend({ serviceClient: true });
});

const claimsOf = (token: string) => decodeJwt(token) as Record<string, unknown>;

describe("refresh of an add-on", () => {
  it("M1: without a resource, with the right one or an empty one, the audience stays", async () => {
    const { refresh_token } = await linkAddOn(service);
    for (const resource of [undefined, "", ADD_ON_RESOURCE]) {
      const response = await service.request("/token", refreshOfAddOn(refresh_token, { resource }));
      const tokens = await json(response);
      expect(tokens.refresh_token).toBe(refresh_token);
      expect(claimsOf(tokens.access_token)).toMatchObject({ aud: ADD_ON_RESOURCE, scope: "mcp:tools mcp:resources" });
    }
  });

  it("M1: any other resource, or a repeated one, is invalid_target, and the link stays", async () => {
    const { refresh_token } = await linkAddOn(service);
    for (const resource of WRONG_RESOURCES) {
      const response = await service.request("/token", refreshOfAddOn(refresh_token, { resource }));
      await expectOAuthError(response, 400, "invalid_target");
    }
    const right = encodeURIComponent(ADD_ON_RESOURCE);
    for (const values of [`${right}&resource=${right}`, "&resource="]) {
      const init = withRaw(refreshOfAddOn(refresh_token), `resource=${values}`);
      await expectOAuthError(await service.request("/token", init), 400, "invalid_target");
    }
    expect((await service.request("/token", refreshOfAddOn(refresh_token))).status).toBe(200);
  });

  it("M1: after a change every isolate gives the new audience at once, and refuses the previous one", async () => {
    const { refresh_token } = await linkAddOn(service);
    await moveAddOn();
    for (const isolate of [service, anotherIsolate(service)]) {
      const { access_token } = await json(await isolate.request("/token", refreshOfAddOn(refresh_token)));
      expect(claimsOf(access_token).aud).toBe(NEW_RESOURCE);
      const previous = await isolate.request("/token", refreshOfAddOn(refresh_token, { resource: ADD_ON_RESOURCE }));
      await expectOAuthError(previous, 400, "invalid_target");
    }
  });

  it("M1: a scope narrows the token; names of OpenID are ignored, service-tier and unknown ones refused", async () => {
    const { refresh_token } = await linkAddOn(service);
    const scopeOf = async (scope: string) =>
      (await json(await service.request("/token", refreshOfAddOn(refresh_token, { scope })))).scope;
    expect(await scopeOf("mcp:tools")).toBe("mcp:tools");
    expect(await scopeOf("openid mcp:tools offline_access")).toBe("mcp:tools");
    expect(await scopeOf(" mcp:tools  mcp:tools ")).toBe("mcp:tools");
    expect(await scopeOf(" ")).toBe("mcp:tools mcp:resources");
    const withEmail = await linkAddOn(service, { scope: "mcp:tools email" });
    const narrowed = refreshOfAddOn(withEmail.refresh_token, { scope: "email profile" });
    expect((await json(await service.request("/token", narrowed))).scope).toBe("email");
    expect(await scopeOf("openid profile email offline_access")).toBe("mcp:tools mcp:resources");
    for (const scope of ["mcp:service", "mcp:tools mcp:service", "mcp:unknown", "OPENID", "openid admin"]) {
      const response = await service.request("/token", refreshOfAddOn(refresh_token, { scope }));
      await expectOAuthError(response, 400, "invalid_scope");
    }
  });

  it("M1: a scope that moved to the service tier leaves the token; when none is left, the link stays", async () => {
    const { refresh_token } = await linkAddOn(service);
    await setAddOnScopes("service mcp:service", "user mcp:tools", "service mcp:resources");
    service.clock.advance(61 * SECOND);
    const refreshed = await json(await service.request("/token", refreshOfAddOn(refresh_token)));
    expect(claimsOf(refreshed.access_token).scope).toBe("mcp:tools");
    await setAddOnScopes("service mcp:service", "service mcp:tools", "service mcp:resources");
    service.clock.advance(61 * SECOND);
    await expectOAuthError(await service.request("/token", refreshOfAddOn(refresh_token)), 400, "invalid_scope");
    await setAddOnScopes("service mcp:service", "user mcp:tools", "user mcp:resources");
    const again = await json(await service.request("/token", refreshOfAddOn(refresh_token)));
    expect(again.scope).toBe("mcp:tools mcp:resources");
  });

  it("M1: the service client cannot refresh, and another add-on gets invalid_grant", async () => {
    const { refresh_token } = await linkAddOn(service);
    const fields = { grant_type: "refresh_token", refresh_token };
    await expectOAuthError(await service.request("/token", asAddOnService(fields)), 400, "unauthorized_client");
    await expectInvalidGrant(await service.request("/token", asOtherAddOn(fields)));
    expect((await service.request("/token", refreshOfAddOn(refresh_token))).status).toBe(200);
  });
});

describe("a user's token of an add-on", () => {
  it("M1: is active for its own client, its service client and its backend, and for no other add-on or skill", async () => {
    const { access_token, refresh_token } = await linkAddOn(service);
    for (const token of [access_token, refresh_token]) {
      for (const as of [asAddOn, asAddOnService, asService]) {
        expect(await introspection(service, token, as)).toMatchObject({ active: true, client_id: ADD_ON_CLIENT });
      }
      for (const as of [asOtherAddOn, asAlexa]) {
        expect(await introspection(service, token, as)).toEqual({ active: false });
      }
    }
  });

  it("M1: is inactive, and refused by userinfo, as soon as the resource has changed, in every isolate", async () => {
    const { access_token, refresh_token } = await linkAddOn(service);
    const other = anotherIsolate(service);
    for (const isolate of [service, other]) {
      expect(await (await userinfo(isolate, access_token)).json()).toEqual({ sub: USER_ID });
      expect((await introspection(isolate, access_token, asAddOn)).active).toBe(true);
    }
    await moveAddOn();
    for (const isolate of [service, other]) {
      for (const as of [asAddOn, asAddOnService, asService]) {
        expect(await introspection(isolate, access_token, as)).toEqual({ active: false });
        expect((await introspection(isolate, refresh_token, as)).active).toBe(true);
      }
      expect((await userinfo(isolate, access_token)).status).toBe(401);
    }
    const next = await json(await other.request("/token", refreshOfAddOn(refresh_token)));
    expect((await introspection(service, next.access_token, asService)).aud).toBe(NEW_RESOURCE);
    expect((await userinfo(service, next.access_token)).status).toBe(200);
    await moveAddOn(ADD_ON_RESOURCE);
    expect((await userinfo(service, access_token)).status).toBe(200);
    expect((await userinfo(service, next.access_token)).status).toBe(401);
  });

  it("M1: has the skill's id as its audience again when the skill has no resource any more", async () => {
    const { access_token, refresh_token } = await linkAddOn(service);
    await env.DB.prepare("UPDATE skills SET resource = NULL, type = 'custom' WHERE id = ?").bind(ADD_ON_ID).run();
    expect(await introspection(service, access_token, asAddOn)).toEqual({ active: false });
    const next = await json(await service.request("/token", refreshOfAddOn(refresh_token)));
    expect(claimsOf(next.access_token).aud).toBe(ADD_ON_ID);
    expect((await introspection(service, next.access_token, asAddOn)).active).toBe(true);
    expect((await userinfo(service, next.access_token)).status).toBe(200);
  });

  it("M1: takes its claims from its scope, as those of other skills", async () => {
    const { access_token } = await linkAddOn(service, { scope: "mcp:tools email" });
    expect(await (await userinfo(service, access_token)).json()).toEqual({ sub: USER_ID, email: "ada@example.com" });
  });

  it("M1: of a link that another server made has the resource as its audience and user-tier scopes only", async () => {
    const token = "refresh-token-of-another-server";
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
    const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const link = { skillId: ADD_ON_ID, user: { id: USER_ID }, refreshTokenSha256: hex };
    const { body } = await admin(service, "POST", "imports", { items: [{ ...link, scope: "mcp:service" }, link] });
    expect(body).toMatchObject({ imported: 1, items: [{ code: "scope_unknown" }, { status: "imported" }] });
    const tokens = await json(await service.request("/token", refreshOfAddOn(token)));
    expect([tokens.refresh_token, tokens.scope]).toEqual([token, "mcp:tools mcp:resources"]);
    expect((await introspection(service, tokens.access_token, asService)).aud).toBe(ADD_ON_RESOURCE);
    const wrong = await service.request("/token", refreshOfAddOn(token, { resource: OTHER_RESOURCE }));
    await expectOAuthError(wrong, 400, "invalid_target");
  });

  it("M1: is accepted with the longest resource and the longest scopes", async () => {
    const resource = `${ADD_ON_RESOURCE}/`.padEnd(500, "x");
    const scopes = Array.from({ length: 15 }, (_, index) => `scope-${index}-`.padEnd(100, "y"));
    await moveAddOn(resource);
    await setAddOnScopes("service mcp:service", ...scopes.map((name) => `user ${name}`));
    const code = await seedAddOnCode({ resource, scope: scopes.join(" ") });
    const { access_token } = await json(await service.request("/token", exchangeOfAddOn(code, { resource })));
    expect(await introspection(service, access_token, asService)).toMatchObject({ active: true, aud: resource });
    expect((await userinfo(service, access_token)).status).toBe(200);
  });

  it("tokens of other skills stay as they are", async () => {
    const { access_token } = await linkAlexa(service);
    await moveAddOn();
    expect(claimsOf(access_token).aud).toBe(SKILL_ID);
    expect((await introspection(service, access_token)).active).toBe(true);
    expect((await userinfo(service, access_token)).status).toBe(200);
  });
});

it("M1: a request with a previous audience costs no more than one with the current audience", async () => {
  const { access_token, refresh_token } = await linkAddOn(service);
  const serviceToken = await addOnServiceToken(service, asAddOnService);
  await service.request("/introspect", asService({ token: access_token }));
  const requests: [RequestInit, string, number][] = [
    [asService({ token: access_token }), "/introspect", 1],
    [asService({ token: serviceToken }), "/introspect", 1],
    [asAddOnService({ token: serviceToken }), "/introspect", 1],
    [{ headers: { authorization: `Bearer ${access_token}` } }, "/userinfo", 1],
    [refreshOfAddOn(refresh_token), "/token", 1],
    [asAddOnService({ grant_type: "client_credentials" }), "/token", 0],
  ];
  for (const move of [false, true]) {
    if (move) await moveAddOn();
    for (const [init, path, most] of requests) {
      service.meter.clear();
      await service.request(path, init);
      expect(service.meter.calls().length, `${path}, moved: ${move}`).toBeLessThanOrEqual(most);
    }
  }
  const code = await seedAddOnCode({ resource: NEW_RESOURCE });
  await putInKv(service, code);
  service.meter.clear();
  const exchanged = await service.request("/token", exchangeOfAddOn(code, { resource: NEW_RESOURCE }));
  expect(exchanged.status).toBe(200);
  expect(service.meter.calls().length).toBeLessThanOrEqual(2);
});
