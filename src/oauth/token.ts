// POST /token: one URL for exchange, refresh and client credentials. Responds within four seconds, always in JSON.
import { Hono } from "hono/tiny";
import { withDeadline } from "../http/deadline.ts";
import { type OAuthError, oauthError } from "../http/oauth-error.ts";
import { readForm } from "../http/read.ts";
import type { AppEnv, Runtime } from "../runtime.ts";
import { StorageFault } from "../storage/sql.ts";
import { presentedCredentials } from "./client-authentication.ts";
import { grantToClient } from "./token-client-credentials.ts";
import { exchangeCode } from "./token-code.ts";
import { type TokenFailure, tokenFailureError } from "./token-failure.ts";
import { refreshGrant } from "./token-refresh.ts";

/** Alexa waits 4.5 s. Before that we respond with 503 ourselves, so that it comes again. */
const DEADLINE_MS = 3_900;

type Refusal = OAuthError | TokenFailure;
/** With the skill of the client that the request names, whether it has authenticated or not. */
type Attributed = Refusal & { readonly skillId: string | null };

export const tokenRoutes = new Hono<AppEnv>().post("/token", (c) => respondToTokenRequest(c.var.runtime, c.req.raw));

/** The response to a token request: tokens or an error, 503 when storage fails or the deadline passes. */
export async function respondToTokenRequest(rt: Runtime, request: Request): Promise<Response> {
  const deadline = { passed: false };
  const work = grant(rt, request, deadline);
  // A storage call that is under way at the deadline may still be committed.
  rt.background(work.catch(() => undefined));
  try {
    const outcome = await withDeadline(work, DEADLINE_MS, "overdue" as const);
    if (outcome !== "overdue") return respond(rt, outcome);
    deadline.passed = true;
    rt.log.alert("token_deadline_passed");
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    rt.log.warn("storage_fault", { path: "/token", message: error.message.slice(0, 300) });
  }
  return oauthError({ status: 503, error: "temporarily_unavailable" });
}

async function grant(
  rt: Runtime,
  request: Request,
  deadline: { readonly passed: boolean },
): Promise<Response | Attributed> {
  const body = await readForm(request);
  if ("problem" in body) return { status: 400, error: "invalid_request", description: body.problem, skillId: null };
  const authorization = request.headers.get("authorization");
  const outcome = await grantByType(rt, authorization, body.fields, deadline);
  return outcome instanceof Response ? outcome : { ...outcome, skillId: skillOf(rt, authorization, body.fields) };
}

/** For the operator's counters: the skill of the client that the request names, if this isolate has just read it. */
function skillOf(rt: Runtime, authorization: string | null, fields: ReadonlyMap<string, string>): string | null {
  const presented = presentedCredentials(authorization, fields);
  if ("error" in presented) return null;
  const clients = presented.candidates.map(({ id }) => rt.caches.client(id, rt.now()));
  return clients.find((client) => client !== undefined)?.skillId ?? null;
}

async function grantByType(
  rt: Runtime,
  authorization: string | null,
  fields: ReadonlyMap<string, string>,
  deadline: { readonly passed: boolean },
): Promise<Response | Refusal> {
  switch (fields.get("grant_type")) {
    case undefined:
      return { reason: "parameter_missing", parameter: "grant_type" };
    case "authorization_code":
      return exchangeCode(rt, authorization, fields, deadline);
    case "refresh_token":
      return refreshGrant(rt, authorization, fields);
    case "client_credentials":
      return grantToClient(rt, authorization, fields);
    default:
      return { reason: "grant_type_unsupported" };
  }
}

function respond(rt: Runtime, outcome: Response | Attributed): Response {
  if (outcome instanceof Response) return outcome;
  const { skillId } = outcome;
  if ("reason" in outcome) {
    rt.metrics.count(`token_error_${outcome.reason}`, skillId);
    rt.log.info("token_refused", { reason: outcome.reason, skillId });
    return oauthError(tokenFailureError(outcome));
  }
  rt.metrics.count(`token_error_${outcome.error}`, skillId);
  rt.log.info("token_refused", { reason: outcome.error, description: outcome.description, skillId });
  return oauthError(outcome);
}
