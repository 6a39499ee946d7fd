// The library: what Alexa sends, and how strictly it checks the responses.
import { describe, expect, it } from "vitest";
import { readText } from "../state/recording.ts";
import {
  amazonRedirectUri,
  buildAuthorizationRequest,
  buildState,
  challengeOf,
  checkTokenResponse,
  codeExchangeRequest,
  firstFailure,
  passed,
  readAuthorizationResponse,
  refreshRequest,
  sendTokenRequest,
} from "./index.ts";

const CLIENT = {
  tokenUrl: "https://link.example.com/token",
  clientId: "alexa",
  clientSecret: "example-secret",
} as const;
const GOOD = { access_token: "at", token_type: "Bearer", expires_in: 3600, refresh_token: "rt" };

function request() {
  return buildAuthorizationRequest({
    authorizationUrl: "https://link.example.com/authorize",
    clientId: "alexa",
    redirectUri: amazonRedirectUri("layla", "M0EXAMPLE00001"),
    scopes: ["profile", "devices:control"],
    pkce: true,
  });
}

function judge(body: unknown, init: ResponseInit = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const headers = { "content-type": "application/json;charset=UTF-8", "cache-control": "no-store" };
  return checkTokenResponse(new Response(text, { headers, ...init }), new TextEncoder().encode(text));
}

describe("the authorization request", () => {
  it("B3: state is long base64 with padding, plus and slash", () => {
    for (const length of [64, 640, 4096]) {
      const state = buildState(length);
      expect(state.length).toBeGreaterThanOrEqual(length);
      expect(state.length).toBeLessThan(length + 140);
      expect(state).toMatch(/^[A-Za-z0-9+/]+==$/);
      expect(state).toContain("+");
      expect(state).toContain("/");
      expect(JSON.parse(atob(state))).toHaveProperty("initVector");
    }
  });

  it("percent-encodes like Alexa: %20 between scopes, %3D at the end of state", async () => {
    const { url, codeVerifier } = await request();
    expect(url).toContain("scope=profile%20devices%3Acontrol&");
    expect(url).toMatch(/state=[A-Za-z0-9%]+%3D%3D&/);
    expect(url).toContain(`code_challenge=${await challengeOf(codeVerifier ?? "")}&code_challenge_method=S256`);
  });

  it("computes S256 challenges as in the published example", async () => {
    expect(await challengeOf("exampleVerifier-0123456789-abcdefghijklmnopqrstuvwxyz")).toBe(
      "52zK01ZZwidKPWAtWwhQDAJ3-wNcB-wOZSMYV5O5q_g",
    );
  });
});

describe("the response at the redirect URI", () => {
  it("accepts a code with the same state", async () => {
    const sent = await request();
    const response = readAuthorizationResponse(sent, `${sent.redirectUri}?code=c_1&state=${sent.encodedState}`);
    expect(response.code).toBe("c_1");
    expect(response.checks.filter((check) => !check.ok)).toEqual([]);
  });

  it.each([
    ["a plus changed to a space", (state: string) => state.replaceAll("%2B", "%20"), /space/],
    ["lost padding", (state: string) => state.replaceAll("%3D", ""), /padding/],
    ["a cut", (state: string) => state.slice(0, 300).replace(/%.?$/, ""), /cut/],
    ["invalid encoding", (state: string) => `${state}%`, /percent-encoding of state is invalid/],
    ["another value", () => "other", /different state/],
  ])("B1: refuses a state with %s, and explains it", async (_, change, message) => {
    const sent = await request();
    const { checks } = readAuthorizationResponse(sent, `${sent.redirectUri}?code=c&state=${change(sent.encodedState)}`);
    expect(firstFailure(checks)?.name).toBe("response_state");
    expect(firstFailure(checks)?.detail).toMatch(message);
  });

  it("B1: another encoding of the same state links, but is noted", async () => {
    const sent = await request();
    const raw = sent.encodedState.replaceAll("%3D", "=");
    const { checks } = readAuthorizationResponse(sent, `${sent.redirectUri}?code=c&state=${raw}`);
    expect(passed(checks)).toBe(true);
    expect(checks.find((check) => check.name === "response_state_bytes")?.ok).toBe(false);
  });

  it("L6: a response from the app must have source=app", async () => {
    const sent = await request();
    const url = `${sent.redirectUri}?code=c&state=${sent.encodedState}`;
    expect(passed(readAuthorizationResponse(sent, url, true).checks)).toBe(false);
    expect(passed(readAuthorizationResponse(sent, `${url}&source=app`, true).checks)).toBe(true);
  });

  it("refuses repeated parameters", async () => {
    const sent = await request();
    const { checks } = readAuthorizationResponse(sent, `${sent.redirectUri}?code=a&code=b&state=${sent.encodedState}`);
    expect(firstFailure(checks)?.name).toBe("response_parameters_once");
  });
});

describe("token requests", () => {
  const grant = { code: "c_1", redirectUri: "https://layla.amazon.com/api/skill/link/M0", codeVerifier: "v" };

  it("W3: come from a Java client with client_id in the body even with HTTP Basic", async () => {
    const sent = codeExchangeRequest({ ...CLIENT, accessTokenScheme: "HTTP_BASIC" }, grant);
    expect(sent.headers.get("user-agent")).toContain("Apache-HttpClient");
    expect(sent.headers.get("authorization")).toBe(`Basic ${btoa("alexa:example-secret")}`);
    const form = new URLSearchParams(await readText(sent));
    expect(Object.fromEntries(form)).toEqual({
      grant_type: "authorization_code",
      code: "c_1",
      redirect_uri: grant.redirectUri,
      code_verifier: "v",
      client_id: "alexa",
    });
  });

  it("A3: have the secret in the body if the skill is configured so, and refresh without a scope", async () => {
    const sent = refreshRequest({ ...CLIENT, accessTokenScheme: "REQUEST_BODY_CREDENTIALS" }, "rt_1");
    expect(sent.headers.has("authorization")).toBe(false);
    expect(await readText(sent)).toBe(
      "grant_type=refresh_token&refresh_token=rt_1&client_id=alexa&client_secret=example-secret",
    );
  });

  it("A1: can form-encode id and secret before base64", () => {
    const client = {
      ...CLIENT,
      clientSecret: "a+b/c",
      accessTokenScheme: "HTTP_BASIC",
      basicEncoding: "form",
    } as const;
    expect(codeExchangeRequest(client, grant).headers.get("authorization")).toBe(`Basic ${btoa("alexa:a%2Bb%2Fc")}`);
  });

  it("W2: a response after the time limit is ignored", async () => {
    const slow = () => new Promise<Response>((resolve) => setTimeout(() => resolve(Response.json(GOOD)), 500));
    const sent = refreshRequest({ ...CLIENT, accessTokenScheme: "HTTP_BASIC" }, "rt_1");
    const outcome = await sendTokenRequest(slow, sent, 20);
    expect(outcome).toMatchObject({ ok: false, status: 0 });
    expect(firstFailure(outcome.checks)?.name).toBe("token_in_time");
  });
});

describe("token responses", () => {
  it("W1: a complete response passes every check", () => {
    const { ok, checks, tokens } = judge(GOOD);
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
    expect(tokens).toEqual({ accessToken: "at", refreshToken: "rt", expiresIn: 3600 });
  });

  it.each([
    ["T5: no expires_in", { ...GOOD, expires_in: undefined }, "token_expires_in"],
    ["T5: expires_in as text", { ...GOOD, expires_in: "3600" }, "token_expires_in"],
    ["T6: under 360 s", { ...GOOD, expires_in: 359 }, "token_life"],
    ["T5: another token type", { ...GOOD, token_type: "standard" }, "token_type_bearer"],
    ["T5: no refresh token", { ...GOOD, refresh_token: undefined }, "token_refresh_token"],
    ["no access token", { ...GOOD, access_token: "" }, "token_access_token"],
    ["W1: a byte order mark", `\uFEFF${JSON.stringify(GOOD)}`, "token_json"],
    ["a list", [GOOD], "token_json"],
    ["an empty body", "", "token_json"],
  ])("%s is refused", (_, body, name) => {
    const { ok, checks } = judge(body);
    expect(ok).toBe(false);
    expect(firstFailure(checks)?.name).toBe(name);
  });

  it("W1: HTML, other statuses and redirects are refused", () => {
    const html = judge(GOOD, { headers: { "content-type": "text/html" } });
    expect(firstFailure(html.checks)?.name).toBe("token_content_type");
    expect(firstFailure(judge(GOOD, { status: 201 }).checks)?.name).toBe("token_status");
    const refused = judge({ error: "invalid_grant" }, { status: 400 });
    expect(refused).toMatchObject({ ok: false, status: 400, error: "invalid_grant" });
  });

  it("should not be cached, but Alexa links without the header", () => {
    const { ok, checks } = judge(GOOD, { headers: { "content-type": "application/json" } });
    expect(ok).toBe(true);
    expect(checks.find((check) => check.name === "token_no_store")?.ok).toBe(false);
  });
});
