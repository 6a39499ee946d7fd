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
import { type AuthMethod, type Client, readClient } from "../storage/clients/clients.ts";
import { deleteSkill, insertSkill, type SkillContent, updateSkill } from "../storage/skills/skill-admin.ts";
import { listSkills, readSkill, type Skill, type SkillType } from "../storage/skills/skills.ts";
import { accountLinkingRequest } from "./account-linking-request.ts";
import { listsReservedScope, newSkillSchema, rotateSecretSchema, skillChangesSchema } from "./admin-schemas.ts";
import { pageOf, pageQuery, positionOf, rfc3339 } from "./paging.ts";
import { amazonRedirectUris, missingAmazonRedirectUris } from "./web-address.ts";

const BOTH_METHODS: readonly AuthMethod[] = ["client_secret_basic", "client_secret_post"];

/** Mounts `/api/admin/skills`. The guard stands before it. */
export function skillsApi(app: Hono<AppEnv>): void {
  app.get("/api/admin/skills", list);
  app.post("/api/admin/skills", create);
  app.get("/api/admin/skills/:id", show);
  app.patch("/api/admin/skills/:id", change);
  app.delete("/api/admin/skills/:id", remove);
  app.post("/api/admin/skills/:id/rotate-secret", rotate);
  app.get("/api/admin/skills/:id/account-linking-request", linkingRequest);
}

/** A skill as the API shows it. Secrets of Amazon's pairs are never shown, ours only in the answer that made it. */
function skillView(skill: Skill, client: Client, secret?: string): object {
  return {
    id: skill.id,
    stage: skill.stage,
    name: skill.name,
    type: skill.type,
    vendorId: skill.vendorId,
    extraRedirectUris: skill.extraRedirectUris,
    scopes: skill.scopes.map((scope) => (Object.keys(scope.descriptions).length === 0 ? scope.name : scope)),
    returnUrls: skill.returnUrls,
    lwa: skill.lwa && { clientId: skill.lwa.clientId },
    eventGateway: skill.eventGateway && { clientId: skill.eventGateway.clientId },
    client: {
      id: client.id,
      ...(secret === undefined ? {} : { secret }),
      requirePkce: client.requirePkce,
      rotateRefreshTokens: client.rotateRefreshTokens,
      issuerInResponse: client.issuerInResponse,
      authMethods: client.authMethods,
      redirectUris: client.redirectUris,
      ...(client.previousSecretExpiresAt === null
        ? {}
        : { previousSecretExpiresAt: rfc3339(client.previousSecretExpiresAt) }),
    },
    createdAt: rfc3339(skill.createdAt),
    updatedAt: rfc3339(skill.updatedAt),
  };
}

interface SkillAndClient {
  readonly skill: Skill;
  readonly client: Client;
}

/** The skill of the path with its client, or 404. */
async function ofPath(c: AppContext): Promise<SkillAndClient | Response> {
  const { db } = c.var.runtime;
  const skill = await readSkill(db, c.req.param("id") ?? "");
  const client = skill && (await readClient(db, skill.clientId));
  return skill && client ? { skill, client } : problem("skill_not_found");
}

function incompleteRedirectUris(redirectUris: readonly string[] | undefined, force: boolean): Response | undefined {
  if (redirectUris === undefined || force) return undefined;
  const missing = missingAmazonRedirectUris(redirectUris);
  if (missing.length === 0) return undefined;
  return problem(
    "redirect_uris_incomplete",
    `Alexa chooses among three by the customer's marketplace. Missing: ${missing.join(", ")}. Give vendorId instead, or "force": true.`,
    { missing },
  );
}

/** Codes for enablement calls are bound to these addresses; no authorize request may name them. */
function ownCallback(c: AppContext, redirectUris: readonly string[]): Response | undefined {
  const { issuer } = c.var.runtime;
  const own = redirectUris.find((uri) => uri === `${issuer}/link/callback` || uri === `${issuer}/app/callback`);
  return own === undefined
    ? undefined
    : problem("invalid_body", `${own} is this server's own callback and cannot be a redirect URI.`);
}

function isFlashBriefing(body: unknown): boolean {
  return z.object({ type: z.literal("flash_briefing") }).safeParse(body).success;
}

const FLASH_BRIEFING = "Flash briefing skills have no account linking.";

async function create(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const raw = await rawJson(c);
  if (raw instanceof Response) return raw;
  if (isFlashBriefing(raw.value)) return problem("account_linking_not_supported", FLASH_BRIEFING);
  const parsed = newSkillSchema(rt.development).safeParse(raw.value);
  if (!parsed.success) return shapeProblem("invalid_body", parsed.error);
  const body = parsed.data;
  if (listsReservedScope(body.scopes.map((scope) => scope.name)))
    return problem("scope_reserved", "Only app clients may have the scope links.");
  if (body.vendorId === undefined && body.redirectUris === undefined) {
    return problem("invalid_body", "vendorId: is required, or redirectUris with all of Amazon's");
  }
  if (body.type === "add_on" && body.client.requirePkce === false) {
    return problem("invalid_body", "client.requirePkce: must be true for an add_on");
  }
  const given = body.vendorId === undefined ? body.redirectUris : undefined;
  const redirectUris = joined(
    body.vendorId === undefined ? [] : amazonRedirectUris(body.vendorId),
    body.redirectUris ?? [],
    body.extraRedirectUris,
  );
  const fault = incompleteRedirectUris(given, body.force) ?? ownCallback(c, redirectUris);
  if (fault) return fault;

  const { id = `alexa-${randomId()}`, secret = randomSecret(), ...settings } = body.client;
  const addOn = body.type === "add_on";
  const client: NewClient = {
    id,
    kind: "alexa",
    name: body.name,
    secretHash: await sha256(secret),
    redirectUris,
    scopes: [],
    skillId: body.id,
    skillIds: [],
    authMethods: settings.authMethods ?? BOTH_METHODS,
    requirePkce: addOn || (settings.requirePkce ?? false),
    rotateRefreshTokens: settings.rotateRefreshTokens ?? false,
    issuerInResponse: settings.issuerInResponse ?? false,
    clientCredentials: addOn,
  };
  const content: SkillContent = {
    id: body.id,
    stage: body.stage,
    type: body.type as SkillType,
    name: body.name,
    vendorId: body.vendorId ?? null,
    scopes: body.scopes,
    returnUrls: body.returnUrls,
    extraRedirectUris: body.extraRedirectUris,
  };
  const outcome = await insertSkill(rt, content, body, client, {
    kind: "skill_created",
    clientId: id,
    details: body.id,
  });
  switch (outcome) {
    case "skill_exists":
      return problem("conflict", `${body.id} is registered already.`);
    case "client_exists":
      return problem("conflict", `The client id ${id} is taken.`);
    case "inserted":
      rt.caches.forgetClients();
      c.header("location", `/api/admin/skills/${encodeURIComponent(body.id)}`);
      return shown(c, body.id, { secret, status: 201 });
  }
}

async function shown(
  c: AppContext,
  id: string,
  answer: { readonly secret?: string | undefined; readonly status?: 200 | 201; readonly more?: object } = {},
): Promise<Response> {
  const { db } = c.var.runtime;
  const skill = await readSkill(db, id);
  const client = skill && (await readClient(db, skill.clientId));
  if (!skill || !client) return problem("skill_not_found");
  return json(c, { ...skillView(skill, client, answer.secret), ...answer.more }, answer.status);
}

function joined(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())];
}

const skillPosition = z.string();

async function list(c: AppContext): Promise<Response> {
  const query = queryOf(c, z.strictObject(pageQuery));
  if (query instanceof Response) return query;
  const after = positionOf(query.cursor, skillPosition);
  if (after instanceof Response) return after;
  const { db } = c.var.runtime;
  const skills = await listSkills(db, { after, limit: query.limit + 1 });
  const rows = await readClients(
    db,
    skills.map((skill) => skill.clientId),
  );
  const clients = new Map(rows.map((client) => [client.id, client]));
  return json(
    c,
    pageOf(
      skills.filter((skill) => clients.has(skill.clientId)),
      query.limit,
      (skill) => skillView(skill, clients.get(skill.clientId)!),
      (skill) => skill.id,
    ),
  );
}

async function show(c: AppContext): Promise<Response> {
  const found = await ofPath(c);
  return found instanceof Response ? found : json(c, skillView(found.skill, found.client));
}

async function change(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const found = await ofPath(c);
  if (found instanceof Response) return found;
  const raw = await rawJson(c);
  if (raw instanceof Response) return raw;
  if (isFlashBriefing(raw.value)) return problem("account_linking_not_supported", FLASH_BRIEFING);
  const parsed = skillChangesSchema(rt.development).safeParse(raw.value);
  if (!parsed.success) return shapeProblem("invalid_body", parsed.error);
  const body = parsed.data;
  const { skill, client } = found;
  const scopes = body.scopes ?? skill.scopes;
  if (listsReservedScope(scopes.map((scope) => scope.name)))
    return problem("scope_reserved", "Only app clients may have the scope links.");
  const type = (body.type ?? skill.type) as SkillType;
  if (type === "add_on" && body.client.requirePkce === false) {
    return problem("invalid_body", "client.requirePkce: must be true for an add_on");
  }

  const extra = body.extraRedirectUris ?? skill.extraRedirectUris;
  const vendorId = body.vendorId === undefined ? skill.vendorId : body.vendorId;
  const byHand = body.redirectUris ?? handWritten(skill, client);
  if (vendorId === null && (body.redirectUris !== undefined || body.vendorId !== undefined)) {
    const incomplete = incompleteRedirectUris(byHand, body.force);
    if (incomplete) return incomplete;
  }
  const redirectUris = joined(vendorId === null ? [] : amazonRedirectUris(vendorId), byHand, extra);
  const fault = ownCallback(c, redirectUris);
  if (fault) return fault;

  const content: SkillContent = {
    id: skill.id,
    stage: body.stage ?? skill.stage,
    type,
    name: body.name ?? skill.name,
    vendorId,
    scopes,
    returnUrls: body.returnUrls ?? skill.returnUrls,
    extraRedirectUris: extra,
  };
  const settings = { redirectUris, requirePkce: type === "add_on" || (body.client.requirePkce ?? client.requirePkce) };
  const written = await updateSkill(rt, content, body, settings, {
    kind: "skill_changed",
    clientId: client.id,
    details: `${skill.id}: ${Object.keys(raw.value as object).join(", ")}`.slice(0, 300),
  });
  if (!written) return problem("skill_not_found");
  rt.caches.forgetClients();
  return shown(c, skill.id);
}

/** The redirect URIs that neither the vendor id nor the extra list accounts for: those given by hand. */
function handWritten(skill: Skill, client: Client): string[] {
  const accounted = new Set([
    ...(skill.vendorId === null ? [] : amazonRedirectUris(skill.vendorId)),
    ...skill.extraRedirectUris,
  ]);
  return client.redirectUris.filter((uri) => !accounted.has(uri));
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
  const found = await ofPath(c);
  if (found instanceof Response) return found;
  const body = await jsonBody(c, rotateSecretSchema, { emptyAsObject: true });
  if (body instanceof Response) return body;
  const secret = randomSecret();
  const previousExpiresAt = rt.now() + body.overlapSeconds * 1000;
  await rotateClientSecret(
    rt.db,
    found.client.id,
    { secretHash: await sha256(secret), previousExpiresAt, now: rt.now() },
    { kind: "client_secret_rotated", clientId: found.client.id },
  );
  rt.caches.forgetClients();
  return shown(c, found.skill.id, {
    secret,
    more: { previousSecretExpiresAt: rfc3339(previousExpiresAt) },
  });
}

async function linkingRequest(c: AppContext): Promise<Response> {
  const found = await ofPath(c);
  if (found instanceof Response) return found;
  return json(c, accountLinkingRequest(c.var.runtime, found.skill, found.client));
}
