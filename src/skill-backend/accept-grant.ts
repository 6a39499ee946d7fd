// POST /alexa/accept-grant: Alexa's permission to send events, forwarded by the skill's backend. A smart-home skill
// receives a directive, and we respond with the event that it returns; a custom skill receives a request
// (ask-sdk-model: Alexa.Authorization.Grant).
import type { Hono } from "hono/tiny";
import * as z from "zod/mini";
import { type GrantCodeOutcome, storeTokensOfCode } from "../amazon/grant-code.ts";
import { type AmazonCode, toAmazonCode } from "../amazon/lwa.ts";
import { gatewayOrigin, REGIONS, type Region, regionOfEndpoint } from "../amazon/regions.ts";
import { utf8Decode } from "../crypto/encoding.ts";
import { type ProblemCode, problem } from "../http/problem.ts";
import { parseJson, queryOf, readBytes, shapeProblem } from "../http/read.ts";
import { json } from "../http/respond.ts";
import { tolerant } from "../http/tolerant.ts";
import { verifyAccessToken } from "../oauth/access-tokens.ts";
import type { AppContext, AppEnv, Runtime } from "../runtime.ts";
import { schemaOf } from "../schema-of.ts";
import { findTokenGrant, type GrantChoice, noteGrantRefused, type TokenGrant } from "../storage/amazon/held-tokens.ts";
import type { Client } from "../storage/clients/clients.ts";
import { StorageFault } from "../storage/sql.ts";
import { authenticateServiceClient } from "./service-client.ts";

const LARGEST_BODY_BYTES = 64 * 1024;
const PURPOSE = "event_gateway";

const querySchema = () =>
  z.object({
    region: z.optional(
      z.pipe(
        z.pipe(
          z.string(),
          z.transform((text) => text.toUpperCase()),
        ),
        z.enum(REGIONS),
      ),
    ),
  });
const DEFAULT_REGION = "NA";

const directive = () =>
  z.object({
    directive: z.object({
      header: z.object({ namespace: z.literal("Alexa.Authorization"), name: z.literal("AcceptGrant") }),
      payload: z.object({
        grant: z.object({ type: z.literal("OAuth2.AuthorizationCode"), code: z.string() }),
        grantee: z.object({ type: z.literal("BearerToken"), token: z.string() }),
      }),
    }),
  });

const id = () => z.string().check(z.minLength(1), z.maxLength(255));
const REQUEST_TYPE = "Alexa.Authorization.Grant";
const anyRequest = () => z.object({ request: z.object({ type: z.literal(REQUEST_TYPE) }) });

/** A custom skill's request, without a grantee: the account's token names the link, else the account's id does. */
export const grantRequestSchema = () =>
  z.object({
    context: z.object({
      System: z.object({
        application: z.object({ applicationId: id() }),
        user: z.optional(z.object({ userId: z.optional(id()), accessToken: z.optional(z.string()) })),
        apiEndpoint: tolerant(z.string()),
      }),
    }),
    request: z.object({
      type: z.literal(REQUEST_TYPE),
      body: z.object({ grant: z.object({ type: z.literal("OAuth2.AuthorizationCode"), code: z.string() }) }),
    }),
  });

type Refusal =
  | Exclude<GrantCodeOutcome, "stored">
  | "directive_malformed"
  | "code_malformed"
  /** The token is not ours or expired, the account's id is unknown, or this client does not serve the skill. */
  | "grantee_unknown"
  | "storage_fault";

/** For the developer who reads the backend's log. Alexa does not show them to the customer. */
const MESSAGES: Readonly<Record<Refusal, string>> = {
  directive_malformed: "The body is not an AcceptGrant directive.",
  code_malformed: "The grant's code cannot be one of Amazon's.",
  grantee_unknown: "The grantee's token belongs to no live link of a skill that this client serves.",
  credentials_missing: "The skill has no LWA credentials for the event gateway.",
  code_rejected: "Login with Amazon rejected the code.",
  amazon_unavailable: "Login with Amazon did not respond.",
  grant_revoked: "The link ended meanwhile.",
  storage_fault: "Storage did not respond, or a stored secret does not open: see the server's log.",
};

const UNKNOWN_ACCOUNT = "No live link of that skill is known by the account's token or by Alexa's id of the account.";

/** The problem codes for a custom skill's backend, whose Lambda throws then. */
const CODES: Readonly<Record<Exclude<Refusal, "directive_malformed">, ProblemCode>> = {
  code_malformed: "invalid_body",
  grantee_unknown: "grant_not_found",
  grant_revoked: "grant_not_found",
  credentials_missing: "account_linking_not_supported",
  code_rejected: "amazon_code_rejected",
  amazon_unavailable: "amazon_unavailable",
  storage_fault: "temporarily_unavailable",
};

/** Adds these routes to a router. */
export function acceptGrantRoutes(app: Hono<AppEnv>): void {
  app.post("/alexa/accept-grant", acceptGrant);
}

/** Every response to an authenticated directive is 200 with an event, which the backend returns as it is. */
async function acceptGrant(c: AppContext): Promise<Response> {
  const rt = c.var.runtime;
  const client = await authenticateServiceClient(c);
  if (client instanceof Response) return client;
  const query = queryOf(c, querySchema);
  if (query instanceof Response) return query;
  const body = await readBytes(c.req.raw, LARGEST_BODY_BYTES);
  if (!body) return problem("body_too_large");
  const given = parseJson(utf8Decode(body));
  const parsed = schemaOf(directive).safeParse(given);
  if (!parsed.success && schemaOf(anyRequest).safeParse(given).success)
    return acceptRequest(c, client, given, query.region);
  if (!parsed.success) return json(c, eventOf("directive_malformed"));
  const { grant, grantee } = parsed.data.directive.payload;
  const { id: clientId, skillIds } = client;
  return json(
    c,
    eventOf(await accept(rt, grant.code, { token: grantee.token, clientId, skillIds }, query.region ?? DEFAULT_REGION)),
  );
}

async function acceptRequest(c: AppContext, client: Client, given: unknown, asked: Region | undefined) {
  const rt = c.var.runtime;
  const parsed = schemaOf(grantRequestSchema).safeParse(given);
  if (!parsed.success) return shapeProblem("invalid_body", parsed.error);
  const { context, request } = parsed.data;
  const { application, user, apiEndpoint = "" } = context.System;
  const grantee = {
    token: user?.accessToken,
    alexaUserId: user?.userId,
    clientId: client.id,
    skillIds: client.skillIds.filter((skillId) => skillId === application.applicationId),
  };
  const region = asked ?? regionOfEndpoint(apiEndpoint, rt.config.amazon.apiHosts) ?? DEFAULT_REGION;
  const refused = await accept(rt, request.body.grant.code, grantee, region);
  if (refused === undefined) return json(c, { version: "1.0", response: {} });
  const message = refused === "grantee_unknown" ? UNKNOWN_ACCOUNT : MESSAGES[refused];
  return problem(CODES[refused], message, { reason: refused });
}

/** The customer whom a grant is about. The token decides when there is one. */
interface Grantee {
  readonly token: string | undefined;
  readonly alexaUserId?: string | undefined;
  /** The `service` client that forwards the directive. */
  readonly clientId: string;
  /** The skills that the link may be of. */
  readonly skillIds: readonly string[];
}

/** undefined when it is accepted, else the reason. */
async function accept(
  rt: Runtime,
  givenCode: string,
  grantee: Grantee,
  region: Region,
): Promise<Exclude<Refusal, "directive_malformed"> | undefined> {
  const code = toAmazonCode(givenCode);
  try {
    const choice = await choiceOf(rt, grantee);
    const grant = choice && (await findTokenGrant(rt.db, PURPOSE, choice, grantee.skillIds, rt.now()));
    if (!code) return refuse(rt, "code_malformed", grantee, grant ?? undefined);
    return grant ? await store(rt, code, grantee, grant, region) : refuse(rt, "grantee_unknown", grantee);
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    rt.log.warn("storage_fault", { path: "/alexa/accept-grant", message: error.message.slice(0, 300) });
    return refuse(rt, "storage_fault", grantee);
  }
}

async function choiceOf(rt: Runtime, { token, alexaUserId }: Grantee): Promise<GrantChoice | undefined> {
  if (token === undefined) return alexaUserId === undefined ? undefined : { alexaUserId };
  const claims = await verifyAccessToken(rt, token);
  return claims?.grant === undefined ? undefined : { grantId: claims.grant };
}

async function store(rt: Runtime, code: AmazonCode, grantee: Grantee, grant: TokenGrant, region: Region) {
  const use = { purpose: PURPOSE, host: gatewayOrigin(region) } as const;
  const { outcome, response } = await storeTokensOfCode(rt, code, grant, use);
  if (outcome !== "stored") return refuse(rt, outcome, grantee, grant, response);
  rt.metrics.count("accept_grant_ok", grant.skillId);
  return undefined;
}

/** The link has failed in the Alexa app, and the same code cannot succeed later. */
const FINAL: readonly Refusal[] = ["code_malformed", "code_rejected", "credentials_missing"];

function refuse<Reason extends Refusal>(
  rt: Runtime,
  reason: Reason,
  { clientId }: Grantee,
  grant?: TokenGrant,
  response?: string,
): Reason {
  const { grantId, skillId } = grant ?? {};
  rt.log.warn("accept_grant_failed", { reason, clientId, skillId, grantId });
  rt.metrics.refused({ endpoint: "accept_grant", clientId, reason, detail: grantId ?? "" });
  rt.metrics.count("accept_grant_failed", grant?.skillId);
  rt.metrics.count(`accept_grant_refused_${reason}`, grant?.skillId);
  if (grant) {
    rt.background(
      noteGrantRefused(
        rt.db,
        grant.grantId,
        PURPOSE,
        { reason, final: FINAL.includes(reason), response },
        rt.now(),
      ).catch((error: unknown) => rt.log.warn("refusal_not_noted", { message: String(error).slice(0, 200) })),
    );
  }
  return reason;
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
