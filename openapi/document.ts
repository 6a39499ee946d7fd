// The OpenAPI document. `npm run assets` writes it to assets/openapi.json, with the docs page beside it.
import type { OpenAPIV3_1 } from "openapi-types";
import { ISSUER_PLACEHOLDER } from "../src/http/api-description.ts";
import { alerts } from "./alerts.ts";
import { alexa } from "./alexa.ts";
import { authorizations } from "./authorizations.ts";
import { clients } from "./clients.ts";
import {
  type Component,
  type DescribedOperation,
  describeOperation,
  jsonSchemaOf,
  type Resource,
  type Schema,
  type SharedResponses,
} from "./describe.ts";
import { developerToken } from "./developer-token.ts";
import { errors } from "./errors.ts";
import { imports } from "./imports.ts";
import { insight } from "./insight.ts";
import { links } from "./links.ts";
import { maintenance } from "./maintenance.ts";
import { oauth } from "./oauth.ts";
import { service } from "./service.ts";
import { skillBackend } from "./skill-backend.ts";
import { skills } from "./skills.ts";
import { userAccess } from "./user-access.ts";
import { users } from "./users.ts";
import { webhooks } from "./webhooks.ts";

const VERSION = "1";

/** In the order in which the document and the page show them. */
export const RESOURCES: readonly Resource[] = [
  links,
  authorizations,
  skillBackend,
  alexa,
  oauth,
  skills,
  developerToken,
  clients,
  users,
  userAccess,
  imports,
  insight,
  alerts,
  maintenance,
  webhooks,
  service,
];

export const COMPONENTS: Readonly<Record<string, Component>> = Object.assign(
  {},
  errors,
  ...RESOURCES.map((resource) => resource.components),
);

const SECURITY_SCHEMES: Record<string, OpenAPIV3_1.SecuritySchemeObject> = {
  userToken: {
    type: "http",
    scheme: "bearer",
    description:
      "An access token of an app client with the scope `links`, or an access token that the company's identity provider issued for our audience.",
  },
  adminToken: { type: "http", scheme: "bearer", description: "ADMIN_TOKEN." },
  clientBasic: { type: "http", scheme: "basic", description: "Id and secret of a client." },
  serviceToken: { type: "http", scheme: "bearer", description: "An access token of the service client itself." },
};

function componentSchema({ schema, io, texts, example }: Component): Schema {
  return { ...jsonSchemaOf(schema, io, texts), ...(example === undefined ? {} : { examples: [example] }) };
}

function mapValues<T, R>(object: Readonly<Record<string, T>>, convert: (value: T, key: string) => R) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, convert(value, key)]));
}

/** An OpenAPI document in which every member is present that ours always has. */
export interface ApiDocument extends Omit<OpenAPIV3_1.Document, "paths" | "components" | "tags"> {
  readonly info: OpenAPIV3_1.InfoObject & { description: string };
  readonly tags: (OpenAPIV3_1.TagObject & { description: string })[];
  readonly paths: Record<string, Record<string, DescribedOperation>>;
  readonly components: {
    readonly schemas: Record<string, Schema>;
    readonly responses: Record<string, OpenAPIV3_1.ResponseObject>;
    readonly securitySchemes: Record<string, OpenAPIV3_1.SecuritySchemeObject>;
  };
}

/** The whole document. */
export function openApiDocument(): ApiDocument {
  const shared: SharedResponses = new Map();
  const paths = RESOURCES.map(({ tag, paths }) =>
    mapValues(paths, (methods, path) =>
      Object.fromEntries(
        Object.entries(methods).map(([method, operation]) => [
          method.toLowerCase(),
          describeOperation(tag, path, operation, shared),
        ]),
      ),
    ),
  );
  return {
    openapi: "3.1.0",
    info: {
      title: "alexa-link",
      version: VERSION,
      description:
        "Links a company's users with Alexa. Errors of the JSON API are problem documents (RFC 9457) with a stable `code`; the OAuth endpoints return OAuth errors. Times are RFC 3339 in UTC. A method that is not listed gets 405 with `Allow`.",
    },
    servers: [{ url: ISSUER_PLACEHOLDER }],
    tags: RESOURCES.map(({ tag, description }) => ({ name: tag, description })),
    paths: Object.assign({}, ...paths),
    components: {
      schemas: mapValues(COMPONENTS, componentSchema),
      responses: Object.fromEntries([...shared].sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}
