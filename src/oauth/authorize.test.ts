// GET /authorize over HTTP: redirect URIs, state, PKCE, scope, and the response that Alexa gets.
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../../test/support/accounts.ts";
import { admin } from "../../test/support/admin.ts";
import { query, rowCounts, STATE, signedIn } from "../../test/support/authorize.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  challengeOf,
  exchange,
  json,
  SKILL_ID,
  seedAppAndService,
  seedSkill,
} from "../../test/support/seeds.ts";
import { ISSUER, type Service, startService } from "../../test/support/service.ts";
import { Visitor } from "../../test/support/visitor.ts";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedAccount(service, DEMO);
});

describe("linking from the Alexa app", () => {
  it.each(ALEXA_REDIRECT_URIS)("R1: a customer signs in, consents and is linked through %s", async (redirectUri) => {
    const visitor = new Visitor(service);
    const signInPage = await visitor.open(`/authorize?${query({ redirect_uri: encodeURIComponent(redirectUri) })}`);
    expect(signInPage.status).toBe(200);
    const consent = await visitor.submit(signInPage, { email: DEMO.email, password: DEMO.password });
    expect(consent.status).toBe(200);
    expect(consent.html).toContain("Acme Home");
    expect(consent.html).toContain(DEMO.email);
    const back = await visitor.submit(consent, { decision: "allow" });
    expect(back.status).toBe(303);
    expect(back.location).toMatch(new RegExp(`^${redirectUri.replaceAll(".", "\\.")}\\?code=c0[\\w-]{43}&state=`));
    const code = /code=([^&]+)/.exec(back.location ?? "")?.[1] ?? "";
    const tokens = await service.request("/token", exchange(code, { redirect_uri: redirectUri }));
    expect(tokens.status).toBe(200);
    const attempt = await env.DB.prepare("SELECT outcome, steps FROM attempts").first<{
      outcome: string;
      steps: string;
    }>();
    expect(attempt?.outcome).toBe("linked");
    expect((JSON.parse(attempt?.steps ?? "[]") as { name: string }[]).map((step) => step.name)).toEqual([
      "signed_in",
      "consent_given",
      "code_redeemed",
    ]);
  });

  it("P7: no cache keeps the consent page, and no edge may rewrite the address in it", async () => {
    const visitor = await signedIn(service);
    const consent = await visitor.open(`/authorize?${query()}`);
    expect(consent.html).toContain(DEMO.email);
    expect(consent.headers.get("cache-control")).toBe("no-store, no-transform");
  });

  it("a signed-in customer links with one tap, and nothing is stored before it", async () => {
    const visitor = await signedIn(service);
    const before = await rowCounts();
    service.meter.clear();
    await visitor.open(`/authorize?${query()}`);
    service.meter.clear();
    const consent = await visitor.open(`/authorize?${query()}`);
    expect(service.meter.calls()).toEqual([]);
    expect(await rowCounts()).toEqual(before);
    service.meter.clear();
    const back = await visitor.submit(consent, { decision: "allow" });
    expect(back.status).toBe(303);
    // KV and D1 are written at the same time: one round trip.
    for (const store of ["CODES", "DB"]) {
      expect(
        service.meter.roundTrips.filter((roundTrip) => roundTrip.store === store).length,
        store,
      ).toBeLessThanOrEqual(1);
    }
  });

  it("a denial goes back to Alexa with the same state", async () => {
    const visitor = await signedIn(service);
    const back = await visitor.submit(await visitor.open(`/authorize?${query()}`), { decision: "deny" });
    expect(back.location).toBe(`${ALEXA_REDIRECT_URIS[0]}?error=access_denied&state=${STATE}`);
    expect(await env.DB.prepare("SELECT outcome FROM attempts").first("outcome")).toBe("cancelled");
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM codes").first("n")).toBe(0);
  });

  it("S2: a customer who consented before is asked again", async () => {
    const visitor = await signedIn(service);
    await visitor.submit(await visitor.open(`/authorize?${query()}`), { decision: "allow" });
    const second = await visitor.open(`/authorize?${query()}`);
    expect(second.status).toBe(200);
    expect(second.html).toContain('value="allow"');
  });
});

describe("redirect URIs", () => {
  const registered = ALEXA_REDIRECT_URIS[0] ?? "";
  it.each([
    registered.replace("pitangui.amazon.com", "pitangui.amazon.com.evil.test"),
    registered.replace("pitangui.amazon.com", "pitangui.amazon.com@evil.test"),
    `${registered}/more`,
    `${registered}/`,
    `${registered}?x=1`,
    `${registered}#x`,
    registered.replace("M0TESTVENDOR00", "M0OTHERVENDOR0"),
    registered.replace("/api/", "/API/"),
    registered.replace("https:", "http:"),
    registered.replace("amazon", "ama\tzon"),
    "javascript:alert(1)",
    "//evil.test",
    `${ISSUER}/link/callback`,
    `${ISSUER}/app/callback`,
  ])("R2, S7: %j gets a page and never a redirect", async (uri) => {
    const response = await service.request(`/authorize?${query({ redirect_uri: encodeURIComponent(uri) })}`);
    expect(response.status).toBe(400);
    expect(response.headers.get("location")).toBeNull();
    expect(response.headers.get("content-type")).toContain("text/html");
  });

  it.each([
    ["client_id", `${query()}&client_id=${ALEXA_CLIENT}`],
    ["redirect_uri", `${query()}&redirect_uri=https%3A%2F%2Fevil.test`],
    ["state", `${query()}&state=2`],
    ["code_challenge", `${query()}&code_challenge=a&code_challenge=b`],
    ["a missing client_id", query({ client_id: undefined })],
    ["an unknown client_id", query({ client_id: "nobody" })],
    ["a missing redirect_uri", query({ redirect_uri: undefined })],
    ["a broken redirect_uri", query({ redirect_uri: "%zz" })],
  ])("B4: %s, repeated or wrong, is a 400 page", async (_, bad) => {
    const response = await service.request(`/authorize?${bad}`);
    expect(response.status).toBe(400);
    expect(response.headers.get("location")).toBeNull();
  });

  it("R4: an unregistered redirect URI is recorded for the operator, with the client and the exact string", async () => {
    const uri = "https://layla.amazon.com/api/skill/link/M0OTHERVENDOR0";
    const page = await service.request(`/authorize?${query({ redirect_uri: encodeURIComponent(uri) })}`);
    expect([page.status, page.headers.get("location")]).toEqual([400, null]);
    expect(page.headers.get("content-type")).toContain("text/html");
    await admin(service, "GET", "refusals");
    const row = await env.DB.prepare("SELECT client_id, reason, detail FROM refusals").first();
    expect(row).toEqual({ client_id: ALEXA_CLIENT, reason: "redirect_uri_unregistered", detail: uri });
  });

  it("a new client works at once, even after a request for it was refused", async () => {
    expect((await service.request(`/authorize?${query({ client_id: "later" })}`)).status).toBe(400);
    await seedSkill({ id: "later", skillId: `${SKILL_ID}-2` });
    expect((await service.request(`/authorize?${query({ client_id: "later" })}`)).status).toBe(200);
  });
});

describe("errors that are returned to Alexa", () => {
  it.each([
    ["unsupported_response_type", { response_type: "token" }],
    ["invalid_request", { response_type: undefined }],
    ["invalid_scope", { scope: "admin" }],
    ["invalid_scope", { scope: "%zz" }],
    ["invalid_request", { code_challenge: "a".repeat(43), code_challenge_method: "plain" }],
    ["invalid_request", { code_challenge: "a".repeat(43) }],
    ["invalid_request", { code_challenge: "a".repeat(42), code_challenge_method: "S256" }],
    ["invalid_request", { code_challenge: `${"a".repeat(42)}%2B`, code_challenge_method: "S256" }],
    ["invalid_request", { code_challenge_method: "S256" }],
    ["invalid_request", { response_mode: "fragment" }],
  ])("S6: %s for %j", async (error, overrides) => {
    const response = await service.request(`/authorize?${query(overrides)}`);
    expect(response.status).toBe(303);
    const location = response.headers.get("location") ?? "";
    expect(location.startsWith(`${ALEXA_REDIRECT_URIS[0]}?error=${error}&`)).toBe(true);
    expect(location.endsWith(`&state=${STATE}`)).toBe(true);
  });

  it("S6: a request without a challenge is refused if the client requires PKCE, and always for a public client", async () => {
    await seedSkill({ id: "strict", skillId: `${SKILL_ID}-2`, requirePkce: true });
    for (const [client, redirect] of [
      ["strict", ALEXA_REDIRECT_URIS[0]],
      ["test-app", "https://app.example.com/oauth/callback"],
    ]) {
      const response = await service.request(
        `/authorize?${query({ client_id: client, redirect_uri: encodeURIComponent(redirect ?? ""), scope: undefined })}`,
      );
      expect(response.headers.get("location")).toContain("error=invalid_request");
    }
  });

  it("the response has no iss, because the metadata does not announce it", async () => {
    const visitor = await signedIn(service);
    const plain = await visitor.submit(await visitor.open(`/authorize?${query()}`), { decision: "allow" });
    expect(plain.location).not.toContain("iss=");
  });

  it("a request without scope asks for all scopes of the client, and the code keeps its PKCE challenge", async () => {
    const verifier = "exampleVerifier-0123456789-abcdefghijklmnopqrstuvwxyz";
    const visitor = await signedIn(service);
    const consent = await visitor.open(
      `/authorize?${query({ scope: undefined, code_challenge: await challengeOf(verifier), code_challenge_method: "S256" })}`,
    );
    const back = await visitor.submit(consent, { decision: "allow" });
    const code = /code=([^&]+)/.exec(back.location ?? "")?.[1] ?? "";
    expect((await service.request("/token", exchange(code))).status).toBe(400);
    const tokens = await service.request("/token", exchange(code, { code_verifier: verifier }));
    expect((await json(tokens)).scope).toBe("profile devices:control");
  });
});

describe("state", () => {
  const hex = fc.constantFrom(..."0123456789abcdefABCDEF");
  const piece = fc.oneof(
    fc.constantFrom(..."abcXYZ019-._~!*();:@,/?$+="),
    fc.tuple(hex, hex).map(([high, low]) => `%${high}${low}`),
  );
  it("B1: any state comes back byte for byte after the decision", async () => {
    const visitor = await signedIn(service);
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 120 }), async (pieces) => {
        const state = pieces.join("");
        const back = await visitor.submit(await visitor.open(`/authorize?${query({ state })}`), { decision: "allow" });
        expect(back.location?.endsWith(`&state=${state}`)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("B3: 8,192 bytes of state work without larger cookies; one more is a 400 page", async () => {
    const visitor = await signedIn(service);
    const long = "s".repeat(8192);
    const back = await visitor.submit(await visitor.open(`/authorize?${query({ state: long })}`), {
      decision: "allow",
    });
    expect(back.location?.endsWith(`&state=${long}`)).toBe(true);
    expect(Math.max(...[...visitor.cookies.values()].map((value) => value.length))).toBeLessThan(1000);
    expect((await visitor.open(`/authorize?${query({ state: `${long}s` })}`)).status).toBe(400);
  });

  it("B3: 4 KB of state survive signing in", async () => {
    const visitor = new Visitor(service);
    const state = "t".repeat(4096);
    const consent = await visitor.submit(await visitor.open(`/authorize?${query({ state })}`), { ...DEMO });
    expect((await visitor.submit(consent, { decision: "allow" })).location?.endsWith(`&state=${state}`)).toBe(true);
  });

  it("B2: a redirect URI with a query keeps it unchanged, and the response is added with one separator", async () => {
    const uri = "https://app.example.com/cb?x=a%20b~";
    await seedSkill({ id: "query-client", skillId: `${SKILL_ID}-2`, redirectUris: [uri] });
    const visitor = await signedIn(service);
    const consent = await visitor.open(
      `/authorize?${query({ client_id: "query-client", redirect_uri: encodeURIComponent(uri) })}`,
    );
    const back = await visitor.submit(consent, { decision: "deny" });
    expect(back.location).toBe(`${uri}&error=access_denied&state=${STATE}`);
  });

  it("B4: no query string causes a 5xx", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 60 }), async (noise) => {
        const url = `${ISSUER}/authorize?${query()}&${noise.replaceAll("#", "")}`;
        if (!URL.canParse(url)) return;
        expect((await service.request(url)).status).toBeLessThan(500);
      }),
      { numRuns: 80 },
    );
  });

  it("B4: a state with a backslash survives signing in", async () => {
    const state = "QUJD\\..\\";
    const visitor = new Visitor(service);
    const signIn = await visitor.open(`/authorize?${query({ state })}`);
    const consent = await visitor.submit(signIn, { ...DEMO });
    expect((await visitor.submit(consent, { decision: "deny" })).location?.endsWith(`&state=${state}`)).toBe(true);
  });
});

describe("swapped URLs", () => {
  it("W5: the response to a token request at /authorize names /token", async () => {
    const response = await service.request("/authorize", exchange("c"));
    expect(response.status).toBe(405);
    expect(await response.text()).toContain("/token");
  });

  it("W5: the response to an authorization request at /token names /authorize", async () => {
    const response = await service.request(`/token?${query()}`);
    expect(response.status).toBe(405);
    expect((await json<{ error_description: string }>(response)).error_description).toContain("/authorize");
  });
});
