// The code exchange of Alexa+ add-ons: resource, audience and scopes.
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import {
  asAddOnService,
  asOtherAddOn,
  exchangeOfAddOn,
  linkAddOn,
  moveAddOn,
  NEW_RESOURCE,
  OTHER_RESOURCE,
  seedAddOnCode,
  seedAddOnsAndBackend,
  setAddOnScopes,
  WRONG_RESOURCES,
  withRaw,
} from "../../test/support/add-on.ts";
import { ADD_ON_CLIENT, ADD_ON_RESOURCE } from "../../test/support/constants.ts";
import { expectOAuthError } from "../../test/support/responses.ts";
import { json, USER_ID } from "../../test/support/seeds.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { anotherIsolate, BOTH_SOURCES, countOf, expectInvalidGrant, putInKv } from "../../test/support/tokens.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedAddOnsAndBackend({ serviceClient: true });
});

const claimsOf = (token: string) => decodeJwt(token) as Record<string, unknown>;

describe("code exchange of an add-on", () => {
  it.each([ADD_ON_RESOURCE, "", undefined])(
    "M1: with resource=%s the audience is the add-on's resource",
    async (resource) => {
      const code = await seedAddOnCode();
      const response = await service.request("/token", exchangeOfAddOn(code, { resource }));
      expect(response.status).toBe(200);
      const tokens = await json<Record<string, unknown>>(response);
      expect(tokens).toEqual({
        access_token: expect.any(String),
        token_type: "Bearer",
        expires_in: 3600,
        refresh_token: expect.stringMatching(/^rt_/),
        scope: "mcp:tools mcp:resources",
      });
      expect(claimsOf(String(tokens.access_token))).toMatchObject({
        aud: ADD_ON_RESOURCE,
        client_id: ADD_ON_CLIENT,
        scope: "mcp:tools mcp:resources",
        sub: USER_ID,
      });
    },
  );

  it.each(BOTH_SOURCES)(
    "M1: any other resource is invalid_target and leaves the code unspent (binding from %s)",
    async (source) => {
      const code = await seedAddOnCode();
      if (source === "KV") await putInKv(service, code);
      for (const resource of WRONG_RESOURCES) {
        const response = await service.request("/token", exchangeOfAddOn(code, { resource }));
        await expectOAuthError(response, 400, "invalid_target");
      }
      expect(await countOf("codes", "spent_at IS NOT NULL")).toBe(0);
      expect((await service.request("/token", exchangeOfAddOn(code))).status).toBe(200);
    },
  );

  it("M1: a repeated resource is invalid_target and leaves the code unspent, even if both are right or empty", async () => {
    const code = await seedAddOnCode();
    const right = encodeURIComponent(ADD_ON_RESOURCE);
    for (const second of [right, "", encodeURIComponent(OTHER_RESOURCE)]) {
      const init = withRaw(exchangeOfAddOn(code), `resource=${second}`);
      await expectOAuthError(await service.request("/token", init), 400, "invalid_target");
    }
    const empty = withRaw(exchangeOfAddOn(code, { resource: undefined }), "resource=&resource=");
    await expectOAuthError(await service.request("/token", empty), 400, "invalid_target");
    expect((await service.request("/token", exchangeOfAddOn(code))).status).toBe(200);
  });

  it("M1: the attempt shows why the resource was refused", async () => {
    for (const [resource, reason] of [
      [`${ADD_ON_RESOURCE}/`, "resource_trailing_slash"],
      [OTHER_RESOURCE, "resource_mismatch"],
      [`${ADD_ON_RESOURCE} ${ADD_ON_RESOURCE}`, "resource_repeated"],
    ] as const) {
      const code = await seedAddOnCode();
      await service.request("/token", exchangeOfAddOn(code, { resource }));
      expect(await countOf("attempts", `reason = '${reason}'`), reason).toBe(1);
    }
  });

  it.each(BOTH_SOURCES)(
    "M1: a code for a previous resource is never redeemed, whatever resource the request has (binding from %s)",
    async (source) => {
      const code = await seedAddOnCode();
      if (source === "KV") await putInKv(service, code);
      // The isolate's client row has the previous resource.
      await linkAddOn(service);
      await moveAddOn();
      for (const isolate of [service, anotherIsolate(service)]) {
        await expectInvalidGrant(await isolate.request("/token", exchangeOfAddOn(code)));
        await expectInvalidGrant(await isolate.request("/token", exchangeOfAddOn(code, { resource: undefined })));
        const present = await isolate.request("/token", exchangeOfAddOn(code, { resource: NEW_RESOURCE }));
        await expectOAuthError(present, 400, "invalid_target");
      }
      expect(await countOf("attempts", "reason = 'resource_changed'")).toBe(1);
      expect(await countOf("grants", `client_id = '${ADD_ON_CLIENT}'`)).toBe(1);
      expect(await countOf("audit", "alert = 1")).toBe(0);
    },
  );

  it("M1: a copy in KV that names another resource than the code's row gets no token", async () => {
    const code = await seedAddOnCode();
    await env.DB.prepare("UPDATE codes SET resource = ?").bind(NEW_RESOURCE).run();
    await putInKv(service, code);
    await env.DB.prepare("UPDATE codes SET resource = ?").bind(ADD_ON_RESOURCE).run();
    await linkAddOn(service);
    await expectInvalidGrant(await service.request("/token", exchangeOfAddOn(code, { resource: NEW_RESOURCE })));
  });

  it("M1: an isolate that has not seen the change redeems a code for the present resource", async () => {
    await linkAddOn(service);
    await moveAddOn();
    const code = await seedAddOnCode({ resource: NEW_RESOURCE });
    const response = await service.request("/token", exchangeOfAddOn(code, { resource: NEW_RESOURCE }));
    expect(claimsOf((await json(response)).access_token).aud).toBe(NEW_RESOURCE);
  });

  it("M1: a code of a skill without a resource, and one for an enablement call, follow the same rule", async () => {
    const enablement = await seedAddOnCode({ origin: "enablement", codeChallenge: null });
    const wrong = await service.request("/token", exchangeOfAddOn(enablement, { resource: OTHER_RESOURCE }));
    await expectOAuthError(wrong, 400, "invalid_target");
    const right = await service.request("/token", exchangeOfAddOn(enablement, { code_verifier: undefined }));
    expect(claimsOf((await json(right)).access_token).aud).toBe(ADD_ON_RESOURCE);
  });

  it("M1: scopes that have moved to the service tier are left out of the user's token; a code with no others stays unspent", async () => {
    const code = await seedAddOnCode();
    const only = await seedAddOnCode({ scope: "mcp:resources" });
    await linkAddOn(service);
    await setAddOnScopes("service mcp:service", "user mcp:tools", "service mcp:resources");
    const isolate = anotherIsolate(service);
    const tokens = await json(await isolate.request("/token", exchangeOfAddOn(code)));
    expect([tokens.scope, claimsOf(tokens.access_token).scope]).toEqual(["mcp:tools", "mcp:tools"]);
    await expectOAuthError(await isolate.request("/token", exchangeOfAddOn(only)), 400, "invalid_scope");
    expect(await countOf("attempts", "reason = 'no_user_scope'")).toBe(1);
    // A cached row may not refuse.
    await setAddOnScopes("service mcp:service", "user mcp:tools", "user mcp:resources");
    expect((await isolate.request("/token", exchangeOfAddOn(only))).status).toBe(200);
  });

  it("M1: neither the service client nor another add-on redeems the code", async () => {
    const code = await seedAddOnCode();
    const fields = Object.fromEntries(new URLSearchParams(String(exchangeOfAddOn(code).body)));
    await expectOAuthError(await service.request("/token", asAddOnService(fields)), 400, "unauthorized_client");
    for (const resource of [ADD_ON_RESOURCE, OTHER_RESOURCE, undefined]) {
      const another = await service.request("/token", asOtherAddOn({ ...fields, resource }));
      await expectInvalidGrant(another);
    }
    expect((await service.request("/token", exchangeOfAddOn(code))).status).toBe(200);
  });
});
