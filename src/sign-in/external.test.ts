// Signing in at the company's identity provider and at Amazon: what they answer well, badly, late or never.
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { type Page, type Visitor, visit } from "../../test/support/visitor.ts";

const PROVIDER = "https://id.example.com";
const OIDC = {
  BRAND_NAME: "Acme",
  SIGN_IN_METHODS: "oidc",
  OIDC_ISSUER: PROVIDER,
  OIDC_CLIENT_ID: "alexa link",
  OIDC_CLIENT_SECRET: "obviously-fake+secret",
};
const AMAZON = {
  BRAND_NAME: "Acme",
  SIGN_IN_METHODS: "amazon",
  AMAZON_SIGN_IN_CLIENT_ID: "amzn1.application-oa2-client.example",
  AMAZON_SIGN_IN_CLIENT_SECRET: "obviously-fake-secret",
};

interface SigningPair {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

async function makeKey(kid: string): Promise<SigningPair> {
  const pair = await generateKeyPair("ES256", { extractable: true });
  const publicJwk = { ...(await exportJWK(pair.publicKey)), kid, alg: "ES256", use: "sig" };
  return { kid, privateKey: pair.privateKey, publicJwk };
}

/** Answers by path; a test replaces what should go wrong. */
type Answers = Record<string, (request: Request) => Response | Promise<Response>>;
let answers: Answers;
let asked: { path: string; request: Request; body: URLSearchParams }[];
let service: Service;
let key: SigningPair;

beforeEach(async () => {
  key = await makeKey("one");
  asked = [];
  answers = {
    "id.example.com/.well-known/openid-configuration": () => Response.json(metadata()),
    "id.example.com/keys": () => Response.json({ keys: [key.publicJwk] }),
    "api.amazon.com/auth/o2/token": () =>
      Response.json({ access_token: "Atza|fake", refresh_token: "Atzr|fake", token_type: "bearer", expires_in: 3600 }),
    "api.amazon.com/user/profile": () =>
      Response.json({ user_id: "amzn1.account.ADA", email: EMAIL, name: "Ada Lovelace" }),
  };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input as Request, init);
    const { host, pathname } = new URL(request.url);
    const path = `${host}${pathname}`;
    asked.push({
      path,
      request,
      body: new URLSearchParams(new TextDecoder().decode(await request.clone().arrayBuffer())),
    });
    const answer = answers[path];
    if (!answer) throw new TypeError(`nothing at ${path}`);
    return answer(request);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

function metadata(): Record<string, unknown> {
  return {
    issuer: PROVIDER,
    authorization_endpoint: `${PROVIDER}/authorize?tenant=acme`,
    token_endpoint: `${PROVIDER}/token`,
    jwks_uri: `${PROVIDER}/keys`,
  };
}

function seconds(): number {
  return Math.floor(service.clock.now / 1000);
}

async function idToken(nonce: string, claims: JWTPayload = {}, pair = key): Promise<string> {
  const content = {
    iss: PROVIDER,
    aud: OIDC.OIDC_CLIENT_ID,
    sub: "ada",
    iat: seconds(),
    exp: seconds() + 300,
    nonce,
    ...claims,
  };
  return new SignJWT(content).setProtectedHeader({ alg: "ES256", kid: pair.kid }).sign(pair.privateKey);
}

/** Opens the sign-in page, goes to the provider; the address the browser was sent to. */
async function leave(visitor: Visitor, method = "oidc", from = "/sign-in?continue_to=/account"): Promise<URL> {
  const page = await visitor.get(from);
  const away = await visitor.post("/sign-in", { method, ...page.hidden("/sign-in") });
  expect(away.status).toBe(303);
  return new URL(away.headers.get("location") ?? "");
}

/** The provider will answer this id token to the code. */
function willAnswer(token: string, extra: Record<string, unknown> = {}): void {
  answers["id.example.com/token"] = () => Response.json({ id_token: token, token_type: "Bearer", ...extra });
}

async function comeBack(
  visitor: Visitor,
  away: URL,
  change: Record<string, string> = {},
  method = "oidc",
): Promise<Page> {
  const query = new URLSearchParams({ code: "the-code", state: away.searchParams.get("state") ?? "", ...change });
  return visitor.get(`/sign-in/${method}/callback?${query}`);
}

/** A whole sign-in with these claims. */
async function signIn(visitor: Visitor, claims: JWTPayload = {}, pair = key): Promise<Page> {
  const away = await leave(visitor);
  willAnswer(await idToken(away.searchParams.get("nonce") ?? "", claims, pair));
  return comeBack(visitor, away);
}

async function count(table: string): Promise<number> {
  const row = await env.DB.prepare(`SELECT COUNT(*) AS n FROM ${table}`).first<{ n: number }>();
  return row?.n ?? -1;
}

describe("the sign-in page", () => {
  it("shows one button and no chooser when there is one method", async () => {
    service = startService(OIDC);
    const page = await visit(service).get("/sign-in");
    expect(page.html).toContain("Continue with Acme");
    expect(page.html).not.toContain('name="method" value="oidc">Continue');
    expect(page.html.match(/<button/g)?.length).toBe(1);
    expect(page.html).not.toContain('name="password"');
  });

  it("names each method on its button when there are several", async () => {
    service = startService({ ...OIDC, ...AMAZON, SIGN_IN_METHODS: "password,oidc,amazon" });
    const page = await visit(service).get("/sign-in");
    for (const method of ["password", "oidc", "amazon"]) {
      expect(page.html).toMatch(new RegExp(`<button[^>]*name="method"[^>]*value="${method}"`));
    }
  });

  it("P6: says which account is asked for", async () => {
    service = startService(AMAZON);
    expect((await visit(service).get("/sign-in")).html).toContain("Acme uses your Amazon account to sign you in.");
  });

  it.each([["oidc"], ["amazon"], ["passkey"], ["magic"], ["__proto__"]])(
    "does not take the method %s when it is off",
    async (method) => {
      service = startService();
      const visitor = visit(service);
      const page = await visitor.get("/sign-in");
      const answer = await visitor.post("/sign-in", {
        ...page.hidden("/sign-in"),
        method,
        email: EMAIL,
        password: PASSWORD,
      });
      expect(answer.status).toBe(400);
      expect((await visitor.get("/sign-in/oidc/callback?code=x&state=y")).status).toBe(404);
      expect(asked).toEqual([]);
    },
  );

  it("does not take a password when passwords are off", async () => {
    service = startService(OIDC);
    await addUser(service);
    const visitor = visit(service);
    const page = await visitor.get("/sign-in");
    const answer = await visitor.post("/sign-in", {
      ...page.hidden("/sign-in"),
      method: "password",
      email: EMAIL,
      password: PASSWORD,
    });
    expect(answer.status).toBe(400);
    expect(visitor.cookies.has("__Host-session")).toBe(false);
  });
});

describe("the company's identity provider", () => {
  beforeEach(() => {
    service = startService(OIDC);
  });

  it("signs in whom it names, with state, nonce and PKCE, and goes on to where the visitor wanted", async () => {
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
    willAnswer(await idToken(away.searchParams.get("nonce") ?? "", { email: "Ada@Example.com", name: "Ada" }));
    const back = await comeBack(ada, away);
    expect([back.status, back.headers.get("location")]).toEqual([303, "/account"]);
    expect((await ada.get("/account")).html).toContain("ada@example.com");
    const sent = asked.find((one) => one.path === "id.example.com/token");
    expect(sent?.body.get("redirect_uri")).toBe("https://link.example.com/sign-in/oidc/callback");
    expect(sent?.body.get("client_secret")).toBeNull();
    expect(sent?.request.headers.get("authorization")).toBe(`Basic ${btoa("alexa+link:obviously-fake%2Bsecret")}`);
    const verifier = new TextEncoder().encode(sent?.body.get("code_verifier") ?? "");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", verifier));
    const challenge = btoa(String.fromCharCode(...digest))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=/g, "");
    expect(away.searchParams.get("code_challenge")).toBe(challenge);
  });

  it("sends the secret in the body where the provider wants it there", async () => {
    answers["id.example.com/.well-known/openid-configuration"] = () =>
      Response.json({ ...metadata(), token_endpoint_auth_methods_supported: ["client_secret_post"] });
    expect((await signIn(visit(service))).status).toBe(303);
    const sent = asked.find((one) => one.path === "id.example.com/token");
    expect(sent?.body.get("client_secret")).toBe(OIDC.OIDC_CLIENT_SECRET);
    expect(sent?.request.headers.has("authorization")).toBe(false);
  });

  it("finds the same user again, under a new name", async () => {
    await signIn(visit(service), { name: "Ada" });
    const again = visit(service);
    await signIn(again, { name: "Ada Lovelace", email: EMAIL });
    expect(await count("users")).toBe(1);
    expect((await again.get("/account")).html).toContain("Ada Lovelace");
  });

  it("S5: never joins an account by its e-mail address", async () => {
    const passwordUser = await addUser(service);
    await signIn(visit(service), { sub: "somebody", email: EMAIL, email_verified: true });
    const { results } = await env.DB.prepare("SELECT user_id FROM identities WHERE method = 'oidc'").all<{
      user_id: string;
    }>();
    expect(results).toHaveLength(1);
    expect(results[0]?.user_id).not.toBe(passwordUser);
    expect(await count("users")).toBe(2);
  });

  it("does not show an address that the provider has not verified", async () => {
    const ada = visit(service);
    await signIn(ada, { email: EMAIL, email_verified: false, name: "Ada" });
    expect((await ada.get("/account")).html).not.toContain(EMAIL);
  });

  it("asks userinfo for the address when the id token has none, and believes it for the same person only", async () => {
    answers["id.example.com/.well-known/openid-configuration"] = () =>
      Response.json({ ...metadata(), userinfo_endpoint: `${PROVIDER}/userinfo` });
    for (const [sub, shown] of [
      ["ada", true],
      ["eve", false],
    ] as const) {
      answers["id.example.com/userinfo"] = () => Response.json({ sub, email: "from-userinfo@example.com" });
      const visitor = visit(service);
      const away = await leave(visitor);
      willAnswer(await idToken(away.searchParams.get("nonce") ?? "", { sub: "ada" }), { access_token: "fake" });
      await env.DB.prepare("DELETE FROM users").run();
      await comeBack(visitor, away);
      expect((await visitor.get("/account")).html.includes("from-userinfo@example.com")).toBe(shown);
    }
  });

  it("S3: the way back works once", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    willAnswer(await idToken(away.searchParams.get("nonce") ?? ""));
    expect((await comeBack(ada, away)).status).toBe(303);
    asked.length = 0;
    expect((await comeBack(ada, away)).status).toBe(403);
    expect(asked).toEqual([]);
  });

  it("S3: 20 returns at once sign in once", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    willAnswer(await idToken(away.searchParams.get("nonce") ?? ""));
    service.meter.faults.push({ when: () => true, delayMs: 10 });
    const all = await Promise.all(Array.from({ length: 20 }, () => comeBack(ada, away)));
    expect(all.filter((page) => page.status === 303).length).toBe(1);
  });

  it("S3: not in another browser, and not without a cookie; the right browser still comes in", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    willAnswer(await idToken(away.searchParams.get("nonce") ?? ""));
    const eve = visit(service);
    expect((await comeBack(eve, away)).status).toBe(403);
    await eve.get("/sign-in");
    expect((await comeBack(eve, away)).status).toBe(403);
    expect(eve.cookies.has("__Host-session")).toBe(false);
    expect((await comeBack(ada, away)).status).toBe(303);
  });

  it.each([
    ["nothing", ""],
    ["no state", "?code=x"],
    ["a made-up state", `?code=x&state=${"A".repeat(43)}`],
    ["a state with markup", "?code=x&state=%3Cscript%3E"],
    ["two states", "?code=x&state=a&state=b"],
    ["a huge state", `?code=x&state=${"A".repeat(9000)}`],
    ["controls", "?code=%00%0d%0a&state=%00"],
  ])("S3: a return with %s is a 403 page", async (_, query) => {
    const page = await visit(service).get(`/sign-in/oidc/callback${query}`);
    expect(page.status).toBe(403);
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    expect(asked).toEqual([]);
  });

  it("an hour later it says that it took too long", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    service.clock.advance(60 * 60 * 1000);
    const back = await comeBack(ada, away);
    expect(back.status).toBe(400);
    expect(back.html).toContain("This page was open too long");
  });

  const wrongTokens: [string, (nonce: string) => Promise<string>][] = [
    ["another nonce", () => idToken("another")],
    ["no nonce", (nonce) => idToken(nonce, { nonce: undefined as unknown as string })],
    ["another audience", (nonce) => idToken(nonce, { aud: "somebody-else" })],
    ["another issuer", (nonce) => idToken(nonce, { iss: "https://evil.test" })],
    ["an end in the past", (nonce) => idToken(nonce, { exp: seconds() - 61 })],
    ["an issue time in the future", (nonce) => idToken(nonce, { iat: seconds() + 61 })],
    ["no end", (nonce) => idToken(nonce, { exp: undefined as unknown as number })],
    ["no subject", (nonce) => idToken(nonce, { sub: undefined as unknown as string })],
    ["an empty subject", (nonce) => idToken(nonce, { sub: "" })],
    ["a subject of 256 characters", (nonce) => idToken(nonce, { sub: "x".repeat(256) })],
    ["several audiences and no authorized party", (nonce) => idToken(nonce, { aud: [OIDC.OIDC_CLIENT_ID, "other"] })],
    ["another authorized party", (nonce) => idToken(nonce, { azp: "other" })],
    ["a foreign key under the same id", async (nonce) => idToken(nonce, {}, await makeKey("one"))],
    ["an unknown key", async (nonce) => idToken(nonce, {}, await makeKey("unknown"))],
    [
      "a changed payload",
      async (nonce) => {
        const [head = "", , signature = ""] = (await idToken(nonce)).split(".");
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
        const secret = new TextEncoder().encode(JSON.stringify(key.publicJwk));
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
    ["no form of a token", async () => "not.a.jwt"],
    ["nothing in it", async () => ""],
  ];
  it.each(wrongTokens)("refuses an id token with %s", async (_, make) => {
    const ada = visit(service);
    const away = await leave(ada);
    willAnswer(await make(away.searchParams.get("nonce") ?? ""));
    const back = await comeBack(ada, away);
    expect(back.status).toBe(401);
    expect(back.html).toContain("did not work");
    expect(back.html).toContain('action="/sign-in"');
    expect(ada.cookies.has("__Host-session")).toBe(false);
    expect(await count("users")).toBe(0);
  });

  it("allows a minute between the clocks", async () => {
    expect((await signIn(visit(service), { iat: seconds() + 50 })).status).toBe(303);
    expect((await signIn(visit(service), { exp: seconds() - 50 })).status).toBe(303);
  });

  it("takes a token for several when it was issued to us", async () => {
    const claims = { aud: [OIDC.OIDC_CLIENT_ID, "other"], azp: OIDC.OIDC_CLIENT_ID };
    expect((await signIn(visit(service), claims)).status).toBe(303);
  });

  it("reads the keys anew when the provider has rotated them", async () => {
    expect((await signIn(visit(service))).status).toBe(303);
    key = await makeKey("two");
    expect((await signIn(visit(service))).status).toBe(303);
  });

  it.each([
    ["another's", { iss: "https://evil.test" }],
    ["empty", { iss: "" }],
  ])("RFC 9207: refuses an answer whose issuer is %s", async (_, change) => {
    const ada = visit(service);
    const away = await leave(ada);
    willAnswer(await idToken(away.searchParams.get("nonce") ?? ""));
    expect((await comeBack(ada, away, change)).status).toBe(401);
    expect(asked.some((one) => one.path === "id.example.com/token")).toBe(false);
  });

  it("RFC 9207: wants the issuer where the provider promises it", async () => {
    answers["id.example.com/.well-known/openid-configuration"] = () =>
      Response.json({ ...metadata(), authorization_response_iss_parameter_supported: true });
    const ada = visit(service);
    expect((await signIn(ada)).status).toBe(401);
    const away = await leave(ada);
    willAnswer(await idToken(away.searchParams.get("nonce") ?? ""));
    expect((await comeBack(ada, away, { iss: PROVIDER })).status).toBe(303);
  });

  it("a customer who cancels there gets the page back, and can try again", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    const back = await comeBack(ada, away, { error: "access_denied", error_description: "Call 0900-EVIL" });
    expect(back.status).toBe(200);
    expect(back.html).toContain("was cancelled");
    expect(back.html).not.toContain("EVIL");
    const again = await ada.post("/sign-in", back.hidden("/sign-in"));
    expect(again.headers.get("location")).toMatch(/^https:\/\/id\.example\.com\/authorize/);
  });

  it("another error of the provider is told in our words", async () => {
    const ada = visit(service);
    const away = await leave(ada);
    const back = await comeBack(ada, away, { error: "<b>server_error</b>", error_description: "Call 0900-EVIL" });
    expect(back.status).toBe(401);
    expect(back.html).toContain("did not work");
    expect(back.html).not.toMatch(/EVIL|server_error/);
  });

  it("after signing out, the provider has to ask again who it is", async () => {
    const ada = visit(service);
    await signIn(ada);
    expect((await leave(ada)).searchParams.has("prompt")).toBe(false);
    const account = await ada.get("/account");
    await ada.post("/sign-out", account.hidden("/sign-out"));
    expect((await leave(ada)).searchParams.get("prompt")).toBe("login");
    await signIn(ada);
    expect((await leave(ada)).searchParams.has("prompt")).toBe(false);
  });

  it("the session is new after each sign-in", async () => {
    const ada = visit(service);
    await signIn(ada);
    const first = ada.cookies.get("__Host-session");
    await signIn(ada);
    expect(ada.cookies.get("__Host-session")).not.toBe(first);
  });

  it("P2: pages before the button change nothing in storage and ask nobody", async () => {
    const ada = visit(service);
    await ada.get("/sign-in");
    await ada.get("/account");
    expect(service.meter.calls()).toEqual([]);
    expect(asked).toEqual([]);
  });
});

describe("a provider that is down, slow or broken", () => {
  beforeEach(() => {
    service = startService(OIDC);
  });

  const faults: [string, () => Response | Promise<Response>][] = [
    ["answers 503", () => new Response("<h1>down</h1>", { status: 503 })],
    ["answers 429", () => new Response(null, { status: 429 })],
    ["cannot be reached", () => Promise.reject(new TypeError("connection refused"))],
    ["redirects", () => Response.redirect("https://evil.test/", 302)],
    [
      "never ends its answer",
      () => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(65_536)) })),
    ],
  ];

  it.each(faults)("F2: when discovery %s, the page says so and goes on from there later", async (_, fault) => {
    const ada = visit(service);
    const page = await ada.get("/sign-in?continue_to=/account");
    const good = answers["id.example.com/.well-known/openid-configuration"];
    answers["id.example.com/.well-known/openid-configuration"] = fault;
    const answer = await ada.post("/sign-in", page.hidden("/sign-in"));
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(answer.html).toContain("does not answer right now");
    expect(asked.some((one) => one.path.startsWith("evil.test"))).toBe(false);
    answers["id.example.com/.well-known/openid-configuration"] = good ?? (() => new Response());
    const again = await ada.post("/sign-in", answer.hidden("/sign-in"));
    expect(again.status).toBe(303);
  });

  it.each(faults)("F2: when the token endpoint %s, the linking stays alive", async (_, fault) => {
    const ada = visit(service);
    const away = await leave(ada, "oidc", "/sign-in?continue_to=/somewhere");
    answers["id.example.com/token"] = fault;
    const back = await comeBack(ada, away);
    expect(back.status).toBe(503);
    expect(ada.cookies.has("__Host-session")).toBe(false);
    const second = await ada.post("/sign-in", back.hidden("/sign-in"));
    const again = new URL(second.headers.get("location") ?? "");
    willAnswer(await idToken(again.searchParams.get("nonce") ?? ""));
    expect((await comeBack(ada, again)).headers.get("location")).toBe("/somewhere");
  });

  it.each<[string, () => Response]>([
    ["an error", () => Response.json({ error: "invalid_grant" }, { status: 400 })],
    ["our secret refused", () => Response.json({ error: "invalid_client" }, { status: 401 })],
    ["no id token", () => Response.json({ access_token: "x" })],
    ["an id token that is no text", () => Response.json({ id_token: { a: 1 } })],
    ["HTML", () => new Response("<h1>Welcome</h1>", { headers: { "content-type": "text/html" } })],
    ["nothing", () => new Response(null)],
    ["a list", () => Response.json([])],
  ])("when the token endpoint answers %s, the customer can try again", async (_, answer) => {
    const ada = visit(service);
    const away = await leave(ada);
    answers["id.example.com/token"] = answer;
    const back = await comeBack(ada, away);
    expect(back.status).toBe(401);
    expect(back.html).toContain('action="/sign-in"');
  });

  it.each<[string, Record<string, unknown>]>([
    ["another issuer", { issuer: "https://evil.test" }],
    ["no token endpoint", { token_endpoint: undefined }],
    ["an authorization endpoint that is a script", { authorization_endpoint: "javascript:alert(1)" }],
    ["a token endpoint without https", { token_endpoint: "http://id.example.com/token" }],
    ["keys without https", { jwks_uri: "http://id.example.com/keys" }],
    ["no address of keys", { jwks_uri: undefined }],
  ])("metadata with %s is not used", async (_, change) => {
    answers["id.example.com/.well-known/openid-configuration"] = () => Response.json({ ...metadata(), ...change });
    const ada = visit(service);
    const page = await ada.get("/sign-in");
    expect((await ada.post("/sign-in", page.hidden("/sign-in"))).status).toBe(503);
    expect(await count("sign_in_attempts")).toBe(0);
  });

  it("an outage of its metadata does not matter while we remember it", async () => {
    await signIn(visit(service));
    answers["id.example.com/.well-known/openid-configuration"] = () => new Response(null, { status: 503 });
    service.clock.advance(11 * 60 * 1000);
    expect((await signIn(visit(service))).status).toBe(303);
  });
});

describe("Login with Amazon", () => {
  beforeEach(() => {
    service = startService(AMAZON);
  });

  it("signs in whom Amazon names, and keeps none of Amazon's tokens", async () => {
    const ada = visit(service);
    const away = await leave(ada, "amazon");
    expect(away.origin + away.pathname).toBe("https://www.amazon.com/ap/oa");
    expect(Object.fromEntries(away.searchParams)).toMatchObject({
      client_id: AMAZON.AMAZON_SIGN_IN_CLIENT_ID,
      scope: "profile",
      response_type: "code",
      redirect_uri: "https://link.example.com/sign-in/amazon/callback",
      code_challenge_method: "S256",
    });
    const back = await comeBack(ada, away, {}, "amazon");
    expect([back.status, back.headers.get("location")]).toEqual([303, "/account"]);
    expect((await ada.get("/account")).html).toContain(EMAIL);
    const profile = asked.find((one) => one.path === "api.amazon.com/user/profile");
    expect(profile?.request.headers.get("authorization")).toBe("Bearer Atza|fake");
    expect(await count("amazon_tokens")).toBe(0);
  });

  it("S5: never joins an account by its e-mail address", async () => {
    await addUser(service);
    const visitor = visit(service);
    await comeBack(visitor, await leave(visitor, "amazon"), {}, "amazon");
    expect(await count("users")).toBe(2);
  });

  it("S3: the way back works once, and only in the browser that left", async () => {
    const ada = visit(service);
    const away = await leave(ada, "amazon");
    expect((await comeBack(visit(service), away, {}, "amazon")).status).toBe(403);
    expect((await comeBack(ada, away, {}, "amazon")).status).toBe(303);
    expect((await comeBack(ada, away, {}, "amazon")).status).toBe(403);
  });

  it("L5: a customer who cancels at Amazon can try again", async () => {
    const ada = visit(service);
    const away = await leave(ada, "amazon");
    const back = await comeBack(ada, away, { error: "access_denied" }, "amazon");
    expect(back.html).toContain("Signing in with Amazon was cancelled.");
  });

  it.each<[string, string, () => Response, number]>([
    ["refuses the code", "auth/o2/token", () => Response.json({ error: "invalid_grant" }, { status: 400 }), 401],
    ["is down at the token endpoint", "auth/o2/token", () => new Response(null, { status: 503 }), 503],
    ["is down at the profile", "user/profile", () => new Response(null, { status: 500 }), 503],
    ["refuses the profile", "user/profile", () => Response.json({ error: "insufficient_scope" }, { status: 403 }), 401],
    ["names nobody", "user/profile", () => Response.json({ email: EMAIL }), 401],
    ["names nobody, emptily", "user/profile", () => Response.json({ user_id: "" }), 401],
  ])("when Amazon %s, nobody is signed in", async (_, path, answer, status) => {
    answers[`api.amazon.com/${path}`] = answer;
    const ada = visit(service);
    const back = await comeBack(ada, await leave(ada, "amazon"), {}, "amazon");
    expect(back.status).toBe(status);
    expect(ada.cookies.has("__Host-session")).toBe(false);
    expect(await count("users")).toBe(0);
  });

  it("S2: an attempt of one method does not return by the other's callback", async () => {
    service = startService({ ...OIDC, ...AMAZON, SIGN_IN_METHODS: "oidc,amazon" });
    const ada = visit(service);
    const away = await leave(ada, "amazon");
    expect((await comeBack(ada, away, {}, "oidc")).status).toBe(403);
    expect(asked).toEqual([]);
  });
});
