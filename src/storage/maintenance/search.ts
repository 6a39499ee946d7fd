// The console's search: finds each kind by its primary key or an index, all in one read.
import { batch, type Sql, sql } from "../sql.ts";

export type HitKind = "customer" | "attempt" | "link" | "skill" | "client";

export interface Hit {
  readonly kind: HitKind;
  /** Of the customer, attempt, grant, skill or client. */
  readonly id: string;
  readonly name: string | null;
  /** The customer of a link, the skill of a client. */
  readonly of: string | null;
}

/** At most this many of each kind are listed. */
export const MOST_HITS = 20;

/** The upper bound of all texts that begin with `text`: a range of an index, in which no character is a wildcard. */
function behind(text: string): string {
  return `${text}\u{10ffff}`;
}

const GRANT = sql`'link' AS kind, id, COALESCE((SELECT name FROM skills WHERE id = skill_id),
  (SELECT name FROM clients WHERE id = client_id)) AS name, user_id AS of FROM grants`;

/** In SQL: the ids that may be meant. Ours are in lower case; of Alexa's the last part is in upper case. */
function idsOf(text: string): Sql {
  const [, ofAlexa = text] = /^amzn1\.ask\.account\.(.+)$/i.exec(text) ?? [];
  return sql`(${text}, ${text.toLowerCase()}, ${`amzn1.ask.account.${ofAlexa.toUpperCase()}`})`;
}

/**
 * Everything that the text identifies. `text` as typed; `email` normalised, or empty if it cannot be the beginning of
 * an address. One read.
 */
export async function search(db: D1Database, text: string, email: string): Promise<Hit[]> {
  const most = sql`LIMIT ${MOST_HITS}`;
  const ids = idsOf(text);
  const statements = [
    // The exact address comes first.
    sql`SELECT 'customer' AS kind, id, email AS name, NULL AS of FROM users
        WHERE email >= ${email} AND email < ${behind(email)} AND ${email} <> '' ORDER BY email, id ${most}`,
    sql`SELECT 'customer' AS kind, id, email AS name, NULL AS of FROM users WHERE id IN ${ids}`,
    sql`SELECT 'attempt' AS kind, id, COALESCE(reason, outcome) AS name, user_id AS of FROM attempts WHERE id IN ${ids}`,
    sql`SELECT ${GRANT} WHERE id IN ${ids}`,
    sql`SELECT ${GRANT} WHERE alexa_user_id IN ${ids} ORDER BY created_at DESC ${most}`,
    // A link that ended long ago no longer has a row, but its audit record names the customer.
    sql`SELECT 'link' AS kind, grant_id AS id, details AS name, user_id AS of FROM audit
        WHERE grant_id IN ${ids} AND user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM grants WHERE id = audit.grant_id)
        ORDER BY id DESC LIMIT 1`,
    sql`SELECT 'skill' AS kind, id, name, NULL AS of FROM skills WHERE id IN ${ids}`,
    sql`SELECT 'skill' AS kind, id, name, NULL AS of FROM skills
        WHERE name COLLATE NOCASE >= ${text} AND name COLLATE NOCASE < ${behind(text)} AND id NOT IN ${ids}
        ORDER BY name COLLATE NOCASE ${most}`,
    sql`SELECT 'client' AS kind, id, name, skill_id AS of FROM clients WHERE id IN ${ids}`,
  ];
  const hits = (await batch<Hit[]>(db, statements, true)).flat();
  const exact = hits.filter(({ kind, name }) => kind === "customer" && name === email);
  return exact.length === 0 ? hits : hits.filter(({ kind, name }) => kind !== "customer" || name === email);
}
