// A copy of what is stored about one person, for that person: everything but secrets, hashes and sealed values.
import { LEVEL_COLUMN } from "../grants/link-levels.ts";
import { batch, type Sql, sql } from "../sql.ts";
import { type SessionKey, sessionHolds } from "./sessions.ts";

/** More rows of one kind than a person is likely to have; the newest are given. */
const MOST_ROWS = 1000;

/** What is given of each kind; a table's own column names, because the file is the person's copy of the rows. */
function selectKinds(userId: string): Record<string, Sql> {
  return {
    identities: sql`SELECT method, issuer, subject, created_at, last_used_at FROM identities
      WHERE user_id = ${userId} ORDER BY created_at DESC`,
    signIns: sql`SELECT created_at, ended_at FROM sessions WHERE user_id = ${userId} ORDER BY created_at DESC`,
    links: sql`SELECT id, client_id, skill_id, scope, flow, created_at, last_used_at, revoked_at, revoked_reason, alexa_user_id,
        ${LEVEL_COLUMN}
      FROM grants WHERE user_id = ${userId} ORDER BY created_at DESC`,
    attempts: sql`SELECT id, flow, platform, skill_id, stage, outcome, reason, steps, created_at, finished_at FROM attempts
      WHERE user_id = ${userId} ORDER BY created_at DESC`,
    events: sql`SELECT at, kind, client_id, grant_id, attempt_id, details FROM audit WHERE user_id = ${userId} ORDER BY at DESC`,
  };
}

export type AccountData = Readonly<Record<string, unknown>>;

/** Everything about the user of a session, if the session acts. One read. */
export async function readAccountData(db: D1Database, session: SessionKey): Promise<AccountData | undefined> {
  const { userId } = session;
  const kinds = selectKinds(userId);
  const [users = [], ...rows] = await batch(
    db,
    [
      sql`SELECT id, email, name, created_at, updated_at FROM users WHERE id = ${userId} AND ${sessionHolds(session)}`,
      ...Object.values(kinds).map((select) => sql`${select} LIMIT ${MOST_ROWS}`),
    ],
    true,
  );
  const [user] = users;
  if (!user) return undefined;
  const parts = Object.keys(kinds).map((name, index) => [name, (rows[index] ?? []).map(readable)] as const);
  return { user: readable(user), ...Object.fromEntries(parts) };
}

/** Times as RFC 3339, JSON columns as JSON. */
function readable(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (typeof value === "number" && (name === "at" || name.endsWith("_at"))) {
        return [name, new Date(value).toISOString()];
      }
      return [name, name === "steps" && typeof value === "string" ? (JSON.parse(value) as unknown) : value];
    }),
  );
}
