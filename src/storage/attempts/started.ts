// Linkings that start on our side: started once, claimed for one run at a time, ended once. No lock is held across Amazon (L3).

import { batch, type Condition, conditionOf, prepared, readAll, readFirst, write } from "../d1.ts";
import { type Skill, skillFromRow, skillStatement } from "../skills/skills.ts";
import { type SessionKey, sessionHolds } from "../users/sessions.ts";
import type { AttemptStart, Flow, Stage } from "./attempts.ts";

export type Platform = "ios" | "android" | "web";
export type Outcome = "pending" | "linked" | "cancelled" | "failed" | "abandoned";

/** How long a started linking may take, in milliseconds. */
const STARTED_ATTEMPT_LIFETIME_MS = 10 * 60 * 1000;

export interface StartedAttempt {
  readonly id: string;
  readonly trace_id: string;
  readonly flow: Flow;
  readonly skill_id: string;
  readonly stage: Stage;
  readonly client_id: string;
  readonly user_id: string;
  /** Of the browser that started it; null when it was started through the API. */
  readonly browser_hash: string | null;
  readonly session_id: string | null;
  readonly outcome: Outcome;
  readonly reason: string | null;
  readonly decision: "allow" | "deny";
  readonly redirect_uri: string;
  readonly return_to: string | null;
  readonly amazon_code_hash: string | null;
  /** Amazon's tokens, sealed, once Login with Amazon has answered. */
  readonly amazon_tokens: string | null;
  /** The winner; while pending, hosts that may have linked without our knowing, separated by spaces (`hostsInDoubt`). */
  readonly amazon_host: string | null;
  readonly running_until: number | null;
  readonly run_id: string | null;
  readonly expires_at: number;
  /** Host of the user's last linking that succeeded. */
  readonly remembered_host: string | null;
}

const SELECT_ATTEMPT = `SELECT l.id, l.trace_id, l.flow, l.skill_id, l.stage, l.client_id, l.user_id, l.browser_hash, l.session_id,
    l.outcome, l.reason, l.decision, l.redirect_uri, l.return_to, l.amazon_code_hash, l.amazon_tokens, l.amazon_host,
    l.running_until, l.run_id, l.expires_at,
    (SELECT w.amazon_host FROM attempts w WHERE w.user_id = l.user_id AND +w.outcome = 'linked' AND w.amazon_host IS NOT NULL
     ORDER BY w.finished_at DESC LIMIT 1) AS remembered_host
  FROM attempts l`;

export interface AttemptOrder {
  readonly start: Pick<AttemptStart, "attemptId" | "traceId" | "flow">;
  readonly platform: Platform | null;
  readonly skillId: string;
  /** Left out: the skill's own. */
  readonly stage: Stage | undefined;
  readonly userId: string;
  /** The browser and session that must complete it; undefined: started through the API. */
  readonly browser: { readonly hash: string; readonly session: SessionKey } | undefined;
  readonly decision: "allow" | "deny";
  readonly stateHash: string;
  readonly redirectUri: string;
  readonly returnTo: string | null;
}

export interface StartedRows {
  /** undefined: no such skill. */
  readonly skill: Skill | undefined;
  /** The row of this attempt, made now or by an earlier post of the same form; undefined: a condition did not hold. */
  readonly attempt: StartedAttempt | undefined;
}

/**
 * Starts a linking in one trip, if the skill exists and has LWA credentials, the return URL is on its list byte for byte, and the session
 * still acts. A second post of the same form changes nothing and gets the first one's row (P3).
 */
export async function startAttempt(db: D1Database, order: AttemptOrder, now: number): Promise<StartedRows> {
  const session: Condition = order.browser
    ? conditionOf(sessionHolds(order.browser.session))
    : { sql: "TRUE", params: [] };
  const denied = order.decision === "deny";
  const [skills = [], , rows = []] = await batch(
    db,
    [
      prepared(db, skillStatement(order.skillId)),
      db
        .prepare(
          `INSERT INTO attempts (id, trace_id, flow, platform, skill_id, stage, client_id, user_id, browser_hash, session_id,
             outcome, steps, decision, decided_at, state_hash, redirect_uri, return_to, created_at, expires_at, finished_at)
           SELECT ?, ?, ?, ?, s.id, COALESCE(?, s.stage), c.id, ?, ?, ?, ?, json_array(json_object('name', ?, 'at', ?)), ?, ?, ?, ?, ?, ?, ?, ?
           FROM skills s JOIN clients c ON c.skill_id = s.id
           WHERE s.id = ? AND s.lwa_client_id IS NOT NULL AND s.lwa_client_secret IS NOT NULL
             AND (? IS NULL OR EXISTS (SELECT 1 FROM json_each(s.return_urls) WHERE value = ?)) AND ${session.sql}
           ON CONFLICT (id) DO UPDATE SET
             platform = excluded.platform, skill_id = excluded.skill_id, stage = excluded.stage, client_id = excluded.client_id,
             user_id = excluded.user_id, browser_hash = excluded.browser_hash, session_id = excluded.session_id,
             outcome = excluded.outcome, decision = excluded.decision, decided_at = excluded.decided_at, state_hash = excluded.state_hash,
             redirect_uri = excluded.redirect_uri, return_to = excluded.return_to, expires_at = excluded.expires_at,
             finished_at = excluded.finished_at, steps = json_insert(steps, '$[#]', json_extract(excluded.steps, '$[0]'))
             WHERE decided_at IS NULL AND outcome = 'pending'
           ON CONFLICT DO NOTHING`,
        )
        .bind(
          order.start.attemptId,
          order.start.traceId,
          order.start.flow,
          order.platform,
          order.stage ?? null,
          order.userId,
          order.browser?.hash ?? null,
          order.browser?.session.sessionId ?? null,
          denied ? "cancelled" : "pending",
          denied ? "consent_denied" : "linking_started",
          now,
          order.decision,
          now,
          order.stateHash,
          order.redirectUri,
          order.returnTo,
          now,
          now + STARTED_ATTEMPT_LIFETIME_MS,
          denied ? now : null,
          order.skillId,
          order.returnTo,
          order.returnTo,
          ...session.params,
        ),
      db
        .prepare(`${SELECT_ATTEMPT} WHERE l.id = ? AND l.user_id = ? AND l.decision IS NOT NULL`)
        .bind(order.start.attemptId, order.userId),
    ],
    true,
  );
  return {
    skill: skills[0] ? skillFromRow(skills[0]) : undefined,
    attempt: rows[0] as unknown as StartedAttempt | undefined,
  };
}

/** The linking with this state, or null. One read. */
export function readAttemptByState(db: D1Database, stateHash: string): Promise<StartedAttempt | null> {
  return readFirst<StartedAttempt>(db.prepare(`${SELECT_ATTEMPT} WHERE l.state_hash = ?`).bind(stateHash));
}

export interface Claim {
  readonly attemptId: string;
  readonly userId: string;
  readonly amazonCodeHash: string;
  /** Random per run: it recognises its own claim. */
  readonly runId: string;
  /** Milliseconds; a run that died is taken over after this. */
  readonly runningUntil: number;
}

export interface ClaimedRows {
  readonly attempt: StartedAttempt | undefined;
  readonly skill: Skill | undefined;
}

/**
 * Claims a linking for one run, before anything is asked of Amazon: it is pending, in time, not running, and has seen no other Amazon
 * code. Whether this call won is read from `attempt.run_id`.
 */
export async function claimAttempt(
  db: D1Database,
  attempt: StartedAttempt,
  claim: Claim,
  now: number,
  condition: Condition = { sql: "TRUE", params: [] },
): Promise<ClaimedRows> {
  const [, rows = [], skills = []] = await batch(
    db,
    [
      db
        .prepare(
          `UPDATE attempts SET amazon_code_hash = ?, running_until = ?,
             steps = CASE WHEN run_id IS ? THEN steps ELSE json_insert(steps, '$[#]', json_object('name', 'amazon_code_received', 'at', ?)) END,
             run_id = ?
           WHERE id = ? AND user_id = ? AND outcome = 'pending' AND expires_at > ?
             AND (amazon_code_hash IS NULL OR amazon_code_hash = ?)
             AND (running_until IS NULL OR running_until <= ? OR run_id = ?) AND ${condition.sql}`,
        )
        .bind(
          claim.amazonCodeHash,
          claim.runningUntil,
          claim.runId,
          now,
          claim.runId,
          claim.attemptId,
          claim.userId,
          now,
          claim.amazonCodeHash,
          now,
          claim.runId,
          ...condition.params,
        ),
      db.prepare(`${SELECT_ATTEMPT} WHERE l.id = ?`).bind(claim.attemptId),
      prepared(db, skillStatement(attempt.skill_id)),
    ],
    true,
  );
  return {
    attempt: rows[0] as unknown as StartedAttempt | undefined,
    skill: skills[0] ? skillFromRow(skills[0]) : undefined,
  };
}

/** True in SQL while this run is still the one that may go on. The linking of a person who was erased has no user any more. */
export function runHolds(attemptId: string, runId: string): Condition {
  return {
    sql: "EXISTS (SELECT 1 FROM attempts WHERE id = ? AND run_id = ? AND outcome = 'pending' AND user_id IS NOT NULL)",
    params: [attemptId, runId],
  };
}

/**
 * Notes a step of a run and moves its lease on; `sealedTokens` and `inDoubt` are kept from then on, so that whoever comes after a run that
 * died goes on with them. False when somebody else has ended the attempt: the run must stop.
 */
export async function advanceRun(
  db: D1Database,
  run: { readonly attemptId: string; readonly runId: string },
  step: string,
  runningUntil: number,
  now: number,
  kept: { readonly sealedTokens?: string; readonly inDoubt?: ReadonlySet<string> },
): Promise<boolean> {
  const changed = await write(
    db
      .prepare(
        `UPDATE attempts SET running_until = ?, amazon_tokens = COALESCE(?, amazon_tokens), amazon_host = COALESCE(?, amazon_host),
           steps = json_insert(steps, '$[#]', json_object('name', ?, 'at', ?))
         WHERE id = ? AND run_id = ? AND outcome = 'pending' AND user_id IS NOT NULL`,
      )
      .bind(
        runningUntil,
        kept.sealedTokens ?? null,
        kept.inDoubt ? [...kept.inDoubt].join(" ") : null,
        step,
        now,
        run.attemptId,
        run.runId,
      ),
    true,
  );
  return changed === 1;
}

/** Lets go of a linking after a passing fault: the same code may be presented again. What its calls have made lives until the linking ends. */
export async function releaseRun(
  db: D1Database,
  run: { readonly attemptId: string; readonly runId: string },
  release: {
    readonly step: string;
    readonly sealedTokens: string | null;
    /** Left out: nobody knows, and those noted before their calls stay. */
    readonly inDoubt: readonly string[] | undefined;
  },
  now: number,
): Promise<void> {
  await write(
    db
      .prepare(
        `UPDATE attempts SET running_until = NULL, amazon_tokens = COALESCE(?, amazon_tokens), amazon_host = IIF(?, amazon_host, ?),
           steps = json_insert(steps, '$[#]', json_object('name', ?, 'at', ?))
         WHERE id = ? AND run_id = ? AND outcome = 'pending' AND running_until IS NOT NULL`,
      )
      .bind(
        release.sealedTokens,
        release.inDoubt === undefined ? 1 : 0,
        release.inDoubt?.join(" ") || null,
        release.step,
        now,
        run.attemptId,
        run.runId,
      ),
    true,
  );
}

/** Hosts of a pending linking of which nobody knows whether they linked: a run was cut off in the call, or got no answer. */
export function hostsInDoubt(attempt: Pick<StartedAttempt, "amazon_host">): string[] {
  return attempt.amazon_host?.split(" ") ?? [];
}

/** Linkings past their time and not running that hold Amazon's tokens, the oldest first. Without tokens nothing can be left behind. */
export function readExpiredAttempts(db: D1Database, now: number, limit: number): Promise<StartedAttempt[]> {
  return readAll<StartedAttempt>(
    db
      .prepare(
        `${SELECT_ATTEMPT} WHERE l.outcome = 'pending' AND l.expires_at <= ?1 AND l.amazon_tokens IS NOT NULL
           AND (l.running_until IS NULL OR l.running_until <= ?1) ORDER BY l.expires_at LIMIT ?2`,
      )
      .bind(now, limit),
  );
}
