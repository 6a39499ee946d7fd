// What the JSON API answers, as schemas: for the document, and for the tests that hold real answers against it.
import * as z from "zod/mini";
import { IMPORT_REFUSALS } from "../admin/imports-api.ts";
import { OUTCOMES } from "../storage/attempts/list.ts";
import { SKILL_TYPES } from "../storage/skills/skills.ts";

const time = z.iso.datetime();
const stage = z.enum(["development", "live"]);
const strings = z.array(z.string());
const pair = z.nullable(z.strictObject({ clientId: z.string() }));

export const problemAnswer = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.optional(z.string()),
  errors: z.optional(z.array(z.strictObject({ field: z.string(), message: z.string() }))),
});

export const oauthErrorAnswer = z.strictObject({ error: z.string(), error_description: z.optional(z.string()) });

export const tokenAnswer = z.strictObject({
  access_token: z.string(),
  token_type: z.literal("Bearer"),
  expires_in: z.int(),
  refresh_token: z.optional(z.string()),
  scope: z.optional(z.string()),
});

export const introspectionAnswer = z.looseObject({
  active: z.boolean(),
  token_type: z.optional(z.string()),
  client_id: z.optional(z.string()),
  sub: z.optional(z.string()),
  scope: z.optional(z.string()),
  grant: z.optional(z.string()),
  iss: z.optional(z.string()),
  iat: z.optional(z.int()),
  exp: z.optional(z.int()),
});

export const userinfoAnswer = z.strictObject({
  sub: z.string(),
  name: z.optional(z.string()),
  email: z.optional(z.string()),
});

export const authorizationAnswer = z.union([
  z.strictObject({
    skillName: z.string(),
    scopes: z.array(z.strictObject({ name: z.string(), description: z.string() })),
    account: z.string(),
    ticket: z.string(),
  }),
  z.strictObject({ redirectTo: z.string() }),
]);

export const gatewayTokenAnswer = z.strictObject({ accessToken: z.string(), expiresAt: time, endpoint: z.string() });

const linkState = {
  link: z.enum(["linked", "not_linked", "ended"]),
  userId: z.optional(z.string()),
  grantId: z.optional(z.string()),
  scopes: z.optional(strings),
};
const profileValue = z.strictObject({
  status: z.enum(["known", "empty", "not_permitted", "unavailable"]),
  value: z.optional(z.string()),
});

export const personalizationAnswer = z.strictObject({
  skillId: z.string(),
  account: z.strictObject({ alexaUserId: z.nullable(z.string()), ...linkState }),
  person: z.nullable(z.strictObject({ personId: z.string(), ...linkState })),
  speaker: z.nullable(z.strictObject({ as: z.enum(["person", "account"]), userId: z.string(), grantId: z.string() })),
  profile: z.optional(z.strictObject({ name: z.optional(profileValue), givenName: z.optional(profileValue) })),
});

export const skillAnswer = z.strictObject({
  id: z.string(),
  stage,
  name: z.string(),
  type: z.enum(SKILL_TYPES),
  vendorId: z.nullable(z.string()),
  extraRedirectUris: strings,
  scopes: z.array(
    z.union([z.string(), z.strictObject({ name: z.string(), descriptions: z.record(z.string(), z.string()) })]),
  ),
  returnUrls: strings,
  lwa: pair,
  eventGateway: pair,
  client: z.strictObject({
    id: z.string(),
    stages: z.optional(z.array(stage)),
    secret: z.optional(z.string()),
    requirePkce: z.boolean(),
    rotateRefreshTokens: z.boolean(),
    issuerInResponse: z.boolean(),
    authMethods: strings,
    redirectUris: strings,
    previousSecretExpiresAt: z.optional(time),
  }),
  previousSecretExpiresAt: z.optional(time),
  createdAt: time,
  updatedAt: time,
});

export const linkingRequestAnswer = z.strictObject({ accountLinkingRequest: z.record(z.string(), z.unknown()) });

export const clientAnswer = z.strictObject({
  id: z.string(),
  kind: z.enum(["app", "service"]),
  name: z.string(),
  redirectUris: strings,
  scopes: strings,
  skillIds: strings,
  secret: z.optional(z.string()),
  previousSecretExpiresAt: z.optional(time),
  createdAt: time,
});

export const userAnswer = z.strictObject({
  id: z.string(),
  email: z.nullable(z.string()),
  name: z.nullable(z.string()),
  createdAt: time,
});

export const userLinkAnswer = z.strictObject({
  id: z.string(),
  flow: z.string(),
  skillId: z.nullable(z.string()),
  stage: z.nullable(stage),
  name: z.string(),
  level: z.nullable(z.enum(["person", "account"])),
  createdAt: time,
  lastUsedAt: time,
});

export const linkingAnswer = z.strictObject({
  id: z.string(),
  traceId: z.string(),
  flow: z.string(),
  platform: z.nullable(z.string()),
  skillId: z.nullable(z.string()),
  stage: z.nullable(stage),
  clientId: z.nullable(z.string()),
  userId: z.nullable(z.string()),
  outcome: z.enum(OUTCOMES),
  reason: z.nullable(z.string()),
  remedy: z.optional(z.string()),
  steps: z.array(z.strictObject({ name: z.string(), at: time })),
  createdAt: time,
});

export const refusalAnswer = z.strictObject({
  clientId: z.string(),
  reason: z.string(),
  redirectUri: z.string(),
  count: z.int(),
  lastSeenAt: time,
});

export const auditAnswer = z.strictObject({
  at: time,
  kind: z.string(),
  alert: z.boolean(),
  userId: z.nullable(z.string()),
  clientId: z.nullable(z.string()),
  grantId: z.nullable(z.string()),
  attemptId: z.nullable(z.string()),
  traceId: z.nullable(z.string()),
  details: z.nullable(z.string()),
});

const activation = z.strictObject({
  initiations: z.int(),
  completions: z.int(),
  completionRate: z.nullable(z.number()),
});
const activationFields = {
  counts: z.record(z.string(), z.int()),
  alexaApp: activation,
  appToApp: activation,
  total: activation,
};

export const metricsAnswer = z.strictObject({
  from: time,
  to: time,
  period: z.enum(["hour", "day"]),
  totals: z.strictObject(activationFields),
  items: z.array(z.strictObject({ from: time, to: time, skillId: z.nullable(z.string()), ...activationFields })),
  truncated: z.optional(z.literal(true)),
});

export const keyAnswer = z.strictObject({
  kid: z.string(),
  status: z.enum(["next", "current", "retired"]),
  createdAt: time,
  signsFrom: time,
  verifiesUntil: z.nullable(time),
});

export const rotationAnswer = z.strictObject({
  result: z.enum(["rotated", "pending", "dropped"]),
  items: z.array(keyAnswer),
});

export const maintenanceAnswer = z.strictObject({
  swept: z.record(z.string(), z.int()),
  finishedUnlinks: z.int(),
  deliveredWebhooks: z.int(),
  resealed: z.int(),
  keyRotated: z.boolean(),
  more: z.boolean(),
  failed: strings,
});

export const erasureAnswer = z.strictObject({
  removed: z.strictObject({
    identities: z.int(),
    knownBrowsers: z.int(),
    links: z.int(),
    codes: z.int(),
    amazonTokens: z.int(),
  }),
  blinded: z.strictObject({ attempts: z.int(), auditRecords: z.int(), skillEvents: z.int() }),
  pendingAtAmazon: z.int(),
});

export const importsAnswer = z.strictObject({
  imported: z.int(),
  refused: z.int(),
  items: z.array(
    z.union([
      z.strictObject({ status: z.enum(["imported", "exists", "ended"]), grantId: z.string() }),
      z.strictObject({
        status: z.literal("refused"),
        code: z.enum(Object.keys(IMPORT_REFUSALS) as [keyof typeof IMPORT_REFUSALS]),
        detail: z.string(),
      }),
    ]),
  ),
});

export const healthAnswer = z.strictObject({ status: z.literal("ok") });
