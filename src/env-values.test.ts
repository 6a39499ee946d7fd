// Variables of every TOML type: each is taken for what it plainly means, or refused by name.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigurationError, parseConfig, VARIABLE_NAMES } from "./env.ts";

const MASTER_KEY = "A".repeat(43);
const WEBHOOK_KEY = `whsec_${btoa("obviously-fake-webhook-key-00001")}`;
const HOSTS = ["a.example", "b.example", "c.example"];
/** A valid text for each variable, with all methods on, so that one change breaks no other variable. */
const TEXTS: Readonly<Record<string, string>> = {
  ISSUER: "http://localhost:8787",
  MASTER_KEY,
  ADMIN_TOKEN: "x".repeat(32),
  SIGN_IN_METHODS: "password,oidc,amazon",
  OIDC_ISSUER: "https://id.example.com",
  OIDC_CLIENT_ID: "alexa-link",
  OIDC_CLIENT_SECRET: "obviously-fake-secret",
  OIDC_SCOPES: "openid",
  OIDC_AUDIENCE: "acme-api",
  AMAZON_SIGN_IN_CLIENT_ID: "amzn1.application-oa2-client.example",
  AMAZON_SIGN_IN_CLIENT_SECRET: "obviously-fake-secret",
  WEBHOOK_URL: "https://hooks.example.com/alexa",
  WEBHOOK_SECRET: WEBHOOK_KEY,
};
const LISTS: Readonly<Record<string, string>> = {
  SIGN_IN_METHODS: ",",
  OIDC_SCOPES: " ",
  OIDC_CLIENTS: ",",
  ACCESS_ADMINS: ",",
  APPLE_APP_IDS: ",",
  ANDROID_APPS: ",",
  ALEXA_API_HOSTS: ",",
  WEBHOOK_SECRET: " ",
};

/** The configuration, or the message of its refusal. */
function outcome(change: object): ReturnType<typeof parseConfig> | string {
  try {
    return parseConfig({ ...TEXTS, ...change });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
}

/** The text that a value of another type plainly means; undefined when there is none. */
function plainText(name: string, value: unknown): string | undefined {
  if (typeof value === "string") return value.trim() || undefined;
  if (typeof value === "boolean" || Number.isSafeInteger(value)) return String(value);
  const separator = LISTS[name];
  if (!Array.isArray(value) || separator === undefined) return undefined;
  const entries = value.map((entry) => (Array.isArray(entry) ? undefined : plainText(name, entry)));
  return entries.includes(undefined) ? undefined : entries.join(separator) || separator;
}

function check(name: string, value: unknown): void {
  const found = outcome({ [name]: value });
  if (typeof found === "string") expect(found).toContain(name);
  else expect([name, value, found]).toEqual([name, value, outcome({ [name]: plainText(name, value) ?? "no meaning" })]);
}

const WRONG_TYPES: readonly unknown[] = [
  900,
  -1,
  0,
  1.1,
  0.5,
  1e21,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  10n ** 20n,
  true,
  false,
  [],
  [""],
  [" "],
  ["x"],
  ["x", ""],
  ["x", "y"],
  [5, true],
  [1.5],
  [["x"]],
  [["password"], ["oidc"]],
  [{ x: "y" }],
  [null],
  {},
  { x: "y" },
  { toString: "x" },
  new Date(0),
  " ",
  "\n",
  "x\ny",
  "x\u0000y",
  "x\ty",
];

describe("a variable of any TOML type", () => {
  it.each(VARIABLE_NAMES)("F8: %s is taken for what it plainly means, or refused by name", (name) => {
    expect(WRONG_TYPES.length).toBeGreaterThan(30);
    for (const value of WRONG_TYPES) check(name, value);
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), (value) => {
        // Empty means not set.
        if (value !== null && value !== "") check(name, value);
      }),
      { numRuns: 100 },
    );
  });

  it.each(VARIABLE_NAMES)("F8: %s is never ignored: what has no plain meaning is refused", (name) => {
    for (const value of [1.1, 1e21, 10n ** 20n, {}, new Date(0), [["x"]], [""], [null], " ", "\n\t"]) {
      expect([value, outcome({ [name]: value })]).toEqual([value, expect.stringContaining(`${name} must `)]);
    }
    if (!(name in LISTS)) expect(outcome({ [name]: ["x"] })).toContain(`${name} must be one value, not a list`);
  });

  it.each(Object.keys(TEXTS))("F8: white space around %s is stripped", (name) => {
    expect(outcome({ [name]: ` \t${TEXTS[name]}\r\n` })).toEqual(outcome({}));
  });

  it("F8: numbers, booleans and lists are read like the strings they stand for", () => {
    const fingerprint = Array(32).fill("AA").join(":");
    expect(
      outcome({
        CODE_TTL_SECONDS: 90,
        BRAND_NAME: true,
        SIGN_IN_METHODS: ["oidc"],
        OIDC_CLIENT_ID: 17,
        OIDC_SCOPES: ["openid", "email"],
        APPLE_APP_IDS: ["ABCDE12345.com.example.app"],
        ANDROID_APPS: [`com.example.app=${fingerprint}`],
        ALEXA_API_HOSTS: HOSTS,
        WEBHOOK_SECRET: [WEBHOOK_KEY, WEBHOOK_KEY],
      }),
    ).toMatchObject({
      codeTtlSeconds: 90,
      brand: { name: "true" },
      signInMethods: ["oidc"],
      oidc: { clientId: "17", scopes: "openid email" },
      appleAppIds: ["ABCDE12345.com.example.app"],
      androidApps: new Map([["com.example.app", [fingerprint]]]),
      amazon: { apiHosts: HOSTS.map((host) => `https://${host}`) },
      webhook: { secrets: [expect.anything(), expect.anything()] },
    });
  });

  it.each<[string, unknown, unknown]>([
    ["APPLE_APP_IDS", [], { appleAppIds: [] }],
    ["ANDROID_APPS", [], { androidApps: new Map() }],
    ["OIDC_SCOPES", " openid\n email\t", { oidc: { scopes: "openid email" } }],
    ["SIGN_IN_METHODS", "password,\n  oidc", { signInMethods: ["password", "oidc"] }],
    [
      "WEBHOOK_SECRET",
      `${WEBHOOK_KEY}\n${WEBHOOK_KEY}`,
      { webhook: { secrets: [expect.anything(), expect.anything()] } },
    ],
    ["BRAND_NAME", 5, { brand: { name: "5" } }],
    ["CODE_TTL_SECONDS", 90, { codeTtlSeconds: 90 }],
  ])("F8: %s = %j is accepted", (name, value, expected) => {
    expect(outcome({ [name]: value })).toMatchObject(expected as object);
  });

  it.each<[string, unknown]>([
    ["SIGN_IN_METHODS", []],
    ["ALEXA_API_HOSTS", []],
    ["OIDC_SCOPES", []],
    ["WEBHOOK_SECRET", []],
    ["OIDC_SCOPES", "openid,email"],
    ["OIDC_SCOPES", ["openid,email"]],
    ["BRAND_NAME", ["Acme", "Home"]],
    ["BRAND_NAME", { en: "Acme" }],
    ["OIDC_AUDIENCE", 1.1],
    ["OIDC_CLIENT_ID", 2 ** 64],
    ["OIDC_CLIENT_SECRET", "obviously-fake\nsecret"],
    ["AMAZON_SIGN_IN_CLIENT_SECRET", "obviously-fäke"],
    ["ADMIN_TOKEN", `${"x".repeat(20)} ${"x".repeat(20)}`],
    ["ADMIN_TOKEN", `${"x".repeat(20)}\n${"x".repeat(20)}`],
    ["ADMIN_TOKEN", "ü".repeat(40)],
    ["ADMIN_TOKEN", 2 ** 64],
    ["BRAND_LOGO_URL", "https://www.example.com/lo go.svg"],
    ["BRAND_LOGO_URL", "https://www.example.com/lo\ngo.svg"],
    ["CODE_TTL_SECONDS", 90.5],
    ["CODE_TTL_SECONDS", true],
    ["CODE_TTL_SECONDS", [90]],
  ])("F8: %s = %j is refused by name", (name, value) => {
    expect(outcome({ [name]: value })).toContain(`${name} must `);
  });

  it("F8: one message names each wrong variable once", () => {
    const message = outcome({ MASTER_KEY: {}, CODE_TTL_SECONDS: [5], BRAND_COLOR: "blue" });
    expect(
      String(message)
        .match(/MASTER_KEY|CODE_TTL_SECONDS|BRAND_COLOR/g)
        ?.sort(),
    ).toEqual(["BRAND_COLOR", "CODE_TTL_SECONDS", "MASTER_KEY"]);
  });
});
