// The Lambdas of docs/skill-backend.md, as they are printed there: run in Node against the built service, with the
// simulator as Alexa.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { DEMO_SKILL_ID, DEMO_USER } from "../../scripts/demo.ts";
import { createBrowser } from "../../simulator/library/browser.ts";
import { ADMIN_TOKEN, DEMO_SECRETS, type Servers, startServers } from "./servers.ts";

type Json = Record<string, unknown>;
interface Lambda {
  handler(event: unknown): Promise<unknown>;
}
interface Backend {
  readonly smartHome: Lambda;
  readonly custom: Lambda;
  readonly events: { report(userId: string, endpointId: string, properties: unknown[]): Promise<number> };
  readonly link: { post(path: string, body: unknown): Promise<Json> };
}

const page = readFileSync("docs/skill-backend.md", "utf8");

/** The first block of JavaScript under a heading. */
function printed(heading: string): string {
  const code = page.slice(page.indexOf(`\n${heading}`)).match(/```js\n([\s\S]*?)```/)?.[1];
  if (!code) throw new Error(`no code under ${heading}`);
  return code;
}

let folder: string;
let versions = 0;

/** Loads the modules again, as a Lambda with these variables does at its start. */
async function deploy(variables: Readonly<Record<string, string>>): Promise<Backend> {
  const place = join(folder, String(++versions));
  mkdirSync(place);
  const files = {
    "link.mjs": printed("## Checking tokens"),
    "smart-home.mjs": printed("## A smart-home skill"),
    "custom.mjs": printed("## A custom skill"),
    "events.mjs": `import { post } from "./link.mjs";\n${printed("## Proactive events")}`,
  };
  for (const [name, code] of Object.entries(files)) writeFileSync(join(place, name), code);
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const load = (name: string) => import(pathToFileURL(join(place, name)).href);
  const names = ["smart-home.mjs", "custom.mjs", "events.mjs", "link.mjs"];
  const [smartHome, custom, events, link] = await Promise.all(names.map(load));
  return { smartHome, custom, events, link } as unknown as Backend;
}

let servers: Servers;
let backend: Backend;
let lambdas: Server;
let lambdaOrigin: string;
const fetch = globalThis.fetch;
/** Replaces responses of the event gateways, by region. */
let gateways: ((region: string) => Promise<Response> | undefined) | undefined;
/** What Alexa sent to the Lambdas, newest last. */
const received: Json[] = [];
const silenced = () => vi.spyOn(console, "error").mockImplementation(() => {});

async function simulator(method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await fetch(servers.simulator + path, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  const text = await answer.text();
  return text === "" ? {} : JSON.parse(text);
}

beforeAll(async () => {
  mkdirSync("node_modules/.cache", { recursive: true });
  folder = mkdtempSync("node_modules/.cache/skill-backend-");
  servers = await startServers();
  // The simulator stands for the event gateways' public addresses.
  vi.stubGlobal("fetch", (input: RequestInfo | URL, init?: RequestInit) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const gateway = /^api(?:\.(eu|fe))?\.amazonalexa\.com$/.exec(url.hostname);
    if (!gateway) return fetch(input, init);
    const region = gateway[1] ?? "na";
    return gateways?.(region) ?? fetch(`${servers.simulator}/${region}${url.pathname}`, init);
  });
  backend = await deploy({
    LINK_ISSUER: servers.service,
    SKILL_ID: DEMO_SKILL_ID,
    LINK_CLIENT_ID: "demo-service",
    LINK_CLIENT_SECRET: DEMO_SECRETS.serviceClient,
    AWS_REGION: "eu-west-1",
  });
  lambdas = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const event = JSON.parse(Buffer.concat(chunks).toString()) as Json;
    received.push(event);
    const { handler } = request.url === "/custom" ? backend.custom : backend.smartHome;
    // For Alexa, a Lambda that throws is an error.
    const answer = await handler(event).catch(() => undefined);
    response.writeHead(answer ? 200 : 500, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => lambdas.listen(0, "127.0.0.1", resolve));
  lambdaOrigin = `http://127.0.0.1:${(lambdas.address() as AddressInfo).port}`;
});
afterEach(() => {
  gateways = undefined;
  vi.restoreAllMocks();
  vi.useRealTimers();
});
afterAll(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  lambdas?.close();
  await servers?.close();
  rmSync(folder, { recursive: true, force: true });
});

type SkillType = "smart_home" | "custom";

/** Links a European customer to the skill with these Lambdas. Returns what the simulator reports. */
async function link(type: SkillType, faults: object = {}): Promise<{ outcome: string; checks: Json[]; token: string }> {
  const { items } = (await simulator("GET", "/simulator/skill")) as { items: Json[] };
  const secrets = {
    clientSecret: DEMO_SECRETS.alexaClient,
    lwa: { ...(items[0]?.lwa as Json), clientSecret: DEMO_SECRETS.lwa },
    eventGateway: { ...(items[0]?.eventGateway as Json), clientSecret: DEMO_SECRETS.eventGateway },
    personalization: undefined,
    acceptGrant: { url: `${lambdaOrigin}/${type}`, clientId: "alexa", clientSecret: "nobody-looks" },
  };
  // No events from the simulator: the tests send them.
  await simulator("PUT", "/simulator/skill", { ...items[0], ...secrets, type, eventsUrl: undefined });
  await simulator("PUT", "/simulator/faults", faults);
  received.length = 0;
  const browser = createBrowser((request) => fetch(request));
  const enable = { method: "POST", body: new URLSearchParams({ account: "emil" }) };
  const begun = await browser.request(`${servers.simulator}/alexa-app/enable`, enable);
  const visit = await browser.visit(begun.headers.get("location") ?? "", {
    fields: { email: DEMO_USER.email, password: DEMO_USER.password },
    decision: "allow",
    until: (url) => url.startsWith(`${servers.simulator}/layla/`),
  });
  if (!visit.arrived) throw new Error(visit.why);
  await (await browser.request(visit.url, {})).text();
  const attempts = (await simulator("GET", "/simulator/attempts")) as { items: { outcome: string; checks: Json[] }[] };
  const token = JSON.stringify(received.at(-1)).match(/"(?:token|accessToken)":"(eyJ[^"]+)"/)?.[1] ?? "";
  return { outcome: "none", checks: [], ...attempts.items.at(-1), token };
}

const tokens = new Map<SkillType, Promise<string>>();
/** An access token of a live link. */
function tokenOf(type: SkillType): Promise<string> {
  const token = tokens.get(type) ?? link(type).then((linked) => linked.token);
  tokens.set(type, token);
  return token;
}

const directive = (namespace: string, name: string, token: string) => {
  const scope = { type: "BearerToken", token };
  const header = { namespace, name, messageId: "m-1", payloadVersion: "3" };
  return namespace === "Alexa.Discovery"
    ? { directive: { header, payload: { scope } } }
    : { directive: { header, endpoint: { scope, endpointId: "lamp-1" }, payload: {} } };
};
const answered = async (sent: object) => {
  const { event } = (await backend.smartHome.handler(sent)) as {
    event: { header: { name: string }; payload: { type?: string } };
  };
  return [event.header.name, event.payload.type].filter(Boolean).join(" ");
};
const discover = (token: string) => answered(directive("Alexa.Discovery", "Discover", token));

describe("the Lambda of a smart-home skill", () => {
  it("when the keys cannot be read, it does not report an invalid token", async () => {
    silenced();
    const token = await tokenOf("smart_home");
    const cold = await deploy({ LINK_ISSUER: "http://127.0.0.1:1" });
    vi.stubEnv("LINK_ISSUER", servers.service);
    const said = await cold.smartHome.handler(directive("Alexa.Discovery", "Discover", token));
    expect(said).toMatchObject({ event: { payload: { type: "INTERNAL_ERROR" } } });
  });

  it("O3: responds to AcceptGrant through the service, so that the link stays", async () => {
    expect(await link("smart_home")).toMatchObject({ outcome: "linked" });
    expect(received.map((one) => JSON.stringify(one)).join()).toContain('"name":"AcceptGrant"');
  });

  it("verifies tokens with the service's keys, and carries out the directive", async () => {
    const token = await tokenOf("smart_home");
    expect(await discover(token)).toBe("Discover.Response");
    for (const namespace of ["Alexa.PowerController", "Alexa.LockController"]) {
      expect(await answered(directive(namespace, "TurnOn", token))).toBe("Response");
    }
  });

  it("returns the right error for a token that is expired, altered, missing, or of another skill", async () => {
    const token = await tokenOf("smart_home");
    const invalid = "ErrorResponse INVALID_AUTHORIZATION_CREDENTIAL";
    expect(await discover(`${token.slice(0, -8)}AAAAAAAA`)).toBe(invalid);
    expect(await discover("")).toBe(invalid);
    expect(await discover("Atza|foreign")).toBe(invalid);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3600_000 });
    expect(await discover(token)).toBe("ErrorResponse EXPIRED_AUTHORIZATION_CREDENTIAL");
    vi.useRealTimers();
    const other = await deploy({ SKILL_ID: "amzn1.ask.skill.0001-other" });
    const said = await other.smartHome.handler(directive("Alexa.Discovery", "Discover", token));
    expect(said).toMatchObject({ event: { payload: { type: "INVALID_AUTHORIZATION_CREDENTIAL" } } });
    vi.stubEnv("SKILL_ID", DEMO_SKILL_ID);
  });

  describe("sends proactive events", () => {
    const EU = "https://api.eu.amazonalexa.com/v3/events";
    const change = [{ namespace: "Alexa.PowerController", name: "powerState", value: "ON" }];
    const linkedCustomer = async () => {
      const { token } = await link("smart_home");
      return JSON.parse(atob(token.split(".")[1] ?? "")) as { sub: string; grant: string };
    };
    const gatewayCalls = async () => {
      const { items } = (await simulator("GET", "/simulator/exchanges")) as unknown as {
        items: { request: { url: string } }[];
      };
      return items.map(({ request }) => request.url).filter((url) => url.endsWith("/v3/events"));
    };
    const tokenFor = (grantId: string) => backend.link.post("/api/event-gateway/token", { grantId });
    const exception = (code: string, status = 403) => Promise.resolve(Response.json({ payload: { code } }, { status }));

    it("to the gateway of the customer's region, and forgets the tokens when all regions say that the skill is disabled", async () => {
      const { sub: userId, grant: grantId } = await linkedCustomer();
      expect(await backend.events.report(userId, "lamp-1", change)).toBe(202);
      expect((await gatewayCalls()).at(-1)).toBe(`${servers.simulator}/eu/v3/events`);
      await simulator("POST", "/simulator/run", { scenario: "disable", account: "emil" });
      expect(await backend.events.report(userId, "lamp-1", change)).toBe(403);
      expect((await gatewayCalls()).slice(-3)).toEqual(
        ["eu", "na", "fe"].map((at) => `${servers.simulator}/${at}/v3/events`),
      );
      await expect(tokenFor(grantId)).rejects.toMatchObject({ status: 404 });
    });

    it("L9: to the other regions when the known one is wrong, and the right one is remembered", async () => {
      const { sub: userId, grant: grantId } = await linkedCustomer();
      await backend.link.post("/api/event-gateway/token", { grantId, region: "FE" });
      expect(await backend.events.report(userId, "lamp-1", change)).toBe(202);
      expect(await tokenFor(grantId)).toMatchObject({ endpoint: EU });
      const before = (await gatewayCalls()).length;
      expect(await backend.events.report(userId, "lamp-1", change)).toBe(202);
      expect((await gatewayCalls()).length).toBe(before + 1);
    });

    it.each<[string, Record<string, () => Promise<Response>>]>([
      ["a permission is off", { eu: () => exception("INSUFFICIENT_PERMISSION_EXCEPTION") }],
      ["another region says that a permission is off", { na: () => exception("INSUFFICIENT_PERMISSION_EXCEPTION") }],
      ["a region is down", { fe: () => exception("INTERNAL_SERVICE_EXCEPTION", 503) }],
      ["a region throttles", { fe: () => exception("THROTTLING_EXCEPTION", 429) }],
      ["a 403 has no body", { eu: () => Promise.resolve(new Response(null, { status: 403 })) }],
      ["a region cannot be reached", { fe: () => Promise.reject(new TypeError("fetch failed")) }],
      ["another region does not know the token", { na: () => exception("INVALID_ACCESS_TOKEN_EXCEPTION", 401) }],
    ])("L9: and forgets nothing when %s", async (_, responses) => {
      const { sub: userId, grant: grantId } = await linkedCustomer();
      gateways = (region) => (responses[region] ?? (() => exception("SKILL_DISABLED_EXCEPTION")))();
      expect([403, "fetch failed"]).toContain(
        await backend.events.report(userId, "lamp-1", change).catch((error: Error) => error.message),
      );
      gateways = undefined;
      expect(await tokenFor(grantId)).toMatchObject({ endpoint: EU });
      expect(await backend.events.report(userId, "lamp-1", change)).toBe(202);
    });
  });

  it("refuses to control a lock as soon as the customer has unlinked, because introspection says so", async () => {
    const { token } = await link("smart_home");
    const event = {
      context: { System: { application: { applicationId: DEMO_SKILL_ID }, user: { userId: "u", accessToken: token } } },
      request: {
        type: "AlexaSkillEvent.SkillDisabled",
        requestId: crypto.randomUUID(),
        timestamp: new Date().toISOString(),
      },
    };
    expect(await backend.link.post("/alexa/events", event)).toEqual({});
    const answer = await answered(directive("Alexa.LockController", "Unlock", token));
    expect(answer).toBe("ErrorResponse INVALID_AUTHORIZATION_CREDENTIAL");
    expect(await discover(token)).toBe("Discover.Response");
  });

  it("O3: a code that Amazon never issued, and a service that is down, become Alexa's error response", async () => {
    const badCode = await link("smart_home", { acceptGrant: { badCode: true } });
    expect(badCode.outcome).toBe("failed");
    expect(badCode.checks).toContainEqual(expect.objectContaining({ name: "accept_grant", ok: false }));
    silenced();
    const down = await deploy({ LINK_ISSUER: "http://127.0.0.1:1" });
    vi.stubEnv("LINK_ISSUER", servers.service);
    expect(await down.smartHome.handler(received.at(-1))).toMatchObject({
      event: { header: { name: "ErrorResponse" }, payload: { type: "ACCEPT_GRANT_FAILED" } },
    });
  });
});

describe("the Lambda of a custom skill", () => {
  const ask = async (user: object, person?: object) => {
    const System = { application: { applicationId: DEMO_SKILL_ID }, user, ...(person && { person }) };
    const { response } = (await backend.custom.handler({
      context: { System },
      request: { type: "LaunchRequest" },
    })) as {
      response: { outputSpeech: { text: string }; card?: object };
    };
    return [response.outputSpeech.text.split(" ")[0], response.card];
  };

  it("forwards AcceptGrant to the service", async () => {
    const { outcome, checks } = await link("custom");
    expect([outcome, checks.filter(({ ok }) => !ok)]).toEqual(["linked", []]);
    expect(received.at(-1)).toMatchObject({ request: { type: "Alexa.Authorization.Grant" } });
  });

  it("serves the speaker, else the household, and sends a link-account card without a valid token", async () => {
    const accessToken = await tokenOf("custom");
    const card = { type: "LinkAccount" };
    expect(await ask({ accessToken })).toEqual(["You", undefined]);
    expect(await ask({}, { accessToken })).toEqual(["You", undefined]);
    expect(await ask({})).toEqual(["Please", card]);
    expect(await ask({ accessToken: "at_foreign" }, {})).toEqual(["Please", card]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 3600_000 });
    expect(await ask({ accessToken })).toEqual(["Please", card]);
  });

  it("asks the service who is speaking", async () => {
    const System = { application: { applicationId: DEMO_SKILL_ID }, user: { accessToken: await tokenOf("custom") } };
    expect(await backend.link.post("/api/personalization", { context: { System } })).toMatchObject({
      speaker: { as: "account" },
    });
  });

  it("throws when a grant cannot be accepted, so that Alexa sees an error", async () => {
    const { checks } = await link("custom", { acceptGrant: { badCode: true } });
    expect(checks).toContainEqual(expect.objectContaining({ name: "accept_grant", ok: false }));
    await expect(backend.custom.handler(received.at(-1))).rejects.toMatchObject({ status: 422 });
    await expect(backend.custom.handler({ context: { System: { application: {} } }, request: {} })).rejects.toThrow(
      /another skill/,
    );
  });
});

it("the page's command for a client of kind service creates one", async () => {
  const body = page.match(/-d '(\{"kind":"service"[^']+)'/)?.[1];
  const answer = await fetch(`${servers.service}/api/admin/clients`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
    body: body ?? "",
  });
  expect([answer.status, await answer.json()]).toEqual([201, expect.objectContaining({ secret: expect.any(String) })]);
});
