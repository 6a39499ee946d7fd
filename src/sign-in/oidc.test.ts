// Signing in with the company's identity provider: valid and invalid responses, and which browser may return.
import { env } from "cloudflare:workers";
import { SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  comeBack,
  count,
  DISCOVERY,
  leave,
  makeKey,
  metadata,
  OIDC,
  PROVIDER,
  type Providers,
  signInThere,
  standInForProviders,
} from "../../test/support/providers.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";

let service: Service;
let providers: Providers;

function seconds(): number {
  return Math.floor(service.clock.now / 1000);
}

beforeEach(async () => {
  service = startService(OIDC);
  providers = await standInForProviders(seconds);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("the company's identity provider", () => {
  it("signs in with state, nonce and PKCE, and continues to the requested page", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    expect(away.origin + away.pathname).toBe(`${PROVIDER}/authorize`);
    expect(Object.fromEntries(away.searchParams)).toMatchObject({
      tenant: "acme",
      response_type: "code",
      client_id: OIDC.OIDC_CLIENT_ID,
      redirect_uri: "https://link.example.com/sign-in/oidc/callback",
      scope: "openid email profile",
      code_challenge_method: "S256",
    });
    providers.returnIdToken(
      await providers.idToken(away.searchParams.get("nonce") ?? "", {
        email: "Ada@Example.com",
        email_verified: true,
        name: "Ada",
      }),
    );
    const back = await comeBack(ada, away);
    expect([back.status, back.headers.get("location")]).toEqual([303, "/account"]);
    expect((await ada.get("/account")).html).toContain("ada@example.com");
    const sent = providers.asked.find((one) => one.path === "id.example.com/token");
    expect(sent?.body.get("redirect_uri")).toBe("https://link.example.com/sign-in/oidc/callback");
    expect(sent?.body.get("client_secret")).toBeNull();
    const basic = atob(sent?.request.headers.get("authorization")?.slice("Basic ".length) ?? "");
    const decoded = basic.split(":").map((part) => decodeURIComponent(part.replaceAll("+", " ")));
    expect(decoded).toEqual(["alexa link", "obviously-fake+secret"]);
    const verifier = new TextEncoder().encode(sent?.body.get("code_verifier") ?? "");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", verifier));
    const challenge = btoa(String.fromCharCode(...digest))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=/g, "");
    expect(away.searchParams.get("code_challenge")).toBe(challenge);
  });

  it("sends the secret in the body when the provider requires it", async () => {
    providers.endpoints[DISCOVERY] = () =>
      Response.json({ ...metadata(), token_endpoint_auth_methods_supported: ["client_secret_post"] });
    expect((await signInThere(providers, visit(service))).status).toBe(303);
    const sent = providers.asked.find((one) => one.path === "id.example.com/token");
    expect(sent?.body.get("client_secret")).toBe(OIDC.OIDC_CLIENT_SECRET);
    expect(sent?.request.headers.has("authorization")).toBe(false);
  });

  it("finds the same user again after a change of name", async () => {
    await signInThere(providers, visit(service), { name: "Ada" });
    const again = visit(service);
    await signInThere(providers, again, { name: "Ada Lovelace", email: EMAIL });
    expect(await count("users")).toBe(1);
    expect((await again.get("/account")).html).toContain("Ada Lovelace");
  });

  it("S5: an equal email address does not join two accounts", async () => {
    const passwordUser = await addUser(service);
    await signInThere(providers, visit(service), { sub: "somebody", email: EMAIL, email_verified: true });
    const { results } = await env.DB.prepare("SELECT user_id FROM identities WHERE method = 'oidc'").all<{
      user_id: string;
    }>();
    expect(results).toHaveLength(1);
    expect(results[0]?.user_id).not.toBe(passwordUser);
    expect(await count("users")).toBe(2);
  });

  it("reads the email address from userinfo when the id token has none, for the same subject only", async () => {
    providers.endpoints[DISCOVERY] = () => Response.json({ ...metadata(), userinfo_endpoint: `${PROVIDER}/userinfo` });
    for (const [sub, shown] of [
      ["ada", true],
      ["eve", false],
    ] as const) {
      providers.endpoints["id.example.com/userinfo"] = () =>
        Response.json({ sub, email: "from-userinfo@example.com", email_verified: true });
      const visitor = visit(service);
      const away = await leave(visitor);
      providers.returnIdToken(await providers.idToken(away.searchParams.get("nonce") ?? "", { sub: "ada" }), {
        access_token: "fake",
      });
      await env.DB.prepare("DELETE FROM users").run();
      await comeBack(visitor, away);
      expect((await visitor.get("/account")).html.includes("from-userinfo@example.com")).toBe(shown);
    }
  });

  it("S3: the callback works once", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    providers.returnIdToken(await providers.idToken(away.searchParams.get("nonce") ?? ""));
    expect((await comeBack(ada, away)).status).toBe(303);
    providers.asked.length = 0;
    expect((await comeBack(ada, away)).status).toBe(403);
    expect(providers.asked).toEqual([]);
  });

  it("S3: 20 callbacks at once sign in once", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    providers.returnIdToken(await providers.idToken(away.searchParams.get("nonce") ?? ""));
    service.meter.faults.push({ when: () => true, delayMs: 10 });
    const all = await Promise.all(Array.from({ length: 20 }, () => comeBack(ada, away)));
    expect(all.filter((page) => page.status === 303).length).toBe(1);
  });

  it("S3: another browser and a browser without cookies are refused, and the right browser still signs in", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    providers.returnIdToken(await providers.idToken(away.searchParams.get("nonce") ?? ""));
    const eve = visit(service);
    expect((await comeBack(eve, away)).status).toBe(403);
    await eve.get("/sign-in");
    expect((await comeBack(eve, away)).status).toBe(403);
    expect(eve.cookies.has("__Host-session")).toBe(false);
    expect((await comeBack(ada, away)).status).toBe(303);
  });

  it.each([
    ["no parameters", ""],
    ["no state", "?code=x"],
    ["a made-up state", `?code=x&state=${"A".repeat(43)}`],
    ["a state with markup", "?code=x&state=%3Cscript%3E"],
    ["two states", "?code=x&state=a&state=b"],
    ["a huge state", `?code=x&state=${"A".repeat(9000)}`],
    ["control characters", "?code=%00%0d%0a&state=%00"],
  ])("S3: a callback with %s is a 403 page", async (_, query) => {
    const page = await visit(service).get(`/sign-in/oidc/callback${query}`);
    expect(page.status).toBe(403);
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    expect(providers.asked).toEqual([]);
  });

  it("after an hour the page says that signing in took too long", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    service.clock.advance(60 * 60 * 1000);
    const back = await comeBack(ada, away);
    expect(back.status).toBe(400);
    expect(back.html).toContain("This page was open for too long");
  });

  const wrongTokens: [string, (nonce: string) => Promise<string>][] = [
    ["another nonce", () => providers.idToken("another")],
    ["no nonce", (nonce) => providers.idToken(nonce, { nonce: undefined as unknown as string })],
    ["another audience", (nonce) => providers.idToken(nonce, { aud: "somebody-else" })],
    ["another issuer", (nonce) => providers.idToken(nonce, { iss: "https://evil.test" })],
    ["an expiry in the past", (nonce) => providers.idToken(nonce, { exp: seconds() - 61 })],
    ["an issue time in the future", (nonce) => providers.idToken(nonce, { iat: seconds() + 61 })],
    ["no expiry", (nonce) => providers.idToken(nonce, { exp: undefined as unknown as number })],
    ["no issue time", (nonce) => providers.idToken(nonce, { iat: undefined as unknown as number })],
    ["no subject", (nonce) => providers.idToken(nonce, { sub: undefined as unknown as string })],
    ["an empty subject", (nonce) => providers.idToken(nonce, { sub: "" })],
    ["a subject of 256 characters", (nonce) => providers.idToken(nonce, { sub: "x".repeat(256) })],
    [
      "several audiences and no authorized party",
      (nonce) => providers.idToken(nonce, { aud: [OIDC.OIDC_CLIENT_ID, "other"] }),
    ],
    ["another authorized party", (nonce) => providers.idToken(nonce, { azp: "other" })],
    ["another key with the same id", async (nonce) => providers.idToken(nonce, {}, await makeKey("one"))],
    ["an unknown key", async (nonce) => providers.idToken(nonce, {}, await makeKey("unknown"))],
    [
      "a changed payload",
      async (nonce) => {
        const [head = "", , signature = ""] = (await providers.idToken(nonce)).split(".");
        const body = btoa(
          JSON.stringify({
            iss: PROVIDER,
            aud: OIDC.OIDC_CLIENT_ID,
            sub: "root",
            nonce,
            iat: seconds(),
            exp: seconds() + 300,
          }),
        );
        return `${head}.${body.replace(/=/g, "")}.${signature}`;
      },
    ],
    [
      "no signature",
      async (nonce) => {
        const part = (value: object) => btoa(JSON.stringify(value)).replace(/=/g, "");
        const claims = {
          iss: PROVIDER,
          aud: OIDC.OIDC_CLIENT_ID,
          sub: "ada",
          nonce,
          iat: seconds(),
          exp: seconds() + 300,
        };
        return `${part({ alg: "none" })}.${part(claims)}.`;
      },
    ],
    [
      "a signature with the public key as a secret",
      async (nonce) => {
        const secret = new TextEncoder().encode(JSON.stringify(providers.key.publicJwk));
        const claims = {
          iss: PROVIDER,
          aud: OIDC.OIDC_CLIENT_ID,
          sub: "ada",
          nonce,
          iat: seconds(),
          exp: seconds() + 300,
        };
        return new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(secret);
      },
    ],
    ["a malformed token", async () => "not.a.jwt"],
    ["an empty token", async () => ""],
  ];
  it.each(wrongTokens)("refuses an id token with %s", async (_, make) => {
    const ada = visit(service);
    const away = await leave(ada);
    providers.returnIdToken(await make(away.searchParams.get("nonce") ?? ""));
    const back = await comeBack(ada, away);
    expect(back.status).toBe(401);
    expect(back.html).toContain("didn’t work");
    expect(back.html).toContain('action="/sign-in"');
    expect(ada.cookies.has("__Host-session")).toBe(false);
    expect(await count("users")).toBe(0);
  });

  it("RFC 6749 §7.1: a token response with an unknown token type is refused", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    providers.returnIdToken(await providers.idToken(away.searchParams.get("nonce") ?? ""), { token_type: "mac" });
    expect((await comeBack(ada, away)).status).toBe(401);
    expect(ada.cookies.has("__Host-session")).toBe(false);
  });

  it("allows a clock difference of one minute", async () => {
    expect((await signInThere(providers, visit(service), { iat: seconds() + 50 })).status).toBe(303);
    expect((await signInThere(providers, visit(service), { exp: seconds() - 50 })).status).toBe(303);
  });

  it("accepts a token for several audiences when it was issued to us", async () => {
    const claims = { aud: [OIDC.OIDC_CLIENT_ID, "other"], azp: OIDC.OIDC_CLIENT_ID };
    expect((await signInThere(providers, visit(service), claims)).status).toBe(303);
  });

  it("fetches the keys again when the provider has rotated them", async () => {
    expect((await signInThere(providers, visit(service))).status).toBe(303);
    providers.key = await makeKey("two");
    expect((await signInThere(providers, visit(service))).status).toBe(303);
  });

  it.each([
    ["another issuer", { iss: "https://evil.test" }],
    ["empty", { iss: "" }],
  ])("RFC9207-2.4: refuses a response whose issuer is %s", async (_, change) => {
    const ada = visit(service);
    const away = await leave(ada);
    providers.returnIdToken(await providers.idToken(away.searchParams.get("nonce") ?? ""));
    expect((await comeBack(ada, away, change)).status).toBe(401);
    expect(providers.asked.some((one) => one.path === "id.example.com/token")).toBe(false);
  });

  it("RFC9207-2.4: requires the issuer when the provider's metadata announces it", async () => {
    providers.endpoints[DISCOVERY] = () =>
      Response.json({ ...metadata(), authorization_response_iss_parameter_supported: true });
    const ada = visit(service);
    expect((await signInThere(providers, ada)).status).toBe(401);
    const away = await leave(ada);
    providers.returnIdToken(await providers.idToken(away.searchParams.get("nonce") ?? ""));
    expect((await comeBack(ada, away, { iss: PROVIDER })).status).toBe(303);
  });

  it("a customer who cancels at the provider can try again", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    const back = await comeBack(ada, away, { error: "access_denied", error_description: "Call 0900-EVIL" });
    expect(back.status).toBe(200);
    expect(back.html).toContain("was cancelled");
    expect(back.html).not.toContain("EVIL");
    const again = await ada.post("/sign-in", back.hidden("/sign-in"));
    expect(again.headers.get("location")).toMatch(/^https:\/\/id\.example\.com\/authorize/);
  });

  it("another error of the provider is shown in our own text", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    const back = await comeBack(ada, away, { error: "<b>server_error</b>", error_description: "Call 0900-EVIL" });
    expect(back.status).toBe(401);
    expect(back.html).toContain("didn’t work");
    expect(back.html).not.toMatch(/EVIL|server_error/);
  });

  it("after signing out, the provider must ask for the login again", async () => {
    const ada = visit(service);
    await signInThere(providers, ada);
    expect((await leave(ada)).searchParams.has("prompt")).toBe(false);
    const account = await ada.get("/account");
    await ada.post("/sign-out", account.hidden("/sign-out"));
    expect((await leave(ada)).searchParams.get("prompt")).toBe("login");
    await signInThere(providers, ada);
    expect((await leave(ada)).searchParams.has("prompt")).toBe(false);
  });

  it("the session is new after each sign-in", async () => {
    const ada = visit(service);
    await signInThere(providers, ada);
    const first = ada.cookies.get("__Host-session");
    await signInThere(providers, ada);
    expect(ada.cookies.get("__Host-session")).not.toBe(first);
  });

  it("P2: rendering the sign-in page makes no storage call and no request to the provider", async () => {
    const ada = visit(service);
    await ada.get("/sign-in");
    await ada.get("/account");
    expect(service.meter.calls()).toEqual([]);
    expect(providers.asked).toEqual([]);
  });
});
