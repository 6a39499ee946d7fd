// The console beside the simulator as Amazon, in one isolate: for tests of its pages about Amazon.
import { afterEach, beforeEach, expect, vi } from "vitest";
import { admin, SKILL_BODY } from "./admin.ts";
import { oneIsolate, SERVICE, SIMULATOR, simulatedRedirectUris } from "./one-isolate.ts";
import { ADMIN_TOKEN, type Service } from "./service.ts";
import { type Page, type Visitor, visit } from "./visitor.ts";

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

const { drive: driveSimulator, start } = oneIsolate((request) => {
  if (!/^\/v\d\/skills\//.test(new URL(request.url).pathname)) return undefined;
  asked.push(request.clone());
  return instead?.(request);
});

export const drive = (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> =>
  driveSimulator(method, path, body);

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
    service = await start();
    const listen = (...parts: unknown[]) => void lines.push(parts.map(String).join(" "));
    for (const level of ["log", "info", "warn", "error"] as const) vi.spyOn(console, level).mockImplementation(listen);
    await admin(service, "POST", "skills", {
      ...SKILL_BODY,
      id: SKILL_ID,
      vendorId: "M0BESIDE",
      extraRedirectUris: simulatedRedirectUris("M0BESIDE"),
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
