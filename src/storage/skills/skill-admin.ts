// Creating, changing and deleting skills with their Alexa clients, for operators. Requests use skills.ts.
import type { Keyring } from "../../crypto/keyring.ts";
import { type AuditEntry, auditIfChanged } from "../audit.ts";
import { insertClientStatement, type NewClient } from "../clients/client-admin.ts";
import { batch, sql } from "../sql.ts";
import {
  EVENT_GATEWAY,
  LWA,
  type LwaCredentials,
  type SealedLwaCredentials,
  type Skill,
  secretSealContext,
} from "./skills.ts";

/** A skill as an operator writes it; its credentials travel beside it. */
export type SkillContent = Omit<
  Skill,
  "lwa" | "eventGateway" | "clientId" | "serviceClientId" | "createdAt" | "updatedAt"
>;

/** Credentials in clear, sealed on the way in. undefined: stays as it is; null: removed. */
export interface CredentialChanges {
  readonly lwa?: LwaCredentials | null | undefined;
  readonly eventGateway?: LwaCredentials | null | undefined;
}

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

export type InsertedSkill = "inserted" | "skill_exists" | "client_exists";

/**
 * Adds a skill with its Alexa client, or neither when one of the two ids is taken. No id is both a skill's and another
 * client's: the skill would be the audience of that client's own tokens.
 */
export async function insertSkill(
  rt: Stored,
  skill: SkillContent,
  secrets: CredentialChanges,
  client: NewClient,
  audit: AuditEntry,
): Promise<InsertedSkill> {
  const now = rt.now();
  const lwa = await sealed(rt, skill.id, LWA, secrets.lwa);
  const event = await sealed(rt, skill.id, EVENT_GATEWAY, secrets.eventGateway);
  const skillExists = sql`EXISTS (SELECT 1 FROM skills WHERE id = ${skill.id})`;
  const [, inserted = [], , [found] = []] = await batch(
    rt.db,
    [
      sql`INSERT INTO skills (id, stage, type, name, linking, vendor_id, resource, scopes, return_urls, extra_redirect_uris, lwa_client_id,
          lwa_client_secret, event_client_id, event_client_secret, created_at, updated_at)
        SELECT ${skill.id}, ${skill.stage}, ${skill.type}, ${skill.name}, ${skill.linking}, ${skill.vendorId}, ${skill.resource}, ${JSON.stringify(skill.scopes)},
          ${JSON.stringify(skill.returnUrls)}, ${JSON.stringify(skill.extraRedirectUris)}, ${lwa?.clientId}, ${lwa?.sealedClientSecret},
          ${event?.clientId}, ${event?.sealedClientSecret}, ${now}, ${now}
        WHERE NOT EXISTS (SELECT 1 FROM clients WHERE id IN (${client.id}, ${skill.id}))
          AND NOT EXISTS (SELECT 1 FROM skills WHERE id = ${client.id}) ON CONFLICT DO NOTHING`,
      // A skill that was there before has a client: `clients.skill_id` is unique.
      insertClientStatement(client, now, skillExists),
      auditIfChanged(now, audit),
      sql`SELECT ${skillExists} AS skill`,
    ],
    false,
  );
  if (inserted.length === 1) return "inserted";
  return found?.skill === 1 ? "skill_exists" : "client_exists";
}

/** Writes a changed skill and the settings of its client. Returns false when the skill has gone meanwhile. */
export async function updateSkill(
  rt: Stored,
  skill: SkillContent,
  secrets: CredentialChanges,
  client: ClientSettings,
  audit: AuditEntry,
): Promise<boolean> {
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
  const [updated = []] = await batch(
    rt.db,
    [
      sql`UPDATE skills SET stage = ${skill.stage}, type = ${skill.type}, name = ${skill.name}, linking = ${skill.linking},
          vendor_id = ${skill.vendorId}, resource = ${skill.resource}, scopes = ${JSON.stringify(skill.scopes)}, return_urls = ${JSON.stringify(skill.returnUrls)},
          extra_redirect_uris = ${JSON.stringify(skill.extraRedirectUris)}, updated_at = ${now}${lwaColumns}${eventColumns}
        WHERE id = ${skill.id} RETURNING id`,
      sql`UPDATE clients SET name = ${skill.name}, redirect_uris = ${JSON.stringify(client.redirectUris)},
          require_pkce = ${client.requirePkce}, updated_at = ${now}
        WHERE skill_id = ${skill.id} AND kind = 'alexa'`,
      auditIfChanged(now, audit),
    ],
    false,
  );
  return updated.length === 1;
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
