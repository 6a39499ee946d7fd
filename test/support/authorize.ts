// Authorization requests as Alexa makes them, and signed-in customers.
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { DEMO } from "./accounts.ts";
import { ALEXA_CLIENT, ALEXA_REDIRECT_URIS } from "./seeds.ts";
import type { Service } from "./service.ts";
import { Visitor } from "./visitor.ts";

export const STATE = `eyJpbml0VmVjdG9yIjoi${"Ab9_-".repeat(130)}%3D%3D`;

/** Alexa's query string; `undefined` leaves a parameter out. Values are not encoded. */
export function query(overrides: Readonly<Record<string, string | undefined>> = {}): string {
  const parameters: Record<string, string | undefined> = {
    client_id: ALEXA_CLIENT,
    response_type: "code",
    scope: "profile%20devices%3Acontrol",
    redirect_uri: encodeURIComponent(ALEXA_REDIRECT_URIS[0] ?? ""),
    state: STATE,
    ...overrides,
  };
  return Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

/** A browser in which the account has signed in. */
export async function signedIn(service: Service, account = DEMO): Promise<Visitor> {
  const visitor = new Visitor(service);
  const page = await visitor.open("/sign-in");
  await visitor.submit(page, { email: account.email, password: account.password });
  expect(visitor.cookies.has("__Host-session")).toBe(true);
  return visitor;
}

/** The number of rows of attempts, codes and grants. */
export async function rowCounts(): Promise<Record<string, number>> {
  const tables = ["attempts", "codes", "grants", "audit"];
  const counts: Record<string, number> = {};
  for (const table of tables) {
    counts[table] = (await env.DB.prepare(`SELECT COUNT(*) AS n FROM ${table}`).first<number>("n")) ?? -1;
  }
  return counts;
}
