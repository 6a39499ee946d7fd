// Where a signing certificate may be fetched from: Amazon's bucket, and no URL that only looks like it.

const PATH_PREFIX = "/echo.api/";
const LONGEST_URL = 1024;

/**
 * The URL of the header `SignatureCertChainUrl`, normalised, if it lies under `/echo.api/` of `origin`
 * (`https://s3.amazonaws.com` outside development): scheme and host in any case, port absent or the scheme's own, path
 * compared after `..` is resolved, no query, no fragment, no percent sign. Undefined otherwise.
 */
export function certificateUrl(header: string, origin: string): string | undefined {
  // URL parsers drop tabs and read a backslash as a slash: both are refused first. With a query, a fragment or encoded
  // characters, one file would have any number of URLs, each fetched by itself, and an encoded dot might be resolved.
  if (header.length > LONGEST_URL || !/^[\x21-\x7e]+$/.test(header) || /[\\?#%]/.test(header)) return undefined;
  if (!URL.canParse(header)) return undefined;
  const url = new URL(header);
  if (url.origin !== new URL(origin).origin || url.username !== "" || url.password !== "") return undefined;
  return url.pathname.startsWith(PATH_PREFIX) ? url.href : undefined;
}
