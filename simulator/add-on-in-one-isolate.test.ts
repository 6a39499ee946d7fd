// Alexa+ and an MCP server that asks the real service about each token, all in one isolate.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { serveMcp } from "../test/support/mcp-server.ts";
import { ADMIN_TOKEN, type Service, START, startService } from "../test/support/service.ts";
import { createSimulator } from "./app.ts";
import type { Ran } from "./testing/test-add-on.ts";

const SERVICE = "http://localhost:8787";
const SIMULATOR = "http://127.0.0.1:8788";
const RESOURCE = "https://mcp.example.com/mcp";
const ADD_ON = "amzn1.ask.skill.0003-notes";
const VENDOR = "M0ISOLATEVENDOR";
const ANN = { email: "ann@example.com", password: "isolate-password-1" };
const BEN = { email: "ben@example.com", password: "isolate-password-2" };

const simulator = createSimulator();
let service: Service;
let created: { client: { id: string; secret: string }; serviceClient?: { id: string; secret: string } };

const bindings = () => ({ SERVICE: { fetch: route } as unknown as Fetcher });

/** The company: its MCP server on one host, its authorization server on the other. */
async function route(request: Request): Promise<Response> {
  const body = request.body ? await request.arrayBuffer() : undefined;
  const { url, method, headers } = request;
  if (url.startsWith(new URL(RESOURCE).origin)) {
    const client = created.serviceClient ?? created.client;
    const server = { service, addOnId: ADD_ON, resource: RESOURCE, client };
    return serveMcp(server, new Request(url, { method, headers, ...(body && { body }) }));
  }
  return service.requestOnly(url, { method, headers, ...(body && { body }) });
}

async function admin(method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  return service.request(`/api/admin${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

async function make<T>(path: string, body: unknown): Promise<T> {
  const response = await admin("POST", path, body);
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json<T>();
}

async function drive<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await simulator.request(SIMULATOR + path, init, bindings());
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return (text === "" ? {} : JSON.parse(text)) as T;
}

const run = (scenario: string, options: Record<string, unknown> = {}) =>
  drive<Ran>("POST", "/simulator/run", { scenario, signIn: ANN, ...options });

async function register(options: Record<string, unknown> = {}): Promise<void> {
  created = await make("/skills", {
    id: ADD_ON,
    name: "Acme Notes",
    type: "add_on",
    resource: RESOURCE,
    vendorId: VENDOR,
    extraRedirectUris: ["pitangui", "layla", "japan", "alexa"].map(
      (host) => `${SIMULATOR}/${host}/api/skill/link/${VENDOR}`,
    ),
    scopes: [
      { name: "mcp:tools", tier: "user", descriptions: { en: "Use your notes" } },
      { name: "mcp:resources", tier: "user", descriptions: { en: "Read your notes" } },
    ],
    returnUrls: [`${SIMULATOR}/company/done`],
    ...options,
  });
  const { client, serviceClient } = created;
  await drive("PUT", "/simulator/add-on", {
    addOnId: ADD_ON,
    name: "Acme Notes",
    resource: RESOURCE,
    clientId: client.id,
    clientSecret: client.secret,
    vendorId: VENDOR,
    ...(serviceClient && { serviceClientId: serviceClient.id, serviceClientSecret: serviceClient.secret }),
  });
}

beforeEach(async () => {
  await drive("POST", "/simulator/reset", { skills: true });
  await drive("POST", "/simulator/clock", { advanceSeconds: (START - Date.now()) / 1000 });
  service = startService({ ISSUER: SERVICE });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) =>
    simulator.fetch(new Request(input, init), bindings()),
  );
  await make("/users", { ...ANN, name: "Ann" });
  await make("/users", { ...BEN, name: "Ben" });
});
afterEach(async () => {
  await service.settled();
  vi.restoreAllMocks();
});

/** Every point passes, except that response times are not tested here. */
function expectAllMet({ checks }: Ran): void {
  expect(checks.filter(({ ok, name }) => !ok && name !== "mcp_in_budget")).toEqual([]);
}

describe("an add-on at the real service", () => {
  it("M1: passes Amazon's checklist point by point, links, refreshes, and relinks another customer", async () => {
    await register();
    const ran = await run("add-on-relink", { signInAgain: BEN });
    expectAllMet(ran);
    expect(ran.checks.length).toBeGreaterThan(60);
    expect(new Set(ran.results).size).toBe(2);
  });

  it("M1: may have a second client for service tokens", async () => {
    await register({ serviceClient: {} });
    expect(created.serviceClient?.id).toBeTruthy();
    expectAllMet(await run("add-on", { protocolVersion: "2025-03-26" }));
  });

  it("M1: links in the company's app, with PKCE and resource", async () => {
    await make("/clients", {
      id: "demo-app",
      kind: "app",
      name: "Acme app",
      redirectUris: [`${SIMULATOR}/company/app/callback`],
      scopes: ["links"],
      skillIds: [],
    });
    await register();
    expectAllMet(await run("add-on", { pattern: "app" }));
  });

  it.each([
    { authorize: { resource: "other" } },
    { authorize: { resource: "slash" } },
    { authorize: { resource: "twice" } },
    { authorize: { pkce: false } },
    { tokenClient: { resource: "other" } },
    { tokenClient: { resource: "slash" } },
    { tokenClient: { verifier: "missing" } },
  ])("M1: refuses %j", async (faults) => {
    await register();
    await drive("PUT", "/simulator/faults", faults);
    const { ok } = await run("add-on");
    expect(ok).toBe(false);
    expect(await drive("GET", "/simulator/links")).toEqual({ items: [] });
  });

  it("M1: takes an absent resource for the registered one", async () => {
    await register();
    await drive("PUT", "/simulator/faults", {
      authorize: { resource: "missing" },
      tokenClient: { resource: "missing" },
    });
    expectAllMet(await run("add-on"));
  });
});
