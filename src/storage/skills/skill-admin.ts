// Creating, changing and deleting skills with their Alexa clients, for operators. Requests use skills.ts.
import type { Keyring } from "../../crypto/keyring.ts";
import { type AuditEntry, auditIfChanged } from "../audit.ts";
import { insertClientStatement, type NewClient, resourceOfService } from "../clients/client-admin.ts";
import { batch, type Sql, sql } from "../sql.ts";
import {
  EVENT_GATEWAY,
  LWA,
  type LwaCredentials,
  RELAY,
  type Relay,
  type SealedLwaCredentials,
  type Skill,
  secretSealContext,
} from "./skills.ts";

/** A skill as an operator writes it; its credentials travel beside it. */
export type SkillContent = Omit<
  Skill,
  "lwa" | "eventGateway" | "relay" | "clientId" | "serviceClientId" | "createdAt" | "updatedAt"
>;

/** Credentials in clear, sealed on the way in. undefined: stays as it is; null: removed. */
export interface CredentialChanges {
  readonly lwa?: LwaCredentials | null | undefined;
  readonly eventGateway?: LwaCredentials | null | undefined;
  readonly relay?: RelaySettings | null | undefined;
}

/** A relay as an operator writes it: with a secret of its own or with Alexa's. */
export type RelaySettings = Omit<Relay, "clientId"> & { readonly credentials: LwaCredentials | null };

/** What an operator may set of a skill's client. */
export interface ClientSettings {
  readonly redirectUris: readonly string[];
  readonly requirePkce: boolean;
}

interface Stored {
  readonly db: D1Database;
  readonly keyring: Keyring;
  now(): number;
}

async function sealed(
  rt: Stored,
  skillId: string,
  use: string,
  given: LwaCredentials | null | undefined,
): Promise<SealedLwaCredentials | null> {
  if (!given) return null;
  const context = secretSealContext(skillId, use);
  return {
    clientId: given.clientId,
    sealedClientSecret: await rt.keyring.seal("lwa-client-secret", context, given.clientSecret),
  };
}

/** The columns of a relay. */
async function sealedRelay(
  rt: Stored,
  skillId: string,
  given: RelaySettings | null | undefined,
): Promise<{ relay: string | null; secret: string | null }> {
  if (!given) return { relay: null, secret: null };
  const { credentials, ...settings } = given;
  const pair = await sealed(rt, skillId, RELAY, credentials);
  const relay: Relay = { ...settings, clientId: pair?.clientId ?? null };
  return { relay: JSON.stringify(relay), secret: pair?.sealedClientSecret ?? null };
}

export type InsertedSkill = "inserted" | "skill_exists" | "client_exists" | "resource_taken";

/** In SQL: whether no other skill has this skill's resource, and no `service` client may ask for it. */
function resourceIsFree({ id, resource }: SkillContent): Sql {
  return sql`NOT (EXISTS (SELECT 1 FROM skills WHERE resource = ${resource} AND id <> ${id}) OR ${resourceOfService(resource)})`;
}

function clientAdded(client: NewClient, { actor }: AuditEntry): AuditEntry {
  return { kind: "client_created", actor, clientId: client.id, details: client.skillId };
}

/**
 * Adds a skill with its Alexa client and perhaps an add-on's second one, or nothing when an id or the resource is
 * taken. No id is both a skill's and another client's: the skill would be the audience of that client's own tokens.
 */
export async function insertSkill(
  rt: Stored,
  skill: SkillContent,
  secrets: CredentialChanges,
  client: NewClient,
  audit: AuditEntry,
  serviceClient?: NewClient,
): Promise<InsertedSkill> {
  const now = rt.now();
  const lwa = await sealed(rt, skill.id, LWA, secrets.lwa);
  const event = await sealed(rt, skill.id, EVENT_GATEWAY, secrets.eventGateway);
  const { relay, secret: relaySecret } = await sealedRelay(rt, skill.id, secrets.relay);
  const clientIds = sql`(${client.id}, ${serviceClient?.id ?? client.id})`;
  const results = await batch(
    rt.db,
    [
      sql`INSERT INTO skills (id, stage, type, name, linking, vendor_id, resource, scopes, return_urls, extra_redirect_uris, lwa_client_id,
          lwa_client_secret, event_client_id, event_client_secret, relay, relay_client_secret, created_at, updated_at)
        SELECT ${skill.id}, ${skill.stage}, ${skill.type}, ${skill.name}, ${skill.linking}, ${skill.vendorId}, ${skill.resource}, ${JSON.stringify(skill.scopes)},
          ${JSON.stringify(skill.returnUrls)}, ${JSON.stringify(skill.extraRedirectUris)}, ${lwa?.clientId}, ${lwa?.sealedClientSecret},
          ${event?.clientId}, ${event?.sealedClientSecret}, ${relay}, ${relaySecret}, ${now}, ${now}
        WHERE NOT EXISTS (SELECT 1 FROM clients WHERE id = ${skill.id} OR id IN ${clientIds})
          AND NOT EXISTS (SELECT 1 FROM skills WHERE id IN ${clientIds}) AND ${resourceIsFree(skill)}
        ON CONFLICT DO NOTHING RETURNING id`,
      // Each of these runs only if the statement before it inserted a row.
      insertClientStatement(client, now, sql`changes() > 0`),
      auditIfChanged(now, audit),
      ...(serviceClient
        ? [
            insertClientStatement(serviceClient, now, sql`changes() > 0`),
            auditIfChanged(now, clientAdded(serviceClient, audit)),
          ]
        : []),
      sql`SELECT EXISTS (SELECT 1 FROM skills WHERE id = ${skill.id}) AS "skillExists", ${resourceIsFree(skill)} AS "resourceIsFree"`,
    ],
    false,
  );
  if (results[0]?.length === 1) return "inserted";
  const found = results.at(-1)?.[0];
  if (found?.skillExists === 1) return "skill_exists";
  return found?.resourceIsFree === 1 ? "client_exists" : "resource_taken";
}

/** What happens to an add-on's second client. Neither: it stays as it is. */
export interface ServiceClientChange {
  readonly add?: NewClient;
  /** Its id, for the audit; null: it should have none. */
  readonly remove?: string | null;
}

export type UpdatedSkill = "updated" | "skill_gone" | "resource_taken" | "client_exists";

/** Writes a changed skill with the settings of its clients, or nothing. */
export async function updateSkill(
  rt: Stored,
  skill: SkillContent,
  secrets: CredentialChanges,
  client: ClientSettings,
  { add, remove }: ServiceClientChange,
  audit: AuditEntry,
): Promise<UpdatedSkill> {
  const now = rt.now();
  const lwa = await sealed(rt, skill.id, LWA, secrets.lwa);
  const event = await sealed(rt, skill.id, EVENT_GATEWAY, secrets.eventGateway);
  const lwaColumns =
    secrets.lwa === undefined
      ? sql``
      : sql`, lwa_client_id = ${lwa?.clientId}, lwa_client_secret = ${lwa?.sealedClientSecret}`;
  const eventColumns =
    secrets.eventGateway === undefined
      ? sql``
      : sql`, event_client_id = ${event?.clientId}, event_client_secret = ${event?.sealedClientSecret}`;
  const { relay, secret: relaySecret } = await sealedRelay(rt, skill.id, secrets.relay);
  const relayColumns =
    secrets.relay === undefined ? sql`` : sql`, relay = ${relay}, relay_client_secret = ${relaySecret}`;
  const isSecondClient = sql`skill_id = ${skill.id} AND kind = 'add_on_service'`;
  const mayAdd = add
    ? sql`NOT EXISTS (SELECT 1 FROM clients WHERE id = ${add.id} OR ${isSecondClient})
        AND NOT EXISTS (SELECT 1 FROM skills WHERE id = ${add.id})`
    : sql`TRUE`;
  const results = await batch(
    rt.db,
    [
      sql`UPDATE skills SET stage = ${skill.stage}, type = ${skill.type}, name = ${skill.name}, linking = ${skill.linking},
          vendor_id = ${skill.vendorId}, resource = ${skill.resource}, scopes = ${JSON.stringify(skill.scopes)}, return_urls = ${JSON.stringify(skill.returnUrls)},
          extra_redirect_uris = ${JSON.stringify(skill.extraRedirectUris)}, updated_at = ${now}${lwaColumns}${eventColumns}${relayColumns}
        WHERE id = ${skill.id} AND ${resourceIsFree(skill)} AND ${mayAdd} RETURNING id`,
      // Each of these runs only if the statement before it changed a row.
      sql`UPDATE clients SET name = ${skill.name}, redirect_uris = ${JSON.stringify(client.redirectUris)},
          require_pkce = ${client.requirePkce}, updated_at = ${now}
        WHERE skill_id = ${skill.id} AND kind = 'alexa' AND changes() > 0`,
      auditIfChanged(now, audit),
      ...(add
        ? [insertClientStatement(add, now, sql`changes() > 0`), auditIfChanged(now, clientAdded(add, audit))]
        : remove !== undefined
          ? [
              sql`DELETE FROM clients WHERE ${isSecondClient} AND changes() > 0`,
              auditIfChanged(now, { kind: "client_deleted", actor: audit.actor, clientId: remove, details: skill.id }),
            ]
          : []),
      sql`SELECT EXISTS (SELECT 1 FROM skills WHERE id = ${skill.id}) AS "skillExists", ${resourceIsFree(skill)} AS "resourceIsFree"`,
    ],
    false,
  );
  if (results[0]?.length === 1) return "updated";
  const found = results.at(-1)?.[0];
  if (found?.skillExists !== 1) return "skill_gone";
  return found.resourceIsFree === 1 ? "client_exists" : "resource_taken";
}

/** Deletes a skill with its client, grants and codes. Returns false when there was none. */
export async function deleteSkill(rt: Pick<Stored, "db" | "now">, id: string, audit: AuditEntry): Promise<boolean> {
  const [, deleted = []] = await batch(
    rt.db,
    [
      // Codes have no foreign key: a client created later under the same id must not find them.
      sql`DELETE FROM codes WHERE client_id IN (SELECT id FROM clients WHERE skill_id = ${id})`,
      sql`DELETE FROM skills WHERE id = ${id} RETURNING id`,
      auditIfChanged(rt.now(), audit),
    ],
    false,
  );
  return deleted.length === 1;
}
