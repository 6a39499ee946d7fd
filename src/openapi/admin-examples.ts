// Examples in what operators see of the document.

export const at = "2026-10-01T12:00:00.000Z";

export const newSkillExample = {
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
export const withSecret = { ...skillExample, client: { ...skillExample.client, secret: "example-client-secret" } };

export const clientExample = {
  id: "acme-backend",
  kind: "service",
  name: "Acme Home backend",
  redirectUris: [],
  scopes: [],
  skillIds: ["amzn1.ask.skill.0000-demo"],
  createdAt: at,
};
const userExample = { id: "01exampleuseraaaaaaaaaaaaa", email: "ada@example.com", name: "Ada Example", createdAt: at };
export const keyExample = { kid: "example", status: "current", createdAt: at, signsFrom: at, verifiesUntil: null };
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
  attemptId: null,
  traceId: null,
  details: null,
};
const activationExample = { initiations: 100, completions: 80, completionRate: 0.8 };
export const countsExample = {
  counts: { authorize_shown: 100, code_redeemed_authorize: 80 },
  alexaApp: activationExample,
  appToApp: { initiations: 0, completions: 0, completionRate: null },
  total: activationExample,
};

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
