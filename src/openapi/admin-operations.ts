// The operations of those who run the server.
import * as z from "zod/mini";
import {
  clientChangesSchema,
  newClientSchema,
  newSkillSchema,
  rotateSecretSchema,
  skillChangesSchema,
} from "../operations/admin-schemas.ts";
import { importsSchema } from "../operations/imports-api.ts";
import { auditQuery, linkingsQuery, metricsQuery } from "../operations/insight-api.ts";
import { pageQuery } from "../operations/paging.ts";
import { restoredSchema, rotateKeysSchema } from "../operations/upkeep-api.ts";
import { findQuery, newUserSchema, userChangesSchema } from "../operations/users-api.ts";
import {
  erasureAnswer,
  importsAnswer,
  linkingRequestAnswer,
  maintenanceAnswer,
  metricsAnswer,
  restoredAnswer,
  rotationAnswer,
} from "./answers.ts";
import type { Operation } from "./describe.ts";

const SKILLS = "Operators: skills";
const CLIENTS = "Operators: clients";
const USERS = "Operators: accounts";
const INSIGHT = "Operators: what happened";
const UPKEEP = "Operators: upkeep";

export const newSkill = newSkillSchema(false);
export const skillChanges = skillChangesSchema(false);
export const newClient = newClientSchema(false);
const clientChanges = clientChangesSchema(false);

const pages = z.object(pageQuery);
const at = "2026-10-01T12:00:00.000Z";

const skillPath = { id: "The skill's id, `amzn1.ask.skill.…`.", stage: "`development` or `live`." };
const clientPath = { id: "The client's id." };
const userPath = { id: "The account's id: the `sub` of its tokens." };

const newSkillExample = {
  id: "amzn1.ask.skill.0000-demo",
  stage: "development",
  name: "Acme Home",
  type: "smart_home",
  vendorId: "M2EXAMPLEVENDOR",
  scopes: ["profile", { name: "devices:control", descriptions: { en: "Control your devices" } }],
  returnUrls: ["https://app.example.com/alexa/done"],
  lwa: { clientId: "amzn1.application-oa2-client.example", clientSecret: "example-secret" },
  client: { id: "alexa-acme-home" },
};
const skillExample = {
  id: "amzn1.ask.skill.0000-demo",
  stage: "development",
  name: "Acme Home",
  type: "smart_home",
  vendorId: "M2EXAMPLEVENDOR",
  extraRedirectUris: [],
  scopes: ["profile", { name: "devices:control", descriptions: { en: "Control your devices" } }],
  returnUrls: ["https://app.example.com/alexa/done"],
  lwa: { clientId: "amzn1.application-oa2-client.example" },
  eventGateway: null,
  client: {
    id: "alexa-acme-home",
    requirePkce: false,
    rotateRefreshTokens: false,
    issuerInResponse: false,
    authMethods: ["client_secret_basic", "client_secret_post"],
    redirectUris: [
      "https://pitangui.amazon.com/api/skill/link/M2EXAMPLEVENDOR",
      "https://layla.amazon.com/api/skill/link/M2EXAMPLEVENDOR",
      "https://alexa.amazon.co.jp/api/skill/link/M2EXAMPLEVENDOR",
    ],
  },
  createdAt: at,
  updatedAt: at,
};
const withSecret = { ...skillExample, client: { ...skillExample.client, secret: "example-client-secret" } };

const clientExample = {
  id: "acme-backend",
  kind: "service",
  name: "Acme Home backend",
  redirectUris: [],
  scopes: [],
  skillIds: ["amzn1.ask.skill.0000-demo"],
  createdAt: at,
};
const userExample = { id: "01exampleuseraaaaaaaaaaaaa", email: "ada@example.com", name: "Ada Example", createdAt: at };
const keyExample = { kid: "example", status: "current", createdAt: at, signsFrom: at, verifiesUntil: null };
const userLinkExample = {
  id: "01examplegrantaaaaaaaaaaaa",
  flow: "alexa_app",
  skillId: "amzn1.ask.skill.0000-demo",
  stage: "live",
  name: "Acme Home",
  level: "account",
  createdAt: at,
  lastUsedAt: at,
};
const linkingExample = {
  id: "01examplelinkingaaaaaaaaaa",
  traceId: "01exampletraceaaaaaaaaaaaa",
  flow: "alexa_app",
  platform: null,
  skillId: "amzn1.ask.skill.0000-demo",
  stage: "development",
  clientId: "alexa-acme-home",
  userId: "01exampleuseraaaaaaaaaaaaa",
  outcome: "linked",
  reason: null,
  steps: [{ name: "consent_given", at }],
  createdAt: at,
};
const refusalExample = {
  clientId: "alexa-acme-home",
  reason: "redirect_uri_unregistered",
  redirectUri: "https://pitangui.amazon.com/api/skill/link/M0OTHER",
  count: 3,
  lastSeenAt: at,
};
const auditExample = {
  at,
  kind: "code_replayed",
  alert: true,
  userId: "01exampleuseraaaaaaaaaaaaa",
  clientId: "alexa-acme-home",
  grantId: "01examplegrantaaaaaaaaaaaa",
  linkingId: null,
  traceId: null,
  details: null,
};
const activationExample = { initiations: 100, completions: 80, completionRate: 0.8 };
const countsExample = {
  counts: { authorize_shown: 100, code_redeemed_authorize: 80 },
  alexaApp: activationExample,
  appToApp: { initiations: 0, completions: 0, completionRate: null },
  total: activationExample,
};

const skill = (example?: object) => ({ shape: { component: "Skill" }, example });
const client = (example?: object) => ({ shape: { component: "Client" }, example });
const user = { shape: { component: "User" } };
const gone = { 204: { description: "Removed." } };

/** Examples of the components that operators see. */
export const ADMIN_EXAMPLES: Readonly<Record<string, unknown>> = {
  Skill: skillExample,
  Client: clientExample,
  User: userExample,
  UserLink: userLinkExample,
  Linking: linkingExample,
  Refusal: refusalExample,
  AuditRecord: auditExample,
  SigningKey: keyExample,
};

export const ADMIN_PATHS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  "/api/admin/skills": {
    POST: {
      id: "addSkill",
      tag: SKILLS,
      summary: "Register a skill, with the client that Alexa uses for it",
      description:
        "A skill is its id and stage. With the `client.id` of the skill's other stage, both share that client: certification copies it from development to live. Otherwise the answer holds `client.secret`, this once.",
      security: "admin",
      body: { shape: { component: "NewSkill" }, example: newSkillExample },
      answers: { 201: { description: "Registered.", content: skill(withSecret) } },
      problems: ["conflict", "account_linking_not_supported", "redirect_uris_incomplete", "scope_reserved"],
    },
    GET: {
      id: "listSkills",
      tag: SKILLS,
      summary: "The registered skills",
      security: "admin",
      query: pages,
      answers: {
        200: {
          description: "In the order of id and stage.",
          content: { shape: { listOf: "Skill" } },
        },
      },
    },
  },
  "/api/admin/skills/{id}/{stage}": {
    GET: {
      id: "showSkill",
      tag: SKILLS,
      summary: "One skill",
      security: "admin",
      path: skillPath,
      answers: { 200: { description: "The skill.", content: skill() } },
      problems: ["skill_not_found"],
    },
    PATCH: {
      id: "changeSkill",
      tag: SKILLS,
      summary: "Change what is given of a skill",
      description: "`null` takes `lwa`, `eventGateway` or `vendorId` away.",
      security: "admin",
      path: skillPath,
      body: { shape: { component: "SkillChanges" }, example: { name: "Acme Home 2" } },
      answers: { 200: { description: "The changed skill.", content: skill() } },
      problems: ["skill_not_found", "account_linking_not_supported", "redirect_uris_incomplete", "scope_reserved"],
    },
    DELETE: {
      id: "removeSkill",
      tag: SKILLS,
      summary: "Remove a skill: all its links end",
      description: "Its client goes too, unless the other stage shares it.",
      security: "admin",
      path: skillPath,
      answers: gone,
      problems: ["skill_not_found"],
    },
  },
  "/api/admin/skills/{id}/{stage}/rotate-secret": {
    POST: {
      id: "rotateSkillSecret",
      tag: SKILLS,
      summary: "Make a new client secret; the old one works on for a while",
      security: "admin",
      path: skillPath,
      body: { shape: rotateSecretSchema, example: { overlapSeconds: 604800 }, optional: true },
      answers: {
        200: {
          description: "The new secret is shown this once.",
          content: skill({ ...withSecret, previousSecretExpiresAt: at }),
        },
      },
      problems: ["skill_not_found"],
    },
  },
  "/api/admin/skills/{id}/{stage}/account-linking-request": {
    GET: {
      id: "accountLinkingRequest",
      tag: SKILLS,
      summary: "What Amazon must know, as SMAPI and ask-cli take it",
      security: "admin",
      path: skillPath,
      answers: {
        200: {
          description: "With a placeholder for the client secret.",
          content: {
            shape: linkingRequestAnswer,
            example: { accountLinkingRequest: { type: "AUTH_CODE", clientId: "alexa-acme-home" } },
          },
        },
      },
      problems: ["skill_not_found"],
    },
  },
  "/api/admin/clients": {
    POST: {
      id: "addClient",
      tag: CLIENTS,
      summary: "Add an app or a skill's backend",
      description: "An `app` is public: PKCE, rotating refresh tokens. A `service` has a secret, shown this once.",
      security: "admin",
      body: {
        shape: { component: "NewClient" },
        example: { kind: "service", name: "Acme Home backend", skillIds: ["amzn1.ask.skill.0000-demo"] },
      },
      answers: {
        201: { description: "Added.", content: client({ ...clientExample, secret: "example-client-secret" }) },
      },
      problems: ["conflict", "scope_reserved"],
    },
    GET: {
      id: "listClients",
      tag: CLIENTS,
      summary: "Apps and backends",
      security: "admin",
      query: pages,
      answers: {
        200: {
          description: "In the order of their ids. Alexa's clients are shown with their skills.",
          content: { shape: { listOf: "Client" } },
        },
      },
    },
  },
  "/api/admin/clients/{id}": {
    GET: {
      id: "showClient",
      tag: CLIENTS,
      summary: "One client",
      security: "admin",
      path: clientPath,
      answers: { 200: { description: "The client.", content: client() } },
      problems: ["not_found"],
    },
    PATCH: {
      id: "changeClient",
      tag: CLIENTS,
      summary: "Change what is given of a client",
      security: "admin",
      path: clientPath,
      body: { shape: clientChanges, example: { name: "Acme Home backend 2" } },
      answers: { 200: { description: "The changed client.", content: client() } },
      problems: ["not_found", "scope_reserved"],
    },
    DELETE: {
      id: "removeClient",
      tag: CLIENTS,
      summary: "Remove a client with its grants",
      security: "admin",
      path: clientPath,
      answers: gone,
      problems: ["not_found"],
    },
  },
  "/api/admin/clients/{id}/rotate-secret": {
    POST: {
      id: "rotateClientSecret",
      tag: CLIENTS,
      summary: "Make a new secret for a service",
      security: "admin",
      path: clientPath,
      body: { shape: rotateSecretSchema, example: { overlapSeconds: 604800 }, optional: true },
      answers: {
        200: {
          description: "The new secret is shown this once.",
          content: client({ ...clientExample, secret: "example-client-secret", previousSecretExpiresAt: at }),
        },
      },
      problems: ["not_found", "conflict"],
    },
  },
  "/api/admin/users": {
    POST: {
      id: "addUser",
      tag: USERS,
      summary: "Make an account that signs in with a password",
      security: "admin",
      body: {
        shape: newUserSchema,
        example: { email: "ada@example.com", password: "an-example-password", name: "Ada Example" },
      },
      answers: { 201: { description: "Made.", content: user } },
      problems: ["conflict"],
    },
    GET: {
      id: "findUsers",
      tag: USERS,
      summary: "Accounts with an e-mail address",
      description: "Several, when an identity provider named people alike.",
      security: "admin",
      query: findQuery,
      answers: {
        200: {
          description: "The oldest first.",
          content: { shape: { listOf: "User" } },
        },
      },
    },
  },
  "/api/admin/users/{id}": {
    GET: {
      id: "showUser",
      tag: USERS,
      summary: "One account",
      security: "admin",
      path: userPath,
      answers: { 200: { description: "The account.", content: user } },
      problems: ["not_found"],
    },
    PATCH: {
      id: "changeUser",
      tag: USERS,
      summary: "Change name, address or password",
      description: "A new password ends every login.",
      security: "admin",
      path: userPath,
      body: { shape: userChangesSchema, example: { name: "Ada E. Example" } },
      answers: { 200: { description: "The changed account.", content: user } },
      problems: ["not_found", "conflict"],
    },
    DELETE: {
      id: "removeUser",
      tag: USERS,
      summary: "Erase a person and end every link",
      security: "admin",
      path: userPath,
      answers: { 204: { description: "Erased." } },
      problems: ["not_found"],
    },
  },
  "/api/admin/users/{id}/links": {
    GET: {
      id: "listLinksOfUser",
      tag: USERS,
      summary: "An account's living links",
      description: "With assistants and with your own apps.",
      security: "admin",
      path: userPath,
      answers: { 200: { description: "Newest first, at most 100.", content: { shape: { listOf: "UserLink" } } } },
      problems: ["not_found"],
    },
  },
  "/api/admin/users/{id}/erase": {
    POST: {
      id: "eraseUser",
      tag: USERS,
      summary: "As DELETE, and says what was done",
      description:
        "Removes the account with its links, blinds what is kept for statistics. Skills that were enabled through Amazon's API are disabled there by the scheduled work.",
      security: "admin",
      path: userPath,
      body: { shape: z.strictObject({}), example: {}, optional: true },
      answers: {
        200: {
          description: "How many rows of each kind.",
          content: {
            shape: erasureAnswer,
            example: {
              removed: { identities: 1, knownBrowsers: 2, links: 1, codes: 0, amazonTokens: 1 },
              blinded: { linkings: 3, auditRecords: 5, skillEvents: 0 },
              pendingAtAmazon: 1,
            },
          },
        },
      },
      problems: ["not_found"],
    },
  },
  "/api/admin/linkings": {
    GET: {
      id: "listLinkings",
      tag: INSIGHT,
      summary: "Attempts to link, with their steps and what stopped them",
      security: "admin",
      query: linkingsQuery,
      answers: {
        200: {
          description: "Newest first.",
          content: { shape: { listOf: "Linking" } },
        },
      },
    },
  },
  "/api/admin/refusals": {
    GET: {
      id: "listRefusals",
      tag: INSIGHT,
      summary: "Authorization requests that were answered with an error page",
      description: "Characters that cannot be seen are written as `\\u{9}`.",
      security: "admin",
      query: pages,
      answers: {
        200: {
          description: "The latest first.",
          content: { shape: { listOf: "Refusal" } },
        },
      },
    },
  },
  "/api/admin/audit": {
    GET: {
      id: "listAudit",
      tag: INSIGHT,
      summary: "What was changed, and what looks wrong",
      security: "admin",
      query: auditQuery,
      answers: {
        200: {
          description: "Newest first.",
          content: { shape: { listOf: "AuditRecord" } },
        },
      },
    },
  },
  "/api/admin/metrics": {
    GET: {
      id: "metrics",
      tag: INSIGHT,
      summary: "Counters per period and skill, with Amazon's completion rate",
      security: "admin",
      query: metricsQuery,
      answers: {
        200: {
          description: "Oldest first.",
          content: {
            shape: metricsAnswer,
            example: {
              from: "2026-09-01T00:00:00.000Z",
              to: at,
              period: "day",
              totals: countsExample,
              items: [],
            },
          },
        },
      },
    },
  },
  "/api/admin/keys": {
    GET: {
      id: "listKeys",
      tag: UPKEEP,
      summary: "Signing keys",
      security: "admin",
      answers: {
        200: {
          description: "All on record.",
          content: { shape: { listOf: "SigningKey" } },
        },
      },
    },
  },
  "/api/admin/keys/rotate": {
    POST: {
      id: "rotateKeys",
      tag: UPKEEP,
      summary: "Publish the next signing key, or drop a compromised one at once",
      security: "admin",
      body: { shape: rotateKeysSchema, example: {}, optional: true },
      answers: {
        200: {
          description: "What was done, and all keys.",
          content: { shape: rotationAnswer, example: { result: "rotated", items: [keyExample] } },
        },
      },
      problems: ["not_found"],
    },
  },
  "/api/admin/maintenance": {
    POST: {
      id: "runMaintenance",
      tag: UPKEEP,
      summary: "Run the scheduled work now",
      security: "admin",
      body: { shape: z.strictObject({}), example: {}, optional: true },
      answers: {
        200: {
          description: "What was done.",
          content: {
            shape: maintenanceAnswer,
            example: {
              swept: { codes: 12 },
              finishedUnlinks: 0,
              deliveredWebhooks: 0,
              resealed: 0,
              exportedEndings: 0,
              keyRotated: false,
              more: false,
              failed: [],
            },
          },
        },
      },
    },
  },
  "/api/admin/restored": {
    POST: {
      id: "reapplyEndings",
      tag: UPKEEP,
      summary: "After a restore of the database: end again what has ended since the backup",
      description:
        "Links, people and logins that ended are on record in KV for as long as an unused link lives. One bounded step: repeat with `after` until there is no `next`.",
      security: "admin",
      body: { shape: restoredSchema, example: { backupTakenAt: at } },
      answers: {
        200: {
          description: "What was ended again.",
          content: {
            shape: restoredAnswer,
            example: { entries: 12, revokedLinks: 40, erasedUsers: 1, endedLogins: 3 },
          },
        },
      },
    },
  },
  "/api/admin/imports": {
    POST: {
      id: "importLinks",
      tag: UPKEEP,
      summary: "Take over the links of another account-linking server",
      description:
        "Up to 100 links, each with the SHA-256 of the refresh token that Alexa holds: it works on here as it is, and nobody links again. Repeatable. `user` is an account's `id` or `email`, or the `oidcSubject` of a person at the company's identity provider, who may not have come yet.",
      security: "admin",
      body: {
        shape: importsSchema,
        example: {
          items: [
            {
              skillId: "amzn1.ask.skill.0000-demo",
              stage: "live",
              user: { email: "ada@example.com" },
              refreshTokenSha256: "0".repeat(64),
              scope: "profile devices:control",
              createdAt: at,
            },
          ],
        },
      },
      answers: {
        200: {
          description: "What became of each, in their order.",
          content: {
            shape: importsAnswer,
            example: {
              imported: 1,
              refused: 0,
              items: [{ status: "imported", grantId: "01examplegrantaaaaaaaaaaaa" }],
            },
          },
        },
      },
    },
  },
};
