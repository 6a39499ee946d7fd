// Skills as Alexa knows them: one row each, with the sealed credentials we present to Amazon.
import { type Opener, openStored } from "../sealed.ts";
import { decodeRow, readAll, readFirst, type Sql, sql } from "../sql.ts";

export const SKILL_TYPES = [
  "smart_home",
  "video",
  "meetings",
  "education",
  "custom",
  "music",
  "baby_activity",
  "add_on",
] as const;
export type SkillType = (typeof SKILL_TYPES)[number];

/** What an enablement call names: the skill in development, or the one in the store. */
export type Stage = "development" | "live";

/** Whether a customer must link the account to enable the skill. */
export type Linking = "required" | "optional";

/** `service`: for `client_credentials` only, without a user. `user`: for customers only. */
export type ScopeTier = "service" | "user";

export interface SkillScope {
  readonly name: string;
  readonly tier: ScopeTier;
  /** What the scope allows, for customers, by language tag. */
  readonly descriptions: Readonly<Record<string, string>>;
}

/** What we present to Login with Amazon. Not to be confused with `Client`, which calls us. */
export interface LwaCredentials {
  /** The skill that it is for. */
  readonly skillId?: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface SealedLwaCredentials {
  readonly clientId: string;
  readonly sealedClientSecret: string;
}

/** Which person of ours a claim of the old server names: a subject of the identity provider, an address or an id. */
export const PERSON_KINDS = ["oidcSubject", "email", "id"] as const;

/** The server that issued refresh tokens which this one does not know, and whom its responses name. */
export interface Relay {
  readonly tokenUrl: string;
  /** Where the claims are; null: in the token response. */
  readonly userinfoUrl: string | null;
  /** Id of our client there; null: Alexa's own credentials serve. */
  readonly clientId: string | null;
  readonly person: { readonly claim: string; readonly as: (typeof PERSON_KINDS)[number] };
}

export interface Skill {
  readonly id: string;
  /** The stage that link attempts started by us enable, unless the start call names another. */
  readonly stage: Stage;
  readonly type: SkillType;
  readonly name: string;
  /** null: as Amazon demands it for the type. */
  readonly linking: Linking | null;
  readonly vendorId: string | null;
  /** The canonical URI of an add-on's MCP server, compared byte by byte; null for other types. */
  readonly resource: string | null;
  readonly scopes: readonly SkillScope[];
  readonly returnUrls: readonly string[];
  readonly extraRedirectUris: readonly string[];
  /** For app-to-app linking; null: this skill cannot be linked from our side. */
  readonly lwa: SealedLwaCredentials | null;
  /** For AcceptGrant; null: `lwa` serves for both. */
  readonly eventGateway: SealedLwaCredentials | null;
  /** Where unknown refresh tokens are presented; null: nowhere. */
  readonly relay: (Relay & { readonly sealedClientSecret: string | null }) | null;
  /** Id of the OAuth client with which Alexa calls us for this skill. Redirect URIs are kept there. */
  readonly clientId: string;
  /** Id of an add-on's second client, for service tokens; null: it has none. */
  readonly serviceClientId: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The scopes of one tier. */
export function scopesOf(skill: Pick<Skill, "scopes">, tier: ScopeTier): readonly SkillScope[] {
  return skill.scopes.filter((scope) => scope.tier === tier);
}

/** The columns of `Skill`; takes a WHERE on `s`. Decode the rows with `skillFromRow`. */
const SELECT_SKILL = sql`SELECT s.id, s.stage, s.type, s.name, s.linking, s.vendor_id AS "vendorId", s.resource, s.scopes, s.return_urls AS "returnUrls",
    s.extra_redirect_uris AS "extraRedirectUris", c.id AS "clientId",
    (SELECT id FROM clients WHERE skill_id = s.id AND kind = 'add_on_service') AS "serviceClientId", s.created_at AS "createdAt", s.updated_at AS "updatedAt",
    IIF(s.lwa_client_secret IS NULL, NULL,
      json_object('clientId', s.lwa_client_id, 'sealedClientSecret', s.lwa_client_secret)) AS lwa,
    IIF(s.event_client_secret IS NULL, NULL,
      json_object('clientId', s.event_client_id, 'sealedClientSecret', s.event_client_secret)) AS "eventGateway",
    json_set(s.relay, '$.sealedClientSecret', s.relay_client_secret) AS relay
  FROM skills s JOIN clients c ON c.skill_id = s.id AND c.kind = 'alexa'`;

/** Reads one skill, for a batch. */
export function skillStatement(id: string): Sql {
  return sql`${SELECT_SKILL} WHERE s.id = ${id}`;
}

/** A row that `skillStatement` read. Throws when a JSON column does not hold JSON. */
export function skillFromRow(row: Record<string, unknown>): Skill {
  return decodeRow<Skill>(row, { json: ["scopes", "returnUrls", "extraRedirectUris", "lwa", "eventGateway", "relay"] });
}

/** The skill, or undefined. One read. */
export async function readSkill(db: D1Database, id: string): Promise<Skill | undefined> {
  const row = await readFirst<Record<string, unknown>>(db, skillStatement(id));
  return row ? skillFromRow(row) : undefined;
}

/** Whether a skill of this id is registered. One read. */
export async function skillExists(db: D1Database, id: string): Promise<boolean> {
  return (await readFirst(db, sql`SELECT 1 FROM skills WHERE id = ${id}`)) !== null;
}

/** The names of the scopes of all skills, of both tiers, each once. One read. */
export async function readScopeNames(db: D1Database): Promise<string[]> {
  const row = await readFirst<{ names: string }>(
    db,
    sql`SELECT json_group_array(DISTINCT j.value ->> 'name') AS names FROM skills s, json_each(s.scopes) j`,
  );
  return JSON.parse(row?.names ?? "[]") as string[];
}

/** Skills by id, those after `after`; at most `limit`, by default all that a deployment may have. */
export async function listSkills(
  db: D1Database,
  page: { readonly after?: string | undefined; readonly limit?: number } = {},
): Promise<Skill[]> {
  const rows = await readAll<Record<string, unknown>>(
    db,
    sql`${SELECT_SKILL} WHERE s.id > ${page.after ?? ""} ORDER BY s.id LIMIT ${page.limit ?? 1000}`,
  );
  return rows.map(skillFromRow);
}

/** The skills among these ids that exist. */
export async function readSkills(db: D1Database, ids: readonly string[]): Promise<Skill[]> {
  const rows = await readAll<Record<string, unknown>>(
    db,
    sql`${SELECT_SKILL} WHERE s.id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
  );
  return rows.map(skillFromRow);
}

export const LWA = "lwa";
export const EVENT_GATEWAY = "event";
export const RELAY = "relay";

/** What a sealed client secret is bound to besides its purpose. */
export function secretSealContext(skillId: string, use: string): string {
  return `${skillId}/${use}`;
}

async function unseal(rt: Opener, skill: Skill, use: string, sealed: SealedLwaCredentials): Promise<LwaCredentials> {
  const context = secretSealContext(skill.id, use);
  const { plaintext } = await openStored(rt, "lwa-client-secret", context, sealed.sealedClientSecret);
  return { skillId: skill.id, clientId: sealed.clientId, clientSecret: plaintext };
}

/** What we call LWA with for app-to-app linking; undefined when the skill has none. Throws `UnreadableValue`. */
export async function lwaCredentials(rt: Opener, skill: Skill): Promise<LwaCredentials | undefined> {
  return skill.lwa ? unseal(rt, skill, LWA, skill.lwa) : undefined;
}

/** What we call LWA with for AcceptGrant: the pair of its own, else `lwa`. Throws `UnreadableValue`. */
export async function eventGatewayCredentials(rt: Opener, skill: Skill): Promise<LwaCredentials | undefined> {
  return skill.eventGateway ? unseal(rt, skill, EVENT_GATEWAY, skill.eventGateway) : lwaCredentials(rt, skill);
}

/** What we call the old server with; undefined: Alexa's own credentials serve. Throws `UnreadableValue`. */
export async function relayCredentials(rt: Opener, skill: Skill): Promise<LwaCredentials | undefined> {
  const { clientId = null, sealedClientSecret = null } = skill.relay ?? {};
  if (clientId === null || sealedClientSecret === null) return undefined;
  return unseal(rt, skill, RELAY, { clientId, sealedClientSecret });
}
