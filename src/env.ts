// Configuration, parsed once: a wrong value stops the start, with the variable's name and the rule.
import {
  BrokenRule,
  httpsOrLoopbackUrl,
  integer,
  isLoopback,
  list,
  optional,
  readText,
  required,
  text,
  webhookSecrets,
  withDefault,
} from "./env-values.ts";

export { isLoopback } from "./env-values.ts";

export type Config = ReturnType<typeof parseConfig>;
/** The company's identity provider. */
export type OidcConfig = NonNullable<Config["oidc"]>;
/** Where webhook messages go, and what signs them. */
export type WebhookConfig = NonNullable<Config["webhook"]>;
/** Cloudflare Access, which signs operators in. */
export type AccessConfig = NonNullable<Config["access"]>;
export type SignInMethod = Config["signInMethods"][number];

export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

const BASE64URL_32_BYTES = /^[A-Za-z0-9_-]{43}$/;

const optionalUrl = optional(httpsOrLoopbackUrl);
/** RFC 6749 appendix A.1 and A.2. */
const credential = optional(text((value) => /^[ -~]+$/.test(value), "must be ASCII characters"));
const masterKey = text((value) => BASE64URL_32_BYTES.test(value), "must be 32 bytes as base64url (43 characters)");
const url = (fallback: string) => withDefault(httpsOrLoopbackUrl, fallback);
const SIGN_IN_METHODS = ["password", "oidc", "amazon"] as const;
const APPLE_RULE = "must list app ids such as ABCDE12345.com.example.app (ten-character team id, dot, bundle id)";
const ANDROID_RULE =
  "must list package=FINGERPRINT, the fingerprint being the SHA-256 of the signing certificate as 32 hex bytes with colons";

const origin = text(
  (value) => URL.canParse(value) && new URL(value).origin === value,
  "must be an origin such as https://link.example.com, without path or trailing slash",
);
const secureOrigin = text(
  (value) => value.startsWith("https://") || isLoopback(value),
  "must be https outside localhost",
);
/** A host name, or in development an origin on this machine. */
const teamDomain = (value: string) => {
  const [, host = ""] = /^(?:https:\/\/)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)$/i.exec(value) ?? [];
  if (host !== "") return `https://${host.toLowerCase()}`;
  if (isLoopback(value) && new URL(value).origin === value) return value;
  throw new BrokenRule("must be a host name such as acme.cloudflareaccess.com");
};
const address = text((value) => /^[^\s@]{1,64}@[^\s@]{1,189}$/.test(value), "must list e-mail addresses");
const openidScopes = text(
  (value) => !value.includes(",") && value.split(/\s+/).includes("openid"),
  "must contain openid, and have white space between its scopes",
);

function signInMethod(name: string): (typeof SIGN_IN_METHODS)[number] {
  const method = SIGN_IN_METHODS.find((one) => one === name);
  if (method === undefined) throw new BrokenRule("must list only password, oidc, amazon");
  return method;
}

const VARIABLES = {
  ISSUER: optional((value) => secureOrigin(origin(value))),
  MASTER_KEY: required(masterKey),
  MASTER_KEY_PREVIOUS: optional(masterKey),
  ADMIN_TOKEN: optional(
    text(
      (value) => /^[!-~]{32,}$/.test(value),
      "must be at least 32 visible ASCII characters, because a header carries it",
    ),
  ),
  ACCESS_TEAM_DOMAIN: optional(teamDomain),
  ACCESS_AUD: optional(text((value) => /^[!-~]{1,200}$/.test(value), "must be the AUD tag of the Access application")),
  ACCESS_ADMINS: optional(
    list(
      (value) => address(value).toLowerCase(),
      ({ length }) => length > 0,
      "must name at least one address",
    ),
  ),
  BRAND_NAME: optional(text((value) => value.length <= 80, "must have at most 80 characters")),
  BRAND_LOGO_URL: optionalUrl,
  BRAND_COLOR: withDefault(
    text((value) => /^#[0-9A-Fa-f]{6}$/.test(value), "must be a colour such as #0b5fff"),
    "#0b57d0",
  ),
  PRIVACY_URL: optionalUrl,
  TERMS_URL: optionalUrl,
  SUPPORT_URL: optionalUrl,
  SIGN_UP_URL: optionalUrl,
  RESET_PASSWORD_URL: optionalUrl,
  SIGN_IN_METHODS: withDefault(
    (value) => {
      const methods = list(signInMethod, ({ length }) => length > 0, "must name at least one method")(value);
      if (new Set(methods).size < methods.length) throw new BrokenRule("must not repeat a method");
      return methods;
    },
    ["password"],
  ),
  OIDC_ISSUER: optionalUrl,
  OIDC_CLIENT_ID: credential,
  OIDC_CLIENT_SECRET: credential,
  OIDC_SCOPES: withDefault((value) => openidScopes(value).replace(/\s+/g, " "), "openid email profile"),
  OIDC_AUDIENCE: optional(String),
  OIDC_CLIENTS: optional(list(String, ({ length }) => length > 0, "must name at least one client")),
  OIDC_REQUIRED_SCOPE: optional(text((value) => /^[!#-[\]-~]+$/.test(value), "must be one scope, without white space")),
  AMAZON_SIGN_IN_CLIENT_ID: credential,
  AMAZON_SIGN_IN_CLIENT_SECRET: credential,
  ACCESS_TOKEN_TTL_SECONDS: integer(360, 86_400, 3600),
  CODE_TTL_SECONDS: integer(60, 600, 300),
  REFRESH_IDLE_DAYS: integer(1, 3650, 400),
  REFRESH_PUBLIC_MAX_DAYS: integer(1, 3650, 180),
  PASSWORD_ITERATIONS: integer(1000, 100_000, 100_000),
  APPLE_APP_IDS: withDefault(
    list(text((value) => /^[A-Z0-9]+\.[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(value), APPLE_RULE)),
    [],
  ),
  ANDROID_APPS: withDefault(
    list(
      text(
        (value) => /^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+=[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*$/.test(value),
        ANDROID_RULE,
      ),
    ),
    [],
  ),
  AMAZON_AUTHORIZE_URL: url("https://www.amazon.com/ap/oa"),
  AMAZON_TOKEN_URL: url("https://api.amazon.com/auth/o2/token"),
  AMAZON_PROFILE_URL: url("https://api.amazon.com/user/profile"),
  ALEXA_APP_URL: url("https://alexa.amazon.com/spa/skill-account-linking-consent"),
  ALEXA_API_URL: url("https://api.amazonalexa.com"),
  ALEXA_API_HOSTS: withDefault(
    list(
      (entry) => httpsOrLoopbackUrl((entry.includes("://") ? entry : `https://${entry}`).replace(/(?<!\/)\/+$/, "")),
      ({ length }) => length === 3,
      "must name three hosts, in the order NA, EU, FE",
    ),
    ["https://api.amazonalexa.com", "https://api.eu.amazonalexa.com", "https://api.fe.amazonalexa.com"],
  ),
  ALEXA_CERT_ORIGIN: url("https://s3.amazonaws.com"),
  ALEXA_CERT_ROOTS: optional(
    text((value) => value.includes("-----BEGIN CERTIFICATE-----"), "must be PEM certificates"),
  ),
  WEBHOOK_URL: optionalUrl,
  WEBHOOK_SECRET: optional(
    text(
      (value) => webhookSecrets(value).every(({ length }) => length >= 24 && length <= 64),
      "must be whsec_ and 24 to 64 bytes as base64; while it is changed, two of them with a blank between",
    ),
  ),
};

type VariableName = keyof typeof VARIABLES;
type Variables = { readonly [Name in VariableName]: ReturnType<(typeof VARIABLES)[Name]> };

/** The names of all variables. */
export const VARIABLE_NAMES = Object.keys(VARIABLES) as VariableName[];

/** May be http on this machine in development; must be https with a public issuer. */
const URL_VARIABLES = [
  "AMAZON_AUTHORIZE_URL",
  "AMAZON_TOKEN_URL",
  "AMAZON_PROFILE_URL",
  "ALEXA_APP_URL",
  "ALEXA_API_URL",
  "BRAND_LOGO_URL",
  "PRIVACY_URL",
  "TERMS_URL",
  "SUPPORT_URL",
  "SIGN_UP_URL",
  "RESET_PASSWORD_URL",
  "WEBHOOK_URL",
  "OIDC_ISSUER",
  "ACCESS_TEAM_DOMAIN",
] as const;

const METHOD_VARIABLES = [
  ["oidc", ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"]],
  ["amazon", ["AMAZON_SIGN_IN_CLIENT_ID", "AMAZON_SIGN_IN_CLIENT_SECRET"]],
] as const;

/** Checks all variables; empty counts as unset. `ConfigurationError` names wrong ones and rules, but no values. */
export function parseConfig(env: object) {
  const given = new Map<VariableName, string | undefined>();
  const refused = new Map<VariableName, string>();
  for (const name of VARIABLE_NAMES) {
    const { text, rule } = readText(name, (env as Record<string, unknown>)[name]);
    if (rule === undefined) given.set(name, text);
    else refused.set(name, rule);
  }
  const values: Record<string, unknown> = {};
  for (const [name, text] of given) {
    try {
      values[name] = VARIABLES[name](text);
    } catch (error) {
      if (!(error instanceof BrokenRule)) throw error;
      refused.set(name, error.message);
    }
  }
  const variables = values as Variables;
  const problems = [...refused].map(([name, rule]) => `${name} ${rule}`);
  if (problems.length === 0) problems.push(...crossChecks(variables));
  if (problems.length > 0) throw new ConfigurationError(`Configuration refused: ${problems.join("; ")}`);
  return toConfig(variables);
}

function* crossChecks(v: Variables): Generator<string> {
  if (v.ISSUER !== undefined && !isLoopback(v.ISSUER)) {
    for (const name of URL_VARIABLES) {
      if (v[name]?.startsWith("http:")) yield `${name} must be https with a public ISSUER`;
    }
    if (v.ALEXA_API_HOSTS.some((host) => new URL(host).origin !== host || host.startsWith("http:"))) {
      yield "ALEXA_API_HOSTS must be plain host names with a public ISSUER";
    }
    if (v.ALEXA_CERT_ORIGIN !== "https://s3.amazonaws.com")
      yield "ALEXA_CERT_ORIGIN can be changed only in development";
    if (v.ALEXA_CERT_ROOTS !== undefined) yield "ALEXA_CERT_ROOTS can be set only in development";
    // In development a placeholder is enough.
    if (!v.APPLE_APP_IDS.every((id) => /^[^.]{10}\./.test(id))) yield `APPLE_APP_IDS ${APPLE_RULE}`;
    if (!v.ANDROID_APPS.every((app) => app.split(":").length === 32)) yield `ANDROID_APPS ${ANDROID_RULE}`;
  }
  for (const [method, names] of METHOD_VARIABLES) {
    const missing = v.SIGN_IN_METHODS.includes(method) ? names.filter((name) => !v[name]) : [];
    for (const name of missing) yield `${name} is required because SIGN_IN_METHODS lists ${method}`;
  }
  const isLimited = v.OIDC_CLIENTS !== undefined || v.OIDC_REQUIRED_SCOPE !== undefined;
  if (isLimited && v.OIDC_AUDIENCE === undefined) {
    yield "OIDC_AUDIENCE is required because OIDC_CLIENTS or OIDC_REQUIRED_SCOPE is set";
  }
  if (!isLimited && v.OIDC_AUDIENCE !== undefined && v.ISSUER !== undefined && !isLoopback(v.ISSUER)) {
    yield "OIDC_CLIENTS or OIDC_REQUIRED_SCOPE is required beside OIDC_AUDIENCE, or any client of the provider could link";
  }
  if (v.OIDC_AUDIENCE !== undefined && !v.OIDC_ISSUER) yield "OIDC_ISSUER is required because OIDC_AUDIENCE is set";
  if (v.OIDC_AUDIENCE !== undefined && v.OIDC_AUDIENCE === v.OIDC_CLIENT_ID) {
    yield "OIDC_AUDIENCE must differ from OIDC_CLIENT_ID, or an id token would open the API";
  }
  if ((v.WEBHOOK_URL === undefined) !== (v.WEBHOOK_SECRET === undefined)) {
    yield "WEBHOOK_URL and WEBHOOK_SECRET are required together";
  }
  if ((v.ACCESS_TEAM_DOMAIN === undefined) !== (v.ACCESS_AUD === undefined)) {
    yield "ACCESS_TEAM_DOMAIN and ACCESS_AUD are required together";
  }
  if (v.ACCESS_ADMINS !== undefined && v.ACCESS_AUD === undefined) {
    yield "ACCESS_TEAM_DOMAIN and ACCESS_AUD are required because ACCESS_ADMINS is set";
  }
  if (v.MASTER_KEY_PREVIOUS !== undefined && v.MASTER_KEY_PREVIOUS === v.MASTER_KEY) {
    yield "MASTER_KEY_PREVIOUS must differ from MASTER_KEY";
  }
}

function toConfig(v: Variables) {
  const androidApps = new Map<string, string[]>();
  for (const entry of v.ANDROID_APPS) {
    const [packageName = "", fingerprint = ""] = entry.split("=");
    androidApps.set(packageName, [...(androidApps.get(packageName) ?? []), fingerprint.toUpperCase()]);
  }
  const [na = "", eu = "", fe = ""] = v.ALEXA_API_HOSTS;
  return {
    /** Public origin without trailing slash; undefined: the request's origin, on a loopback host only. */
    issuer: v.ISSUER,
    masterKey: Uint8Array.from(Buffer.from(v.MASTER_KEY, "base64url")),
    previousMasterKey: v.MASTER_KEY_PREVIOUS
      ? Uint8Array.from(Buffer.from(v.MASTER_KEY_PREVIOUS, "base64url"))
      : undefined,
    adminToken: v.ADMIN_TOKEN,
    access:
      v.ACCESS_TEAM_DOMAIN && v.ACCESS_AUD
        ? {
            issuer: v.ACCESS_TEAM_DOMAIN,
            audience: v.ACCESS_AUD,
            /** Lower case. Others whom Access admits are read-only; undefined: all may change something. */
            admins: v.ACCESS_ADMINS,
          }
        : undefined,
    brand: {
      /** undefined: pages show the host name (`brandName`). */
      name: v.BRAND_NAME,
      logoUrl: v.BRAND_LOGO_URL,
      color: v.BRAND_COLOR,
      privacyUrl: v.PRIVACY_URL,
      termsUrl: v.TERMS_URL,
      supportUrl: v.SUPPORT_URL,
      signUpUrl: v.SIGN_UP_URL,
      resetPasswordUrl: v.RESET_PASSWORD_URL,
    },
    signInMethods: v.SIGN_IN_METHODS,
    passwordIterations: v.PASSWORD_ITERATIONS,
    oidc: v.OIDC_ISSUER
      ? {
          issuer: v.OIDC_ISSUER,
          clientId: v.OIDC_CLIENT_ID,
          clientSecret: v.OIDC_CLIENT_SECRET,
          scopes: v.OIDC_SCOPES,
          /** Carried by the access tokens of the company's apps. */
          audience: v.OIDC_AUDIENCE,
          /** Whose tokens are accepted; undefined: of any client. */
          clients: v.OIDC_CLIENTS,
          requiredScope: v.OIDC_REQUIRED_SCOPE,
        }
      : undefined,
    amazonSignIn:
      v.AMAZON_SIGN_IN_CLIENT_ID && v.AMAZON_SIGN_IN_CLIENT_SECRET
        ? { clientId: v.AMAZON_SIGN_IN_CLIENT_ID, clientSecret: v.AMAZON_SIGN_IN_CLIENT_SECRET }
        : undefined,
    accessTokenTtlSeconds: v.ACCESS_TOKEN_TTL_SECONDS,
    codeTtlSeconds: v.CODE_TTL_SECONDS,
    refreshIdleDays: v.REFRESH_IDLE_DAYS,
    refreshPublicMaxDays: v.REFRESH_PUBLIC_MAX_DAYS,
    appleAppIds: v.APPLE_APP_IDS,
    /** Package name to certificate fingerprints. */
    androidApps: androidApps as ReadonlyMap<string, readonly string[]>,
    amazon: {
      authorizeUrl: v.AMAZON_AUTHORIZE_URL,
      tokenUrl: v.AMAZON_TOKEN_URL,
      profileUrl: v.AMAZON_PROFILE_URL,
      alexaAppUrl: v.ALEXA_APP_URL,
      apiUrl: v.ALEXA_API_URL.replace(/(?<!\/)\/+$/, ""),
      /** Origins, with a path in development, in the order NA, EU, FE. No trailing slash. */
      apiHosts: [na, eu, fe] as const,
      certOrigin: v.ALEXA_CERT_ORIGIN,
      certRoots: v.ALEXA_CERT_ROOTS,
    },
    webhook:
      v.WEBHOOK_URL && v.WEBHOOK_SECRET ? { url: v.WEBHOOK_URL, secrets: webhookSecrets(v.WEBHOOK_SECRET) } : undefined,
  };
}

/** The issuer of a request: the configured one, or on a loopback host the request's origin; else undefined. */
export function issuerFor(config: Config, requestUrl: string): string | undefined {
  if (config.issuer !== undefined) return config.issuer;
  return isLoopback(requestUrl) ? new URL(requestUrl).origin : undefined;
}

/** Whether development defaults apply for this issuer, such as http redirect URIs on loopback hosts. */
export function isDevelopment(issuer: string): boolean {
  return isLoopback(issuer);
}
