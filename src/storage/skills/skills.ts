// Skills as Alexa knows them: one row per skill id and stage, with the sealed credentials we present to Amazon.
import * as z from "zod/mini";
import type { Keyring } from "../../crypto/keyring.ts";
import type { Stage } from "../attempts/attempts.ts";
import { readAll, readFirst } from "../d1.ts";

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

export interface SkillScope {
  readonly name: string;
  /** What the scope allows, for customers, by language tag. */
  readonly descriptions: Readonly<Record<string, string>>;
}

/** What we present to Login with Amazon. Not to be confused with `Client`, which is who calls us. */
export interface LwaCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface SealedLwaCredentials {
  readonly clientId: string;
  readonly sealedClientSecret: string;
}

export interface Skill {
  readonly id: string;
  readonly stage: Stage;
  readonly type: SkillType;
  readonly name: string;
  readonly vendorId: string | null;
  readonly scopes: readonly SkillScope[];
  readonly returnUrls: readonly string[];
  readonly extraRedirectUris: readonly string[];
  /** All that this stage needs: Amazon's, those given by hand, and the extra ones. */
  readonly redirectUris: readonly string[];
  /** For app-to-app linking; null: this skill cannot be linked from our side. */
  readonly lwa: SealedLwaCredentials | null;
  /** For AcceptGrant; null: `lwa` serves for both. */
  readonly eventGateway: SealedLwaCredentials | null;
  /** Id of the OAuth client with which Alexa calls us for this skill; both stages may have the same. */
  readonly clientId: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

interface SkillRow {
  readonly id: string;
  readonly stage: Stage;
  readonly type: SkillType;
  readonly name: string;
  readonly vendor_id: string | null;
  readonly scopes: string;
  readonly return_urls: string;
  readonly extra_redirect_uris: string;
  readonly redirect_uris: string;
  readonly lwa_client_id: string | null;
  readonly lwa_client_secret: string | null;
  readonly event_client_id: string | null;
  readonly event_client_secret: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly client_id: string;
}

const strings = z.array(z.string());
const scopeList = z.array(z.object({ name: z.string(), descriptions: z.record(z.string(), z.string()) }));

const SELECT_SKILL = `SELECT s.* FROM skills s
  JOIN clients c ON c.id = s.client_id`;

function credentials(id: string | null, secret: string | null): SealedLwaCredentials | null {
  return id === null || secret === null ? null : { clientId: id, sealedClientSecret: secret };
}

/** The skill of a row that `skillStatement` read. */
export function skillFromRow(row: Record<string, unknown>): Skill {
  const r = row as unknown as SkillRow;
  return {
    id: r.id,
    stage: r.stage,
    type: r.type,
    name: r.name,
    vendorId: r.vendor_id,
    scopes: scopeList.parse(JSON.parse(r.scopes)),
    returnUrls: strings.parse(JSON.parse(r.return_urls)),
    extraRedirectUris: strings.parse(JSON.parse(r.extra_redirect_uris)),
    redirectUris: strings.parse(JSON.parse(r.redirect_uris)),
    lwa: credentials(r.lwa_client_id, r.lwa_client_secret),
    eventGateway: credentials(r.event_client_id, r.event_client_secret),
    clientId: r.client_id,
    createdAt: r.created_at,
    updatedAt: r.updated_at,
  };
}

/** Reads one skill, as a statement for a batch. Without a stage: the only one, or `live` when both exist. */
export function skillStatement(db: D1Database, id: string, stage?: Stage): D1PreparedStatement {
  // 'live' sorts after 'development'.
  return stage === undefined
    ? db.prepare(`${SELECT_SKILL} WHERE s.id = ? ORDER BY s.stage DESC LIMIT 1`).bind(id)
    : db.prepare(`${SELECT_SKILL} WHERE s.id = ? AND s.stage = ?`).bind(id, stage);
}

/** The skill, or undefined. One read. Stage as in `skillStatement`. */
export async function readSkill(db: D1Database, id: string, stage?: Stage): Promise<Skill | undefined> {
  const row = await readFirst<Record<string, unknown>>(skillStatement(db, id, stage));
  return row ? skillFromRow(row) : undefined;
}

/** Skills in the order of id and stage, from behind `after` on; at most `limit` (all that a deployment has, by default). */
export async function listSkills(
  db: D1Database,
  page: { readonly after?: { readonly id: string; readonly stage: string }; readonly limit?: number } = {},
): Promise<Skill[]> {
  const rows = await readAll<Record<string, unknown>>(
    db
      .prepare(`${SELECT_SKILL} WHERE (s.id, s.stage) > (?, ?) ORDER BY s.id, s.stage LIMIT ?`)
      .bind(page.after?.id ?? "", page.after?.stage ?? "", page.limit ?? 1000),
  );
  return rows.map(skillFromRow);
}

export const LWA = "lwa";
export const EVENT_GATEWAY = "event";

/** What a sealed client secret is bound to besides its purpose. */
export function secretSealContext(skill: { readonly id: string; readonly stage: Stage }, use: string): string {
  return `${skill.id}/${skill.stage}/${use}`;
}

/** Raised when a sealed secret does not open: its master key is gone. */
export class UnreadableSecret extends Error {
  override readonly name = "UnreadableSecret";
}

async function unseal(
  rt: { readonly keyring: Keyring },
  skill: Skill,
  use: string,
  sealed: SealedLwaCredentials,
): Promise<LwaCredentials> {
  const opened = await rt.keyring.open("lwa-client-secret", secretSealContext(skill, use), sealed.sealedClientSecret);
  if (!opened) throw new UnreadableSecret(`The LWA client secret of ${skill.id} (${skill.stage}) does not open`);
  return { clientId: sealed.clientId, clientSecret: opened.plaintext };
}

/** What we call LWA with for app-to-app linking; undefined when the skill has none. Throws `UnreadableSecret`. */
export async function lwaCredentials(
  rt: { readonly keyring: Keyring },
  skill: Skill,
): Promise<LwaCredentials | undefined> {
  return skill.lwa ? unseal(rt, skill, LWA, skill.lwa) : undefined;
}

/** What we call LWA with for AcceptGrant: the pair of its own, else `lwa`. Throws `UnreadableSecret`. */
export async function eventGatewayCredentials(
  rt: { readonly keyring: Keyring },
  skill: Skill,
): Promise<LwaCredentials | undefined> {
  return skill.eventGateway ? unseal(rt, skill, EVENT_GATEWAY, skill.eventGateway) : lwaCredentials(rt, skill);
}
