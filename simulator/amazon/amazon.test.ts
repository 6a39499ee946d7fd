// Login with Amazon, discovery and enablement: what the company's server calls when linking starts at the company.
import { describe, expect, it } from "vitest";
import { challengeOf } from "../library/pkce.ts";
import { LWA, SERVICE, SIMULATOR, SKILL_ID, startSimulator } from "../testing/test-simulator.ts";

const REDIRECT = `${SERVICE}/link/callback`;
const VERIFIER = "exampleVerifier-0123456789-abcdefghijklmnopqrstuvwxyz";

type TestSimulator = Awaited<ReturnType<typeof startSimulator>>;

async function consentUrl(changes: Record<string, string | undefined> = {}, path = "/ap/oa"): Promise<string> {
  const parameters = {
    client_id: LWA.clientId,
    scope: "alexa::skills:account_linking",
    response_type: "code",
    redirect_uri: REDIRECT,
    state: "s%2Bt=",
    code_challenge: await challengeOf(VERIFIER),
    code_challenge_method: "S256",
    ...changes,
  };
  const query = Object.entries(parameters).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return [`${name}=${name === "state" ? value : encodeURIComponent(value)}`];
  });
  return `${path}?${query.join("&")}`;
}

async function allow(simulator: TestSimulator, account = "nora", changes: Record<string, string | undefined> = {}) {
  const response = await simulator.post(await consentUrl(changes), { decision: "allow", account });
  return response.headers.get("location") ?? "";
}

function redeem(simulator: TestSimulator, code: string, changes: Record<string, string> = {}) {
  return simulator.post("/auth/o2/token", {
    grant_type: "authorization_code",
    code,
    client_id: LWA.clientId,
    client_secret: LWA.clientSecret,
    redirect_uri: REDIRECT,
    code_verifier: VERIFIER,
    ...changes,
  });
}

async function amazonTokens(simulator: TestSimulator, account = "nora") {
  const code = new URL(await allow(simulator, account)).searchParams.get("code") ?? "";
  return (await redeem(simulator, code)).json<{
    access_token: string;
    refresh_token: string;
    expires_in: unknown;
    token_type: string;
  }>();
}

function enablement(
  simulator: TestSimulator,
  token: string,
  method: string,
  region: string,
  code?: string,
  changes: object = {},
) {
  const accountLinkRequest = { redirectUri: REDIRECT, authCode: code, type: "AUTH_CODE" };
  return simulator.call(`/${region}/v1/users/~current/skills/${SKILL_ID}/enablement`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(method === "POST" && { body: JSON.stringify({ stage: "development", accountLinkRequest, ...changes }) }),
  });
}

describe("Amazon's consent page", () => {
  it("L5: an unknown client and an unlisted redirect URI show a page, a wrong scope is returned as an error", async () => {
    const simulator = await startSimulator();
    const unknown = await simulator.call(await consentUrl({ client_id: "nobody" }));
    expect([unknown.status, unknown.headers.has("location")]).toEqual([400, false]);
    const unlisted = await simulator.call(await consentUrl({ redirect_uri: `${REDIRECT}/` }));
    expect([unlisted.status, await unlisted.text()]).toEqual([
      400,
      expect.stringContaining("Redirect URI not allowed"),
    ]);
    const scope = await simulator.call(await consentUrl({ scope: "alexa::skills::account_linking" }));
    expect(scope.headers.get("location")).toContain("error=invalid_scope");
    expect(scope.headers.get("location")).toMatch(/&state=s%2Bt=$/);
  });

  it("asks with one Allow and one Cancel button; both go back with the same state", async () => {
    const simulator = await startSimulator();
    const page = await (await simulator.call(await consentUrl())).text();
    expect(page.match(/name="decision"/g)?.length).toBe(2);
    expect(await allow(simulator)).toMatch(
      /^https:\/\/link\.example\.com\/link\/callback\?code=AN\w+&state=s%2Bt=&scope=/,
    );
    const denied = await simulator.post(await consentUrl(), { decision: "deny" });
    expect([denied.status, denied.headers.get("location")]).toEqual([
      303,
      expect.stringContaining("error=access_denied"),
    ]);
  });

  it("the Alexa app's page requires fragment, stage and state", async () => {
    const simulator = await startSimulator();
    const path = "/spa/skill-account-linking-consent";
    const full = { fragment: "skill-account-linking-consent", skill_stage: "development" };
    expect((await simulator.call(await consentUrl(full, path))).status).toBe(200);
    for (const missing of ["fragment", "skill_stage"]) {
      const response = await simulator.call(await consentUrl({ ...full, [missing]: undefined }, path));
      expect(response.headers.get("location")).toContain("error=invalid_request");
    }
    const live = await simulator.call(await consentUrl({ ...full, skill_stage: "live" }, path));
    expect(live.headers.get("location")).toContain("error=invalid_request");
  });

  it("opening the page twice starts one attempt", async () => {
    const simulator = await startSimulator();
    await simulator.call(await consentUrl());
    await simulator.call(await consentUrl());
    expect((await simulator.json<{ items: unknown[] }>("GET", "/simulator/attempts")).items).toHaveLength(1);
  });

  it("can return an injected error", async () => {
    const simulator = await startSimulator();
    await simulator.faults({ consent: { error: "server_error", errorDescription: "Call this number", times: 1 } });
    expect(await allow(simulator)).toContain("error=server_error&error_description=Call%20this%20number&state=");
    await simulator.faults({ consent: { state: "missing", omitScope: true } });
    expect(await allow(simulator)).not.toMatch(/state=|scope=/);
  });
});

describe("Login with Amazon's token endpoint", () => {
  it("returns long tokens for a code, once, and refreshes them", async () => {
    const simulator = await startSimulator();
    const code = new URL(await allow(simulator)).searchParams.get("code") ?? "";
    const tokens = await (await redeem(simulator, code)).json<Record<string, string>>();
    expect(tokens.access_token).toMatch(/^Atza\|.{345,2043}$/);
    expect(tokens).toMatchObject({ token_type: "bearer", expires_in: 3600 });
    const again = await redeem(simulator, code);
    expect([again.status, await again.json()]).toEqual([400, expect.objectContaining({ error: "invalid_grant" })]);
    const refreshed = await simulator.post("/auth/o2/token", {
      grant_type: "refresh_token",
      refresh_token: tokens.refresh_token ?? "",
      client_id: LWA.clientId,
      client_secret: LWA.clientSecret,
    });
    expect(await refreshed.json()).toMatchObject({ refresh_token: tokens.refresh_token });
  });

  it.each([
    ["another verifier", { code_verifier: `${VERIFIER}x` }, 400, "invalid_grant"],
    ["another redirect URI", { redirect_uri: `${SERVICE}/app/callback` }, 400, "invalid_grant"],
    ["a wrong secret", { client_secret: "wrong" }, 401, "invalid_client"],
    ["an unknown grant type", { grant_type: "password" }, 400, "unsupported_grant_type"],
  ])("refuses %s, and the code stays good", async (_, changes, status, error) => {
    const simulator = await startSimulator();
    const code = new URL(await allow(simulator)).searchParams.get("code") ?? "";
    const refused = await redeem(simulator, code, changes);
    expect([refused.status, await refused.json()]).toEqual([status, expect.objectContaining({ error })]);
    expect((await redeem(simulator, code)).status).toBe(200);
  });

  it("codes expire after five minutes", async () => {
    const simulator = await startSimulator();
    const code = new URL(await allow(simulator)).searchParams.get("code") ?? "";
    await simulator.json("POST", "/simulator/clock", { advanceSeconds: 301 });
    expect((await redeem(simulator, code)).status).toBe(400);
  });

  it("faults: unavailable, HTML, a string for a number, another refresh token", async () => {
    const simulator = await startSimulator();
    await simulator.faults({ lwa: { mode: "html", times: 1 } });
    const html = await redeem(simulator, "x");
    expect(html.headers.get("content-type")).toContain("text/html");
    await simulator.faults({ lwaResponse: { expiresInString: true } });
    expect((await amazonTokens(simulator)).expires_in).toBe("3600");
    await simulator.faults({ lwa: 503 });
    expect((await redeem(simulator, "x")).status).toBe(503);
  });

  it("returns the profile only if it was allowed", async () => {
    const signIn = {
      clientId: "amzn1.application-oa2-client.signin",
      clientSecret: "example-2",
      returnUrls: [REDIRECT],
    };
    const simulator = await startSimulator({ loginWithAmazon: signIn });
    const url = await allow(simulator, "emil", { client_id: signIn.clientId, scope: "profile" });
    const code = new URL(url).searchParams.get("code") ?? "";
    const credentials = { client_id: signIn.clientId, client_secret: signIn.clientSecret };
    const tokens = await (await redeem(simulator, code, credentials)).json<{ access_token: string }>();
    const profile = (token: string) =>
      simulator.call("/user/profile", { headers: { authorization: `bearer ${token}` } });
    expect(await (await profile(tokens.access_token)).json()).toEqual({
      user_id: "amzn1.account.EMIL",
      name: "Emil",
      email: "emil@example.com",
    });
    expect((await profile((await amazonTokens(simulator)).access_token)).status).toBe(403);
  });
});

describe("discovery", () => {
  const ask = (simulator: TestSimulator, token: string, origin = SIMULATOR) =>
    simulator.call(`${origin}/v1/alexaApiEndpoint`, { headers: { authorization: `Bearer ${token}` } });

  it("L2: names the customer's region, as a host at Amazon and as a URL at the simulator", async () => {
    const simulator = await startSimulator();
    const { access_token } = await amazonTokens(simulator, "emil");
    expect(await (await ask(simulator, access_token)).json()).toEqual({ endpoints: [`${SIMULATOR}/eu`] });
    const atAmazon = await ask(simulator, access_token, "https://api.amazonalexa.com");
    expect(await atAmazon.json()).toEqual({ endpoints: ["api.eu.amazonalexa.com"] });
    expect((await ask(simulator, "nothing")).status).toBe(400);
  });

  it("faults: several hosts, with https, a foreign host, an error", async () => {
    const simulator = await startSimulator();
    const { access_token } = await amazonTokens(simulator, "fumi");
    const at = async () => (await ask(simulator, access_token, "https://api.amazonalexa.com")).json();
    await simulator.faults({ discoveryResponse: { endpoints: "several", https: true } });
    expect(await at()).toEqual({
      endpoints: ["https://api.amazonalexa.com", "https://api.eu.amazonalexa.com", "https://api.fe.amazonalexa.com"],
    });
    await simulator.faults({ discoveryResponse: { endpoints: "foreign" } });
    expect(await at()).toEqual({ endpoints: ["api.amazonalexa.com.evil.test"] });
    await simulator.faults({ discovery: 500 });
    expect((await ask(simulator, access_token)).status).toBe(500);
  });
});

describe("enablement", () => {
  it("L3: redeems the company's code at its token URL before it returns 201", async () => {
    const simulator = await startSimulator();
    const { access_token } = await amazonTokens(simulator, "emil");
    const response = await enablement(simulator, access_token, "POST", "eu", simulator.company.mintCode(REDIRECT));
    expect([response.status, await response.json()]).toEqual([
      201,
      expect.objectContaining({ status: "ENABLED", accountLink: { status: "LINKED" } }),
    ]);
    const exchanges = await simulator.exchanges();
    const outer = exchanges.find((each) => each.request.method === "POST" && each.request.url.includes("enablement"));
    const inner = exchanges.find((each) => each.request.url === `${SERVICE}/token`);
    expect(inner?.parentId).toBe(outer?.id);
    expect(inner?.request.body).not.toContain("code_verifier");
    expect((await enablement(simulator, access_token, "GET", "eu")).status).toBe(200);
  });

  it("L2: another region returns 404, or the injected status", async () => {
    const simulator = await startSimulator();
    const { access_token } = await amazonTokens(simulator, "emil");
    const code = simulator.company.mintCode(REDIRECT);
    expect((await enablement(simulator, access_token, "POST", "na", code)).status).toBe(404);
    await simulator.faults({ wrongRegion: 400 });
    expect((await enablement(simulator, access_token, "POST", "fe", code)).status).toBe(400);
    expect((await enablement(simulator, access_token, "POST", "eu", code)).status).toBe(201);
  });

  it("L1: Amazon's own code or another redirect URI is refused as invalid credentials", async () => {
    const simulator = await startSimulator();
    const { access_token } = await amazonTokens(simulator);
    const refused = { message: "Invalid account linking credentials" };
    const amazonCode = new URL(await allow(simulator)).searchParams.get("code") ?? "";
    const swapped = await enablement(simulator, access_token, "POST", "na", amazonCode);
    expect([swapped.status, await swapped.json()]).toEqual([400, refused]);
    const notes = (await simulator.exchanges()).map((each) => each.note ?? "");
    expect(notes.some((note) => note.includes("authCode is Amazon’s code"))).toBe(true);
    const request = { redirectUri: `${SERVICE}/elsewhere`, authCode: "c", type: "AUTH_CODE" };
    const elsewhere = await enablement(simulator, access_token, "POST", "na", "c", { accountLinkRequest: request });
    expect([elsewhere.status, await elsewhere.json()]).toEqual([400, refused]);
  });

  it("L4: lowercase bearer 400, unknown stage 400 or 404, other client's token 403, dead token 401", async () => {
    const simulator = await startSimulator();
    const { access_token } = await amazonTokens(simulator);
    const path = `/na/v1/users/~current/skills/${SKILL_ID}/enablement`;
    const lower = await simulator.call(path, { headers: { authorization: `bearer ${access_token}` } });
    expect(lower.status).toBe(400);
    expect((await enablement(simulator, access_token, "POST", "na", "c", { stage: "beta" })).status).toBe(400);
    expect((await enablement(simulator, access_token, "POST", "na", "c", { stage: "live" })).status).toBe(404);
    expect((await enablement(simulator, "a-token-of-the-company", "GET", "na")).status).toBe(400);
    expect((await enablement(simulator, "Atza|from-before-a-restart", "GET", "na")).status).toBe(401);
    await enablement(simulator, access_token, "POST", "na", simulator.company.mintCode(REDIRECT));
    expect((await enablement(simulator, access_token, "DELETE", "na")).status).toBe(204);
    expect((await enablement(simulator, access_token, "GET", "na")).status).toBe(401);
  });

  it("not enabled is 404", async () => {
    const simulator = await startSimulator();
    const { access_token } = await amazonTokens(simulator);
    expect((await enablement(simulator, access_token, "GET", "na")).status).toBe(404);
  });

  it("faults per region and method, limited in number", async () => {
    const simulator = await startSimulator();
    const { access_token } = await amazonTokens(simulator);
    await simulator.faults({
      enablement: { NA: { mode: "status", status: 429, retryAfter: 7, methods: ["POST"], times: 1 } },
    });
    expect((await enablement(simulator, access_token, "GET", "na")).status).toBe(404);
    const busy = await enablement(simulator, access_token, "POST", "na", "c");
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([429, "7"]);
    const code = simulator.company.mintCode(REDIRECT);
    await simulator.faults({ enablementResponse: { notLinked: true, times: 1 } });
    const response = await enablement(simulator, access_token, "POST", "na", code);
    expect([response.status, await response.json()]).toEqual([
      201,
      expect.objectContaining({ accountLink: { status: "NOT_LINKED" } }),
    ]);
  });
});
