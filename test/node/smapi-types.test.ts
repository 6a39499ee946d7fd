// What is sent to SMAPI and read from it, against Amazon's published types.
import type { v1 } from "ask-smapi-model";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { LinkingRequest } from "../../cli/admin-api.ts";
import { withEvents } from "../../cli/skill/drift.ts";
import { driftOf, NOT_IN_RESPONSE } from "../../src/admin/linking-drift.ts";

type Ours = LinkingRequest["accountLinkingRequest"];
type Payload = v1.skill.accountLinking.AccountLinkingRequestPayload;
type Response = v1.skill.accountLinking.AccountLinkingResponse;
type Manifest = v1.skill.Manifest.SkillManifest;
type Mutable<T> = T extends readonly (infer One)[]
  ? Mutable<One>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;

const REQUEST = {
  type: "AUTH_CODE",
  authorizationUrl: "https://link.example.com/authorize",
  authorizationUrlsByPlatform: [
    { platformType: "iOS", platformAuthorizationUrl: "https://link.example.com/app/authorize" },
  ],
  accessTokenUrl: "https://link.example.com/token",
  accessTokenScheme: "HTTP_BASIC",
  clientId: "alexa-acme-home",
  clientSecret: "example-secret",
  scopes: ["profile"],
  domains: ["cdn.example.com"],
  defaultTokenExpirationInSeconds: 3600,
  redirectUrls: ["https://link.example.com/link/callback"],
  reciprocalAccessTokenUrl: "https://link.example.com/alexa/reciprocal",
  skipOnEnablement: true,
  voiceForwardAccountLinking: "ENABLED",
} satisfies Payload & Ours;

describe("Amazon's published types", () => {
  it("have every field of the request, with the same type, except PKCE", () => {
    expectTypeOf<Omit<Mutable<Ours>, "pkceConfiguration">>().toExtend<Payload>();
    expectTypeOf<Exclude<keyof Ours, keyof Payload>>().toEqualTypeOf<"pkceConfiguration">();
    expectTypeOf<Exclude<keyof Payload, keyof Ours>>().toEqualTypeOf<never>();
  });

  it("lack in the response exactly the fields that diff calls not shown", () => {
    expectTypeOf<Exclude<keyof Ours, keyof Response>>().toEqualTypeOf<
      "clientSecret" | "reciprocalAccessTokenUrl" | "skipOnEnablement" | "pkceConfiguration"
    >();
    expect([...NOT_IN_RESPONSE].sort()).toEqual(
      ["clientSecret", "reciprocalAccessTokenUrl", "skipOnEnablement", "pkceConfiguration"].sort(),
    );
  });

  it("make a response that has no drift from its request", () => {
    const { clientSecret: _, reciprocalAccessTokenUrl: __, skipOnEnablement: ___, ...shown } = REQUEST;
    const response: Response = shown;
    expect(driftOf(REQUEST, response as Readonly<Record<string, unknown>>)).toEqual({
      drift: [],
      notShown: NOT_IN_RESPONSE,
    });
  });

  it("have the events and permissions that are written into the manifest", () => {
    const wanted = {
      endpoint: { uri: "https://link.example.com/alexa/events", sslCertificateType: "Trusted" },
      subscriptions: [
        { eventName: "SKILL_ENABLED" },
        { eventName: "SKILL_DISABLED" },
        { eventName: "SKILL_ACCOUNT_LINKED" },
      ],
    } satisfies v1.skill.Manifest.SkillManifestEvents;
    const permissions = [
      { name: "alexa::async_event:write" },
      { name: "alexa::health:profile:write" },
    ] satisfies v1.skill.Manifest.PermissionItems[];
    const manifest: Manifest = { manifestVersion: "1.0", events: wanted, permissions };
    const needs = {
      uri: wanted.endpoint.uri,
      subscriptions: wanted.subscriptions.map(({ eventName }) => eventName),
      permissions: permissions.map(({ name }) => name),
    };
    expect(withEvents(needs, { manifestVersion: "1.0" })).toEqual(manifest);
  });
});
