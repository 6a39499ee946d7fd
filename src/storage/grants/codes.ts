// Authorization codes in D1: written once with what they are bound to, spent by one conditional UPDATE.
import { batch, type Sql, sql } from "../sql.ts";
import { endGrants } from "./grants.ts";

/** A code that this server issued. Amazon's codes are another type and cannot stand in for it. */
export type AuthorizationCode = string & { readonly brand: "AuthorizationCode" };

/** `authorize`: our consent page; `app`: decided in the company's app; `enablement`: an enablement call. */
export type CodeOrigin = "authorize" | "app" | "enablement";

/** What a code is bound to. It never changes once written. */
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
  /** The add-on's resource at the time of the consent; null for clients whose skill has none. */
  readonly resource: string | null;
}

/**
 * In SQL: the client of a row of `codes` exists, and the code's resource is the one that its skill has now. A code for
 * another resource cannot be redeemed.
 */
const RESOURCE_IS_REGISTERED = sql`EXISTS (SELECT 1 FROM clients k LEFT JOIN skills s ON s.id = k.skill_id
  WHERE k.id = codes.client_id AND s.resource IS codes.resource)`;

/** Inserts a code if `condition` holds and it is not there yet: a repeated consent changes nothing. */
export function insertCode(
  codeHash: string,
  binding: CodeBinding,
  at: number,
  expiresAt: number,
  condition: Sql = sql`TRUE`,
): Sql {
  return sql`INSERT INTO codes (code_hash, attempt_id, grant_id, origin, client_id, user_id, redirect_uri, scope, code_challenge,
      resource, created_at, expires_at)
    SELECT ${codeHash}, ${binding.attemptId}, ${binding.grantId}, ${binding.origin}, ${binding.clientId}, ${binding.userId},
      ${binding.redirectUri}, ${binding.scope}, ${binding.codeChallenge}, ${binding.resource}, ${at}, ${expiresAt}
    WHERE ${condition} ON CONFLICT (code_hash) DO NOTHING`;
}

/** Voids the unspent codes for which `where` holds, a condition on the columns of `codes`. For a batch; repeatable. */
export function voidCodes(where: Sql, at: number): Sql {
  return sql`UPDATE codes SET voided_at = ${at} WHERE spent_at IS NULL AND voided_at IS NULL AND (${where})`;
}

/** Reads what a code is bound to; its row is a `CodeBinding`. For a batch. */
export function selectBinding(codeHash: string): Sql {
  return sql`SELECT origin, attempt_id AS "attemptId", grant_id AS "grantId", client_id AS "clientId", user_id AS "userId",
      redirect_uri AS "redirectUri", scope, code_challenge AS "codeChallenge", resource
    FROM codes WHERE code_hash = ${codeHash}`;
}

/** What a new grant's row keeps of its refresh token: the hash of a stable one, or the salt of the rotating ones. */
export type RefreshTokenRecord =
  | { readonly hash: string; readonly salt: null }
  | { readonly hash: null; readonly salt: string };

export interface Redemption {
  readonly codeHash: string;
  /** What the request was checked against. It may be KV's copy, so the code is spent only if its row says the same. */
  readonly binding: CodeBinding;
  /** Random per request. A repeat after a lost connection recognises its own success by it. */
  readonly claimId: string;
  readonly skillId: string | null;
  readonly refresh: RefreshTokenRecord;
  readonly now: number;
  readonly idleExpiresAt: number;
  readonly expiresAt: number | null;
}

export interface RedeemedCode {
  readonly grantId: string;
  readonly userId: string;
  readonly scope: string;
  readonly origin: CodeOrigin;
  readonly resource: string | null;
  readonly attemptId: string;
}

/**
 * Spends a code and makes its grant, in one batch: at most once, and only while the code is unspent, unexpired and not
 * void, its user and client exist, and its resource is still the registered one. Undefined when it was not redeemed.
 * The grant is inserted from the claimed row, so a claim that changed nothing makes nothing. Safe to repeat with the
 * same `claimId`.
 */
export async function redeemCode(db: D1Database, r: Redemption): Promise<RedeemedCode | undefined> {
  const claimed = sql`code_hash = ${r.codeHash} AND claim_id = ${r.claimId}`;
  const { origin, grantId, clientId, redirectUri, codeChallenge, resource } = r.binding;
  const isChecked = sql`origin = ${origin} AND grant_id = ${grantId} AND client_id = ${clientId} AND redirect_uri = ${redirectUri}
    AND code_challenge IS ${codeChallenge} AND resource IS ${resource}`;
  const step = JSON.stringify({ name: "code_redeemed", at: r.now });
  // An attempt that we started ends as linked only when the enablement call has succeeded.
  const ends =
    origin === "enablement"
      ? sql``
      : sql`outcome = IIF(outcome = 'pending', 'linked', outcome),
            grant_id = COALESCE(grant_id, (SELECT grant_id FROM codes WHERE ${claimed})),
            finished_at = COALESCE(finished_at, ${r.now}),`;
  const [rows = []] = await batch(
    db,
    [
      sql`UPDATE codes SET spent_at = ${r.now}, claim_id = ${r.claimId}
          WHERE code_hash = ${r.codeHash} AND (spent_at IS NULL OR claim_id = ${r.claimId}) AND expires_at > ${r.now} AND voided_at IS NULL
            AND ${isChecked} AND EXISTS (SELECT 1 FROM users WHERE id = codes.user_id) AND ${RESOURCE_IS_REGISTERED}
          RETURNING grant_id AS "grantId", user_id AS "userId", scope, origin, resource, attempt_id AS "attemptId"`,
      sql`INSERT INTO grants (id, user_id, client_id, skill_id, scope, flow, attempt_id, refresh_hash, salt, created_at,
            last_used_at, idle_expires_at, expires_at)
          SELECT c.grant_id, c.user_id, c.client_id, ${r.skillId}, c.scope, COALESCE(a.flow, 'alexa_app'), c.attempt_id,
            ${r.refresh.hash}, ${r.refresh.salt}, ${r.now}, ${r.now}, ${r.idleExpiresAt}, ${r.expiresAt}
          FROM codes c LEFT JOIN attempts a ON a.id = c.attempt_id
          WHERE c.code_hash = ${r.codeHash} AND c.claim_id = ${r.claimId} ON CONFLICT (id) DO NOTHING`,
      sql`UPDATE attempts SET ${ends} redeemed_at = COALESCE(redeemed_at, ${r.now}),
            steps = json_insert(steps, '$[#]', json(${step}))
          WHERE id = (SELECT attempt_id FROM codes WHERE ${claimed}) AND instr(steps, ${step}) = 0`,
    ],
    true,
  );
  return rows[0] as RedeemedCode | undefined;
}

/** Why a code could not be redeemed. `spentAt` and the others are milliseconds. */
export interface UnredeemableCode {
  readonly grantId: string;
  readonly clientId: string;
  readonly spentAt: number | null;
  readonly voidedAt: number | null;
  readonly expiresAt: number;
  /** 1: its resource is the registered one. */
  readonly resourceHolds: 0 | 1;
}

/**
 * Reads why a code could not be redeemed. If it was spent before `spentBefore` (milliseconds), this is a replay: the
 * grant that the code gave is revoked (RFC 6749 §4.1.2), with an alert. The caller has checked that the client proved
 * itself. One batch, repeatable.
 */
export async function takeReplay(
  db: D1Database,
  codeHash: string,
  spentBefore: number,
  at: number,
): Promise<UnredeemableCode | undefined> {
  const replayed = sql`code_hash = ${codeHash} AND spent_at < ${spentBefore}`;
  const [rows = []] = await batch(
    db,
    [
      sql`SELECT grant_id AS "grantId", client_id AS "clientId", spent_at AS "spentAt", voided_at AS "voidedAt", expires_at AS "expiresAt",
            ${RESOURCE_IS_REGISTERED} AS "resourceHolds"
          FROM codes WHERE code_hash = ${codeHash}`,
      sql`INSERT INTO audit (at, kind, alert, user_id, client_id, grant_id, attempt_id)
          SELECT ${at}, 'code_replayed', 1, user_id, client_id, grant_id, attempt_id FROM codes WHERE ${replayed}
            AND EXISTS (SELECT 1 FROM grants WHERE id = codes.grant_id AND revoked_at IS NULL)`,
      ...endGrants(sql`id = (SELECT grant_id FROM codes WHERE ${replayed})`, "code_replayed", at),
    ],
    true,
  );
  return rows[0] as UnredeemableCode | undefined;
}
