// Finds the server under examination: from its metadata, or from the two addresses that the person gave.
import { PHONE_HEADERS } from "../../doctor/customer.ts";
import type { Target } from "../../doctor/examination.ts";
import { limitedFetch } from "../../doctor/limited-fetch.ts";
import { endpointIn, type Metadata, type NoMetadata, readMetadata, schemeIn } from "../../doctor/metadata.ts";
import type { Fetch } from "../../simulator/library/token.ts";
import { secretFrom, type Terminal, UsageError } from "../terminal.ts";
import { type DoctorOptions, redirectUrisOf } from "./options.ts";
import { isCertificateFault, whyOutOfReach } from "./out-of-reach.ts";

const NO_ADDRESS =
  "Give the server's address: its origin, if it has metadata (RFC 8414), else --authorize-url and --token-url.";

/** The target. Throws `UsageError` if the command line is incomplete or the server is out of reach. */
export async function findTarget(terminal: Terminal, url: string | undefined, options: DoctorOptions): Promise<Target> {
  const { authorizeUrl, tokenUrl, clientId } = options;
  if (url === undefined && (authorizeUrl === undefined || tokenUrl === undefined)) throw new UsageError(NO_ADDRESS);
  for (const address of [url, authorizeUrl, tokenUrl, options.mcp]) {
    if (address === undefined || !/^https?:\/\/[^/?#]*@/i.test(address)) continue;
    throw new UsageError("An address must not contain a name or a password.");
  }
  const redirectUris = redirectUrisOf(options);
  if (clientId !== undefined && redirectUris.length === 0) {
    throw new UsageError("With --client-id give --vendor-id or --redirect-uri: where the server sends Alexa's codes.");
  }
  const clientSecret = clientId && (await secretFrom(terminal, "CLIENT_SECRET", `the secret of client ${clientId}`));
  const found = await metadataOf(url, options);
  const document = found && "document" in found ? found.document : undefined;
  // Behind a certificate that cannot be trusted nothing is read; the checks of the connection say what is wrong.
  const unread = found && "untrusted" in found ? url : undefined;
  const authorizationUrl = authorizeUrl ?? (document ? endpointIn(document, "authorization_endpoint") : unread);
  const tokenEndpoint = tokenUrl ?? (document ? endpointIn(document, "token_endpoint") : unread);
  if (authorizationUrl === undefined || tokenEndpoint === undefined) {
    const why = found && "why" in found ? found.why : "the metadata does not name both endpoints";
    throw new UsageError(`No metadata for ${url}: ${why}. Give --authorize-url and --token-url.`);
  }
  const { host } = new URL(tokenEndpoint);
  if (clientSecret && url !== undefined && tokenUrl === undefined && host !== new URL(url).host)
    terminal.note(`The client's secret is sent to ${host}, which the metadata names as the token endpoint.`);
  return {
    ...(url !== undefined && { issuer: url.replace(/\/+$/, "") }),
    ...(found && "document" in found && { metadata: found.document, metadataUrl: found.url }),
    authorizationUrl,
    tokenUrl: tokenEndpoint,
    ...(clientId &&
      clientSecret && {
        client: { tokenUrl: tokenEndpoint, clientId, clientSecret, accessTokenScheme: schemeIn(document) },
      }),
    redirectUris,
    scopes: (options.scope ?? "").split(/\s+/).filter((scope) => scope !== ""),
    pkce: true,
    ...(options.mcp !== undefined && { resource: options.mcp }),
    ...(options.domain && { domains: options.domain }),
  };
}

/** A server that refuses programs may show its metadata to browsers. Then the checks can say that it refuses Alexa. */
async function metadataAsBrowser(send: Fetch, address: string, found: Metadata | NoMetadata) {
  if ("document" in found || !found.refused) return found;
  const asBrowser: Fetch = (request) => send(new Request(request, { headers: PHONE_HEADERS }));
  const again = await readMetadata(asBrowser, address);
  return "document" in again ? again : found;
}

interface Untrusted {
  readonly untrusted: true;
  readonly why: string;
}

/** Reads the metadata, and makes sure that the server responds at all. */
async function metadataOf(
  url: string | undefined,
  { authorizeUrl, tokenUrl, timeout }: DoctorOptions,
): Promise<Metadata | NoMetadata | Untrusted | undefined> {
  const send = limitedFetch((request) => fetch(request), timeout * 1000);
  const origins = [authorizeUrl, tokenUrl].filter((each) => each !== undefined).map((each) => new URL(each).origin);
  let metadata: Metadata | NoMetadata | Untrusted | undefined;
  for (const address of new Set([...(url === undefined ? [] : [url]), ...origins])) {
    try {
      if (address === url) metadata = await metadataAsBrowser(send, address, await readMetadata(send, address));
      else await send(new Request(address, { method: "HEAD", redirect: "manual" }));
    } catch (error) {
      if (isCertificateFault(error)) return { untrusted: true, why: whyOutOfReach(address, error) };
      throw new UsageError(whyOutOfReach(address, error));
    }
  }
  return metadata;
}
