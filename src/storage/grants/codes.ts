// Authorization codes in D1: inserted with what they are bound to, spent by one conditional UPDATE.

import { batch, type Condition, readFirst } from "../d1.ts";
import { auditStatement } from "../maintenance/audit.ts";
import { type Sql, sql } from "../sql.ts";

/** `authorize`: a consent page of ours; `app`: a decision in the company's app; `enablement`: for the enablement call. */
export type CodeOrigin = "authorize" | "app" | "enablement";

/** What a code is bound to. */
export interface CodeBinding {
  readonly origin: CodeOrigin;
  readonly attemptId: string;
  /** Chosen before the code exists: the grant that redeeming it makes. */
  readonly grantId: string;
  readonly clientId: string;
  readonly userId: string;
  readonly redirectUri: string;
  readonly scope: string;
  readonly codeChallenge: string | null;
}

export interface CodeRow {
  readonly attempt_id: string;
  readonly grant_id: string;
  readonly origin: CodeOrigin;
  readonly client_id: string;
  readonly user_id: string;
  readonly redirect_uri: string;
  readonly scope: string;
  readonly code_challenge: string | null;
  readonly expires_at: number;
  readonly spent_at: number | null;
  readonly claim_id: string | null;
  readonly voided_at: number | null;
}

/** Inserts a code if `condition` holds; does nothing when it is there already, so that a repeated consent changes nothing. */
export function insertCodeStatement(
  db: D1Database,
  codeHash: string,
  binding: CodeBinding,
  at: number,
  expiresAt: number,
  condition: Condition = { sql: "TRUE", params: [] },
): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO codes (code_hash, attempt_id, grant_id, origin, client_id, user_id, redirect_uri, scope, code_challenge, created_at, expires_at)
       SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE ${condition.sql} ON CONFLICT (code_hash) DO NOTHING`,
    )
    .bind(
      codeHash,
      binding.attemptId,
      binding.grantId,
      binding.origin,
      binding.clientId,
      binding.userId,
      binding.redirectUri,
      binding.scope,
      binding.codeChallenge,
      at,
      expiresAt,
      ...condition.params,
    );
}

/** Voids the unspent codes for which `where` holds, a condition on the columns of `codes`: for a batch, and repeatable. */
export function voidCodes(where: Sql, at: number): Sql {
  return sql`UPDATE codes SET voided_at = ${at} WHERE spent_at IS NULL AND voided_at IS NULL AND (${where})`;
}

/** Reads a code's row, as a statement for a batch. */
export function codeStatement(db: D1Database, codeHash: string): D1PreparedStatement {
  return db.prepare("SELECT * FROM codes WHERE code_hash = ?").bind(codeHash);
}

/** The code's row, or null. One read. */
export function readCode(db: D1Database, codeHash: string): Promise<CodeRow | null> {
  return readFirst<CodeRow>(codeStatement(db, codeHash));
}

/** The refresh token of the grant to be made: its hash, and for rotating grants the chain. */
export interface NewRefreshToken {
  readonly hash: string;
  readonly sealedRotationKey: string | null;
  readonly nextHashes: string;
}

export interface Redemption {
  readonly codeHash: string;
  /** Random per request; a repeat after a lost connection recognises its own success by it. */
  readonly claimId: string;
  /** The claim of an earlier request that is known never to have been answered, or null. */
  readonly unansweredClaimId: string | null;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly codeChallenge: string | null;
  readonly skillId: string | null;
  readonly refresh: NewRefreshToken;
  readonly now: number;
  readonly idleExpiresAt: number;
  readonly expiresAt: number | null;
}

export type RedemptionResult =
  | { readonly redeemed: true; readonly code: CodeRow; readonly traceId: string | null }
  | { readonly redeemed: false; readonly code: CodeRow | null };

/** Of a claim that is repeated or taken over, the traces are there already. */
const NOT_AUDITED =
  "NOT EXISTS (SELECT 1 FROM audit WHERE audit.grant_id = codes.grant_id AND audit.kind = 'grant_created')";

/**
 * Spends a code and makes its grant: one batch, one trip, at most once. Conditions are in the UPDATE (C3, C4): unspent, unexpired,
 * not voided, of this client, redirect URI and challenge, its user and client still there. The grant is inserted from the
 * claimed row, so a claim that changed nothing makes nothing. Safe to repeat with the same `claimId` (F5). An unanswered claim is taken
 * over only while its grant has neither been used nor revoked.
 */
export async function redeemCode(db: D1Database, r: Redemption): Promise<RedemptionResult> {
  const [, , , , rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `UPDATE codes SET spent_at = ?1, claim_id = ?2
           WHERE code_hash = ?3 AND (spent_at IS NULL OR claim_id = ?2 OR claim_id = ?4)
             AND expires_at > ?1 AND voided_at IS NULL AND client_id = ?5 AND redirect_uri = ?6 AND code_challenge IS ?7
             AND EXISTS (SELECT 1 FROM users WHERE id = codes.user_id) AND EXISTS (SELECT 1 FROM clients WHERE id = ?5)
             AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.id = codes.grant_id AND (g.revoked_at IS NOT NULL OR g.last_used_at > g.created_at))`,
        )
        .bind(r.now, r.claimId, r.codeHash, r.unansweredClaimId, r.clientId, r.redirectUri, r.codeChallenge),
      db
        .prepare(
          `INSERT INTO grants (id, user_id, client_id, skill_id, scope, flow, attempt_id, trace_id, refresh_hash, rotation_key,
             next_hashes, created_at, last_used_at, idle_expires_at, expires_at)
           SELECT c.grant_id, c.user_id, c.client_id, ?1, c.scope, COALESCE(l.flow, 'alexa_app'), c.attempt_id,
             l.trace_id, ?2, ?3, ?4, ?5, ?5, ?6, ?7
           FROM codes c LEFT JOIN attempts l ON l.id = c.attempt_id
           WHERE c.code_hash = ?8 AND c.claim_id = ?9
           ON CONFLICT (id) DO UPDATE SET refresh_hash = excluded.refresh_hash, rotation_key = excluded.rotation_key,
             next_hashes = excluded.next_hashes WHERE refresh_hash <> excluded.refresh_hash AND ?10 IS NOT NULL`,
        )
        .bind(
          r.skillId,
          r.refresh.hash,
          r.refresh.sealedRotationKey,
          r.refresh.nextHashes,
          r.now,
          r.idleExpiresAt,
          r.expiresAt,
          r.codeHash,
          r.claimId,
          r.unansweredClaimId,
        ),
      db
        .prepare(
          `UPDATE attempts SET
             outcome = CASE WHEN outcome = 'pending' AND state_hash IS NULL THEN 'linked' ELSE outcome END,
             grant_id = CASE WHEN state_hash IS NULL THEN COALESCE(grant_id, (SELECT grant_id FROM codes WHERE code_hash = ?1)) ELSE grant_id END,
             finished_at = CASE WHEN state_hash IS NULL THEN COALESCE(finished_at, ?2) ELSE finished_at END,
             steps = json_insert(steps, '$[#]', json_object('name', 'code_redeemed', 'at', ?2))
           WHERE id = (SELECT attempt_id FROM codes WHERE code_hash = ?1 AND claim_id = ?3 AND ${NOT_AUDITED})`,
        )
        .bind(r.codeHash, r.now, r.claimId),
      db
        .prepare(
          `INSERT INTO audit (at, kind, user_id, client_id, grant_id, attempt_id)
           SELECT ?1, 'grant_created', user_id, client_id, grant_id, attempt_id FROM codes
           WHERE code_hash = ?2 AND claim_id = ?3 AND ${NOT_AUDITED}`,
        )
        .bind(r.now, r.codeHash, r.claimId),
      db
        .prepare(
          `SELECT c.*, l.trace_id FROM codes c LEFT JOIN attempts l ON l.id = c.attempt_id WHERE c.code_hash = ?`,
        )
        .bind(r.codeHash),
    ],
    true,
  );
  const row = rows[0] as unknown as (CodeRow & { readonly trace_id: string | null }) | undefined;
  if (!row) return { redeemed: false, code: null };
  if (row.claim_id === r.claimId) return { redeemed: true, code: row, traceId: row.trace_id };
  return { redeemed: false, code: row };
}

/**
 * A code came a second time and not as an honest repeat: the grant it gave is revoked (RFC 6749 §4.1.2), with an alert.
 * The caller has authenticated the client, or checked the public client's verifier (C7).
 */
export async function revokeGrantOfReplayedCode(db: D1Database, code: CodeRow, at: number): Promise<void> {
  await batch(
    db,
    [
      db
        .prepare(
          "UPDATE grants SET revoked_at = COALESCE(revoked_at, ?), revoked_reason = COALESCE(revoked_reason, 'code_replayed') WHERE id = ?",
        )
        .bind(at, code.grant_id),
      auditStatement(db, at, {
        kind: "code_replayed",
        alert: true,
        userId: code.user_id,
        clientId: code.client_id,
        grantId: code.grant_id,
        attemptId: code.attempt_id,
      }),
    ],
    true,
  );
}
