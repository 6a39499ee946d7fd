// Linking from the Alexa app through the company's app: the app shows the consent, and we return the redirect to Alexa.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { sha256 } from "../crypto/hash.ts";
import { randomId } from "../crypto/random.ts";
import { type OpenedJson, openJson, sealJson } from "../crypto/sealed-json.ts";
import { problem } from "../http/problem.ts";
import { mayLinkMore, RATE_LIMIT_PERIOD_SECONDS } from "../http/rate-limit.ts";
import { jsonBody } from "../http/read.ts";
import { json } from "../http/respond.ts";
import {
  checkAuthorizationRequest,
  errorUri,
  LONGEST_QUERY,
  type PageRefusal,
  type ValidatedAuthorizationRequest,
} from "../oauth/authorization-request.ts";
import { noteRefusal } from "../oauth/authorize-refusal.ts";
import { type ApiUser, authenticateUser } from "../oauth/bearer.ts";
import { decide } from "../oauth/decision.ts";
import { noteInitiation } from "../oauth/initiations.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { brandName } from "../ui/brand.ts";
import { scopeDescription } from "../ui/consent.tsx";
import { languageOf, loadMessages, messagesFor } from "../ui/messages.ts";

const TICKET_LIFETIME_MS = 10 * 60 * 1000;
const LARGEST_BODY_BYTES = 64 * 1024;

/** Body of both steps: the query alone for the consent screen; with `ticket` and `decision` for the decision. */
export const authorizationBodySchema = () =>
  z
    .strictObject({
      /** The raw query string that Alexa sent, without `?`. */
      query: z.string().check(z.minLength(1, "must not be empty"), z.maxLength(16 * 1024, "must have at most 16 KB")),
      /** From the response of the first step; valid for ten minutes. */
      ticket: z.optional(z.string().check(z.maxLength(4096, "is not one of ours"))),
      decision: z.optional(z.enum(["allow", "deny"], "must be allow or deny")),
    })
    .check(
      z.refine(
        (body) => (body.ticket === undefined) === (body.decision === undefined),
        "ticket and decision go together",
      ),
    );

const ticketSchema = () =>
  z.object({
    attemptId: z.string(),
    grantId: z.string(),
    queryHash: z.string(),
    /** The add-on's resource that the app's consent screen was shown for. */
    resource: z.nullable(z.string()),
  });

/** Adds these routes to a router. */
export function appAuthorizationRoutes(app: Hono<AppEnv>): void {
  app.post("/api/authorizations", authorizations);
}

async function authorizations(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const user = await authenticateUser(c);
  if (user instanceof Response) return user;
  const body = await jsonBody(c, authorizationBodySchema, { limit: LARGEST_BODY_BYTES });
  if (body instanceof Response) return body;
  const ticket =
    body.ticket === undefined
      ? undefined
      : await openJson(rt.keyring, "authorization-ticket", user.userId, body.ticket, ticketSchema, rt.now());
  const shownFor = typeof ticket === "object" ? ticket.value.resource : undefined;
  const request = await checkAuthorizationRequest(rt, body.query, { kind: "alexa", shownFor });
  if (request.kind === "page") {
    noteRefusal(rt, request, body.query);
    return refusal(request);
  }
  if (request.kind === "redirect") {
    const extras = { fromApp: true };
    const { client, redirectUri } = request.target;
    rt.metrics.refused({
      endpoint: "authorize",
      clientId: client.id,
      reason: request.reason,
      detail: redirectUri,
    });
    if (request.reason === "resource_changed")
      return problem("invalid_ticket", "The resource of the skill has changed: ask again with the query alone.");
    return json(c, { redirectTo: errorUri(request.target, request.error, request.description, extras) });
  }
  return ticket === undefined || body.decision === undefined
    ? describe(c, request, user, body.query)
    : decideWithTicket(c, request, user, ticket, { query: body.query, decision: body.decision });
}

function refusal(request: PageRefusal): Response {
  switch (request.reason) {
    case "client_missing":
    case "client_unknown":
      return problem("client_unknown", "Only Alexa's clients start linking here.");
    case "redirect_uri_missing":
    case "redirect_uri_unregistered":
      return problem("redirect_uri_unregistered");
    case "parameter_repeated":
      return problem("invalid_body", `query: ${request.parameter} is given more than once`);
    case "query_too_long":
      return problem("invalid_body", `query: must have at most ${LONGEST_QUERY} bytes`);
    case "state_too_long":
    case "state_not_printable":
      return problem("invalid_body", "query: state is too long or has characters that are not allowed");
  }
}

async function describe(
  c: AppContext,
  request: ValidatedAuthorizationRequest,
  user: ApiUser,
  query: string,
): Promise<Response> {
  const rt = c.var.runtime;
  const { client } = request;
  await loadMessages(c);
  const ticket = await sealJson(
    rt.keyring,
    "authorization-ticket",
    user.userId,
    {
      attemptId: randomId(),
      grantId: randomId(),
      queryHash: await sha256(query),
      resource: client.resource,
    },
    rt.now() + TICKET_LIFETIME_MS,
  );
  rt.metrics.count("app_authorize_shown", client.skillId);
  noteInitiation(c, {
    of: ["query", query],
    flow: "app_authorize",
    skillId: client.skillId,
    userId: user.userId,
  });
  return json(c, {
    skillName: client.skillName ?? client.name,
    scopes: request.scopes.map((name) => ({
      name,
      description: scopeDescription(c, name, client.scopeTexts[name]),
    })),
    account: user.label ?? messagesFor(c).text.consentAccountUnnamed(brandName(rt)),
    ticket,
  });
}

async function decideWithTicket(
  c: AppContext,
  request: ValidatedAuthorizationRequest,
  user: ApiUser,
  opened: OpenedJson<z.output<ReturnType<typeof ticketSchema>>> | "forged" | "expired",
  body: { readonly query: string; readonly decision: "allow" | "deny" },
): Promise<Response> {
  const rt: Runtime = c.var.runtime;
  if (opened === "expired") return problem("invalid_ticket", "The ticket has expired: ask again with the query alone.");
  if (opened === "forged" || opened.value.queryHash !== (await sha256(body.query))) return problem("invalid_ticket");
  if (!(await mayLinkMore(rt, c.env.USER_LIMIT, user.userId))) {
    return problem("too_many_requests", undefined, {}, { "retry-after": String(RATE_LIMIT_PERIOD_SECONDS) });
  }
  const { attemptId, grantId } = opened.value;
  const { client } = request;
  const result = await decide(rt, {
    request,
    start: {
      attemptId,
      flow: "app_authorize",
      skillId: client.skillId,
      clientId: client.id,
      locale: languageOf(c),
    },
    grantId,
    keyId: opened.keyId,
    decision: body.decision,
    userId: user.userId,
    browserHash: null,
    actorHolds: user.actorHolds,
    origin: "app",
  });
  if (result === "actor_gone") return problem("unauthenticated", "The access token has been revoked.");
  if (result === "decided_by_another") return problem("invalid_ticket");
  return json(c, { redirectTo: result.redirectTo });
}
