// Accounts and links for another server: pages of rows in the order of their primary keys.
import { auditRow } from "../audit.ts";
import { grantIsLive } from "../grants/grants.ts";
import { batch, sql } from "../sql.ts";

/** The identity of an account, with the account. */
export interface ExportedPerson {
  readonly userId: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly createdAt: number;
  readonly method: "password" | "oidc" | "amazon";
  readonly issuer: string;
  readonly subject: string;
  /** Sealed. */
  readonly passwordHash: string | null;
}

/** At most `limit` + 1 identities after another one, and an audit row of who took them. One round trip. */
export async function readPeople(
  db: D1Database,
  after: (Pick<ExportedPerson, "issuer" | "subject"> & { readonly method: string }) | undefined,
  limit: number,
  withHashes: boolean,
  now: number,
  actor: string,
): Promise<ExportedPerson[]> {
  const { method, issuer, subject } = after ?? { method: "", issuer: "", subject: "" };
  const people = sql`SELECT i.user_id AS "userId", u.email, u.name, u.created_at AS "createdAt", i.method, i.issuer, i.subject,
      ${withHashes ? sql`i.password_hash` : sql`NULL`} AS "passwordHash"
    FROM identities i JOIN users u ON u.id = i.user_id
    WHERE (i.method, i.issuer, i.subject) > (${method}, ${issuer}, ${subject})
    ORDER BY i.method, i.issuer, i.subject LIMIT ${limit + 1}`;
  const kind = withHashes ? "password_hashes_exported" : "users_exported";
  const audit = auditRow(now, { kind, alert: withHashes, actor, details: `at most ${limit} accounts` });
  return (await batch<[unknown, ExportedPerson]>(db, [audit, people], false))[1];
}

export interface ExportedGrant {
  readonly grantId: string;
  readonly userId: string;
  readonly clientId: string;
  readonly skillId: string | null;
  readonly scope: string;
  readonly refreshHash: string | null;
  readonly createdAt: number;
  readonly lastUsedAt: number;
  readonly alexaUserId: string | null;
  /** 1: another server issued the token, or the link came from another server like this one. */
  readonly isImported: number;
  /** 1: Alexa's, and live. */
  readonly isLink: number;
}

/**
 * At most `limit` + 1 grants after an id, with those that are no links, so that a page reads few rows, and an audit row
 * of who took them. One round trip.
 */
export async function readGrants(
  db: D1Database,
  after: string,
  limit: number,
  now: number,
  actor: string,
): Promise<ExportedGrant[]> {
  const grants = sql`SELECT id AS "grantId", user_id AS "userId", client_id AS "clientId", skill_id AS "skillId", scope,
        refresh_hash AS "refreshHash", created_at AS "createdAt", last_used_at AS "lastUsedAt", alexa_user_id AS "alexaUserId",
        imported_at IS NOT NULL AS "isImported",
        (skill_id IS NOT NULL AND refresh_hash IS NOT NULL AND ${grantIsLive(now)}) AS "isLink"
      FROM grants WHERE id > ${after} ORDER BY id LIMIT ${limit + 1}`;
  const audit = auditRow(now, { kind: "links_exported", actor, details: `at most ${limit} links` });
  return (await batch<[unknown, ExportedGrant]>(db, [audit, grants], false))[1];
}
