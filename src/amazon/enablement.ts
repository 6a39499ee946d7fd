// Client of the Skill Enablement API (customer family): endpoint discovery, enable and link, status, disable.
import * as z from "zod/mini";
import { callForJson, type NoResponse, type OutboundResponse, responseTag } from "../http/outbound.ts";
import { tolerant } from "../http/tolerant.ts";
import type { Runtime } from "../runtime.ts";
import { schemaOf } from "../schema-of.ts";
import type { Stage } from "../storage/attempts/attempts.ts";
import type { AuthorizationCode } from "../storage/grants/codes.ts";
import type { EnablementFailureReason } from "./enablement-failures.ts";
import { REGIONS, type Region } from "./regions.ts";

const DISCOVERY_TIMEOUT_MS = 3000;
const ENABLEMENT_TIMEOUT_MS = 10_000;
const LOOK_TIMEOUT_MS = 5000;

/** The region of one of the configured API hosts; NA for a host that is not configured. */
export function regionOf(rt: Runtime, host: string): Region {
  return REGIONS[rt.config.amazon.apiHosts.indexOf(host)] ?? "NA";
}

const endpointsResponse = () => z.object({ endpoints: z.array(z.string()).check(z.maxLength(20)) });

/**
 * The hosts to try for this customer, in order. Endpoint discovery names them; hosts that are not configured are
 * dropped, since the token must not be sent there. If discovery fails or names none: all hosts. `remembered`, which
 * linked last, comes first.
 */
export async function enablementHosts(rt: Runtime, accessToken: string, remembered: string | null): Promise<string[]> {
  const { apiUrl, apiHosts } = rt.config.amazon;
  const response = await callForJson(
    `${apiUrl}/v1/alexaApiEndpoint`,
    { headers: { authorization: bearer(accessToken), accept: "application/json" } },
    { timeoutMs: DISCOVERY_TIMEOUT_MS },
  );
  const parsed =
    response.responded && response.status === 200 ? schemaOf(endpointsResponse).safeParse(response.json) : undefined;
  const named = new Set(parsed?.data?.endpoints.map(toHost) ?? []);
  const known = apiHosts.filter((host) => named.has(host));
  if (known.length === 0) {
    rt.log.warn("endpoint_discovery_failed", {
      status: response.responded ? response.status : null,
      reason: response.responded ? (parsed?.success ? "unlisted" : "malformed") : response.reason,
    });
  }
  return (known.length > 0 ? known : [...apiHosts]).toSorted(
    (a, b) => Number(b === remembered) - Number(a === remembered),
  );
}

/** Discovery returns bare host names or URLs. */
function toHost(endpoint: string): string {
  const url = endpoint.includes("://") ? endpoint : `https://${endpoint}`;
  return url.replace(/(?<!\/)\/+$/, "").toLowerCase();
}

export interface EnablementRequest {
  readonly accessToken: string;
  readonly skillId: string;
  readonly stage: Stage;
  /** The redirect URI that our code is bound to. */
  readonly redirectUri: string;
  /** One of ours, minted for this call. */
  readonly code: AuthorizationCode;
}

type EnablementInterpretation =
  | { readonly linked: true; readonly alexaUserId: string | null }
  | {
      readonly linked: false;
      readonly reason: EnablementFailureReason;
      /** Seconds, from `Retry-After`. */
      readonly retryAfter?: number | undefined;
    };
export type EnablementResult = EnablementInterpretation & {
  /** The HTTP status and what it says about the link, as `responseTag`. */
  readonly response: string;
};

export type LinkState =
  | { readonly state: "linked"; readonly alexaUserId: string | null }
  | { readonly state: "not_linked" }
  /** 404: not enabled, as far as this host knows. Another region may know the customer. */
  | { readonly state: "not_found" }
  /** No usable response: nothing follows from it. */
  | { readonly state: "unknown" };

const enablementResponse = () =>
  z.object({
    accountLink: tolerant(z.object({ status: z.string() })),
    user: tolerant(z.object({ id: z.string().check(z.minLength(1), z.maxLength(255)) })),
  });

/** Enables the skill and links the account, in ten seconds at most. Alexa redeems the code before it responds. */
export async function requestEnablement(
  rt: Runtime,
  host: string,
  request: EnablementRequest,
  timeoutMs = ENABLEMENT_TIMEOUT_MS,
): Promise<EnablementResult> {
  const response = await callForJson(
    enablementUrl(host, request.skillId),
    {
      method: "POST",
      headers: {
        authorization: bearer(request.accessToken),
        "content-type": "application/json",
        accept: "application/json",
      },
      body: JSON.stringify({
        stage: request.stage,
        accountLinkRequest: { redirectUri: request.redirectUri, authCode: request.code, type: "AUTH_CODE" },
      }),
    },
    { timeoutMs: atMost(ENABLEMENT_TIMEOUT_MS, timeoutMs) },
  );
  const result = interpretEnablement(response, request.stage);
  if (!result.linked) {
    rt.log.warn("enablement_failed", {
      region: regionOf(rt, host),
      reason: result.reason,
      status: response.responded ? response.status : null,
      message: response.responded ? messageOf(response.json) : null,
    });
  }
  return { ...result, response: responseTag(response, detailOf(response, result)) };
}

/** The one message of Alexa's that is known. It has no error codes. */
const REFUSED_OUR_CODE = "Invalid account linking credentials";

function detailOf(response: OutboundResponse | NoResponse, result: EnablementInterpretation): string | undefined {
  if (result.linked) return "linked";
  if (result.reason === "enablement_not_linked") return "not linked";
  if (result.reason === "enablement_malformed") return "malformed";
  return response.responded && messageOf(response.json) === REFUSED_OUR_CODE ? REFUSED_OUR_CODE : undefined;
}

function interpretEnablement(response: OutboundResponse | NoResponse, stage: Stage): EnablementInterpretation {
  if (!response.responded) return { linked: false, reason: reasonWithoutResponse(response) };
  if (response.status < 200 || response.status >= 300) {
    return { linked: false, reason: reasonOfStatus(response.status, stage), retryAfter: response.retryAfter };
  }
  const parsed = schemaOf(enablementResponse).safeParse(response.json);
  if (!parsed.success) return { linked: false, reason: "enablement_malformed" };
  return isLinked(parsed.data)
    ? { linked: true, alexaUserId: parsed.data.user?.id ?? null }
    : { linked: false, reason: "enablement_not_linked" };
}

/** Alexa's message, for the log only. */
function messageOf(json: unknown): string | null {
  const parsed = z.object({ message: z.string() }).safeParse(json);
  return parsed.success ? parsed.data.message.slice(0, 200) : null;
}

function isLinked(response: z.infer<ReturnType<typeof enablementResponse>>): boolean {
  return response.accountLink?.status.toUpperCase() === "LINKED";
}

function reasonWithoutResponse(response: NoResponse): EnablementFailureReason {
  switch (response.reason) {
    case "timed_out":
      return "enablement_timed_out";
    case "unreachable":
      return "enablement_unreachable";
    case "redirected":
      return "enablement_redirected";
    case "too_large":
      return "enablement_malformed";
  }
}

/** The tagged reason for an error status of the enablement call. */
function reasonOfStatus(status: number, stage: Stage): EnablementFailureReason {
  if (status >= 500) return "enablement_server_error";
  switch (status) {
    case 400:
      return "enablement_bad_request";
    case 401:
      return "enablement_unauthorized";
    case 403:
      return stage === "development" ? "enablement_forbidden_stage" : "enablement_forbidden";
    case 404:
      return "enablement_not_found";
    case 409:
      return "enablement_conflict";
    case 429:
      return "enablement_throttled";
    default:
      return "enablement_unexpected_status";
  }
}

interface EnablementKey {
  readonly accessToken: string;
  readonly skillId: string;
}

/** Whether Alexa holds a link for this customer and skill, according to one host. 401 means that it does not. */
export async function readEnablement(
  rt: Runtime,
  host: string,
  key: EnablementKey,
  timeoutMs = LOOK_TIMEOUT_MS,
): Promise<LinkState> {
  const response = await callForJson(
    enablementUrl(host, key.skillId),
    { headers: { authorization: bearer(key.accessToken), accept: "application/json" } },
    { timeoutMs: atMost(LOOK_TIMEOUT_MS, timeoutMs) },
  );
  if (response.responded && response.status === 401) return { state: "not_linked" };
  if (response.responded && response.status === 404) return { state: "not_found" };
  const parsed =
    response.responded && response.status === 200 ? schemaOf(enablementResponse).safeParse(response.json) : undefined;
  if (!parsed?.data?.accountLink) {
    noteFailure(rt, "enablement_status_unknown", host, response);
    return { state: "unknown" };
  }
  return isLinked(parsed.data)
    ? { state: "linked", alexaUserId: parsed.data.user?.id ?? null }
    : { state: "not_linked" };
}

/** As `readEnablement`, but after a 404 it asks all other hosts: people move. `host` is whose response decided. */
export async function findEnablement(
  rt: Runtime,
  host: string,
  key: EnablementKey,
): Promise<LinkState & { readonly host: string }> {
  const look = await readEnablement(rt, host, key);
  if (look.state !== "not_found") return { ...look, host };
  const others = await otherHosts(rt, host, key);
  const looks = await Promise.all(
    others.map(async (other) => ({ ...(await readEnablement(rt, other, key)), host: other })),
  );
  return (
    looks.find(({ state }) => state === "linked") ??
    looks.find(({ state }) => state === "unknown") ?? { state: "not_linked", host }
  );
}

/** Disables the skill, which also revokes Amazon's tokens. True also if it already was (401; 404 everywhere). */
export async function disableEnablement(rt: Runtime, host: string, key: EnablementKey): Promise<boolean> {
  const first = await disableAt(rt, host, key);
  if (first !== "not_found") return first === "done";
  const others = await otherHosts(rt, host, key);
  const results = await Promise.all(others.map((other) => disableAt(rt, other, key)));
  return results.includes("done") || !results.includes("failed");
}

async function disableAt(rt: Runtime, host: string, key: EnablementKey): Promise<"done" | "not_found" | "failed"> {
  const response = await callForJson(
    enablementUrl(host, key.skillId),
    { method: "DELETE", headers: { authorization: bearer(key.accessToken), accept: "application/json" } },
    { timeoutMs: ENABLEMENT_TIMEOUT_MS },
  );
  if (response.responded && response.status === 404) return "not_found";
  if (response.responded && ((response.status >= 200 && response.status < 300) || response.status === 401))
    return "done";
  noteFailure(rt, "disable_failed", host, response);
  return "failed";
}

async function otherHosts(rt: Runtime, host: string, key: EnablementKey): Promise<string[]> {
  return (await enablementHosts(rt, key.accessToken, null)).filter((other) => other !== host);
}

function noteFailure(rt: Runtime, event: string, host: string, response: OutboundResponse | NoResponse): void {
  rt.log.warn(event, {
    region: regionOf(rt, host),
    status: response.responded ? response.status : null,
    reason: response.responded ? null : response.reason,
  });
}

/** When storage was slow, no time may be left: the call then times out at once. */
function atMost(usualMs: number, leftMs: number): number {
  return Math.max(1, Math.min(usualMs, leftMs));
}

function enablementUrl(host: string, skillId: string): string {
  return `${host}/v1/users/~current/skills/${encodeURIComponent(skillId)}/enablement`;
}

/** Title case is required: Alexa responds to `bearer` with 400, although Amazon's own `token_type` is lower case. */
function bearer(accessToken: string): string {
  return `Bearer ${accessToken}`;
}
