// Signing keys of access tokens, with sealed private keys. Each step of their lives is safe against races.
import type { JWK } from "jose";
import type { Keyring } from "../../crypto/keyring.ts";
import { auditIfChanged } from "../audit.ts";
import { batch, decodeRow, readAll, readFirst, type Sql, sql, write } from "../sql.ts";

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

/** A key pair that is not stored yet. */
export interface NewSigningKey {
  readonly kid: string;
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
}

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** How long a key verifies after its successor starts: a token's longest life, and an hour for clocks and caches. */
const VERIFIES_AFTER_SUCCESSOR_MS = DAY_MS + HOUR_MS;
/** How long a key is kept after it last verified: skill events may name a grant by an expired token. */
const KEPT_AFTER_END_MS = 400 * DAY_MS;

/** Whether `key` may sign at `now`: it has started, and no successor of it has. */
export function signsAt(key: SigningKey, now: number): boolean {
  return key.signsFrom <= now && (key.verifiesUntil === null || key.verifiesUntil - VERIFIES_AFTER_SUCCESSOR_MS > now);
}

/** In SQL: there is a key that may sign at `now`, by the same rule as `signsAt`, and `also` holds for it. */
function someKeySigns(now: number, also: Sql = sql`TRUE`): Sql {
  return sql`EXISTS (SELECT 1 FROM signing_keys WHERE signs_from <= ${now}
    AND (verifies_until IS NULL OR verifies_until - ${VERIFIES_AFTER_SUCCESSOR_MS} > ${now}) AND ${also})`;
}

/** In SQL: a key is published and has not started to sign. */
function isNext(now: number): Sql {
  return sql`(signs_from > ${now} AND verifies_until IS NULL)`;
}

function someKeyIsNext(now: number): Sql {
  return sql`EXISTS (SELECT 1 FROM signing_keys WHERE ${isNext(now)})`;
}

/** In SQL: a key has not ended yet. */
function verifies(now: number): Sql {
  return sql`(verifies_until IS NULL OR verifies_until > ${now})`;
}

const SELECT_KEY = sql`SELECT kid, public_jwk AS "publicJwk", private_jwk AS "sealedPrivateJwk", created_at AS "createdAt",
  signs_from AS "signsFrom", verifies_until AS "verifiesUntil" FROM signing_keys`;

function selectVerifyingKeys(now: number): Sql {
  return sql`${SELECT_KEY} WHERE ${verifies(now)} ORDER BY signs_from DESC, kid LIMIT 20`;
}

function toKey(row: Record<string, unknown>): SigningKey {
  return decodeRow<SigningKey>(row, { json: ["publicJwk"] });
}

/** All keys that verify at `now`, newest first, and the rows of other reads, in one round trip. */
export async function readKeysAnd(
  db: D1Database,
  now: number,
  reads: readonly Sql[],
): Promise<{ keys: readonly SigningKey[]; rows: Record<string, unknown>[][] }> {
  const [keys = [], ...rows] = await batch(db, [selectVerifyingKeys(now), ...reads], true);
  return { keys: keys.map(toKey), rows };
}

/** Inserts a key if `condition` holds. It ends when an already published next key starts. */
async function insertKey(
  keyring: Keyring,
  key: NewSigningKey,
  times: { readonly now: number; readonly signsFrom: number },
  condition: Sql,
): Promise<Sql> {
  const sealed = await keyring.seal("signing-key", key.kid, JSON.stringify(key.privateJwk));
  return sql`INSERT INTO signing_keys (kid, public_jwk, private_jwk, created_at, signs_from, verifies_until)
    SELECT ${key.kid}, ${JSON.stringify(key.publicJwk)}, ${sealed}, ${times.now}, ${times.signsFrom},
      (SELECT MIN(signs_from) + ${VERIFIES_AFTER_SUCCESSOR_MS} FROM signing_keys WHERE ${isNext(times.signsFrom)})
    WHERE ${condition} ON CONFLICT DO NOTHING`;
}

/** Inserts a key if none signs at `now`, and reads the keys: isolates that start together get the same key. */
export async function insertFirstSigningKey(
  db: D1Database,
  keyring: Keyring,
  key: NewSigningKey,
  now: number,
): Promise<readonly SigningKey[]> {
  const insert = await insertKey(keyring, key, { now, signsFrom: now }, sql`NOT ${someKeySigns(now)}`);
  const [, rows = []] = await batch(db, [insert, selectVerifyingKeys(now)], true);
  return rows.map(toKey);
}

/**
 * Publishes `key` as the next one, to sign from `signsFrom`, unless a next one is published; the present one ends with
 * it. `onlyIfOlderThan`: only when the key that signs now has done so since before that time. One batch; of two calls
 * one inserts a key.
 */
export async function insertNextSigningKey(
  db: D1Database,
  keyring: Keyring,
  key: NewSigningKey,
  times: { readonly now: number; readonly signsFrom: number; readonly onlyIfOlderThan: number },
  actor?: string,
): Promise<readonly SigningKey[]> {
  const { now, signsFrom, onlyIfOlderThan } = times;
  const due = sql`NOT ${someKeyIsNext(now)} AND NOT ${someKeySigns(now, sql`signs_from > ${onlyIfOlderThan}`)}`;
  const inserted = sql`EXISTS (SELECT 1 FROM signing_keys WHERE kid = ${key.kid})`;
  const [, , , rows = []] = await batch(
    db,
    [
      await insertKey(keyring, key, times, due),
      auditIfChanged(now, { kind: actor ? "signing_key_rotated" : "signing_key_made", actor, details: key.kid }),
      sql`UPDATE signing_keys SET verifies_until = ${signsFrom + VERIFIES_AFTER_SUCCESSOR_MS}
          WHERE verifies_until IS NULL AND signs_from <= ${now} AND ${inserted}`,
      selectVerifyingKeys(now),
    ],
    true,
  );
  return rows.map(toKey);
}

/**
 * Ends a compromised key at once. If it was the one that signs, the next one starts now, or `replacement` where there
 * is none; if it was the next one, the present one goes on. One batch, repeatable. Undefined: no such key.
 */
export async function dropSigningKey(
  db: D1Database,
  keyring: Keyring,
  kid: string,
  replacement: NewSigningKey,
  now: number,
  actor?: string,
): Promise<readonly SigningKey[] | undefined> {
  const [, , , , , named = [], rows = []] = await batch(
    db,
    [
      sql`INSERT INTO audit (at, kind, alert, actor, details)
          SELECT ${now}, 'signing_key_dropped', 1, ${actor}, kid FROM signing_keys WHERE kid = ${kid} AND ${verifies(now)}`,
      sql`UPDATE signing_keys SET verifies_until = ${now} WHERE kid = ${kid} AND ${verifies(now)}`,
      sql`UPDATE signing_keys SET signs_from = ${now} WHERE NOT ${someKeySigns(now)}
          AND kid = (SELECT kid FROM signing_keys WHERE ${isNext(now)} ORDER BY signs_from, kid LIMIT 1)`,
      await insertKey(
        keyring,
        replacement,
        { now, signsFrom: now },
        sql`NOT ${someKeySigns(now)} AND EXISTS (SELECT 1 FROM signing_keys)`,
      ),
      // Without a next key, the one that signs has no end.
      sql`UPDATE signing_keys SET verifies_until = NULL
          WHERE signs_from <= ${now} AND verifies_until - ${VERIFIES_AFTER_SUCCESSOR_MS} > ${now} AND NOT ${someKeyIsNext(now)}`,
      sql`SELECT 1 FROM signing_keys WHERE kid = ${kid}`,
      selectVerifyingKeys(now),
    ],
    true,
  );
  return named.length === 0 ? undefined : rows.map(toKey);
}

/** All keys on record, retired ones too; newest first, at most 100. */
export async function readAllSigningKeys(db: D1Database): Promise<readonly SigningKey[]> {
  const rows = await readAll<Record<string, unknown>>(db, sql`${SELECT_KEY} ORDER BY signs_from DESC, kid LIMIT 100`);
  return rows.map(toKey);
}

/** A key on record, whether it still verifies or not. */
export async function readSigningKey(db: D1Database, kid: string): Promise<SigningKey | undefined> {
  const row = await readFirst<Record<string, unknown>>(db, sql`${SELECT_KEY} WHERE kid = ${kid}`);
  return row ? toKey(row) : undefined;
}

/** Removes keys that are not needed any more; the number removed. */
export function forgetOldSigningKeys(db: D1Database, now: number): Promise<number> {
  return write(db, sql`DELETE FROM signing_keys WHERE verifies_until < ${now - KEPT_AFTER_END_MS}`, true);
}
