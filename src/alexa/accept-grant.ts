// POST /alexa/accept-grant: the AcceptGrant directive, forwarded by the skill's backend, answered with the Alexa event to return.
import { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { verifyAccessToken } from "../authorization/access-tokens.ts";
import { utf8Decode } from "../crypto/encoding.ts";
import { readBounded } from "../http/form-body.ts";
import { queryOf } from "../http/json-body.ts";
import { parseJson } from "../http/outbound.ts";
import { problem } from "../http/problem.ts";
import { json, route } from "../http/route.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import type { Client } from "../storage/clients.ts";
import { StorageFault } from "../storage/d1.ts";
import { findGatewayGrant, type GatewayGrant, noteGrantRefused } from "../storage/gateway-tokens.ts";
import { type GrantCodeOutcome, keepTokensOf } from "./grant-code.ts";
import { type AmazonCode, toAmazonCode } from "./lwa.ts";
import { gatewayOrigin, REGIONS, type Region } from "./regions.ts";
import { authenticateServiceClient } from "./service-client.ts";

const LARGEST_BODY_BYTES = 64 * 1024;
const PURPOSE = "event_gateway";

const querySchema = z.object({
  region: z._default(
    z.pipe(
      z.pipe(
        z.string(),
        z.transform((text) => text.toUpperCase()),
      ),
      z.enum(REGIONS),
    ),
    "NA",
  ),
});

const directive = z.object({
  directive: z.object({
    header: z.object({ namespace: z.literal("Alexa.Authorization"), name: z.literal("AcceptGrant") }),
    payload: z.object({
      grant: z.object({ type: z.literal("OAuth2.AuthorizationCode"), code: z.string() }),
      grantee: z.object({ type: z.literal("BearerToken"), token: z.string() }),
    }),
  }),
});

type Refusal =
  | Exclude<GrantCodeOutcome, "kept">
  | "directive_malformed"
  | "code_malformed"
  /** The token is none of ours, has ended, or is about a skill that this client does not serve. */
  | "grantee_unknown"
  | "storage_fault";

/** For the developer who reads the backend's log; Alexa shows the customer nothing of it. */
const MESSAGES: Readonly<Record<Refusal, string>> = {
  directive_malformed: "The body is not an AcceptGrant directive.",
  code_malformed: "The grant's code cannot be one of Amazon's.",
  grantee_unknown: "The grantee's token belongs to no living link of a skill that this client serves.",
  credentials_missing: "The skill has no LWA credentials for the event gateway.",
  code_rejected: "Login with Amazon rejected the code.",
  amazon_unavailable: "Login with Amazon did not answer.",
  grant_ended: "The link ended meanwhile.",
  storage_fault: "Storage did not answer.",
};

export const acceptGrantRoutes = new Hono<AppEnv>();
route(acceptGrantRoutes, "/alexa/accept-grant", { POST: acceptGrant });

/** Once the client is authenticated, every answer about the directive is 200 with an event that the backend returns as it is. */
async function acceptGrant(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const client = await authenticateServiceClient(c);
  if (client instanceof Response) return client;
  const query = queryOf(c, querySchema);
  if (query instanceof Response) return query;
  const body = await readBounded(c.req.raw, LARGEST_BODY_BYTES);
  if (!body) return problem("body_too_large");
  const parsed = directive.safeParse(parseJson(utf8Decode(body)));
  const outcome = parsed.success
    ? await accept(rt, client, parsed.data.directive.payload, query.region)
    : ({ refused: "directive_malformed" } as const);
  return json(c, eventOf("refused" in outcome ? outcome.refused : undefined));
}

interface Payload {
  readonly grant: { readonly code: string };
  readonly grantee: { readonly token: string };
}

async function accept(
  rt: Runtime,
  client: Client,
  payload: Payload,
  region: Region,
): Promise<{ readonly refused: Refusal } | { readonly accepted: true }> {
  const code = toAmazonCode(payload.grant.code);
  if (!code) return refuse(rt, "code_malformed");
  try {
    const claims = await verifyAccessToken(rt, payload.grantee.token);
    const grant =
      claims?.grant === undefined
        ? null
        : await findGatewayGrant(rt.db, PURPOSE, { grantId: claims.grant }, client.skillIds, rt.now());
    return grant ? await keep(rt, code, grant, region) : refuse(rt, "grantee_unknown");
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    rt.log.warn("storage_fault", { path: "/alexa/accept-grant", message: error.message.slice(0, 300) });
    return refuse(rt, "storage_fault");
  }
}

async function keep(rt: Runtime, code: AmazonCode, grant: GatewayGrant, region: Region) {
  const outcome = await keepTokensOf(rt, code, grant, { purpose: PURPOSE, host: gatewayOrigin(region) });
  if (outcome !== "kept") return refuse(rt, outcome, grant);
  rt.metrics.count("accept_grant_ok", grant.skill_id);
  return { accepted: true } as const;
}

function refuse(rt: Runtime, reason: Refusal, grant?: GatewayGrant): { readonly refused: Refusal } {
  rt.log.warn("accept_grant_failed", { reason, grantId: grant?.grant_id });
  rt.metrics.count("accept_grant_failed", grant?.skill_id);
  if (grant) {
    rt.background(
      noteGrantRefused(rt.db, grant.grant_id, PURPOSE, reason, rt.now()).catch((error: unknown) =>
        rt.log.warn("refusal_not_noted", { message: String(error).slice(0, 200) }),
      ),
    );
  }
  return { refused: reason };
}

/** The event of Alexa.Authorization, interface version 3. */
function eventOf(refused: Refusal | undefined): object {
  return {
    event: {
      header: {
        namespace: "Alexa.Authorization",
        name: refused === undefined ? "AcceptGrant.Response" : "ErrorResponse",
        messageId: crypto.randomUUID(),
        payloadVersion: "3",
      },
      payload: refused === undefined ? {} : { type: "ACCEPT_GRANT_FAILED", message: MESSAGES[refused] },
    },
  };
}
