// /api/admin/skills: registering skills, each with the OAuth client that Alexa uses for it.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import { randomId, randomSecret } from "../crypto/random.ts";
import { problem } from "../http/problem.ts";
import { jsonBody, queryOf, rawJson, shapeProblem } from "../http/read.ts";
import { json, noContent } from "../http/respond.ts";
import type { AppContext, AppEnv } from "../runtime.ts";
import { type NewClient, readClients, rotateClientSecret } from "../storage/clients/client-admin.ts";
import { type Client, readClient } from "../storage/clients/clients.ts";
import { deleteSkill, insertSkill, type SkillContent, updateSkill } from "../storage/skills/skill-admin.ts";
import { listSkills, readSkill, type Skill } from "../storage/skills/skills.ts";
import { accountLinkingRequest, linkingOf } from "./account-linking-request.ts";
import { newSkillSchema, rotateSecretSchema, skillChangesSchema } from "./admin-schemas.ts";
import { pageOf, pageQuery, positionOf, rfc3339 } from "./paging.ts";
import { isFlashBriefing, refusedSkill } from "./skill-rules.ts";
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
}

/** A skill as the API returns it. It never has Amazon's secrets, and ours only in the response that created it. */
function skillView(skill: Skill, client: Client, secret?: string): object {
  return {
    id: skill.id,
    stage: skill.stage,
    name: skill.name,
    type: skill.type,
    linking: linkingOf(skill),
    vendorId: skill.vendorId,
    extraRedirectUris: skill.extraRedirectUris,
    scopes: skill.scopes.map(({ name, descriptions }) =>
      Object.keys(descriptions).length === 0 ? name : { name, descriptions },
    ),
    returnUrls: skill.returnUrls,
    lwa: skill.lwa && { clientId: skill.lwa.clientId },
    eventGateway: skill.eventGateway && { clientId: skill.eventGateway.clientId },
    client: {
      id: client.id,
      ...(secret === undefined ? {} : { secret }),
      requirePkce: client.requirePkce,
      redirectUris: client.redirectUris,
      ...(client.previousSecretExpiresAt === null
        ? {}
        : { previousSecretExpiresAt: rfc3339(client.previousSecretExpiresAt) }),
    },
    createdAt: rfc3339(skill.createdAt),
    updatedAt: rfc3339(skill.updatedAt),
  };
}

/** The skill with the id in the path and its client, or 404. */
async function skillOfPath(c: AppContext): Promise<{ readonly skill: Skill; readonly client: Client } | Response> {
  const { db } = c.var.runtime;
  const skill = await readSkill(db, c.req.param("id") ?? "");
  const client = skill && (await readClient(db, skill.clientId));
  return skill && client ? { skill, client } : problem("skill_not_found");
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
    resource: null,
    scopes: body.scopes,
    returnUrls: body.returnUrls,
    extraRedirectUris: body.extraRedirectUris,
  };
  const redirectUris = union(amazonRedirectUris(vendorId), listedUris, body.extraRedirectUris);
  const refused = refusedSkill(rt.issuer, content, redirectUris, { ...body, clientId: body.client.id, listedUris });
  if (refused) return refused;

  const { id = `alexa-${randomId()}`, secret = randomSecret(), requirePkce = false } = body.client;
  const client: NewClient = {
    id,
    kind: "alexa",
    name: body.name,
    secretHash: await sha256(secret),
    redirectUris,
    scopes: [],
    skillId: body.id,
    skillIds: [],
    resources: [],
    requirePkce: body.type === "add_on" || requirePkce,
  };
  const audit = { kind: "skill_created", clientId: id, details: body.id };
  switch (await insertSkill(rt, content, body, client, audit)) {
    case "skill_exists":
      return problem("conflict", `${body.id} is already registered.`);
    case "client_exists":
      return problem("conflict", `${id} or ${body.id} is already the id of a client or skill.`);
    case "inserted":
      rt.caches.forgetClients();
      c.header("location", `/api/admin/skills/${encodeURIComponent(body.id)}`);
      return shown(c, body.id, { secret, status: 201 });
  }
}

/** Response with the skill as it is stored now. */
async function shown(
  c: AppContext,
  id: string,
  also: { readonly secret?: string; readonly status?: 200 | 201; readonly more?: object } = {},
): Promise<Response> {
  const { db } = c.var.runtime;
  const skill = await readSkill(db, id);
  const client = skill && (await readClient(db, skill.clientId));
  if (!skill || !client) return problem("skill_not_found");
  return json(c, { ...skillView(skill, client, also.secret), ...also.more }, also.status);
}

async function list(c: AppContext): Promise<Response> {
  const query = queryOf(c, z.strictObject(pageQuery));
  if (query instanceof Response) return query;
  const after = positionOf(query.cursor, z.string());
  if (after instanceof Response) return after;
  const { db } = c.var.runtime;
  const skills = await listSkills(db, { after, limit: query.limit + 1 });
  const clientIds = skills.map((skill) => skill.clientId);
  const clients = new Map((await readClients(db, clientIds)).map((client) => [client.id, client]));
  const rows = skills.flatMap((skill) => {
    const client = clients.get(skill.clientId);
    return client ? [{ skill, client }] : [];
  });
  const page = pageOf(
    rows,
    query.limit,
    (row) => skillView(row.skill, row.client),
    (row) => row.skill.id,
  );
  return json(c, page);
}

async function show(c: AppContext): Promise<Response> {
  const found = await skillOfPath(c);
  return found instanceof Response ? found : json(c, skillView(found.skill, found.client));
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
    resource: skill.resource,
    scopes: body.scopes ?? skill.scopes,
    returnUrls: body.returnUrls ?? skill.returnUrls,
    extraRedirectUris: body.extraRedirectUris ?? skill.extraRedirectUris,
  };
  const listedUris = body.redirectUris ?? listedRedirectUris(skill, client);
  const redirectUris = union(amazonRedirectUris(content.vendorId), listedUris, content.extraRedirectUris);
  const addressesChanged = body.redirectUris !== undefined || body.vendorId !== undefined;
  const refused = refusedSkill(rt.issuer, content, redirectUris, {
    ...body,
    clientId: client.id,
    listedUris,
    force: body.force || !addressesChanged,
  });
  if (refused) return refused;

  const requirePkce = content.type === "add_on" || (body.client.requirePkce ?? client.requirePkce);
  const changed = Object.keys(raw.value as object).join(", ");
  const audit = { kind: "skill_changed", clientId: client.id, details: `${skill.id}: ${changed}`.slice(0, 300) };
  const updated = await updateSkill(rt, content, body, { redirectUris, requirePkce }, audit);
  if (!updated) return problem("skill_not_found");
  rt.caches.forgetClients();
  return shown(c, skill.id);
}

/** The redirect URIs that come neither from the vendor id nor from `extraRedirectUris`. */
function listedRedirectUris(skill: Skill, client: Client): string[] {
  const others = new Set([...amazonRedirectUris(skill.vendorId), ...skill.extraRedirectUris]);
  return client.redirectUris.filter((uri) => !others.has(uri));
}

async function remove(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const id = c.req.param("id") ?? "";
  if (!(await deleteSkill(rt, id, { kind: "skill_deleted", details: id }))) return problem("skill_not_found");
  rt.caches.forgetClients();
  return noContent(c);
}

async function rotate(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const found = await skillOfPath(c);
  if (found instanceof Response) return found;
  const body = await jsonBody(c, rotateSecretSchema, { emptyAsObject: true });
  if (body instanceof Response) return body;
  const clientId = found.client.id;
  const secret = randomSecret();
  const previousExpiresAt = rt.now() + body.overlapSeconds * 1000;
  const rotation = { secretHash: await sha256(secret), previousExpiresAt, now: rt.now() };
  if (!(await rotateClientSecret(rt.db, clientId, rotation, { kind: "client_secret_rotated", clientId }))) {
    return problem("skill_not_found");
  }
  rt.caches.forgetClients();
  return shown(c, found.skill.id, { secret, more: { previousSecretExpiresAt: rfc3339(previousExpiresAt) } });
}

async function linkingRequest(c: AppContext): Promise<Response> {
  const found = await skillOfPath(c);
  if (found instanceof Response) return found;
  return json(c, accountLinkingRequest(c.var.runtime, found.skill, found.client));
}
