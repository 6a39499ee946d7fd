// The Skill Management API (SMAPI), called with a developer's token: account linking and manifest of a skill.
import type * as z from "zod";
import { toBase64Url } from "../library/encoding.ts";
import { explainProblems, type Skill, skillKey } from "../state/configuration.ts";
import { recordIncoming, type SimulatorContext } from "../state/context.ts";
import { SMAPI_SCOPE } from "../state/developer.ts";
import type { Exchange } from "../state/exchange.ts";
import { applyResponseFault, useSmapiFault } from "../state/faults.ts";
import { linkingRequestSchema, type Manifest, manifestSchema } from "../state/smapi-schema.ts";
import { findSkill, type Store, type StoredManifest } from "../state/store.ts";
import { findAccessToken } from "./tokens.ts";

/** A developer's access token that never ends, as if the ASK CLI had just printed it. */
export const DEVELOPER_TOKEN = "Atza|simulated-developer";

type Resource = "accountLinking" | "manifest" | "status";

const TITLES: Readonly<Record<Resource, string>> = {
  accountLinking: "account linking configuration",
  manifest: "manifest",
  status: "status of the last manifest update",
};

/** `/v1/skills/{skillId}/stages/{stage}/accountLinkingClient`: GET reads, PUT replaces. */
export function serveAccountLinkingClient(c: SimulatorContext): Promise<Response> {
  return serve(c, "accountLinking", async (skill, body, exchange) => {
    if (c.req.method === "GET") {
      return Response.json(
        { accountLinkingResponse: linkingResponse(skill) },
        { headers: { etag: await etagOf(skill) } },
      );
    }
    const parsed = parse(linkingRequestSchema, body, exchange);
    if (parsed instanceof Response) return parsed;
    const refused = await refusedWrite(c, await etagOf(skill), exchange);
    if (refused) return refused;
    const request = parsed.accountLinkingRequest;
    if (skill.type === "smart_home" && request.scopes.length === 0) {
      return refuse(exchange, 400, "scopes: EXPECTED_NOT_EMPTY_VALUE", "A smart-home skill has at least one scope.");
    }
    c.var.store.skills.set(skillKey(skill.skillId, skill.stage), configured(skill, request));
    return new Response(null, { status: 204 });
  });
}

/** `/v1/skills/{skillId}/stages/{stage}/manifest`: GET reads, PUT replaces, later. */
export function serveManifest(c: SimulatorContext): Promise<Response> {
  return serve(c, "manifest", async (skill, body, exchange) => {
    const stored = manifestOf(c.var.store, skill);
    if (c.req.method === "GET") {
      return Response.json({ manifest: stored.manifest }, { headers: { etag: await etagOf(stored.manifest) } });
    }
    const parsed = parse(manifestSchema, body, exchange);
    if (parsed instanceof Response) return parsed;
    const refused = await refusedWrite(c, await etagOf(stored.manifest), exchange);
    if (refused) return refused;
    if (stored.pending)
      return refuse(exchange, 409, "Conflict", "The last update of the manifest is still in progress.");
    stored.pending = { manifest: parsed.manifest, seen: false };
    return new Response(null, {
      status: 202,
      headers: { location: `/v1/skills/${encodeURIComponent(skill.skillId)}/status?resource=manifest` },
    });
  });
}

/** `/v1/skills/{skillId}/status`: an update is in progress when it is asked for first, and then done. */
export function serveSkillStatus(c: SimulatorContext): Promise<Response> {
  return serve(c, "status", async (skill, _body, exchange) => {
    if (c.req.query("resource") !== "manifest") {
      return refuse(exchange, 400, "Invalid resource", "The simulator knows the status of the manifest only.");
    }
    const stored = manifestOf(c.var.store, skill);
    if (stored.pending && !stored.pending.seen) {
      stored.pending.seen = true;
      return Response.json({ manifest: { lastUpdateRequest: { status: "IN_PROGRESS" } } });
    }
    if (stored.pending && c.var.store.faults.smapi?.manifestFails) {
      delete stored.pending;
      const errors = [{ code: "INVALID_MANIFEST", message: "The manifest was refused by a fault of the simulator." }];
      return Response.json({ manifest: { lastUpdateRequest: { status: "FAILED", errors } } });
    }
    if (stored.pending) apply(c.var.store, skill, stored, stored.pending.manifest);
    const eTag = await etagOf(stored.manifest);
    return Response.json({ manifest: { lastUpdateRequest: { status: "SUCCEEDED" }, eTag } });
  });
}

async function serve(
  c: SimulatorContext,
  resource: Resource,
  respond: (skill: Skill, body: string, exchange: Exchange) => Promise<Response>,
): Promise<Response> {
  const { method } = c.req;
  const about = {
    from: "company",
    to: "alexa",
    title: `The developer ${method === "GET" ? "reads" : "replaces"} the skill’s ${TITLES[resource]}`,
    why: "SMAPI stands in for the pages of the Alexa developer console.",
  } as const;
  return recordIncoming(c, about, async (body, exchange) => {
    const bad = await applyResponseFault(useSmapiFault(c.var.store.faults, resource, method));
    if (bad) return bad;
    const denied = refuseStranger(c, exchange);
    if (denied) return denied;
    const { skillId = "", stage = "development" } = c.req.param() as { skillId?: string; stage?: string };
    if (stage !== "development" && stage !== "live") {
      return refuse(exchange, 400, `Invalid stage ${stage}`, "Stages are development and live, in this spelling.");
    }
    const skill = isAddOn(c.var.store, skillId) ? undefined : findSkill(c.var.store, skillId, stage);
    if (!skill)
      return refuse(exchange, 404, "The requested skill was not found", `There is no ${skillId} in ${stage}.`);
    if (method !== "GET" && stage === "live") {
      return refuse(exchange, 403, "The live stage cannot be changed", "Only the development stage is writable.");
    }
    return respond(skill, body, exchange);
  });
}

/** A response for anyone but a developer: a customer's token does not open SMAPI. */
export function refuseStranger(c: SimulatorContext, exchange: Exchange): Response | undefined {
  const token = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
  const found = findAccessToken(c.var.store, token);
  if (token === DEVELOPER_TOKEN || ("token" in found && found.token.grant.scope === SMAPI_SCOPE)) return undefined;
  const note = `The simulator’s developer token is ${DEVELOPER_TOKEN}, or what its LWA gives for the developer’s refresh token.`;
  return refuse(exchange, 401, "Token is invalid/expired", note);
}

function isAddOn(store: Store, skillId: string): boolean {
  return skillId === store.addOn?.addOn.addOnId;
}

/** An error response of SMAPI. */
export function refuse(exchange: Exchange, status: number, message: string, note: string): Response {
  exchange.note = note;
  return Response.json({ message }, { status });
}

/** The parsed body, or 400 with what is wrong. */
export function parse<T>(schema: z.ZodType<T>, body: string, exchange: Exchange): T | Response {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return refuse(exchange, 400, "Request body is not JSON", "The body is not JSON.");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = explainProblems(parsed.error);
  exchange.note = problems.join(" ");
  const violations = problems.map((message) => ({ code: "INVALID_FIELD", message }));
  return Response.json({ message: "The request body is invalid", violations }, { status: 400 });
}

/** `If-Match` is optional; with it, only what was read may be replaced. */
async function refusedWrite(c: SimulatorContext, etag: string, exchange: Exchange): Promise<Response | undefined> {
  const expected = c.req.header("if-match");
  if (expected === undefined || expected === etag) return undefined;
  return refuse(exchange, 412, "Precondition Failed", "If-Match names another version than the present one.");
}

async function etagOf(content: unknown): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(content)));
  return `"${toBase64Url(new Uint8Array(digest))}"`;
}

/** As in Amazon's types, which have no secret, no reciprocal URL, no `skipOnEnablement` and no PKCE in the response. */
function linkingResponse(skill: Skill): object {
  const { authorizationUrlsByPlatform, domains, defaultTokenExpirationInSeconds, voiceForwardAccountLinking } =
    skill.accountLinking ?? {};
  return {
    type: "AUTH_CODE",
    authorizationUrl: skill.authorizationUrl,
    authorizationUrlsByPlatform,
    accessTokenUrl: skill.tokenUrl,
    accessTokenScheme: skill.accessTokenScheme,
    clientId: skill.clientId,
    scopes: skill.scopes,
    domains,
    defaultTokenExpirationInSeconds,
    redirectUrls: skill.redirectUrls,
    voiceForwardAccountLinking,
  };
}

/** The skill with the new configuration: from now on the simulated Alexa links by it. */
function configured(skill: Skill, request: z.infer<typeof linkingRequestSchema>["accountLinkingRequest"]): Skill {
  const { type: _, authorizationUrl, accessTokenUrl, accessTokenScheme, clientId, clientSecret, ...others } = request;
  const { scopes, redirectUrls, pkceConfiguration, ...accountLinking } = others;
  return {
    ...skill,
    authorizationUrl,
    tokenUrl: accessTokenUrl,
    accessTokenScheme,
    clientId,
    clientSecret,
    scopes,
    redirectUrls,
    pkce: pkceConfiguration?.status === "ENABLED",
    accountLinking,
    ...(accountLinking.reciprocalAccessTokenUrl && { reciprocalUrl: accountLinking.reciprocalAccessTokenUrl }),
  };
}

const EVENT_NAMES = ["SKILL_ENABLED", "SKILL_DISABLED", "SKILL_ACCOUNT_LINKED"];

/** The skill's manifest; until one is sent, one that says what the skill's configuration says. */
function manifestOf(store: Store, skill: Skill): StoredManifest {
  const key = skillKey(skill.skillId, skill.stage);
  const present = store.manifests.get(key);
  if (present) return present;
  const stored: StoredManifest = { manifest: initialManifest(skill) };
  store.manifests.set(key, stored);
  return stored;
}

function initialManifest(skill: Skill): Manifest {
  const uri = "arn:aws:lambda:us-east-1:000000000000:function:example";
  return {
    manifestVersion: "1.0",
    publishingInformation: { locales: { "en-US": { name: skill.name, examplePhrases: [] } }, category: "SMART_HOME" },
    apis: { [skill.type === "custom" ? "custom" : "smartHome"]: { endpoint: { uri } } },
    permissions: skill.sendAlexaEvents ? [{ name: "alexa::async_event:write" }] : [],
    ...(skill.eventsUrl && {
      events: {
        endpoint: { uri: skill.eventsUrl, sslCertificateType: "Trusted" as const },
        subscriptions: EVENT_NAMES.map((eventName) => ({ eventName })),
      },
    }),
  };
}

function apply(store: Store, skill: Skill, stored: StoredManifest, manifest: Manifest): void {
  stored.manifest = manifest;
  delete stored.pending;
  const { eventsUrl: _, ...without } = skill;
  const uri = manifest.events?.endpoint.uri;
  const changed = uri?.startsWith("http") ? { ...without, eventsUrl: uri } : without;
  store.skills.set(skillKey(skill.skillId, skill.stage), changed);
}
