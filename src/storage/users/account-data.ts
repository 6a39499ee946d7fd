// A copy of what is stored about one person, for that person: everything but secrets, hashes and sealed values.
import { batch, type Condition } from "../d1.ts";
import { LEVEL } from "../grants/link-levels.ts";

/** More rows of one kind than a person is likely to have; the newest are given. */
const MOST_ROWS = 1000;

const KINDS = {
  identities: `SELECT method, issuer, subject, created_at, last_used_at FROM identities WHERE user_id = ?1 ORDER BY created_at DESC`,
  links: `SELECT id, client_id, skill_id, scope, flow, created_at, last_used_at, revoked_at, revoked_reason, alexa_user_id, ${LEVEL}
    FROM grants WHERE user_id = ?1 ORDER BY created_at DESC`,
  attempts: `SELECT id, flow, platform, skill_id, stage, outcome, reason, steps, created_at, finished_at
    FROM attempts WHERE user_id = ?1 ORDER BY created_at DESC`,
  events: `SELECT at, kind, client_id, grant_id, attempt_id, details FROM audit WHERE user_id = ?1 ORDER BY at DESC`,
} as const;

export type AccountData = Readonly<Record<keyof typeof KINDS, readonly Record<string, unknown>[]>> & {
  readonly user: Record<string, unknown>;
};

/** Everything about `userId` if `session` (a condition) holds. One trip. */
export async function readAccountData(
  db: D1Database,
  userId: string,
  session: Condition,
): Promise<AccountData | undefined> {
  const names = Object.keys(KINDS) as (keyof typeof KINDS)[];
  const [users = [], ...rows] = await batch(
    db,
    [
      db
        .prepare(`SELECT id, email, name, created_at, updated_at FROM users WHERE id = ? AND ${session.sql}`)
        .bind(userId, ...session.params),
      ...names.map((name) => db.prepare(`${KINDS[name]} LIMIT ${MOST_ROWS}`).bind(userId)),
    ],
    true,
  );
  const [user] = users;
  if (!user) return undefined;
  const parts = names.map((name, index) => [name, (rows[index] ?? []).map(readable)] as const);
  return { user: readable(user), ...Object.fromEntries(parts) } as AccountData;
}

/** Times as RFC 3339, JSON columns as JSON. */
function readable(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (typeof value === "number" && (name === "at" || name.endsWith("_at")))
        return [name, new Date(value).toISOString()];
      return [name, name === "steps" && typeof value === "string" ? (JSON.parse(value) as unknown) : value];
    }),
  );
}
