// Links that another account-linking server made: taken over with the hash of the refresh token that Alexa holds
// already.

import { batch } from "../d1.ts";

/**
 * Whom a link belongs to: one of our accounts, or a person of the company's identity provider, who may not have come
 * yet.
 */
export type ImportedPerson =
  | { readonly userId: string }
  | { readonly email: string }
  | { readonly oidcSubject: string; readonly newUserId: string };

/** Ids of the accounts, in the order of the people; several where an address is several people's. */
export async function resolvePeople(
  db: D1Database,
  people: readonly ImportedPerson[],
  oidcIssuer: string | undefined,
  now: number,
): Promise<string[][]> {
  const given = JSON.stringify(people);
  const [, , found = []] = await batch(
    db,
    [
      // Those who have not come yet get their account now: at first sign-in they find it by the same subject.
      db
        .prepare(
          `INSERT INTO users (id, created_at, updated_at)
           SELECT j.value ->> 'newUserId', ?2, ?2 FROM json_each(?1) j
           WHERE j.value ->> 'oidcSubject' IS NOT NULL AND ?3 IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM identities WHERE method = 'oidc' AND issuer = ?3 AND subject = j.value ->> 'oidcSubject')
           ON CONFLICT DO NOTHING`,
        )
        .bind(given, now, oidcIssuer ?? null),
      db
        .prepare(
          `INSERT INTO identities (method, issuer, subject, user_id, created_at)
           SELECT 'oidc', ?3, j.value ->> 'oidcSubject', j.value ->> 'newUserId', ?2 FROM json_each(?1) j
           WHERE EXISTS (SELECT 1 FROM users WHERE id = j.value ->> 'newUserId') ON CONFLICT DO NOTHING`,
        )
        .bind(given, now, oidcIssuer ?? null),
      db
        .prepare(
          `SELECT j.key AS position, u.id FROM json_each(?1) j JOIN users u ON u.id = j.value ->> 'userId'
           UNION ALL SELECT j.key, u.id FROM json_each(?1) j JOIN users u ON u.email = j.value ->> 'email'
           UNION ALL SELECT j.key, i.user_id FROM json_each(?1) j JOIN identities i
             ON i.method = 'oidc' AND i.issuer = ?2 AND i.subject = j.value ->> 'oidcSubject'`,
        )
        .bind(given, oidcIssuer ?? null),
    ],
    true,
  );
  return people.map((_, position) => found.filter((row) => row.position === position).map((row) => String(row.id)));
}

export interface ImportedLink {
  /** Of the grant to be made: always the same for one token. */
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  readonly skillId: string;
  readonly scope: string;
  /** SHA-256 of the whole token, base64url. */
  readonly tokenHash: string;
  readonly createdAt: number;
  readonly alexaUserId: string | null;
}

/** `imported`: made now. `exists`: was here already, for the same account and skill. `ended`: so, but it has ended. */
export type ImportOutcome =
  | { readonly outcome: "imported" | "exists" | "ended"; readonly grantId: string }
  | { readonly outcome: "token_taken" }
  | { readonly outcome: "gone" };

/** In SQL: the making of grant `g` is on record, by the request that `also` says. */
function importOnRecord(also = "TRUE"): string {
  return `EXISTS (SELECT 1 FROM audit a WHERE a.grant_id = g.id AND a.kind = 'grant_imported' AND a.at = g.imported_at AND ${also})`;
}

/** Makes the grants that are not there yet, in one batch that may be repeated. Outcomes in the order of the links. */
export async function importLinks(
  db: D1Database,
  links: readonly ImportedLink[],
  claimId: string,
  now: number,
  idleExpiresAt: number,
): Promise<ImportOutcome[]> {
  if (links.length === 0) return [];
  const given = JSON.stringify(links);
  const [, , rows = []] = await batch(
    db,
    [
      db
        .prepare(
          `INSERT INTO grants (id, user_id, client_id, skill_id, scope, flow, refresh_hash, created_at, last_used_at,
             idle_expires_at, alexa_user_id, imported_at)
           SELECT j.value ->> 'id', j.value ->> 'userId', j.value ->> 'clientId', j.value ->> 'skillId',
             j.value ->> 'scope', 'alexa_app', j.value ->> 'tokenHash', j.value ->> 'createdAt', ?2, ?3, j.value ->> 'alexaUserId', ?2
           FROM json_each(?1) j WHERE EXISTS (SELECT 1 FROM users WHERE id = j.value ->> 'userId')
             AND EXISTS (SELECT 1 FROM clients WHERE id = j.value ->> 'clientId') ON CONFLICT DO NOTHING`,
        )
        .bind(given, now, idleExpiresAt),
      db
        .prepare(
          `INSERT INTO audit (at, kind, trace_id, user_id, client_id, grant_id)
           SELECT DISTINCT ?1, 'grant_imported', ?2, g.user_id, g.client_id, g.id FROM json_each(?3) j JOIN grants g ON g.id = j.value ->> 'id'
           WHERE g.imported_at = ?1 AND NOT ${importOnRecord()}`,
        )
        .bind(now, claimId, given),
      db
        .prepare(
          `SELECT j.key AS position, g.id, g.user_id, g.client_id, g.revoked_at,
             g.imported_at = ?1 AND ${importOnRecord("a.trace_id = ?2")} AS made
           FROM json_each(?3) j JOIN grants g ON g.refresh_hash = j.value ->> 'tokenHash' AND g.imported_at IS NOT NULL`,
        )
        .bind(now, claimId, given),
    ],
    true,
  );
  return links.map((link, position) => {
    const row = rows.find((one) => one.position === position);
    if (!row) return { outcome: "gone" };
    if (row.user_id !== link.userId || row.client_id !== link.clientId) {
      return { outcome: "token_taken" };
    }
    const grantId = String(row.id);
    // The same token twice in one call makes one link.
    const first = links.findIndex((other) => other.id === link.id) === position;
    if (row.made === 1 && first) return { outcome: "imported", grantId };
    return { outcome: row.revoked_at === null ? "exists" : "ended", grantId };
  });
}
