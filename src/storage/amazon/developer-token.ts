// The developer's refresh token for the Skill Management API, with the LWA client that it was issued to: one sealed row.
import * as z from "zod/mini";
import type { Keyring } from "../../crypto/keyring.ts";
import { schemaOf } from "../../schema-of.ts";
import { type AuditEntry, auditIfChanged, auditRow } from "../audit.ts";
import { type Opener, openStored } from "../sealed.ts";
import { batch, readFirst, sql, write } from "../sql.ts";

/** What refreshes a developer's access token: Login with Amazon takes the refresh token from its own client only. */
export interface DeveloperCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
}

/** What may be shown. Times are milliseconds since 1970. */
export interface DeveloperTokenState {
  readonly storedAt: number;
  /** When Login with Amazon last responded; null: not yet. */
  readonly usedAt: number | null;
  /** Its error code then; null: it gave an access token. */
  readonly refusal: string | null;
}

export interface StoredDeveloperToken extends DeveloperTokenState {
  readonly sealed: string;
}

/** The row's id, and the context that its value is sealed for. */
const ID = "smapi";
const PURPOSE = "developer-token";

const schema = () => z.object({ clientId: z.string(), clientSecret: z.string(), refreshToken: z.string() });

function seal(keyring: Keyring, credentials: DeveloperCredentials): Promise<string> {
  const { clientId, clientSecret, refreshToken } = credentials;
  return keyring.seal(PURPOSE, ID, JSON.stringify({ clientId, clientSecret, refreshToken }));
}

/** The stored token, or null. */
export function readDeveloperToken(db: D1Database): Promise<StoredDeveloperToken | null> {
  return readFirst(
    db,
    sql`SELECT credentials AS sealed, stored_at AS "storedAt", used_at AS "usedAt", refusal
      FROM developer_token WHERE id = ${ID}`,
  );
}

/** Opens the stored token. Throws `UnreadableValue` when its master key is gone. */
export async function openDeveloperToken(rt: Opener, { sealed }: StoredDeveloperToken): Promise<DeveloperCredentials> {
  const { plaintext } = await openStored(rt, PURPOSE, ID, sealed);
  return schemaOf(schema).parse(JSON.parse(plaintext));
}

interface Writer {
  readonly db: D1Database;
  readonly keyring: Keyring;
  readonly now: () => number;
}

/** Stores a token in place of any other. */
export async function storeDeveloperToken(
  { db, keyring, now }: Writer,
  credentials: DeveloperCredentials,
  audit: AuditEntry,
): Promise<void> {
  const at = now();
  await batch(
    db,
    [
      sql`INSERT OR REPLACE INTO developer_token (id, credentials, stored_at)
        VALUES (${ID}, ${await seal(keyring, credentials)}, ${at})`,
      auditRow(at, audit),
    ],
    false,
  );
}

/**
 * Records what Login with Amazon responded to the token that was read, and keeps the refresh token that it gave in
 * place of the old one. Changes nothing if another token has been stored meanwhile.
 */
export async function recordDeveloperTokenUse(
  { db, keyring, now }: Writer,
  read: StoredDeveloperToken,
  use: { readonly refusal: string | null; readonly credentials?: DeveloperCredentials },
): Promise<void> {
  const sealed = use.credentials ? await seal(keyring, use.credentials) : read.sealed;
  await write(
    db,
    sql`UPDATE developer_token SET used_at = ${now()}, refusal = ${use.refusal}, credentials = ${sealed}
      WHERE id = ${ID} AND credentials = ${read.sealed}`,
    false,
  );
}

/** Deletes the token; false if there was none. */
export async function deleteDeveloperToken(db: D1Database, at: number, audit: AuditEntry): Promise<boolean> {
  const [deleted = []] = await batch(
    db,
    [sql`DELETE FROM developer_token WHERE id = ${ID} RETURNING 1`, auditIfChanged(at, audit)],
    false,
  );
  return deleted.length > 0;
}
