// Reading requests: bodies up to a size, form bodies, JSON bodies and query strings.
import * as z from "zod/mini";
import { concatBytes, utf8Decode } from "../crypto/encoding.ts";
import type { AppContext } from "../runtime.ts";
import { type SchemaSource, schemaOf } from "../schema-of.ts";
import { problem } from "./problem.ts";
import { shapeMessage } from "./shape-messages.ts";

z.config({ localeError: shapeMessage });

/** Bytes. Our longest refresh request has less than 400. */
const FORM_LIMIT_BYTES = 16 * 1024;
const JSON_LIMIT_BYTES = 64 * 1024;

/** The body of a request or response; undefined if it has more than `limit` bytes. Reads no further than that. */
export async function readBytes(
  message: Request | Response,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const declared = message.headers.get("content-length");
  if (declared !== null && Number(declared) > limit) return undefined;
  // A request with a length has no more bytes than that. A response may have: its length counts compressed bytes.
  if (declared !== null && message instanceof Request) {
    const bytes = new Uint8Array(await message.arrayBuffer());
    return bytes.byteLength > limit ? undefined : bytes;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of message.body ?? []) {
    length += chunk.byteLength;
    if (length > limit) return undefined;
    chunks.push(chunk);
  }
  return concatBytes(...chunks);
}

/** The value of a JSON text; undefined if it is not JSON. */
export function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export type FormBody =
  | { readonly fields: ReadonlyMap<string, string> }
  /** `read`: the parameters of a body with a repeated one. */
  | { readonly problem: string; readonly read?: ReadonlyMap<string, string> };

/** The only parameter that may be repeated (RFC 8707 §2). The values are joined by a space: no registered URI has one. */
const REPEATABLE = "resource";

function decode(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}

/**
 * The parameters of an `application/x-www-form-urlencoded` body (RFC 6749 §3.2). Empty values count as absent.
 * A problem, for developers: wrong type, too large, broken encoding, or a repeated parameter.
 */
export async function readForm(request: Request, limit = FORM_LIMIT_BYTES): Promise<FormBody> {
  // First of all, since workerd logs an exception for a body that is still unread when the response is sent.
  const bytes = await readBytes(request, limit);
  const type = (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    return { problem: "Content-Type must be application/x-www-form-urlencoded" };
  }
  if (!bytes) return { problem: "The body is too large" };
  const text = utf8Decode(bytes);
  if (text === undefined) return { problem: "The body is not valid form encoding" };
  const fields = new Map<string, string>();
  let repeated = false;
  try {
    for (const pair of text.split("&")) {
      if (pair === "") continue;
      const equals = pair.indexOf("=");
      const name = decode(equals < 0 ? pair : pair.slice(0, equals));
      const value = equals < 0 ? "" : decode(pair.slice(equals + 1));
      const present = fields.get(name);
      if (present !== undefined && name !== REPEATABLE) repeated = true;
      fields.set(name, present === undefined ? value : `${present} ${value}`);
    }
  } catch {
    return { problem: "The body is not valid form encoding" };
  }
  if (repeated) return { problem: "A parameter is given more than once", read: fields };
  for (const [name, value] of fields) if (value === "") fields.delete(name);
  return { fields };
}

/** `scopes[0].name` */
function fieldPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
}

/** One sentence per error. Names fields but never repeats values, because a value may be a secret. */
export function shapeErrors(error: z.core.$ZodError): { field: string; message: string }[] {
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
  const errors = shapeErrors(error);
  const detail = errors.map(({ field, message }) => `${field === "" ? "the body" : field}: ${message}`).join("; ");
  return problem(code, detail, { errors });
}

interface JsonOptions {
  /** Bytes. */
  readonly limit?: number;
  readonly emptyAsObject?: boolean;
}

/**
 * The JSON body of a request, parsed with `schema`; or the problem response: 413 above the limit, else 400
 * `invalid_body`. With `emptyAsObject`, an empty body counts as `{}`. The content type is not checked.
 */
export async function jsonBody<S extends z.ZodMiniType>(
  c: AppContext,
  schema: SchemaSource<S>,
  options: JsonOptions = {},
): Promise<z.output<S> | Response> {
  const json = await rawJson(c, options);
  if (json instanceof Response) return json;
  const parsed = schemaOf(schema).safeParse(json.value);
  return parsed.success ? parsed.data : shapeProblem("invalid_body", parsed.error);
}

/** Like `jsonBody`, without a schema. */
export async function rawJson(
  c: AppContext,
  options: JsonOptions = {},
): Promise<{ readonly value: unknown } | Response> {
  const bytes = await readBytes(c.req.raw, options.limit ?? JSON_LIMIT_BYTES);
  if (bytes === undefined) return problem("body_too_large");
  const text = utf8Decode(bytes);
  if (text === "" && options.emptyAsObject) return { value: {} };
  const value = parseJson(text);
  return value === undefined ? problem("invalid_body", "The body must be one JSON document in UTF-8.") : { value };
}

/** The query string, parsed with `schema`, or 400 `invalid_query`. No parameter may repeat; empty ones are absent. */
export function queryOf<S extends z.ZodMiniType>(c: AppContext, schema: SchemaSource<S>): z.output<S> | Response {
  const given: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (values.length > 1) return problem("invalid_query", `${name.slice(0, 100)}: must not be repeated`);
    if (values[0]) given[name] = values[0];
  }
  const parsed = schemaOf(schema).safeParse(given);
  return parsed.success ? parsed.data : shapeProblem("invalid_query", parsed.error);
}
