// Query strings as they are on the wire. `URLSearchParams` would re-encode what Amazon expects back byte for byte.

export interface RawParameter {
  /** Percent-encoded, exactly as sent. */
  readonly raw: string;
  /** Decoded, `+` as space; undefined when the encoding is broken. */
  readonly value: string | undefined;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

/** The query of a URL without `?`, byte for byte; the fragment is not part of it. */
export function rawQueryOf(url: string): string {
  const hash = url.indexOf("#");
  const bare = hash < 0 ? url : url.slice(0, hash);
  const start = bare.indexOf("?");
  return start < 0 ? "" : bare.slice(start + 1);
}

/** All parameters by decoded name, each with its occurrences in order. Names that do not decode are left out. */
export function parseRawQuery(query: string): ReadonlyMap<string, readonly RawParameter[]> {
  const parameters = new Map<string, RawParameter[]>();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    if (name === undefined) continue;
    const raw = equals < 0 ? "" : pair.slice(equals + 1);
    const occurrences = parameters.get(name);
    const parameter = { raw, value: decode(raw) };
    if (occurrences) occurrences.push(parameter);
    else parameters.set(name, [parameter]);
  }
  return parameters;
}

/** Appends already encoded `name=value` pairs to a registered URI, whose own bytes stay as they are. */
export function appendToUri(uri: string, pairs: readonly string[]): string {
  if (pairs.length === 0) return uri;
  return `${uri}${uri.includes("?") ? "&" : "?"}${pairs.join("&")}`;
}
