// The simulated Skill Management API.
import { describe, expect, it } from "vitest";
import { SERVICE, SKILL_ID, skill, startSimulator } from "../testing/test-simulator.ts";

const TOKEN = "Atza|simulated-developer";
const LINKING = `/v1/skills/${SKILL_ID}/stages/development/accountLinkingClient`;
const MANIFEST = `/v1/skills/${SKILL_ID}/stages/development/manifest`;
const STATUS = `/v1/skills/${SKILL_ID}/status?resource=manifest`;

type Simulator = Awaited<ReturnType<typeof startSimulator>>;

function linking(changes: Record<string, unknown> = {}) {
  return {
    type: "AUTH_CODE",
    authorizationUrl: `${SERVICE}/authorize`,
    accessTokenUrl: `${SERVICE}/token`,
    accessTokenScheme: "HTTP_BASIC",
    clientId: "alexa-test",
    clientSecret: "example-secret",
    scopes: ["profile"],
    redirectUrls: [`${SERVICE}/link/callback`],
    ...changes,
  };
}

async function smapi(simulator: Simulator, method: string, path: string, body?: unknown, headers = {}) {
  const response = await simulator.call(path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, etag: response.headers.get("etag") ?? "", text, json: text && JSON.parse(text) };
}

const put = (simulator: Simulator, changes: Record<string, unknown>, headers = {}) =>
  smapi(simulator, "PUT", LINKING, { accountLinkingRequest: linking(changes) }, headers);

describe("account linking", () => {
  it("reads what the skill has, without what Amazon's response lacks", async () => {
    const simulator = await startSimulator({
      accountLinking: { skipOnEnablement: true, domains: ["cdn.example.com"] },
    });
    const { status, json, etag, text } = await smapi(simulator, "GET", LINKING);
    expect([status, etag !== ""]).toEqual([200, true]);
    expect(json.accountLinkingResponse).toMatchObject({ clientId: "alexa-test", domains: ["cdn.example.com"] });
    expect(text).not.toMatch(/secret|skipOnEnablement|pkce/i);
  });

  it("links by the new configuration from then on", async () => {
    const simulator = await startSimulator();
    expect(
      (await put(simulator, { clientId: "another-client", pkceConfiguration: { status: "DISABLED" } })).status,
    ).toBe(204);
    const { authorizeUrl } = await simulator.linkFromAlexa();
    const query = new URL(authorizeUrl).searchParams;
    expect([query.get("client_id"), query.get("code_challenge")]).toEqual(["another-client", null]);
    await put(simulator, { pkceConfiguration: { status: "ENABLED", codeChallengeMethod: "S256" } });
    expect((await simulator.linkFromAlexa()).text).toContain("linked");
  });

  it("accepts If-Match with the present ETag only", async () => {
    const simulator = await startSimulator();
    const { etag } = await smapi(simulator, "GET", LINKING);
    expect((await put(simulator, { scopes: ["email"] }, { "if-match": etag })).status).toBe(204);
    expect((await put(simulator, { scopes: ["other"] }, { "if-match": etag })).status).toBe(412);
    expect((await smapi(simulator, "GET", LINKING)).json.accountLinkingResponse.scopes).toEqual(["email"]);
  });

  it.each([
    ["a body that is not wrapped", linking(), "EXPECTED_NOT_EMPTY_VALUE"],
    ["no secret", { accountLinkingRequest: linking({ clientSecret: undefined }) }, "EXPECTED_NOT_EMPTY_VALUE"],
    ["an empty client id", { accountLinkingRequest: linking({ clientId: "" }) }, "EXPECTED_NOT_EMPTY_VALUE"],
    ["a smart-home skill without scopes", { accountLinkingRequest: linking({ scopes: [] }) }, "scopes"],
    ["16 scopes", { accountLinkingRequest: linking({ scopes: Array(16).fill("s") }) }, "scopes"],
    ["16 domains", { accountLinkingRequest: linking({ domains: Array(16).fill("a.example") }) }, "domains"],
    ["a token URL with http", { accountLinkingRequest: linking({ accessTokenUrl: "http://a.example" }) }, "https"],
    [
      "a platform in another spelling",
      {
        accountLinkingRequest: linking({
          authorizationUrlsByPlatform: [{ platformType: "ios", platformAuthorizationUrl: SERVICE }],
        }),
      },
      "platformType",
    ],
    ["text for a boolean", { accountLinkingRequest: linking({ skipOnEnablement: "true" }) }, "skipOnEnablement"],
    ["an unknown member", { accountLinkingRequest: linking({ authenticationFlowType: "x" }) }, "unknown field"],
    ["no JSON", "{", "not JSON"],
    ["nothing", "", "not JSON"],
  ])("refuses %s", async (_, body, expected) => {
    const simulator = await startSimulator();
    const { status, text } = await smapi(simulator, "PUT", LINKING, body);
    expect(status).toBe(400);
    expect(text).toContain(expected);
  });

  it("needs the developer's token, a known skill and stage; live is read only", async () => {
    const simulator = await startSimulator();
    await simulator.json("PUT", "/simulator/skill", skill({ stage: "live" }));
    const live = LINKING.replace("development", "live");
    const status = async (method: string, path: string, headers = {}) =>
      (
        await smapi(
          simulator,
          method,
          path,
          method === "PUT" ? { accountLinkingRequest: linking() } : undefined,
          headers,
        )
      ).status;
    expect(await status("GET", LINKING, { authorization: "Bearer Atza|another" })).toBe(401);
    expect(await status("GET", LINKING, { authorization: `bearer ${TOKEN}` })).toBe(401);
    expect(await status("GET", LINKING.replace(SKILL_ID, "other"))).toBe(404);
    expect(await status("GET", LINKING.replace("development", "Development"))).toBe(400);
    expect(await status("GET", live)).toBe(200);
    expect(await status("PUT", live)).toBe(403);
  });

  it("fails as it is told to", async () => {
    const simulator = await startSimulator();
    await simulator.faults({ smapi: { accountLinking: { status: 429, retryAfter: 2, methods: ["PUT"], times: 1 } } });
    expect((await smapi(simulator, "GET", LINKING)).status).toBe(200);
    expect((await put(simulator, {})).status).toBe(429);
    expect((await put(simulator, {})).status).toBe(204);
  });

  it("records no secret and no token", async () => {
    const simulator = await startSimulator();
    await put(simulator, { clientSecret: "a-secret-to-hide" });
    const text = JSON.stringify(await simulator.exchanges());
    expect(text).toContain("accountLinkingClient");
    expect(text).not.toMatch(/a-secret-to-hide|simulated-developer/);
  });
});

describe("the manifest", () => {
  const EVENTS = {
    endpoint: { uri: `${SERVICE}/alexa/events`, sslCertificateType: "Trusted" },
    subscriptions: [{ eventName: "SKILL_DISABLED" }],
  };

  it("is replaced after a while, and then Alexa sends its events to the new address", async () => {
    const simulator = await startSimulator();
    const { json, etag } = await smapi(simulator, "GET", MANIFEST);
    const manifest = { ...json.manifest, events: EVENTS, unknown: { nested: [1] } };
    const changed = await smapi(simulator, "PUT", MANIFEST, { manifest }, { "if-match": etag });
    expect(changed.status).toBe(202);
    expect((await smapi(simulator, "PUT", MANIFEST, { manifest })).status).toBe(409);
    expect((await smapi(simulator, "GET", MANIFEST)).json.manifest).not.toHaveProperty("events");
    const status = async () => (await smapi(simulator, "GET", STATUS)).json.manifest.lastUpdateRequest.status;
    expect([await status(), await status(), await status()]).toEqual(["IN_PROGRESS", "SUCCEEDED", "SUCCEEDED"]);
    expect((await smapi(simulator, "GET", MANIFEST)).json.manifest).toEqual(manifest);
    const { items } = await simulator.json<{ items: { eventsUrl: string }[] }>("GET", "/simulator/skill");
    expect(items[0]!.eventsUrl).toBe(`${SERVICE}/alexa/events`);
    expect((await smapi(simulator, "PUT", MANIFEST, { manifest }, { "if-match": etag })).status).toBe(412);
  });

  it.each([
    ["not wrapped", { manifestVersion: "1.0" }],
    ["without a certificate type", { manifest: { manifestVersion: "1.0", events: { endpoint: { uri: SERVICE } } } }],
    [
      "with events at an http address",
      {
        manifest: {
          manifestVersion: "1.0",
          events: { endpoint: { uri: "http://a.example", sslCertificateType: "Trusted" } },
        },
      },
    ],
    ["of another version", { manifest: { manifestVersion: "2" } }],
  ])("is refused %s", async (_, body) => {
    expect((await smapi(await startSimulator(), "PUT", MANIFEST, body)).status).toBe(400);
  });

  it("may be refused after it was accepted", async () => {
    const simulator = await startSimulator();
    await simulator.faults({ smapi: { manifestFails: true } });
    await smapi(simulator, "PUT", MANIFEST, { manifest: { manifestVersion: "1.0" } });
    await smapi(simulator, "GET", STATUS);
    const { json } = await smapi(simulator, "GET", STATUS);
    expect(json.manifest.lastUpdateRequest).toMatchObject({ status: "FAILED", errors: [{ code: "INVALID_MANIFEST" }] });
  });
});
