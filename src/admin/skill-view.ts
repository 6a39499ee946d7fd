// What the admin API returns about a skill: itself, with the clients that Alexa uses for it, and documents about it.
import { readClients } from "../storage/clients/client-admin.ts";
import type { Client } from "../storage/clients/clients.ts";
import { type Skill, scopesOf } from "../storage/skills/skills.ts";
import { linkingOf } from "./account-linking-request.ts";
import { rfc3339 } from "./paging.ts";
import { relayView } from "./relay-settings.ts";

/** A skill with the clients that Alexa uses for it. */
export interface SkillWithClients {
  readonly skill: Skill;
  readonly client: Client;
  /** An add-on's second client. */
  readonly serviceClient: Client | undefined;
}

/** Secrets of clients, for the response that created them. */
export interface NewSecrets {
  readonly secret?: string | undefined;
  readonly serviceSecret?: string | undefined;
}

/** Adds the clients to these skills. One read. */
export async function withClients(db: D1Database, skills: readonly Skill[]): Promise<SkillWithClients[]> {
  const ids = skills.flatMap(({ clientId, serviceClientId }) => [clientId, serviceClientId ?? clientId]);
  const clients = new Map((await readClients(db, ids)).map((client) => [client.id, client]));
  return skills.flatMap((skill) => {
    const client = clients.get(skill.clientId);
    return client ? [{ skill, client, serviceClient: clients.get(skill.serviceClientId ?? "") }] : [];
  });
}

/** For an add-on with their tiers. For other types, which have one tier, as plain as possible. */
function scopesView({ type, scopes }: Skill): unknown[] {
  return scopes.map(({ name, tier, descriptions }) => {
    if (type === "add_on") return { name, tier, descriptions };
    return Object.keys(descriptions).length === 0 ? name : { name, descriptions };
  });
}

function secretsView({ previousSecretExpiresAt }: Client, secret: string | undefined): object {
  return {
    ...(secret === undefined ? {} : { secret }),
    ...(previousSecretExpiresAt === null ? {} : { previousSecretExpiresAt: rfc3339(previousSecretExpiresAt) }),
  };
}

/** A skill as the API returns it. It never has Amazon's secrets, and ours only in the response that created them. */
export function skillView({ skill, client, serviceClient }: SkillWithClients, secrets: NewSecrets = {}): object {
  return {
    id: skill.id,
    stage: skill.stage,
    name: skill.name,
    type: skill.type,
    linking: linkingOf(skill),
    vendorId: skill.vendorId,
    extraRedirectUris: skill.extraRedirectUris,
    resource: skill.resource,
    scopes: scopesView(skill),
    returnUrls: skill.returnUrls,
    lwa: skill.lwa && { clientId: skill.lwa.clientId },
    eventGateway: skill.eventGateway && { clientId: skill.eventGateway.clientId },
    relay: relayView(skill),
    client: {
      id: client.id,
      requirePkce: client.requirePkce,
      redirectUris: client.redirectUris,
      ...secretsView(client, secrets.secret),
    },
    serviceClient: serviceClient
      ? { id: serviceClient.id, ...secretsView(serviceClient, secrets.serviceSecret) }
      : null,
    createdAt: rfc3339(skill.createdAt),
    updatedAt: rfc3339(skill.updatedAt),
  };
}

/** The protected resource metadata (RFC 9728) that an add-on's MCP server publishes; undefined for other skills. */
export function protectedResource(issuer: string, skill: Skill): object | undefined {
  if (skill.resource === null) return undefined;
  return {
    resource: skill.resource,
    authorization_servers: [issuer],
    scopes_supported: scopesOf(skill, "user").map(({ name }) => name),
    bearer_methods_supported: ["header"],
  };
}
