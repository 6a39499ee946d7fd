// Finds a server's metadata document, and what it says about the endpoints.
import { serverMetadataUrl } from "../simulator/library/add-on-metadata.ts";
import { isLoopback } from "../simulator/library/cookies.ts";
import { type AccessTokenScheme, type Fetch, readJsonObject } from "../simulator/library/token.ts";

export interface Metadata {
  readonly url: string;
  readonly document: Readonly<Record<string, unknown>>;
}

/** Why there is no metadata: what each address returned. */
export interface NoMetadata {
  readonly why: string;
  readonly tried: readonly string[];
  /** Whether a firewall may be the reason. */
  readonly refused: boolean;
}

/**
 * Where the metadata of an issuer may be, in the order in which they are asked: RFC 8414 §3.1 (before the issuer's
 * path), then where OpenID Connect Discovery puts it, and the same names at the end of the path.
 */
function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/+$/, "");
  return [
    ...new Set([
      serverMetadataUrl(`${origin}${path}`),
      `${origin}${path}/.well-known/oauth-authorization-server`,
      `${origin}${path}/.well-known/openid-configuration`,
    ]),
  ];
}

/** Reads the first metadata document that is there. Throws if the server is out of reach. */
export async function readMetadata(fetch: Fetch, issuer: string): Promise<Metadata | NoMetadata> {
  const tried = metadataUrls(issuer);
  const reasons: string[] = [];
  let refused = false;
  for (const url of tried) {
    const response = await fetch(new Request(url, { headers: { accept: "application/json" }, redirect: "manual" }));
    const { json, problem } = readJsonObject(new Uint8Array(await response.arrayBuffer()));
    if (response.status === 200 && json) return { url, document: json };
    refused ||= [401, 403, 429, 503].includes(response.status);
    reasons.push(`${url} returned ${response.status}${response.status === 200 ? `, ${problem}` : ""}`);
  }
  return { why: reasons.join("; "), tried, refused };
}

/** An address in the metadata: an absolute http or https URL, or undefined. */
export function endpointIn(document: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = document[name];
  if (typeof value !== "string" || !URL.canParse(value)) return undefined;
  return /^https?:$/.test(new URL(value).protocol) ? value : undefined;
}

/** Where tokens are revoked, or why they cannot be: the client's secret goes there too, so not without TLS. */
export function revocationEndpointIn(
  document: Readonly<Record<string, unknown>> | undefined,
): { readonly url: string } | { readonly why: string } {
  const url = document && endpointIn(document, "revocation_endpoint");
  if (url === undefined) return { why: "the server names no revocation endpoint" };
  if (!url.startsWith("https:") && !isLoopback(new URL(url))) return { why: "the revocation endpoint is without TLS" };
  return { url };
}

/**
 * The client authentication to begin with: HTTP Basic, which is the default of RFC 8414 §2 and of Amazon's console,
 * unless the metadata lists only the secret in the body.
 */
export function schemeIn(document: Readonly<Record<string, unknown>> | undefined): AccessTokenScheme {
  const methods = document?.token_endpoint_auth_methods_supported;
  if (!Array.isArray(methods) || methods.includes("client_secret_basic")) return "HTTP_BASIC";
  return methods.includes("client_secret_post") ? "REQUEST_BODY_CREDENTIALS" : "HTTP_BASIC";
}
