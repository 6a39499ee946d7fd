// Who is calling: client authentication in every form, and what a client gets for itself.
import { env } from "cloudflare:workers";
import { decodeJwt } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { expectOAuthError } from "../../test/support/answers.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  APP_CLIENT,
  basic,
  form,
  json,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  seedCode,
  seedEveryone,
  seedSkill,
} from "../../test/support/seeds.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import {
  asAlexa,
  asService,
  DAY,
  exchangeOfApp,
  introspection,
  linkAlexa,
  MINUTE,
  seedAppCode,
  userinfo,
} from "../../test/support/tokens.ts";
import { sha256 } from "../crypto/hash.ts";

const FORM = "application/x-www-form-urlencoded";

beforeEach(seedEveryone);

const post = (body: BodyInit, headers: Record<string, string> = { "content-type": FORM }): RequestInit => ({
  method: "POST",
  headers,
  body,
});

describe("client authentication", () => {
  /** What works when the client has authenticated: a refresh. */
  async function attempt(service: Service, fields: Record<string, string>, authorization?: string) {
    const { refresh_token } = await linkAlexa(service);
    const init = form(
      { grant_type: "refresh_token", refresh_token, ...fields },
      authorization === undefined ? {} : { authorization },
    );
    return service.request("/token", init);
  }
  const right = basic(ALEXA_CLIENT, ALEXA_SECRET);

  const matrix: [string, Record<string, string>, string | undefined, number, string?][] = [
    ["Basic", {}, right, 200],
    ["Basic with the equal client_id in the body, as Alexa sends it", { client_id: ALEXA_CLIENT }, right, 200],
    ["Basic with the scheme in lower case", {}, right.replace("Basic", "basic"), 200],
    ["Basic with more spaces", {}, right.replace(" ", "   "), 200],
    ["credentials in the body", { client_id: ALEXA_CLIENT, client_secret: ALEXA_SECRET }, undefined, 200],
    [
      "two secrets at once, though both right",
      { client_id: ALEXA_CLIENT, client_secret: ALEXA_SECRET },
      right,
      400,
      "invalid_request",
    ],
    ["Basic with a secret alone in the body", { client_secret: ALEXA_SECRET }, right, 400, "invalid_request"],
    ["Basic with another client_id in the body", { client_id: SERVICE_CLIENT }, right, 400, "invalid_request"],
    ["a wrong secret by Basic", {}, basic(ALEXA_CLIENT, "wrong"), 401, "invalid_client"],
    [
      "a wrong secret in the body",
      { client_id: ALEXA_CLIENT, client_secret: "wrong" },
      undefined,
      401,
      "invalid_client",
    ],
    ["an empty secret by Basic", {}, basic(ALEXA_CLIENT, ""), 401, "invalid_client"],
    ["a confidential client without a secret", { client_id: ALEXA_CLIENT }, undefined, 401, "invalid_client"],
    ["an unknown client by Basic", {}, basic("nobody", ALEXA_SECRET), 401, "invalid_client"],
    ["an unknown client in the body", { client_id: "nobody", client_secret: "x" }, undefined, 401, "invalid_client"],
    ["an unknown client without a secret", { client_id: "nobody" }, undefined, 401, "invalid_client"],
    ["nobody at all", {}, undefined, 401, "invalid_client"],
    ["a secret without a client", { client_secret: ALEXA_SECRET }, undefined, 401, "invalid_client"],
    ["a public client with a secret", { client_id: APP_CLIENT, client_secret: "x" }, undefined, 401, "invalid_client"],
    ["a public client by Basic", {}, basic(APP_CLIENT, ""), 401, "invalid_client"],
    ["another client's secret", {}, basic(ALEXA_CLIENT, SERVICE_SECRET), 401, "invalid_client"],
    ["a bearer token instead", {}, "Bearer abc", 401, "invalid_client"],
  ];
  for (const [name, fields, authorization, status, error] of matrix) {
    it(`A3: ${name} gives ${status} ${error ?? ""}`, async () => {
      const service = startService();
      const response = await attempt(service, fields, authorization);
      expect(response.status).toBe(status);
      const usedBasic = authorization?.toLowerCase().startsWith("basic") === true;
      expect(response.headers.get("www-authenticate")?.startsWith("Basic") ?? false).toBe(status === 401 && usedBasic);
      if (error) await expectOAuthError(response, status, error);
    });
  }

  it("A2: malformed Basic is 401 and never an exception, at every endpoint", async () => {
    const service = startService();
    const headers = [
      "Basic",
      "Basic ",
      "Basic  ",
      "Basic !!!",
      `Basic ${btoa("no-colon")}`,
      `Basic ${btoa(":secret-only")}`,
      `Basic ${btoa("100%:100%")}`,
      `Basic ${btoa("%zz:%")}`,
      "Basic 4pyT4pyT",
      "Basic //79",
      "Basic abc_-def",
      "Basic YQ=",
      "Basic YQ===",
      `Basic ${"A".repeat(10_240)}`,
      `${right}, ${right}`,
      `Basic ${btoa("a:b")} extra`,
    ];
    for (const path of ["/token", "/revoke", "/introspect"]) {
      for (const authorization of headers) {
        const response = await service.request(
          path,
          form({ grant_type: "client_credentials", token: "x" }, { authorization }),
        );
        await expectOAuthError(response, 401, "invalid_client");
      }
    }
  });

  it("A1: an imported secret with special characters is accepted raw and form-encoded, and the secret is split at the first colon", async () => {
    const secret = "a+b/c=d%e:f g&ü";
    await seedSkill({ id: "imported:client".replace(":", "-"), secret, skillId: "amzn1.ask.skill.imported" });
    const service = startService();
    const code = async () => ({
      grant_type: "authorization_code",
      code: await seedCode({ clientId: "imported-client" }),
      redirect_uri: ALEXA_REDIRECT_URIS[0],
    });
    const utf8Basic = (text: string) => `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
    const formEncoded = new URLSearchParams({ "": secret }).toString().slice(1);
    for (const encoded of [secret, encodeURIComponent(secret), formEncoded]) {
      const response = await service.request(
        "/token",
        form(await code(), { authorization: utf8Basic(`imported-client:${encoded}`) }),
      );
      expect(response.status, encoded).toBe(200);
    }
    for (const wrong of ["a b/c=d%e:f g&ü", `${secret} `, "a+b/c=d%e"]) {
      const response = await service.request(
        "/token",
        form(await code(), { authorization: utf8Basic(`imported-client:${wrong}`) }),
      );
      expect(response.status, wrong).toBe(401);
    }
  });

  it("A4: secrets of any length are compared without an exception, and an unknown client looks like a wrong secret", async () => {
    const service = startService();
    const answers = new Set<string>();
    for (const id of [ALEXA_CLIENT, "nobody"]) {
      for (const length of [0, 1, 42, 43, 44, 500]) {
        const response = await service.request(
          "/token",
          form({ grant_type: "client_credentials" }, { authorization: basic(id, "x".repeat(length)) }),
        );
        answers.add(`${response.status} ${await response.text()} ${response.headers.get("www-authenticate")}`);
      }
    }
    expect(answers.size).toBe(1);
  });

  it("A4: of two live secrets both work until the older one's time is over, also where the client is cached", async () => {
    const service = startService();
    await linkAlexa(service);
    const [before, after] = [await sha256(ALEXA_SECRET), await sha256("fake-secret-after-rotation")];
    await env.DB.prepare(
      "UPDATE clients SET previous_secret_hash = ?, previous_secret_expires_at = ?, secret_hash = ? WHERE id = ?",
    )
      .bind(before, service.clock.now + DAY, after, ALEXA_CLIENT)
      .run();
    const credentials = (secret: string) => form({ token: "x" }, { authorization: basic(ALEXA_CLIENT, secret) });
    // The cached row does not know the new secret: it may allow the old one, and must not refuse the new one.
    expect((await service.request("/introspect", credentials("fake-secret-after-rotation"))).status).toBe(200);
    expect((await service.request("/introspect", credentials(ALEXA_SECRET))).status).toBe(200);
    service.clock.advance(DAY);
    expect((await service.request("/introspect", credentials(ALEXA_SECRET))).status).toBe(401);
    expect((await service.request("/introspect", credentials("fake-secret-after-rotation"))).status).toBe(200);
  });

  it("A3: a confidential client may use Basic or the body, whatever it used before", async () => {
    const service = startService();
    const fields = { token: "x", client_id: ALEXA_CLIENT, client_secret: ALEXA_SECRET };
    expect((await service.request("/introspect", form(fields))).status).toBe(200);
    expect((await service.request("/introspect", asAlexa({ token: "x" }))).status).toBe(200);
  });

  it("a client that was made a moment ago is known at once, and a deleted one within a minute", async () => {
    const service = startService();
    expect(
      (await service.request("/introspect", form({ token: "x" }, { authorization: basic("late", "fake-late-secret") })))
        .status,
    ).toBe(401);
    await seedSkill({ id: "late", secret: "fake-late-secret", skillId: "amzn1.ask.skill.late" });
    const late = form({ token: "x" }, { authorization: basic("late", "fake-late-secret") });
    expect((await service.request("/introspect", late)).status).toBe(200);
    await env.DB.prepare("DELETE FROM clients WHERE id = 'late'").run();
    service.clock.advance(MINUTE);
    expect((await service.request("/introspect", late)).status).toBe(401);
  });
});

describe("client credentials", () => {
  const claimsOf = async (response: Response) => decodeJwt((await json(response)).access_token);

  it("give a service client a token of its own: no user, no refresh token", async () => {
    const service = startService();
    const response = await service.request("/token", asService({ grant_type: "client_credentials" }));
    expect(response.status).toBe(200);
    const answer = await json<Record<string, unknown>>(response);
    expect(answer).toEqual({
      access_token: expect.any(String),
      token_type: "Bearer",
      expires_in: 3600,
      scope: "catalog",
    });
    expect(decodeJwt(String(answer.access_token))).toMatchObject({
      sub: SERVICE_CLIENT,
      aud: SERVICE_CLIENT,
      client_id: SERVICE_CLIENT,
    });
    expect(decodeJwt(String(answer.access_token))).not.toHaveProperty("grant");
  });

  it("RFC8707-2: resource becomes the audience, several of them all", async () => {
    const service = startService();
    const body = (resources: string[]) =>
      post(
        new URLSearchParams([
          ["grant_type", "client_credentials"],
          ...resources.map((resource) => ["resource", resource]),
        ]).toString(),
        {
          "content-type": FORM,
          authorization: basic(SERVICE_CLIENT, SERVICE_SECRET),
        },
      );
    const one = "https://mcp.example.com/a";
    const two = "https://api.example.com/";
    expect((await claimsOf(await service.request("/token", body([one])))).aud).toBe(one);
    expect((await claimsOf(await service.request("/token", body([one, two])))).aud).toEqual([one, two]);
    const refused = [
      ISSUER,
      `${ISSUER}/api/links`,
      `${ISSUER.toUpperCase()}/`,
      `${ISSUER}:443/x`,
      "https://user@link.example.com/",
      "not a uri",
      "http://mcp.example.com",
      "https://mcp.example.com/#part",
      "urn:x",
      "javascript:alert(1)",
      `https://mcp.example.com/${"x".repeat(600)}`,
      "https://mcp.example.com/ü",
    ];
    for (const resource of refused) {
      await expectOAuthError(await service.request("/token", body([resource])), 400, "invalid_target");
      await expectOAuthError(await service.request("/token", body([one, resource])), 400, "invalid_target");
    }
  });

  it("are for service clients and add-ons that were allowed to, and for their own scopes", async () => {
    await seedSkill({
      id: "add-on",
      secret: "fake-add-on-secret",
      skillId: "amzn1.ask.skill.add-on",
      type: "add_on",
      clientCredentials: true,
    });
    const service = startService();
    const addOn = (fields = {}) =>
      form({ grant_type: "client_credentials", ...fields }, { authorization: basic("add-on", "fake-add-on-secret") });
    expect(
      await claimsOf(await service.request("/token", addOn({ resource: "https://mcp.example.com/" }))),
    ).toMatchObject({ sub: "add-on", aud: "https://mcp.example.com/" });
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

  it("W1: name their scope even when the client has none", async () => {
    await env.DB.prepare("UPDATE clients SET scopes = '[]' WHERE id = ?").bind(SERVICE_CLIENT).run();
    const response = await startService().request("/token", asService({ grant_type: "client_credentials" }));
    expect(await json(response)).toMatchObject({ scope: "" });
  });

  it("never open a user's door: userinfo, the JSON API, introspection", async () => {
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
      expect([401, 404], `${method} ${path}`).toContain((await service.request(path, init)).status);
    }
    expect(await introspection(service, token)).toEqual({ active: false });
    expect(await introspection(service, token, asService)).toEqual({ active: false });
  });

  it("a code or refresh token cannot be had by a service client", async () => {
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
