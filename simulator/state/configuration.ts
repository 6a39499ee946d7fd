// What can be configured: skills as they stand in the Alexa developer console, and Amazon accounts.
import * as z from "zod";

const webUrl = z.url({ protocol: /^https?$/ });
const credentials = z.strictObject({ clientId: z.string().min(1).max(100), clientSecret: z.string().min(1) });

export const skillSchema = z.strictObject({
  skillId: z.string().min(1).max(255),
  stage: z.enum(["development", "live"]),
  /** Name shown to the customer. */
  name: z.string().min(1),
  /** In which form the skill gets AcceptGrant. */
  type: z.enum(["smart_home", "custom"]).default("smart_home"),
  authorizationUrl: webUrl,
  /** Address that the company's app claims as universal or app link; with it the Alexa app can open that app. */
  appAuthorizationUrl: webUrl.optional(),
  tokenUrl: webUrl,
  /** The company's OAuth client: what Alexa presents to the company. */
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  accessTokenScheme: z.enum(["HTTP_BASIC", "REQUEST_BODY_CREDENTIALS"]).default("HTTP_BASIC"),
  scopes: z.array(z.string().min(1)).max(15).default([]),
  pkce: z.boolean().default(false),
  vendorId: z.string().regex(/^[A-Za-z0-9]+$/, "letters and digits only"),
  /** Alexa's redirect addresses: Amazon's own, the simulator's own, or whichever fits the request's host. */
  alexaRedirects: z.enum(["auto", "amazon", "simulator"]).default("auto"),
  /** Amazon's client for linking that starts at the company: what the company presents to Login with Amazon. */
  lwa: credentials,
  /** Amazon's client for the event gateway; left out, `lwa` serves for both. */
  eventGateway: credentials.optional(),
  /** "Your Redirect URLs": where Login with Amazon may send a code, exactly. */
  redirectUrls: z.array(webUrl).default([]),
  /** A security profile for signing in to the company with an Amazon account (scope `profile`). */
  loginWithAmazon: credentials.extend({ returnUrls: z.array(webUrl).min(1) }).optional(),
  /** Where signed skill events go; left out, none are sent. */
  eventsUrl: webUrl.optional(),
  /** Origin of the certificates that sign them; left out, the simulator's own on loopback, else `https://s3.amazonaws.com`. */
  certificateOrigin: webUrl.optional(),
  /** "Send Alexa Events": linking needs an AcceptGrant that is answered well. */
  sendAlexaEvents: z.boolean().default(false),
  /** Where AcceptGrant goes (the skill's backend), with HTTP Basic. */
  acceptGrant: credentials.extend({ url: webUrl }).optional(),
  reciprocalUrl: webUrl.optional(),
  /** Where the skill's backend asks who is speaking, with HTTP Basic; left out, nobody can speak. */
  personalization: credentials.extend({ url: webUrl }).optional(),
  /** The company whose website and app the simulator plays as well. */
  company: z
    .strictObject({
      name: z.string().min(1).default("Acme Home"),
      /** Address of the company's linking service; left out, the origin of `authorizationUrl`. */
      serviceOrigin: webUrl.optional(),
      /** Public OAuth client of the company's app. */
      appClientId: z.string().min(1).default("demo-app"),
      appScope: z.string().default("links"),
      /** Return addresses registered for the skill; left out, the simulator's own. */
      returnUrl: webUrl.optional(),
      appReturnUrl: webUrl.optional(),
      /** Redirect address that the company's app claims; left out, `/app/callback` of its service. */
      appCallbackUrl: webUrl.optional(),
    })
    .prefault({}),
});
export type Skill = z.infer<typeof skillSchema>;
export type SkillStage = Skill["stage"];

export const REGIONS = ["NA", "EU", "FE"] as const;
export type Region = (typeof REGIONS)[number];

export const accountSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]+$/, "lower-case letters, digits and hyphens"),
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

/** Key of a skill: its id and stage, which are linked independently of each other. */
export function skillKey(skillId: string, stage: string): string {
  return `${skillId}/${stage}`;
}

/** What is wrong with a JSON body, one line per problem, with the path of the field. */
export function explainProblems(error: z.ZodError): string[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => `${[...path, key].join(".")}: no such field`);
    return [`${path.join(".") || "(body)"}: ${issue.message}`];
  });
}
