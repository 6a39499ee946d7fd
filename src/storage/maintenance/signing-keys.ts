// Signing keys of access tokens: rows, sealed private halves, and the steps of their lives, each without a race.
import type { JWK } from "jose";
import type { Keyring } from "../../crypto/keyring.ts";
import { batch, type Condition, readAll, readFirst, write } from "../d1.ts";

export interface SigningKey {
  readonly kid: string;
  readonly publicJwk: JWK;
  /** Sealed; opened when the key first signs. */
  readonly sealedPrivateJwk: string;
  readonly createdAt: number;
  /** Milliseconds; published before, used from then on. */
  readonly signsFrom: number;
  /** Milliseconds; null as long as no successor is planned. */
  readonly verifiesUntil: number | null;
}

export interface SigningKeys {
  /** Newest first. */
  readonly all: readonly SigningKey[];
}

/** A key pair that is not stored yet. */
export interface NewSigningKey {
  readonly kid: string;
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
}

interface Row {
  readonly kid: string;
  readonly public_jwk: string;
  readonly private_jwk: string;
  readonly created_at: number;
  readonly signs_from: number;
  readonly verifies_until: number | null;
}

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** How long a key verifies after its successor starts: the longest life of an access token, and an hour for clocks and caches. */
const VERIFIES_AFTER_SUCCESSOR_MS = DAY_MS + HOUR_MS;
/** Skill events name a grant by a token that may have ended long ago: its key's row is kept this long after it last verified. */
const KEPT_AFTER_END_MS = 400 * DAY_MS;

/** Whether `key` may sign at `now`: it has started, and no successor of it has. */
export function signsAt(key: SigningKey, now: number): boolean {
  return key.signsFrom <= now && (key.verifiesUntil === null || key.verifiesUntil - VERIFIES_AFTER_SUCCESSOR_MS > now);
}

/** `signsAt` in SQL; `now` is the parameter's name. */
const signs = (now: string) =>
  `(signs_from <= ${now} AND (verifies_until IS NULL OR verifies_until - ${VERIFIES_AFTER_SUCCESSOR_MS} > ${now}))`;
/** A key that is published and has not started. */
const isNext = (now: string) => `(signs_from > ${now} AND verifies_until IS NULL)`;

/** For `insertKeyStatement`, whose fourth parameter is the time. */
const NOBODY_SIGNS = `NOT EXISTS (SELECT 1 FROM signing_keys WHERE ${signs("?4")})`;

const COLUMNS = "kid, public_jwk, private_jwk, created_at, signs_from, verifies_until";

/** Reads all keys that still verify, as a statement for a batch. */
export function signingKeysStatement(db: D1Database, now: number): D1PreparedStatement {
  return db
    .prepare(
      `SELECT ${COLUMNS} FROM signing_keys WHERE verifies_until IS NULL OR verifies_until > ? ORDER BY signs_from DESC, kid LIMIT 20`,
    )
    .bind(now);
}

/** The keys that still verify, from the rows of `signingKeysStatement`. */
export function signingKeysFromRows(rows: readonly Record<string, unknown>[]): SigningKeys {
  return {
    all: (rows as unknown as readonly Row[]).map((row) => ({
      kid: row.kid,
      publicJwk: JSON.parse(row.public_jwk) as JWK,
      sealedPrivateJwk: row.private_jwk,
      createdAt: row.created_at,
      signsFrom: row.signs_from,
      verifiesUntil: row.verifies_until,
    })),
  };
}

async function insertKeyStatement(
  db: D1Database,
  keyring: Keyring,
  key: NewSigningKey,
  times: { readonly now: number; readonly signsFrom: number },
  condition: Condition,
): Promise<D1PreparedStatement> {
  const sealed = await keyring.seal("signing-key", key.kid, JSON.stringify(key.privateJwk));
  // With a next key in place already, this one ends as every predecessor of it does.
  return db
    .prepare(
      `INSERT INTO signing_keys (kid, public_jwk, private_jwk, created_at, signs_from, verifies_until)
       SELECT ?1, ?2, ?3, ?4, ?5, (SELECT MIN(signs_from) + ${VERIFIES_AFTER_SUCCESSOR_MS} FROM signing_keys WHERE ${isNext("?5")})
       WHERE ${condition.sql} ON CONFLICT DO NOTHING`,
    )
    .bind(key.kid, JSON.stringify(key.publicJwk), sealed, times.now, times.signsFrom, ...condition.params);
}

/**
 * Puts a key in place if there is none that signs at `now`, and reads what is there then: of two isolates that
 * start together one wins, and both get the winner's key.
 */
export async function insertFirstSigningKey(
  db: D1Database,
  keyring: Keyring,
  key: NewSigningKey,
  now: number,
): Promise<SigningKeys> {
  const [, rows = []] = await batch(
    db,
    [
      await insertKeyStatement(db, keyring, key, { now, signsFrom: now }, { sql: NOBODY_SIGNS, params: [] }),
      signingKeysStatement(db, now),
    ],
    true,
  );
  return signingKeysFromRows(rows);
}

/**
 * Publishes `key` as the next one, to sign from `signsFrom`, unless a next one is there; the present one ends with it. `onlyIfOlderThan`:
 * only when the key that signs now has done so since before that time. One batch; of two calls one makes a key.
 */
export async function insertNextSigningKey(
  db: D1Database,
  keyring: Keyring,
  key: NewSigningKey,
  times: { readonly now: number; readonly signsFrom: number; readonly onlyIfOlderThan: number },
): Promise<SigningKeys> {
  const due = {
    sql: `NOT EXISTS (SELECT 1 FROM signing_keys WHERE ${isNext("?4")})
      AND NOT EXISTS (SELECT 1 FROM signing_keys WHERE ${signs("?4")} AND signs_from > ?6)`,
    params: [times.onlyIfOlderThan],
  };
  const inserted = "EXISTS (SELECT 1 FROM signing_keys WHERE kid = ?)";
  const [, , , rows = []] = await batch(
    db,
    [
      await insertKeyStatement(db, keyring, key, times, due),
      db
        .prepare(
          `UPDATE signing_keys SET verifies_until = ? WHERE verifies_until IS NULL AND signs_from <= ? AND ${inserted}`,
        )
        .bind(times.signsFrom + VERIFIES_AFTER_SUCCESSOR_MS, times.now, key.kid),
      db
        .prepare(`INSERT INTO audit (at, kind, details) SELECT ?, 'signing_key_made', ? WHERE ${inserted}`)
        .bind(times.now, key.kid, key.kid),
      signingKeysStatement(db, times.now),
    ],
    true,
  );
  return signingKeysFromRows(rows);
}

/**
 * Ends a compromised key at once. If it was the one that signs, the next one starts now, or `replacement` where there is none; if it was
 * the next one, the present one goes on. One batch, safe to repeat. Undefined: no such key.
 */
export async function dropSigningKey(
  db: D1Database,
  keyring: Keyring,
  kid: string,
  replacement: NewSigningKey,
  now: number,
): Promise<SigningKeys | undefined> {
  const nobodySigns = `NOT EXISTS (SELECT 1 FROM signing_keys WHERE ${signs("?1")})`;
  const [, , , , , named = [], rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `INSERT INTO audit (at, kind, alert, details)
           SELECT ?1, 'signing_key_dropped', 1, kid FROM signing_keys WHERE kid = ?2 AND (verifies_until IS NULL OR verifies_until > ?1)`,
        )
        .bind(now, kid),
      db
        .prepare(
          "UPDATE signing_keys SET verifies_until = ?1 WHERE kid = ?2 AND (verifies_until IS NULL OR verifies_until > ?1)",
        )
        .bind(now, kid),
      db
        .prepare(
          `UPDATE signing_keys SET signs_from = ?1 WHERE ${nobodySigns} AND kid =
             (SELECT kid FROM signing_keys WHERE ${isNext("?1")} ORDER BY signs_from, kid LIMIT 1)`,
        )
        .bind(now),
      await insertKeyStatement(
        db,
        keyring,
        replacement,
        { now, signsFrom: now },
        { sql: `${NOBODY_SIGNS} AND EXISTS (SELECT 1 FROM signing_keys)`, params: [] },
      ),
      db
        .prepare(
          `UPDATE signing_keys SET verifies_until = NULL WHERE verifies_until IS NOT NULL AND ${signs("?1")}
             AND NOT EXISTS (SELECT 1 FROM signing_keys WHERE ${isNext("?1")})`,
        )
        .bind(now),
      db.prepare("SELECT 1 FROM signing_keys WHERE kid = ?").bind(kid),
      signingKeysStatement(db, now),
    ],
    true,
  );
  return named.length === 0 ? undefined : signingKeysFromRows(rows);
}

/** All keys that are on record, retired ones too; newest first, at most 100. */
export async function readAllSigningKeys(db: D1Database): Promise<SigningKeys> {
  const rows = await readAll<Record<string, unknown>>(
    db.prepare(`SELECT ${COLUMNS} FROM signing_keys ORDER BY signs_from DESC, kid LIMIT 100`),
  );
  return signingKeysFromRows(rows);
}

/** A key on record, whether it still verifies or not; null when there is none of this name. */
export async function readSigningKey(db: D1Database, kid: string): Promise<SigningKey | null> {
  const row = await readFirst<Record<string, unknown>>(
    db.prepare(`SELECT ${COLUMNS} FROM signing_keys WHERE kid = ?`).bind(kid),
  );
  return row ? (signingKeysFromRows([row]).all[0] ?? null) : null;
}

/** Removes keys that nothing needs any more; the number removed. */
export function forgetOldSigningKeys(db: D1Database, now: number): Promise<number> {
  return write(db.prepare("DELETE FROM signing_keys WHERE verifies_until < ?").bind(now - KEPT_AFTER_END_MS), true);
}
