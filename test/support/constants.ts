// The clients, skill, user and moment that tests start with.

/** Where tests start: a fixed moment, far from any real one. */
export const START = Date.UTC(2026, 0, 15, 12, 0, 0);
export const USER_ID = "0useraaaaaaaaaaaaaaaaaaaaa";
export const SKILL_ID = "amzn1.ask.skill.0000-test";
export const VENDOR_ID = "M0TESTVENDOR00";
export const ALEXA_REDIRECT_URIS = ["pitangui.amazon.com", "layla.amazon.com", "alexa.amazon.co.jp"].map(
  (host) => `https://${host}/api/skill/link/${VENDOR_ID}`,
);
export const ADD_ON_ID = "amzn1.ask.skill.add-on";
export const ADD_ON_CLIENT = "alexa-acme-notes";
export const ADD_ON_SERVICE_CLIENT = "alexa-acme-notes-service";
export const ADD_ON_SECRET = "fake-add-on-secret-0123456789";
/** The canonical URI of the add-on's MCP server. */
export const ADD_ON_RESOURCE = "https://mcp.example.com/mcp";
export const ALEXA_CLIENT = "alexa-test";
export const ALEXA_SECRET = "obviously-fake-secret-of-the-test-client";
export const APP_CLIENT = "test-app";
export const APP_REDIRECT_URI = "https://app.example.com/oauth/callback";
export const SERVICE_CLIENT = "test-service";
export const SERVICE_SECRET = "obviously-fake-secret-of-the-test-service";
