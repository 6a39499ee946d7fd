// The metrics as an operator reads them, and linkings that are counted.
import { expect } from "vitest";
import { admin } from "./admin.ts";
import { query } from "./authorize.ts";
import { ALEXA_CLIENT, ALEXA_REDIRECT_URIS, ALEXA_SECRET, basic, exchange } from "./seeds.ts";
import type { Service } from "./service.ts";
import type { Page, Visitor } from "./visitor.ts";

export interface LinkingFigures {
  readonly initiations: number;
  readonly completions: number;
  readonly initiatingUsers: number;
  readonly completingUsers: number;
  readonly completionRate: number | null;
  readonly initiationsPerUser: number | null;
}

export interface MetricsFigures {
  readonly enablements: { readonly users: number | null };
  readonly linking: Readonly<Record<"alexaApp" | "appToApp" | "total", LinkingFigures>>;
  readonly oauth: Readonly<
    Record<"exchange" | "refresh" | "clientCredentials", { requests: number | null; succeeded: number | null }>
  >;
  readonly counts: Readonly<Record<string, number>>;
}

export interface MetricsItem extends MetricsFigures {
  readonly from: string;
  readonly to: string;
  readonly skillId: string | null;
  readonly locale?: string | null;
  readonly flow?: string | null;
}

export interface MetricsBody {
  readonly from: string;
  readonly to: string;
  readonly skillId: string | null;
  readonly totals: MetricsFigures;
  readonly items: readonly MetricsItem[];
}

/** The metrics of an operator. */
export async function metricsOf(service: Service, parameters = ""): Promise<MetricsBody> {
  const { status, body } = await admin(service, "GET", `metrics?${parameters}`);
  expect([status, body.detail]).toEqual([200, undefined]);
  return body as unknown as MetricsBody;
}

/** Initiations, completions, initiating and completing users. */
export function numbers({ initiations, completions, initiatingUsers, completingUsers }: LinkingFigures): number[] {
  return [initiations, completions, initiatingUsers, completingUsers];
}

/** The figures of the Alexa app, of app-to-app and of both. */
export function linkingOf({ linking: { alexaApp, appToApp, total } }: MetricsFigures): number[][] {
  return [numbers(alexaApp), numbers(appToApp), numbers(total)];
}

/** Another attempt from the Alexa app: its authorization page. */
export const authorizePage = (state: string, overrides: Readonly<Record<string, string>> = {}): string =>
  `/authorize?${query({ state, ...overrides })}`;

/** Alexa redeems the code of a redirect. */
export async function redeem(service: Service, location: string | null, clientId = ALEXA_CLIENT): Promise<Response> {
  const code = new URL(location ?? "").searchParams.get("code") ?? "";
  const { headers, ...init } = exchange(code, { redirect_uri: ALEXA_REDIRECT_URIS[0], client_id: clientId });
  const response = await service.request("/token", {
    ...init,
    headers: { ...(headers as Record<string, string>), authorization: basic(clientId, ALEXA_SECRET) },
  });
  expect(response.status).toBe(200);
  return response;
}

/** The customer, who is signed in, consents. Returns Alexa's redirect URI with the code. */
export async function consent(visitor: Visitor, page: Page): Promise<string> {
  const { status, location } = await visitor.submit(page, { decision: "allow" });
  expect(status).toBe(303);
  return location ?? "";
}
