// Compares the account linking configuration that this server wants Amazon to have with what Amazon has. The command
// `skill diff` uses it too, so it imports nothing.

type Json = Readonly<Record<string, unknown>>;

/** One field that differs. `null`: absent. */
export interface Drift {
  readonly field: string;
  readonly ours: unknown;
  readonly amazon: unknown;
}

export interface Comparison {
  readonly drift: readonly Drift[];
  /** Fields of ours that Amazon does not return, so that they cannot be compared. */
  readonly notShown: readonly string[];
}

/** Fields that Amazon's published response type does not have. If Amazon returns one anyway, it is compared. */
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

/** How each field is compared: its normal form, in which equivalent values are equal. */
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
 * Compares an account linking configuration: `ours` is the `accountLinkingRequest` for SMAPI, `amazons` its
 * `accountLinkingResponse`, or undefined if the skill has none. The order of lists does not count.
 */
export function driftOf(ours: Json, amazons: Json | undefined): Comparison {
  if (!amazons) return { drift: [{ field: "accountLinking", ours: "configured", amazon: null }], notShown: [] };
  const isShown = (field: string) => amazons[field] != null || !NOT_IN_RESPONSE.includes(field);
  const drift = Object.entries(FIELDS).flatMap(([field, formOf]): Drift[] => {
    const [wanted, present] = [formOf(ours[field]), formOf(amazons[field])];
    if (!isShown(field) || JSON.stringify(wanted) === JSON.stringify(present)) return [];
    return [{ field, ours: wanted, amazon: present }];
  });
  return { drift, notShown: NOT_IN_RESPONSE.filter((field) => field === "clientSecret" || !isShown(field)) };
}

/** Formats a value of a comparison. */
export function shownValue(value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return "(none)";
  if (Array.isArray(value)) return value.map((one) => String(one)).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * The configuration to write: ours with the secret. The voice setting has no default in Amazon's documents, so a value
 * that is on is switched off by name.
 */
export function linkingToWrite(ours: Json, clientSecret: string, amazons: Json | undefined): Json {
  const voice = amazons?.voiceForwardAccountLinking === "ENABLED" && { voiceForwardAccountLinking: "DISABLED" };
  return { ...voice, ...ours, clientSecret };
}
