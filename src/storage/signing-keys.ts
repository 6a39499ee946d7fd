// Signing keys of access tokens: rows, sealed private halves, and making the first one without a race.
import type { JWK } from "jose";
import type { Keyring } from "../crypto/keyring.ts";
import { batch } from "./d1.ts";

export interface SigningKey {
  readonly kid: string;
  readonly publicJwk: JWK;
  /** Sealed; opened when the key first signs. */
  readonly sealedPrivateJwk: string;
  readonly createdAt: number;
  /** Milliseconds; published before, used from then on. */
  readonly signsFrom: number;
  /** Milliseconds; null while it is current or next. */
  readonly verifiesUntil: number | null;
}

export interface SigningKeys {
  readonly all: readonly SigningKey[];
}

interface Row {
  readonly kid: string;
  readonly public_jwk: string;
  readonly private_jwk: string;
  readonly created_at: number;
  readonly signs_from: number;
  readonly verifies_until: number | null;
}

/** Reads all keys that still verify, as a statement for a batch. */
export function signingKeysStatement(db: D1Database, now: number): D1PreparedStatement {
  return db
    .prepare(
      "SELECT kid, public_jwk, private_jwk, created_at, signs_from, verifies_until FROM signing_keys WHERE verifies_until IS NULL OR verifies_until > ? ORDER BY signs_from DESC, kid LIMIT 20",
    )
    .bind(now);
}

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

/**
 * Puts a key in place if there is none that signs by `key.signsFrom`, and reads what is there then: of two isolates that
 * start together one wins, and both get the winner's key.
 */
export async function insertFirstSigningKey(
  db: D1Database,
  keyring: Keyring,
  key: { kid: string; publicJwk: JWK; privateJwk: JWK; signsFrom: number },
  now: number,
): Promise<SigningKeys> {
  const sealed = await keyring.seal("signing-key", key.kid, JSON.stringify(key.privateJwk));
  const [, rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `INSERT INTO signing_keys (kid, public_jwk, private_jwk, created_at, signs_from)
           SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE signs_from <= ?5 AND verifies_until IS NULL)
           ON CONFLICT DO NOTHING`,
        )
        .bind(key.kid, JSON.stringify(key.publicJwk), sealed, now, key.signsFrom),
      signingKeysStatement(db, now),
    ],
    true,
  );
  return signingKeysFromRows(rows);
}
