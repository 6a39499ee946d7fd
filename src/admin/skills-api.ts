// /api/admin/skills: registering skills, each with the OAuth client that Alexa uses for it.
import type { Hono } from "hono/tiny";
import { sha256 } from "../crypto/hash.ts";
import { randomId, randomSecret } from "../crypto/random.ts";
import { problem } from "../http/problem.ts";
import { jsonBody, queryOf, rawJson, shapeProblem } from "../http/read.ts";
import { json, noContent } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { type NewClient, rotateClientSecret } from "../storage/clients/client-admin.ts";
import type { Client } from "../storage/clients/clients.ts";
import { deleteSkill, insertSkill, type SkillContent, updateSkill } from "../storage/skills/skill-admin.ts";
import { listSkills, readSkill, type Skill } from "../storage/skills/skills.ts";
import { accountLinkingRequest } from "./account-linking-request.ts";
import { newSkillSchema, rotateSecretQuery, rotateSecretSchema, skillChangesSchema } from "./admin-schemas.ts";
import { operatorOf } from "./operator.ts";
import { idPosition, plainPage, respondWithPage, rfc3339 } from "./paging.ts";
import { relayToStore } from "./relay-settings.ts";
import { isFlashBriefing, refusedSkill, scopesToStore } from "./skill-rules.ts";
import { type NewSecrets, protectedResource, type SkillWithClients, skillView, withClients } from "./skill-view.ts";
import { amazonRedirectUris } from "./web-address.ts";

/** Mounts `/api/admin/skills`. The admin guard must run before it. */
export function skillsApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/skills", list);
  app.post("/api/admin/skills", create);
  app.get("/api/admin/skills/:id", show);
  app.patch("/api/admin/skills/:id", change);
  app.delete("/api/admin/skills/:id", remove);
  app.post("/api/admin/skills/:id/rotate-secret", rotate);
  app.get("/api/admin/skills/:id/account-linking-request", linkingRequest);
  app.get("/api/admin/skills/:id/protected-resource", resourceMetadata);
}

/** The skill with the id in the path and its clients, or 404. */
async function skillOfPath(c: AppContext): Promise<SkillWithClients | Response> {
  return (await storedSkill(c, c.req.param("id") ?? "")) ?? problem("skill_not_found");
}

async function storedSkill(c: AppContext, id: string): Promise<SkillWithClients | undefined> {
  const { db } = c.var.runtime;
  const skill = await readSkill(db, id);
  return skill && (await withClients(db, [skill]))[0];
}

function union(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())];
}

async function create(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const raw = await rawJson(c);
  if (raw instanceof Response) return raw;
  if (isFlashBriefing(raw.value)) return problem("account_linking_not_supported");
  const parsed = newSkillSchema(rt.development).safeParse(raw.value);
  if (!parsed.success) return shapeProblem("invalid_body", parsed.error);
  const body = parsed.data;
  const { vendorId = null, redirectUris: listedUris = [] } = body;
  if (vendorId === null && listedUris.length === 0) {
    return problem("invalid_body", "vendorId: is required, unless redirectUris has all of Amazon's redirect URIs");
  }
  const content: SkillContent = {
    id: body.id,
    stage: body.stage,
    type: body.type,
    name: body.name,
    linking: body.linking ?? null,
    vendorId,
    resource: body.resource ?? null,
    scopes: scopesToStore(body.type, body.scopes),
    returnUrls: body.returnUrls,
    extraRedirectUris: body.extraRedirectUris,
  };
  const redirectUris = union(amazonRedirectUris(vendorId), listedUris, body.extraRedirectUris);
  const hasServiceClient = Boolean(body.serviceClient);
  const refused = refusedSkill(rt.issuer, content, redirectUris, { ...body, listedUris, hasServiceClient });
  if (refused) return refused;
  const relay = relayToStore(rt, body.relay);
  if (relay instanceof Response) return relay;

  const { secret = randomSecret(), requirePkce = false } = body.client;
  const client: NewClient = {
    ...(await newClient(content, "alexa", body.client.id, secret)),
    redirectUris,
    requirePkce: body.type === "add_on" || requirePkce,
  };
  const serviceSecret = body.serviceClient ? randomSecret() : undefined;
  const serviceClient =
    serviceSecret === undefined
      ? undefined
      : await newClient(content, "add_on_service", body.serviceClient?.id, serviceSecret);
  const isRepeated = serviceClient?.id === client.id || serviceClient?.id === body.id;
  const audit = { kind: "skill_created", actor: operatorOf(c).name, clientId: client.id, details: body.id };
  switch (
    isRepeated ? "client_exists" : await insertSkill(rt, content, { ...body, relay }, client, audit, serviceClient)
  ) {
    case "skill_exists":
      return problem("conflict", `${body.id} is already registered.`);
    case "client_exists":
      return problem("conflict", takenIds(client.id, body.id, serviceClient?.id));
    case "resource_taken":
      return problem("conflict", RESOURCE_TAKEN);
    case "inserted":
      rt.caches.forgetRegistrations();
      c.header("location", `/api/admin/skills/${encodeURIComponent(body.id)}`);
      return shown(c, body.id, { secret, serviceSecret, status: 201 });
  }
}

const RESOURCE_TAKEN = "resource: another skill has it, or a service client may ask for it.";

function takenIds(...ids: readonly (string | undefined)[]): string {
  return `${ids.filter((id) => id !== undefined).join(" or ")} is already the id of a client or skill.`;
}

/** A client of Alexa's, as yet without redirect URIs. */
async function newClient(
  skill: SkillContent,
  kind: "alexa" | "add_on_service",
  id: string | undefined,
  secret: string,
): Promise<NewClient> {
  return {
    id: id ?? `${kind === "alexa" ? "alexa" : "alexa-service"}-${randomId()}`,
    kind,
    name: skill.name,
    secretHash: await sha256(secret),
    redirectUris: [],
    scopes: [],
    skillId: skill.id,
    skillIds: [],
    resources: [],
    requirePkce: false,
  };
}

/** Response with the skill as it is stored now. */
async function shown(
  c: AppContext,
  id: string,
  also: NewSecrets & { readonly status?: 200 | 201; readonly more?: object } = {},
): Promise<Response> {
  const found = await storedSkill(c, id);
  return found ? json(c, { ...skillView(found, also), ...also.more }, also.status) : problem("skill_not_found");
}

async function list(c: AppContext): Promise<Response> {
  const { db } = c.var.runtime;
  return respondWithPage(
    c,
    plainPage,
    idPosition,
    async ({ limit }, after) => {
      const skills = await withClients(db, await listSkills(db, { after: after?.id, limit: limit + 1 }));
      return skills.map((one) => ({ ...one, id: one.skill.id }));
    },
    (row) => skillView(row),
  );
}

async function show(c: AppContext): Promise<Response> {
  const found = await skillOfPath(c);
  return found instanceof Response ? found : json(c, skillView(found));
}

async function change(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const found = await skillOfPath(c);
  if (found instanceof Response) return found;
  const raw = await rawJson(c);
  if (raw instanceof Response) return raw;
  if (isFlashBriefing(raw.value)) return problem("account_linking_not_supported");
  const parsed = skillChangesSchema(rt.development).safeParse(raw.value);
  if (!parsed.success) return shapeProblem("invalid_body", parsed.error);
  const body = parsed.data;
  const { skill, client } = found;
  const content: SkillContent = {
    id: skill.id,
    stage: body.stage ?? skill.stage,
    type: body.type ?? skill.type,
    name: body.name ?? skill.name,
    linking: body.linking ?? skill.linking,
    vendorId: body.vendorId === undefined ? skill.vendorId : body.vendorId,
    resource: body.resource === undefined ? skill.resource : body.resource,
    scopes: scopesToStore(body.type ?? skill.type, body.scopes ?? skill.scopes),
    returnUrls: body.returnUrls ?? skill.returnUrls,
    extraRedirectUris: body.extraRedirectUris ?? skill.extraRedirectUris,
  };
  const listedUris = body.redirectUris ?? listedRedirectUris(skill, client);
  const redirectUris = union(amazonRedirectUris(content.vendorId), listedUris, content.extraRedirectUris);
  const addressesChanged = body.redirectUris !== undefined || body.vendorId !== undefined;
  const refused = refusedSkill(rt.issuer, content, redirectUris, {
    ...body,
    listedUris,
    hasServiceClient: body.serviceClient === undefined ? skill.serviceClientId !== null : body.serviceClient !== null,
    force: body.force || !addressesChanged,
  });
  if (refused) return refused;
  const relay = relayToStore(rt, body.relay);
  if (relay instanceof Response) return relay;

  const { serviceClientId } = skill;
  const asked = body.serviceClient;
  if (asked?.id !== undefined && serviceClientId !== null && asked.id !== serviceClientId) {
    return problem(
      "conflict",
      `serviceClient: the add-on already has ${serviceClientId}; remove it first with "serviceClient": null.`,
    );
  }
  const serviceSecret = asked && serviceClientId === null ? randomSecret() : undefined;
  const serviceClient = {
    ...(serviceSecret === undefined
      ? {}
      : { add: await newClient(content, "add_on_service", asked?.id, serviceSecret) }),
    // Another request may have added one while the type changes.
    ...(asked === null || content.type !== "add_on" ? { remove: serviceClientId } : {}),
  };
  const requirePkce = content.type === "add_on" || (body.client.requirePkce ?? client.requirePkce);
  const changed = Object.keys(raw.value as object).join(", ");
  const audit = {
    kind: "skill_changed",
    actor: operatorOf(c).name,
    clientId: client.id,
    details: `${skill.id}: ${changed}`.slice(0, 300),
  };
  switch (await updateSkill(rt, content, { ...body, relay }, { redirectUris, requirePkce }, serviceClient, audit)) {
    case "skill_gone":
      return problem("skill_not_found");
    case "client_exists":
      return problem("conflict", "serviceClient: its id is taken, or another request has just added a service client.");
    case "resource_taken":
      return problem("conflict", RESOURCE_TAKEN);
    case "updated":
      rt.caches.forgetRegistrations();
      return shown(c, skill.id, { serviceSecret });
  }
}

/** The redirect URIs that come neither from the vendor id nor from `extraRedirectUris`. */
function listedRedirectUris(skill: Skill, client: Client): string[] {
  const others = new Set([...amazonRedirectUris(skill.vendorId), ...skill.extraRedirectUris]);
  return client.redirectUris.filter((uri) => !others.has(uri));
}

async function remove(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const id = c.req.param("id") ?? "";
  if (!(await deleteSkill(rt, id, { kind: "skill_deleted", actor: operatorOf(c).name, details: id })))
    return problem("skill_not_found");
  rt.caches.forgetRegistrations();
  return noContent(c);
}

const NO_SERVICE_CLIENT = 'This skill has no service client. An add_on gets one with "serviceClient": {}.';

async function rotate(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const query = queryOf(c, rotateSecretQuery);
  if (query instanceof Response) return query;
  if (c.req.query("client") === "") return problem("invalid_query", "client: must be service, or left out");
  const found = await skillOfPath(c);
  if (found instanceof Response) return found;
  const body = await jsonBody(c, rotateSecretSchema, { emptyAsObject: true });
  if (body instanceof Response) return body;
  const ofService = query.client === "service";
  const clientId = ofService ? found.serviceClient?.id : found.client.id;
  if (clientId === undefined) return problem("not_found", NO_SERVICE_CLIENT);
  const secret = randomSecret();
  const previousExpiresAt = rt.now() + body.overlapSeconds * 1000;
  const rotation = { secretHash: await sha256(secret), previousExpiresAt, now: rt.now() };
  const audit = { kind: "client_secret_rotated", actor: operatorOf(c).name, clientId };
  if (!(await rotateClientSecret(rt.db, clientId, rotation, audit))) {
    return ofService ? problem("not_found", NO_SERVICE_CLIENT) : problem("skill_not_found");
  }
  rt.caches.forgetRegistrations();
  return shown(c, found.skill.id, {
    ...(ofService ? { serviceSecret: secret } : { secret }),
    more: { previousSecretExpiresAt: rfc3339(previousExpiresAt) },
  });
}

async function linkingRequest(c: AppContext): Promise<Response> {
  const found = await skillOfPath(c);
  if (found instanceof Response) return found;
  return json(c, accountLinkingRequest(c.var.runtime, found.skill, found.client));
}

async function resourceMetadata(c: AppContext): Promise<Response> {
  const found = await skillOfPath(c);
  if (found instanceof Response) return found;
  const metadata = protectedResource(c.var.runtime.issuer, found.skill);
  return metadata ? json(c, metadata) : problem("not_found", "This skill has no resource: it is not an add_on.");
}
