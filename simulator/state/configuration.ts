// What can be configured: skills, with the values of the Alexa developer console, and Amazon accounts.
import * as z from "zod";
import { moreLinkingSchema } from "./smapi-schema.ts";

const webUrl = z.url({ protocol: /^https?$/ });
const credentials = z.strictObject({ clientId: z.string().min(1).max(100), clientSecret: z.string().min(1) });

/** The company whose website and app are simulated too. */
export const companySchema = z
  .strictObject({
    name: z.string().min(1).default("Acme Home"),
    /** Origin of the company's linking service (default: the origin of `authorizationUrl`). */
    serviceOrigin: webUrl.optional(),
    /** The public OAuth client of the company's app. */
    appClientId: z.string().min(1).default("demo-app"),
    appScope: z.string().default("links"),
    /** Return URLs that are registered for the skill (default: the simulator's own). */
    returnUrl: webUrl.optional(),
    appReturnUrl: webUrl.optional(),
    /** The redirect URI that the company's app claims (default: `/app/callback` of its service). */
    appCallbackUrl: webUrl.optional(),
    /** Where operators look attempts up: an address to which a grant's id or a minute in UTC is appended. */
    searchUrl: webUrl.optional(),
  })
  .prefault({});

export const skillSchema = z.strictObject({
  skillId: z.string().min(1).max(255),
  stage: z.enum(["development", "live"]),
  /** The name that customers see. */
  name: z.string().min(1),
  /** Decides in which form AcceptGrant is sent. */
  type: z.enum(["smart_home", "custom"]).default("smart_home"),
  authorizationUrl: webUrl,
  /** The URL that the company's app claims as a universal link or app link, so that the Alexa app can open it. */
  appAuthorizationUrl: webUrl.optional(),
  tokenUrl: webUrl,
  /** The OAuth client that Alexa presents to the company. */
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  accessTokenScheme: z.enum(["HTTP_BASIC", "REQUEST_BODY_CREDENTIALS"]).default("HTTP_BASIC"),
  scopes: z.array(z.string().min(1)).max(15).default([]),
  pkce: z.boolean().default(false),
  vendorId: z.string().regex(/^[A-Za-z0-9]+$/, "letters and digits only"),
  /** Which redirect URIs Alexa uses: Amazon's, the simulator's, or whichever matches the request's host. */
  alexaRedirects: z.enum(["auto", "amazon", "simulator"]).default("auto"),
  /** Amazon's client, which the company presents to Login with Amazon for linking that it starts. */
  lwa: credentials,
  /** Amazon's client for the event gateway (default: `lwa`). */
  eventGateway: credentials.optional(),
  /** "Your Redirect URLs": the exact URLs to which Login with Amazon may send a code. */
  redirectUrls: z.array(webUrl).default([]),
  /** A security profile for signing in to the company with an Amazon account (scope `profile`). */
  loginWithAmazon: credentials.extend({ returnUrls: z.array(webUrl).min(1) }).optional(),
  /** Where signed skill events are sent; if omitted, none are sent. */
  eventsUrl: webUrl.optional(),
  /** Origin of their certificates (default: the simulator's own on loopback, else `https://s3.amazonaws.com`). */
  certificateOrigin: webUrl.optional(),
  /** "Send Alexa Events": linking fails unless AcceptGrant succeeds. */
  sendAlexaEvents: z.boolean().default(false),
  /** Where AcceptGrant is sent (the skill's backend), with HTTP Basic. */
  acceptGrant: credentials.extend({ url: webUrl }).optional(),
  reciprocalUrl: webUrl.optional(),
  /** Where the skill's backend asks who is speaking, with HTTP Basic; if omitted, speech is not simulated. */
  personalization: credentials.extend({ url: webUrl }).optional(),
  /** What SMAPI stores beside the fields above, and Alexa's simulation does not use. */
  accountLinking: moreLinkingSchema.optional(),
  company: companySchema,
});
/** A skill, or the account linking of an add-on, which has a resource: the URI of its MCP server. */
export type Skill = z.infer<typeof skillSchema> & { readonly resource?: string };
export type SkillStage = Skill["stage"];

export const REGIONS = ["NA", "EU", "FE"] as const;
export type Region = (typeof REGIONS)[number];

export const accountSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/, "lowercase letters, digits and hyphens"),
  name: z.string().min(1),
  email: z.email(),
  region: z.enum(REGIONS),
});
export type AmazonAccount = z.infer<typeof accountSchema>;

export const BUILT_IN_ACCOUNTS: readonly AmazonAccount[] = [
  { id: "nora", name: "Nora", email: "nora@example.com", region: "NA" },
  { id: "emil", name: "Emil", email: "emil@example.com", region: "EU" },
  { id: "fumi", name: "Fumi", email: "fumi@example.com", region: "FE" },
];

/** Key of a skill: its id and stage, since both stages can be linked side by side. */
export function skillKey(skillId: string, stage: string): string {
  return `${skillId}/${stage}`;
}

/** Describes what is wrong with a JSON body: one line per problem, with the path of the field. */
export function explainProblems(error: z.ZodError): string[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => `${[...path, key].join(".")}: unknown field`);
    return [`${path.join(".") || "(body)"}: ${issue.message}`];
  });
}
