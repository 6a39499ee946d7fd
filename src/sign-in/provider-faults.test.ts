import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  comeBack,
  count,
  DISCOVERY,
  leave,
  metadata,
  OIDC,
  type Providers,
  signInThere,
  standInForProviders,
} from "../../test/support/providers.ts";
import { type Service, startService } from "../../test/support/service.ts";
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

describe("a provider that is down, slow or broken", () => {
  const faults: [string, () => Response | Promise<Response>][] = [
    ["returns 503", () => new Response("<h1>down</h1>", { status: 503 })],
    ["returns 429", () => new Response(null, { status: 429 })],
    ["cannot be reached", () => Promise.reject(new TypeError("connection refused"))],
    ["redirects", () => Response.redirect("https://evil.test/", 302)],
    [
      "never completes its response",
      () => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(65_536)) })),
    ],
  ];

  it.each(faults)("F2: when discovery %s, the page shows an error, and its form works later", async (_, fault) => {
    const ada = visit(service);
    const page = await ada.get("/sign-in?continue_to=/account");
    const good = providers.endpoints[DISCOVERY];
    providers.endpoints[DISCOVERY] = fault;
    const response = await ada.post("/sign-in", page.hidden("/sign-in"));
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
    expect(response.html).toContain("isn’t possible right now");
    expect(providers.asked.some((one) => one.path.startsWith("evil.test"))).toBe(false);
    providers.endpoints[DISCOVERY] = good ?? (() => new Response());
    const again = await ada.post("/sign-in", response.hidden("/sign-in"));
    expect(again.status).toBe(303);
  });

  it.each(faults)("F2: when the token endpoint %s, the link attempt stays open", async (_, fault) => {
    const ada = visit(service);
    const away = await leave(ada, "oidc", "/sign-in?continue_to=/somewhere");
    providers.endpoints["id.example.com/token"] = fault;
    const back = await comeBack(ada, away);
    expect(back.status).toBe(503);
    expect(ada.cookies.has("__Host-session")).toBe(false);
    const second = await ada.post("/sign-in", back.hidden("/sign-in"));
    const again = new URL(second.headers.get("location") ?? "");
    providers.returnIdToken(await providers.idToken(again.searchParams.get("nonce") ?? ""));
    expect((await comeBack(ada, again)).headers.get("location")).toBe("/somewhere");
  });

  it.each<[string, () => Response]>([
    ["an error", () => Response.json({ error: "invalid_grant" }, { status: 400 })],
    ["invalid_client", () => Response.json({ error: "invalid_client" }, { status: 401 })],
    ["no id token", () => Response.json({ access_token: "x" })],
    ["an id token that is not text", () => Response.json({ id_token: { a: 1 } })],
    ["HTML", () => new Response("<h1>Welcome</h1>", { headers: { "content-type": "text/html" } })],
    ["an empty body", () => new Response(null)],
    ["an array", () => Response.json([])],
  ])("when the token endpoint responds with %s, the customer can try again", async (_, respond) => {
    const ada = visit(service);
    const away = await leave(ada);
    providers.endpoints["id.example.com/token"] = respond;
    const back = await comeBack(ada, away);
    expect(back.status).toBe(401);
    expect(back.html).toContain('action="/sign-in"');
  });

  it.each<[string, Record<string, unknown>]>([
    ["another issuer", { issuer: "https://evil.test" }],
    ["no token endpoint", { token_endpoint: undefined }],
    ["a script URL as authorization endpoint", { authorization_endpoint: "javascript:alert(1)" }],
    ["a token endpoint without https", { token_endpoint: "http://id.example.com/token" }],
    ["a key set URL without https", { jwks_uri: "http://id.example.com/keys" }],
    ["no key set URL", { jwks_uri: undefined }],
  ])("metadata with %s is not used", async (_, change) => {
    providers.endpoints[DISCOVERY] = () => Response.json({ ...metadata(), ...change });
    const ada = visit(service);
    const page = await ada.get("/sign-in");
    expect((await ada.post("/sign-in", page.hidden("/sign-in"))).status).toBe(503);
    expect(await count("sign_in_attempts")).toBe(0);
  });

  it("an outage of discovery has no effect while the metadata is cached", async () => {
    await signInThere(providers, visit(service));
    providers.endpoints[DISCOVERY] = () => new Response(null, { status: 503 });
    service.clock.advance(11 * 60 * 1000);
    expect((await signInThere(providers, visit(service))).status).toBe(303);
  });
});
