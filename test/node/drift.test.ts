// The comparison of a skill's configuration here with Amazon's.
import { describe, expect, it } from "vitest";
import type { LinkingRequest, SkillView } from "../../cli/admin-api.ts";
import { eventDriftOf, eventNeedsOf, othersEvents, withEvents } from "../../cli/skill/drift.ts";
import { driftOf } from "../../src/admin/linking-drift.ts";

const OURS: LinkingRequest["accountLinkingRequest"] = {
  type: "AUTH_CODE",
  authorizationUrl: "https://link.example.com/authorize",
  authorizationUrlsByPlatform: [
    { platformType: "iOS", platformAuthorizationUrl: "https://link.example.com/app/authorize" },
    { platformType: "Android", platformAuthorizationUrl: "https://link.example.com/app/authorize" },
  ],
  accessTokenUrl: "https://link.example.com/token",
  accessTokenScheme: "HTTP_BASIC",
  clientId: "alexa-acme-home",
  clientSecret: "PUT-THE-CLIENT-SECRET-HERE",
  scopes: ["profile", "devices:control"],
  domains: ["cdn.example.com", "login.example.com"],
  defaultTokenExpirationInSeconds: 3600,
  redirectUrls: ["https://link.example.com/link/callback", "https://link.example.com/app/callback"],
  reciprocalAccessTokenUrl: "https://link.example.com/alexa/reciprocal",
  skipOnEnablement: true,
  voiceForwardAccountLinking: "ENABLED",
  pkceConfiguration: { status: "ENABLED", codeChallengeMethod: "S256" },
};
const { clientSecret: _, ...SHOWN } = OURS;
const compare = (changes: object, ours: object = {}) => driftOf({ ...OURS, ...ours }, { ...SHOWN, ...changes });

describe("account linking", () => {
  it.each([
    ["type", { type: "IMPLICIT" }],
    ["authorizationUrl", { authorizationUrl: "https://link.example.com/authorize/" }],
    ["authorizationUrlsByPlatform", { authorizationUrlsByPlatform: SHOWN.authorizationUrlsByPlatform?.slice(1) }],
    ["accessTokenUrl", { accessTokenUrl: undefined }],
    ["accessTokenScheme", { accessTokenScheme: "REQUEST_BODY_CREDENTIALS" }],
    ["clientId", { clientId: "Alexa-Acme-Home" }],
    ["scopes", { scopes: ["profile"] }],
    ["scopes", { scopes: "profile devices:control" }],
    ["domains", { domains: [...OURS.domains, "other.example.com"] }],
    ["defaultTokenExpirationInSeconds", { defaultTokenExpirationInSeconds: 3_600_000 }],
    ["redirectUrls", { redirectUrls: OURS.redirectUrls.slice(0, 1) }],
    ["reciprocalAccessTokenUrl", { reciprocalAccessTokenUrl: "https://link.example.com/" }],
    ["skipOnEnablement", { skipOnEnablement: "false" }],
    ["voiceForwardAccountLinking", { voiceForwardAccountLinking: undefined }],
    ["pkceConfiguration", { pkceConfiguration: { status: "DISABLED" } }],
    ["pkceConfiguration", { pkceConfiguration: { status: "ENABLED", codeChallengeMethod: "plain" } }],
  ])("names %s alone if it differs: %j", (field, changes) => {
    expect(compare(changes).drift.map((one) => one.field)).toEqual([field]);
  });

  it.each([
    ["nothing differs", {}],
    ["lists have another order", { scopes: [...OURS.scopes].reverse(), domains: [...OURS.domains].reverse() }],
    ["platforms have another order", { authorizationUrlsByPlatform: SHOWN.authorizationUrlsByPlatform?.toReversed() }],
    ["a scope is listed twice", { scopes: [...OURS.scopes, "profile"] }],
    ["booleans and numbers are text", { skipOnEnablement: "true", defaultTokenExpirationInSeconds: "3600" }],
    [
      "Alexa's own redirect URIs are among ours",
      { redirectUrls: [...OURS.redirectUrls, "https://alexa.amazon.co.jp/api/skill/link/M0EXAMPLE00001"] },
    ],
    ["PKCE names no method", { pkceConfiguration: { status: "ENABLED" } }],
    ["there are members that we do not know", { partition: "x", accountLinkingProviderIdentifier: { a: 1 } }],
  ])("no drift if %s", (_, changes) => {
    expect(compare(changes).drift).toEqual([]);
  });

  it("absent is the same as empty, off or false", () => {
    const ours = {
      authorizationUrlsByPlatform: undefined,
      domains: [],
      voiceForwardAccountLinking: undefined,
      pkceConfiguration: undefined,
      skipOnEnablement: false,
    };
    const amazons = {
      ...ours,
      domains: undefined,
      voiceForwardAccountLinking: "DISABLED",
      pkceConfiguration: { status: "DISABLED" },
      skipOnEnablement: false,
    };
    expect(compare(amazons, ours).drift).toEqual([]);
    expect(compare({ voiceForwardAccountLinking: "ENABLED" }, ours).drift.map(({ field }) => field)).toContain(
      "voiceForwardAccountLinking",
    );
  });

  it("a look-alike of Alexa's redirect URIs is a drift", () => {
    for (const url of [
      "https://alexa.amazon.com.example.com/api/skill/link/M0",
      "http://alexa.amazon.com/api/skill/link/M0",
    ]) {
      expect(compare({ redirectUrls: [...OURS.redirectUrls, url] }).drift).toHaveLength(1);
    }
  });

  it("the secret is never shown, the others only if Amazon leaves them out", () => {
    expect(compare({}).notShown).toEqual(["clientSecret"]);
    expect(compare({ skipOnEnablement: undefined, pkceConfiguration: null }).notShown).toEqual([
      "clientSecret",
      "skipOnEnablement",
      "pkceConfiguration",
    ]);
  });

  it("a skill without account linking at Amazon has one drift", () => {
    expect(driftOf(OURS, undefined).drift).toMatchObject([{ field: "accountLinking", amazon: null }]);
  });
});

describe("events and permissions", () => {
  const skill = (changes: object) => ({ type: "smart_home", eventGateway: null, ...changes }) as unknown as SkillView;
  const needsOf = (changes: object) => eventNeedsOf(skill(changes), { accountLinkingRequest: OURS });
  const NEEDS = needsOf({ eventGateway: { clientId: "x" } });
  const EVENTS = {
    endpoint: { uri: NEEDS.uri, sslCertificateType: "Wildcard" },
    subscriptions: [...NEEDS.subscriptions, "ITEMS_CREATED"].map((eventName) => ({ eventName, unknown: 1 })),
  };
  const PERMISSIONS = [{ name: "alexa::person_id:read" }, { name: "alexa::async_event:write" }];

  it("permissions follow from the skill", () => {
    expect(needsOf({}).permissions).toEqual([]);
    expect(NEEDS.permissions).toEqual(["alexa::async_event:write"]);
    expect(needsOf({ type: "baby_activity" }).permissions).toEqual(["alexa::health:profile:write"]);
  });

  it("more than account linking needs is no drift", () => {
    expect(eventDriftOf(NEEDS, { events: EVENTS, permissions: PERMISSIONS })).toEqual([]);
  });

  it.each([
    ["events.endpoint.uri", { endpoint: { uri: "https://other.example.com/alexa/events" } }],
    ["events.subscriptions", { subscriptions: [{ eventName: "SKILL_ENABLED" }] }],
    ["events.regions.EU.endpoint.uri", { regions: { EU: { endpoint: { uri: "arn:aws:lambda:x" } } } }],
  ])("names %s alone if it differs", (field, changes) => {
    const drift = eventDriftOf(NEEDS, { events: { ...EVENTS, ...changes }, permissions: PERMISSIONS });
    expect(drift.map((one) => one.field)).toEqual([field]);
  });

  it("a manifest without any of it, or with nonsense, has a drift each", () => {
    for (const manifest of [{}, { events: null, permissions: "x" }, { events: [1], permissions: [null] }]) {
      expect(eventDriftOf(NEEDS, manifest).map(({ field }) => field)).toEqual([
        "events.endpoint.uri",
        "events.subscriptions",
        "permissions",
      ]);
    }
  });

  it("the new manifest keeps everything that is not needed as it is", () => {
    const manifest = JSON.parse(`{"manifestVersion":"1.0","zeta":{"b":[1,null,"\\u00e9"],"a":1e3},
      "events":{"publications":[{"eventName":"x"}],"endpoint":{"uri":"arn:aws:lambda:a","later":true},
      "subscriptions":[{"eventName":"SKILL_DISABLED","extra":1}],"regions":{"EU":{"endpoint":{"uri":"b"},"more":2}}},
      "permissions":[{"name":"alexa::person_id:read","x":0}],"__proto__":{"y":1}}`) as Record<string, unknown>;
    const before = JSON.stringify(manifest);
    const changed = withEvents(NEEDS, manifest);
    expect(JSON.stringify(manifest)).toBe(before);
    expect(eventDriftOf(NEEDS, changed)).toEqual([]);
    const endpoint = { uri: NEEDS.uri, sslCertificateType: "Trusted" };
    const expected = JSON.parse(before) as Record<string, Record<string, unknown>>;
    expected.events!.endpoint = { ...endpoint, later: true };
    expected.events!.regions = { EU: { endpoint, more: 2 } };
    expected.events!.subscriptions = [
      { eventName: "SKILL_DISABLED", extra: 1 },
      { eventName: "SKILL_ENABLED" },
      { eventName: "SKILL_ACCOUNT_LINKED" },
    ];
    const permissions = [{ name: "alexa::person_id:read", x: 0 }, { name: "alexa::async_event:write" }];
    expect(changed).toEqual({ ...expected, permissions });
    expect(Object.hasOwn(changed, "__proto__")).toBe(true);
    expect(withEvents(needsOf({}), manifest).permissions).toEqual(manifest.permissions);
    expect(withEvents(needsOf({}), { manifestVersion: "1.0" })).not.toHaveProperty("permissions");
  });

  it("events for somebody else are noticed before their address is taken", () => {
    const elsewhere = { ...EVENTS, endpoint: { uri: "arn:aws:lambda:x" } };
    expect(othersEvents(NEEDS, { events: elsewhere })).toEqual({ uri: "arn:aws:lambda:x", names: ["ITEMS_CREATED"] });
    expect(othersEvents(NEEDS, { events: EVENTS })).toBeUndefined();
    expect(
      othersEvents(NEEDS, { events: { ...elsewhere, subscriptions: [{ eventName: "SKILL_ENABLED" }] } }),
    ).toBeUndefined();
    expect(othersEvents(NEEDS, {})).toBeUndefined();
  });
});
