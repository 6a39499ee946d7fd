// The client credentials grant: what a client gets for itself.
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { ADD_ON_CLIENT, ADD_ON_RESOURCE, ADD_ON_SECRET } from "../../test/support/constants.ts";
import { expectOAuthError } from "../../test/support/responses.ts";
import {
  APP_CLIENT,
  basic,
  form,
  json,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  seedAddOn,
  seedEveryone,
} from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";
import { asAlexa, asService, exchangeOfApp, introspection, seedAppCode, userinfo } from "../../test/support/tokens.ts";

const FORM = "application/x-www-form-urlencoded";

beforeEach(seedEveryone);

describe("client credentials", () => {
  const claimsOf = async (response: Response) => decodeJwt((await json(response)).access_token);

  it("a service client gets a token for itself, without a user and without a refresh token", async () => {
    const service = startService();
    const response = await service.request("/token", asService({ grant_type: "client_credentials" }));
    expect(response.status).toBe(200);
    const tokens = await json<Record<string, unknown>>(response);
    expect(tokens).toEqual({
      access_token: expect.any(String),
      token_type: "Bearer",
      expires_in: 3600,
      scope: "catalog",
    });
    expect(decodeJwt(String(tokens.access_token))).toMatchObject({
      sub: SERVICE_CLIENT,
      aud: SERVICE_CLIENT,
      client_id: SERVICE_CLIENT,
    });
    expect(decodeJwt(String(tokens.access_token))).not.toHaveProperty("grant");
  });

  it("only service clients and add-ons get a token, for their own scopes only", async () => {
    await seedAddOn();
    const service = startService();
    const addOn = (fields = {}) =>
      form({ grant_type: "client_credentials", ...fields }, { authorization: basic(ADD_ON_CLIENT, ADD_ON_SECRET) });
    expect(await claimsOf(await service.request("/token", addOn()))).toMatchObject({
      sub: ADD_ON_CLIENT,
      aud: ADD_ON_RESOURCE,
      scope: "mcp:service",
    });
    await expectOAuthError(
      await service.request("/token", asAlexa({ grant_type: "client_credentials" })),
      400,
      "unauthorized_client",
    );
    await expectOAuthError(
      await service.request("/token", form({ grant_type: "client_credentials", client_id: APP_CLIENT })),
      400,
      "unauthorized_client",
    );
    await expectOAuthError(
      await service.request("/token", asService({ grant_type: "client_credentials", scope: "links" })),
      400,
      "invalid_scope",
    );
    await expectOAuthError(
      await service.request("/token", asService({ grant_type: "client_credentials", scope: "catalog profile" })),
      400,
      "invalid_scope",
    );
  });

  it("W1: the response has a scope even when the client has none", async () => {
    await env.DB.prepare("UPDATE clients SET scopes = '[]' WHERE id = ?").bind(SERVICE_CLIENT).run();
    const response = await startService().request("/token", asService({ grant_type: "client_credentials" }));
    expect(await json(response)).toMatchObject({ scope: "" });
  });

  it("a token without a user is refused by userinfo and the JSON API, and is inactive at introspection", async () => {
    const service = startService();
    const token = (await json(await service.request("/token", asService({ grant_type: "client_credentials" }))))
      .access_token;
    expect((await userinfo(service, token)).status).toBe(401);
    const bearer = { authorization: `Bearer ${token}` };
    for (const [method, path] of [
      ["GET", "/api/links"],
      ["POST", "/api/links"],
      ["DELETE", "/api/links/amzn1.ask.skill.0000-test"],
      ["POST", "/api/authorizations"],
    ] as const) {
      const init = {
        method,
        headers: { ...bearer, "content-type": "application/json" },
        ...(method === "POST" ? { body: "{}" } : {}),
      };
      expect((await service.request(path, init)).status, `${method} ${path}`).toBe(401);
    }
    expect(await introspection(service, token)).toEqual({ active: false });
    expect(await introspection(service, token, asService)).toEqual({ active: false });
  });

  it("a service client cannot redeem a code of the app, and the code stays valid", async () => {
    const service = startService();
    const code = await seedAppCode();
    await expectOAuthError(
      await service.request("/token", {
        ...exchangeOfApp(code, { client_id: undefined }),
        headers: { "content-type": FORM, authorization: basic(SERVICE_CLIENT, SERVICE_SECRET) },
      }),
      400,
      "invalid_grant",
    );
    expect((await service.request("/token", exchangeOfApp(code))).status).toBe(200);
  });
});
