// Turns the resources, with the schemas that validate requests, into OpenAPI 3.1 operations.
import type { OpenAPIV3_1 } from "openapi-types";
import * as z from "zod/mini";
import { skillScope } from "../src/admin/admin-schemas.ts";
import { PROBLEMS, type ProblemCode } from "../src/http/problem.ts";
import { type SchemaSource, schemaOf } from "../src/schema-of.ts";

export type Schema = OpenAPIV3_1.SchemaObject;
export type SchemaOrReference = Schema | OpenAPIV3_1.ReferenceObject;

/** Which credentials an operation needs. */
export type Security = "user" | "admin" | "service" | "client" | "alexa" | "none";

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** A schema, the name of a component, or a page of a list of such components. */
export type Shape = SchemaSource<z.ZodMiniType> | { readonly component: string } | { readonly listOf: string };

export interface Content {
  readonly shape: Shape;
  /** Not needed where the component has one. */
  readonly example?: unknown;
  readonly type?: string;
}

export interface Operation {
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  readonly security: Security;
  /** Descriptions of the path parameters, by name. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: SchemaSource<z.ZodMiniType>;
  readonly body?: Content & { readonly optional?: boolean };
  readonly responses: Readonly<Record<number, { readonly description: string; readonly content?: Content }>>;
  /** In addition to the problems that follow from its security, body and query. */
  readonly problems?: readonly ProblemCode[];
  /** OAuth error codes by status, for endpoints that return OAuth errors instead of problem documents. */
  readonly oauthErrors?: Readonly<Record<number, readonly string[]>>;
}

/** Field descriptions by path: `client.requirePkce`. */
export type FieldTexts = Readonly<Record<string, string>>;

/** A named schema of the document. */
export interface Component {
  readonly schema: z.ZodMiniType;
  /** `input` describes what the schema accepts (request bodies), `output` what it produces. */
  readonly io: "input" | "output";
  readonly texts?: FieldTexts;
  readonly example?: unknown;
}

/** One part of the API: a tag of the document, and a section of the docs page. */
export interface Resource {
  readonly tag: string;
  readonly description: string;
  readonly components?: Readonly<Record<string, Component>>;
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>>;
}

const PROBLEMS_OF: Readonly<Record<Security, readonly ProblemCode[]>> = {
  user: ["unauthenticated", "insufficient_scope", "temporarily_unavailable"],
  admin: ["unauthenticated", "too_many_requests", "admin_disabled", "temporarily_unavailable"],
  service: ["unauthenticated", "temporarily_unavailable"],
  client: [],
  alexa: ["temporarily_unavailable"],
  none: [],
};

const SCHEMES: Readonly<Record<Security, OpenAPIV3_1.SecurityRequirementObject[]>> = {
  user: [{ userToken: [] }],
  admin: [{ adminToken: [] }],
  service: [{ clientBasic: [] }, { serviceToken: [] }],
  client: [{ clientBasic: [] }, {}],
  alexa: [],
  none: [],
};

/** JSON Schema of what a schema accepts (`input`) or produces (`output`). */
export function jsonSchemaOf(schema: z.ZodMiniType, io: "input" | "output", texts: FieldTexts = {}): Schema {
  const { $schema, ...made } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // A scope may also be a plain string. The schema does that with a transform, which JSON Schema cannot express.
      if (zodSchema === schemaOf(skillScope)) {
        jsonSchema.anyOf = [
          { type: "string" },
          jsonSchemaOf(schemaOf(skillScope)._zod.def.out, "input") as typeof jsonSchema,
        ];
      }
      // Every JavaScript integer has these limits.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      // `format` is enough: zod's pattern for it is very long.
      if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
    },
  });
  for (const [path, text] of Object.entries(texts)) describeField(made as Schema, path.split("."), text);
  return made as Schema;
}

function describeField(schema: Schema, path: readonly string[], text: string): void {
  const [name = "", ...rest] = path;
  const items = "items" in schema && schema.items ? [schema.items] : [];
  for (const variant of [schema, ...(schema.anyOf ?? []), ...items]) {
    const field = "properties" in variant ? variant.properties?.[name] : undefined;
    if (!field || "$ref" in field) continue;
    if (rest.length > 0) describeField(field, rest, text);
    else field.description = text;
    return;
  }
  throw new Error(`no field ${path.join(".")} to describe`);
}

function reference(name: string): OpenAPIV3_1.ReferenceObject {
  return { $ref: `#/components/schemas/${name}` };
}

function shapeSchema(shape: Shape, io: "input" | "output"): SchemaOrReference {
  if (typeof shape === "function") return jsonSchemaOf(schemaOf(shape), io);
  if ("component" in shape) return reference(shape.component);
  if (!("listOf" in shape)) return jsonSchemaOf(shape, io);
  return {
    type: "object",
    properties: {
      items: { type: "array", items: reference(shape.listOf) },
      nextCursor: { type: "string", description: "Send it as `cursor` to get the next page. Absent on the last page." },
    },
    required: ["items"],
  };
}

function content(given: Content, io: "input" | "output"): Record<string, OpenAPIV3_1.MediaTypeObject> {
  const example = given.example === undefined ? {} : { example: given.example };
  return { [given.type ?? "application/json"]: { schema: shapeSchema(given.shape, io), ...example } };
}

/** Error responses that several operations share, collected while the operations are described. */
export type SharedResponses = Map<string, OpenAPIV3_1.ResponseObject>;

function problemResponses(codes: readonly ProblemCode[], shared: SharedResponses): OpenAPIV3_1.ResponsesObject {
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

function oauthResponses(errors: Readonly<Record<number, readonly string[]>>): OpenAPIV3_1.ResponsesObject {
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

/** Query values arrive as strings. This is the number that the string stands for. */
const LIMIT: Schema = { type: "integer", minimum: 1, maximum: 200, default: 50 };

function queryParameters(schema: SchemaSource<z.ZodMiniType>): OpenAPIV3_1.ParameterObject[] {
  const { properties = {}, required = [] } = jsonSchemaOf(schemaOf(schema), "input");
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: "query",
    required: required.includes(name),
    ...(description ? { description } : {}),
    // openapi-types takes the schema of a parameter from OpenAPI 3.0, which has no `type` lists.
    schema: (name === "limit" ? LIMIT : rest) as NonNullable<OpenAPIV3_1.ParameterObject["schema"]>,
  }));
}

function pathParameters(path: string, operation: Operation): OpenAPIV3_1.ParameterObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => {
    const description = operation.path?.[name];
    if (description === undefined) throw new Error(`${operation.id}: {${name}} is not described`);
    return { name, in: "path", required: true, description, schema: { type: "string" } };
  });
}

function problemsOf(operation: Operation): ProblemCode[] {
  const { security, body, query, oauthErrors, problems = [] } = operation;
  return [
    ...(query ? (["invalid_query"] as const) : []),
    ...(body && !oauthErrors ? (["invalid_body", "body_too_large"] as const) : []),
    ...(oauthErrors ? [] : PROBLEMS_OF[security]),
    ...problems,
  ];
}

/** The members of an operation that every operation of ours has. */
type Always = "operationId" | "tags" | "summary" | "security" | "responses";
export type DescribedOperation = OpenAPIV3_1.OperationObject & Required<Pick<OpenAPIV3_1.OperationObject, Always>>;

/** One operation. `path` is written as in OpenAPI (`/api/links/{skillId}`). */
export function describeOperation(
  tag: string,
  path: string,
  operation: Operation,
  shared: SharedResponses,
): DescribedOperation {
  const parameters = [...pathParameters(path, operation), ...(operation.query ? queryParameters(operation.query) : [])];
  const { body } = operation;
  return {
    operationId: operation.id,
    tags: [tag],
    summary: operation.summary,
    ...(operation.description ? { description: operation.description } : {}),
    security: SCHEMES[operation.security],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: { required: !body.optional, content: content(body, "input") } } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.responses).map(([status, { description, content: given }]) => [
          status,
          { description, ...(given ? { content: content(given, "output") } : {}) },
        ]),
      ),
      ...problemResponses(problemsOf(operation), shared),
      ...oauthResponses(operation.oauthErrors ?? {}),
    },
  };
}
