// POST /token: one URL for exchange, refresh and client credentials. Responds within four seconds, always in JSON.
import type { Hono } from "hono/tiny";
import { withDeadline } from "../http/deadline.ts";
import { type OAuthError, oauthError } from "../http/oauth-error.ts";
import { readForm } from "../http/read.ts";
import { type CountedGrant, tokenCounter, tokenMilliseconds } from "../observability/token-counters.ts";
import type { AppEnv, Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients/clients.ts";
import { StorageFault } from "../storage/sql.ts";
import { presentedCredentials } from "./client-authentication.ts";
import { grantToClient } from "./token-client-credentials.ts";
import { exchangeCode } from "./token-code.ts";
import { type TokenFailure, tokenFailureError } from "./token-failure.ts";
import { refreshGrant } from "./token-refresh.ts";
import type { Issued } from "./token-response.ts";

/** Alexa waits 4.5 s. Before that we respond with 503 ourselves, so that it comes again. */
const DEADLINE_MS = 3_900;

type Refusal = OAuthError | TokenFailure;

/** What is known of one token request so far. */
interface Progress {
  /** The deadline is over. */
  passed: boolean;
  /** The parameters, as far as the body was read. */
  fields?: ReadonlyMap<string, string>;
  /** When the body was read: how long a caller takes to send it says nothing about this server. */
  readAt: number;
}

/** Adds these routes to a router. */
export function tokenRoutes(app: Hono<AppEnv>): void {
  app.post("/token", (c) => respondToTokenRequest(c.var.runtime, c.req.raw));
}

/** The response to a token request: tokens or an error, 503 when storage fails or the deadline passes. */
export async function respondToTokenRequest(rt: Runtime, request: Request): Promise<Response> {
  const progress: Progress = { passed: false, readAt: rt.now() };
  const authorization = request.headers.get("authorization");
  const count = (outcome: string, skillId: string | null) => countRequest(rt, progress, outcome, skillId);
  const client = () => namedClient(rt, authorization, progress.fields);
  const countFailure = (error: string, of: Client | undefined) => count(error, of?.skillId ?? null);
  const work = grant(rt, request, authorization, progress);
  // A storage call that is under way at the deadline may still be committed.
  rt.background(work.catch(() => undefined));
  try {
    const outcome = await withDeadline(work, DEADLINE_MS, "overdue" as const);
    if (outcome !== "overdue") {
      if ("response" in outcome) {
        count("success", outcome.skillId);
        return outcome.response;
      }
      const error = "reason" in outcome ? tokenFailureError(outcome) : outcome;
      const named = client();
      countFailure(error.error, named);
      noteRefusal(rt, outcome, named);
      return oauthError(error);
    }
    progress.passed = true;
    rt.log.alert("token_deadline_passed");
  } catch (error) {
    if (!(error instanceof StorageFault)) {
      countFailure("server_error", client());
      throw error;
    }
    rt.log.warn("storage_fault", { path: "/token", message: error.message.slice(0, 300) });
  }
  countFailure("temporarily_unavailable", client());
  return oauthError({ status: 503, error: "temporarily_unavailable" });
}

async function grant(
  rt: Runtime,
  request: Request,
  authorization: string | null,
  progress: Progress,
): Promise<Issued | Refusal> {
  const body = await readForm(request);
  progress.readAt = rt.now();
  if ("problem" in body) {
    if (body.read) progress.fields = body.read;
    return { status: 400, error: "invalid_request", description: body.problem };
  }
  const { fields } = body;
  progress.fields = fields;
  switch (fields.get("grant_type")) {
    case undefined:
      return { reason: "parameter_missing", parameter: "grant_type" };
    case "authorization_code":
      return exchangeCode(rt, authorization, fields, progress);
    case "refresh_token":
      return refreshGrant(rt, authorization, fields);
    case "client_credentials":
      return grantToClient(rt, authorization, fields);
    default:
      return { reason: "grant_type_unsupported" };
  }
}

/** The client that a request names, whether it has authenticated or not, if this isolate has just read it. */
function namedClient(rt: Runtime, authorization: string | null, fields: Progress["fields"]): Client | undefined {
  const presented = presentedCredentials(authorization, fields ?? new Map());
  if ("error" in presented) return undefined;
  const clients = presented.candidates.map(({ id }) => rt.caches.client(id, rt.now()));
  return clients.find((client) => client !== undefined);
}

function countedGrant(grantType: string | undefined): CountedGrant | undefined {
  switch (grantType) {
    case "authorization_code":
      return "exchange";
    case "refresh_token":
      return "refresh";
    case "client_credentials":
      return "client_credentials";
    default:
      return undefined;
  }
}

/** Counts a request, once, whatever became of it. Requests without one of our grant types are among the errors only. */
function countRequest(rt: Runtime, { fields, readAt }: Progress, outcome: string, skillId: string | null): void {
  const type = countedGrant(fields?.get("grant_type"));
  if (type === undefined) return;
  const took = rt.now() - readAt;
  rt.metrics.count(tokenCounter(type, outcome, took), skillId);
  if (took > 0) rt.metrics.count(tokenMilliseconds(type), null, took);
}

/**
 * For the operator: counted by reason, and listed by client and reason, with the grant of a refresh token of ours. A
 * client id that is not registered is left out: it may be a secret in the wrong field.
 */
function noteRefusal(rt: Runtime, refusal: Refusal, client: Client | undefined): void {
  const skillId = client?.skillId ?? null;
  const tagged = "reason" in refusal;
  const reason = tagged ? refusal.reason : refusal.error;
  const grantId = tagged ? refusal.grantId : undefined;
  const description = tagged ? undefined : refusal.description;
  rt.metrics.count(`token_error_${reason}`, skillId);
  const listed = reason === "invalid_client" && !client ? "client_unknown" : reason;
  const clientId = client?.id ?? "";
  rt.metrics.refused({ endpoint: "token", clientId, reason: listed, detail: grantId ?? "", ofStranger: !client });
  rt.log.info("token_refused", { reason, clientId: client?.id, skillId, grantId, description });
}
