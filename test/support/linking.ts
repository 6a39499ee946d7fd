// Two users of the company's app, a skill that can be linked, and Amazon behind it: the common start of the linking
// tests.
import { expect } from "vitest";
import { type Amazon, startAmazon } from "./amazon.ts";
import { type AppUser, appUser, rows, seedLwa } from "./app-user.ts";
import { json, seedAppAndService, seedSkill, seedUser } from "./seeds.ts";
import { type Service, startService } from "./service.ts";

export interface LinkingWorld {
  readonly service: Service;
  readonly amazon: Amazon;
  readonly ada: AppUser;
  readonly bob: AppUser;
}

/** Call in `beforeEach`; `vi.restoreAllMocks()` in `afterEach` restores `fetch`. */
export async function startLinkingWorld(variables: Readonly<Record<string, string>> = {}): Promise<LinkingWorld> {
  const service = startService(variables);
  await seedSkill();
  await seedAppAndService();
  await seedLwa(service);
  const ada = await appUser(service, await seedUser());
  const bob = await appUser(service, await seedUser("0userbbbbbbbbbbbbbbbbbbbbb", "bob@example.com"));
  const amazon = startAmazon(service);
  service.meter.clear();
  return { service, amazon, ada, bob };
}

/** The `code` of a problem response. */
export async function problemCode(response: Response): Promise<string> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return (await json<{ code: string }>(response)).code;
}

export interface Approved {
  readonly id: string;
  readonly state: string;
  /** Amazon's code. */
  readonly code: string;
  readonly callback: URL;
}

/** The user starts in the app and approves at Amazon. */
export async function startAndApprove(amazon: Amazon, user: AppUser, account = "amazon-account-1"): Promise<Approved> {
  const started = await user.start();
  const callback = await amazon.approve(started.loginWithAmazonUrl, account);
  return { id: started.id, state: started.state, code: callback.searchParams.get("code") ?? "", callback };
}

/** The same, completed. Returns the grant's id. */
export async function link(amazon: Amazon, user: AppUser, account?: string): Promise<string> {
  const { id, state, code } = await startAndApprove(amazon, user, account);
  const response = await user.complete({ state, code });
  expect(response.status).toBe(200);
  await response.text();
  return (await attemptRow(id))?.grant_id ?? "";
}

/** The live grants of Alexa for a user. */
export function liveGrants(userId: string): Promise<{ id: string }[]> {
  return rows("SELECT id FROM grants WHERE user_id = ? AND skill_id IS NOT NULL AND revoked_at IS NULL", userId);
}

export interface AttemptRow {
  readonly outcome: string;
  readonly reason: string | null;
  readonly grant_id: string | null;
  readonly amazon_tokens: string | null;
  readonly steps: string;
}

export async function attemptRow(id: string): Promise<AttemptRow | undefined> {
  return (
    await rows<AttemptRow>("SELECT outcome, reason, grant_id, amazon_tokens, steps FROM attempts WHERE id = ?", id)
  )[0];
}
