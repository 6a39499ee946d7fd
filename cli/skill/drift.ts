// Compares what this server wants Amazon to have with what Amazon has.
import type { LinkingRequest, SkillView } from "../admin-api.ts";

type Json = Readonly<Record<string, unknown>>;
type Wanted = LinkingRequest["accountLinkingRequest"];

/** One field that differs. `null`: absent. */
export interface Drift {
  readonly field: string;
  readonly ours: unknown;
  readonly amazon: unknown;
}

export interface Comparison {
  readonly drift: readonly Drift[];
  /** Fields of ours that Amazon does not show, so that they cannot be compared. */
  readonly notShown: readonly string[];
}

/** What Amazon's published types lack in the response. If Amazon shows one all the same, it is compared. */
export const NOT_IN_RESPONSE = ["clientSecret", "reciprocalAccessTokenUrl", "skipOnEnablement", "pkceConfiguration"];

/** Alexa's own redirect URIs, which Amazon may list among ours. */
const ALEXAS_OWN = /^https:\/\/[a-z.-]+\.amazon\.(com|co\.jp)\/api\/skill\/link\/[A-Za-z0-9]+$/;

const asIs = (value: unknown) => value ?? null;
const number = (value: unknown) =>
  typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : (value ?? null);
/** Amazon's pages show both `true` and `"true"`. */
const flag = (value: unknown) => (value === "true" ? true : value === "false" ? false : (value ?? false));
const text = (absent: string) => (value: unknown) => value ?? absent;

function list(value: unknown): unknown {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return value;
  return [...new Set(value.map((one) => (typeof one === "string" ? one : JSON.stringify(one))))].sort();
}

function ownRedirectUrls(value: unknown): unknown {
  const urls = list(value);
  return Array.isArray(urls) ? urls.filter((url) => !ALEXAS_OWN.test(String(url))) : urls;
}

function platforms(value: unknown): unknown {
  if (!Array.isArray(value)) return list(value);
  return list(value.map((one) => `${one?.platformType} ${one?.platformAuthorizationUrl}`));
}

/** PKCE is off unless the configuration says otherwise, and `S256` is its only method. */
function pkce(value: unknown): unknown {
  const { status = "DISABLED", codeChallengeMethod = "S256" } = (value ?? {}) as Json;
  return codeChallengeMethod === "S256" ? status : `${status} ${codeChallengeMethod}`;
}

/** How each field is compared: the form in which equal values are equal. */
const FIELDS: Readonly<Record<string, (value: unknown) => unknown>> = {
  type: asIs,
  authorizationUrl: asIs,
  authorizationUrlsByPlatform: platforms,
  accessTokenUrl: asIs,
  accessTokenScheme: asIs,
  clientId: asIs,
  scopes: list,
  domains: list,
  defaultTokenExpirationInSeconds: number,
  redirectUrls: ownRedirectUrls,
  reciprocalAccessTokenUrl: asIs,
  skipOnEnablement: flag,
  voiceForwardAccountLinking: text("DISABLED"),
  pkceConfiguration: pkce,
};

/**
 * Compares an account linking configuration: `ours` is the body for SMAPI, `amazons` its `accountLinkingResponse`, or
 * undefined if the skill has none. The order of lists does not count.
 */
export function driftOf(ours: Wanted, amazons: Json | undefined): Comparison {
  if (!amazons) return { drift: [{ field: "accountLinking", ours: "configured", amazon: null }], notShown: [] };
  const isShown = (field: string) => amazons[field] != null || !NOT_IN_RESPONSE.includes(field);
  const drift = Object.entries(FIELDS).flatMap(([field, formOf]): Drift[] => {
    const [wanted, present] = [formOf((ours as unknown as Json)[field]), formOf(amazons[field])];
    if (!isShown(field) || JSON.stringify(wanted) === JSON.stringify(present)) return [];
    return [{ field, ours: wanted, amazon: present }];
  });
  return { drift, notShown: NOT_IN_RESPONSE.filter((field) => field === "clientSecret" || !isShown(field)) };
}

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
