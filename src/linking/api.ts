// The JSON API of /api/links, for the company's app and website, with the user's access token.
import type { Hono } from "hono/tiny";
import { toAmazonCode } from "../amazon/lwa.ts";
import { problem } from "../http/problem.ts";
import { counterKey, isWithinRateLimit, mayLinkMore, RATE_LIMIT_PERIOD_SECONDS } from "../http/rate-limit.ts";
import { jsonBody } from "../http/read.ts";
import { json, noContent } from "../http/respond.ts";
import { type ApiUser, authenticateUser } from "../oauth/bearer.ts";
import { noteInitiation } from "../oauth/initiations.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { readAttemptByState } from "../storage/attempts/started.ts";
import { languageOf } from "../ui/messages.ts";
import { type Completion, presentCode, presentError, refuseWrongUser } from "./complete.ts";
import { publicReason } from "./reasons.ts";
import { loadRemedies, remedyFor } from "./remedies.ts";
import { completeBody, startBody } from "./schemas.ts";
import { APP_CALLBACK, amazonUrls, BROWSER_CALLBACK, start } from "./start.ts";
import { hashOfState, newState, openResult, toLinkingState } from "./state.ts";
import { type LinkView, linkOf, linksOf } from "./status.ts";
import { type UnlinkOutcome, unlinkGrant, unlinkSkill } from "./unlink.ts";

const LARGEST_BODY_BYTES = 16 * 1024;

/** Any skill id, but not the path of `complete`. */
const ONE_LINK: string = "/api/links/:skillId{(?!complete$)[^/]+}";

/** Adds these routes to a router. */
export function linksApiRoutes(app: Hono<AppEnv>): void {
  app.post("/api/links", (c) => asUser(c, (rt, user) => startFromApi(c, rt, user)));
  app.get("/api/links", (c) => asUser(c, (rt, user) => list(c, rt, user)));
  app.post("/api/links/complete", (c) => asUser(c, (rt, user) => complete(c, rt, user)));
  app.get(ONE_LINK, (c) => asUser(c, (rt, user) => show(c, rt, user)));
  app.delete(ONE_LINK, (c) => asUser(c, (rt, user) => unlinkAll(c, rt, user)));
  app.delete("/api/links/:skillId/grants/:grantId", (c) => asUser(c, (rt, user) => unlinkOne(c, rt, user)));
}

async function asUser(c: AppContext, go: (rt: Runtime, user: ApiUser) => Promise<Response>): Promise<Response> {
  const user = await authenticateUser(c);
  return user instanceof Response ? user : go(c.var.runtime, user);
}

/** A polling app must not overload Alexa: over the limit we respond from our own rows. */
async function mayAskAlexa(c: AppContext, user: ApiUser): Promise<boolean> {
  return isWithinRateLimit(c.env.USER_LIMIT, await counterKey(c.var.runtime, "ask", user.userId));
}

const isoTime = (ms: number) => new Date(ms).toISOString();

async function startFromApi(c: AppContext, rt: Runtime, user: ApiUser): Promise<Response> {
  const body = await jsonBody(c, startBody, { limit: LARGEST_BODY_BYTES });
  if (body instanceof Response) return body;
  if (!(await mayLinkMore(rt, c.env.USER_LIMIT, user.userId))) {
    return problem("too_many_requests", undefined, {}, { "retry-after": String(RATE_LIMIT_PERIOD_SECONDS) });
  }
  const state = newState(rt);
  const started = await start(rt, {
    flow: "app_to_app",
    locale: languageOf(c),
    platform: body.platform,
    skillId: body.skillId,
    stage: body.stage,
    userId: user.userId,
    actorHolds: user.actorHolds,
    decision: "allow",
    state,
    callback: body.platform === "web" ? BROWSER_CALLBACK : APP_CALLBACK,
    returnTo: body.returnTo,
  });
  switch (started.outcome) {
    case "skill_not_found":
    // Only of attempts that begin at our own page.
    case "resource_changed":
      return problem("skill_not_found");
    case "no_lwa_credentials":
      await loadRemedies(c);
      return problem("account_linking_not_supported", remedyFor("lwa_credentials_missing"));
    case "return_to_not_allowed":
      return problem("return_to_not_allowed");
    case "actor_gone":
      return bearerGone();
    case "started": {
      const { attempt, skill } = started;
      rt.metrics.count("linking_started", skill.id);
      noteInitiation(c, {
        of: ["started", attempt.id],
        flow: "app_to_app",
        skillId: skill.id,
        platform: body.platform,
        stage: attempt.stage,
        userId: user.userId,
      });
      return json(
        c,
        {
          id: attempt.id,
          state,
          ...(await amazonUrls(rt, attempt, skill.lwa?.clientId ?? "", state)),
          redirectUri: attempt.redirectUri,
          expiresAt: isoTime(attempt.expiresAt),
        },
        201,
      );
    }
  }
}

async function complete(c: AppContext, rt: Runtime, user: ApiUser): Promise<Response> {
  const body = await jsonBody(c, completeBody, { limit: LARGEST_BODY_BYTES });
  if (body instanceof Response) return body;
  const state = toLinkingState(body.state);
  const attempt = state && (await readAttemptByState(rt.db, await hashOfState(state)));
  if (!state || !attempt || attempt.browserHash !== null) return problem("state_unknown");

  const wrongUser = attempt.userId !== user.userId;
  const presentation = { attempt, state, actorHolds: user.actorHolds, failuresEndIt: false };
  if ("error" in body) {
    if (wrongUser) return problem("wrong_user");
    return completionResponse(c, attempt.skillId, await presentError(rt, presentation, body.error));
  }
  const code = "code" in body ? toAmazonCode(body.code) : await openResult(rt, attempt.id, state, body.result);
  if (!code) return problem("result" in body ? "invalid_result" : "invalid_body");
  if (wrongUser) {
    await refuseWrongUser(rt, attempt, user);
    return problem("wrong_user");
  }
  return completionResponse(c, attempt.skillId, await presentCode(rt, presentation, code));
}

/** The bearer's grant has ended since the request was authenticated. */
function bearerGone(): Response {
  return problem("unauthenticated", "The access token has been revoked.");
}

async function completionResponse(c: AppContext, skillId: string, completion: Completion): Promise<Response> {
  switch (completion.outcome) {
    case "linked":
      return json(c, { skillId, status: "linked" });
    case "ended":
      await loadRemedies(c);
      return problem(publicReason(completion.reason), remedyFor(completion.reason));
    case "transient":
      return problem(
        completion.code,
        "Present the same code again.",
        {},
        completion.retryAfter ? { "retry-after": String(completion.retryAfter) } : {},
      );
    case "actor_gone":
      return bearerGone();
    case "in_progress":
      return problem("in_progress", undefined, {}, { "retry-after": "2" });
    case "state_used":
      return problem("state_used");
    case "expired":
      return problem("state_expired");
  }
}

function describe(link: LinkView) {
  return {
    skillId: link.skillId,
    name: link.name,
    status: link.status,
    checkedAt: link.checkedAt === null ? null : isoTime(link.checkedAt),
    grants: link.grants.map((grant) => ({
      id: grant.id,
      createdAt: isoTime(grant.createdAt),
      lastUsedAt: isoTime(grant.lastUsedAt),
      flow: grant.flow,
      level: grant.level,
    })),
  };
}

async function list(c: AppContext, rt: Runtime, user: ApiUser): Promise<Response> {
  return json(c, { links: (await linksOf(rt, user.userId)).map(describe) });
}

async function show(c: AppContext, rt: Runtime, user: ApiUser): Promise<Response> {
  const target = { userId: user.userId, skillId: c.req.param("skillId") ?? "" };
  const link = await linkOf(rt, target, await mayAskAlexa(c, user));
  return link ? json(c, describe(link)) : problem("skill_not_found");
}

async function unlinkAll(c: AppContext, rt: Runtime, user: ApiUser): Promise<Response> {
  const skillId = c.req.param("skillId") ?? "";
  const ask = await mayAskAlexa(c, user);
  return unlinked(c, skillId, await unlinkSkill(rt, { userId: user.userId, skillId }, user, ask));
}

async function unlinkOne(c: AppContext, rt: Runtime, user: ApiUser): Promise<Response> {
  const skillId = c.req.param("skillId") ?? "";
  const target = { userId: user.userId, skillId, grantId: c.req.param("grantId") ?? "" };
  return unlinked(c, skillId, await unlinkGrant(rt, target, user, await mayAskAlexa(c, user)));
}

function unlinked(c: AppContext, skillId: string, result: UnlinkOutcome): Response {
  if (result.outcome === "actor_gone") return bearerGone();
  if (result.outcome !== "unlinked") return problem(result.outcome);
  c.var.runtime.metrics.count("unlinked", skillId);
  return result.amazon === "done" ? noContent(c) : json(c, { status: "unlinked", amazon: "pending" }, 202);
}
