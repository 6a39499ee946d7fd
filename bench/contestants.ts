// Who is compared, by the names that options and tables use.

export const CONTESTANTS = [
  "alexa-link",
  "cloudflare",
  "openauth",
  "oidc-provider",
  "floor",
  "floor-with-crypto",
] as const;
export type ContestantName = (typeof CONTESTANTS)[number];
