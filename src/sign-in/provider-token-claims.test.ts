// Which access tokens of the company's identity provider our API accepts, claim by claim.
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  APP,
  AUDIENCE,
  BY_CLIENT,
  BY_SCOPE,
  PROVIDER,
  standInForTokenProvider,
} from "../../test/support/provider-tokens.ts";
import { seedSkill } from "../../test/support/seeds.ts";
import { startService } from "../../test/support/service.ts";

let provider: Awaited<ReturnType<typeof standInForTokenProvider>>;

beforeEach(async () => {
  provider = await standInForTokenProvider();
  await seedSkill();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("whose access tokens are accepted", () => {
  async function refused(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<void> {
    const response = await provider.ask(await provider.token(claims, provider.key, header));
    expect([claims, header, response.status]).toEqual([claims, header, 401]);
    expect(await response.json()).toMatchObject({ code: "unauthenticated" });
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM users").first("n")).toBe(0);
  }

  const NO_TEXT = [5, true, null, {}, { a: APP }, [APP], [[APP]], "", []];

  it.each<[string, Record<string, unknown>]>([
    ["azp", { azp: "acme-tv" }],
    ["client_id, as RFC 9068 says", { azp: undefined, client_id: APP }],
    ["both", { azp: APP, client_id: APP }],
    ["both, different, and both ours", { azp: APP, client_id: "acme-tv" }],
    ["cid, as Okta says", { azp: undefined, cid: APP }],
    ["appid, as Microsoft says", { azp: undefined, appid: APP, idtyp: "user" }],
    ["azp, for several audiences", { aud: ["https://other.example.com", AUDIENCE] }],
    ["azp, in a token of Keycloak", { typ: "Bearer", preferred_username: "ada", scope: "openid" }],
    ["azp, in a token of Auth0", { gty: "password", sub: "auth0|ada" }],
  ])("S15: a token of one of OIDC_CLIENTS is accepted: %s", async (_, claims) => {
    expect(await provider.statusOf(provider.token(claims))).toBe(200);
  });

  it.each<[string, Record<string, unknown>]>([
    ["another client", { azp: "third-party" }],
    ["another client_id", { azp: undefined, client_id: "third-party" }],
    ["another client_id beside our azp", { client_id: "third-party" }],
    ["another azp beside our client_id", { azp: "third-party", client_id: APP }],
    ["no client", { azp: undefined }],
    ["a client whose id only starts like ours", { azp: `${APP}2` }],
    ["a client whose id is written differently", { azp: APP.toUpperCase() }],
    ["the whole list as client", { azp: `${APP},acme-tv` }],
    ["the audience as client", { azp: AUDIENCE }],
  ])("S15: a token of %s is refused", async (_, claims) => refused(claims));

  it.each(["azp", "client_id", "cid", "appid"])("S15: %s that is no text is refused", async (name) => {
    for (const value of NO_TEXT) await refused({ azp: undefined, [name]: value });
    for (const value of NO_TEXT) if (name !== "azp") await refused({ [name]: value });
  });

  it.each<[string, Record<string, unknown>]>([
    ["sub is its client", { sub: APP }],
    ["sub is its client_id", { sub: APP, azp: undefined, client_id: APP }],
    ["sub is its client's, as Auth0 says", { sub: `${APP}@clients` }],
    ["sub is some client's, as Auth0 says", { sub: "other@clients" }],
    ["sub is another client of ours", { sub: "acme-tv" }],
    ["sub is our own client", { sub: "web" }],
    ["gty is client-credentials", { gty: "client-credentials" }],
    ["gty is client_credentials", { gty: "client_credentials" }],
    ["gty is a list", { gty: ["client-credentials"] }],
    ["idtyp is app", { idtyp: "app" }],
    ["its user is the service account of Keycloak", { preferred_username: `service-account-${APP}` }],
  ])("S15: a token of a machine is refused: %s", async (_, claims) => refused(claims));

  it.each<[string, Record<string, unknown>]>([
    ["DPoP", { cnf: { jkt: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }],
    ["mTLS", { cnf: { "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" } }],
    ["an empty cnf", { cnf: {} }],
    ["a cnf of null", { cnf: null }],
    ["a cnf that is text", { cnf: "x" }],
  ])("S15: a token that is bound by %s is refused, as Bearer and as DPoP", async (_, claims) => {
    await refused(claims);
    const response = await provider.ask(await provider.token(claims), "DPoP");
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  });

  it.each(["DPoP", "dpop", "MAC", "Basic"])("S15: a plain token is refused with the scheme %s", async (scheme) => {
    expect((await provider.ask(await provider.token(), scheme)).status).toBe(401);
  });

  const LOGOUT = "http://schemas.openid.net/event/backchannel-logout";

  it.each<[string, Record<string, unknown>]>([
    ["a logout token", { events: { [LOGOUT]: {} }, sid: "s" }],
    ["a security event", { events: { "https://schemas.openid.net/secevent/risc/event-type/account-disabled": {} } }],
    ["empty events", { events: {} }],
    ["events of null", { events: null }],
    ["an id token with c_hash", { c_hash: "h" }],
    ["an id token of Cognito", { token_use: "id" }],
    ["an id token of Keycloak", { typ: "ID" }],
    ["a refresh token of Keycloak", { typ: "Refresh" }],
    ["a logout token of Keycloak", { typ: "Logout" }],
    ["an empty nonce", { nonce: "" }],
    ["a nonce of null", { nonce: null }],
    ["an at_hash of null", { at_hash: null }],
  ])("S15: %s is refused", async (_, claims) => refused(claims));

  it.each(["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])(
    "S15: the header typ %s is accepted",
    async (typ) => {
      expect(await provider.statusOf(provider.token({}, provider.key, { typ }))).toBe(200);
    },
  );

  it.each([
    "logout+jwt",
    "secevent+jwt",
    "dpop+jwt",
    "id+jwt",
    "application/jwt",
    "at+jwt ",
    "at+jwts",
    "",
    "JOSE",
    5,
    null,
    ["JWT"],
    {},
  ])("S15: the header typ %j is refused", async (typ) => refused({}, { typ }));

  it.each<[string, Record<string, unknown>]>([
    ["a number as subject", { sub: 5 }],
    ["a list as subject", { sub: ["ada"] }],
    ["an object as subject", { sub: { id: "ada" } }],
    ["a subject that is too long", { sub: "a".repeat(256) }],
    ["a subject with a control character", { sub: "ada\u0000" }],
    ["an object as audience", { aud: { 0: AUDIENCE } }],
    ["a list with a number as audience", { aud: [AUDIENCE, 5] }],
    ["a nested list as audience", { aud: [[AUDIENCE]] }],
    ["text as expiry", { exp: "4000000000" }],
    ["a list as issuer", { iss: [PROVIDER] }],
  ])("S15: %s is refused", async (_, claims) => refused(claims));

  it("S15: hostile labels do not matter, because they decide nothing", async () => {
    expect(
      await provider.statusOf(
        provider.token({ email: ["ada@example.com"], name: { first: "Ada" }, email_verified: "x" }),
      ),
    ).toBe(200);
    expect(await env.DB.prepare("SELECT email, name FROM users").first()).toEqual({ email: null, name: null });
  });

  it.each<[string, Record<string, unknown>]>([
    ["scope as text", { scope: "openid links profile" }],
    ["scope as a list", { scope: ["openid", "links"] }],
    ["scp as text", { scp: "links" }],
    ["scp as a list", { scp: ["links"] }],
    ["permissions as text", { permissions: "read:x links" }],
    ["permissions as a list", { scope: "openid", permissions: ["links"] }],
  ])("S15: the required scope may be in %s", async (_, claims) => {
    provider.service = startService(BY_SCOPE);
    expect(await provider.statusOf(provider.token({ azp: "third-party", ...claims }))).toBe(200);
  });

  it.each<[string, Record<string, unknown>]>([
    ["no scope", {}],
    ["another scope", { scope: "openid profile", scp: ["read"], permissions: [] }],
    ["a scope that starts alike", { scope: "links:read linksx" }],
    ["a scope in capitals", { scope: "LINKS" }],
    ["a list in text", { scope: "openid,links" }],
    ["entries that are several scopes", { scp: ["openid links"] }],
    ["a nested list", { scp: [["links"]] }],
    ["an object", { scope: { links: true }, permissions: { 0: "links", length: 1 } }],
    ["objects in a list", { permissions: [{ rsname: "links" }] }],
    ["a number", { scope: 5, scp: true, permissions: null }],
    ["roles", { roles: ["links"], role: "links", groups: ["links"] }],
  ])("S15: without the required scope a token is refused: %s", async (_, claims) => {
    provider.service = startService(BY_SCOPE);
    await refused(claims);
  });

  it("S15: with both settings a token must meet both", async () => {
    provider.service = startService({ ...BY_CLIENT, ...BY_SCOPE });
    await refused({ scope: "openid" });
    await refused({ azp: "third-party", scope: "links" });
    expect(await provider.statusOf(provider.token({ scope: "links" }))).toBe(200);
  });
});
