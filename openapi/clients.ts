// /api/admin/clients: apps and skill backends.
import * as z from "zod/mini";
import { clientChangesSchema, newClientSchema, rotateSecretSchema } from "../src/admin/admin-schemas.ts";
import { plainPage } from "../src/admin/paging.ts";
import type { Resource } from "./describe.ts";
import { EXAMPLE_SKILL_ID, EXAMPLE_TIME, strings, time } from "./shapes.ts";

/** A client as the admin API shows it. */
export const clientResponse = z.strictObject({
  id: z.string(),
  kind: z.enum(["app", "service"]),
  name: z.string(),
  redirectUris: strings,
  scopes: strings,
  skillIds: strings,
  resources: strings,
  secret: z.optional(z.string()),
  previousSecretExpiresAt: z.optional(time),
  createdAt: time,
});

const clientExample = {
  id: "acme-backend",
  kind: "service",
  name: "Acme Home backend",
  redirectUris: [],
  scopes: [],
  skillIds: [EXAMPLE_SKILL_ID],
  resources: ["https://catalog.example.com/"],
  createdAt: EXAMPLE_TIME,
};

const clientPath = { id: "The client's id." };
const client = (example?: object) => ({ shape: { component: "Client" }, example });

export const clients: Resource = {
  tag: "Operators: clients",
  description: "With ADMIN_TOKEN: apps and skill backends.",
  components: {
    NewClient: {
      schema: newClientSchema(false),
      io: "input",
      texts: {
        redirectUris: "At least one for an app, none for a service.",
        scopes: "Default for an app: `links`.",
        skillIds: "The skills whose tokens a service may introspect.",
        resources:
          "The audiences that a service may ask for with `resource` (RFC 8707). An add-on's `resource` is not allowed.",
      },
    },
    Client: {
      schema: clientResponse,
      io: "output",
      texts: { secret: "Only in the response that created it." },
      example: clientExample,
    },
  },
  paths: {
    "/api/admin/clients": {
      POST: {
        id: "addClient",
        summary: "Add an app or a skill backend",
        description:
          "An `app` is a public client: PKCE, rotating refresh tokens. A `service` has a secret, which is shown only once.",
        security: "admin",
        body: {
          shape: { component: "NewClient" },
          example: { kind: "service", name: "Acme Home backend", skillIds: [EXAMPLE_SKILL_ID] },
        },
        responses: {
          201: { description: "Added.", content: client({ ...clientExample, secret: "example-client-secret" }) },
        },
        problems: ["conflict", "scope_reserved"],
      },
      GET: {
        id: "listClients",
        summary: "The registered apps and skill backends",
        security: "admin",
        query: plainPage,
        responses: {
          200: {
            description: "Ordered by id. Alexa's clients are shown with their skills.",
            content: { shape: { listOf: "Client" } },
          },
        },
      },
    },
    "/api/admin/clients/{id}": {
      GET: {
        id: "showClient",
        summary: "One client",
        security: "admin",
        path: clientPath,
        responses: { 200: { description: "The client.", content: client() } },
        problems: ["not_found"],
      },
      PATCH: {
        id: "changeClient",
        summary: "Change a client",
        security: "admin",
        path: clientPath,
        body: { shape: clientChangesSchema(false), example: { name: "Acme Home backend 2" } },
        responses: { 200: { description: "The changed client.", content: client() } },
        problems: ["not_found", "conflict", "scope_reserved"],
      },
      DELETE: {
        id: "removeClient",
        summary: "Remove a client and its grants",
        security: "admin",
        path: clientPath,
        responses: { 204: { description: "Removed." } },
        problems: ["not_found"],
      },
    },
    "/api/admin/clients/{id}/rotate-secret": {
      POST: {
        id: "rotateClientSecret",
        summary: "Create a new secret for a service",
        security: "admin",
        path: clientPath,
        body: { shape: rotateSecretSchema, example: { overlapSeconds: 604800 }, optional: true },
        responses: {
          200: {
            description: "The new secret is shown only once.",
            content: client({
              ...clientExample,
              secret: "example-client-secret",
              previousSecretExpiresAt: EXAMPLE_TIME,
            }),
          },
        },
        problems: ["not_found", "conflict"],
      },
    },
  },
};
