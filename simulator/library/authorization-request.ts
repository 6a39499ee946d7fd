// The authorization request that the Alexa app opens in a browser or in the company's app.
import { appendQuery, encodeParameters, randomText, toBase64 } from "./encoding.ts";
import { makePkcePair } from "./pkce.ts";

/** The hosts of Alexa's redirect URIs: one for each region, and one more that MCP add-ons register. */
export const REDIRECT_HOSTS = {
  pitangui: "pitangui.amazon.com",
  layla: "layla.amazon.com",
  japan: "alexa.amazon.co.jp",
  alexa: "alexa.amazon.com",
} as const;
export type RedirectHost = keyof typeof REDIRECT_HOSTS;

/** Amazon's redirect URI of a developer account at one of these hosts. */
export function amazonRedirectUri(host: RedirectHost, vendorId: string): string {
  return `https://${REDIRECT_HOSTS[host]}/api/skill/link/${vendorId}`;
}

/**
 * A `state` like Alexa's: the base64 of a JSON object, at least `length` characters. It always contains `+`, `/` and
 * `=`
 * padding, so that wrong decoding is noticed.
 */
export function buildState(length = 640): string {
  // Three `?` and three `~` in a row give one `/` and one `+` in base64, at any position.
  const blob = { initVector: randomText(12), mac: "???~~~", encryptedData: "" };
  const room = Math.max(Math.ceil((length * 3) / 4) - JSON.stringify(blob).length, 1);
  blob.encryptedData = randomText(room).slice(0, room);
  while (JSON.stringify(blob).length % 3 !== 1) blob.encryptedData += "A";
  return toBase64(new TextEncoder().encode(JSON.stringify(blob)));
}

export interface AuthorizationRequestOptions {
  readonly authorizationUrl: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly pkce: boolean;
  /** Values of `resource` (RFC 8707). */
  readonly resources?: readonly string[];
  /** Length of `state` in characters. */
  readonly stateLength?: number;
  /** The value of `state`, instead of one like Alexa's. */
  readonly state?: string;
}

export interface AuthorizationRequest {
  readonly url: string;
  readonly query: string;
  readonly state: string;
  /** `state` exactly as in `url`. */
  readonly encodedState: string;
  readonly redirectUri: string;
  readonly codeVerifier?: string;
}

/** Builds an authorization request (RFC 6749 §4.1.1), with PKCE if the skill uses it. */
export async function buildAuthorizationRequest(options: AuthorizationRequestOptions): Promise<AuthorizationRequest> {
  const state = options.state ?? buildState(options.stateLength);
  const pkce = options.pkce ? await makePkcePair() : undefined;
  const parameters = encodeParameters({
    client_id: options.clientId,
    response_type: "code",
    state,
    scope: options.scopes.length > 0 ? options.scopes.join(" ") : undefined,
    redirect_uri: options.redirectUri,
    code_challenge: pkce?.codeChallenge,
    code_challenge_method: pkce && "S256",
  });
  const resources = (options.resources ?? []).map((resource) => `&${encodeParameters({ resource })}`);
  const query = parameters + resources.join("");
  return {
    url: appendQuery(options.authorizationUrl, query),
    query,
    state,
    encodedState: encodeURIComponent(state),
    redirectUri: options.redirectUri,
    ...(pkce && { codeVerifier: pkce.codeVerifier }),
  };
}
