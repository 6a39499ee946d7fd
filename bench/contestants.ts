// Who is compared, by the names that options and tables use.
import { alexaLink } from "./contestants/alexa-link.ts";
import { cloudflare } from "./contestants/cloudflare.ts";
import { floor } from "./contestants/floor.ts";
import { oidcProvider } from "./contestants/oidc-provider.ts";
import { openauth } from "./contestants/openauth.ts";
import type { Contestant } from "./exercise.ts";
import type { Connection } from "./http.ts";

export const CONTESTANTS = [
  "alexa-link",
  "cloudflare",
  "openauth",
  "oidc-provider",
  "floor",
  "floor-with-crypto",
] as const;
export type ContestantName = (typeof CONTESTANTS)[number];

/** The requests to each of them. */
export const REQUESTS: Readonly<Record<ContestantName, (connection: Connection) => Contestant>> = {
  "alexa-link": alexaLink,
  cloudflare,
  openauth,
  "oidc-provider": oidcProvider,
  floor,
  "floor-with-crypto": floor,
};
