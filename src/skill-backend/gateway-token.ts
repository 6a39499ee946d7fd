// /api/event-gateway/token: Amazon's token with which a skill's backend sends events to Alexa, for one customer.
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { gatewayToken } from "../amazon/held-token.ts";
import { REGIONS } from "../amazon/regions.ts";
import { problem } from "../http/problem.ts";
import { jsonBody } from "../http/read.ts";
import { json, noContent } from "../http/respond.ts";
import { verifyAccessToken } from "../oauth/access-tokens.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { findTokenGrant, forgetTokens, type GrantChoice } from "../storage/amazon/held-tokens.ts";
import { authenticateServiceClient } from "./service-client.ts";

const id = () => z.string().check(z.minLength(1), z.maxLength(255));

const fields = () => ({
  accessToken: z.optional(z.string().check(z.minLength(1), z.maxLength(4096))),
  userId: z.optional(id()),
  skillId: z.optional(id()),
  grantId: z.optional(id()),
  purpose: z._default(z.enum(["event_gateway", "reciprocal"]), "event_gateway"),
  region: z.optional(z.enum(REGIONS)),
});
type Body = z.output<z.ZodMiniObject<ReturnType<typeof fields>>>;

const oneOfThree = () =>
  z.refine<Body>(({ accessToken, userId, grantId }) => [accessToken, userId, grantId].filter(Boolean).length === 1, {
    message: "give one of accessToken, userId and grantId",
  });
const skillOfUser = () =>
  z.refine<Body>(({ userId, skillId }) => skillId === undefined || userId !== undefined, {
    message: "goes with userId only",
    path: ["skillId"],
  });

/** Names one link: by an access token of ours, by user (and skill), or by grant. `region`: whose gateway is right. */
export const gatewayTokenBodySchema = () => z.strictObject(fields()).check(oneOfThree(), skillOfUser());
/** The same, with the gateway's `payload.code`. */
export const gatewayRefusalBodySchema = () =>
  z
    .strictObject({ ...fields(), code: z.optional(z.string().check(z.maxLength(200))) })
    .check(oneOfThree(), skillOfUser());

/** The gateways of wrong regions return this code too, so the caller must have asked all of them. */
const FINAL_CODE = "SKILL_DISABLED_EXCEPTION";

/** Adds these routes to a router. */
export function gatewayTokenRoutes(app: Hono<AppEnv>): void {
  app.post("/api/event-gateway/token", giveToken);
  app.delete("/api/event-gateway/token", takeRefusal);
}

async function giveToken(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const client = await authenticateServiceClient(c);
  if (client instanceof Response) return client;
  const body = await jsonBody(c, gatewayTokenBodySchema);
  if (body instanceof Response) return body;
  const choice = await choiceOf(rt, body);
  if (!choice) return noSuchGrant();
  const token = await gatewayToken(rt, body.purpose, choice, client.skillIds, body.region);
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

/** Every gateway said that the customer has disabled the skill: the tokens are useless. Repeatable. */
async function takeRefusal(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const client = await authenticateServiceClient(c);
  if (client instanceof Response) return client;
  const body = await jsonBody(c, gatewayRefusalBodySchema);
  if (body instanceof Response) return body;
  if (body.code !== FINAL_CODE) {
    return problem("code_not_final", `Only ${FINAL_CODE} says that the tokens are useless. Nothing was forgotten.`);
  }
  const choice = await choiceOf(rt, body);
  const { purpose } = body;
  const grant = choice && (await findTokenGrant(rt.db, purpose, choice, client.skillIds, rt.now()));
  if (!grant) return noSuchGrant();
  const { grantId, tokens } = grant;
  if (tokens !== null) await forgetTokens(rt.db, { grantId, purpose, tokens }, "gateway_refused", rt.now());
  return noContent(c);
}

function noSuchGrant(): Response {
  return problem("grant_not_found", "No live link of a skill that this client serves.");
}

/** undefined: an access token that is not ours or has expired. */
async function choiceOf(rt: Runtime, body: Body): Promise<GrantChoice | undefined> {
  if (body.userId !== undefined) return { userId: body.userId, skillId: body.skillId };
  if (body.grantId !== undefined) return { grantId: body.grantId };
  const claims = await verifyAccessToken(rt, body.accessToken ?? "");
  return claims?.grant === undefined ? undefined : { grantId: claims.grant };
}
