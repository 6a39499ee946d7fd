// The server that the conformance checks run against, and how to reach it.
import type { AuthorizationRequest } from "./authorization-request.ts";
import type { Fetch, TokenClient } from "./token.ts";

export interface ConformanceTarget {
  readonly fetch: Fetch;
  readonly authorizationUrl: string;
  readonly client: TokenClient;
  readonly scopes: readonly string[];
  readonly pkce: boolean;
  /** Alexa's redirect URIs, one for each region. */
  readonly redirectUris: readonly string[];
  /** Acts as the customer: opens the URL, signs in if asked, decides; returns the URL of the redirect to Alexa. */
  readonly decide: (request: AuthorizationRequest, decision: "allow" | "deny") => Promise<string | undefined>;
  /** Alexa's time limit in milliseconds (default 4,500). */
  readonly limitMs?: number;
}
