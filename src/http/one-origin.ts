// One origin: nothing is served over http with a public issuer, nor at other host names such as workers.dev.
import { isLoopback } from "../env.ts";

/** Whether a request to `url` came to the issuer. All loopback hosts are one origin in development. */
export function isAtIssuer(url: string, issuer: string): boolean {
  return url.startsWith(`${issuer}/`) || (isLoopback(issuer) && isLoopback(url));
}

/** The same path and query at the issuer, byte for byte, when only the scheme differs; else undefined. */
export function sameAddressOverHttps(url: string, issuer: string): string | undefined {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "http:" || port !== "" || hostname !== new URL(issuer).hostname) return undefined;
  return issuer + url.slice(url.indexOf("/", "http://".length));
}
