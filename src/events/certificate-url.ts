// Where a signing certificate may be fetched from: Amazon's bucket, and no URL that only looks like it.

const PATH_PREFIX = "/echo.api/";
const LONGEST_URL = 1024;

/**
 * The URL of the header `SignatureCertChainUrl`, normalised, if it lies under `/echo.api/` of `origin`
 * (`https://s3.amazonaws.com` outside development): scheme and host in any case, port absent or the scheme's own, path
 * compared after `..` is resolved, no query and no fragment. Undefined otherwise.
 */
export function certificateUrl(header: string, origin: string): string | undefined {
  // URL parsers drop tabs and read a backslash as a slash: both are refused first. With a query or a fragment, one file
  // would have any number of URLs, each fetched by itself.
  if (header.length > LONGEST_URL || !/^[\x21-\x7e]+$/.test(header) || /[\\?#]/.test(header)) return undefined;
  if (!URL.canParse(header)) return undefined;
  const url = new URL(header);
  if (url.origin !== new URL(origin).origin || url.username !== "" || url.password !== "") return undefined;
  // The server might resolve an encoded slash or dot after our check.
  if (!url.pathname.startsWith(PATH_PREFIX) || /%(2f|5c|2e)/i.test(url.pathname)) return undefined;
  return url.href;
}
