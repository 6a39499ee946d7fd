import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { admin } from "../../test/support/admin.ts";
import {
  AMAZON,
  comeBack,
  count,
  leave,
  OIDC,
  type Providers,
  standInForProviders,
} from "../../test/support/providers.ts";
import { type Service, startService } from "../../test/support/service.ts";
import { addUser, EMAIL, PASSWORD } from "../../test/support/users.ts";
import { visit } from "../../test/support/visitor.ts";

let service: Service;
let providers: Providers;

function seconds(): number {
  return Math.floor(service.clock.now / 1000);
}

beforeEach(async () => {
  service = startService(AMAZON);
  providers = await standInForProviders(seconds);
});
afterEach(() => {
  vi.restoreAllMocks();
});

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

  it("P6: the page names the account to use", async () => {
    service = startService(AMAZON);
    expect((await visit(service).get("/sign-in")).html).toContain("Acme uses your Amazon account to sign you in.");
  });

  it.each([["oidc"], ["amazon"], ["passkey"], ["magic"], ["__proto__"]])(
    "refuses the method %s when it is not configured",
    async (method) => {
      service = startService();
      const visitor = visit(service);
      const page = await visitor.get("/sign-in");
      const response = await visitor.post("/sign-in", {
        ...page.hidden("/sign-in"),
        method,
        email: EMAIL,
        password: PASSWORD,
      });
      expect(response.status).toBe(400);
      expect((await visitor.get("/sign-in/oidc/callback?code=x&state=y")).status).toBe(404);
      expect(providers.asked).toEqual([]);
    },
  );

  it("refuses a password when the password method is not configured", async () => {
    service = startService(OIDC);
    await addUser(service);
    const visitor = visit(service);
    const page = await visitor.get("/sign-in");
    const response = await visitor.post("/sign-in", {
      ...page.hidden("/sign-in"),
      method: "password",
      email: EMAIL,
      password: PASSWORD,
    });
    expect(response.status).toBe(400);
    expect(visitor.cookies.has("__Host-session")).toBe(false);
  });
});

describe("Login with Amazon", () => {
  it("signs in the person that Amazon identifies, and stores none of Amazon's tokens", async () => {
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
    expect((await ada.get("/account")).html).toContain("Ada Lovelace");
    const profile = providers.asked.find((one) => one.path === "api.amazon.com/user/profile");
    expect(profile?.request.headers.get("authorization")).toBe("Bearer Atza|fake");
    expect(await count("amazon_tokens")).toBe(0);
  });

  it("S5: an equal email address does not join two accounts", async () => {
    await addUser(service);
    const visitor = visit(service);
    await comeBack(visitor, await leave(visitor, "amazon"), {}, "amazon");
    expect(await count("users")).toBe(2);
  });

  it("S3: the callback works once, and only in the browser that started the sign-in", async () => {
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
    ["returns no user id", "user/profile", () => Response.json({ email: EMAIL }), 401],
    ["returns an empty user id", "user/profile", () => Response.json({ user_id: "" }), 401],
  ])("when Amazon %s, the visitor is not signed in", async (_, path, respond, status) => {
    providers.endpoints[`api.amazon.com/${path}`] = respond;
    const ada = visit(service);
    const back = await comeBack(ada, await leave(ada, "amazon"), {}, "amazon");
    expect(back.status).toBe(status);
    expect(ada.cookies.has("__Host-session")).toBe(false);
    expect(await count("users")).toBe(0);
    // What alerts look at.
    const { body } = await admin(service, "GET", "metrics");
    const { amazon_profile_unavailable: counted } = (body.totals as { counts: Record<string, number> }).counts;
    expect(counted).toBe(path === "user/profile" && status === 503 ? 1 : undefined);
  });

  it("S2: the callback of another sign-in method refuses the attempt", async () => {
    service = startService({ ...OIDC, ...AMAZON, SIGN_IN_METHODS: "oidc,amazon" });
    const ada = visit(service);
    const away = await leave(ada, "amazon");
    expect((await comeBack(ada, away, {}, "oidc")).status).toBe(403);
    expect(providers.asked).toEqual([]);
  });
});
