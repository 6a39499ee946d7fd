// POST /alexa/events: Alexa's skill events, accepted only when authenticated, recent and about a registered skill.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { utf8Decode } from "../crypto/encoding.ts";
import { problem } from "../http/problem.ts";
import { parseJson, readBytes } from "../http/read.ts";
import { json } from "../http/respond.ts";
import { tolerant } from "../http/tolerant.ts";
import { claimsOfEndedToken } from "../oauth/access-tokens.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { schemaOf } from "../schema-of.ts";
import { authenticateServiceClient } from "../skill-backend/service-client.ts";
import {
  type RecordedEvent,
  recordDisabledEvent,
  recordLinkedEvent,
  recordOtherEvent,
  type SkillEvent,
} from "../storage/amazon/skill-events.ts";
import { levelShown } from "../storage/grants/link-levels.ts";
import { skillExists } from "../storage/skills/skills.ts";
import { deliverSoon } from "../webhooks/webhooks.ts";
import { type SignatureRefusal, verifyAlexaSignature } from "./signature.ts";

const LARGEST_BODY_BYTES = 256 * 1024;
const PREFIX = "AlexaSkillEvent.";
/** These may arrive an hour late; all other requests must be recent. Tolerances apply in both directions. */
const LATE_EVENTS = new Set([
  "SkillEnabled",
  "SkillDisabled",
  "SkillAccountLinked",
  "SkillPermissionAccepted",
  "SkillPermissionChanged",
]);
const EVENT_TOLERANCE_MS = 3600_000;
const REQUEST_TOLERANCE_MS = 150_000;

const text = (longest: number) => z.string().check(z.minLength(1), z.maxLength(longest));
const timestamp = () => z.pipe(z.iso.datetime({ offset: true }), z.transform(Date.parse));
const envelope = () =>
  z.object({
    context: z.object({
      System: z.object({
        application: z.object({ applicationId: text(255) }),
        user: tolerant(z.object({ userId: tolerant(text(255)), accessToken: tolerant(z.string()) })),
        person: tolerant(z.object({ accessToken: tolerant(z.string()) })),
      }),
    }),
    request: z.object({
      type: text(200),
      requestId: text(200),
      timestamp: timestamp(),
      /** When it happened, if Alexa sends it: `timestamp` may be that of the delivery. */
      eventCreationTime: tolerant(timestamp()),
      body: tolerant(z.object({ accessToken: tolerant(z.string()) })),
    }),
  });
type Envelope = z.infer<ReturnType<typeof envelope>>;

type Refusal = SignatureRefusal | "body_malformed" | "timestamp_outside_window";

/** Adds these routes to a router. */
export function skillEventRoutes(app: Hono<AppEnv>): void {
  app.post("/alexa/events", takeEvent);
}

async function takeEvent(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await readBytes(c.req.raw, LARGEST_BODY_BYTES);
  if (!body) return problem("body_too_large");
  const parsed = schemaOf(envelope).safeParse(parseJson(utf8Decode(body)));
  if (!parsed.success) return refuse(rt, "body_malformed");
  const skillId = parsed.data.context.System.application.applicationId;
  const name = nameOf(parsed.data);
  const tolerance = LATE_EVENTS.has(name) ? EVENT_TOLERANCE_MS : REQUEST_TOLERANCE_MS;
  if (Math.abs(rt.now() - parsed.data.request.timestamp) > tolerance)
    return refuse(rt, "timestamp_outside_window", skillId);
  const unauthenticated = await authenticate(c, body, skillId);
  if (unauthenticated) return unauthenticated;
  const recorded = await apply(rt, parsed.data, name);
  if (!recorded.skillKnown) return refuse(rt, "skill_unknown", skillId);
  note(rt, parsed.data, name, recorded);
  return json(c, {});
}

/** Checks Alexa's signature or, as a Lambda's events are unsigned, its `service` client. undefined: authenticated. */
async function authenticate(c: AppContext, body: Uint8Array, skillId: string): Promise<Response | undefined> {
  const rt = c.var.runtime;
  const signature = c.req.header("signature-256");
  if (signature === undefined && c.req.header("authorization") !== undefined) {
    const client = await authenticateServiceClient(c);
    if (client instanceof Response) return client;
    return client.skillIds.includes(skillId) ? undefined : refuse(rt, "skill_unknown", skillId);
  }
  const headers = { certificateUrl: c.req.header("signaturecertchainurl"), signature };
  const verdict = await verifyAlexaSignature(rt, headers, body, () => skillExists(rt.db, skillId));
  if (verdict.verdict === "verified") return undefined;
  if (verdict.verdict === "refused") return refuse(rt, verdict.reason, skillId);
  rt.log.warn("certificate_unavailable");
  return problem("temporarily_unavailable", "The signing certificate cannot be fetched just now.");
}

/** `SkillDisabled` for a skill event, the full type for any other request. */
function nameOf({ request }: Envelope): string {
  return request.type.startsWith(PREFIX) ? request.type.slice(PREFIX.length) : request.type;
}

/** Nothing was changed. The response names the reason: it tells an attacker nothing new, and an operator needs it. */
function refuse(rt: Runtime, reason: Refusal, skillId?: string): Response {
  rt.metrics.count(`skill_event_refused_${reason}`);
  rt.log.warn("skill_event_refused", { reason, skillId });
  rt.metrics.refused({ endpoint: "events", clientId: "", reason, detail: skillId ?? "", ofStranger: true });
  return problem("event_refused", undefined, { reason });
}

/** One D1 batch, after one read if the token's key is not cached. Throws `StorageFault`: Alexa may try again. */
async function apply(rt: Runtime, event: Envelope, name: string): Promise<RecordedEvent> {
  const skillId = event.context.System.application.applicationId;
  const alexaUserId = event.context.System.user?.userId ?? null;
  const row: SkillEvent = {
    requestId: event.request.requestId,
    skillId,
    type: name,
    alexaUserId,
    // Not later than it was sent: an event from the future would end every later link of that customer.
    eventAt: Math.min(event.request.eventCreationTime ?? event.request.timestamp, event.request.timestamp),
  };
  const { user, person } = event.context.System;
  const named = (token: string | undefined) => grantOfToken(rt, token);
  switch (name) {
    case "SkillDisabled": {
      const grantId = (await named(event.request.body?.accessToken)) ?? (await named(user?.accessToken));
      return recordDisabledEvent(rt.db, row, grantId, rt.now());
    }
    case "SkillAccountLinked":
    case "SkillEnabled": {
      const linked = await named(event.request.body?.accessToken);
      const account = await named(user?.accessToken);
      const speaker = await named(person?.accessToken);
      const grantId = linked ?? account ?? speaker;
      const level = levelShown("event", account === grantId, speaker === grantId);
      return recordLinkedEvent(rt.db, row, grantId === undefined ? undefined : { grantId, level }, rt.now());
    }
    default:
      return recordOtherEvent(rt.db, row, rt.now());
  }
}

/**
 * The grant of an access token that we signed; the token may have expired. Its audience is not compared: that of an
 * add-on's token may be a former resource. The statements compare the skill of the grant.
 */
async function grantOfToken(rt: Runtime, token: string | undefined): Promise<string | undefined> {
  const claims = token === undefined ? undefined : await claimsOfEndedToken(rt, token);
  return claims?.grant;
}

function note(rt: Runtime, event: Envelope, name: string, { first, revoked }: RecordedEvent): void {
  const skillId = event.context.System.application.applicationId;
  rt.metrics.count("skill_event_accepted", skillId);
  if (revoked.length > 0) deliverSoon(rt);
  for (const grantId of revoked) {
    rt.metrics.count("grant_revoked", skillId);
    rt.log.info("grant_revoked", { grantId, reason: "skill_disabled" });
  }
  if (!first) return;
  if (name === "SkillEnabled") rt.metrics.count("skill_enabled", skillId);
  if (name === "SkillDisabled") rt.metrics.count("skill_disabled", skillId);
  if (!LATE_EVENTS.has(name)) rt.log.info("skill_event_unknown", { type: name.slice(0, 80) });
}
