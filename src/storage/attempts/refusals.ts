// Counts of authorization requests that were refused with a page, so that operators see why linking fails.
import { decodeRow, readAll, type Sql, sql } from "../sql.ts";

export interface Refusal {
  /** As it came in the request; the client may not exist. */
  readonly clientId: string;
  /** The tagged reason, for instance `redirect_uri_unregistered`. */
  readonly reason: string;
  /** The exact string of the request, or the path of a misplaced token request; empty when there was none. */
  readonly redirectUri: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly lastSeenAt: number;
}

const LONGEST_CLIENT_ID = 256;
const LONGEST_URI = 2048;
/** Any caller chooses client ids and redirect URIs: each registered client has its own quota, all unknown ids one. */
const MOST_PER_CLIENT = 50;
const MOST_OF_UNKNOWN_IDS = 100;
/** In one statement: a character may take six bytes in JSON, and D1 binds at most 2 MB. */
const MOST_AT_ONCE = 100;

/** Adds counts, and deletes the oldest rows above the quotas. */
export function addRefusals(entries: readonly Refusal[]): Sql[] {
  const rows = entries.map((entry) => [
    entry.clientId.slice(0, LONGEST_CLIENT_ID),
    entry.reason,
    entry.redirectUri.slice(0, LONGEST_URI),
    entry.count,
    entry.lastSeenAt,
  ]);
  const inserts: Sql[] = [];
  for (let start = 0; start < rows.length; start += MOST_AT_ONCE) {
    const some = JSON.stringify(rows.slice(start, start + MOST_AT_ONCE));
    inserts.push(sql`INSERT INTO refusals (client_id, reason, redirect_uri, count, last_seen_at)
      SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(${some}) WHERE TRUE
      ON CONFLICT (client_id, reason, redirect_uri) DO UPDATE SET
        count = count + excluded.count, last_seen_at = MAX(last_seen_at, excluded.last_seen_at)`);
  }
  return [
    ...inserts,
    sql`DELETE FROM refusals WHERE rowid IN (
      SELECT id FROM (SELECT r.rowid AS id, c.id AS client,
          ROW_NUMBER() OVER (PARTITION BY c.id ORDER BY r.last_seen_at DESC, r.rowid DESC) AS place
        FROM refusals r LEFT JOIN clients c ON c.id = r.client_id)
      WHERE place > IIF(client IS NULL, ${MOST_OF_UNKNOWN_IDS}, ${MOST_PER_CLIENT}))`,
  ];
}

export type RefusalPosition = Omit<Refusal, "count">;

/** With what explains an unregistered redirect URI now. */
export interface ListedRefusal extends Refusal {
  /** Redirect URIs of the client; null if there is none with this id. */
  readonly registered: readonly string[] | null;
  /** The first client that has registered exactly this redirect URI. */
  readonly holder: string | null;
}

/** Latest first, from behind `after` on. */
export async function listRefusals(
  db: D1Database,
  after: RefusalPosition | undefined,
  limit: number,
): Promise<ListedRefusal[]> {
  const position = after
    ? sql`last_seen_at <= ${after.lastSeenAt} AND (last_seen_at, client_id, reason, redirect_uri)
        < (${after.lastSeenAt}, ${after.clientId}, ${after.reason}, ${after.redirectUri})`
    : sql`TRUE`;
  const rows = await readAll<Record<string, unknown>>(
    db,
    sql`SELECT client_id AS "clientId", reason, redirect_uri AS "redirectUri", count, last_seen_at AS "lastSeenAt",
          c.redirect_uris AS registered,
          (SELECT o.id FROM clients o, json_each(o.redirect_uris) uri
           WHERE uri.value = r.redirect_uri ORDER BY o.id LIMIT 1) AS holder
        FROM refusals r LEFT JOIN clients c ON c.id = r.client_id
        WHERE ${position} ORDER BY last_seen_at DESC, client_id DESC, reason DESC, redirect_uri DESC LIMIT ${limit}`,
  );
  return rows.map((row) => decodeRow<ListedRefusal>(row, { json: ["registered"] }));
}
