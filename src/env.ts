// Configuration, parsed once: a wrong value stops the start with the variable's name and the rule.
import * as z from "zod/mini";

export type SignInMethod = "password" | "oidc" | "amazon";

/** The company's identity provider: `clientId` signs customers in, `audience` is what its apps' access tokens carry. */
export interface OidcConfig {
  readonly issuer: string;
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  readonly scopes: string;
  readonly audience: string | undefined;
}

/** Where links made and ended are told, and what signs it: the secret, or during its rotation both. */
export interface WebhookConfig {
  readonly url: string;
  readonly secrets: readonly Uint8Array<ArrayBuffer>[];
}

export interface Config {
  /** Public origin without trailing slash; undefined means: the request's origin, on a loopback host only. */
  readonly issuer: string | undefined;
  readonly masterKey: Uint8Array<ArrayBuffer>;
  readonly previousMasterKey: Uint8Array<ArrayBuffer> | undefined;
  readonly adminToken: string | undefined;
  readonly brand: {
    /** undefined: pages show the host name (`brandName`). */
    readonly name: string | undefined;
    readonly logoUrl: string | undefined;
    readonly color: string;
    readonly privacyUrl: string | undefined;
    readonly termsUrl: string | undefined;
    readonly supportUrl: string | undefined;
    readonly signUpUrl: string | undefined;
    readonly resetPasswordUrl: string | undefined;
  };
  readonly signInMethods: readonly SignInMethod[];
  readonly passwordIterations: number;
  readonly oidc: OidcConfig | undefined;
  readonly amazonSignIn: { readonly clientId: string; readonly clientSecret: string } | undefined;
  readonly accessTokenTtlSeconds: number;
  readonly codeTtlSeconds: number;
  readonly refreshIdleDays: number;
  readonly refreshPublicMaxDays: number;
  /** How long an isolate gathers counters before it writes them; 0: only when they are read. */
  readonly metricsFlushMs: number;
  readonly appleAppIds: readonly string[];
  readonly androidApps: ReadonlyMap<string, readonly string[]>;
  readonly amazon: {
    readonly authorizeUrl: string;
    readonly tokenUrl: string;
    readonly profileUrl: string;
    readonly alexaAppUrl: string;
    readonly apiUrl: string;
    /** Origins, with a path in development, in the order NA, EU, FE. No trailing slash. */
    readonly apiHosts: readonly [string, string, string];
    readonly certOrigin: string;
    readonly certRoots: string | undefined;
  };
  readonly webhook: WebhookConfig | undefined;
}

export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Whether a URL's host is this machine: the one place where http and development defaults are allowed. */
export function isLoopback(url: string | URL): boolean {
  const parsed = typeof url === "string" && !URL.canParse(url) ? undefined : new URL(url);
  return parsed !== undefined && LOOPBACK_HOST.test(parsed.hostname);
}

const DEFAULT_API_HOSTS = "api.amazonalexa.com,api.eu.amazonalexa.com,api.fe.amazonalexa.com";
const BASE64URL_32_BYTES = /^[A-Za-z0-9_-]{43}$/;

/** Shorthand of this file: one rule, one sentence. */
function text(rule: (value: string) => boolean, message: string) {
  return z.string().check(z.refine(rule, message));
}

const httpsOrLoopbackUrl = text(
  (value) =>
    URL.canParse(value) &&
    // `fetch` refuses such URLs, and quotes them in its error.
    new URL(value).username + new URL(value).password === "" &&
    (new URL(value).protocol === "https:" || (new URL(value).protocol === "http:" && isLoopback(value))),
  "must be an https URL without user and password (http only on a loopback host, in development)",
);
const optionalUrl = z.optional(httpsOrLoopbackUrl);
const anyText = z.optional(z.string());
const masterKey = text((value) => BASE64URL_32_BYTES.test(value), "must be 32 bytes as base64url (43 characters)");
const url = (fallback: string) => z._default(httpsOrLoopbackUrl, fallback);
const integer = (minimum: number, maximum: number, fallback: number) =>
  z._default(
    z.pipe(
      z.string().check(
        z.regex(/^\d{1,9}$/, { error: "must be a whole number", abort: true }),
        z.refine(
          (value) => Number(value) >= minimum && Number(value) <= maximum,
          `must be between ${minimum} and ${maximum}`,
        ),
      ),
      z.transform(Number),
    ),
    fallback,
  );
const commaList = z.pipe(
  z.string(),
  z.transform((value) =>
    value
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
  ),
);

const APPLE_RULE = "must list app ids such as ABCDE12345.com.example.app (ten-character team id, dot, bundle id)";
const ANDROID_RULE =
  "must list package=FINGERPRINT, the fingerprint being the SHA-256 of the signing certificate as 32 hex bytes with colons";

const variables = z.object({
  ISSUER: z.optional(
    z.string().check(
      z.refine(
        (value) => URL.canParse(value) && new URL(value).origin === value,
        "must be an origin such as https://link.example.com, without path or trailing slash",
      ),
      z.refine((value) => value.startsWith("https://") || isLoopback(value), "must be https outside localhost"),
    ),
  ),
  MASTER_KEY: masterKey,
  MASTER_KEY_PREVIOUS: z.optional(masterKey),
  ADMIN_TOKEN: z.optional(text((value) => value.length >= 32, "must have at least 32 characters")),
  BRAND_NAME: z.optional(text((value) => value.length <= 80, "must have at most 80 characters")),
  BRAND_LOGO_URL: optionalUrl,
  BRAND_COLOR: z._default(
    text((value) => /^#[0-9A-Fa-f]{6}$/.test(value), "must be a colour such as #0b5fff"),
    "#0b57d0",
  ),
  PRIVACY_URL: optionalUrl,
  TERMS_URL: optionalUrl,
  SUPPORT_URL: optionalUrl,
  SIGN_UP_URL: optionalUrl,
  RESET_PASSWORD_URL: optionalUrl,
  SIGN_IN_METHODS: z._default(
    z.pipe(
      commaList,
      z.array(z.enum(["password", "oidc", "amazon"], "must list only password, oidc, amazon")).check(
        z.minLength(1, "must name at least one method"),
        z.refine((list) => new Set(list).size === list.length, "must not repeat a method"),
      ),
    ),
    ["password"],
  ),
  OIDC_ISSUER: optionalUrl,
  OIDC_CLIENT_ID: anyText,
  OIDC_CLIENT_SECRET: anyText,
  OIDC_SCOPES: z._default(
    text((value) => value.split(" ").includes("openid"), "must contain openid"),
    "openid email profile",
  ),
  OIDC_AUDIENCE: anyText,
  AMAZON_SIGN_IN_CLIENT_ID: anyText,
  AMAZON_SIGN_IN_CLIENT_SECRET: anyText,
  ACCESS_TOKEN_TTL_SECONDS: integer(360, 86_400, 3600),
  CODE_TTL_SECONDS: integer(60, 600, 300),
  REFRESH_IDLE_DAYS: integer(1, 3650, 400),
  REFRESH_PUBLIC_MAX_DAYS: integer(1, 3650, 180),
  METRICS_FLUSH_MS: integer(0, 20_000, 2000),
  PASSWORD_ITERATIONS: integer(1000, 100_000, 100_000),
  APPLE_APP_IDS: z._default(
    z.pipe(commaList, z.array(text((value) => /^[A-Z0-9]+\.[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/.test(value), APPLE_RULE))),
    [],
  ),
  ANDROID_APPS: z._default(
    z.pipe(
      commaList,
      z.array(
        text(
          (value) => /^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+=[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*$/.test(value),
          ANDROID_RULE,
        ),
      ),
    ),
    [],
  ),
  AMAZON_AUTHORIZE_URL: url("https://www.amazon.com/ap/oa"),
  AMAZON_TOKEN_URL: url("https://api.amazon.com/auth/o2/token"),
  AMAZON_PROFILE_URL: url("https://api.amazon.com/user/profile"),
  ALEXA_APP_URL: url("https://alexa.amazon.com/spa/skill-account-linking-consent"),
  ALEXA_API_URL: url("https://api.amazonalexa.com"),
  ALEXA_API_HOSTS: z._default(
    z.pipe(
      commaList,
      z
        .array(
          z.pipe(
            z.pipe(
              z.string(),
              z.transform((entry) => (entry.includes("://") ? entry : `https://${entry}`).replace(/\/+$/, "")),
            ),
            httpsOrLoopbackUrl,
          ),
        )
        .check(z.length(3, "must name three hosts, in the order NA, EU, FE")),
    ),
    DEFAULT_API_HOSTS.split(",").map((host) => `https://${host}`),
  ),
  ALEXA_CERT_ORIGIN: url("https://s3.amazonaws.com"),
  ALEXA_CERT_ROOTS: z.optional(
    text((value) => value.includes("-----BEGIN CERTIFICATE-----"), "must be PEM certificates"),
  ),
  WEBHOOK_URL: z.optional(httpsOrLoopbackUrl),
  WEBHOOK_SECRET: z.optional(
    text(
      (value) => webhookSecrets(value).every(({ length }) => length >= 24 && length <= 64),
      "must be whsec_ and 24 to 64 bytes as base64; while it is changed, two of them with a blank between",
    ),
  ),
});

/** The keys of `whsec_…` values; an empty one for what is none. */
function webhookSecrets(value: string): Uint8Array<ArrayBuffer>[] {
  const parts = value.split(" ");
  return (parts.length > 2 ? [""] : parts).map((part) =>
    Uint8Array.from(Buffer.from(/^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(part)?.[1] ?? "", "base64")),
  );
}

type Variables = z.infer<typeof variables>;

/** Names whose values lead out of Amazon's own hosts: with a public issuer they must not point at this machine. */
const AMAZON_VARIABLES = [
  "AMAZON_AUTHORIZE_URL",
  "AMAZON_TOKEN_URL",
  "AMAZON_PROFILE_URL",
  "ALEXA_APP_URL",
  "ALEXA_API_URL",
] as const;

/**
 * Reads and checks all variables. Pure. Empty strings count as unset.
 * Throws `ConfigurationError` naming every wrong variable and its rule; never echoes a value (it may be a secret).
 */
export function parseConfig(env: object): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => name in variables.shape && typeof value === "string" && value !== ""),
  );
  const parsed = variables.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) =>
        `${String(issue.path[0])} ${issue.code === "invalid_type" && given[String(issue.path[0])] === undefined ? "is required" : issue.message}`,
    );
    throw new ConfigurationError(`Configuration refused: ${problems.join("; ")}`);
  }
  const problems = [...crossChecks(parsed.data)];
  if (problems.length > 0) throw new ConfigurationError(`Configuration refused: ${problems.join("; ")}`);
  return toConfig(parsed.data);
}

function* crossChecks(v: Variables): Generator<string> {
  const publicIssuer = v.ISSUER !== undefined && !isLoopback(v.ISSUER);
  if (publicIssuer) {
    for (const name of AMAZON_VARIABLES) {
      if (v[name].startsWith("http:")) yield `${name} must be https with a public ISSUER`;
    }
    for (const name of [
      "BRAND_LOGO_URL",
      "PRIVACY_URL",
      "TERMS_URL",
      "SUPPORT_URL",
      "SIGN_UP_URL",
      "RESET_PASSWORD_URL",
    ] as const) {
      if (v[name]?.startsWith("http:")) yield `${name} must be https with a public ISSUER`;
    }
    if (v.ALEXA_API_HOSTS.some((host) => new URL(host).origin !== host || host.startsWith("http:"))) {
      yield "ALEXA_API_HOSTS must be plain host names with a public ISSUER";
    }
    if (v.ALEXA_CERT_ORIGIN !== "https://s3.amazonaws.com")
      yield "ALEXA_CERT_ORIGIN can be changed only in development";
    if (v.ALEXA_CERT_ROOTS !== undefined) yield "ALEXA_CERT_ROOTS can be set only in development";
    // Until then a placeholder will do.
    if (!v.APPLE_APP_IDS.every((id) => /^[^.]{10}\./.test(id))) yield `APPLE_APP_IDS ${APPLE_RULE}`;
    if (!v.ANDROID_APPS.every((app) => app.split(":").length === 32)) yield `ANDROID_APPS ${ANDROID_RULE}`;
    if (v.WEBHOOK_URL?.startsWith("http:")) yield "WEBHOOK_URL must be https with a public ISSUER";
    if (v.OIDC_ISSUER?.startsWith("http:")) yield "OIDC_ISSUER must be https with a public ISSUER";
  }
  if (v.SIGN_IN_METHODS.includes("oidc")) {
    for (const name of ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"] as const) {
      if (!v[name]) yield `${name} is required because SIGN_IN_METHODS lists oidc`;
    }
  }
  if (v.OIDC_AUDIENCE !== undefined && !v.OIDC_ISSUER) yield "OIDC_ISSUER is required because OIDC_AUDIENCE is set";
  if (v.OIDC_AUDIENCE !== undefined && v.OIDC_AUDIENCE === v.OIDC_CLIENT_ID) {
    yield "OIDC_AUDIENCE must differ from OIDC_CLIENT_ID, or an id token would open the API";
  }
  if (v.SIGN_IN_METHODS.includes("amazon")) {
    for (const name of ["AMAZON_SIGN_IN_CLIENT_ID", "AMAZON_SIGN_IN_CLIENT_SECRET"] as const) {
      if (!v[name]) yield `${name} is required because SIGN_IN_METHODS lists amazon`;
    }
  }
  if (v.WEBHOOK_URL !== undefined && v.WEBHOOK_SECRET === undefined) {
    yield "WEBHOOK_SECRET is required because WEBHOOK_URL is set";
  }
  if (v.WEBHOOK_SECRET !== undefined && v.WEBHOOK_URL === undefined) {
    yield "WEBHOOK_URL is required because WEBHOOK_SECRET is set";
  }
  if (v.MASTER_KEY_PREVIOUS !== undefined && v.MASTER_KEY_PREVIOUS === v.MASTER_KEY) {
    yield "MASTER_KEY_PREVIOUS must differ from MASTER_KEY";
  }
}

function toConfig(v: Variables): Config {
  const androidApps = new Map<string, string[]>();
  for (const entry of v.ANDROID_APPS) {
    const [packageName = "", fingerprint = ""] = entry.split("=");
    androidApps.set(packageName, [...(androidApps.get(packageName) ?? []), fingerprint.toUpperCase()]);
  }
  const [na = "", eu = "", fe = ""] = v.ALEXA_API_HOSTS;
  return {
    issuer: v.ISSUER,
    masterKey: Uint8Array.from(Buffer.from(v.MASTER_KEY, "base64url")),
    previousMasterKey: v.MASTER_KEY_PREVIOUS
      ? Uint8Array.from(Buffer.from(v.MASTER_KEY_PREVIOUS, "base64url"))
      : undefined,
    adminToken: v.ADMIN_TOKEN,
    brand: {
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
          audience: v.OIDC_AUDIENCE,
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
    metricsFlushMs: v.METRICS_FLUSH_MS,
    appleAppIds: v.APPLE_APP_IDS,
    androidApps,
    amazon: {
      authorizeUrl: v.AMAZON_AUTHORIZE_URL,
      tokenUrl: v.AMAZON_TOKEN_URL,
      profileUrl: v.AMAZON_PROFILE_URL,
      alexaAppUrl: v.ALEXA_APP_URL,
      apiUrl: v.ALEXA_API_URL.replace(/\/+$/, ""),
      apiHosts: [na, eu, fe],
      certOrigin: v.ALEXA_CERT_ORIGIN,
      certRoots: v.ALEXA_CERT_ROOTS,
    },
    webhook:
      v.WEBHOOK_URL && v.WEBHOOK_SECRET ? { url: v.WEBHOOK_URL, secrets: webhookSecrets(v.WEBHOOK_SECRET) } : undefined,
  };
}

/** The issuer of a request: the configured one, else its own origin on a loopback host; undefined means: not configured. */
export function issuerFor(config: Config, requestUrl: string): string | undefined {
  if (config.issuer !== undefined) return config.issuer;
  return isLoopback(requestUrl) ? new URL(requestUrl).origin : undefined;
}

/** Whether development defaults apply for this issuer, such as http redirect URIs on loopback hosts. */
export function isDevelopment(issuer: string): boolean {
  return isLoopback(issuer);
}
