// From operations and the schemas that validate them to OpenAPI 3.1. Runs in Node only (`npm run openapi`), never in the Worker.
import * as z from "zod/mini";
import { skillScope } from "../admin/admin-schemas.ts";
import { PROBLEMS, type ProblemCode } from "../http/problem.ts";
import type { JsonSchema, OpenApiOperation, OpenApiReference, OpenApiResponse } from "./document-types.ts";

export type Security = "user" | "admin" | "service" | "client" | "alexa" | "none";

/** A schema of ours, or the name of a component. */
export type Shape = z.ZodMiniType | { readonly component: string } | { readonly listOf: string };

export interface Content {
  readonly shape: Shape;
  /** Left out where the component has one. */
  readonly example?: unknown;
  readonly type?: string;
}

export interface Operation {
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly security: Security;
  /** Descriptions of the path's parameters, by name. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: z.ZodMiniType;
  readonly body?: Content & { readonly optional?: boolean };
  readonly answers: Readonly<Record<number, { readonly description: string; readonly content?: Content }>>;
  /** Beside those that its security, body and query bring. */
  readonly problems?: readonly ProblemCode[];
  /** OAuth's own errors, by status: for endpoints that do not answer problem documents. */
  readonly oauthErrors?: Readonly<Record<number, readonly string[]>>;
}

/** What each way of proving oneself may be answered. */
const PROBLEMS_OF: Readonly<Record<Security, readonly ProblemCode[]>> = {
  user: ["unauthenticated", "insufficient_scope", "temporarily_unavailable"],
  admin: ["unauthenticated", "too_many_requests", "admin_disabled", "temporarily_unavailable"],
  service: ["unauthenticated", "temporarily_unavailable"],
  client: [],
  alexa: ["temporarily_unavailable"],
  none: [],
};

const SCHEMES: Readonly<Record<Security, readonly Readonly<Record<string, readonly string[]>>[]>> = {
  user: [{ userToken: [] }],
  admin: [{ adminToken: [] }, { adminSession: [], csrfToken: [] }],
  service: [{ clientBasic: [] }, { serviceToken: [] }],
  client: [{ clientBasic: [] }, {}],
  alexa: [],
  none: [],
};

/** Field descriptions by path (`client.requirePkce`), put where the schema has that property. */
export type FieldTexts = Readonly<Record<string, string>>;

/** JSON Schema of what is sent (`input`) or answered (`output`). */
export function schemaOf(schema: z.ZodMiniType, io: "input" | "output", texts: FieldTexts = {}): JsonSchema {
  const made = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // Taken as a text too: a transform, which JSON Schema cannot say.
      if (zodSchema === skillScope) {
        jsonSchema.anyOf = [{ type: "string" }, schemaOf(skillScope._zod.def.out, "input") as typeof jsonSchema];
      }
      // What every JavaScript integer has anyway.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      // The format says it; zod's pattern for it fills a screen.
      if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
    },
  }) as JsonSchema;
  delete made.$schema;
  for (const [path, text] of Object.entries(texts)) describeField(made, path.split("."), text);
  return made;
}

function describeField(schema: JsonSchema, path: readonly string[], text: string): void {
  const [name = "", ...rest] = path;
  for (const variant of [schema, ...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])]) {
    const field = variant.properties?.[name];
    if (!field) continue;
    if (rest.length > 0) describeField(field, rest, text);
    else field.description = text;
    return;
  }
  throw new Error(`no field ${path.join(".")} to describe`);
}

function reference(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

function shapeSchema(shape: Shape, io: "input" | "output"): JsonSchema {
  if ("component" in shape) return reference(shape.component);
  if (!("listOf" in shape)) return schemaOf(shape, io);
  return {
    type: "object",
    properties: {
      items: { type: "array", items: reference(shape.listOf) },
      nextCursor: { type: "string", description: "Send it as cursor for the next page; left out on the last." },
    },
    required: ["items"],
  };
}

function content(given: Content, io: "input" | "output") {
  const example = given.example === undefined ? {} : { example: given.example };
  return { [given.type ?? "application/json"]: { schema: shapeSchema(given.shape, io), ...example } };
}

/** Answers that several operations share, collected while they are described. */
export type SharedResponses = Map<string, OpenApiResponse>;

function problemResponses(codes: readonly ProblemCode[], shared: SharedResponses): Record<string, OpenApiReference> {
  const byStatus = Map.groupBy([...new Set(codes)].sort(), (code) => PROBLEMS[code][0]);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => {
      const name = group.join("_or_");
      shared.set(name, {
        description: group.map((code) => `\`${code}\`: ${PROBLEMS[code][1]}`).join(". "),
        content: {
          "application/problem+json": {
            schema: { allOf: [reference("Problem"), { type: "object", properties: { code: { enum: group } } }] },
            example: { type: "about:blank", title: PROBLEMS[group[0]!][1], status, code: group[0] },
          },
        },
      });
      return [String(status), { $ref: `#/components/responses/${name}` }];
    }),
  );
}

function oauthResponses(errors: Readonly<Record<number, readonly string[]>>): Record<string, OpenApiResponse> {
  return Object.fromEntries(
    Object.entries(errors).map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\``).join(", "),
        content: { "application/json": { schema: reference("OAuthError") } },
      },
    ]),
  );
}

/** Numbers come as texts in a query; what they stand for is told here. */
const LIMIT: JsonSchema = { type: "integer", minimum: 1, maximum: 200, default: 50 };

function queryParameters(schema: z.ZodMiniType) {
  const { properties = {}, required = [] } = schemaOf(schema, "input");
  return Object.entries(properties).map(([name, field]) => {
    const { description, ...rest } = field;
    return {
      name,
      in: "query" as const,
      required: required.includes(name),
      ...(description ? { description } : {}),
      schema: name === "limit" ? LIMIT : rest,
    };
  });
}

/** One operation at `path`, written as in OpenAPI (`/api/links/{skillId}`). */
export function describeOperation(
  path: string,
  method: string,
  operation: Operation,
  shared: SharedResponses,
): OpenApiOperation {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  const parameters = [
    ...names.map((name) => {
      const description = operation.path?.[name];
      if (description === undefined) throw new Error(`${method} ${path}: {${name}} is not described`);
      return { name, in: "path" as const, required: true, description, schema: { type: "string" } };
    }),
    ...(operation.query ? queryParameters(operation.query) : []),
  ];
  const changes = method !== "GET";
  const codes: ProblemCode[] = [
    ...(operation.query ? (["invalid_query"] as const) : []),
    ...(operation.body && !operation.oauthErrors ? (["invalid_body", "body_too_large"] as const) : []),
    ...(operation.oauthErrors ? [] : PROBLEMS_OF[operation.security]),
    ...(operation.security === "admin" && changes ? (["csrf", "unsupported_media_type"] as const) : []),
    ...(operation.problems ?? []),
  ];
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description ? { description: operation.description } : {}),
    security: SCHEMES[operation.security].map((scheme) => ({ ...scheme })),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(operation.body
      ? { requestBody: { required: !operation.body.optional, content: content(operation.body, "input") } }
      : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.answers).map(([status, answer]) => [
          status,
          {
            description: answer.description,
            ...(answer.content ? { content: content(answer.content, "output") } : {}),
          },
        ]),
      ),
      ...problemResponses(codes, shared),
      ...oauthResponses(operation.oauthErrors ?? {}),
    },
  };
}
