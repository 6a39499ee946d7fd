// The clients, skill, user and moment that tests start with.

/** Where tests start: a fixed moment, far from any real one. */
export const START = Date.UTC(2026, 0, 15, 12, 0, 0);
export const USER_ID = "0useraaaaaaaaaaaaaaaaaaaaa";
export const SKILL_ID = "amzn1.ask.skill.0000-test";
export const VENDOR_ID = "M0TESTVENDOR00";
export const ALEXA_REDIRECT_URIS = ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp"].map(
  (host) => `https://${host}/api/skill/link/${VENDOR_ID}`,
);
export const ALEXA_CLIENT = "alexa-test";
export const ALEXA_SECRET = "obviously-fake-secret-of-the-test-client";
export const APP_CLIENT = "test-app";
export const APP_REDIRECT_URI = "https://app.example.com/oauth/callback";
export const SERVICE_CLIENT = "test-service";
export const SERVICE_SECRET = "obviously-fake-secret-of-the-test-service";
