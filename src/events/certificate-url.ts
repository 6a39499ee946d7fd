// Where a signing certificate may come from: Amazon's bucket, and nothing that only looks like it (S4).

const PATH_PREFIX = "/echo.api/";
const LONGEST_URL = 1024;

/**
 * The URL of the header `SignatureCertChainUrl`, normalised, if it lies under `/echo.api/` of `origin` (`https://s3.amazonaws.com` outside
 * development): scheme and host in any case, port absent or the scheme's own, path compared after `..` is resolved. Undefined otherwise.
 */
export function certificateUrl(header: string, origin: string): string | undefined {
  // URL parsers drop tabs and take a backslash for a slash: what a reader would not expect is refused before.
  if (header.length > LONGEST_URL || !/^[\x21-\x7e]+$/.test(header) || header.includes("\\")) return undefined;
  if (!URL.canParse(header)) return undefined;
  const url = new URL(header);
  if (url.origin !== new URL(origin).origin || url.username !== "" || url.password !== "") return undefined;
  // An encoded slash could be resolved by the server after we have looked.
  if (!url.pathname.startsWith(PATH_PREFIX) || /%(2f|5c|2e)/i.test(url.pathname)) return undefined;
  url.hash = "";
  return url.href;
}
