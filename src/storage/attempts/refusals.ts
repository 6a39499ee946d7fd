// Counts of authorization requests that were refused with a page, so that operators see why linking fails.
import { readAll, type Sql, sql, write } from "../sql.ts";

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
/** Any caller chooses client ids and redirect URIs, so the table has a bound that does not depend on requests. */
const MAX_ROWS = 1000;

/** Adds counts in one statement. New combinations are dropped once the table is full; known ones still count. */
export function addRefusals(entries: readonly Refusal[]): Sql {
  const rows = entries.map((entry) => [
    entry.clientId.slice(0, MAX_LENGTH),
    entry.reason,
    entry.redirectUri.slice(0, MAX_LENGTH),
    entry.count,
    entry.lastSeenAt,
  ]);
  return sql`INSERT INTO refusals (client_id, reason, redirect_uri, count, last_seen_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(${JSON.stringify(rows)})
    WHERE (SELECT COUNT(*) FROM refusals) < ${MAX_ROWS}
       OR EXISTS (SELECT 1 FROM refusals r
                  WHERE r.client_id = value ->> 0 AND r.reason = value ->> 1 AND r.redirect_uri = value ->> 2)
    ON CONFLICT (client_id, reason, redirect_uri) DO UPDATE SET
      count = count + excluded.count, last_seen_at = MAX(last_seen_at, excluded.last_seen_at)`;
}

/** `addRefusals`, run. */
export async function recordRefusals(db: D1Database, entries: readonly Refusal[]): Promise<void> {
  if (entries.length > 0) await write(db, addRefusals(entries), false);
}

export type RefusalPosition = Omit<Refusal, "count">;

/** Latest first, from behind `after` on. */
export function listRefusals(db: D1Database, after: RefusalPosition | undefined, limit: number): Promise<Refusal[]> {
  const position = after
    ? sql`last_seen_at <= ${after.lastSeenAt} AND (last_seen_at, client_id, reason, redirect_uri)
        < (${after.lastSeenAt}, ${after.clientId}, ${after.reason}, ${after.redirectUri})`
    : sql`TRUE`;
  return readAll<Refusal>(
    db,
    sql`SELECT client_id AS "clientId", reason, redirect_uri AS "redirectUri", count, last_seen_at AS "lastSeenAt" FROM refusals
        WHERE ${position} ORDER BY last_seen_at DESC, client_id DESC, reason DESC, redirect_uri DESC LIMIT ${limit}`,
  );
}
