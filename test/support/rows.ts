// Rows that tests write straight to D1: one type per table, columns in camelCase, defaults for NOT NULL columns.
import { env } from "cloudflare:workers";
import { ALEXA_CLIENT, ALEXA_REDIRECT_URIS, SKILL_ID, START, USER_ID } from "./constants.ts";

type Text = string | null;
type Time = number | null;

export interface Tables {
  skills: {
    id: string;
    stage: "development" | "live";
    type: string;
    name: string;
    linking?: "required" | "optional" | null;
    vendorId?: Text;
    resource?: Text;
    scopes: readonly {
      readonly name: string;
      readonly tier: "service" | "user";
      readonly descriptions: Readonly<Record<string, string>>;
    }[];
    returnUrls: readonly string[];
    extraRedirectUris: readonly string[];
    lwaClientId?: Text;
    lwaClientSecret?: Text;
    eventClientId?: Text;
    eventClientSecret?: Text;
    relay?: object | null;
    relayClientSecret?: Text;
    createdAt: number;
    updatedAt: number;
  };
  clients: {
    id: string;
    kind: "alexa" | "add_on_service" | "app" | "service";
    name: string;
    secretHash?: Text;
    previousSecretHash?: Text;
    previousSecretExpiresAt?: Time;
    redirectUris: readonly string[];
    scopes: readonly string[];
    skillId?: Text;
    skillIds: readonly string[];
    resources: readonly string[];
    requirePkce: boolean;
    createdAt: number;
    updatedAt: number;
  };
  users: { id: string; email?: Text; name?: Text; sessionEpoch?: number; createdAt: number; updatedAt: number };
  identities: {
    method: string;
    issuer: string;
    subject: string;
    userId: string;
    passwordHash?: Text;
    createdAt: number;
    lastUsedAt?: Time;
  };
  sessions: { id: string; userId: string; browserHash: string; createdAt: number; endedAt?: Time };
  throttles: { key: string; failures: number; updatedAt: number };
  attempts: {
    id: string;
    flow: "alexa_app" | "app_to_app" | "website" | "app_authorize" | "oauth";
    platform?: Text;
    skillId?: Text;
    clientId?: Text;
    userId?: Text;
    outcome: "pending" | "linked" | "cancelled" | "failed" | "abandoned";
    reason?: Text;
    steps: readonly { readonly name: string; readonly at: number }[];
    decision?: "allow" | "deny" | null;
    decidedAt?: Time;
    grantId?: Text;
    locale?: Text;
    redeemedAt?: Time;
    acceptGrant?: "accepted" | "refused" | null;
    amazonTokens?: Text;
    createdAt: number;
    expiresAt: number;
    finishedAt?: Time;
  };
  initiations: {
    hourAt: number;
    key: string;
    at: number;
    flow: "alexa_app" | "app_to_app" | "website" | "app_authorize";
    skillId?: Text;
    browserHash?: Text;
    userId?: Text;
  };
  codes: {
    codeHash: string;
    attemptId: string;
    grantId: string;
    origin: "authorize" | "app" | "enablement";
    clientId: string;
    userId: string;
    redirectUri: string;
    scope: string;
    codeChallenge?: Text;
    resource?: Text;
    createdAt: number;
    expiresAt: number;
  };
  grants: {
    id: string;
    userId: string;
    clientId: string;
    skillId?: Text;
    scope: string;
    flow: string;
    attemptId?: Text;
    refreshHash?: Text;
    createdAt: number;
    lastUsedAt: number;
    idleExpiresAt: number;
    expiresAt?: Time;
    revokedAt?: Time;
    revokedReason?: Text;
    alexaUserId?: Text;
    importedAt?: Time;
  };
  pendingUnlinks: {
    id: string;
    grantId?: Text;
    userId?: Text;
    skillId: string;
    host: string;
    tokens: string;
    sealedFor: string;
    nextAttemptAt: number;
    createdAt: number;
  };
  refusals: {
    endpoint: string;
    clientId: string;
    reason: string;
    detail: string;
    count: number;
    lastSeenAt: number;
    recent: object;
  };
  shownErrors: { id: string; at: number; status: number; path: string; reason: string; clientId?: Text };
  oauthMetrics: { hourAt: number; skillId: string; name: string; count: number };
  alerts: {
    raisedAt: number;
    name: string;
    subject: string;
    clearedAt?: Time;
    skillId?: Text;
    clientId?: Text;
    message: string;
    numbers: object;
  };
  skillEvents: { requestId: string; type?: Text; skillId?: Text; alexaUserId?: Text; receivedAt: number };
  signInAttempts: { stateHash: string; browserHash: string; slot: number; expiresAt: number };
  webhookOutbox: { id: string; type: string; data: object; occurredAt: number };
}

const HOUR_MS = 3_600_000;
const CREATED = { createdAt: START };
const SAVED = { createdAt: START, updatedAt: START };

const DEFAULTS: Tables = {
  skills: {
    id: SKILL_ID,
    stage: "development",
    type: "smart_home",
    name: "Acme Home",
    scopes: [],
    returnUrls: [],
    extraRedirectUris: [],
    ...SAVED,
  },
  clients: {
    id: ALEXA_CLIENT,
    kind: "alexa",
    name: "Acme Home",
    redirectUris: [],
    scopes: [],
    skillIds: [],
    resources: [],
    requirePkce: false,
    ...SAVED,
  },
  users: { id: USER_ID, ...SAVED },
  identities: { method: "password", issuer: "", subject: "ada@example.com", userId: USER_ID, ...CREATED },
  sessions: { id: "session", userId: USER_ID, browserHash: "browser", ...CREATED },
  throttles: { key: "key", failures: 1, updatedAt: START },
  attempts: {
    id: "attempt",
    flow: "alexa_app",
    outcome: "pending",
    steps: [],
    ...CREATED,
    expiresAt: START + HOUR_MS,
  },
  initiations: { hourAt: START - (START % HOUR_MS), key: "key", at: START, flow: "alexa_app" },
  codes: {
    codeHash: "hash",
    attemptId: "attempt",
    grantId: "grant",
    origin: "authorize",
    clientId: ALEXA_CLIENT,
    userId: USER_ID,
    redirectUri: ALEXA_REDIRECT_URIS[0] ?? "",
    scope: "profile",
    ...CREATED,
    expiresAt: START + 300_000,
  },
  grants: {
    id: "grant",
    userId: USER_ID,
    clientId: ALEXA_CLIENT,
    scope: "profile",
    flow: "alexa_app",
    ...CREATED,
    lastUsedAt: START,
    idleExpiresAt: START + 400 * 24 * HOUR_MS,
  },
  pendingUnlinks: {
    id: "unlink",
    skillId: SKILL_ID,
    host: "https://api.amazonalexa.com",
    tokens: "sealed",
    sealedFor: "",
    nextAttemptAt: START,
    ...CREATED,
  },
  refusals: {
    endpoint: "authorize",
    clientId: "client",
    reason: "client_unknown",
    detail: "",
    count: 1,
    lastSeenAt: START,
    recent: [],
  },
  shownErrors: { id: "error", at: START, status: 500, path: "/authorize", reason: "TypeError" },
  oauthMetrics: { hourAt: START - (START % HOUR_MS), skillId: "", name: "token_refresh_success_50", count: 1 },
  alerts: {
    raisedAt: START,
    name: "refresh_failures_rose",
    subject: SKILL_ID,
    skillId: SKILL_ID,
    message: "12 of 40 refreshes failed.",
    numbers: { bad: 12, all: 40, reasons: { invalid_grant: 12 } },
  },
  skillEvents: { requestId: "request", receivedAt: START },
  signInAttempts: { stateHash: "hash", browserHash: "browser", slot: 0, expiresAt: START + HOUR_MS },
  webhookOutbox: { id: "message", type: "link.created", data: {}, occurredAt: START },
};

const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function bound(value: unknown): unknown {
  if (typeof value === "boolean") return Number(value);
  return value !== null && typeof value === "object" ? JSON.stringify(value) : value;
}

/** The statement that inserts a row: `insert("users", { id, email })`. */
export function insert<Table extends keyof Tables>(
  table: Table,
  row: Partial<Tables[Table]> = {},
): D1PreparedStatement {
  const given = Object.entries(row).filter(([, value]) => value !== undefined);
  const columns = Object.entries({ ...DEFAULTS[table], ...Object.fromEntries(given) });
  const names = columns.map(([name]) => snakeCase(name)).join(", ");
  const marks = columns.map(() => "?").join(", ");
  return env.DB.prepare(`INSERT INTO ${snakeCase(table)} (${names}) VALUES (${marks})`).bind(
    ...columns.map(([, value]) => bound(value)),
  );
}
