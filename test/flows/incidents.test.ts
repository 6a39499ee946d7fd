// Known incidents of other servers, each as the test that would have caught it here. What happened stands above each
// test.
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { DEMO, seedAccount } from "../support/accounts.ts";
import {
  ALEXA_CLIENT,
  ALEXA_REDIRECT_URIS,
  ALEXA_SECRET,
  APP_CLIENT,
  APP_REDIRECT_URI,
  basic,
  challengeOf,
  exchange,
  form,
  json,
  refresh,
  SERVICE_CLIENT,
  SERVICE_SECRET,
  seedAppAndService,
  seedCode,
  seedSkill,
  seedUser,
} from "../support/seeds.ts";
import { type Service, startService } from "../support/service.ts";
import { Visitor } from "../support/visitor.ts";

const VERIFIER = "incidentVerifier-0123456789-abcdefghijklmnopqrst";
const USER = "0useraaaaaaaaaaaaaaaaaaaaa";

let service: Service;
beforeEach(async () => {
  service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedUser(USER);
});

function authorize(parameters: Readonly<Record<string, string>>): Promise<Response> {
  const query = new URLSearchParams({
    client_id: ALEXA_CLIENT,
    response_type: "code",
    state: "s",
    redirect_uri: ALEXA_REDIRECT_URIS[0] ?? "",
    ...parameters,
  });
  return service.request(`/authorize?${query}`);
}

function appExchange(code: string, verifier = VERIFIER): RequestInit {
  return form({
    grant_type: "authorization_code",
    code,
    client_id: APP_CLIENT,
    redirect_uri: APP_REDIRECT_URI,
    code_verifier: verifier,
  });
}

async function liveGrants(): Promise<number> {
  return (await env.DB.prepare("SELECT COUNT(*) AS n FROM grants WHERE revoked_at IS NULL").first<number>("n")) ?? -1;
}

describe("redirects", () => {
  // A server used the redirect URI of the request without checking that the client had registered it.
  it("CVE-2025-4143: a redirect URI that the client did not register is never redirected to, with or without a session", async () => {
    await seedAccount(service, DEMO);
    const visitor = new Visitor(service);
    await visitor.submit(await visitor.open("/sign-in"), { ...DEMO });
    const query = `client_id=${ALEXA_CLIENT}&response_type=code&redirect_uri=https%3A%2F%2Fevil.test%2Fcb`;
    for (const visit of [
      await visitor.send(`/authorize?${query}`),
      await new Visitor(service).send(`/authorize?${query}`),
    ]) {
      expect([visit.status, visit.location]).toEqual([400, null]);
    }
  });

  // Any redirect URI was accepted, and `https:evil.test` slipped through where `//` was filtered.
  it.each([
    "https:evil.test",
    "https:/evil.test",
    "https:\\\\evil.test",
    "//evil.test",
    "/\\evil.test",
    "https://",
    "web+x:1",
  ])("openauth #299: %s is no redirect URI", async (uri) => {
    const response = await authorize({ redirect_uri: uri });
    expect([response.status, response.headers.get("location")]).toEqual([400, null]);
  });

  // An attacker used a registered site that redirects by a parameter of its own.
  it.each(["?next=https://evil.test", "&next=https://evil.test", "%3Fnext=https://evil.test", ";x"])(
    "covert redirect: nothing may be added to a registered redirect URI (%s)",
    async (more) => {
      expect((await authorize({ redirect_uri: `${ALEXA_REDIRECT_URIS[0]}${more}` })).status).toBe(400);
    },
  );
});

describe("PKCE downgrade, in each form", () => {
  // The verifier could be left out at the exchange although a challenge had been sent.
  it.each([
    ["no verifier", { code_verifier: undefined }],
    ["an empty verifier", { code_verifier: "" }],
    ["another verifier", { code_verifier: `${VERIFIER}x` }],
    ["the challenge itself", { code_verifier: "challenge" }],
  ])("CVE-2025-4144: a code with a challenge is not redeemed with %s", async (_, fields) => {
    const challenge = await challengeOf(VERIFIER);
    const code = await seedCode({ codeChallenge: challenge, userId: USER });
    const sent = fields.code_verifier === "challenge" ? { code_verifier: challenge } : fields;
    expect((await service.request("/token", exchange(code, sent))).status).toBe(400);
    expect((await service.request("/token", exchange(code, { code_verifier: VERIFIER }))).status).toBe(200);
  });

  it.each([
    ["plain", { code_challenge: "c".repeat(43), code_challenge_method: "plain" }],
    ["no method, which would mean plain", { code_challenge: "c".repeat(43) }],
    ["an unknown method", { code_challenge: "c".repeat(43), code_challenge_method: "S512" }],
    ["a method in another case", { code_challenge: "c".repeat(43), code_challenge_method: "s256" }],
    ["an empty challenge", { code_challenge: "", code_challenge_method: "S256" }],
  ])("PKCE downgrade: %s goes back as invalid_request", async (_, parameters) => {
    expect((await authorize(parameters)).headers.get("location")).toContain("error=invalid_request");
  });

  it("PKCE downgrade: a verifier for a code without a challenge is refused, and the code stays valid", async () => {
    const code = await seedCode({ userId: USER });
    expect((await service.request("/token", exchange(code, { code_verifier: VERIFIER }))).status).toBe(400);
    expect((await service.request("/token", exchange(code))).status).toBe(200);
  });
});

describe("codes and tokens", () => {
  // Two exchanges at once both passed a check that was made before the code was marked as used.
  it("CVE-2026-47386: twenty exchanges of one code with the right verifier give one pair of tokens", async () => {
    const code = await seedCode({
      clientId: APP_CLIENT,
      redirectUri: APP_REDIRECT_URI,
      codeChallenge: await challengeOf(VERIFIER),
      userId: USER,
    });
    service.meter.faults.push({ when: () => true, delayMs: 10 });
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => service.requestOnly("/token", appExchange(code))),
    );
    await service.settled();
    expect(responses.filter((response) => response.status === 200)).toHaveLength(1);
    expect(await liveGrants()).toBe(1);
  });

  // A request of an unrelated client with another client's spent code revoked the grant.
  it("workers-oauth-provider #225: another client with a spent code neither redeems nor revokes", async () => {
    const code = await seedCode({ userId: USER });
    const tokens = await json(await service.request("/token", exchange(code)));
    service.clock.advance(120_000);
    const stranger = form(
      { grant_type: "authorization_code", code, redirect_uri: ALEXA_REDIRECT_URIS[0] },
      { authorization: basic(SERVICE_CLIENT, SERVICE_SECRET) },
    );
    expect((await service.request("/token", stranger)).status).toBe(400);
    expect((await service.request("/token", appExchange(code))).status).toBe(400);
    expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(200);
  });

  // That project's 0.8 releases hardened four places at once; its single entries could not be read, so each place is
  // held here.
  it("workers-oauth-provider #209 #233 #245 (hardening of 0.8): revocation asks whose token it is", async () => {
    const tokens = await json(await service.request("/token", exchange(await seedCode({ userId: USER }))));
    for (const token of [tokens.refresh_token, tokens.access_token]) {
      for (const hint of ["refresh_token", "access_token", "unknown"]) {
        const init = form({ token, token_type_hint: hint }, { authorization: basic(SERVICE_CLIENT, SERVICE_SECRET) });
        expect((await service.request("/revoke", init)).status).toBe(200);
      }
    }
    expect((await service.request("/token", refresh(tokens.refresh_token))).status).toBe(200);
  });

  it("workers-oauth-provider #209 #233 #245 (hardening of 0.8): malformed client authentication is refused, and no error is cacheable", async () => {
    const headers = ["Basic", "Basic ", "Basic !!!", `Basic ${btoa("no-colon")}`, `Basic ${btoa(":x")}`, "Basic a b"];
    for (const authorization of headers) {
      const response = await service.request("/token", form({ grant_type: "client_credentials" }, { authorization }));
      expect([response.status, response.headers.get("cache-control"), response.headers.get("pragma")]).toEqual([
        401,
        "no-store",
        "no-cache",
      ]);
    }
  });

  it("workers-oauth-provider #209 #233 #245 (hardening of 0.8): a code in its last second is exchanged, and the scope stays", async () => {
    const code = await seedCode({ userId: USER, scope: "profile" });
    service.clock.advance(299_000);
    const tokens = await json(await service.request("/token", exchange(code)));
    expect(tokens.scope).toBe("profile");
    expect((await json(await service.request("/token", refresh(tokens.refresh_token)))).scope).toBe("profile");
  });

  // That server lost refresh tokens to parallel refreshes, and revoked their whole family.
  it("better-auth #8616 (parallel refreshes): twenty at once keep the link, stable or rotating", async () => {
    const stable = await json(await service.request("/token", exchange(await seedCode({ userId: USER }))));
    const code = await seedCode({
      clientId: APP_CLIENT,
      redirectUri: APP_REDIRECT_URI,
      codeChallenge: await challengeOf(VERIFIER),
      userId: USER,
    });
    const rotating = await json(await service.request("/token", appExchange(code)));
    const again = form({ grant_type: "refresh_token", refresh_token: rotating.refresh_token, client_id: APP_CLIENT });
    for (const init of [refresh(stable.refresh_token), again]) {
      const responses = await Promise.all(Array.from({ length: 20 }, () => service.requestOnly("/token", init)));
      await service.settled();
      const tokens = await Promise.all(responses.map((response) => json(response)));
      expect(new Set(responses.map((response) => response.status))).toEqual(new Set([200]));
      expect(new Set(tokens.map((token) => token.refresh_token)).size).toBe(1);
    }
    expect(await liveGrants()).toBe(2);
  });
});

describe("only the user who approved completes", () => {
  // A proxy completed an authorization in any browser that the provider's callback reached.
  it("GHSA-rww4-4w9c-7733: a consent page rendered in one browser cannot be submitted, nor a sign-in completed, in another", async () => {
    await seedAccount(service, DEMO);
    const attacker = new Visitor(service);
    const signIn = await attacker.open(
      `/authorize?client_id=${ALEXA_CLIENT}&response_type=code&state=s&redirect_uri=${encodeURIComponent(ALEXA_REDIRECT_URIS[0] ?? "")}`,
    );
    const victim = new Visitor(service);
    expect((await victim.submit(signIn, { ...DEMO })).status).toBe(403);
    const consent = await attacker.submit(signIn, { ...DEMO });
    await victim.submit(await victim.open("/sign-in"), { ...DEMO });
    const stolen = await victim.submit(consent, { decision: "allow" });
    expect([stolen.status, stolen.location]).toEqual([403, null]);
    expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM codes").first("n")).toBe(0);
  });

  it("credentials of one client do not redeem codes of another", async () => {
    await seedSkill({ id: "other", skillId: "amzn1.ask.skill.0002-test", secret: ALEXA_SECRET });
    const code = await seedCode({ userId: USER });
    const other = form(
      { grant_type: "authorization_code", code, redirect_uri: ALEXA_REDIRECT_URIS[0] },
      { authorization: basic("other", ALEXA_SECRET) },
    );
    expect((await service.request("/token", other)).status).toBe(400);
    expect((await service.request("/token", exchange(code))).status).toBe(200);
  });
});
