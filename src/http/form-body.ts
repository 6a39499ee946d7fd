// Form bodies of the OAuth endpoints: strict where a guess could be wrong, tolerant of what they do not know (W4).

/** Largest accepted body in bytes. A refresh of ours takes under 400. */
export const LARGEST_BODY_BYTES = 16 * 1024;

export type FormBody = { readonly fields: ReadonlyMap<string, string> } | { readonly problem: string };

/** May come more than once (RFC 8707 §2); its values are joined by a space, which no URI contains. */
const REPEATABLE = "resource";

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}

/** Reads at most `limit` bytes of a body; undefined when it is longer. */
export async function readBounded(request: Request, limit: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > limit) return undefined;
  if (!request.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.byteLength;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return joined;
}

/**
 * The parameters of an `application/x-www-form-urlencoded` body (RFC 6749 §3.2). Empty values count as left out.
 * A problem, in words for a developer: wrong type, too large, broken encoding, or a parameter given twice.
 */
export async function readFormBody(request: Request, limit = LARGEST_BODY_BYTES): Promise<FormBody> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    return { problem: "Content-Type must be application/x-www-form-urlencoded" };
  }
  const bytes = await readBounded(request, limit);
  if (!bytes) return { problem: "The body is too large" };
  const fields = new Map<string, string>();
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    for (const pair of text.split("&")) {
      if (pair === "") continue;
      const equals = pair.indexOf("=");
      const name = decode(equals < 0 ? pair : pair.slice(0, equals));
      const value = equals < 0 ? "" : decode(pair.slice(equals + 1));
      const present = fields.get(name);
      if (present !== undefined && name !== REPEATABLE) return { problem: "A parameter is given more than once" };
      fields.set(name, present === undefined ? value : `${present} ${value}`);
    }
  } catch {
    return { problem: "The body is not valid form encoding" };
  }
  for (const [name, value] of fields) if (value === "") fields.delete(name);
  return { fields };
}
