// Link attempts: one row each, from the first POST on, with the time of every step and a tagged reason when it fails.
import { type Sql, sql, write } from "../sql.ts";
import { firstStep, stepsWith } from "../steps.ts";

export type { Stage } from "../skills/skills.ts";
export const FLOWS = ["alexa_app", "app_to_app", "website", "app_authorize", "oauth"] as const;
export type Flow = (typeof FLOWS)[number];

export const OUTCOMES = ["pending", "linked", "cancelled", "failed", "abandoned"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The platform that the caller names; attempts that Alexa starts have none. */
export const PLATFORMS = ["ios", "android", "web"] as const;

/** What is known of an attempt before anything is stored. Sealed into forms until then. */
export interface AttemptStart {
  /** Also the trace id that logs and the admin API name. */
  readonly attemptId: string;
  readonly flow: Flow;
  readonly skillId: string | null;
  readonly clientId: string | null;
  /** The language of the page or call that the attempt began with. */
  readonly locale: string | null;
}

/** How long an attempt may stay undecided, from its first POST. */
export const ATTEMPT_LIFETIME_MS = 60 * 60 * 1000;

/** Adds a step to an undecided attempt; inserts the row when it is the first. Repeated steps are kept. */
export function addStep(
  start: AttemptStart,
  step: string,
  at: number,
  who: { readonly userId?: string | null; readonly browserHash?: string | null } = {},
): Sql {
  return sql`INSERT INTO attempts (id, flow, skill_id, locale, client_id, user_id, browser_hash, outcome,
      steps, created_at, expires_at)
    VALUES (${start.attemptId}, ${start.flow}, ${start.skillId}, ${start.locale}, ${start.clientId}, ${who.userId},
      ${who.browserHash},
      'pending', ${firstStep(step, at)}, ${at}, ${at + ATTEMPT_LIFETIME_MS})
    ON CONFLICT (id) DO UPDATE SET user_id = COALESCE(excluded.user_id, user_id), steps = ${stepsWith(step, at)}
    WHERE decided_at IS NULL`;
}

/** `addStep`, run. One write. */
export async function recordStep(db: D1Database, ...step: Parameters<typeof addStep>): Promise<void> {
  await write(db, addStep(...step), true);
}

/** In SQL, on `attempts` as `a`: we started it, so that redeeming its code is not yet a link. */
export const STARTED_BY_US = sql`a.flow IN ('app_to_app', 'website')`;

/**
 * In SQL, on `attempts` as `a`: it is a completed link with Alexa. Alexa redeemed its code, an attempt that we started
 * ended as linked, and no AcceptGrant undid it. A sign-in to the company's app is not one.
 */
export const IS_COMPLETED = sql`a.flow <> 'oauth' AND a.redeemed_at IS NOT NULL AND (NOT ${STARTED_BY_US} OR a.outcome = 'linked')
  AND a.accept_grant IS NOT 'refused'`;
