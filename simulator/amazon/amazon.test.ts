// Login with Amazon, discovery and enablement: what the company's server meets when linking starts at the company.
import { describe, expect, it } from "vitest";
import { challengeOf } from "../library/pkce.ts";
import { LWA, SERVICE, SIMULATOR, SKILL_ID, setStage } from "../testing/stage.ts";

const REDIRECT = `${SERVICE}/link/callback`;
const VERIFIER = "exampleVerifier-0123456789-abcdefghijklmnopqrstuvwxyz";

type Stage = Awaited<ReturnType<typeof setStage>>;

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

async function allow(stage: Stage, account = "nora", changes: Record<string, string | undefined> = {}) {
  const answer = await stage.post(await consentUrl(changes), { decision: "allow", account });
  return answer.headers.get("location") ?? "";
}

function redeem(stage: Stage, code: string, changes: Record<string, string> = {}) {
  return stage.post("/auth/o2/token", {
    grant_type: "authorization_code",
    code,
    client_id: LWA.clientId,
    client_secret: LWA.clientSecret,
    redirect_uri: REDIRECT,
    code_verifier: VERIFIER,
    ...changes,
  });
}

async function amazonTokens(stage: Stage, account = "nora") {
  const code = new URL(await allow(stage, account)).searchParams.get("code") ?? "";
  return (await redeem(stage, code)).json<{
    access_token: string;
    refresh_token: string;
    expires_in: unknown;
    token_type: string;
  }>();
}

function enablement(stage: Stage, token: string, method: string, region: string, code?: string, changes: object = {}) {
  const accountLinkRequest = { redirectUri: REDIRECT, authCode: code, type: "AUTH_CODE" };
  return stage.call(`/${region}/v1/users/~current/skills/${SKILL_ID}/enablement`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(method === "POST" && { body: JSON.stringify({ stage: "development", accountLinkRequest, ...changes }) }),
  });
}

describe("Amazon's consent page", () => {
  it("L5: an unknown client and an unlisted redirect URI end on a page, a wrong scope goes back", async () => {
    const stage = await setStage();
    const unknown = await stage.call(await consentUrl({ client_id: "nobody" }));
    expect([unknown.status, unknown.headers.has("location")]).toEqual([400, false]);
    const unlisted = await stage.call(await consentUrl({ redirect_uri: `${REDIRECT}/` }));
    expect([unlisted.status, await unlisted.text()]).toEqual([
      400,
      expect.stringContaining("Redirect URI not allowed"),
    ]);
    const scope = await stage.call(await consentUrl({ scope: "alexa::skills::account_linking" }));
    expect(scope.headers.get("location")).toContain("error=invalid_scope");
    expect(scope.headers.get("location")).toMatch(/&state=s%2Bt=$/);
  });

  it("asks with one Allow and one Cancel button; both go back with the same state", async () => {
    const stage = await setStage();
    const page = await (await stage.call(await consentUrl())).text();
    expect(page.match(/name="decision"/g)?.length).toBe(2);
    expect(await allow(stage)).toMatch(/^https:\/\/link\.example\.com\/link\/callback\?code=AN\w+&state=s%2Bt=&scope=/);
    const denied = await stage.post(await consentUrl(), { decision: "deny" });
    expect([denied.status, denied.headers.get("location")]).toEqual([
      303,
      expect.stringContaining("error=access_denied"),
    ]);
  });

  it("the Alexa app's page wants fragment, stage and state", async () => {
    const stage = await setStage();
    const path = "/spa/skill-account-linking-consent";
    const full = { fragment: "skill-account-linking-consent", skill_stage: "development" };
    expect((await stage.call(await consentUrl(full, path))).status).toBe(200);
    for (const missing of ["fragment", "skill_stage"]) {
      const answer = await stage.call(await consentUrl({ ...full, [missing]: undefined }, path));
      expect(answer.headers.get("location")).toContain("error=invalid_request");
    }
    const live = await stage.call(await consentUrl({ ...full, skill_stage: "live" }, path));
    expect(live.headers.get("location")).toContain("error=invalid_request");
  });

  it("drawing the page twice begins one linking", async () => {
    const stage = await setStage();
    await stage.call(await consentUrl());
    await stage.call(await consentUrl());
    expect((await stage.json<{ items: unknown[] }>("GET", "/simulator/linkings")).items).toHaveLength(1);
  });

  it("can be told to answer something else", async () => {
    const stage = await setStage();
    await stage.faults({ consent: { error: "server_error", errorDescription: "Call this number", times: 1 } });
    expect(await allow(stage)).toContain("error=server_error&error_description=Call%20this%20number&state=");
    await stage.faults({ consent: { state: "missing", omitScope: true } });
    expect(await allow(stage)).not.toMatch(/state=|scope=/);
  });
});

describe("Login with Amazon's token endpoint", () => {
  it("gives long tokens for a code, once, and refreshes", async () => {
    const stage = await setStage();
    const code = new URL(await allow(stage)).searchParams.get("code") ?? "";
    const tokens = await (await redeem(stage, code)).json<Record<string, string>>();
    expect(tokens.access_token).toMatch(/^Atza\|.{345,2043}$/);
    expect(tokens).toMatchObject({ token_type: "bearer", expires_in: 3600 });
    const again = await redeem(stage, code);
    expect([again.status, await again.json()]).toEqual([400, expect.objectContaining({ error: "invalid_grant" })]);
    const refreshed = await stage.post("/auth/o2/token", {
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
    const stage = await setStage();
    const code = new URL(await allow(stage)).searchParams.get("code") ?? "";
    const refused = await redeem(stage, code, changes);
    expect([refused.status, await refused.json()]).toEqual([status, expect.objectContaining({ error })]);
    expect((await redeem(stage, code)).status).toBe(200);
  });

  it("codes end after five minutes", async () => {
    const stage = await setStage();
    const code = new URL(await allow(stage)).searchParams.get("code") ?? "";
    await stage.json("POST", "/simulator/clock", { advanceSeconds: 301 });
    expect((await redeem(stage, code)).status).toBe(400);
  });

  it("faults: down, HTML, text for a number, another refresh token", async () => {
    const stage = await setStage();
    await stage.faults({ lwa: { mode: "html", times: 1 } });
    const html = await redeem(stage, "x");
    expect(html.headers.get("content-type")).toContain("text/html");
    await stage.faults({ lwaAnswer: { expiresInString: true } });
    expect((await amazonTokens(stage)).expires_in).toBe("3600");
    await stage.faults({ lwa: 503 });
    expect((await redeem(stage, "x")).status).toBe(503);
  });

  it("tells the profile only when it was allowed", async () => {
    const signIn = {
      clientId: "amzn1.application-oa2-client.signin",
      clientSecret: "example-2",
      returnUrls: [REDIRECT],
    };
    const stage = await setStage({ loginWithAmazon: signIn });
    const url = await allow(stage, "emil", { client_id: signIn.clientId, scope: "profile" });
    const code = new URL(url).searchParams.get("code") ?? "";
    const credentials = { client_id: signIn.clientId, client_secret: signIn.clientSecret };
    const tokens = await (await redeem(stage, code, credentials)).json<{ access_token: string }>();
    const profile = (token: string) => stage.call("/user/profile", { headers: { authorization: `bearer ${token}` } });
    expect(await (await profile(tokens.access_token)).json()).toEqual({
      user_id: "amzn1.account.EMIL",
      name: "Emil",
      email: "emil@example.com",
    });
    expect((await profile((await amazonTokens(stage)).access_token)).status).toBe(403);
  });
});

describe("discovery", () => {
  const ask = (stage: Stage, token: string, origin = SIMULATOR) =>
    stage.call(`${origin}/v1/alexaApiEndpoint`, { headers: { authorization: `Bearer ${token}` } });

  it("L2: names the customer's region, as a host at Amazon and as an address here", async () => {
    const stage = await setStage();
    const { access_token } = await amazonTokens(stage, "emil");
    expect(await (await ask(stage, access_token)).json()).toEqual({ endpoints: [`${SIMULATOR}/eu`] });
    const atAmazon = await ask(stage, access_token, "https://api.amazonalexa.com");
    expect(await atAmazon.json()).toEqual({ endpoints: ["api.eu.amazonalexa.com"] });
    expect((await ask(stage, "nothing")).status).toBe(400);
  });

  it("faults: several, with https, a stranger's host, an error", async () => {
    const stage = await setStage();
    const { access_token } = await amazonTokens(stage, "fumi");
    const at = async () => (await ask(stage, access_token, "https://api.amazonalexa.com")).json();
    await stage.faults({ discoveryAnswer: { endpoints: "several", https: true } });
    expect(await at()).toEqual({
      endpoints: ["https://api.amazonalexa.com", "https://api.eu.amazonalexa.com", "https://api.fe.amazonalexa.com"],
    });
    await stage.faults({ discoveryAnswer: { endpoints: "foreign" } });
    expect(await at()).toEqual({ endpoints: ["api.amazonalexa.com.evil.test"] });
    await stage.faults({ discovery: 500 });
    expect((await ask(stage, access_token)).status).toBe(500);
  });
});

describe("enablement", () => {
  it("L3: redeems the company's code at its token URL before it answers 201", async () => {
    const stage = await setStage();
    const { access_token } = await amazonTokens(stage, "emil");
    const answer = await enablement(stage, access_token, "POST", "eu", stage.company.mintCode(REDIRECT));
    expect([answer.status, await answer.json()]).toEqual([
      201,
      expect.objectContaining({ status: "ENABLED", accountLink: { status: "LINKED" } }),
    ]);
    const exchanges = await stage.exchanges();
    const outer = exchanges.find((each) => each.request.method === "POST" && each.request.url.includes("enablement"));
    const inner = exchanges.find((each) => each.request.url === `${SERVICE}/token`);
    expect(inner?.parentId).toBe(outer?.id);
    expect(inner?.request.body).not.toContain("code_verifier");
    expect((await enablement(stage, access_token, "GET", "eu")).status).toBe(200);
  });

  it("L2: another region answers 404, or whatever was asked for", async () => {
    const stage = await setStage();
    const { access_token } = await amazonTokens(stage, "emil");
    const code = stage.company.mintCode(REDIRECT);
    expect((await enablement(stage, access_token, "POST", "na", code)).status).toBe(404);
    await stage.faults({ wrongRegion: 400 });
    expect((await enablement(stage, access_token, "POST", "fe", code)).status).toBe(400);
    expect((await enablement(stage, access_token, "POST", "eu", code)).status).toBe(201);
  });

  it("L1: Amazon's own code or another redirect URI is refused as invalid credentials", async () => {
    const stage = await setStage();
    const { access_token } = await amazonTokens(stage);
    const refused = { message: "Invalid account linking credentials" };
    const amazonCode = new URL(await allow(stage)).searchParams.get("code") ?? "";
    const swapped = await enablement(stage, access_token, "POST", "na", amazonCode);
    expect([swapped.status, await swapped.json()]).toEqual([400, refused]);
    const notes = (await stage.exchanges()).map((each) => each.note ?? "");
    expect(notes.some((note) => note.includes("authCode is Amazon’s code"))).toBe(true);
    const request = { redirectUri: `${SERVICE}/elsewhere`, authCode: "c", type: "AUTH_CODE" };
    const elsewhere = await enablement(stage, access_token, "POST", "na", "c", { accountLinkRequest: request });
    expect([elsewhere.status, await elsewhere.json()]).toEqual([400, refused]);
  });

  it("L4: bearer in lower case 400, unknown stage 400 or 404, other client's token 403, dead token 401", async () => {
    const stage = await setStage();
    const { access_token } = await amazonTokens(stage);
    const path = `/na/v1/users/~current/skills/${SKILL_ID}/enablement`;
    const lower = await stage.call(path, { headers: { authorization: `bearer ${access_token}` } });
    expect(lower.status).toBe(400);
    expect((await enablement(stage, access_token, "POST", "na", "c", { stage: "beta" })).status).toBe(400);
    expect((await enablement(stage, access_token, "POST", "na", "c", { stage: "live" })).status).toBe(404);
    expect((await enablement(stage, "a-token-of-the-company", "GET", "na")).status).toBe(400);
    expect((await enablement(stage, "Atza|from-before-a-restart", "GET", "na")).status).toBe(401);
    await enablement(stage, access_token, "POST", "na", stage.company.mintCode(REDIRECT));
    expect((await enablement(stage, access_token, "DELETE", "na")).status).toBe(204);
    expect((await enablement(stage, access_token, "GET", "na")).status).toBe(401);
  });

  it("not enabled is 404", async () => {
    const stage = await setStage();
    const { access_token } = await amazonTokens(stage);
    expect((await enablement(stage, access_token, "GET", "na")).status).toBe(404);
  });

  it("faults per region and method, limited in number", async () => {
    const stage = await setStage();
    const { access_token } = await amazonTokens(stage);
    await stage.faults({
      enablement: { NA: { mode: "status", status: 429, retryAfter: 7, methods: ["POST"], times: 1 } },
    });
    expect((await enablement(stage, access_token, "GET", "na")).status).toBe(404);
    const busy = await enablement(stage, access_token, "POST", "na", "c");
    expect([busy.status, busy.headers.get("retry-after")]).toEqual([429, "7"]);
    const code = stage.company.mintCode(REDIRECT);
    await stage.faults({ enablementAnswer: { notLinked: true, times: 1 } });
    const answer = await enablement(stage, access_token, "POST", "na", code);
    expect([answer.status, await answer.json()]).toEqual([
      201,
      expect.objectContaining({ accountLink: { status: "NOT_LINKED" } }),
    ]);
  });
});
