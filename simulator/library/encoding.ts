// Encodings of the account-linking protocols: base64, query parameters, random text.

/** `length` random bytes in base64url without padding. */
export function randomText(length: number): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(length)));
}

/** base64url without padding (RFC 4648 §5). */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Ordinary base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Decodes base64 or base64url to UTF-8 text; undefined if it is neither. */
export function fromBase64(text: string): string | undefined {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.from(binary, (c) => c.charCodeAt(0)),
    );
  } catch {
    return undefined;
  }
}

/** A query parameter, still percent-encoded: the first if repeated, undefined if absent. */
export function rawParameter(query: string, name: string): string | undefined {
  for (const pair of query.replace(/^\?/, "").split("&")) {
    const [key, ...rest] = pair.split("=");
    if (key === name) return rest.join("=");
  }
  return undefined;
}

/** How often a parameter appears in a query. */
export function countParameter(query: string, name: string): number {
  return query
    .replace(/^\?/, "")
    .split("&")
    .filter((pair) => pair.split("=")[0] === name).length;
}

/** The query of a URL without `?` and fragment, byte for byte. */
export function rawQuery(url: string): string {
  const withoutFragment = url.split("#")[0] ?? "";
  const start = withoutFragment.indexOf("?");
  return start < 0 ? "" : withoutFragment.slice(start + 1);
}

/** Percent-decodes one query value (`+` is a space); undefined if it is malformed. */
export function decodeParameter(raw: string): string | undefined {
  try {
    return decodeURIComponent(raw.replaceAll("+", "%20"));
  } catch {
    return undefined;
  }
}

/** Joins `name=value` pairs for a query or a form body. Spaces become `%20`; undefined values are omitted. */
export function encodeParameters(parameters: Record<string, string | undefined>): string {
  return Object.entries(parameters)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
}

/** `url` with a query appended, whether or not it has one already. */
export function appendQuery(url: string, query: string): string {
  return url + (url.includes("?") ? "&" : "?") + query;
}
