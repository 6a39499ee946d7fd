// Error pages and problem documents with an error id, so that operators find what a customer quotes.
import { readFirst, type Sql, sql } from "../sql.ts";

export interface ShownError {
  /** The error id. The log has it as `requestId`. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly status: number;
  /** Without the query. */
  readonly path: string;
  /** A tagged reason, or the page's title in the visitor's language. */
  readonly reason: string;
  /** As in the request; the client may not exist. */
  readonly clientId: string | null;
}

const LONGEST = 100;

/** Adds rows. One statement with one parameter, for any number. */
export function addShownErrors(errors: readonly ShownError[]): Sql {
  const rows = errors.map(({ id, at, status, path, reason, clientId }) => [
    id,
    at,
    status,
    path.slice(0, LONGEST),
    reason.slice(0, LONGEST),
    clientId?.slice(0, LONGEST) ?? null,
  ]);
  return sql`INSERT INTO shown_errors (id, at, status, path, reason, client_id)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
      FROM json_each(${JSON.stringify(rows)}) WHERE TRUE
    ON CONFLICT (id) DO NOTHING`;
}

/** The error that was shown with an error id. */
export function readShownError(db: D1Database, id: string): Promise<ShownError | null> {
  return readFirst(
    db,
    sql`SELECT id, at, status, path, reason, client_id AS "clientId" FROM shown_errors WHERE id = ${id}`,
  );
}
