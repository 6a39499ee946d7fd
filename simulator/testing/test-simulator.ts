// A simulator with a registered skill and a fake company behind it, for the simulator's own tests.
import { createSimulator } from "../app.ts";
import type { Exchange } from "../state/exchange.ts";
import type { Faults } from "../state/faults.ts";
import { type Breakage, createFakeCompany } from "./fake-company.ts";
import { createFakeLinking } from "./fake-company-linking.ts";

export const SIMULATOR = "http://127.0.0.1:8788";
export const SERVICE = "https://link.example.com";
export const VENDOR = "M0EXAMPLE00001";
export const SKILL_ID = "amzn1.ask.skill.0000-test";
export const LWA = { clientId: "amzn1.application-oa2-client.example", clientSecret: "example-lwa-secret" };
const REDIRECT_URIS = ["pitangui", "layla", "japan"].map((host) => `${SIMULATOR}/${host}/api/skill/link/${VENDOR}`);
const COMPANY = { clientId: "alexa-test", clientSecret: "example-secret" };

export function skill(changes: Record<string, unknown> = {}) {
  return {
    skillId: SKILL_ID,
    stage: "development",
    name: "Acme Home",
    authorizationUrl: `${SERVICE}/authorize`,
    tokenUrl: `${SERVICE}/token`,
    ...COMPANY,
    accessTokenScheme: "HTTP_BASIC",
    scopes: ["profile"],
    pkce: true,
    vendorId: VENDOR,
    lwa: LWA,
    redirectUrls: [`${SERVICE}/link/callback`, `${SERVICE}/app/callback`],
    ...changes,
  };
}

/** A simulator whose requests to a company go to `company`. Paths are those of the simulator. */
export function simulatorBeside(company: Fetcher) {
  const simulator = createSimulator();
  const env = { SERVICE: company };

  async function call(url: string, init?: RequestInit): Promise<Response> {
    return simulator.request(url.startsWith("/") ? `${SIMULATOR}${url}` : url, init, env);
  }
  async function json<T = Record<string, unknown>>(method: string, url: string, body?: unknown): Promise<T> {
    const response = await call(url, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
    return response.json();
  }
  return { simulator, env, call, json };
}

/** Starts a simulator with a registered skill; `broken` names the defect of the company. */
export async function startSimulator(changes: Record<string, unknown> = {}, broken?: Breakage) {
  const company = createFakeCompany({ ...COMPANY, redirectUris: REDIRECT_URIS }, broken);
  const { simulator, env, call, json } = simulatorBeside(company as unknown as Fetcher);
  const linking = createFakeLinking({
    origin: SERVICE,
    skillId: SKILL_ID,
    stage: "development",
    lwa: LWA,
    amazon: async (request) => simulator.fetch(request, env),
    amazonOrigin: SIMULATOR,
    mintCode: company.mintCode,
  });
  const oauth = company.fetch;
  company.fetch = async (input, init) => {
    const request = new Request(input, init);
    return (await linking(request)) ?? oauth(request);
  };
  const registered = await call("/simulator/skill", { method: "PUT", body: JSON.stringify(skill(changes)) });
  if (!registered.ok) throw new Error(await registered.text());

  return {
    call,
    json,
    company,
    env,
    faults: (faults: Faults | Record<string, unknown>) => json("PUT", "/simulator/faults", faults),
    exchanges: async () => (await json<{ items: Exchange[] }>("GET", "/simulator/exchanges")).items,
    post: (url: string, form: Record<string, string> = {}, headers: Record<string, string> = {}) =>
      call(url, { method: "POST", body: new URLSearchParams(form), headers }),
    /** The customer taps "Enable to use", allows or denies at the company, and comes back. Returns the last page. */
    async linkFromAlexa(options: { account?: string; decision?: string } = {}) {
      const started = await call("/alexa-app/enable", {
        method: "POST",
        body: new URLSearchParams({ account: options.account ?? "nora" }),
      });
      const authorizeUrl = started.headers.get("location") ?? "";
      const asked = await company.fetch(authorizeUrl);
      if (asked.status !== 200) return { authorizeUrl, page: asked, text: await asked.text() };
      const decision = new URLSearchParams({ decision: options.decision ?? "allow" });
      const decided = await company.fetch(authorizeUrl, { method: "POST", body: decision });
      const returnUrl = decided.headers.get("location") ?? "";
      const page = returnUrl ? await call(returnUrl) : decided;
      return { authorizeUrl, returnUrl, page, text: await page.text() };
    },
  };
}
