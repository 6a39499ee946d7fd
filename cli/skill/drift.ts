// Compares what account linking needs in a skill's manifest with what Amazon has.
import type { Drift } from "../../src/admin/linking-drift.ts";
import type { LinkingRequest, SkillView } from "../admin-api.ts";

type Json = Readonly<Record<string, unknown>>;

/** What the manifest must have for account linking. */
export interface EventNeeds {
  readonly uri: string;
  readonly subscriptions: readonly string[];
  readonly permissions: readonly string[];
}

/** Follows from the skill. Both permissions are given on the console's Permissions page, too. */
export function eventNeedsOf(skill: SkillView, { accountLinkingRequest }: LinkingRequest): EventNeeds {
  return {
    uri: `${new URL(accountLinkingRequest.authorizationUrl).origin}/alexa/events`,
    subscriptions: ["SKILL_ENABLED", "SKILL_DISABLED", "SKILL_ACCOUNT_LINKED"],
    permissions: [
      ...(skill.eventGateway ? ["alexa::async_event:write"] : []),
      ...(skill.type === "baby_activity" ? ["alexa::health:profile:write"] : []),
    ],
  };
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function namesOf(value: unknown, member: string): string[] {
  return Array.isArray(value) ? value.map((one) => String(objectOf(one)[member])) : [];
}

/** Compares a manifest with what account linking needs of it. More than that is no drift. */
export function eventDriftOf(needs: EventNeeds, manifest: Json): Drift[] {
  const events = objectOf(manifest.events);
  const addresses: [string, unknown][] = [
    ["events.endpoint.uri", objectOf(events.endpoint).uri],
    ...Object.entries(objectOf(events.regions)).map(([region, one]): [string, unknown] => [
      `events.regions.${region}.endpoint.uri`,
      objectOf(objectOf(one).endpoint).uri,
    ]),
  ];
  const lists = [
    ["events.subscriptions", needs.subscriptions, namesOf(events.subscriptions, "eventName")],
    ["permissions", needs.permissions, namesOf(manifest.permissions, "name")],
  ] as const;
  return [
    ...addresses.flatMap(([field, uri]) =>
      uri === needs.uri ? [] : [{ field, ours: needs.uri, amazon: uri ?? null }],
    ),
    ...lists.flatMap(([field, wanted, present]) =>
      wanted.every((one) => present.includes(one)) ? [] : [{ field, ours: [...wanted], amazon: present.sort() }],
    ),
  ];
}

/** Other events that the manifest sends to another address, and that a new address would redirect. */
export function othersEvents(needs: EventNeeds, manifest: Json): { uri: string; names: string[] } | undefined {
  const events = objectOf(manifest.events);
  const { uri } = objectOf(events.endpoint);
  const names = namesOf(events.subscriptions, "eventName").filter((name) => !needs.subscriptions.includes(name));
  return typeof uri === "string" && uri !== needs.uri && names.length > 0 ? { uri, names } : undefined;
}

/** The manifest with what account linking needs. Everything else stays as it is. */
export function withEvents(needs: EventNeeds, manifest: Json): Json {
  const events = objectOf(manifest.events);
  const endpointOf = (present: unknown) => {
    const { sslCertificateType } = objectOf(present);
    return { ...objectOf(present), uri: needs.uri, sslCertificateType: sslCertificateType ?? "Trusted" };
  };
  const added = (value: unknown, member: string, wanted: readonly string[]) => {
    const present = Array.isArray(value) ? value : [];
    const missing = wanted.filter((name) => !namesOf(present, member).includes(name));
    return [...present, ...missing.map((name) => ({ [member]: name }))];
  };
  const regions = Object.entries(objectOf(events.regions)).map(([region, one]) => [
    region,
    { ...objectOf(one), endpoint: endpointOf(objectOf(one).endpoint) },
  ]);
  return {
    ...manifest,
    events: {
      ...events,
      endpoint: endpointOf(events.endpoint),
      subscriptions: added(events.subscriptions, "eventName", needs.subscriptions),
      ...(regions.length > 0 ? { regions: Object.fromEntries(regions) } : {}),
    },
    ...(needs.permissions.length > 0 ? { permissions: added(manifest.permissions, "name", needs.permissions) } : {}),
  };
}
