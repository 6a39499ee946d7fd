// What all contestants are set up with. Nothing here is secret.

export const ADMIN_TOKEN = "obviously-fake-admin-token-of-the-benchmark";
export const REDIRECT_URI = "https://layla.amazon.com/api/skill/link/M2BENCHVENDOR";
/** What is registered for access tokens: their audience. */
export const RESOURCE = "https://api.example.com/";
/** As long as Alexa's. */
export const STATE = `eyJpbml0VmVjdG9yIjoi${"Ab9_-".repeat(130)}`;
export const SCOPES = ["profile", "devices:control"];
export const CLIENT_SECRET = "obviously-fake-client-secret-of-the-benchmark";
export const VERIFIER = "verifier-of-the-benchmark-0000000000000000000";

/** Where the simulated Amazon listens. */
export const AMAZON_ORIGIN = "http://127.0.0.1:18790";
/** The variables of this service that replace Amazon's addresses. */
export const AMAZON = {
  AMAZON_TOKEN_URL: `${AMAZON_ORIGIN}/auth/o2/token`,
  ALEXA_API_URL: AMAZON_ORIGIN,
  ALEXA_API_HOSTS: ["na", "eu", "fe"].map((region) => `${AMAZON_ORIGIN}/${region}`).join(","),
};
