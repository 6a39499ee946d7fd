// Authorize requests that were refused with a page: what the operator needs in order to see why nobody can link (R4).
import { readAll, write } from "../d1.ts";

export interface Refusal {
  /** As it came in the request; the client may not exist. */
  readonly clientId: string;
  /** The tagged reason, for instance `redirect_uri_unregistered`. */
  readonly reason: string;
  /** The exact string of the request; empty when there was none. */
  readonly redirectUri: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly lastSeenAt: number;
}

const MAX_LENGTH = 2048;
/** Rows kept at most: strangers choose client ids and redirect URIs, so the table must not grow with what they send. */
const MAX_ROWS = 1000;

/** Adds counts in one statement with one parameter. New combinations are dropped once the table is full; known ones still count. */
export function refusalsStatement(db: D1Database, entries: readonly Refusal[]): D1PreparedStatement {
  const rows = entries.map((entry) => [
    entry.clientId.slice(0, MAX_LENGTH),
    entry.reason,
    entry.redirectUri.slice(0, MAX_LENGTH),
    entry.count,
    entry.lastSeenAt,
  ]);
  return db
    .prepare(
      `INSERT INTO refusals (client_id, reason, redirect_uri, count, last_seen_at)
       SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)
       WHERE (SELECT COUNT(*) FROM refusals) < ${MAX_ROWS}
          OR EXISTS (SELECT 1 FROM refusals r
                     WHERE r.client_id = value ->> 0 AND r.reason = value ->> 1 AND r.redirect_uri = value ->> 2)
       ON CONFLICT (client_id, reason, redirect_uri) DO UPDATE SET
         count = count + excluded.count, last_seen_at = MAX(last_seen_at, excluded.last_seen_at)`,
    )
    .bind(JSON.stringify(rows));
}

/** `refusalsStatement`, run. */
export async function recordRefusals(db: D1Database, entries: readonly Refusal[]): Promise<void> {
  if (entries.length > 0) await write(refusalsStatement(db, entries), false);
}

export interface RefusalPosition {
  readonly lastSeenAt: number;
  readonly clientId: string;
  readonly reason: string;
  readonly redirectUri: string;
}

interface Row {
  readonly client_id: string;
  readonly reason: string;
  readonly redirect_uri: string;
  readonly count: number;
  readonly last_seen_at: number;
}

/** Latest first, from behind `after` on. */
export async function listRefusals(
  db: D1Database,
  after: RefusalPosition | undefined,
  limit: number,
): Promise<Refusal[]> {
  const rows = await readAll<Row>(
    after === undefined
      ? db
          .prepare(
            "SELECT * FROM refusals ORDER BY last_seen_at DESC, client_id DESC, reason DESC, redirect_uri DESC LIMIT ?",
          )
          .bind(limit)
      : db
          .prepare(
            `SELECT * FROM refusals WHERE last_seen_at <= ?1 AND (last_seen_at, client_id, reason, redirect_uri) < (?1, ?2, ?3, ?4)
             ORDER BY last_seen_at DESC, client_id DESC, reason DESC, redirect_uri DESC LIMIT ?5`,
          )
          .bind(after.lastSeenAt, after.clientId, after.reason, after.redirectUri, limit),
  );
  return rows.map((row) => ({
    clientId: row.client_id,
    reason: row.reason,
    redirectUri: row.redirect_uri,
    count: row.count,
    lastSeenAt: row.last_seen_at,
  }));
}
