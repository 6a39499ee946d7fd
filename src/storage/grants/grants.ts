// Grants: one row per redeemed consent. Every function is one state transition in one round trip.
import type { AuditEntry } from "../audit.ts";
import { batch, decodeRow, readAll, readFirst, type Sql, sql, sqlName, write } from "../sql.ts";
import type { LevelShown } from "./link-levels.ts";

/**
 * In SQL: a grant is live at `now` (milliseconds). It is not revoked, was used within the idle time, and has not
 * reached its absolute end. `alias`: what the statement calls the table `grants`.
 */
export function grantIsLive(now: number, alias = "grants"): Sql {
  const column = (name: string) => sqlName(`${alias}.${name}`);
  return sql`(${column("revoked_at")} IS NULL AND ${column("idle_expires_at")} > ${now}
    AND (${column("expires_at")} IS NULL OR ${column("expires_at")} > ${now}))`;
}

/** In SQL: the grant behind a bearer token is live at `now` (milliseconds), and it is this user's. */
export function bearerHolds(bearer: { readonly grantId: string; readonly userId: string }, now: number): Sql {
  return sql`EXISTS (SELECT 1 FROM grants b WHERE b.id = ${bearer.grantId} AND b.user_id = ${bearer.userId}
    AND ${grantIsLive(now, "b")})`;
}

/** A grant as the token endpoints see it. Times are milliseconds since 1970. */
export interface Grant {
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  readonly skillId: string | null;
  /** The resource that its skill has now: the audience of its access tokens. null: the skill has none. */
  readonly resource: string | null;
  readonly scope: string;
  readonly attemptId: string | null;
  /** SHA-256 of a stable token's secret; of the whole token when another server issued it; null where tokens rotate. */
  readonly refreshHash: string | null;
  /** Random, for grants whose tokens rotate. */
  readonly salt: string | null;
  /** The highest generation that was used; 0 before the first refresh. */
  readonly generation: number;
  /** When `generation` was first used. */
  readonly rotatedAt: number | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly idleExpiresAt: number;
  readonly revokedAt: number | null;
  readonly revokedReason: string | null;
  /** `grantIsLive` at the time of the read. */
  readonly live: boolean;
}

function selectGrantWhere(where: Sql, now: number): Sql {
  return sql`SELECT id, user_id AS "userId", client_id AS "clientId", skill_id AS "skillId", scope, attempt_id AS "attemptId",
      (SELECT resource FROM skills WHERE id = grants.skill_id) AS resource,
      refresh_hash AS "refreshHash", salt, generation, rotated_at AS "rotatedAt", created_at AS "createdAt", last_used_at AS "lastUsedAt",
      idle_expires_at AS "idleExpiresAt", revoked_at AS "revokedAt", revoked_reason AS "revokedReason",
      ${grantIsLive(now)} AS live
    FROM grants WHERE ${where}`;
}

/** Reads the grant with this id; decode its row with `grantFromRow`. For a batch. */
export function selectGrant(grantId: string, now: number): Sql {
  return selectGrantWhere(sql`id = ${grantId}`, now);
}

/** Reads the grant whose refresh token another server issued, by that token's SHA-256. For a batch. */
export function selectImportedGrant(tokenHash: string, now: number): Sql {
  return selectGrantWhere(sql`refresh_hash = ${tokenHash} AND imported_at IS NOT NULL`, now);
}

/** A row of `selectGrant` or `selectImportedGrant`. */
export function grantFromRow(row: Record<string, unknown>): Grant {
  return decodeRow<Grant>(row, { flags: ["live"] });
}

/** Notes that a grant was used. Losing this write loses a day of idle time, nothing else. */
export async function touchGrant(db: D1Database, grantId: string, now: number, idleExpiresAt: number): Promise<void> {
  await write(
    db,
    sql`UPDATE grants SET last_used_at = ${now}, idle_expires_at = ${idleExpiresAt} WHERE id = ${grantId} AND ${grantIsLive(now)}`,
    true,
  );
}

/** Notes that a token of `generation` was used: older ones are retired from now on. Never goes back; repeatable. */
export async function advanceGeneration(
  db: D1Database,
  grantId: string,
  generation: number,
  now: number,
  idleExpiresAt: number,
): Promise<void> {
  await write(
    db,
    sql`UPDATE grants SET generation = ${generation}, rotated_at = ${now}, last_used_at = ${now}, idle_expires_at = ${idleExpiresAt}
        WHERE id = ${grantId} AND generation < ${generation} AND ${grantIsLive(now)}`,
    true,
  );
}

/** Why a grant was revoked. */
export type RevocationReason =
  | "code_replayed"
  | "retired_token_reused"
  | "revoked_by_client"
  | "unlinked"
  | "logins_ended"
  | "ended_by_operator"
  | "skill_disabled"
  | "enablement_gone"
  | "linking_failed"
  | "superseded_attempt"
  | "idle"
  | "user_deleted";

/**
 * Statements that end the live grants for which `where` holds, a condition on the columns of `grants`: an audit row for
 * each, then the revocation. For a batch; running them again changes nothing more. The last one returns the ids, as
 * `id`. Codes that are not spent yet have no grant: `voidCodes` is for them.
 */
export function endGrants(
  where: Sql,
  reason: RevocationReason,
  at: number,
  { alert = false, actor }: Pick<AuditEntry, "alert" | "actor"> = {},
): [audit: Sql, update: Sql] {
  return [
    sql`INSERT INTO audit (at, kind, alert, actor, user_id, client_id, grant_id, attempt_id, details)
        SELECT ${at}, 'grant_revoked', ${alert}, ${actor}, user_id, client_id, id, attempt_id, ${reason}
        FROM grants WHERE revoked_at IS NULL AND (${where})`,
    sql`UPDATE grants SET revoked_at = ${at}, revoked_reason = ${reason} WHERE revoked_at IS NULL AND (${where}) RETURNING id`,
  ];
}

/** Revokes one grant. Running it again changes nothing. */
export async function revokeGrant(
  db: D1Database,
  grantId: string,
  reason: RevocationReason,
  at: number,
  alert = false,
): Promise<void> {
  await batch(db, endGrants(sql`id = ${grantId}`, reason, at, { alert }), true);
}

/** Leaves an alert that a retired token was presented, and nothing else. */
export async function noteRetiredToken(db: D1Database, grant: Grant, at: number): Promise<void> {
  await write(
    db,
    sql`INSERT INTO audit (at, kind, alert, user_id, client_id, grant_id, attempt_id)
        VALUES (${at}, 'retired_token_reused', 1, ${grant.userId}, ${grant.clientId}, ${grant.id}, ${grant.attemptId})`,
    false,
  );
}

export interface GrantUser {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
}

/**
 * The user of a live grant, when it is that user's and `audience` is what its access tokens have now: the resource or
 * the id of its skill, else the issuer. One read.
 */
export function readUserOfGrant(
  db: D1Database,
  grant: { readonly grantId: string; readonly userId: string },
  { audience, issuer }: { readonly audience: string; readonly issuer: string },
  now: number,
): Promise<GrantUser | null> {
  return readFirst<GrantUser>(
    db,
    sql`SELECT u.id, u.email, u.name FROM grants JOIN users u ON u.id = grants.user_id LEFT JOIN skills s ON s.id = grants.skill_id
        WHERE grants.id = ${grant.grantId} AND grants.user_id = ${grant.userId} AND ${grantIsLive(now)}
          AND COALESCE(s.resource, grants.skill_id, ${issuer}) = ${audience}`,
  );
}

export interface LiveGrant {
  readonly id: string;
  readonly userId: string;
  readonly skillId: string | null;
  readonly scope: string;
  readonly levelShown: LevelShown | null;
}

/** Those of a few grants that are live at `now` (milliseconds). One read. */
export function readLiveGrants(db: D1Database, ids: readonly string[], now: number): Promise<LiveGrant[]> {
  return readAll<LiveGrant>(
    db,
    sql`SELECT id, user_id AS "userId", skill_id AS "skillId", scope, level_shown AS "levelShown" FROM grants
        WHERE id IN (SELECT value FROM json_each(${JSON.stringify(ids)})) AND ${grantIsLive(now)}`,
  );
}
