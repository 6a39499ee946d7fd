// Passkeys, and the challenges that were answered: each challenge is taken once, in the batch of what it allows.
import { randomId } from "../../crypto/random.ts";
import { batch, type Condition, readAll, readFirst } from "../d1.ts";
import { auditStatement } from "../maintenance/audit.ts";
import { type User, userFromRow } from "./users.ts";

export type PasskeyAlgorithm = "ES256" | "RS256";

/** What a finished registration leaves. */
export interface NewPasskey {
  /** base64url. */
  readonly credentialId: string;
  /** SubjectPublicKeyInfo, base64url. */
  readonly publicKey: string;
  readonly algorithm: PasskeyAlgorithm;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly name: string;
  readonly backupEligible: boolean;
  readonly backedUp: boolean;
}

export interface Passkey extends NewPasskey {
  readonly id: string;
  readonly user: User;
}

/** A passkey as its owner sees it. */
export interface PasskeyView {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  /** null: never yet. */
  readonly lastUsedAt: number | null;
}

/** A challenge that is being answered. */
export interface ChallengeUse {
  /** SHA-256 of the challenge. */
  readonly hash: string;
  /** Milliseconds. */
  readonly expiresAt: number;
}

/** More passkeys than one person has. */
const MOST_PASSKEYS = 20;

const TAKEN = "EXISTS (SELECT 1 FROM passkey_challenges WHERE hash = ? AND claim_id = ?)";

function takeChallengeStatement(db: D1Database, use: ChallengeUse, claimId: string): D1PreparedStatement {
  return db
    .prepare("INSERT INTO passkey_challenges (hash, claim_id, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
    .bind(use.hash, claimId, use.expiresAt);
}

/** The passkey with this credential id and its user. One read. */
export async function readPasskey(db: D1Database, credentialId: string): Promise<Passkey | undefined> {
  const row = await readFirst<Record<string, unknown>>(
    db
      .prepare(
        `SELECT p.id AS passkey_id, p.credential_id, p.public_key, p.algorithm, p.counter, p.transports, p.name AS passkey_name,
           p.backup_eligible, p.backed_up, u.id, u.email, u.name, u.session_epoch, u.created_at
         FROM passkeys p JOIN users u ON u.id = p.user_id WHERE p.credential_id = ?`,
      )
      .bind(credentialId),
  );
  if (!row) return undefined;
  return {
    id: row.passkey_id as string,
    credentialId: row.credential_id as string,
    publicKey: row.public_key as string,
    algorithm: row.algorithm as PasskeyAlgorithm,
    counter: row.counter as number,
    transports: JSON.parse(row.transports as string) as string[],
    name: row.passkey_name as string,
    backupEligible: row.backup_eligible === 1,
    backedUp: row.backed_up === 1,
    user: userFromRow(row),
  };
}

/** The user's passkeys, the oldest first, as a statement for a batch. */
export function passkeysOfUserStatement(db: D1Database, userId: string): D1PreparedStatement {
  return db
    .prepare(
      `SELECT id, name, created_at, last_used_at FROM passkeys WHERE user_id = ? ORDER BY created_at, id LIMIT ${MOST_PASSKEYS}`,
    )
    .bind(userId);
}

/** What the account page shows of a passkey, from its row. */
export function passkeyViewFromRow(row: Record<string, unknown>): PasskeyView {
  return {
    id: row.id as string,
    name: row.name as string,
    createdAt: row.created_at as number,
    lastUsedAt: row.last_used_at as number | null,
  };
}

/** Credential ids and transports of the user's passkeys: an authenticator that holds one is not asked for another. */
export async function readCredentials(
  db: D1Database,
  userId: string,
): Promise<{ readonly id: string; readonly transports: readonly string[] }[]> {
  const rows = await readAll<{ credential_id: string; transports: string }>(
    db.prepare(`SELECT credential_id, transports FROM passkeys WHERE user_id = ? LIMIT ${MOST_PASSKEYS}`).bind(userId),
  );
  return rows.map((row) => ({ id: row.credential_id, transports: JSON.parse(row.transports) as string[] }));
}

export type AddOutcome = "added" | "challenge_used" | "session_ended" | "exists";

/**
 * Keeps a passkey of a user with a password, while `session` (a condition) holds and the challenge is fresh. "exists": the
 * credential is known already, or the user has as many as are kept. One batch, not repeated: a lost answer leaves "challenge_used".
 */
export async function addPasskey(
  db: D1Database,
  passkey: NewPasskey & { readonly userId: string },
  use: ChallengeUse,
  session: Condition,
  at: number,
): Promise<AddOutcome> {
  const claimId = randomId();
  const id = randomId();
  const [, added = [], , standing = []] = await batch(
    db,
    [
      takeChallengeStatement(db, use, claimId),
      db
        .prepare(
          `INSERT INTO passkeys (id, credential_id, user_id, public_key, algorithm, counter, transports, name, backup_eligible, backed_up, created_at)
           SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
           WHERE ${TAKEN} AND ${session.sql}
             AND EXISTS (SELECT 1 FROM identities WHERE user_id = ? AND method = 'password')
             AND (SELECT COUNT(*) FROM passkeys WHERE user_id = ?) < ${MOST_PASSKEYS}
           ON CONFLICT (credential_id) DO NOTHING RETURNING id`,
        )
        .bind(
          id,
          passkey.credentialId,
          passkey.userId,
          passkey.publicKey,
          passkey.algorithm,
          passkey.counter,
          JSON.stringify(passkey.transports),
          passkey.name,
          passkey.backupEligible ? 1 : 0,
          passkey.backedUp ? 1 : 0,
          at,
          use.hash,
          claimId,
          ...session.params,
          passkey.userId,
          passkey.userId,
        ),
      db
        .prepare(
          "INSERT INTO audit (at, kind, alert, user_id, details) SELECT ?, 'passkey_added', 0, user_id, id FROM passkeys WHERE id = ?",
        )
        .bind(at, id),
      db.prepare(`SELECT ${TAKEN} AS taken, ${session.sql} AS holds`).bind(use.hash, claimId, ...session.params),
    ],
    false,
  );
  if (added.length > 0) return "added";
  if (standing[0]?.taken !== 1) return "challenge_used";
  return standing[0]?.holds === 1 ? "exists" : "session_ended";
}

export type UseOutcome = "used" | "challenge_used" | "counter_regressed" | "gone";

/**
 * Notes a verified use: takes the challenge and moves the counter on (WebAuthn §7.2 step 22: it rises, or both are zero). A counter that
 * went back means a copied authenticator: refused, with an alert. One batch, not repeated.
 */
export async function usePasskey(
  db: D1Database,
  passkey: Pick<Passkey, "id" | "user">,
  seen: { readonly counter: number; readonly backedUp: boolean },
  use: ChallengeUse,
  at: number,
): Promise<UseOutcome> {
  const claimId = randomId();
  const [, used = [], standing = []] = await batch(
    db,
    [
      takeChallengeStatement(db, use, claimId),
      db
        .prepare(
          `UPDATE passkeys SET counter = ?1, backed_up = ?2, last_used_at = ?3
           WHERE id = ?4 AND user_id = ?5 AND (counter < ?1 OR (counter = 0 AND ?1 = 0))
             AND EXISTS (SELECT 1 FROM passkey_challenges WHERE hash = ?6 AND claim_id = ?7)
           RETURNING id`,
        )
        .bind(seen.counter, seen.backedUp ? 1 : 0, at, passkey.id, passkey.user.id, use.hash, claimId),
      db
        .prepare(`SELECT ${TAKEN} AS taken, EXISTS (SELECT 1 FROM passkeys WHERE id = ?) AS kept`)
        .bind(use.hash, claimId, passkey.id),
    ],
    false,
  );
  if (used.length > 0) return "used";
  if (standing[0]?.taken !== 1) return "challenge_used";
  if (standing[0]?.kept !== 1) return "gone";
  const entry = { kind: "passkey_counter_regressed", alert: true, userId: passkey.user.id, details: passkey.id };
  await batch(db, [auditStatement(db, at, entry)], true);
  return "counter_regressed";
}

/** Removes one passkey of the user while `session` (a condition) holds. False: there was none, or the session has ended. */
export async function removePasskey(
  db: D1Database,
  userId: string,
  id: string,
  session: Condition,
  at: number,
): Promise<boolean> {
  const [, removed = []] = await batch(
    db,
    [
      db
        .prepare(
          `INSERT INTO audit (at, kind, alert, user_id, details)
           SELECT ?, 'passkey_removed', 0, user_id, id FROM passkeys WHERE id = ? AND user_id = ? AND ${session.sql}`,
        )
        .bind(at, id, userId, ...session.params),
      db
        .prepare(`DELETE FROM passkeys WHERE id = ? AND user_id = ? AND ${session.sql} RETURNING id`)
        .bind(id, userId, ...session.params),
    ],
    true,
  );
  return removed.length > 0;
}
