// Accounts that another server had: created with their one identity, unless it exists already.
import { auditImportedUsers } from "../audit.ts";
import { batch, sql } from "../sql.ts";
import type { IdentityKey } from "./users.ts";

export interface NewPerson extends IdentityKey {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
  /** Sealed for the subject. */
  readonly passwordHash: string | null;
  readonly createdAt: number;
}

/** `exists`: the identity was there already and is unchanged. `id_taken`: the id is another account's. */
export type PersonOutcome =
  | { readonly outcome: "imported" | "exists"; readonly userId: string }
  | { readonly outcome: "id_taken" };

const keyOf = ({ method, issuer, subject }: IdentityKey) => JSON.stringify([method, issuer, subject]);

/**
 * Creates the accounts whose identity does not exist yet, in one batch. Outcomes in the order of the people. A batch
 * that is repeated after a lost connection may return `exists` for what it inserted itself.
 */
export async function importPeople(
  db: D1Database,
  people: readonly NewPerson[],
  now: number,
  actor: string,
): Promise<PersonOutcome[]> {
  if (people.length === 0) return [];
  // An identity or an id that is given twice is imported for the first of its people.
  const firsts = people.filter(
    (one, position) => people.findIndex((other) => other.id === one.id || keyOf(other) === keyOf(one)) === position,
  );
  const given = sql`json_each(${JSON.stringify(firsts)})`;
  const identity = sql`FROM identities i WHERE i.method = value ->> 'method' AND i.issuer = value ->> 'issuer'
    AND i.subject = value ->> 'subject'`;
  const [inserted = [], , , rows = []] = await batch(
    db,
    [
      sql`INSERT INTO users (id, email, name, created_at, updated_at)
          SELECT value ->> 'id', value ->> 'email', value ->> 'name', value ->> 'createdAt', ${now} FROM ${given}
          WHERE NOT EXISTS (SELECT 1 ${identity}) ON CONFLICT DO NOTHING RETURNING id`,
      auditImportedUsers(now, actor),
      // A user that was there before has an identity, and gets no second one.
      sql`INSERT INTO identities (method, issuer, subject, user_id, password_hash, created_at)
          SELECT value ->> 'method', value ->> 'issuer', value ->> 'subject', value ->> 'id', value ->> 'passwordHash', ${now}
          FROM ${given} WHERE EXISTS (SELECT 1 FROM users WHERE id = value ->> 'id')
            AND NOT EXISTS (SELECT 1 FROM identities WHERE user_id = value ->> 'id') ON CONFLICT DO NOTHING`,
      sql`SELECT key AS position, (SELECT i.user_id ${identity}) AS "userId" FROM json_each(${JSON.stringify(people)})`,
    ],
    true,
  );
  const newIds = new Set(inserted.map(({ id }) => id));
  const found = new Map(rows.map(({ position, userId }) => [position, userId as string | null]));
  return people.map((one, position): PersonOutcome => {
    const userId = found.get(position) ?? null;
    if (userId === null) return { outcome: "id_taken" };
    const isNew = newIds.has(userId) && userId === one.id && firsts.includes(one);
    return { outcome: isNew ? "imported" : "exists", userId };
  });
}
