// Configuration: every rule and its message, which never repeats the value because it may be a secret.
import { describe, expect, it } from "vitest";
import { type Config, ConfigurationError, isLoopback, issuerFor, parseConfig } from "./env.ts";

const MASTER_KEY = "A".repeat(43);
const PUBLIC = { ISSUER: "https://link.example.com", MASTER_KEY };
const LOCAL = { ISSUER: "http://localhost:8787", MASTER_KEY };

function refusal(env: object): string {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  return "accepted";
}

const URL_VARIABLES = [
  "BRAND_LOGO_URL",
  "PRIVACY_URL",
  "TERMS_URL",
  "SUPPORT_URL",
  "SIGN_UP_URL",
  "RESET_PASSWORD_URL",
  "OIDC_ISSUER",
  "AMAZON_AUTHORIZE_URL",
  "AMAZON_TOKEN_URL",
  "AMAZON_PROFILE_URL",
  "ALEXA_APP_URL",
  "ALEXA_API_URL",
];
const WHOLE_NUMBERS: readonly (readonly [string, number, number, (config: Config) => number])[] = [
  ["ACCESS_TOKEN_TTL_SECONDS", 360, 86_400, (config) => config.accessTokenTtlSeconds],
  ["CODE_TTL_SECONDS", 60, 600, (config) => config.codeTtlSeconds],
  ["REFRESH_IDLE_DAYS", 1, 3650, (config) => config.refreshIdleDays],
  ["REFRESH_PUBLIC_MAX_DAYS", 1, 3650, (config) => config.refreshPublicMaxDays],
  ["PASSWORD_ITERATIONS", 1000, 100_000, (config) => config.passwordIterations],
];

describe("a wrong value is refused with the name of the variable and without the value", () => {
  it.each<[string, string]>([
    ["ISSUER", "link.acme.test"],
    ["ISSUER", "https://link.example.com/"],
    ["ISSUER", "https://link.example.com/path"],
    ["ISSUER", "http://link.example.com"],
    ["ISSUER", "http://localhost.evil.test"],
    ["ISSUER", "ftp://link.example.com"],
    ["MASTER_KEY", "too-short-a-key"],
    ["MASTER_KEY", `${"A".repeat(42)}=`],
    ["MASTER_KEY", "A".repeat(44)],
    ["MASTER_KEY_PREVIOUS", "too-short-a-key"],
    ["MASTER_KEY_PREVIOUS", MASTER_KEY],
    ["ADMIN_TOKEN", "x".repeat(31)],
    ["BRAND_NAME", "x".repeat(81)],
    ["BRAND_COLOR", "blue"],
    ["BRAND_COLOR", "#12345"],
    ["BRAND_COLOR", "#123456}body{display:none"],
    ["SIGN_IN_METHODS", "password,magic"],
    ["SIGN_IN_METHODS", ","],
    ["SIGN_IN_METHODS", "password,password"],
    ["SIGN_IN_METHODS", "passkey"],
    ["OIDC_SCOPES", "email profile"],
    ["OIDC_AUDIENCE", "the-api-of-acme"],
    ["APPLE_APP_IDS", "com.acme.other"],
    ["APPLE_APP_IDS", "abcde12345.com.example.app"],
    ["ANDROID_APPS", "com.example.app"],
    ["APPLE_APP_IDS", "TEAMID.com.example.app"],
    ["ANDROID_APPS", "com.example.app=AA:BB"],
    ["ANDROID_APPS", "com.example.app=AA:BB:"],
    ["ALEXA_API_HOSTS", "api.amazonalexa.com"],
    ["ALEXA_API_HOSTS", "a.example,b.example,c.example,d.example"],
    ["ALEXA_API_HOSTS", "a.example/na,b.example,c.example"],
    ["ALEXA_API_HOSTS", "http://127.0.0.1:8788,b.example,c.example"],
    ["ALEXA_CERT_ORIGIN", "https://certificates.example.com"],
    ["ALEXA_CERT_ROOTS", "no certificate"],
    ["ALEXA_CERT_ROOTS", "-----BEGIN CERTIFICATE-----"],
    ["WEBHOOK_URL", "http://hooks.example.com/x"],
    ["WEBHOOK_URL", "http://127.0.0.1:9999/x"],
    ["WEBHOOK_URL", "https://hooks.example.com/without-a-secret"],
    ["WEBHOOK_SECRET", "whsec_c2hvcnQ="],
    ["WEBHOOK_SECRET", "b2J2aW91c2x5LWZha2Utd2ViaG9vay1rZXktMDAwMDA="],
    ["WEBHOOK_SECRET", "whsec_b2J2aW91c2x5LWZha2Utd2ViaG9vay1rZXktMDAwMDA="],
  ])("%s: %s", (name, value) => {
    const message = refusal({ ...PUBLIC, [name]: value });
    expect(message).toContain(name);
    if (value !== MASTER_KEY && ![",", "passkey"].includes(value)) expect(message).not.toContain(value);
  });

  it.each(URL_VARIABLES)("%s must be https, or http on this machine if the issuer is not public", (name) => {
    const extra = { OIDC_CLIENT_ID: "x" };
    expect(refusal({ ...LOCAL, ...extra, [name]: "http://localhost:9999/x" })).toBe("accepted");
    expect(refusal({ ...PUBLIC, ...extra, [name]: "https://www.example.com/x" })).toBe("accepted");
    for (const wrong of [
      "http://localhost:9999/x",
      "http://www.example.com/",
      "https://user:secret@www.example.com/x",
      "https://user@www.example.com/x",
      "https://:secret@www.example.com/x",
      "javascript:alert(1)",
      "nonsense",
      "//x.test",
    ]) {
      const message = refusal({ ...PUBLIC, ...extra, [name]: wrong });
      expect(message).toContain(name);
      expect(message).not.toContain(wrong);
    }
  });

  it.each(WHOLE_NUMBERS)("T6, C8, F1: %s is a whole number from %i to %i", (name, smallest, largest, read) => {
    for (const good of [smallest, largest]) expect(read(parseConfig({ ...PUBLIC, [name]: String(good) }))).toBe(good);
    for (const wrong of [smallest - 1, largest + 1].filter((value) => value >= 0)) {
      expect(refusal({ ...PUBLIC, [name]: String(wrong) })).toContain(
        `${name} must be between ${smallest} and ${largest}`,
      );
    }
    for (const wrong of ["1e3", "4 00", "400s", "-400", "400.5", "٤٠٠", "NaN", "9".repeat(30)]) {
      expect(refusal({ ...PUBLIC, [name]: wrong })).toContain(name);
    }
  });

  it("MASTER_KEY is required, and one message names all problems", () => {
    expect(refusal({})).toContain("MASTER_KEY is required");
    const message = refusal({ BRAND_COLOR: "blue", CODE_TTL_SECONDS: "5" });
    for (const name of ["MASTER_KEY", "BRAND_COLOR", "CODE_TTL_SECONDS"]) expect(message).toContain(name);
  });

  it.each([
    ["oidc", "OIDC_ISSUER"],
    ["oidc", "OIDC_CLIENT_ID"],
    ["oidc", "OIDC_CLIENT_SECRET"],
    ["amazon", "AMAZON_SIGN_IN_CLIENT_ID"],
    ["amazon", "AMAZON_SIGN_IN_CLIENT_SECRET"],
  ])("SIGN_IN_METHODS=%s needs %s", (method, missing) => {
    const all: Record<string, string> = {
      OIDC_ISSUER: "https://id.example.com",
      OIDC_CLIENT_ID: "alexa-link",
      OIDC_CLIENT_SECRET: "obviously-fake-secret",
      AMAZON_SIGN_IN_CLIENT_ID: "amzn1.application-oa2-client.example",
      AMAZON_SIGN_IN_CLIENT_SECRET: "obviously-fake-secret",
    };
    expect(refusal({ ...PUBLIC, SIGN_IN_METHODS: method, ...all })).toBe("accepted");
    expect(refusal({ ...PUBLIC, SIGN_IN_METHODS: method, ...all, [missing]: "" })).toContain(missing);
  });

  it("OIDC_AUDIENCE must differ from OIDC_CLIENT_ID, or the API would accept ID tokens", () => {
    const oidc = { OIDC_ISSUER: "https://id.example.com", OIDC_CLIENT_ID: "alexa-link" };
    expect(refusal({ ...PUBLIC, ...oidc, OIDC_AUDIENCE: "alexa-link" })).toContain("OIDC_AUDIENCE");
    expect(refusal({ ...PUBLIC, ...oidc, OIDC_AUDIENCE: "acme-api", OIDC_CLIENTS: "app" })).toBe("accepted");
  });

  it("S15: with a public issuer, OIDC_AUDIENCE needs OIDC_CLIENTS or OIDC_REQUIRED_SCOPE", () => {
    const oidc = { OIDC_ISSUER: "https://id.example.com", OIDC_AUDIENCE: "acme-api" };
    for (const none of [{}, { OIDC_CLIENTS: "" }, { OIDC_CLIENTS: "", OIDC_REQUIRED_SCOPE: "" }]) {
      expect(refusal({ ...PUBLIC, ...oidc, ...none })).toContain("OIDC_CLIENTS or OIDC_REQUIRED_SCOPE is required");
    }
    for (const wrong of [",", " , ", []]) {
      const message = refusal({ ...PUBLIC, ...oidc, OIDC_CLIENTS: wrong, OIDC_REQUIRED_SCOPE: "links" });
      expect(message).toContain("OIDC_CLIENTS must name at least one client");
    }
    for (const wrong of ["links read", "links\tread", 'li"nks', "ĺinks", ["links", "read"]]) {
      expect(refusal({ ...PUBLIC, ...oidc, OIDC_REQUIRED_SCOPE: wrong })).toContain("OIDC_REQUIRED_SCOPE must");
    }
    expect(refusal({ ...LOCAL, ...oidc })).toBe("accepted");
    expect(refusal({ MASTER_KEY, ...oidc })).toBe("accepted");
    expect(refusal({ ...PUBLIC, ...oidc, OIDC_REQUIRED_SCOPE: "links" })).toBe("accepted");
    expect(refusal({ ...PUBLIC, OIDC_CLIENTS: "app" })).toContain("OIDC_AUDIENCE is required");
    expect(parseConfig({ ...PUBLIC, ...oidc, OIDC_CLIENTS: " app , tv" }).oidc?.clients).toEqual(["app", "tv"]);
  });
});

describe("defaults", () => {
  it("are the documented ones, also for empty strings", () => {
    const config = parseConfig({ MASTER_KEY, ISSUER: "", SIGN_UP_URL: "", CODE_TTL_SECONDS: "", UNKNOWN: "x", DB: {} });
    expect(config).toMatchObject({
      issuer: undefined,
      adminToken: undefined,
      signInMethods: ["password"],
      passwordIterations: 100_000,
      accessTokenTtlSeconds: 3600,
      codeTtlSeconds: 300,
      refreshIdleDays: 400,
      refreshPublicMaxDays: 180,
      appleAppIds: [],
      oidc: undefined,
      amazonSignIn: undefined,
    });
    expect(config.amazon).toEqual({
      authorizeUrl: "https://www.amazon.com/ap/oa",
      tokenUrl: "https://api.amazon.com/auth/o2/token",
      profileUrl: "https://api.amazon.com/user/profile",
      alexaAppUrl: "https://alexa.amazon.com/spa/skill-account-linking-consent",
      apiUrl: "https://api.amazonalexa.com",
      apiHosts: ["https://api.amazonalexa.com", "https://api.eu.amazonalexa.com", "https://api.fe.amazonalexa.com"],
      certOrigin: "https://s3.amazonaws.com",
      certRoots: undefined,
    });
  });

  it("in development Amazon's hosts may be on this machine, with a path per region", () => {
    const hosts = ["na", "eu", "fe"].map((region) => `http://127.0.0.1:8788/${region}`);
    const config = parseConfig({
      ...LOCAL,
      ALEXA_API_HOSTS: hosts.join(","),
      ALEXA_CERT_ORIGIN: "http://127.0.0.1:8788",
    });
    expect(config.amazon.apiHosts).toEqual(hosts);
    expect(config.amazon.certOrigin).toBe("http://127.0.0.1:8788");
  });

  it("lists may have spaces around items, and an Android package several fingerprints", () => {
    const fingerprint = (byte: string) => Array(32).fill(byte).join(":");
    const config = parseConfig({
      ...PUBLIC,
      APPLE_APP_IDS: " ABCDE12345.com.example.app , ABCDE12345.com.example.other",
      ANDROID_APPS: `com.example.app=${fingerprint("aa")},com.example.app=${fingerprint("BB")}`,
    });
    expect(config.appleAppIds).toEqual(["ABCDE12345.com.example.app", "ABCDE12345.com.example.other"]);
    expect(config.androidApps.get("com.example.app")).toEqual([fingerprint("AA"), fingerprint("BB")]);
  });

  it("in development an unsigned app may have placeholders for team id and fingerprint", () => {
    const config = parseConfig({
      ...LOCAL,
      APPLE_APP_IDS: "TEAMID.com.example.app",
      ANDROID_APPS: "com.example.app=aa:bb",
    });
    expect(config.appleAppIds).toEqual(["TEAMID.com.example.app"]);
    expect(config.androidApps.get("com.example.app")).toEqual(["AA:BB"]);
  });
});

describe("the issuer of a request", () => {
  it.each([
    ["http://localhost:8787/authorize", "http://localhost:8787"],
    ["http://127.0.0.1:9999/", "http://127.0.0.1:9999"],
    ["http://[::1]:8787/", "http://[::1]:8787"],
    ["http://127.0.0.2:8787/", "http://127.0.0.2:8787"],
    ["https://anything.workers.dev/", undefined],
    ["http://localhost.evil.test/", undefined],
  ])("without ISSUER, the issuer of a request to %s is %s", (url, issuer) => {
    expect(issuerFor(parseConfig({ MASTER_KEY }), url)).toBe(issuer);
  });

  it("with ISSUER, the issuer does not depend on the host of the request", () => {
    expect(issuerFor(parseConfig(PUBLIC), "https://other.example.com/")).toBe(PUBLIC.ISSUER);
  });

  it.each(["http://localhost@evil.test", "http://127.0.0.1.evil.test", "http://0.0.0.0", "nonsense"])(
    "%s is not a loopback address",
    (url) => {
      expect(isLoopback(url)).toBe(false);
    },
  );
});
