// The clients of Login with Amazon, collected from the registered skills.
import type { Skill } from "../state/configuration.ts";
import { DEVELOPER, SMAPI_SCOPE } from "../state/developer.ts";
import type { Store } from "../state/store.ts";

export const ACCOUNT_LINKING_SCOPE = "alexa::skills:account_linking";
const PROFILE_SCOPES = ["profile", "profile:user_id", "postal_code"];

export interface SecurityProfile {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly returnUrls: readonly string[];
  readonly skills: readonly Skill[];
}

/** The client with that id, merged from every skill that uses it; undefined if unknown. */
export function findSecurityProfile(store: Store, clientId: string): SecurityProfile | undefined {
  if (clientId === DEVELOPER.clientId) {
    return { clientId, clientSecret: DEVELOPER.clientSecret, scopes: [SMAPI_SCOPE], returnUrls: [], skills: [] };
  }
  let profile: SecurityProfile | undefined;
  const add = (skill: Skill, secret: string, scopes: readonly string[], returnUrls: readonly string[]) => {
    profile = {
      clientId,
      clientSecret: profile?.clientSecret ?? secret,
      scopes: [...new Set([...(profile?.scopes ?? []), ...scopes])],
      returnUrls: [...new Set([...(profile?.returnUrls ?? []), ...returnUrls])],
      skills: [...(profile?.skills ?? []), skill],
    };
  };
  for (const skill of store.skills.values()) {
    if (skill.lwa.clientId === clientId)
      add(skill, skill.lwa.clientSecret, [ACCOUNT_LINKING_SCOPE], skill.redirectUrls);
    if (skill.eventGateway?.clientId === clientId) add(skill, skill.eventGateway.clientSecret, [], []);
    if (skill.loginWithAmazon?.clientId === clientId) {
      add(skill, skill.loginWithAmazon.clientSecret, PROFILE_SCOPES, skill.loginWithAmazon.returnUrls);
    }
  }
  return profile;
}
