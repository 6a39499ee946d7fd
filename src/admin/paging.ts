// Paging of lists: `limit` and an opaque `cursor` in the query, `{"items", "nextCursor"?}` in the response.

import * as z from "zod/mini";
import { fromBase64Url, toBase64Url, utf8, utf8Decode } from "../crypto/encoding.ts";
import { problem } from "../http/problem.ts";
import { parseJson, queryOf } from "../http/read.ts";
import { json } from "../http/respond.ts";
import type { AppContext } from "../runtime.ts";
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

/** The query of a list without filters. */
export const plainPage = () => z.strictObject(pageQuery());

/** The position in a list that is ordered by ids. */
export const idPosition = () => z.object({ id: z.string() });

/** What of a row tells its place in a list, and stands in the cursor. */
export type PositionSchema<Position> = SchemaSource<z.ZodMiniType<Position>>;

/** The cursor for the page behind `row`. */
export function cursorOf(row: unknown, position: PositionSchema<unknown>): string {
  return toBase64Url(utf8(JSON.stringify(schemaOf(position).parse(row))));
}

/** The position in a cursor; undefined if it is not valid for this list. */
export function positionOf<Position>(cursor: string, position: PositionSchema<Position>): Position | undefined {
  const bytes = fromBase64Url(cursor);
  const parsed = schemaOf(position).safeParse(parseJson(bytes && utf8Decode(bytes)));
  return parsed.success ? parsed.data : undefined;
}

interface PagedQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/**
 * Responds with one page of a list. `read` returns the rows behind `after`: one more than `limit` if the list continues.
 * `view`: an item of the response; undefined leaves the row out.
 */
export async function respondWithPage<Query extends z.ZodMiniType<PagedQuery>, Position, Row>(
  c: AppContext,
  querySchema: SchemaSource<Query>,
  position: PositionSchema<Position>,
  read: (query: z.output<Query>, after: Position | undefined) => Promise<readonly Row[] | Response>,
  view: (row: Row) => object | undefined | Promise<object | undefined>,
): Promise<Response> {
  const query = queryOf(c, querySchema);
  if (query instanceof Response) return query;
  const { cursor, limit } = query;
  const after = cursor === undefined ? undefined : positionOf(cursor, position);
  if (cursor !== undefined && after === undefined) {
    return problem("invalid_query", "cursor: is not valid for this list");
  }
  const rows = await read(query, after);
  if (rows instanceof Response) return rows;
  const shown = rows.slice(0, limit);
  const items = (await Promise.all(shown.map(view))).filter((item) => item !== undefined);
  return json(c, { items, ...(rows.length > limit ? { nextCursor: cursorOf(shown.at(-1), position) } : {}) });
}

/** Formats milliseconds since 1970 as RFC 3339 in UTC. */
export function rfc3339(at: number): string {
  return new Date(at).toISOString();
}
