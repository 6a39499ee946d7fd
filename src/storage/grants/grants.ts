// Grants: one row per redeemed consent. Every function is one state transition in one trip.

import { batch, readAll, readFirst, write } from "../d1.ts";
import { auditStatement } from "../maintenance/audit.ts";
import { batch as runBatch, type Sql, sql, sqlName } from "../sql.ts";
import type { LevelShown } from "./link-levels.ts";

export interface GrantRow {
  readonly id: string;
  readonly user_id: string;
  readonly client_id: string;
  readonly skill_id: string | null;
  readonly scope: string;
  readonly flow: string;
  readonly trace_id: string | null;
  readonly refresh_hash: string;
  readonly rotation_key: string | null;
  readonly generation: number;
  readonly next_hashes: string;
  readonly next_issued_at: number | null;
  readonly rotated_at: number | null;
  readonly previous_rotated_at: number | null;
  readonly created_at: number;
  readonly last_used_at: number;
  readonly idle_expires_at: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  readonly revoked_reason: string | null;
  /** Set when its refresh token was given out by another server: any text, known by the hash of all of it. */
  readonly imported_at: number | null;
}

/** A grant whose user exists. Its foreign key takes the row along when the user goes. */
function grantStatement(db: D1Database, grantId: string): D1PreparedStatement {
  return db.prepare("SELECT * FROM grants WHERE id = ?").bind(grantId);
}

/** The grant, or null. One read. */
export function readGrant(db: D1Database, grantId: string): Promise<GrantRow | null> {
  return readFirst<GrantRow>(grantStatement(db, grantId));
}

/** The grant whose refresh token another server gave out, by that token's SHA-256; or null. One read. */
export function readImportedGrant(db: D1Database, tokenHash: string): Promise<GrantRow | null> {
  return readFirst<GrantRow>(
    db.prepare("SELECT * FROM grants WHERE refresh_hash = ? AND imported_at IS NOT NULL").bind(tokenHash),
  );
}

/** Whether a grant lives at `now` (milliseconds): not revoked, not idle too long, not past its absolute life. */
export function grantLives(grant: GrantRow, now: number): boolean {
  return (
    grant.revoked_at === null && grant.idle_expires_at > now && (grant.expires_at === null || grant.expires_at > now)
  );
}

/**
 * In SQL: a grant is live at `now` (milliseconds). It is not revoked, was used within the idle time, and has not reached its absolute end.
 * `alias`: what the statement calls the table `grants`.
 */
export function grantIsLive(now: number, alias = "grants"): Sql {
  const column = (name: string) => sqlName(`${alias}.${name}`);
  return sql`(${column("revoked_at")} IS NULL AND ${column("idle_expires_at")} > ${now}
    AND (${column("expires_at")} IS NULL OR ${column("expires_at")} > ${now}))`;
}

/** `grantIsLive` for statements that are not made by the tag yet: the first parameter of the statement is the time. */
export const GRANT_LIVES = "revoked_at IS NULL AND idle_expires_at > ?1 AND (expires_at IS NULL OR expires_at > ?1)";

/** Notes that a stable grant was used. Losing this write loses a day of idle time, nothing else. */
export async function touchGrant(db: D1Database, grantId: string, now: number, idleExpiresAt: number): Promise<void> {
  await write(
    db
      .prepare("UPDATE grants SET last_used_at = ?, idle_expires_at = ? WHERE id = ? AND revoked_at IS NULL")
      .bind(now, idleExpiresAt, grantId),
    true,
  );
}

/** A predecessor that comes again later than this after its successor was issued is noted in the audit. */
const LATE_REPEAT_MS = 60_000;

/**
 * Presents a secret's hash to a rotating grant, in one batch: the successor's hash moves the grant on and retires the predecessor; the
 * current hash marks its successor as issued. Which of them it was is read from the returned row. Repeating it changes nothing more.
 */
export async function presentRotatingToken(
  db: D1Database,
  presented: { readonly grantId: string; readonly clientId: string; readonly hash: string },
  now: number,
  idleExpiresAt: number,
): Promise<GrantRow | null> {
  const { grantId, clientId, hash } = presented;
  const [, , , rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `UPDATE grants SET generation = generation + 1, refresh_hash = ?4, next_hashes = substr(next_hashes, 44),
             previous_rotated_at = rotated_at, rotated_at = ?1, next_issued_at = ?1, last_used_at = ?1, idle_expires_at = ?5
           WHERE id = ?2 AND client_id = ?3 AND substr(next_hashes, 1, 43) = ?4 AND ${GRANT_LIVES}`,
        )
        .bind(now, grantId, clientId, hash, idleExpiresAt),
      db
        .prepare(
          `INSERT INTO audit (at, kind, user_id, client_id, grant_id)
           SELECT ?1, 'refresh_token_repeated_late', user_id, client_id, id FROM grants
           WHERE id = ?2 AND client_id = ?3 AND refresh_hash = ?4 AND next_issued_at < ?5 AND ${GRANT_LIVES}`,
        )
        .bind(now, grantId, clientId, hash, now - LATE_REPEAT_MS),
      db
        .prepare(
          `UPDATE grants SET next_issued_at = COALESCE(next_issued_at, ?1), last_used_at = ?1, idle_expires_at = ?5
           WHERE id = ?2 AND client_id = ?3 AND refresh_hash = ?4 AND ${GRANT_LIVES}`,
        )
        .bind(now, grantId, clientId, hash, idleExpiresAt),
      grantStatement(db, grantId),
    ],
    true,
  );
  return (rows[0] as unknown as GrantRow | undefined) ?? null;
}

/** Fills up the hashes a rotating grant holds ahead, unless it has moved on meanwhile. */
export async function refillNextHashes(
  db: D1Database,
  grantId: string,
  generation: number,
  nextHashes: string,
): Promise<void> {
  await write(
    db
      .prepare("UPDATE grants SET next_hashes = ? WHERE id = ? AND generation = ?")
      .bind(nextHashes, grantId, generation),
    true,
  );
}

/** Moves a grant on to a later link of its chain, whose hash it did not hold; true when this or an equal call did it. */
export async function advanceRotatingGrant(
  db: D1Database,
  grant: GrantRow,
  to: { readonly generation: number; readonly hash: string; readonly nextHashes: string },
  now: number,
  idleExpiresAt: number,
): Promise<boolean> {
  const [, rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `UPDATE grants SET generation = ?7, refresh_hash = ?1, next_hashes = ?2, previous_rotated_at = rotated_at,
             rotated_at = ?3, next_issued_at = ?3, last_used_at = ?3, idle_expires_at = ?4
           WHERE id = ?5 AND generation = ?6 AND revoked_at IS NULL`,
        )
        .bind(to.hash, to.nextHashes, now, idleExpiresAt, grant.id, grant.generation, to.generation),
      db.prepare("SELECT refresh_hash FROM grants WHERE id = ?").bind(grant.id),
    ],
    true,
  );
  return rows[0]?.refresh_hash === to.hash;
}

/** Why a grant ended. */
export type RevocationReason =
  | "code_replayed"
  | "retired_token_reused"
  | "revoked_by_client"
  | "unlinked"
  | "skill_disabled"
  | "enablement_gone"
  | "linking_failed"
  | "superseded_attempt"
  | "idle"
  | "user_deleted";

/**
 * Statements that end the live grants for which `where` holds, a condition on the columns of `grants`: an audit row for each, then the
 * revocation. For a batch; running them again changes nothing more. The last one returns the ids, as `id`. Codes that are not spent yet have no
 * grant: `voidCodes` is for them.
 */
export function endGrants(where: Sql, reason: RevocationReason, at: number, alert = false): [audit: Sql, update: Sql] {
  return [
    sql`INSERT INTO audit (at, kind, alert, user_id, client_id, grant_id, attempt_id, details)
        SELECT ${at}, 'grant_revoked', ${alert}, user_id, client_id, id, attempt_id, ${reason}
        FROM grants WHERE revoked_at IS NULL AND (${where})`,
    sql`UPDATE grants SET revoked_at = ${at}, revoked_reason = ${reason} WHERE revoked_at IS NULL AND (${where}) RETURNING id`,
  ];
}

/** Ends one grant. Running it again changes nothing. */
export async function revokeGrant(
  db: D1Database,
  grantId: string,
  reason: RevocationReason,
  at: number,
  alert = false,
): Promise<void> {
  await runBatch(db, endGrants(sql`id = ${grantId}`, reason, at, alert), true);
}

/** An alert that a retired token was presented; the grant lives on. */
export async function auditRetiredToken(db: D1Database, grant: GrantRow, at: number): Promise<void> {
  await write(
    auditStatement(db, at, {
      kind: "retired_token_reused",
      alert: true,
      userId: grant.user_id,
      clientId: grant.client_id,
      grantId: grant.id,
      traceId: grant.trace_id,
    }),
    false,
  );
}

export interface LivingGrant {
  readonly id: string;
  readonly user_id: string;
  readonly skill_id: string | null;
  readonly scope: string;
  readonly level_shown: LevelShown | null;
}

/** Those of a few grants that live at `now` (milliseconds). One read. */
export function readLivingGrants(db: D1Database, ids: readonly string[], now: number): Promise<LivingGrant[]> {
  return readAll<LivingGrant>(
    db
      .prepare(
        `SELECT id, user_id, skill_id, scope, level_shown FROM grants WHERE id IN (SELECT value FROM json_each(?1))
           AND revoked_at IS NULL AND idle_expires_at > ?2 AND (expires_at IS NULL OR expires_at > ?2)`,
      )
      .bind(JSON.stringify(ids), now),
  );
}
