// The developer of the skills: their LWA client, and what the Skill Management API takes from it.

export const SMAPI_SCOPE = "alexa::ask:skills:readwrite";

/** A security profile of the developer's, and the refresh token that the ASK CLI would print for it. */
export const DEVELOPER = {
  clientId: "amzn1.application-oa2-client.simulated-developer",
  clientSecret: "simulated-developer-secret",
  refreshToken: "Atzr|simulated-developer",
} as const;
