// /api/event-gateway/token: Amazon's token with which a skill's backend sends events to Alexa, for one customer.
import { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { gatewayToken } from "../amazon/held-token.ts";
import { problem } from "../http/problem.ts";
import { jsonBody } from "../http/read.ts";
import { json, noContent } from "../http/respond.ts";
import { verifyAccessToken } from "../oauth/access-tokens.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { findTokenGrant, forgetTokens, type GatewayPurpose, type GrantChoice } from "../storage/amazon/held-tokens.ts";
import type { Client } from "../storage/clients/clients.ts";
import { authenticateServiceClient } from "./service-client.ts";

const id = z.string().check(z.minLength(1), z.maxLength(255));

/** Names one link: by an access token of ours, by user (and skill), or by grant. */
export const gatewayTokenBodySchema = z
  .strictObject({
    accessToken: z.optional(z.string().check(z.minLength(1), z.maxLength(4096))),
    userId: z.optional(id),
    skillId: z.optional(id),
    grantId: z.optional(id),
    purpose: z._default(z.enum(["event_gateway", "reciprocal"]), "event_gateway"),
  })
  .check(
    z.refine(({ accessToken, userId, grantId }) => [accessToken, userId, grantId].filter(Boolean).length === 1, {
      message: "give one of accessToken, userId and grantId",
    }),
    z.refine(({ userId, skillId }) => skillId === undefined || userId !== undefined, {
      message: "goes with userId only",
      path: ["skillId"],
    }),
  );
type Body = z.output<typeof gatewayTokenBodySchema>;

export const gatewayTokenRoutes = new Hono<AppEnv>();
gatewayTokenRoutes.post("/api/event-gateway/token", giveToken);
gatewayTokenRoutes.delete("/api/event-gateway/token", takeRefusal);

/** Which tokens a request is about. */
interface TokenRequest {
  readonly client: Client;
  readonly choice: GrantChoice;
  readonly purpose: GatewayPurpose;
}

async function giveToken(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const request = await requestOf(c);
  if (request instanceof Response) return request;
  const token = await gatewayToken(rt, request.purpose, request.choice, request.client.skillIds);
  switch (token.outcome) {
    case "fresh":
      return json(c, {
        accessToken: token.accessToken,
        expiresAt: new Date(token.expiresAt).toISOString(),
        endpoint: `${token.host}/v3/events`,
      });
    case "grant_unknown":
      return noSuchGrant();
    case "no_tokens":
      return problem("grant_not_found", "Amazon has given no tokens for this link, or has ended them.");
    case "amazon_unavailable":
      return problem("amazon_unavailable");
  }
}

/** The gateway responded 403: the customer has disabled the skill, and the tokens are useless. Repeatable. */
async function takeRefusal(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const request = await requestOf(c);
  if (request instanceof Response) return request;
  const { purpose, choice, client } = request;
  const grant = await findTokenGrant(rt.db, purpose, choice, client.skillIds, rt.now());
  if (!grant) return noSuchGrant();
  const { grantId, tokens } = grant;
  if (tokens !== null) await forgetTokens(rt.db, { grantId, purpose, tokens }, "gateway_refused", rt.now());
  return noContent(c);
}

function noSuchGrant(): Response {
  return problem("grant_not_found", "No live link of a skill that this client serves.");
}

async function requestOf(c: AppContext): Promise<TokenRequest | Response> {
  const client = await authenticateServiceClient(c);
  if (client instanceof Response) return client;
  const body = await jsonBody(c, gatewayTokenBodySchema);
  if (body instanceof Response) return body;
  const choice = await choiceOf(c.var.runtime, body);
  return choice ? { client, choice, purpose: body.purpose } : noSuchGrant();
}

/** undefined: an access token that is not ours or has expired. */
async function choiceOf(rt: Runtime, body: Body): Promise<GrantChoice | undefined> {
  if (body.userId !== undefined) return { userId: body.userId, skillId: body.skillId };
  if (body.grantId !== undefined) return { grantId: body.grantId };
  const claims = await verifyAccessToken(rt, body.accessToken ?? "");
  return claims?.grant === undefined ? undefined : { grantId: claims.grant };
}
