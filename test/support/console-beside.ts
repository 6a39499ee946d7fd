// The console beside the simulator as Amazon, in one isolate: for tests of its pages about Amazon.
import { afterEach, beforeEach, expect, vi } from "vitest";
import { createSimulator } from "../../simulator/app.ts";
import { admin, SKILL_BODY } from "./admin.ts";
import { ADMIN_TOKEN, type Service, START, startService } from "./service.ts";
import { type Page, type Visitor, visit } from "./visitor.ts";

const SERVICE = "http://localhost:8787";
const SIMULATOR = "http://127.0.0.1:8788";
export const SKILL_ID = "amzn1.ask.skill.0000-beside";
export const SECRET = "example-alexa-secret-0000";
const SIGN_IN = { email: "beside@example.com", password: "beside-password-1" };
const LWA = { clientId: "amzn1.application-oa2-client.beside", clientSecret: "example-lwa-secret" };
export const DEVELOPER = {
  clientId: "amzn1.application-oa2-client.simulated-developer",
  clientSecret: "simulated-developer-secret",
  refreshToken: "Atzr|simulated-developer",
};
export const COMPARE = `/admin/skills/${SKILL_ID}/amazon`;

const simulator = createSimulator();
export let service: Service;
export let operator: Visitor;
export let lines: string[];
/** Requests to SMAPI and to LWA with a developer's token. */
export let asked: Request[];
let instead: ((request: Request) => Response) | undefined;
/** Lets SMAPI respond with this, in place of the simulator. */
export function respondWith(response: () => Response): void {
  instead = response;
}

const bindings = () => ({
  SERVICE: {
    async fetch(request: Request): Promise<Response> {
      const body = request.body ? await request.arrayBuffer() : undefined;
      const { url, method, headers } = request;
      return service.requestOnly(url, { method, headers, ...(body && { body }) });
    },
  } as unknown as Fetcher,
});

export async function drive(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const response = await simulator.request(SIMULATOR + path, init, bindings());
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

export async function link(order: Record<string, unknown>): Promise<void> {
  // The simulator's clock goes on by itself.
  service.clock.advance(60_000);
  expect(await drive("POST", "/simulator/run", { signIn: SIGN_IN, ...order })).toMatchObject({ ok: true });
}

export const faults = (smapi: unknown, others: object = {}) => drive("PUT", "/simulator/faults", { smapi, ...others });
export const storeToken = (changes: object = {}) =>
  admin(service, "POST", "developer-token", { ...DEVELOPER, ...changes });

/** Starts the service, the simulator and an operator's browser before each test. */
export function startBeside(): void {
  beforeEach(async () => {
    [asked, lines, instead] = [[], [], undefined];
    await drive("POST", "/simulator/reset", { skills: true });
    await drive("POST", "/simulator/clock", { advanceSeconds: (START - Date.now()) / 1000 });
    service = startService({
      ISSUER: SERVICE,
      AMAZON_AUTHORIZE_URL: `${SIMULATOR}/ap/oa`,
      AMAZON_TOKEN_URL: `${SIMULATOR}/auth/o2/token`,
      ALEXA_APP_URL: `${SIMULATOR}/spa/skill-account-linking-consent`,
      ALEXA_API_URL: SIMULATOR,
      ALEXA_API_HOSTS: ["na", "eu", "fe"].map((region) => `${SIMULATOR}/${region}`).join(","),
    });
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const request = new Request(input, init);
      const { pathname } = new URL(request.url);
      if (/^\/v\d\/skills\//.test(pathname)) {
        asked.push(request.clone());
        const other = instead?.(request);
        if (other) return other;
      }
      return simulator.fetch(request, bindings());
    });
    const listen = (...parts: unknown[]) => void lines.push(parts.map(String).join(" "));
    for (const level of ["log", "info", "warn", "error"] as const) vi.spyOn(console, level).mockImplementation(listen);
    await admin(service, "POST", "skills", {
      ...SKILL_BODY,
      id: SKILL_ID,
      vendorId: "M0BESIDE",
      extraRedirectUris: ["pitangui", "layla", "japan"].map((host) => `${SIMULATOR}/${host}/api/skill/link/M0BESIDE`),
      scopes: ["profile"],
      returnUrls: [`${SIMULATOR}/company/done`, `${SIMULATOR}/company/app/return`],
      lwa: LWA,
      eventGateway: null,
      client: { id: "alexa-beside", secret: SECRET },
    });
    await admin(service, "POST", "clients", {
      id: "demo-app",
      kind: "app",
      name: "Acme app",
      redirectUris: [`${SIMULATOR}/company/app/callback`],
      scopes: ["links"],
      skillIds: [],
    });
    await admin(service, "POST", "users", { ...SIGN_IN, name: "Beside" });
    await drive("PUT", "/simulator/skill", {
      skillId: SKILL_ID,
      stage: "development",
      name: "Acme Home",
      authorizationUrl: `${SERVICE}/authorize`,
      appAuthorizationUrl: `${SERVICE}/app/authorize`,
      tokenUrl: `${SERVICE}/token`,
      clientId: "alexa-beside",
      clientSecret: SECRET,
      scopes: ["profile"],
      pkce: false,
      vendorId: "M0BESIDE",
      lwa: LWA,
      redirectUrls: [`${SERVICE}/link/callback`, `${SERVICE}/app/callback`],
      accountLinking: { defaultTokenExpirationInSeconds: 3600 },
    });
    operator = visit({ request: (path, init) => service.request(path, init) });
    const page = await operator.get("/admin");
    await operator.post("/admin/session", { ...page.hidden("/admin/session"), token: ADMIN_TOKEN });
  });
  afterEach(async () => {
    await service.settled();
    vi.restoreAllMocks();
  });
}

export const textOf = (html: string) =>
  html
    .replaceAll(/<style[\s\S]*?<\/style>/g, "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&#39;", "'")
    .replaceAll(/\s+/g, " ");

/** The rows of the tables of a page, as the texts of their cells. */
export function rowsOf({ html }: Page): string[][] {
  return [...html.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map(([, row = ""]) =>
    [...row.matchAll(/<td[^>]*>([\s\S]*?)<\/td>/g)].map(([, cell = ""]) => textOf(cell).trim()),
  );
}

export const figure = (page: Page, label: string) =>
  rowsOf(page)
    .find(([first]) => first?.startsWith(label))
    ?.slice(1);
