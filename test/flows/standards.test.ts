// Requirements of the OAuth standards that other tests do not cover, named after their sections.
import { beforeEach, describe, expect, it } from "vitest";
import {
  ALEXA_CLIENT,
  ALEXA_SECRET,
  APP_CLIENT,
  basic,
  exchange,
  form,
  json,
  refresh,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  seedCode,
  seedEveryone,
  type TokenResponse,
} from "../support/seeds.ts";
import { ISSUER, type Service, startService } from "../support/service.ts";

let service: Service;
let tokens: TokenResponse;
beforeEach(async () => {
  service = startService();
  await seedEveryone();
  tokens = await json(await service.request("/token", exchange(await seedCode())));
});

const alexa = { authorization: basic(ALEXA_CLIENT, ALEXA_SECRET) };
const backend = { authorization: basic(SERVICE_CLIENT, SERVICE_SECRET) };

async function refreshStatus(): Promise<number> {
  const response = await service.request("/token", refresh(tokens.refresh_token));
  await response.body?.cancel();
  return response.status;
}

async function introspect(token: string, headers: Record<string, string>, more: Record<string, string> = {}) {
  const response = await service.request("/introspect", form({ token, ...more }, headers));
  return { status: response.status, body: await json<Record<string, unknown>>(response) };
}

describe("the token endpoint", () => {
  it("RFC6749-3.2: takes no parameter and no credential from the query", async () => {
    const fields = { grant_type: "refresh_token", refresh_token: tokens.refresh_token, client_id: ALEXA_CLIENT };
    const query = new URLSearchParams({ ...fields, client_secret: ALEXA_SECRET });
    const cases: [Record<string, string>, Record<string, string>, number, string][] = [
      [{}, {}, 400, "invalid_request"],
      [{ grant_type: "refresh_token", refresh_token: tokens.refresh_token }, {}, 401, "invalid_client"],
      [fields, {}, 401, "invalid_client"],
      [{}, alexa, 400, "invalid_request"],
      [{ grant_type: "refresh_token" }, alexa, 400, "invalid_request"],
    ];
    for (const [body, headers, status, error] of cases) {
      const response = await service.request(`/token?${query}`, form(body, headers));
      expect([response.status, (await json(response)).error]).toEqual([status, error]);
    }
    const hostile = new URLSearchParams({ grant_type: "password", scope: "admin", resource: "x", client_id: "other" });
    const complete = form({ grant_type: "refresh_token", refresh_token: tokens.refresh_token }, alexa);
    const response = await service.request(`/token?${hostile}`, complete);
    expect([response.status, (await json(response)).scope]).toEqual([200, "profile"]);
  });
});

describe("bearer tokens", () => {
  it("RFC6750-2.1: userinfo identifies the user by the token in the header, in any case of the scheme", async () => {
    for (const scheme of ["Bearer", "bearer"]) {
      const headers = { authorization: `${scheme} ${tokens.access_token}` };
      const response = await service.request("/userinfo", { headers });
      expect([response.status, (await json<{ name: string }>(response)).name]).toEqual([200, "ada"]);
    }
  });

  it("RFC6750-2.3: a token in the query or in a form is not accepted", async () => {
    const query = await service.request(`/userinfo?access_token=${tokens.access_token}`);
    const body = await service.request("/userinfo", form({ access_token: tokens.access_token }));
    expect([query.status, body.status]).toEqual([401, 401]);
    await Promise.all([query.text(), body.text()]);
  });

  it("RFC6750-3: without a token the challenge is bare, with a bad one it names invalid_token", async () => {
    const missing = await service.request("/userinfo");
    expect([missing.status, missing.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    const altered = `${tokens.access_token.slice(0, -6)}AAAAAA`;
    for (const token of ["x", altered, tokens.refresh_token]) {
      const bad = await service.request("/userinfo", { headers: { authorization: `Bearer ${token}` } });
      expect([bad.status, bad.headers.get("www-authenticate")]).toEqual([401, 'Bearer error="invalid_token"']);
      await bad.text();
    }
    await missing.text();
  });
});

describe("revocation", () => {
  it("RFC7009-2.1-OWN: another client's call gets 200 and revokes nothing", async () => {
    const foreign = form({ token: tokens.refresh_token }, backend);
    const open = form({ token: tokens.refresh_token, client_id: APP_CLIENT });
    expect((await service.request("/revoke", foreign)).status).toBe(200);
    expect((await service.request("/revoke", open)).status).toBe(200);
    expect(await refreshStatus()).toBe(200);
  });

  it("RFC7009-2.1: without the client's authentication nothing is revoked", async () => {
    const wrong = form({ token: tokens.refresh_token }, { authorization: basic(ALEXA_CLIENT, "wrong") });
    for (const init of [form({ token: tokens.refresh_token }), wrong]) {
      const response = await service.request("/revoke", init);
      expect([response.status, (await json(response)).error]).toEqual([401, "invalid_client"]);
    }
    expect(await refreshStatus()).toBe(200);
  });

  it("RFC7009-2.2: an unknown token is no error, with any hint", async () => {
    for (const fields of [{ token: "unknown" }, { token: "unknown", token_type_hint: "no_such_hint" }]) {
      expect((await service.request("/revoke", form(fields, alexa))).status).toBe(200);
    }
    const missing = await service.request("/revoke", form({}, alexa));
    expect([missing.status, (await json(missing)).error]).toEqual([400, "invalid_request"]);
  });

  it("RFC7009-2.1-BOTH: a wrong hint is ignored, and revoking either token revokes the other", async () => {
    const fields = { token: tokens.access_token, token_type_hint: "refresh_token" };
    expect((await service.request("/revoke", form(fields, alexa))).status).toBe(200);
    expect(await refreshStatus()).toBe(400);
    expect((await introspect(tokens.access_token, alexa)).body).toEqual({ active: false });

    tokens = await json(await service.request("/token", exchange(await seedCode())));
    const other = { token: tokens.refresh_token, token_type_hint: "access_token" };
    expect((await service.request("/revoke", form(other, alexa))).status).toBe(200);
    expect((await introspect(tokens.access_token, alexa)).body).toEqual({ active: false });
    expect(await refreshStatus()).toBe(400);
  });
});

describe("introspection", () => {
  it("RFC7662-2.1: callers authenticate, and public clients may not introspect", async () => {
    const unnamed = await introspect(tokens.access_token, {});
    const open = await introspect(tokens.access_token, {}, { client_id: APP_CLIENT });
    for (const { status, body } of [unnamed, open]) expect([status, body.error]).toEqual([401, "invalid_client"]);
  });

  it("RFC7662-2.2: an active token is described to the clients that may introspect it", async () => {
    for (const caller of [alexa, backend]) {
      const { body } = await introspect(tokens.access_token, caller);
      expect(body).toMatchObject({ active: true, client_id: ALEXA_CLIENT, scope: "profile", iss: ISSUER });
    }
    const { body } = await introspect(tokens.refresh_token, alexa);
    expect(body).toMatchObject({ active: true, client_id: ALEXA_CLIENT });
  });

  it("RFC7662-4: expired, altered and foreign tokens get the same response", async () => {
    const altered = `${tokens.access_token.slice(0, -6)}AAAAAA`;
    expect(await introspect(altered, alexa)).toEqual({ status: 200, body: { active: false } });
    const own = await json(await service.request("/token", form({ grant_type: "client_credentials" }, backend)));
    expect(await introspect(own.access_token, alexa)).toEqual({ status: 200, body: { active: false } });
    service.clock.advance(3_601_000);
    expect(await introspect(tokens.access_token, alexa)).toEqual({ status: 200, body: { active: false } });
  });
});

describe("what is not offered", () => {
  it("RFC9700-2.1.2: no token comes from the authorization endpoint", async () => {
    const query = new URLSearchParams({
      client_id: ALEXA_CLIENT,
      redirect_uri: "https://pitangui.amazon.com/api/skill/link/M0TESTVENDOR00",
      state: "s",
    });
    for (const type of ["token", "code token", "id_token", "none", ""]) {
      const response = await service.request(`/authorize?${query}&response_type=${encodeURIComponent(type)}`);
      const location = response.headers.get("location") ?? "";
      expect(response.status).toBe(303);
      expect(location).toMatch(/[?&]error=(unsupported_response_type|invalid_request)&/);
      expect(location).not.toContain("#");
    }
  });

  it("RFC9700-2.4: no password, device or assertion grant exists", async () => {
    for (const grantType of [
      "password",
      "urn:ietf:params:oauth:grant-type:device_code",
      "urn:ietf:params:oauth:grant-type:jwt-bearer",
      "implicit",
    ]) {
      const fields = { grant_type: grantType, username: "ada@example.com", password: "obviously-fake" };
      const response = await service.request("/token", form(fields, alexa));
      expect([response.status, (await json(response)).error]).toEqual([400, "unsupported_grant_type"]);
    }
  });
});

describe("metadata", () => {
  it("RFC8414-2: claims nothing that is not offered, and every endpoint in it exists", async () => {
    const document = await json<Record<string, unknown>>(
      await service.request("/.well-known/oauth-authorization-server"),
    );
    const anyClient = ["client_secret_basic", "client_secret_post", "none"];
    expect(document).toEqual({
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/authorize`,
      token_endpoint: `${ISSUER}/token`,
      revocation_endpoint: `${ISSUER}/revoke`,
      introspection_endpoint: `${ISSUER}/introspect`,
      userinfo_endpoint: `${ISSUER}/userinfo`,
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
      scopes_supported: ["devices:control", "links", "profile"],
      response_types_supported: ["code"],
      response_modes_supported: ["query"],
      grant_types_supported: ["authorization_code", "refresh_token", "client_credentials"],
      token_endpoint_auth_methods_supported: anyClient,
      revocation_endpoint_auth_methods_supported: anyClient,
      introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
      code_challenge_methods_supported: ["S256"],
      authorization_response_iss_parameter_supported: false,
      service_documentation: `${ISSUER}/docs`,
    });
    // What each endpoint says to a bare GET shows that it is there.
    const statuses: Record<string, number> = {};
    for (const name of Object.keys(document).filter((each) => /_(endpoint|uri)$/.test(each))) {
      const response = await service.request(String(document[name]));
      statuses[name] = response.status;
      await response.text();
    }
    expect(statuses).toEqual({
      authorization_endpoint: 400,
      token_endpoint: 405,
      revocation_endpoint: 405,
      introspection_endpoint: 405,
      userinfo_endpoint: 401,
      jwks_uri: 200,
    });
  });
});
