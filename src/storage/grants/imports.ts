// Links that another account-linking server made: grants with the hash of the refresh token that Alexa already holds.
import { utf8 } from "../../crypto/encoding.ts";
import { idOf } from "../../crypto/random.ts";
import { auditImportedUsers } from "../audit.ts";
import { batch, sql } from "../sql.ts";

/** The owner of a link: one of our accounts, or a person of the identity provider, even before any sign-in. */
export type ImportedPerson =
  | { readonly userId: string }
  | { readonly email: string }
  | { readonly oidcSubject: string; readonly newUserId: string };

/** Ids of the accounts, in the order of the people; several where several people have the same address. */
export async function resolvePeople(
  db: D1Database,
  people: readonly ImportedPerson[],
  oidcIssuer: string | undefined,
  now: number,
  actor?: string,
): Promise<string[][]> {
  const given = sql`json_each(${JSON.stringify(people)})`;
  const results = await batch(
    db,
    [
      // Accounts for people who have not signed in yet: their first sign-in finds them by the same subject.
      sql`INSERT INTO users (id, created_at, updated_at)
          SELECT value ->> 'newUserId', ${now}, ${now} FROM ${given}
          WHERE value ->> 'oidcSubject' IS NOT NULL AND ${oidcIssuer} IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM identities WHERE method = 'oidc' AND issuer = ${oidcIssuer} AND subject = value ->> 'oidcSubject')
          ON CONFLICT DO NOTHING`,
      ...(actor === undefined ? [] : [auditImportedUsers(now, actor)]),
      sql`INSERT INTO identities (method, issuer, subject, user_id, created_at)
          SELECT 'oidc', ${oidcIssuer}, value ->> 'oidcSubject', value ->> 'newUserId', ${now} FROM ${given}
          WHERE EXISTS (SELECT 1 FROM users WHERE id = value ->> 'newUserId') ON CONFLICT DO NOTHING`,
      sql`WITH people AS (SELECT key AS position, value FROM ${given})
          SELECT position, u.id FROM people JOIN users u ON u.id = value ->> 'userId'
          UNION ALL SELECT position, u.id FROM people JOIN users u ON u.email = value ->> 'email'
          UNION ALL SELECT position, i.user_id FROM people JOIN identities i
            ON i.method = 'oidc' AND i.issuer = ${oidcIssuer} AND i.subject = value ->> 'oidcSubject'`,
    ],
    true,
  );
  const found = (results.at(-1) ?? []) as unknown as { readonly position: number; readonly id: string }[];
  return people.map((_, position) => found.filter((row) => row.position === position).map(({ id }) => id));
}

export interface ImportedLink {
  /** Of the new grant: always the same for one token. */
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  readonly skillId: string;
  readonly scope: string;
  /** SHA-256 of the whole token, or of its secret if another server like this one issued it; base64url. */
  readonly tokenHash: string;
  readonly createdAt: number;
  readonly alexaUserId: string | null;
}

/** The id of the grant for a token of another server, which finds it again, live or revoked. */
export async function importedGrantId(tokenHash: string): Promise<string> {
  return idOf(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(`imported link ${tokenHash}`))));
}

/**
 * `imported`: inserted now. `exists`: inserted earlier, for the same account and skill. `ended`: the same, but it has
 * been revoked. `token_taken`: inserted earlier, for another account or skill. `gone`: the account or the skill was
 * deleted meanwhile, or the person has as many links of the skill as a relay makes.
 */
export type ImportOutcome =
  | { readonly outcome: "imported" | "exists" | "ended"; readonly grantId: string }
  | { readonly outcome: "token_taken" }
  | { readonly outcome: "gone" };

interface ImportedRow {
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  readonly revokedAt: number | null;
}

/**
 * Inserts the grants that do not exist yet, with one audit row each, in one batch. Outcomes in the order of the links.
 * `by`: the operator who imports, or a relay, which leaves out people who have `mostOfPerson` links of the skill. A batch
 * that is repeated after a lost connection may return `exists` for what it inserted itself.
 */
export async function importLinks(
  db: D1Database,
  links: readonly ImportedLink[],
  now: number,
  idleExpiresAt: number,
  by: { readonly actor: string } | { readonly mostOfPerson: number },
): Promise<ImportOutcome[]> {
  if (links.length === 0) return [];
  const relayed = "mostOfPerson" in by ? by : undefined;
  const actor = "actor" in by ? by.actor : null;
  // A token that is given twice is imported for the first of its links.
  const firsts = links.filter((link, position) => links.findIndex((other) => other.id === link.id) === position);
  const given = sql`json_each(${JSON.stringify(firsts)})`;
  const isNew = sql`EXISTS (SELECT 1 FROM users WHERE id = value ->> 'userId')
    AND EXISTS (SELECT 1 FROM clients WHERE id = value ->> 'clientId')
    AND NOT EXISTS (SELECT 1 FROM grants WHERE id = value ->> 'id')
    ${relayed ? sql`AND (SELECT COUNT(*) FROM grants WHERE user_id = value ->> 'userId' AND client_id = value ->> 'clientId' AND revoked_at IS NULL) < ${relayed.mostOfPerson}` : sql``}`;
  const [, inserted = [], rows = []] = await batch(
    db,
    [
      sql`INSERT INTO audit (at, kind, actor, user_id, client_id, grant_id)
          SELECT ${now}, ${relayed ? "grant_relayed" : "grant_imported"}, ${actor}, value ->> 'userId', value ->> 'clientId', value ->> 'id' FROM ${given} WHERE ${isNew}`,
      sql`INSERT INTO grants (id, user_id, client_id, skill_id, scope, flow, refresh_hash, created_at, last_used_at,
            idle_expires_at, alexa_user_id, imported_at)
          SELECT value ->> 'id', value ->> 'userId', value ->> 'clientId', value ->> 'skillId', value ->> 'scope', 'alexa_app',
            value ->> 'tokenHash', value ->> 'createdAt', ${now}, ${idleExpiresAt}, value ->> 'alexaUserId', ${now}
          FROM ${given} WHERE ${isNew} ON CONFLICT DO NOTHING RETURNING id`,
      sql`SELECT id, user_id AS "userId", client_id AS "clientId", revoked_at AS "revokedAt"
          FROM grants WHERE id IN (SELECT value ->> 'id' FROM ${given})`,
    ],
    true,
  );
  const newIds = new Set(inserted.map(({ id }) => id));
  const found = new Map((rows as unknown as ImportedRow[]).map((row) => [row.id, row]));
  return links.map((link): ImportOutcome => {
    const row = found.get(link.id);
    if (!row) return { outcome: "gone" };
    if (row.userId !== link.userId || row.clientId !== link.clientId) return { outcome: "token_taken" };
    if (newIds.has(row.id) && firsts.includes(link)) return { outcome: "imported", grantId: row.id };
    return { outcome: row.revokedAt === null ? "exists" : "ended", grantId: row.id };
  });
}
