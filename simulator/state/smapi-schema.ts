// What the Skill Management API accepts as a skill's account linking configuration.
import * as z from "zod";

const MOST = 15;

/** SMAPI's URLs are https; here http is accepted on loopback, as in development. */
function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
}

const webAddress = z.string().refine(isWebAddress, "must be an https URL");

const platformSchema = z.strictObject({
  platformType: z.enum(["iOS", "Android"]),
  platformAuthorizationUrl: webAddress,
});

/** The members besides those that the simulated Alexa uses for linking; they are only stored and shown. */
export const moreLinkingSchema = z.strictObject({
  authorizationUrlsByPlatform: z.array(platformSchema).optional(),
  domains: z.array(z.string().min(1)).max(MOST).optional(),
  defaultTokenExpirationInSeconds: z.int().positive().optional(),
  reciprocalAccessTokenUrl: webAddress.optional(),
  skipOnEnablement: z.boolean().optional(),
  voiceForwardAccountLinking: z.enum(["ENABLED", "DISABLED"]).optional(),
});

const required = z.string({ error: "EXPECTED_NOT_EMPTY_VALUE" }).min(1, "EXPECTED_NOT_EMPTY_VALUE");

const notEmpty = (issue: { readonly code: string }) =>
  issue.code === "invalid_type" ? "EXPECTED_NOT_EMPTY_VALUE" : undefined;

const linkingSchema = z.strictObject(
  {
    ...moreLinkingSchema.shape,
    type: z.literal("AUTH_CODE", "the simulator knows AUTH_CODE only"),
    authorizationUrl: required.refine(isWebAddress, "must be an https URL"),
    accessTokenUrl: required.refine(isWebAddress, "must be an https URL"),
    accessTokenScheme: z.enum(["HTTP_BASIC", "REQUEST_BODY_CREDENTIALS"]),
    clientId: required,
    clientSecret: required,
    scopes: z.array(z.string().min(1)).max(MOST).default([]),
    redirectUrls: z.array(webAddress).default([]),
    pkceConfiguration: z
      .strictObject({ status: z.enum(["ENABLED", "DISABLED"]), codeChallengeMethod: z.literal("S256").optional() })
      .optional(),
  },
  { error: notEmpty },
);

/** The body of `PUT …/accountLinkingClient`. */
export const linkingRequestSchema = z.strictObject({ accountLinkingRequest: linkingSchema });

/** One member of `events` in a manifest: where Alexa sends the events of a skill. */
const endpointSchema = z
  .looseObject({
    uri: z.string().refine((uri) => uri.startsWith("arn:aws:lambda:") || isWebAddress(uri), "must be https or an ARN"),
    sslCertificateType: z.enum(["SelfSigned", "Wildcard", "Trusted"]).optional(),
  })
  .refine((endpoint) => endpoint.uri.startsWith("arn:") === (endpoint.sslCertificateType === undefined), {
    path: ["sslCertificateType"],
    message: "is required for an https endpoint, and only for one",
  });

/** The body of `PUT …/manifest`, as far as account linking is concerned. The rest is stored as it comes. */
export const manifestSchema = z.looseObject({
  manifest: z.looseObject(
    {
      manifestVersion: z.literal("1.0"),
      permissions: z.array(z.looseObject({ name: z.string().min(1) })).optional(),
      events: z
        .looseObject({
          endpoint: endpointSchema,
          subscriptions: z.array(z.looseObject({ eventName: z.string().regex(/^[A-Za-z_.]+$/) })).optional(),
          regions: z.record(z.string(), z.looseObject({ endpoint: endpointSchema })).optional(),
        })
        .optional(),
    },
    { error: notEmpty },
  ),
});
export type Manifest = z.infer<typeof manifestSchema>["manifest"];
