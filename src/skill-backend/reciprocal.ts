// POST /alexa/reciprocal: Alexa sends a code of Amazon's for a linked customer (baby activity and health skills).
import type { Hono } from "hono/tiny";
import { type GrantCodeOutcome, storeTokensOfCode } from "../amazon/grant-code.ts";
import { toAmazonCode } from "../amazon/lwa.ts";
import { gatewayOrigin } from "../amazon/regions.ts";
import { type OAuthError, oauthError, oauthSuccess } from "../http/oauth-error.ts";
import { readForm } from "../http/read.ts";
import { verifyAccessToken } from "../oauth/access-tokens.ts";
import { bearerTokenOf } from "../oauth/bearer.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { findTokenGrant, noteGrantRefused } from "../storage/amazon/held-tokens.ts";

const PURPOSE = "reciprocal";
/** The request names no region. */
const REGION = "NA";

/** Adds these routes to a router. */
export function reciprocalRoutes(app: Hono<AppEnv>): void {
  app.post("/alexa/reciprocal", reciprocate);
}

const INVALID_TOKEN: OAuthError = {
  status: 401,
  error: "invalid_token",
  headers: { "www-authenticate": 'Bearer error="invalid_token"' },
};

async function reciprocate(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const body = await readForm(c.req.raw);
  if ("problem" in body) return invalidRequest(body.problem);
  const token = bearerTokenOf(c);
  const claims = token === undefined ? undefined : await verifyAccessToken(rt, token);
  if (claims?.grant === undefined) return oauthError(INVALID_TOKEN);
  const { fields } = body;
  const grantType = fields.get("grant_type");
  if (grantType === undefined) return invalidRequest("grant_type is missing");
  if (grantType !== "reciprocal_authorization_code")
    return oauthError({ status: 400, error: "unsupported_grant_type" });
  const code = toAmazonCode(fields.get("code") ?? "");
  if (!code) return invalidRequest("code is missing or cannot be one of Amazon's");
  if (fields.get("client_id") !== claims.client_id) {
    return invalidRequest("client_id is not the client of the access token");
  }
  // The audience of a token for a skill is the skill. Tokens of apps and services are not accepted here.
  const grant = await findTokenGrant(rt.db, PURPOSE, { grantId: claims.grant }, [claims.aud], rt.now());
  if (!grant) return oauthError(INVALID_TOKEN);
  const use = { purpose: PURPOSE, host: gatewayOrigin(REGION) } as const;
  const { outcome, response } = await storeTokensOfCode(rt, code, grant, use);
  if (outcome !== "stored") return refuse(rt, outcome, grant.grantId, response);
  return oauthSuccess({});
}

function invalidRequest(description: string): Response {
  return oauthError({ status: 400, error: "invalid_request", description });
}

function refuse(
  rt: Runtime,
  outcome: Exclude<GrantCodeOutcome, "stored">,
  grantId: string,
  response: string | undefined,
): Response {
  rt.log.warn("reciprocal_failed", { reason: outcome, grantId });
  rt.background(
    noteGrantRefused(rt.db, grantId, PURPOSE, { reason: outcome, final: false, response }, rt.now()).catch(
      (error: unknown) => rt.log.warn("refusal_not_noted", { message: String(error).slice(0, 200) }),
    ),
  );
  switch (outcome) {
    case "code_rejected":
      return oauthError({ status: 400, error: "invalid_grant", description: "Login with Amazon rejected the code" });
    case "amazon_unavailable":
      return oauthError({ status: 503, error: "temporarily_unavailable" });
    case "grant_revoked":
      return oauthError(INVALID_TOKEN);
    case "credentials_missing":
      return oauthError({ status: 500, error: "server_error" });
  }
}
