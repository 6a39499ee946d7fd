// Counts of refused requests by endpoint, client and reason, so that operators see why linking fails.
import { all, batch, decodeRow, equal, readAll, type Sql, sql } from "../sql.ts";

/** Where requests are refused. `wrong_address`: token requests to another path or by GET. */
export const REFUSING_ENDPOINTS = ["authorize", "wrong_address", "token", "events", "accept_grant"] as const;
export type RefusingEndpoint = (typeof REFUSING_ENDPOINTS)[number];

/** The refusals of one minute: its start in milliseconds since 1970, how many, and the id of one of the requests. */
export type RefusedMinute = readonly [at: number, count: number, errorId: string];

export interface Refusal {
  readonly endpoint: RefusingEndpoint;
  /** As in the request; the client may not exist. Empty if the request named none. */
  readonly clientId: string;
  /** The tagged reason, for instance `redirect_uri_unregistered`. */
  readonly reason: string;
  /**
   * At `authorize` the exact redirect URI of the request, at `wrong_address` the path; at `token` and `accept_grant` the
   * id of the grant, at `events` that of the skill. Empty when there was none.
   */
  readonly detail: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly lastSeenAt: number;
  /** The latest minutes in which it happened, latest first. */
  readonly recent: readonly RefusedMinute[];
}

const LONGEST_CLIENT_ID = 256;
const LONGEST_DETAIL = 2048;
/** Callers choose client ids and redirect URIs: each registered client has a quota, and all unknown ids share one. */
const MOST_PER_CLIENT = 50;
const MOST_OF_UNKNOWN_IDS = 100;
/** In one statement: a character may take six bytes in JSON, and D1 binds at most 2 MB. */
const MOST_AT_ONCE = 100;
export const MOST_MINUTES = 30;

export const MINUTE_MS = 60_000;

/** Adds counts, and deletes the oldest rows above the quotas. */
export function addRefusals(entries: readonly Refusal[]): Sql[] {
  const rows = entries.map((entry) => [
    entry.endpoint,
    entry.clientId.slice(0, LONGEST_CLIENT_ID),
    entry.reason,
    entry.detail.slice(0, LONGEST_DETAIL),
    entry.count,
    entry.lastSeenAt,
    entry.recent.slice(0, MOST_MINUTES),
  ]);
  const inserts: Sql[] = [];
  for (let start = 0; start < rows.length; start += MOST_AT_ONCE) {
    const some = JSON.stringify(rows.slice(start, start + MOST_AT_ONCE));
    inserts.push(sql`INSERT INTO refusals (endpoint, client_id, reason, detail, count, last_seen_at, recent)
      SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value -> 6
        FROM json_each(${some}) WHERE TRUE
      ON CONFLICT (endpoint, client_id, reason, detail) DO UPDATE SET
        count = count + excluded.count, last_seen_at = MAX(last_seen_at, excluded.last_seen_at),
        recent = (SELECT json_group_array(json_array(at, times, id)) FROM (
          SELECT value ->> 0 AS at, SUM(value ->> 1) AS times, MAX(value ->> 2) AS id FROM (
            SELECT value FROM json_each(refusals.recent) UNION ALL SELECT value FROM json_each(excluded.recent))
          GROUP BY 1 ORDER BY 1 DESC LIMIT ${MOST_MINUTES}))`);
  }
  return [
    ...inserts,
    sql`DELETE FROM refusals WHERE rowid IN (
      SELECT id FROM (SELECT r.rowid AS id, c.id AS client,
          ROW_NUMBER() OVER (PARTITION BY c.id, IIF(c.id IS NULL, NULL, r.endpoint)
            ORDER BY r.last_seen_at DESC, r.rowid DESC) AS place
        FROM refusals r LEFT JOIN clients c ON c.id = r.client_id)
      WHERE place > IIF(client IS NULL, ${MOST_OF_UNKNOWN_IDS}, ${MOST_PER_CLIENT}))`,
  ];
}

export type RefusalPosition = Omit<Refusal, "count" | "recent">;

/** With the data that explains an unregistered redirect URI. */
export interface ListedRefusal extends Refusal {
  /** The skill of the client; null if it has none, or there is no such client. */
  readonly skillId: string | null;
  /** Redirect URIs of the client; null if there is none with this id. */
  readonly registered: readonly string[] | null;
  /** The first client that has registered exactly this redirect URI. */
  readonly holder: string | null;
}

export interface RefusalFilter {
  readonly endpoints?: readonly RefusingEndpoint[] | undefined;
  readonly clientId?: string | undefined;
  readonly reason?: string | undefined;
  readonly skillId?: string | undefined;
}

/** Refusals caused by wrong settings in the developer console: authorization requests, and misplaced token requests. */
export const CONSOLE_FAULTS: readonly RefusingEndpoint[] = ["authorize", "wrong_address"];

const COLUMNS = sql`endpoint, client_id AS "clientId", reason, detail, count, last_seen_at AS "lastSeenAt", recent,
  c.skill_id AS "skillId", c.redirect_uris AS registered,
  (SELECT o.id FROM clients o, json_each(o.redirect_uris) uri
   WHERE endpoint = 'authorize' AND uri.value = r.detail ORDER BY o.id LIMIT 1) AS holder
  FROM refusals r LEFT JOIN clients c ON c.id = r.client_id`;

async function readListed(db: D1Database, query: Sql): Promise<ListedRefusal[]> {
  const rows = await readAll<Record<string, unknown>>(db, query);
  return rows.map((row) => decodeRow<ListedRefusal>(row, { json: ["registered", "recent"] }));
}

/** Latest first, starting after `after`. The quotas bound their number, so filters need no index. */
export async function listRefusals(
  db: D1Database,
  filter: RefusalFilter,
  after: RefusalPosition | undefined,
  limit: number,
): Promise<ListedRefusal[]> {
  const conditions = [
    ...(filter.endpoints ? [sql`endpoint IN (SELECT value FROM json_each(${JSON.stringify(filter.endpoints)}))`] : []),
    equal({ client_id: filter.clientId, reason: filter.reason, "c.skill_id": filter.skillId }),
    ...(after
      ? [
          sql`last_seen_at <= ${after.lastSeenAt} AND (last_seen_at, endpoint, client_id, reason, detail)
            < (${after.lastSeenAt}, ${after.endpoint}, ${after.clientId}, ${after.reason}, ${after.detail})`,
        ]
      : []),
  ];
  return readListed(
    db,
    sql`SELECT ${COLUMNS} WHERE ${all(conditions)}
      ORDER BY last_seen_at DESC, endpoint DESC, client_id DESC, reason DESC, detail DESC LIMIT ${limit}`,
  );
}

const AROUND_MS = 2 * MINUTE_MS;
const MOST_AT_A_TIME = 50;

/** Refusals within two minutes of a time (milliseconds): for a customer who never reached us. */
export async function readRefusalsAt(db: D1Database, at: number): Promise<ListedRefusal[]> {
  const then = sql`value ->> 0 BETWEEN ${at - AROUND_MS - MINUTE_MS} AND ${at + AROUND_MS}`;
  return readListed(
    db,
    sql`SELECT ${COLUMNS} WHERE last_seen_at >= ${at - AROUND_MS} AND EXISTS (SELECT 1 FROM json_each(r.recent) WHERE ${then})
      ORDER BY last_seen_at LIMIT ${MOST_AT_A_TIME}`,
  );
}

/** The refusals that have the error id among their latest minutes. */
export function readRefusalsOfError(db: D1Database, errorId: string): Promise<ListedRefusal[]> {
  return readListed(
    db,
    sql`SELECT ${COLUMNS} WHERE EXISTS (SELECT 1 FROM json_each(r.recent) WHERE value ->> 2 = ${errorId} COLLATE NOCASE)
      ORDER BY last_seen_at LIMIT ${MOST_AT_A_TIME}`,
  );
}

/** No attempt is open longer than this before its consent. */
const LONGEST_CONSENT_MS = 3_600_000;

/** A refused token request: its client, and when, in milliseconds, exact to the minute. */
export interface RefusedTokenRequest {
  readonly clientId: string;
  readonly at: number;
}

/**
 * The ids of the attempts that refused token requests probably belong to, in the same order: attempts of the same
 * client that were allowed within a code's lifetime before, and not redeemed. One round trip.
 */
export async function readAttemptsOfRefusals(
  db: D1Database,
  requests: readonly RefusedTokenRequest[],
  codeTtlMs: number,
): Promise<(string | undefined)[]> {
  if (requests.length === 0) return [];
  const found = await batch<{ readonly id: string }[]>(
    db,
    requests.map(
      ({ clientId, at }) => sql`SELECT id FROM attempts
        WHERE created_at BETWEEN ${at - codeTtlMs - LONGEST_CONSENT_MS} AND ${at + MINUTE_MS} AND client_id = ${clientId}
          AND decision = 'allow' AND decided_at BETWEEN ${at - codeTtlMs} AND ${at + MINUTE_MS} AND redeemed_at IS NULL
        ORDER BY created_at DESC, id DESC LIMIT 1`,
    ),
    true,
  );
  return found.map(([row]) => row?.id);
}
