// /api/admin/clients: the company's apps and the skills' backends. Alexa's clients are created with their skill.
import type { Hono } from "hono/tiny";
import { sha256 } from "../crypto/hash.ts";
import { randomId, randomSecret } from "../crypto/random.ts";
import { problem } from "../http/problem.ts";
import { jsonBody } from "../http/read.ts";
import { json, noContent } from "../http/respond.ts";
import { LINKS_SCOPE } from "../oauth/bearer.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import {
  deleteClient,
  insertClient,
  listClients,
  type NewClient,
  rotateClientSecret,
  updateClient,
} from "../storage/clients/client-admin.ts";
import { type Client, readClient } from "../storage/clients/clients.ts";
import {
  clientChangesSchema,
  includesReservedScope,
  NO_RESOURCES_FOR_APPS,
  newClientSchema,
  rotateSecretSchema,
} from "./admin-schemas.ts";
import { operatorOf } from "./operator.ts";
import { idPosition, plainPage, respondWithPage, rfc3339 } from "./paging.ts";

/** Mounts `/api/admin/clients`. The admin guard must run before it. */
export function clientsApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/clients", list);
  app.post("/api/admin/clients", create);
  app.get("/api/admin/clients/:id", show);
  app.patch("/api/admin/clients/:id", change);
  app.delete("/api/admin/clients/:id", remove);
  app.post("/api/admin/clients/:id/rotate-secret", rotate);
}

function clientView(client: Client, secret?: string): object {
  return {
    id: client.id,
    kind: client.kind,
    name: client.name,
    redirectUris: client.redirectUris,
    scopes: client.scopes,
    skillIds: client.skillIds,
    resources: client.resources,
    ...(secret === undefined ? {} : { secret }),
    ...(client.previousSecretExpiresAt === null
      ? {}
      : { previousSecretExpiresAt: rfc3339(client.previousSecretExpiresAt) }),
    createdAt: rfc3339(client.createdAt),
  };
}

/** The app or service client with the id in the path, or 404. */
async function clientOfPath(c: AppContext): Promise<Client | Response> {
  const client = await readClient(c.var.runtime.db, c.req.param("id") ?? "");
  return client?.kind === "app" || client?.kind === "service" ? client : problem("not_found");
}

const RESOURCE_OF_ADD_ON =
  "resources: one of them is the resource of an add-on, whose tokens only Alexa's clients may get.";
const RESERVED = `Only app clients may have the scope ${LINKS_SCOPE}.`;

/** Codes for enablement calls are bound to our own callbacks, so no client may register them. */
function refuseOwnCallback(c: AppContext, redirectUris: readonly string[]): Response | undefined {
  const { issuer } = c.var.runtime;
  return redirectUris.some((uri) => uri === `${issuer}/link/callback` || uri === `${issuer}/app/callback`)
    ? problem("invalid_body", "redirectUris: must not contain this server's own callbacks")
    : undefined;
}

/** This server is the audience of users' tokens only. */
function refuseOwnAudience(c: AppContext, resources: readonly string[]): Response | undefined {
  return resources.some((resource) => new URL(resource).origin === c.var.runtime.issuer)
    ? problem("invalid_body", "resources: must not be addresses of this server")
    : undefined;
}

async function create(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await jsonBody(c, newClientSchema(rt.development));
  if (body instanceof Response) return body;
  const app = body.kind === "app";
  const scopes = body.scopes ?? (app ? [LINKS_SCOPE] : []);
  if (!app && includesReservedScope(scopes)) return problem("scope_reserved", RESERVED);
  const refused = refuseOwnCallback(c, body.redirectUris) ?? refuseOwnAudience(c, body.resources);
  if (refused) return refused;
  const secret = app ? undefined : (body.secret ?? randomSecret());
  const client: NewClient = {
    id: body.id ?? `${body.kind}-${randomId()}`,
    kind: body.kind,
    name: body.name,
    secretHash: secret === undefined ? null : await sha256(secret),
    redirectUris: body.redirectUris,
    scopes,
    skillId: null,
    skillIds: body.skillIds,
    resources: body.resources,
    requirePkce: app,
  };
  const added = await insertClient(rt.db, client, rt.now(), {
    kind: "client_created",
    actor: operatorOf(c).name,
    clientId: client.id,
  });
  if (added === "resource_taken") return problem("conflict", RESOURCE_OF_ADD_ON);
  if (added === "id_taken") {
    return problem("conflict", `The client id ${client.id} is already in use, by a client or a skill.`);
  }
  rt.caches.forgetRegistrations();
  c.header("location", `/api/admin/clients/${encodeURIComponent(client.id)}`);
  const stored = await readClient(rt.db, client.id);
  return stored ? json(c, clientView(stored, secret), 201) : problem("not_found");
}

async function list(c: AppContext): Promise<Response> {
  const { db } = c.var.runtime;
  return respondWithPage(
    c,
    plainPage,
    idPosition,
    ({ limit }, after) => listClients(db, after?.id ?? "", limit + 1),
    (client) => clientView(client),
  );
}

async function show(c: AppContext): Promise<Response> {
  const client = await clientOfPath(c);
  return client instanceof Response ? client : json(c, clientView(client));
}

async function change(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const client = await clientOfPath(c);
  if (client instanceof Response) return client;
  const body = await jsonBody(c, clientChangesSchema(rt.development));
  if (body instanceof Response) return body;
  if (client.kind === "service" && includesReservedScope(body.scopes ?? [])) return problem("scope_reserved", RESERVED);
  if (body.redirectUris !== undefined && (client.kind === "app") !== body.redirectUris.length > 0) {
    return problem(
      "invalid_body",
      client.kind === "app"
        ? "redirectUris: must name at least one redirect URI of the app"
        : "redirectUris: must be empty: a service does not sign users in",
    );
  }
  if (client.kind === "app" && (body.resources ?? []).length > 0) return problem("invalid_body", NO_RESOURCES_FOR_APPS);
  const refused = refuseOwnCallback(c, body.redirectUris ?? []) ?? refuseOwnAudience(c, body.resources ?? []);
  if (refused) return refused;
  const changed = {
    id: client.id,
    name: body.name ?? client.name,
    redirectUris: body.redirectUris ?? client.redirectUris,
    scopes: body.scopes ?? client.scopes,
    skillIds: body.skillIds ?? client.skillIds,
    resources: body.resources ?? client.resources,
  };
  const updated = await updateClient(rt.db, changed, rt.now(), {
    kind: "client_changed",
    actor: operatorOf(c).name,
    clientId: client.id,
    details: Object.keys(body).join(", "),
  });
  rt.caches.forgetRegistrations();
  const stored = await readClient(rt.db, client.id);
  if (!stored) return problem("not_found");
  return updated ? json(c, clientView(stored)) : problem("conflict", RESOURCE_OF_ADD_ON);
}

async function remove(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const client = await clientOfPath(c);
  if (client instanceof Response) return client;
  await deleteClient(rt.db, client.id, rt.now(), {
    kind: "client_deleted",
    actor: operatorOf(c).name,
    clientId: client.id,
  });
  rt.caches.forgetRegistrations();
  return noContent(c);
}

async function rotate(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const client = await clientOfPath(c);
  if (client instanceof Response) return client;
  if (client.secretHash === null) return problem("conflict", "An app client has no secret.");
  const body = await jsonBody(c, rotateSecretSchema, { emptyAsObject: true });
  if (body instanceof Response) return body;
  const secret = randomSecret();
  const previousExpiresAt = rt.now() + body.overlapSeconds * 1000;
  await rotateClientSecret(
    rt.db,
    client.id,
    { secretHash: await sha256(secret), previousExpiresAt, now: rt.now() },
    { kind: "client_secret_rotated", actor: operatorOf(c).name, clientId: client.id },
  );
  rt.caches.forgetRegistrations();
  const stored = await readClient(rt.db, client.id);
  return stored ? json(c, clientView(stored, secret)) : problem("not_found");
}
