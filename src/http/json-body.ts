// Reading what callers of the JSON API send: bodies within a size, and shapes that say which field is wrong.
import * as z from "zod/mini";
import { utf8Decode } from "../crypto/encoding.ts";
import type { AppContext } from "../runtime.ts";
import { readBounded } from "./form-body.ts";
import { problem } from "./problem.ts";
import { shapeMessage } from "./shape-messages.ts";

z.config({ localeError: shapeMessage });

const BODY_LIMIT_BYTES = 64 * 1024;

/** `scopes[0].name` */
function fieldPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
}

/** One sentence per fault. Names fields, never repeats values: a value may be a secret. */
export function shapeFaults(error: z.core.$ZodError): { field: string; message: string }[] {
  return error.issues.slice(0, 10).map((issue) => ({
    field:
      issue.code === "unrecognized_keys"
        ? issue.keys
            .slice(0, 5)
            .map((key) => fieldPath([...issue.path, key.slice(0, 60)]))
            .join(", ")
        : fieldPath(issue.path),
    message: issue.code === "unrecognized_keys" ? "is not a field that can be set here" : issue.message,
  }));
}

/** A 400 that names each wrong field, in `detail` for people and in `errors` for programs. */
export function shapeProblem(code: "invalid_body" | "invalid_query", error: z.core.$ZodError): Response {
  const errors = shapeFaults(error);
  const detail = errors.map(({ field, message }) => `${field === "" ? "the body" : field}: ${message}`).join("; ");
  return problem(code, detail, { errors });
}

/**
 * The request's JSON as `schema` understands it, or the problem to answer: 413 beyond the limit, 400 `invalid_body` else.
 * An empty body counts as `{}` when `emptyAsObject`. The content type is not asked for.
 */
export async function jsonBody<S extends z.ZodMiniType>(
  c: AppContext,
  schema: S,
  options: { readonly limit?: number; readonly emptyAsObject?: boolean } = {},
): Promise<z.output<S> | Response> {
  const json = await rawJson(c, options);
  if (json instanceof Response) return json;
  const parsed = schema.safeParse(json.value);
  return parsed.success ? parsed.data : shapeProblem("invalid_body", parsed.error);
}

/** As `jsonBody`, without a shape. */
export async function rawJson(
  c: AppContext,
  options: { readonly limit?: number; readonly emptyAsObject?: boolean } = {},
): Promise<{ readonly value: unknown } | Response> {
  const bytes = await readBounded(c.req.raw, options.limit ?? BODY_LIMIT_BYTES);
  if (bytes === undefined) return problem("body_too_large");
  const text = utf8Decode(bytes);
  if (text === "" && options.emptyAsObject) return { value: {} };
  try {
    if (text !== undefined) return { value: JSON.parse(text) as unknown };
  } catch {
    // Falls through: not JSON.
  }
  return problem("invalid_body", "The body must be one JSON document in UTF-8.");
}

/** The query string as `schema` understands it, or a 400 `invalid_query`. A repeated parameter is refused, an empty one counts as left out. */
export function queryOf<S extends z.ZodMiniType>(c: AppContext, schema: S): z.output<S> | Response {
  const given: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (values.length > 1) return problem("invalid_query", `${name.slice(0, 100)}: must not be repeated`);
    if (values[0]) given[name] = values[0];
  }
  const parsed = schema.safeParse(given);
  return parsed.success ? parsed.data : shapeProblem("invalid_query", parsed.error);
}
