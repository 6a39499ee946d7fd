// Amazon's tokens in D1: found with their grant, kept after an exchange, refreshed by one at a time, dropped.
import type { Keyring } from "../../crypto/keyring.ts";
import { batch, readFirst, write } from "../d1.ts";
import { type AmazonTokens, sealTokens, type TokenPurpose } from "./amazon-tokens.ts";

/** What a backend may hold tokens for. */
export type GatewayPurpose = Exclude<TokenPurpose, "enablement">;

/**
 * Which living grant: by its id; by Alexa's id of the account, where events have told it (the shared link before one speaker's, then the
 * newest); or the one of a user with the newest tokens.
 */
export type GrantChoice =
  | { readonly grantId: string }
  | { readonly alexaUserId: string }
  | { readonly userId: string; readonly skillId?: string | undefined };

export interface TokenGrant {
  readonly grant_id: string;
  readonly user_id: string;
  readonly client_id: string;
  readonly skill_id: string;
  /** Where the tokens are used: the region's public gateway, or its API. null, as the next four, when no tokens are held. */
  readonly host: string | null;
  readonly tokens: string | null;
  readonly access_expires_at: number | null;
  readonly code_hash: string | null;
  /** Not null though its time is over: a refresh broke off, and nobody knows what Amazon answered it. */
  readonly refreshing_until: number | null;
}

const LIVES = "g.revoked_at IS NULL AND g.idle_expires_at > ?1 AND (g.expires_at IS NULL OR g.expires_at > ?1)";

/** The living grant of one of `skillIds`, with its tokens of `purpose` where they are held. One read. */
export function findTokenGrant(
  db: D1Database,
  purpose: TokenPurpose,
  choice: GrantChoice,
  skillIds: readonly string[],
  now: number,
): Promise<TokenGrant | null> {
  const [condition, order, params] = selectionOf(choice);
  return readFirst<TokenGrant>(
    db
      .prepare(
        `SELECT g.id AS grant_id, g.user_id, g.client_id, g.skill_id,
           t.host, t.tokens, t.access_expires_at, t.code_hash, t.refreshing_until
         FROM grants g LEFT JOIN amazon_tokens t ON t.grant_id = g.id AND t.purpose = ?2
         WHERE ${condition} AND g.skill_id IN (SELECT value FROM json_each(?3)) AND ${LIVES}
         ORDER BY ${order}, g.created_at DESC, g.id LIMIT 1`,
      )
      .bind(now, purpose, JSON.stringify(skillIds), ...params),
  );
}

/** Condition and order over grants `g` and their tokens `t`, with parameters from ?4 on. */
function selectionOf(choice: GrantChoice): [condition: string, order: string, params: (string | null)[]] {
  const newestTokens = "t.grant_id IS NULL, t.updated_at DESC";
  if ("grantId" in choice) return ["g.id = ?4", newestTokens, [choice.grantId]];
  if ("alexaUserId" in choice) {
    return ["g.alexa_user_id = ?4", "COALESCE(g.level_shown % 2, 0.5)", [choice.alexaUserId]];
  }
  const { userId, skillId = null } = choice;
  return ["g.user_id = ?4 AND g.skill_id = COALESCE(?5, g.skill_id)", newestTokens, [userId, skillId]];
}

export interface TokensToKeep {
  readonly grantId: string;
  readonly purpose: GatewayPurpose;
  readonly host: string;
  readonly codeHash: string;
  readonly tokens: AmazonTokens;
}

/** Keeps tokens that a code brought, in place of older ones, and notes it with the attempt. False: the grant has ended meanwhile. */
export async function keepGrantCodeTokens(
  db: D1Database,
  keyring: Keyring,
  kept: TokensToKeep,
  now: number,
): Promise<boolean> {
  const { grantId, purpose, host, codeHash, tokens } = kept;
  const [rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `INSERT INTO amazon_tokens (grant_id, purpose, host, tokens, access_expires_at, code_hash, updated_at)
           SELECT id, ?2, ?3, ?4, ?5, ?6, ?7 FROM grants WHERE id = ?1 AND revoked_at IS NULL
           ON CONFLICT (grant_id, purpose) DO UPDATE SET host = excluded.host, tokens = excluded.tokens,
             access_expires_at = excluded.access_expires_at, code_hash = excluded.code_hash, refreshing_until = NULL,
             updated_at = excluded.updated_at
           RETURNING grant_id`,
        )
        .bind(
          grantId,
          purpose,
          host,
          await sealTokens(keyring, { grantId, purpose }, tokens),
          tokens.accessExpiresAt,
          codeHash,
          now,
        ),
      attemptStepStatement(db, grantId, `${purpose}_granted`, now),
    ],
    true,
  );
  return rows.length === 1;
}

function attemptStepStatement(db: D1Database, grantId: string, name: string, at: number): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE attempts SET steps = json_insert(steps, '$[#]', json_object('name', ?2, 'at', ?3))
       WHERE id = (SELECT attempt_id FROM grants WHERE id = ?1)`,
    )
    .bind(grantId, name, at);
}

/** Notes with the linking why Amazon's grant was not accepted: the customer sees a linking that failed (O3). */
export async function noteGrantRefused(
  db: D1Database,
  grantId: string,
  purpose: GatewayPurpose,
  reason: string,
  at: number,
): Promise<void> {
  await write(attemptStepStatement(db, grantId, `${purpose}_refused:${reason}`, at), false);
}

/**
 * Takes the right to refresh until `until` (milliseconds), which names this refresh. False: another has it, or the tokens are no longer
 * those that were read.
 */
export async function claimRefresh(
  db: D1Database,
  read: TokenGrant,
  purpose: TokenPurpose,
  now: number,
  until: number,
): Promise<boolean> {
  const changed = await write(
    db
      .prepare(
        `UPDATE amazon_tokens SET refreshing_until = ? WHERE grant_id = ? AND purpose = ? AND access_expires_at = ?
           AND (refreshing_until IS NULL OR refreshing_until <= ?)`,
      )
      .bind(until, read.grant_id, purpose, read.access_expires_at, now),
    false,
  );
  return changed === 1;
}

/** Stores what a refresh brought, if the tokens are still those of its claim; also where an unlinking has taken them meanwhile. */
export async function finishRefresh(
  db: D1Database,
  keyring: Keyring,
  claim: { readonly grantId: string; readonly purpose: TokenPurpose; readonly until: number },
  replaced: string,
  tokens: AmazonTokens,
  now: number,
): Promise<void> {
  const sealed = await sealTokens(keyring, { grantId: claim.grantId, purpose: claim.purpose }, tokens);
  await batch(
    db,
    [
      db
        .prepare(
          `UPDATE amazon_tokens SET tokens = ?, access_expires_at = ?, refreshing_until = NULL, updated_at = ?
           WHERE grant_id = ? AND purpose = ? AND refreshing_until = ?`,
        )
        .bind(sealed, tokens.accessExpiresAt, now, claim.grantId, claim.purpose, claim.until),
      db
        .prepare("UPDATE pending_unlinks SET tokens = ? WHERE id = ? AND tokens = ?")
        .bind(sealed, claim.grantId, replaced),
    ],
    true,
  );
}

/** Gives the right to refresh back: Amazon did not answer, and the next request may try. */
export async function releaseRefresh(
  db: D1Database,
  claim: { readonly grantId: string; readonly purpose: TokenPurpose; readonly until: number },
): Promise<void> {
  await write(
    db
      .prepare(
        "UPDATE amazon_tokens SET refreshing_until = NULL WHERE grant_id = ? AND purpose = ? AND refreshing_until = ?",
      )
      .bind(claim.grantId, claim.purpose, claim.until),
    true,
  );
}

/**
 * Forgets tokens that Amazon has ended, with an audit row. `claimedUntil`: only if they are still those of that refresh, since newer ones
 * may have come by another directive.
 */
export async function dropHeldTokens(
  db: D1Database,
  grant: TokenGrant,
  purpose: TokenPurpose,
  reason: "refresh_rejected" | "gateway_refused",
  now: number,
  claimedUntil: number | null = null,
): Promise<void> {
  const which = "grant_id = ?1 AND purpose = ?2 AND COALESCE(refreshing_until = ?3, ?3 IS NULL)";
  await batch(
    db,
    [
      db
        .prepare(
          `INSERT INTO audit (at, kind, user_id, client_id, grant_id, details)
           SELECT ?4, 'gateway_tokens_dropped', ?5, ?6, grant_id, ?7 FROM amazon_tokens WHERE ${which}`,
        )
        .bind(grant.grant_id, purpose, claimedUntil, now, grant.user_id, grant.client_id, reason),
      db.prepare(`DELETE FROM amazon_tokens WHERE ${which}`).bind(grant.grant_id, purpose, claimedUntil),
    ],
    true,
  );
}
