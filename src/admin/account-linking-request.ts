// The account linking configuration that Amazon needs for one skill: the body of SMAPI's account linking call.
import type { Config } from "../env.ts";
import type { Client } from "../storage/clients/clients.ts";
import type { Linking, Skill, SkillType } from "../storage/skills/skills.ts";

/** The secret is stored as a hash and cannot be shown again, so the operator fills it in. */
const CLIENT_SECRET_PLACEHOLDER = "PUT-THE-CLIENT-SECRET-HERE";

const MAX_DOMAINS = 15;

/** Whether Amazon requires account linking before a skill of this type can be enabled. */
export function linkingIsRequired(type: SkillType): boolean {
  return type !== "custom" && type !== "music";
}

/** Whether a customer must link the account to enable the skill. Default: only if Amazon requires it. */
export function linkingOf(skill: Pick<Skill, "type" | "linking">): Linking {
  return linkingIsRequired(skill.type) ? "required" : (skill.linking ?? "optional");
}

/**
 * Whether Alexa may ask for consent to link by voice. Amazon offers it to custom skills whose customers sign in with
 * Login with Amazon; it takes effect only when the skill asks for it.
 */
function voiceForward({ signInMethods }: Config): "ENABLED" | "DISABLED" {
  return signInMethods.every((method) => method === "amazon") ? "ENABLED" : "DISABLED";
}

/** Hosts, besides ours, that the customer's browser loads from or is redirected to during sign-in. */
function domains(config: Config, issuer: string): string[] {
  const addresses = [
    config.brand.logoUrl,
    config.signInMethods.includes("oidc") ? config.oidc?.issuer : undefined,
    config.signInMethods.includes("amazon") ? config.amazon.authorizeUrl : undefined,
  ];
  const hosts = addresses.flatMap((address) => (address === undefined ? [] : [new URL(address).hostname]));
  return [...new Set(hosts)].filter((host) => host !== new URL(issuer).hostname).slice(0, MAX_DOMAINS);
}

/** `{"accountLinkingRequest": …}` as Amazon's Account Linking Schemas define it. The secret is a placeholder. */
export function accountLinkingRequest(
  rt: { readonly config: Config; readonly issuer: string },
  skill: Skill,
  client: Client,
): { accountLinkingRequest: Record<string, unknown> } {
  const { config, issuer } = rt;
  const appAuthorizationUrl = `${issuer}/app/authorize`;
  const platforms = [
    ...(config.appleAppIds.length > 0 ? ["iOS"] : []),
    ...(config.androidApps.size > 0 ? ["Android"] : []),
  ];
  return {
    accountLinkingRequest: {
      type: "AUTH_CODE",
      authorizationUrl: `${issuer}/authorize`,
      ...(platforms.length > 0
        ? {
            authorizationUrlsByPlatform: platforms.map((platformType) => ({
              platformType,
              platformAuthorizationUrl: appAuthorizationUrl,
            })),
          }
        : {}),
      accessTokenUrl: `${issuer}/token`,
      accessTokenScheme: "HTTP_BASIC",
      clientId: client.id,
      clientSecret: CLIENT_SECRET_PLACEHOLDER,
      scopes: client.scopes,
      domains: domains(config, issuer),
      defaultTokenExpirationInSeconds: config.accessTokenTtlSeconds,
      redirectUrls: [`${issuer}/link/callback`, `${issuer}/app/callback`],
      ...(skill.type === "baby_activity" ? { reciprocalAccessTokenUrl: `${issuer}/alexa/reciprocal` } : {}),
      skipOnEnablement: linkingOf(skill) === "optional",
      ...(skill.type === "custom" ? { voiceForwardAccountLinking: voiceForward(config) } : {}),
      ...(client.requirePkce ? { pkceConfiguration: { status: "ENABLED", codeChallengeMethod: "S256" } } : {}),
    },
  };
}
