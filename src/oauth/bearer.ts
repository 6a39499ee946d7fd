// The user of a bearer token: one of an `app` client with scope `links`, or of the company's identity provider.
import { problem } from "../http/problem.ts";
import type { AppContext, Runtime } from "../runtime.ts";
import { claimsToBeFromProvider, userOfProviderToken } from "../sign-in/provider-tokens.ts";
import { bearerHolds, readUserOfGrant } from "../storage/grants/grants.ts";
import type { Sql } from "../storage/sql.ts";
import { userExists } from "../storage/users/users.ts";
import { verifyAccessToken } from "./access-tokens.ts";

/** The reserved scope that lets a company's app link, unlink and show links on its user's behalf. */
export const LINKS_SCOPE = "links";

export interface ApiUser {
  readonly userId: string;
  readonly source: "app-client" | "identity-provider";
  readonly clientId?: string;
  /** E-mail address or name, for the app's consent screen. */
  readonly label: string | null;
  /** In SQL: the bearer may still act. Every write that follows from this call carries it. */
  readonly actorHolds: Sql;
}

/** The bearer token of a request (RFC 6750 §2.1); undefined when there is none. */
export function bearerTokenOf(c: AppContext): string | undefined {
  return /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
}

/**
 * The user of this API call, or the problem to respond with: 401 `unauthenticated` (no, bad, expired or revoked token,
 * another audience), 403 `insufficient_scope`. One D1 read.
 */
export async function authenticateUser(c: AppContext): Promise<ApiUser | Response> {
  const rt = c.var.runtime;
  const token = bearerTokenOf(c);
  if (token === undefined) {
    return problem(
      "unauthenticated",
      "Send an access token as Authorization: Bearer.",
      {},
      { "www-authenticate": "Bearer" },
    );
  }
  if (claimsToBeFromProvider(rt, token)) return providerUser(rt, token);
  const claims = await verifyAccessToken(rt, token);
  if (!claims || claims.aud !== rt.issuer || claims.grant === undefined) {
    return problem("unauthenticated", "The access token is not valid here.");
  }
  if (!claims.scope.split(" ").includes(LINKS_SCOPE)) {
    return problem(
      "insufficient_scope",
      `The scope ${LINKS_SCOPE} is needed.`,
      {},
      {
        "www-authenticate": `Bearer error="insufficient_scope", scope="${LINKS_SCOPE}"`,
      },
    );
  }
  const bearer = { grantId: claims.grant, userId: claims.sub };
  const user = await readUserOfGrant(rt.db, bearer, { audience: claims.aud, issuer: rt.issuer }, rt.now());
  if (!user) return problem("unauthenticated", "The access token has been revoked.");
  return {
    userId: claims.sub,
    source: "app-client",
    clientId: claims.client_id,
    label: user.email ?? user.name,
    actorHolds: bearerHolds(bearer, rt.now()),
  };
}

async function providerUser(rt: Runtime, token: string): Promise<ApiUser | Response> {
  const found = await userOfProviderToken(rt, token);
  switch (found.verdict) {
    case "valid":
      return {
        userId: found.user.id,
        source: "identity-provider",
        label: found.user.email ?? found.user.name,
        actorHolds: userExists(found.user.id),
      };
    case "unavailable":
      return problem("temporarily_unavailable", "The identity provider's keys cannot be read right now.");
    case "refused":
      return problem("unauthenticated", "The identity provider's access token is not valid here.");
  }
}
