// The page /link/{skillId} in tests: a customer and a stranger, their actions, and the rows that result.
import { expect } from "vitest";
import { DEMO, seedAccount } from "./accounts.ts";
import { type Amazon, startAmazon } from "./amazon.ts";
import { RETURN_URL, rows, seedLwa } from "./app-user.ts";
import { SKILL_ID, seedAppAndService, seedSkill } from "./seeds.ts";
import { type Service, startService } from "./service.ts";
import { type Page, type Visitor, visit } from "./visitor.ts";

export const EVE = { email: "eve@example.com", password: "eves-password-1" };
export const PAGE = `/link/${SKILL_ID}`;
export const WITH_RETURN = `${PAGE}?return_to=${encodeURIComponent(RETURN_URL)}`;

export interface PageWorld {
  readonly service: Service;
  readonly amazon: Amazon;
  /** Of the customer, whose address is `DEMO.email`. */
  readonly userId: string;
  /** Not signed in yet. */
  readonly browser: Visitor;
}

/** Call in `beforeEach`; `vi.restoreAllMocks()` in `afterEach` restores `fetch`. */
export async function startPageWorld(): Promise<PageWorld> {
  const service = startService();
  await seedSkill();
  await seedAppAndService();
  await seedLwa(service);
  const userId = await seedAccount(service, DEMO);
  await seedAccount(service, EVE);
  return { service, amazon: startAmazon(service), userId, browser: visit(service) };
}

export const locationOf = (page: Page): string => page.headers.get("location") ?? "";

export const signIn = (visitor: Visitor, who = DEMO): Promise<Page> => visitor.signIn(who.email, who.password);

export const cookieOf = (visitor: Visitor): string =>
  [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");

/** Submits a button of the consent page. */
export function decide(visitor: Visitor, page: Page, decision: string): Promise<Page> {
  return visitor.post(PAGE, { ...page.hidden(PAGE), decision });
}

/** Signs in, consents, and approves at Amazon. Returns the callback's path. */
export async function approve(amazon: Amazon, visitor: Visitor, page = WITH_RETURN, account?: string): Promise<string> {
  await signIn(visitor);
  const asked = await decide(visitor, await visitor.get(page), "allow");
  expect(asked.status).toBe(303);
  const callback = await amazon.approve(locationOf(asked), account);
  return callback.pathname + callback.search;
}

/** The parameters that the return URL received. */
export function returned(page: Page): URLSearchParams {
  expect(page.status).toBe(303);
  expect(locationOf(page).startsWith(`${RETURN_URL}?`)).toBe(true);
  return new URL(locationOf(page)).searchParams;
}

/** The live grants of Alexa, of all users. */
export function allLiveGrants(): Promise<{ id: string; user_id: string }[]> {
  return rows("SELECT id, user_id FROM grants WHERE skill_id IS NOT NULL AND revoked_at IS NULL");
}

/** The attempts that went on to Amazon or were denied. */
export function startedAttempts(): Promise<{ id: string; outcome: string; reason: string | null; steps: string }[]> {
  return rows("SELECT id, outcome, reason, steps FROM attempts WHERE state_hash IS NOT NULL");
}
