// Paging of lists: `limit` and an opaque `cursor` in the query, `{"items", "nextCursor"?}` in the response.

import * as z from "zod/mini";
import { fromBase64Url, toBase64Url, utf8, utf8Decode } from "../crypto/encoding.ts";
import { problem } from "../http/problem.ts";
import { type SchemaSource, schemaOf } from "../schema-of.ts";

const LIMIT_RULE = "must be a number from 1 to 200";

export const pageQuery = () => ({
  limit: z._default(
    z.pipe(
      z.string().check(
        z.regex(/^(200|1?\d?\d)$/, LIMIT_RULE),
        z.refine((value) => Number(value) > 0, LIMIT_RULE),
      ),
      z.transform(Number),
    ),
    50,
  ),
  cursor: z.optional(z.string().check(z.maxLength(8192, "is not valid for this list"))),
});

/** Encodes the position of a page's last row as `nextCursor`. */
export function cursorOf(position: unknown): string {
  return toBase64Url(utf8(JSON.stringify(position)));
}

/** The position in a cursor; undefined without a cursor; a 400 response if it is not valid for this list. */
export function positionOf<T>(
  cursor: string | undefined,
  schema: SchemaSource<z.ZodMiniType<T>>,
): T | undefined | Response {
  if (cursor === undefined) return undefined;
  const bytes = fromBase64Url(cursor);
  const text = bytes && utf8Decode(bytes);
  try {
    const parsed = schemaOf(schema).safeParse(JSON.parse(text ?? ""));
    if (parsed.success) return parsed.data;
  } catch {
    // Not JSON: refused below.
  }
  return problem("invalid_query", "cursor: is not valid for this list");
}

/** The page of `rows`. If the list continues, `rows` has one row more than `limit`. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => unknown,
  position: (row: Row) => unknown,
): { items: unknown[]; nextCursor?: string } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(item),
    ...(rows.length > limit && last !== undefined ? { nextCursor: cursorOf(position(last)) } : {}),
  };
}

/** Formats milliseconds since 1970 as RFC 3339 in UTC. */
export function rfc3339(at: number): string {
  return new Date(at).toISOString();
}
