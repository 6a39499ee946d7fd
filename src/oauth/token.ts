// POST /token: one URL for exchange, refresh and client credentials. Answers within four seconds, always in JSON (W1, W2).
import { Hono } from "hono/tiny";
import { type OAuthError, oauthError } from "../http/oauth-error.ts";
import { readForm } from "../http/read.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { StorageFault } from "../storage/d1.ts";
import { presentedCredentials } from "./client-authentication.ts";
import { grantToClient } from "./token-client-credentials.ts";
import { exchangeCode, type TokenRequestLife } from "./token-code.ts";
import { type TokenFailure, tokenFailureAnswer } from "./token-failure.ts";
import { refreshGrant } from "./token-refresh.ts";
import { rememberUnanswered } from "./unanswered-claims.ts";

/** Alexa gives up after 4.5 s; before that we say so ourselves, in a way that lets it come back. */
const DEADLINE_MS = 3_900;

type Refusal = OAuthError | TokenFailure;
/** Of the client that the request names, whether it has proved to be that or not. */
type Attributed = Refusal & { readonly skillId: string | null };

export const tokenRoutes = new Hono<AppEnv>().post("/token", answerTokenRequest);

async function answerTokenRequest(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const life: TokenRequestLife = { overdue: false, claimId: undefined };
  const work = grant(rt, c, life);
  // The work goes on after the deadline, so that what it did is known to the next try.
  rt.background(
    work.then(
      () => undefined,
      () => undefined,
    ),
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<"overdue">((resolve) => {
    timer = setTimeout(() => resolve("overdue"), DEADLINE_MS);
  });
  try {
    const outcome = await Promise.race([work, deadline]);
    if (outcome !== "overdue") return answer(rt, outcome);
    life.overdue = true;
    if (life.claimId !== undefined) rememberUnanswered(rt, life.claimId);
    rt.log.alert("token_deadline_passed");
    return oauthError({ status: 503, error: "temporarily_unavailable" });
  } catch (error) {
    if (life.claimId !== undefined) rememberUnanswered(rt, life.claimId);
    if (!(error instanceof StorageFault)) throw error;
    rt.log.warn("storage_fault", { path: "/token", message: error.message.slice(0, 300) });
    return oauthError({ status: 503, error: "temporarily_unavailable" });
  } finally {
    clearTimeout(timer);
  }
}

async function grant(rt: Runtime, c: AppContext, life: TokenRequestLife): Promise<Response | Attributed> {
  const body = await readForm(c.req.raw);
  if ("problem" in body) return { status: 400, error: "invalid_request", description: body.problem, skillId: null };
  const authorization = c.req.header("authorization") ?? null;
  const outcome = await grantByType(rt, authorization, body.fields, life);
  return outcome instanceof Response ? outcome : { ...outcome, skillId: skillOf(rt, authorization, body.fields) };
}

/** For the operator's counters: the skill whose client was named, as far as this isolate has just read it. */
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
  life: TokenRequestLife,
): Promise<Response | Refusal> {
  switch (fields.get("grant_type")) {
    case undefined:
      return { reason: "parameter_missing", parameter: "grant_type" };
    case "authorization_code":
      return exchangeCode(rt, authorization, fields, life);
    case "refresh_token":
      return refreshGrant(rt, authorization, fields);
    case "client_credentials":
      return grantToClient(rt, authorization, fields);
    default:
      return { reason: "grant_type_unsupported" };
  }
}

function answer(rt: Runtime, outcome: Response | Attributed): Response {
  if (outcome instanceof Response) return outcome;
  const { skillId } = outcome;
  if ("reason" in outcome) {
    rt.metrics.count(`token_error_${outcome.reason}`, skillId);
    rt.log.info("token_refused", { reason: outcome.reason, skillId });
    return oauthError(tokenFailureAnswer(outcome));
  }
  rt.metrics.count(`token_error_${outcome.error}`, skillId);
  rt.log.info("token_refused", { reason: outcome.error, description: outcome.description, skillId });
  return oauthError(outcome);
}
