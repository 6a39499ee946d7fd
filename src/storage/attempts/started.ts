// Link attempts that we start: started once, run by one request at a time. Nothing is locked while Amazon is called.
import { type Skill, skillFromRow, skillStatement } from "../skills/skills.ts";
import { batch, readAll, readFirst, type Sql, sql, write } from "../sql.ts";
import { firstStep, type Step, stepsWith } from "../steps.ts";
import type { AttemptStart, Flow, Outcome, Stage } from "./attempts.ts";

export type Platform = "ios" | "android" | "web";

/** How long a started attempt may take, in milliseconds. */
const STARTED_ATTEMPT_LIFETIME_MS = 10 * 60 * 1000;

export interface StartedAttempt {
  readonly id: string;
  readonly flow: Flow;
  readonly skillId: string;
  readonly stage: Stage;
  readonly clientId: string;
  readonly userId: string;
  /** Of the browser that started it; null when it was started through the API. */
  readonly browserHash: string | null;
  readonly sessionId: string | null;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly decision: "allow" | "deny";
  readonly redirectUri: string;
  readonly returnTo: string | null;
  readonly amazonCodeHash: string | null;
  /** Amazon's tokens, sealed, while the attempt is pending. */
  readonly amazonTokens: string | null;
  /** Milliseconds; null when no run is under way. */
  readonly runningUntil: number | null;
  readonly runId: string | null;
  readonly expiresAt: number;
  /** Amazon's API host of the user's last attempt that linked. */
  readonly rememberedHost: string | null;
}

const SELECT_ATTEMPT = sql`SELECT a.id, a.flow, a.skill_id AS "skillId", a.stage, a.client_id AS "clientId",
    a.user_id AS "userId", a.browser_hash AS "browserHash", a.session_id AS "sessionId", a.outcome, a.reason, a.decision,
    a.redirect_uri AS "redirectUri", a.return_to AS "returnTo", a.amazon_code_hash AS "amazonCodeHash", a.amazon_tokens AS "amazonTokens",
    a.running_until AS "runningUntil", a.run_id AS "runId", a.expires_at AS "expiresAt",
    (SELECT w.amazon_host FROM attempts w WHERE w.user_id = a.user_id AND +w.outcome = 'linked' AND w.amazon_host IS NOT NULL
     ORDER BY w.finished_at DESC LIMIT 1) AS "rememberedHost"
  FROM attempts a`;

export interface NewAttempt {
  readonly start: Pick<AttemptStart, "attemptId" | "flow" | "locale">;
  readonly platform: Platform | null;
  readonly skillId: string;
  /** undefined: the skill's own. */
  readonly stage: Stage | undefined;
  /** The resource that the skill must have; undefined: any, or none. */
  readonly shownFor: string | null | undefined;
  readonly userId: string;
  /** The browser and session that must complete it; undefined: started through the API. */
  readonly browser: { readonly hash: string; readonly sessionId: string } | undefined;
  /** In SQL: the session or the bearer may still act. */
  readonly actorHolds: Sql;
  readonly decision: "allow" | "deny";
  readonly stateHash: string;
  readonly redirectUri: string;
  readonly returnTo: string | null;
}

export interface StartedRows {
  /** undefined: no such skill. */
  readonly skill: Skill | undefined;
  /** Inserted now or by an earlier post of the same form; undefined: a condition did not hold. */
  readonly attempt: StartedAttempt | undefined;
}

/**
 * Starts an attempt in one round trip, if the skill exists, has LWA credentials and still has the resource that the page
 * was shown for, the return URL is on its list byte for byte, and the actor holds. A second post of the same form
 * changes nothing and gets the first one's row.
 */
export async function startAttempt(db: D1Database, given: NewAttempt, now: number): Promise<StartedRows> {
  const { start, browser, decision, returnTo, shownFor } = given;
  const denied = decision === "deny";
  const [[skill], , [attempt]] = await batch<[Record<string, unknown>, unknown, StartedAttempt]>(
    db,
    [
      skillStatement(given.skillId),
      sql`INSERT INTO attempts (id, flow, platform, skill_id, stage, locale, client_id, user_id, browser_hash, session_id,
            outcome, steps, decision, decided_at, state_hash, redirect_uri, return_to, created_at, expires_at, finished_at)
          SELECT ${start.attemptId}, ${start.flow}, ${given.platform}, s.id, COALESCE(${given.stage}, s.stage), ${start.locale},
            c.id, ${given.userId}, ${browser?.hash}, ${browser?.sessionId}, ${denied ? "cancelled" : "pending"},
            ${firstStep(denied ? "consent_denied" : "linking_started", now)},
            ${decision}, ${now}, ${given.stateHash}, ${given.redirectUri}, ${returnTo}, ${now}, ${now + STARTED_ATTEMPT_LIFETIME_MS},
            ${denied ? now : null}
          FROM skills s JOIN clients c ON c.skill_id = s.id AND c.kind = 'alexa'
          WHERE s.id = ${given.skillId} AND s.lwa_client_id IS NOT NULL AND s.lwa_client_secret IS NOT NULL
            AND (${returnTo} IS NULL OR EXISTS (SELECT 1 FROM json_each(s.return_urls) WHERE value = ${returnTo}))
            AND ${shownFor === undefined ? sql`TRUE` : sql`s.resource IS ${shownFor}`} AND ${given.actorHolds}
          ON CONFLICT (id) DO UPDATE SET
            platform = excluded.platform, skill_id = excluded.skill_id, stage = excluded.stage, locale = excluded.locale,
            client_id = excluded.client_id,
            user_id = excluded.user_id, browser_hash = excluded.browser_hash, session_id = excluded.session_id,
            outcome = excluded.outcome, decision = excluded.decision, decided_at = excluded.decided_at, state_hash = excluded.state_hash,
            redirect_uri = excluded.redirect_uri, return_to = excluded.return_to, expires_at = excluded.expires_at,
            finished_at = excluded.finished_at, steps = json_insert(steps, '$[#]', json_extract(excluded.steps, '$[0]'))
            WHERE decided_at IS NULL AND outcome = 'pending'
          ON CONFLICT DO NOTHING`,
      sql`${SELECT_ATTEMPT} WHERE a.id = ${start.attemptId} AND a.user_id = ${given.userId} AND a.decision IS NOT NULL`,
    ],
    true,
  );
  return { skill: skill && skillFromRow(skill), attempt };
}

/** The attempt with this state, or null. One read. */
export function readAttemptByState(db: D1Database, stateHash: string): Promise<StartedAttempt | null> {
  return readFirst<StartedAttempt>(db, sql`${SELECT_ATTEMPT} WHERE a.state_hash = ${stateHash}`);
}

/** One run of an attempt. */
export interface RunKey {
  readonly attemptId: string;
  /** Random per run: a repeated statement recognises its own success by it. */
  readonly runId: string;
}

export interface NewRun extends RunKey {
  readonly userId: string;
  readonly skillId: string;
  readonly amazonCodeHash: string;
  /** Milliseconds. No other run starts before this, unless this one ends earlier. */
  readonly runningUntil: number;
  /** In SQL: the session or the bearer may still act. */
  readonly actorHolds: Sql;
}

export interface ClaimedRows {
  readonly attempt: StartedAttempt | undefined;
  readonly skill: Skill | undefined;
}

/**
 * Starts a run, before anything is asked of Amazon, if the attempt is pending, in time, not running, and has seen no
 * other Amazon code. Whether it started is read from `attempt.runId`.
 */
export async function startRun(db: D1Database, run: NewRun, now: number): Promise<ClaimedRows> {
  const [, [attempt], [skill]] = await batch<[unknown, StartedAttempt, Record<string, unknown>]>(
    db,
    [
      sql`UPDATE attempts SET amazon_code_hash = ${run.amazonCodeHash}, running_until = ${run.runningUntil}, run_id = ${run.runId},
            steps = ${stepsWith("amazon_code_received", now)}
          WHERE id = ${run.attemptId} AND user_id = ${run.userId} AND outcome = 'pending' AND expires_at > ${now}
            AND (amazon_code_hash IS NULL OR amazon_code_hash = ${run.amazonCodeHash})
            AND (running_until IS NULL OR running_until <= ${now}) AND ${run.actorHolds}`,
      sql`${SELECT_ATTEMPT} WHERE a.id = ${run.attemptId}`,
      skillStatement(run.skillId),
    ],
    true,
  );
  return { attempt, skill: skill && skillFromRow(skill) };
}

/** In SQL, on `attempts`: the attempt is still this run's. It has no user after the person was erased. */
function isRun({ attemptId, runId }: RunKey): Sql {
  return sql`id = ${attemptId} AND run_id = ${runId} AND outcome = 'pending' AND user_id IS NOT NULL`;
}

/** In SQL: the run may go on. */
export function runHolds(run: RunKey): Sql {
  return sql`EXISTS (SELECT 1 FROM attempts WHERE ${isRun(run)})`;
}

/**
 * Adds a step of a run, and what Amazon responded before it. `sealedTokens`: Amazon's tokens, kept from then on, so that
 * a later run does not need the code again. False when the attempt has been ended: the run must stop.
 */
export async function noteRunStep(
  db: D1Database,
  run: RunKey,
  step: string,
  now: number,
  { responses, sealedTokens = null }: { readonly responses: readonly Step[]; readonly sealedTokens?: string | null },
): Promise<boolean> {
  const changed = await write(
    db,
    sql`UPDATE attempts SET amazon_tokens = COALESCE(${sealedTokens}, amazon_tokens), steps = ${stepsWith(step, now, responses)} WHERE ${isRun(run)}`,
    true,
  );
  return changed === 1;
}

/** Ends a run after a transient failure: the attempt stays pending, and the same code may be presented again. */
export async function endRun(
  db: D1Database,
  run: RunKey,
  step: string,
  { responses, sealedTokens }: { readonly responses: readonly Step[]; readonly sealedTokens: string | null },
  now: number,
): Promise<void> {
  await write(
    db,
    sql`UPDATE attempts SET running_until = NULL, amazon_tokens = COALESCE(${sealedTokens}, amazon_tokens), steps = ${stepsWith(step, now, responses)}
        WHERE ${isRun(run)} AND running_until IS NOT NULL`,
    true,
  );
}

/** Expired attempts, not running, that hold Amazon's tokens, oldest first. Others need no cleanup at Amazon. */
export async function readExpiredAttempts(db: D1Database, now: number, limit: number): Promise<string[]> {
  const rows = await readAll<{ readonly id: string }>(
    db,
    sql`SELECT id FROM attempts WHERE outcome = 'pending' AND created_at <= ${now} AND expires_at <= ${now}
          AND amazon_tokens IS NOT NULL AND (running_until IS NULL OR running_until <= ${now}) ORDER BY created_at LIMIT ${limit}`,
  );
  return rows.map(({ id }) => id);
}
