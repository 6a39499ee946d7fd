// Creating, changing, listing and deleting OAuth clients, for operators. Requests use clients.ts.

import { type AuditEntry, auditIfChanged } from "../audit.ts";
import { batch, readAll, type Sql, sql } from "../sql.ts";
import { type Client, clientFromRow, SELECT_CLIENT } from "./clients.ts";

/** A client as it is written. */
export type NewClient = Omit<
  Client,
  | "previousSecretHash"
  | "previousSecretExpiresAt"
  | "createdAt"
  | "skillName"
  | "scopeTexts"
  | "serviceScopes"
  | "resource"
  | "clientCredentials"
>;

/** Inserts a client where `condition` holds and the id is not taken; returns its id then. */
export function insertClientStatement(client: NewClient, now: number, condition: Sql): Sql {
  return sql`INSERT INTO clients (id, kind, name, secret_hash, redirect_uris, scopes, skill_id, skill_ids, resources, require_pkce,
      created_at, updated_at)
    SELECT ${client.id}, ${client.kind}, ${client.name}, ${client.secretHash}, ${JSON.stringify(client.redirectUris)},
      ${JSON.stringify(client.scopes)}, ${client.skillId}, ${JSON.stringify(client.skillIds)}, ${JSON.stringify(client.resources)},
      ${client.requirePkce}, ${now}, ${now}
    WHERE ${condition} ON CONFLICT DO NOTHING RETURNING id`;
}

/** In SQL: whether a `service` client may ask for this audience. */
export function resourceOfService(resource: string | null): Sql {
  return sql`EXISTS (SELECT 1 FROM clients c, json_each(c.resources) r WHERE c.kind = 'service' AND r.value = ${resource})`;
}

/** In SQL: whether one of these audiences is an add-on's, whose tokens only Alexa's clients may get. */
function resourceOfAddOn(resources: readonly string[]): Sql {
  return sql`EXISTS (SELECT 1 FROM skills WHERE resource IN (SELECT value FROM json_each(${JSON.stringify(resources)})))`;
}

/**
 * Adds an `app` or `service` client, unless its id is taken or one of its resources is an add-on's. The id of a skill
 * is taken too: the audience of the client's own tokens would be that skill.
 */
export async function insertClient(
  db: D1Database,
  client: NewClient,
  now: number,
  audit: AuditEntry,
): Promise<"inserted" | "id_taken" | "resource_taken"> {
  const taken = resourceOfAddOn(client.resources);
  const [inserted = [], , [found] = []] = await batch(
    db,
    [
      insertClientStatement(
        client,
        now,
        sql`NOT EXISTS (SELECT 1 FROM skills WHERE id = ${client.id}) AND NOT ${taken}`,
      ),
      auditIfChanged(now, audit),
      sql`SELECT ${taken} AS "resourceTaken"`,
    ],
    false,
  );
  if (inserted.length === 1) return "inserted";
  return found?.resourceTaken === 1 ? "resource_taken" : "id_taken";
}

/** `app` and `service` clients in the order of their ids, from behind `after` on. */
export async function listClients(db: D1Database, after: string, limit: number): Promise<Client[]> {
  const rows = await readAll<Record<string, unknown>>(
    db,
    sql`${SELECT_CLIENT} WHERE c.id > ${after} AND c.kind IN ('app', 'service') ORDER BY c.id LIMIT ${limit}`,
  );
  return rows.map(clientFromRow);
}

/** Clients by id, at most `ids.length`, in the order of their ids. */
export async function readClients(db: D1Database, ids: readonly string[]): Promise<Client[]> {
  if (ids.length === 0) return [];
  const rows = await readAll<Record<string, unknown>>(
    db,
    sql`${SELECT_CLIENT} WHERE c.id IN (SELECT value FROM json_each(${JSON.stringify(ids)})) ORDER BY c.id`,
  );
  return rows.map(clientFromRow);
}

/**
 * Changes an `app` or `service` client's name, redirect URIs, scopes, skills and resources. Returns false when it was
 * deleted, or one of the resources is an add-on's.
 */
export async function updateClient(
  db: D1Database,
  client: Pick<Client, "id" | "name" | "redirectUris" | "scopes" | "skillIds" | "resources">,
  now: number,
  audit: AuditEntry,
): Promise<boolean> {
  const update = sql`UPDATE clients SET name = ${client.name}, redirect_uris = ${JSON.stringify(client.redirectUris)},
      scopes = ${JSON.stringify(client.scopes)}, skill_ids = ${JSON.stringify(client.skillIds)},
      resources = ${JSON.stringify(client.resources)}, updated_at = ${now}
    WHERE id = ${client.id} AND kind IN ('app', 'service') AND NOT ${resourceOfAddOn(client.resources)} RETURNING id`;
  const [updated = []] = await batch(db, [update, auditIfChanged(now, audit)], false);
  return updated.length === 1;
}

/** Deletes an `app` or `service` client with its grants and codes. Returns false when there is none of this id. */
export async function deleteClient(db: D1Database, id: string, now: number, audit: AuditEntry): Promise<boolean> {
  const [, deleted = []] = await batch(
    db,
    [
      // Codes have no foreign key: a client created later under the same id must not find them.
      sql`DELETE FROM codes WHERE client_id IN (SELECT id FROM clients WHERE id = ${id} AND kind IN ('app', 'service'))`,
      sql`DELETE FROM clients WHERE id = ${id} AND kind IN ('app', 'service') RETURNING id`,
      auditIfChanged(now, audit),
    ],
    false,
  );
  return deleted.length === 1;
}

/**
 * Gives a confidential client a new secret. The present one stays valid until `previousExpiresAt` (milliseconds); one
 * that was still in its own overlap ends now, since at most two secrets are valid at a time. Returns false when the
 * client has gone.
 */
export async function rotateClientSecret(
  db: D1Database,
  clientId: string,
  change: { readonly secretHash: string; readonly previousExpiresAt: number; readonly now: number },
  audit: AuditEntry,
): Promise<boolean> {
  const update = sql`UPDATE clients SET previous_secret_hash = secret_hash, previous_secret_expires_at = ${change.previousExpiresAt},
      secret_hash = ${change.secretHash}, updated_at = ${change.now}
    WHERE id = ${clientId} AND secret_hash IS NOT NULL RETURNING id`;
  const [rotated = []] = await batch(db, [update, auditIfChanged(change.now, audit)], false);
  return rotated.length === 1;
}
